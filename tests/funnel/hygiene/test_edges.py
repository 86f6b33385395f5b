"""The checks of a CRM at their edges: nothing, exactly as much, and a column too few."""

from decimal import Decimal

import pandas as pd
import pytest

from mmm.errors import InputError
from mmm.funnel.hygiene.overview import hygiene
from mmm.tables import read_leads
from tests.funnel.hygiene.test_overview import AS_OF, deal, deals, ids, instants, lead, leads


def closed_after(days, n):
    closed = str(pd.Timestamp("2025-01-10") + pd.Timedelta(days, "D"))
    return deal(n, account_id=f"E{n}", closed_at=closed)


def test_deals_closed_on_the_spot_belong_to_the_own_cycle():
    # Nineteen of ten days and one of none: twenty, which is enough to know the cycle.
    rows = [closed_after(10, n) for n in range(1, 20)]
    enough = hygiene(deals(*rows, closed_after(0, 20)), as_of=AS_OF)
    assert enough["stale_deals"].facts["days"] == 10
    before = hygiene(deals(*rows, closed_after(-1, 20)), as_of=AS_OF)
    assert before["stale_deals"].facts["days"] == 180


def test_what_waits_exactly_as_long_as_usual_is_not_stale():
    table = deals(deal(1, won=None, created_at="2025-06-20"))
    noon = pd.Timestamp("2025-06-30 12:00", tz="UTC")
    assert ids(hygiene(table, as_of=noon, stale_days=10.5), "stale_deals") == []
    assert ids(hygiene(table, as_of=noon, stale_days=10.4), "stale_deals") == ["d1"]


@pytest.mark.parametrize(
    ("touched_at", "stale"), [("2025-06-30 12:00:00", []), ("2025-06-30 12:00:01", ["d1"])]
)
def test_a_touch_at_the_very_instant_is_known(touched_at, stale):
    touches = pd.DataFrame(
        {"account_id": ["A1"], "touched_at": instants(touched_at), "channel": ["Email"]}
    )
    noon = pd.Timestamp("2025-06-30 12:00", tz="UTC")
    found = hygiene(deals(deal(1, won=None)), None, touches, as_of=noon, stale_days=30)
    assert ids(found, "stale_deals") == stale


def test_the_same_deal_is_typed_twice_within_three_days_and_no_more():
    for later, twice in (("3 days", ["d2"]), ("3 days 00:00:01", [])):
        table = deals(deal(1), deal(2, account_id="A1"))
        table.loc[1, "created_at"] += pd.Timedelta(later)
        assert ids(hygiene(table, as_of=AS_OF), "duplicate_deals") == twice
    free = [deal(n, account_id="A1", value="0.00") for n in (1, 2)]
    assert ids(hygiene(deals(*free), as_of=AS_OF), "duplicate_deals") == []


def test_the_same_instant_is_no_impossible_date():
    found = hygiene(
        deals(deal(1, closed_at="2025-01-10")), leads(lead(1, mql_at="2025-01-05")), as_of=AS_OF
    )
    assert found["closed_before_created"].n == found["mql_before_lead"].n == 0


@pytest.mark.parametrize("column", ["mql_at", "sql_at", "first_contacted_at"])
def test_a_check_without_its_column_does_not_stop_those_after_it(column):
    table = leads(lead(1, ended_at="2024-12-31")).drop(columns=column)
    found = hygiene(deals(deal(9)), table, as_of=AS_OF)
    assert ids(found, "ended_before_lead") == ["l1"]
    silent = [check.name for check in found.checks if check.note and column in str(check.note)]
    assert silent


def test_half_filled_leads_are_found_where_deals_lack_the_columns():
    bare = pd.DataFrame({"deal_id": ["d1"], "won": [True], "closed_at": instants("2025-01-01")})
    found = hygiene(bare, leads(lead(1, source=None, owner=None)), as_of=AS_OF)
    assert found["half_filled_deals"].note
    assert ids(found, "half_filled_leads") == ["l1"]


def test_five_accounts_may_share_a_domain_and_six_may_not():
    for n, twice in ((5, True), (6, False)):
        contacts = pd.DataFrame(
            {
                "person_id": [f"p{i}" for i in range(n)],
                "account_id": [f"A{i}" for i in range(n)],
                "email": [f"p{i}@pump.example" for i in range(n)],
            }
        )
        found = hygiene(deals(deal(1)), None, None, contacts, as_of=AS_OF)
        assert bool(found["duplicate_companies"].n) == twice


def test_an_overdue_deal_is_listed_with_days_euros_and_month():
    table = deals(deal(1, won=None, value="70.00"), deal(2, won=None))
    table["expected_on"] = pd.to_datetime(pd.Series(["2025-05-01", "2025-07-01"]))
    check = hygiene(table, as_of=AS_OF)["overdue_close"]
    assert (check.n, check.n_of) == (1, 2)
    assert (check.euros, check.euros_of) == (Decimal("70.00"), Decimal("170.00"))
    assert check.facts["days"] == 30
    assert check.rows["found"].tolist() == [60]
    assert check.by_month["n_of"].tolist() == [2]


def test_two_columns_are_enough_to_be_half_filled():
    table = deals(deal(1, kind=None, owner=None), deal(2))[
        ["deal_id", "won", "closed_at", "kind", "owner"]
    ]
    assert ids(hygiene(table, as_of=AS_OF), "half_filled_deals") == ["d1"]
    one = table.drop(columns="owner")
    assert hygiene(one, as_of=AS_OF)["half_filled_deals"].note


@pytest.mark.parametrize(
    ("names", "twice"),
    [
        (("Alfa Pumps", "Zeta Mills", "Alfa Pumps"), True),  # a tie: the first of the alphabet
        (("Zeta Mills", "Alfa Pumps", "Alfa Pumps"), True),
        (("Zeta Mills", "Alfa Pumps", "Zeta Mills"), False),
    ],
)
def test_an_account_has_the_name_that_most_of_its_people_give(names, twice):
    contacts = pd.DataFrame(
        {
            "person_id": ["p1", "p2", "p3"],
            "account_id": ["A1", "A1", "A2"],
            "company": list(names),
        }
    )
    found = hygiene(deals(deal(1)), None, None, contacts, as_of=AS_OF)
    assert bool(found["duplicate_companies"].n) == twice
    most = pd.concat([contacts, contacts.iloc[[1]].assign(person_id="p4")], ignore_index=True)
    again = hygiene(deals(deal(1)), None, None, most, as_of=AS_OF)["duplicate_companies"].n
    assert bool(again) == (names[1] == names[2])


def people(**columns):
    n = max(len(values) for values in columns.values())
    return pd.DataFrame({"person_id": [f"p{i}" for i in range(1, n + 1)], **columns})


def test_people_and_accounts_twice_are_listed_by_table_with_won_euros_and_month():
    contacts = people(
        account_id=["A1", "A2", "A3"],
        name=["Ann Mill", "Mill Ann", "Eve Hill"],
        email=["ann@pump.example", "ann@pump.example", "eve@lake.example"],
    )
    table = deals(deal(1), deal(2, won=False), deal(3)).assign(person_id=["p1", "p2", "p3"])
    came = leads(lead(1), lead(2, created_at="2025-02-05"), lead(2), lead(3))
    found = hygiene(table, came.assign(lead_id=list("abcd")), None, contacts, as_of=AS_OF)
    for name, where, bad in (
        ("duplicate_people", "contacts", "p2"),
        ("duplicate_companies", "accounts", "A2"),
    ):
        assert found[name].rows[["table", "id"]].to_numpy().tolist() == [[where, bad]]
        # The lost deal of A2 is no euro of these.
        assert (found[name].euros, found[name].euros_of) == (Decimal("100.00"), Decimal("200.00"))
    # In the month in which the first lead of each came; people have none here.
    assert found["duplicate_companies"].by_month[["n", "n_of"]].to_numpy().tolist() == [[1, 3]]
    assert found["duplicate_people"].by_month.empty
    without = hygiene(table.drop(columns="person_id"), None, None, contacts, as_of=AS_OF)
    assert without["duplicate_people"].euros == 0


def test_people_are_looked_for_among_leads_where_contacts_do_not_name_them():
    came = leads(lead(1), lead(2), lead(3)).assign(
        email=["a@x.example", "b@y.example", "A@x.example"]
    )
    contacts = people(role=["buyer"])
    for there in (None, contacts):
        found = hygiene(deals(deal(1)), came, None, there, as_of=AS_OF)
        assert ids(found, "duplicate_people") == ["l3"]
        assert found["duplicate_companies"].n == 1
    nameless = people(account_id=["A1"], role=["buyer"])
    silent = hygiene(deals(deal(1)), None, None, nameless, as_of=AS_OF)
    assert silent["duplicate_people"].note
    assert silent["duplicate_companies"].note


def test_one_person_on_two_rows_is_no_duplicate_and_one_without_id_is_not_listed():
    contacts = pd.DataFrame({"person_id": ["p1", "p1", None], "email": ["ann@pump.example"] * 3})
    check = hygiene(deals(deal(1)), None, None, contacts, as_of=AS_OF)["duplicate_people"]
    assert (check.n, check.n_of) == (0, 1)


def test_a_public_mail_box_is_no_company_and_a_missing_name_hides_none():
    free = people(account_id=["A1", "A2"], email=["a@gmail.com", "b@gmail.com"])
    assert ids(hygiene(deals(deal(1)), None, None, free, as_of=AS_OF), "duplicate_companies") == []
    some = people(
        account_id=["A1", "A2"], company=["Alfa Pumps", None],
        email=["a@pump.example", "b@pump.example"],
    )  # fmt: skip
    assert hygiene(deals(deal(1)), None, None, some, as_of=AS_OF)["duplicate_companies"].n == 1


def test_deals_without_value_or_date_are_not_the_same_deal():
    none = [deal(n, account_id="A1", value=None) for n in (1, 2)]
    undated = [deal(n, account_id="A2", won=None, created_at=None) for n in (3, 4)]
    twice = [deal(n, account_id="A3") for n in (5, 6)]
    table = deals(*none, *undated, *twice)
    for given in (table, table.drop(columns="kind")):
        assert ids(hygiene(given, as_of=AS_OF), "duplicate_deals") == ["d6"]


def test_euros_are_of_deals_and_not_of_leads():
    table = deals(deal(1, kind=None, owner=None), deal(2))
    came = leads(lead(1, source="Webinar"), lead(2), lead(3), lead(4, mql_at="2025-01-01"))
    found = hygiene(table, came, as_of=AS_OF)
    half = found["half_filled_deals"]
    assert (half.euros, half.euros_of) == (Decimal("100.00"), Decimal("200.00"))
    assert ids(found, "spelling_source") == ["l1"]
    for name in ("half_filled_leads", "spelling_source", "mql_before_lead"):
        assert found[name].euros is None
    bare = table.drop(columns="value").assign(source=["Fairs", "fairs"])
    assert hygiene(bare, as_of=AS_OF)["spelling_source"].euros is None


def test_an_invoice_without_deal_or_amount_is_passed_over():
    table = deals(deal(1), deal(2))
    assert "invoices" in str(hygiene(table, as_of=AS_OF)["invoices_differ"].note.sentence())
    for money in ("amount", "value", "invoiced"):
        rows = {"deal_id": ["d1", "d1", None], money: [Decimal(90), None, Decimal(7)]}
        check = hygiene(table, invoices=pd.DataFrame(rows), as_of=AS_OF)["invoices_differ"]
        assert (check.n, check.n_of, check.euros) == (1, 1, Decimal(10))
    for rows in ({"deal_id": ["d1"]}, {"amount": [Decimal(1)]}):
        with pytest.raises(InputError, match="invoices need deal_id and amount; found"):
            hygiene(table, invoices=pd.DataFrame(rows), as_of=AS_OF)


def test_a_day_without_a_time_is_not_before_an_hour_of_that_day():
    rows = {"lead_id": ["l1", "l2"], "created_at": ["2025-01-05 17:41", "2025-01-05 17:41"],
            "mql_at": ["2025-01-05", "2025-01-04"]}  # fmt: skip
    came = read_leads(pd.DataFrame(rows), tz="Europe/Rome")
    assert ids(hygiene(deals(deal(1)), came, as_of=AS_OF), "mql_before_lead") == ["l2"]
    exact = rows | {"mql_at": ["2025-01-05 00:00", "2025-01-06 09:30"]}
    came = read_leads(pd.DataFrame(exact), tz="Europe/Rome")
    assert ids(hygiene(deals(deal(1)), came, as_of=AS_OF), "mql_before_lead") == ["l1"]
