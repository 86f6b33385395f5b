"""The state of a CRM: known faults are counted, valued to the cent, and listed to mend."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.funnel.hygiene.names import unify
from mmm.funnel.hygiene.overview import hygiene
from mmm.tables import read_deals

AS_OF = "2025-06-30"
# Each example runs every check twice.
SEVERAL = settings(max_examples=settings.default.max_examples // 4)


def instants(*days):
    return pd.to_datetime(pd.Series(days, dtype="object"), utc=True)


def deals(*rows):
    columns = ["deal_id", "account_id", "created_at", "closed_at", "won", "value", "kind", "owner"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["created_at"], frame["closed_at"] = (instants(*frame[c]) for c in columns[2:4])
    return frame.astype({"won": "boolean"})


def deal(n, won=True, value="100.00", **other):
    base = {
        "deal_id": f"d{n}",
        "account_id": f"A{n}",
        "created_at": "2025-01-10",
        "closed_at": "2025-03-10" if won is not None else None,
        "won": won,
        "value": Decimal(value) if value else None,
        "kind": "new",
        "owner": "North",
    }
    return tuple((base | other).values())


def leads(*rows):
    columns = ["lead_id", "account_id", "created_at", "source", "mql_at", "sql_at",
               "first_contacted_at", "ended_at", "owner"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    for name in ("created_at", "mql_at", "sql_at", "first_contacted_at", "ended_at"):
        frame[name] = instants(*frame[name])
    return frame


def lead(n, **other):
    base = {
        "lead_id": f"l{n}",
        "account_id": f"A{n}",
        "created_at": "2025-01-05",
        "source": "webinar",
        "mql_at": "2025-01-06",
        "sql_at": "2025-01-07",
        "first_contacted_at": "2025-01-06",
        "ended_at": "2025-03-10",
        "owner": "North",
    }
    return tuple((base | other).values())


def ids(found, name):
    return found.mend(name)["id"].tolist()


def test_won_deals_without_origin_in_euros_by_hand():
    table = deals(
        deal(1), deal(2, value="50.25"), deal(3, value="39.10"), deal(4, won=False),
        deal(5, value="10.65"),
    )  # fmt: skip
    known = leads(lead(1), lead(2, source="Unknown"), lead(3, created_at="2025-03-11"), lead(5))
    touches = pd.DataFrame(
        {
            "person_id": ["p2", "p4"],
            "account_id": ["A2", "A3"],
            "touched_at": instants("2025-03-11", "2025-03-10"),
            "channel": ["Email", "Email"],
        }
    )
    found = hygiene(table, known, as_of=AS_OF)
    assert ids(found, "missing_source") == ["d2", "d3"]
    check = hygiene(table, known, touches, as_of=AS_OF)["missing_source"]
    assert check.rows["id"].tolist() == ["d2"]  # its one touch came after the close
    assert (check.n, check.n_of, check.euros, check.euros_of) == (
        1, 4, Decimal("50.25"), Decimal("200.00"),
    )  # fmt: skip
    assert check.kpi.value == 0.25
    assert check.kpi.lower < 0.25 < check.kpi.upper
    assert check.by_month.to_dict("records") == [
        {"month": pd.Timestamp("2025-03-01"), "n": 1, "n_of": 4, "share": 0.25}
    ]
    said = hygiene(table, known, touches, as_of=AS_OF).findings()[0]
    assert said.sentence() == (
        "1 won deal has no origin, out of 4 (25%). At stake: €50 of €200 (25%). "
        "Once mended, attribution can explain all of the value won instead of 75%. "
        "Ask the owner of this deal where it came from, and make the source mandatory."
    )
    assert (
        said.sentence("it")
        .replace("\u00a0", " ")
        .startswith(
            "1 contratto vinto è senza origine, su 4 (25%). In gioco: 50 € su 200 € (25%). "
        )
    )


def test_the_account_of_a_touch_comes_from_the_contacts():
    contacts = pd.DataFrame({"person_id": ["p1"], "account_id": ["A1"]})
    touches = pd.DataFrame(
        {"person_id": ["p1"], "touched_at": instants("2025-02-01"), "channel": ["Email"]}
    )
    assert hygiene(deals(deal(1)), None, touches)["missing_source"].n == 1
    assert hygiene(deals(deal(1)), None, touches, contacts)["missing_source"].n == 0


@pytest.mark.parametrize(
    ("name", "row", "n_of"),
    [
        ("mql_before_lead", {"mql_at": "2025-01-04"}, 2),
        ("sql_before_mql", {"sql_at": "2025-01-05"}, 2),
        ("contacted_before_lead", {"first_contacted_at": "2025-01-04"}, 2),
        ("ended_before_lead", {"ended_at": "2024-12-31"}, 2),
    ],
)
def test_impossible_dates_of_leads(name, row, n_of):
    found = hygiene(deals(deal(9)), leads(lead(1, **row), lead(2), lead(3, mql_at=None,
                    sql_at=None, first_contacted_at=None, ended_at=None)), as_of=AS_OF)  # fmt: skip
    assert ids(found, name) == ["l1"]
    assert found[name].n_of == n_of
    others = {"mql_before_lead", "sql_before_mql", "contacted_before_lead", "ended_before_lead"}
    assert [n for n in sorted(others) if found[n].n] == [name]


def test_deals_closed_before_they_were_created_and_expected_long_ago():
    table = deals(deal(1, created_at="2025-03-11"), deal(2), deal(3, won=None), deal(4, won=None))
    table["expected_on"] = pd.to_datetime(pd.Series([None, None, "2025-05-30", "2025-05-31"]))
    found = hygiene(table, as_of=AS_OF)
    assert ids(found, "closed_before_created") == ["d1"]
    assert found["closed_before_created"].rows["found"][0] == "2025-03-10 00:00 < 2025-03-11 00:00"
    assert found["closed_before_created"].euros_of == Decimal("200.00")
    assert ids(found, "overdue_close") == ["d3"]  # 31 days late; d4 is 30
    assert found["overdue_close"].rows["found"].tolist() == [31]


def test_what_is_open_and_does_not_move_is_stale_by_the_own_cycle():
    ended = [
        deal(
            n, account_id=f"E{n}", closed_at=str(pd.Timestamp("2025-01-10") + pd.Timedelta(n, "D"))
        )
        for n in range(1, 31)
    ]
    table = deals(*ended, deal(31, won=None), deal(32, won=None, created_at="2025-06-15"),
                  deal(33, won=None))  # fmt: skip
    touches = pd.DataFrame(
        {
            "account_id": ["A33", "A31"],
            "touched_at": instants("2025-06-20", "2025-07-02"),
            "channel": ["Email", "Email"],
        }
    )
    found = hygiene(table, None, touches, as_of=AS_OF)
    assert found["stale_deals"].facts["days"] == pytest.approx(np.quantile(np.arange(1, 31), 0.9))
    assert ids(found, "stale_deals") == ["d31"]  # a touch after as_of is not known yet
    assert ids(hygiene(table, as_of=AS_OF, stale_days=10), "stale_deals") == ["d31", "d32", "d33"]
    assert hygiene(table[:0].copy(), as_of=AS_OF)["stale_deals"].n_of == 0


def test_leads_that_nobody_ends():
    table = leads(
        lead(1, ended_at=None), lead(2, ended_at=None), lead(3),
        lead(4, created_at="2025-06-01", mql_at=None, sql_at=None, first_contacted_at=None,
             ended_at=None),
    )  # fmt: skip
    found = hygiene(deals(deal(2, won=None)), table, as_of=AS_OF, stale_days=60)
    assert ids(found, "stale_leads") == ["l1"]  # l2 has a deal, l3 has ended, l4 is young
    assert found["stale_leads"].euros is None


def test_the_same_deal_twice_but_not_a_renewal():
    table = deals(
        deal(1), deal(2, account_id="A1", created_at="2025-01-12"),
        deal(3, account_id="A1", created_at="2025-01-20"), deal(4, account_id="A1", kind="renewal"),
        deal(5, account_id="A1", value="100.01"), deal(6),
    )  # fmt: skip
    found = hygiene(table, as_of=AS_OF)
    mend = found.mend("duplicate_deals", "it")
    assert mend[["id", "suggested"]].to_numpy().tolist() == [["d2", "d1"]]
    assert mend["what"].tolist() == ["trattative inserite due volte"]
    assert found["duplicate_deals"].euros == Decimal("100.00")
    assert found["duplicate_deals"].euros_of == Decimal("600.01")


def test_people_and_companies_recorded_twice():
    contacts = pd.DataFrame(
        {
            "person_id": ["p1", "p2", "p3", "p4"],
            "account_id": ["A1", "A1", "A2", "A3"],
            "name": ["Ann Mill", "MILL Ann", "Bob Lake", "Eve Hill"],
            "email": ["ann@pump.example", "Ann+x@pump.example", "bob@pump.example",
                      "eve@lake.example"],
        }
    )  # fmt: skip
    table = deals(deal(1, value="70.00"), deal(2), deal(3)).assign(person_id=["p2", "p3", "p4"])
    found = hygiene(table, leads(lead(1)), None, contacts, as_of=AS_OF)
    assert found.mend("duplicate_people")[["id", "suggested"]].to_numpy().tolist() == [["p2", "p1"]]
    assert found["duplicate_people"].euros == Decimal("70.00")
    assert ids(found, "duplicate_companies") == ["A2"]
    assert found["duplicate_companies"].euros == Decimal("170.00")
    assert found["duplicate_companies"].euros_of == Decimal("270.00")


def test_names_written_in_several_ways():
    table = deals(*(deal(n) for n in range(1, 9)))
    table["product"] = ["GTX Pro"] * 5 + ["GTXPro", "gtx-pro", "Mill 2"]
    found = hygiene(table, as_of=AS_OF)
    mend = found.mend("spelling_product")
    assert mend[["table", "id", "found", "suggested"]].to_numpy().tolist() == [
        ["deals", "d6", "GTXPro", "GTX Pro"],
        ["deals", "d7", "gtx-pro", "GTX Pro"],
    ]
    assert (found["spelling_product"].n, found["spelling_product"].euros) == (2, Decimal("200.00"))
    assert "for example “GTXPro” for “GTX Pro”" in found.findings()[0].sentence()
    with pytest.raises(ConfigError, match="no check 'spelling_medium'"):
        found["spelling_medium"]


def test_a_list_of_several_tables_names_each_row_s_own_and_touches_without_ids_by_their_row():
    table = deals(*(deal(n) for n in range(1, 4))).assign(source=["Fairs", "Fairs", "FAIRS"])
    came = leads(lead(1), lead(2)).assign(source=["fairs", "Fairs"], lead_id=["a1", "z9"])
    seen = pd.DataFrame(
        {"source": ["Fairs"] * 9 + ["fairs"], "touched_at": instants(*[AS_OF] * 10)}
    )
    mend = hygiene(table, came, seen, as_of=AS_OF).mend("spelling_source")
    assert mend[["table", "id", "found"]].to_numpy().tolist() == [
        ["deals", "d3", "FAIRS"],
        ["leads", "a1", "fairs"],
        ["touches", "row 10", "fairs"],
    ]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"Fiera": 3, "FIERA ": 1, "fièra": 1}, {"FIERA ": "Fiera", "fièra": "Fiera"}),
        ({"google / cpc": 9, "google / cpm": 1}, {}),
        ({"Newsletter": 9, "Newslettre": 1}, {"Newslettre": "Newsletter"}),
        ({"Newsletter": 9, "Newslettre": 5}, {}),
        ({"C": 4, "C++": 4, "C#": 4}, {}),
        ({"Plan 10": 4, "Plan 11": 1}, {}),
        ({"North Team": 4, "Team North": 1}, {"Team North": "North Team"}),
        ({"---": 2}, {}),
    ],
)
def test_unify(counts, expected):
    assert unify(counts) == expected


def test_invoices_are_held_against_the_crm_to_the_cent():
    table = deals(deal(1), deal(2, value="80.00"), deal(3, value="10.00"), deal(4, value=None),
                  deal(5, won=False))  # fmt: skip
    invoices = pd.DataFrame(
        {
            "deal_id": ["d1", "d1", "d2", "d4", "d5"],
            "amount": [Decimal("60.00"), Decimal("40.01"), Decimal("80.02"), Decimal("7.00"),
                       Decimal("1.00")],
        }
    )  # fmt: skip
    found = hygiene(table, invoices=invoices, as_of=AS_OF)
    check = found["invoices_differ"]
    assert (check.n, check.n_of) == (1, 2)  # d1 is a cent off, which is the tolerance
    assert (check.euros, check.euros_of) == (Decimal("0.02"), Decimal("180.00"))
    assert found.mend("invoices_differ")[["id", "suggested"]].to_numpy().tolist() == [
        ["d2", Decimal("80.02")]
    ]
    strict = hygiene(table, invoices=invoices, as_of=AS_OF, tolerance=Decimal(0))
    assert strict["invoices_differ"].euros == Decimal("0.03")
    assert found.mend("zero_value")[["id", "suggested"]].to_numpy().tolist() == [
        ["d4", Decimal("7.00")]
    ]
    said = [finding.sentence("it") for finding in found.findings()]
    assert any("Le differenze ammontano a 0,02" in sentence for sentence in said)
    with pytest.raises(InputError, match="invoices need deal_id and amount"):
        hygiene(table, invoices=table[["deal_id"]], as_of=AS_OF)


def test_columns_left_empty():
    table = deals(deal(1, kind=None), deal(2, kind=" ", owner="n/a"), deal(3, value="0"))
    found = hygiene(table, as_of=AS_OF)
    assert ids(found, "half_filled_deals") == ["d2"]
    assert found["half_filled_deals"].rows["found"].tolist() == ["kind, owner"]
    assert ids(found, "kind_missing") == ["d1", "d2"]
    assert found["kind_missing"].euros == Decimal("200.00")
    assert ids(found, "zero_value") == ["d3"]


def test_what_cannot_run_names_what_is_missing():
    bare = pd.DataFrame({"deal_id": ["d1"], "won": [True], "closed_at": instants("2025-01-01")})
    found = hygiene(bare)
    silent = {check.name: check for check in found.checks if check.note}
    for name, what in {
        "duplicate_people": "contacts.email",
        "missing_source": "leads.source",
        "stale_deals": "deals.created_at",
        "stale_leads": "leads.ended_at",
        "closed_before_created": "deals.created_at, deals.closed_at",
        "kind_missing": "deals.kind",
        "zero_value": "deals.value",
        "invoices_differ": "deals.value",
        "duplicate_deals": "deals.value",
        "overdue_close": "deals.expected_on",
    }.items():
        assert what in silent[name].note.sentence("it")
        assert np.isnan(silent[name].kpi.value)
        assert found.mend(name).empty
    assert found.findings() == ()
    with pytest.raises(InputError, match=r"deals has no column 'won'.*read_deals"):
        hygiene(bare[["deal_id", "closed_at"]])
    with pytest.raises(InputError, match=r"deals 'closed_at' is not all dates.*mmm\.read_deals"):
        hygiene(bare.assign(closed_at="soon"))


def test_typed_tables_are_taken_and_never_changed():
    tables = [datasets.load(name) for name in ("deals", "leads", "touches", "contacts")]
    before = [table.copy(deep=True) for table in tables]
    found = hygiene(*tables)
    for table, old in zip(tables, before, strict=True):
        pd.testing.assert_frame_equal(table, old)
    won = tables[0][tables[0]["won"].fillna(False).to_numpy(dtype=bool)]
    assert found["missing_source"].euros_of == sum(won["value"], Decimal(0))
    assert found["kind_missing"].euros_of == sum(tables[0]["value"], Decimal(0))
    assert set(found["missing_source"].rows["id"]) <= set(won["deal_id"])
    assert found.mend("spelling_source")["suggested"].unique().tolist() == ["webinar"]
    for finding in found.findings():
        assert finding.sentence() != finding.sentence("it")


def test_amounts_are_in_the_currency_given_where_the_deals_name_none():
    table, known = deals(deal(1), deal(2)), leads(lead(1))
    (said,) = [one for one in hygiene(table, known, as_of=AS_OF, currency="USD").findings()
               if one.metric == "hygiene.missing_source"]  # fmt: skip
    assert "At stake: $" in said.sentence()
    named = hygiene(table.assign(currency="GBP"), known, as_of=AS_OF, currency="USD")
    assert named.currency == "GBP"


def test_euros_come_first():
    table = deals(deal(1, kind=None, value="5.00"), deal(2, created_at="2025-04-01"))
    metrics = [finding.metric for finding in hygiene(table, as_of=AS_OF).findings()]
    assert metrics == ["hygiene.closed_before_created", "hygiene.kind_missing"]


def test_a_read_frame_gives_what_a_hand_made_one_gives():
    table = deals(deal(1, kind=None), deal(2))
    pd.testing.assert_frame_equal(
        hygiene(read_deals(table), as_of=AS_OF).to_frame(), hygiene(table, as_of=AS_OF).to_frame()
    )


@st.composite
def companies(draw):
    """Draw small tables of deals and leads with all kinds of faults."""
    n = draw(st.integers(1, 8))
    day = st.sampled_from(["2025-01-02", "2025-01-10", "2025-02-01", "2025-04-01", None])
    sold = [
        deal(
            i,
            won=draw(st.sampled_from([True, False])),
            value=draw(st.sampled_from(["100.10", "0", "33.33", None])),
            account_id=draw(st.sampled_from(["A1", "A2", f"A{i}", None])),
            created_at=draw(day),
            kind=draw(st.sampled_from(["new", "New", None])),
        )
        for i in range(n)
    ]
    known = [
        lead(
            i,
            source=draw(st.sampled_from(["webinar", "Webinar", "unknown", None])),
            mql_at=draw(day),
            ended_at=draw(day),
        )
        for i in range(draw(st.integers(1, 6)))
    ]
    return sold, known


def summary(found):
    return {
        check.name: (check.n, check.n_of, check.euros, check.euros_of) for check in found.checks
    }


@SEVERAL
@given(companies(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(tables, random):
    sold, known = tables
    there = hygiene(deals(*sold), leads(*known), as_of=AS_OF)
    random.shuffle(sold)
    random.shuffle(known)
    back = hygiene(deals(*sold), leads(*known), as_of=AS_OF)
    assert summary(there) == summary(back)
    for check in there.checks:
        pd.testing.assert_frame_equal(check.rows, back[check.name].rows)


@SEVERAL
@given(companies())
def test_a_clean_row_adds_no_fault_and_euros_reconcile(tables):
    sold, known = tables
    dirty = summary(hygiene(deals(*sold), leads(*known), as_of=AS_OF))
    clean = summary(
        hygiene(
            deals(*sold, deal(99, kind="renewal", value="77.77", owner="South")),
            leads(*known, lead(99, source="Partner", owner="South")),
            as_of=AS_OF,
        )
    )
    for name, (n, _, euros, _) in dirty.items():
        assert clean[name][0] == n
        assert clean[name][2] == euros
    everything = sum((row[5] for row in sold if row[5] is not None), Decimal(0))
    won = sum((row[5] for row in sold if row[5] is not None and row[4]), Decimal(0))
    assert dirty["kind_missing"][3] == everything
    assert dirty["missing_source"][3] == won
    assert clean["missing_source"][3] == won + Decimal("77.77")
    for n, n_of, euros, euros_of in dirty.values():
        assert 0 <= n <= n_of
        assert euros is None or 0 <= euros <= euros_of


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (1, ("1 trattativa aperta è ferma", "Se non è più viva", "oppure registratene la perdita")),
        (2, ("2 trattative aperte sono ferme", "Se non sono più vive", "In gioco: ")),
    ],
)
def test_italian_agrees_with_one_and_with_many(n, said):
    old = [deal(i, won=None, created_at="2023-01-10") for i in range(1, n + 1)]
    new = [deal(i) for i in range(10, 14)]
    found = hygiene(deals(*old, *new), as_of=AS_OF, stale_days=30)
    sentence = next(
        one.sentence("it") for one in found.findings() if one.metric == "hygiene.stale_deals"
    )
    assert all(part in sentence for part in said)
