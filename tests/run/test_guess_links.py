"""Files that name no id as usual: the columns that share their values are the ids."""

import pandas as pd
import pytest

from mmm.run.guess import look_at_files, to_toml

N = 20
IDS = [f"K{i:03d}" for i in range(N)]
DEALS = {"deal id": [f"d{i}" for i in range(N)], "close date": "2024-03-01",
         "won": ["won", "lost"] * (N // 2), "amount": 100}  # fmt: skip
TOUCHES = {"timestamp": "2024-01-01T10:00:00Z", "channel": "Fairs"}


@pytest.fixture
def guessed(tmp_path):
    """The columns guessed of each table, and why."""

    def look(**tables):
        for name, columns in tables.items():
            pd.DataFrame(columns).to_csv(tmp_path / f"{name}.csv", index=False)
        guess = look_at_files([tmp_path])
        return {
            one.table: {column.ours: (column.theirs, column.by) for column in one.columns}
            for one in guess.tables
        }

    return look


@pytest.mark.parametrize(
    ("mine", "theirs", "ours"),
    [
        ("Kennung", "Nummer", "person_id"),
        ("Partner Nr", "Nummer", "account_id"),
        ("Kennung", "Customer Nr", "account_id"),
    ],
)
def test_unknown_headings_are_joined_by_what_they_share(guessed, mine, theirs, ours):
    found = guessed(deals=DEALS | {mine: IDS}, touches=TOUCHES | {theirs: IDS})
    assert found["deals"][ours] == (mine, "link")
    assert found["touches"][ours] == (theirs, "link")


def test_columns_that_share_nothing_are_not_joined(guessed):
    strangers = [f"Z{i:03d}" for i in range(N)]
    found = guessed(deals=DEALS | {"Kennung": IDS}, touches=TOUCHES | {"contact id": strangers})
    assert "person_id" not in found["deals"]
    assert found["touches"]["person_id"] == ("contact id", "heading")


def test_a_deal_without_a_number_is_named_by_its_company_where_each_has_one(guessed):
    deals = {name: column for name, column in DEALS.items() if name != "deal id"}
    found = guessed(deals=deals | {"company": IDS}, touches=TOUCHES | {"company": IDS})
    assert found["deals"]["deal_id"] == ("company", "values")
    assert found["deals"]["account_id"] == ("company", "link")
    again = guessed(
        deals=deals | {"company": IDS[: N // 2] * 2}, touches=TOUCHES | {"company": IDS}
    )
    assert "deal_id" not in again["deals"]


def test_contacts_get_the_ids_by_which_touches_name_people(guessed):
    people = {"Nr": IDS, "company": [f"c{i // 2}" for i in range(N)],
              "email": [f"{one}@mill.example" for one in IDS]}  # fmt: skip
    touches = TOUCHES | {"contact id": IDS}
    found = guessed(deals=DEALS | {"contact id": IDS}, touches=touches, contacts=people)
    assert found["contacts"]["person_id"] == ("Nr", "link")
    assert found["contacts"]["account_id"] == ("company", "heading")


def test_contacts_join_people_in_touch_to_the_companies_of_deals(tmp_path):
    companies = [f"c{i:03d}" for i in range(N)]
    tables = {
        "deals": DEALS | {"ID azienda associata": companies},
        "touches": TOUCHES | {"contact id": IDS},
        "contacts": {"ID contatto": IDS, "ID azienda associata": companies},
    }
    for name, columns in tables.items():
        pd.DataFrame(columns).to_csv(tmp_path / f"{name}.csv", index=False)
    guess = look_at_files([tmp_path])
    assert guess.joined.by == "account"
    assert "# question: which columns of deals" not in to_toml(guess, tmp_path)
    strangers = tables["contacts"] | {"ID azienda associata": [f"z{i:03d}" for i in range(N)]}
    pd.DataFrame(strangers).to_csv(tmp_path / "contacts.csv", index=False)
    assert look_at_files([tmp_path]).joined.by is None


def test_a_first_name_beside_a_last_name_is_no_name_and_an_owner_is_one(guessed):
    deals = DEALS | {"Proprietario della trattativa": ["Rossi", "Bianchi"] * (N // 2)}
    people = {"contact id": IDS, "email": [f"{one}@mill.example" for one in IDS]}
    first, last = ["Marco", "Anna"] * (N // 2), [f"R{one}" for one in IDS]
    found = guessed(deals=deals, contacts=people | {"Nome": first, "Cognome": last})
    assert found["deals"]["owner"] == ("Proprietario della trattativa", "heading")
    assert "name" not in found["contacts"]
    assert "name" in guessed(deals=deals, contacts=people | {"Nome": last})["contacts"]


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        (["google", "linkedin", "newsletter", "facebook"], "source"),
        (["google / cpc", "linkedin", "bing / cpc", "newsletter"], "source"),
        (["Paid search", "Organic search", "google", "linkedin"], "channel"),
        (["Fairs", "Dealers", "Phone", "Catalogue"], "channel"),
    ],
)
def test_a_column_called_channel_that_holds_sources_is_one(guessed, words, ours):
    touches = TOUCHES | {"contact id": IDS, "channel": words * (N // 4)}
    found = guessed(deals=DEALS | {"contact id": IDS}, touches=touches)["touches"]
    assert found[ours] == ("channel", "values" if ours == "source" else "heading")
    assert {"source", "channel"} - {ours} - set(found)


@pytest.mark.parametrize(
    ("heading", "spend", "ours"),
    [("marketing_channel", None, "channel"), ("Channel", ["Search Ads", "Email"], "channel"),
     ("Channel", ["Google", "LinkedIn"], "source")],
)  # fmt: skip
def test_names_of_channels_stay_where_no_other_file_has_others(guessed, heading, spend, ours):
    named = ["Search Ads", "Email", "Display Ads", "Newsletter"] * (N // 4)
    touches = {"timestamp": TOUCHES["timestamp"], "contact id": IDS, heading: named}
    days = ["2024-01-01", "2024-01-08"]
    more = {} if spend is None else {"spend": {"date": days, "channel": spend, "spend": [1, 2]}}
    found = guessed(deals=DEALS | {"contact id": IDS}, touches=touches, **more)
    assert found["touches"][ours][0] == heading
    assert all(ours in columns for name, columns in found.items() if name != "deals")


def test_the_people_in_touch_are_not_the_owners_of_the_deals(guessed):
    touches = TOUCHES | {"user_id": IDS}
    found = guessed(deals=DEALS | {"user_id": IDS}, touches=touches)
    assert found["deals"]["person_id"] == ("user_id", "link")
    assert "owner" not in found["deals"]
    found = guessed(deals=DEALS | {"contact id": IDS, "user id": "K1"}, touches=touches)
    assert found["deals"]["owner"][0] == "user id"
