"""The look at the user's files: right on what it knows, open where it cannot, never broken."""

import gzip
import re
import shutil
import tomllib

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import datasets
from mmm.errors import DataWarning, MmmError
from mmm.run import load_config, read_tables, run
from mmm.run.guess import look_at_files, to_toml, trial
from mmm.run.guess.channels import guess_channels
from mmm.run.guess.looks import look_at, outcomes

TABLES = ("touches", "deals", "leads", "spend", "costs", "contacts", "roles")
ITALIAN = {
    "deals": {
        "deal_id": "ID trattativa",
        "person_id": "Referente",
        "account_id": "Codice cliente",
        "created_at": "Data creazione",
        "closed_at": "Data chiusura",
        "won": "Esito",
        "value": "Importo",
        "owner": "Commerciale",
    },
    "leads": {
        "lead_id": "Codice lead",
        "person_id": "ID contatto",
        "account_id": "Codice cliente",
        "created_at": "Data inserimento",
        "source": "Origine",
        "stage": "Stato lead",
        "industry": "Settore",
    },
    "touches": {
        "person_id": "ID contatto",
        "account_id": "Codice cliente",
        "touched_at": "Data e ora",
        "source": "Fonte",
        "medium": "Mezzo",
        "campaign": "Campagna",
    },
    "spend": {"date": "Settimana", "channel": "Canale", "spend": "Spesa (€)"},
}
FILES = {"deals": "Trattative", "leads": "Nominativi", "touches": "Attività", "spend": "Spesa"}


def comma(amount):
    whole, _, cents = f"{amount:,.2f}".partition(".")
    return f"{whole.replace(',', '.')},{cents}" if amount == amount else ""


def italian_exports(folder):
    """Write the synthetic company as a CRM set to Italian would: cp1252, `;`, comma, dd/mm."""
    for table, names in ITALIAN.items():
        frame = pd.read_csv(datasets.path(table))[list(names)]
        for name in ("created_at", "closed_at", "touched_at"):
            if name in frame:
                stamps = pd.to_datetime(frame[name]).dt.tz_convert("Europe/Rome")
                frame[name] = stamps.dt.strftime("%d/%m/%Y %H:%M:%S")
        if "date" in frame:
            frame["date"] = pd.to_datetime(frame["date"]).dt.strftime("%d/%m/%Y")
        for name in ("value", "spend"):
            if name in frame:
                frame[name] = frame[name].map(comma)
        if "won" in frame:
            words = {True: "Vinta", False: "Persa", "True": "Vinta", "False": "Persa"}
            frame["won"] = frame["won"].map(words).fillna("In attesa di firma")
        frame = frame.rename(columns=names)
        path = folder / f"{FILES[table]}.csv"
        frame.to_csv(path, sep=";", index=False, encoding="cp1252")


@pytest.fixture(scope="module")
def italian(tmp_path_factory):
    folder = tmp_path_factory.mktemp("esportazioni")
    italian_exports(folder)
    guess = look_at_files([folder])
    (folder / "mmm.toml").write_text(to_toml(guess, folder, "it"), encoding="utf-8")
    return folder, guess


def without_models(config):
    """Leave out the mix and the scores, which have tests of their own."""
    off = {"enabled": False}
    mix, scoring = config.mix.model_copy(update=off), config.scoring.model_copy(update=off)
    return config.model_copy(update={"mix": mix, "scoring": scoring})


def written(guess, folder, lang="en"):
    text = to_toml(guess, folder, lang, trial(guess, folder))
    return text, tomllib.loads(text)


def test_a_dirty_italian_export_runs_as_guessed(italian):
    folder, guess = italian
    assert trial(guess, folder) == {}
    config = load_config(folder / "mmm.toml")
    for table, names in ITALIAN.items():
        section = getattr(config, table)
        own = dict(section.columns)
        renamed = {"channel": "source"} if table == "spend" and "source" in own else {}
        known = {renamed.get(ours, ours): theirs for ours, theirs in names.items()}
        known.pop("industry", None)
        own.pop("stage", None) if table == "deals" else None
        assert own == known
        assert section.locale == "it"
    assert config.deals.won_values == {"Vinta": True, "Persa": False}
    assert config.deals.tz == "Europe/Rome"
    assert config.company.language == "it"
    assert config.company.currency == "EUR"
    assert config.journeys.by == "account"


def test_the_italian_export_gives_the_numbers_of_the_tables_it_was_made_from(italian):
    folder, _ = italian
    found = read_tables(load_config(folder / "mmm.toml"))
    truth = datasets.load("deals")
    assert found["deals"]["value"].sum() == truth["value"].sum()
    pd.testing.assert_series_equal(found["deals"]["won"], truth["won"])
    seconds = (found["deals"]["closed_at"] - truth["closed_at"]).dropna().abs()
    assert (seconds < pd.Timedelta(seconds=1)).all()
    result = run(without_models(load_config(folder / "mmm.toml")))
    assert result.deals.to_frame()["credit"].sum() > 0
    assert result.economics is not None


def test_the_comments_give_each_reason_and_the_values_behind_it(italian):
    folder, guess = italian
    text = to_toml(guess, folder, "it")
    assert "virgola decimale" in text
    assert "prima il giorno" in text
    assert "dall’intestazione" in text
    assert "In attesa di firma" in text
    assert "fasi in “Stato lead”: " in text
    assert text.count("# domanda:") == text.count("domanda:") - 1  # the first line explains it
    assert not re.search("guess:|question:|to mend:|fields are|encoding:", text)
    english = to_toml(guess, folder, "en")
    assert tomllib.loads(english) == tomllib.loads(text)


def test_the_shipped_tables_are_recognised_by_their_own_names(tmp_path):
    guess = look_at_files([datasets.path(name) for name in TABLES])
    text, settings = written(guess, tmp_path)
    assert "to mend" not in text
    for table in TABLES:
        columns = settings[table]["columns"]
        assert columns.keys() == {*columns.values()}
        assert settings[table]["source"].endswith(f"{table}.csv")
    assert settings["journeys"]["by"] == "account"
    assert guess.channels.n_left == 0


def test_olist_is_read_by_what_the_two_files_share(shared, tmp_path):
    leads = shared / "data/leads/olist_marketing_qualified_leads_dataset.csv.gz"
    deals = shared / "data/leads/olist_closed_deals_dataset.csv"
    text, settings = written(look_at_files([deals, leads]), tmp_path)
    assert settings["leads"]["columns"] == {
        "lead_id": "mql_id",
        "person_id": "mql_id",
        "created_at": "first_contact_date",
        "source": "origin",
    }
    own = settings["deals"]["columns"]
    assert (own["deal_id"], own["person_id"]) == ("mql_id", "mql_id")
    assert (own["closed_at"], own["won"]) == ("won_date", True)
    assert "all are taken for won" in text
    assert "to mend" not in text


HUBSPOT = {
    "Record ID": ["11", "12", "13", "14"],
    "Deal Name": ["A", "B", "C", "D"],
    "Deal Stage": ["closedwon", "closedlost", "Contract sent", "closedwon"],
    "Create Date": ["2024-01-05 10:00", "2024-01-06 10:00", "2024-02-01 09:00", "2024-02-03 09:00"],
    "Close Date": ["2024-03-05 10:00", "2024-03-06 10:00", "", "2024-04-03 09:00"],
    "Amount": ["1000.50", "200", "300", "50"],
    "Deal owner": ["x", "y", "x", "y"],
    "Associated Company IDs": ["901", "902", "903", "904"],
}
SALESFORCE = {
    "Id": ["006A", "006B", "006C"],
    "AccountId": ["001A", "001B", "001C"],
    "StageName": ["Closed Won", "Closed Lost", "Negotiation"],
    "IsWon": ["true", "false", "false"],
    "IsClosed": ["true", "true", "false"],
    "Amount": ["10", "20", "30"],
    "CloseDate": ["2024-03-31", "2024-03-31", "2024-12-31"],
    "CreatedDate": ["2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z", "2024-02-01T10:00:00Z"],
    "LeadSource": ["Web", "Trade Show", "Partner"],
}
ODOO = {
    "Opportunità": ["A", "B", "C"],
    "ID record": ["1", "2", "3"],
    "Azienda": ["Rossi", "Bianchi", "Verdi"],
    "Creato il": ["2024-01-05 10:00:00", "2024-01-06 10:00:00", "2024-02-01 09:00:00"],
    "Data chiusura": ["2024-03-05 10:00:00", "2024-03-06 10:00:00", ""],
    "Fase": ["Vinto", "Perso", "Proposta"],
    "Ricavo previsto": ["100.00", "200.00", "300.00"],
    "Fonte": ["Fiera", "Sito web", "Google Ads"],
}


@pytest.mark.parametrize(
    ("export", "columns", "won"),
    [
        (
            HUBSPOT,
            {"deal_id": "Record ID", "won": "Deal Stage", "value": "Amount",
             "created_at": "Create Date", "closed_at": "Close Date"},
            {"closedwon": True, "closedlost": False},
        ),
        (
            SALESFORCE,
            {"deal_id": "Id", "account_id": "AccountId", "won": "StageName",
             "closed_at": "CloseDate", "created_at": "CreatedDate"},
            {"Closed Won": True, "Closed Lost": False},
        ),
        (
            ODOO,
            {"deal_id": "ID record", "account_id": "Azienda", "won": "Fase",
             "created_at": "Creato il", "closed_at": "Data chiusura", "value": "Ricavo previsto"},
            {"Vinto": True, "Perso": False},
        ),
    ],
    ids=["hubspot", "salesforce", "odoo"],
)  # fmt: skip
def test_common_exports_of_deals(tmp_path, export, columns, won):
    pd.DataFrame(export).to_csv(tmp_path / "export.csv", index=False)
    _, settings = written(look_at_files([tmp_path / "export.csv"]), tmp_path)
    own = settings["deals"]["columns"]
    assert {name: own.get(name) for name in columns} == columns
    assert settings["deals"]["won_values"] == won


def test_one_export_of_opportunities_with_their_origin_is_enough_to_run(tmp_path):
    many = pd.concat([pd.DataFrame(ODOO)] * 8, ignore_index=True)
    many["ID record"] = [str(i) for i in range(len(many))]
    many["Azienda"] = [f"Azienda {i}" for i in range(len(many))]
    many.to_csv(tmp_path / "opportunita.csv", index=False, sep=";")
    guess = look_at_files([tmp_path / "opportunita.csv"])
    text, settings = written(guess, tmp_path, "it")
    assert settings["leads"]["source"] == settings["deals"]["source"]
    assert "ogni trattativa è anche il proprio lead" in " ".join(text.replace("#", "").split())
    (tmp_path / "mmm.toml").write_text(text, encoding="utf-8")
    config = load_config(tmp_path / "mmm.toml")
    with pytest.warns(DataWarning, match="touches span"):
        credit = run(without_models(config)).deals.to_frame()
    assert "Events" in set(credit["channel"])


def test_an_export_of_people_is_contacts_and_leads_and_joins_by_the_ids_that_are_shared(tmp_path):
    people = {
        "Record ID": [100, 101, 102, 103],
        "Email": [f"p{i}@example.it" for i in range(4)],
        "Create Date": ["2024-01-05 10:00"] * 4,
        "Lifecycle Stage": ["Lead", "Customer"] * 2,
        "Original Source": ["Organic Search", "Paid Search"] * 2,
        "Associated Company IDs": [901, 902, 903, 904],
    }
    deals = HUBSPOT | {"Associated Contact IDs": [100, 101, 102, 103]}
    pd.DataFrame(people).to_csv(tmp_path / "contacts.csv", index=False)
    pd.DataFrame(deals).to_csv(tmp_path / "deals.csv", index=False)
    text, settings = written(look_at_files([tmp_path]), tmp_path)
    assert settings["leads"]["source"] == settings["contacts"]["source"] == "contacts.csv"
    assert settings["leads"]["columns"]["person_id"] == "Record ID"
    assert settings["leads"]["columns"]["source"] == "Original Source"
    assert settings["deals"]["columns"]["person_id"] == "Associated Contact IDs"
    assert "100% of its values are in contacts.csv" in text
    assert "own lead" not in text


@pytest.mark.parametrize(
    ("headings", "channel"),
    [
        (("Giorno", "Campagna", "Costo", "CPC medio"), "Paid search"),
        (("Reporting starts", "Campaign name", "Amount spent (EUR)"), "Paid social"),
        (("Start Date (in UTC)", "Campaign Name", "Total Spent"), "Paid social"),
    ],
)
def test_spend_of_a_platform_gets_its_channel(tmp_path, headings, channel):
    days = [f"2024-01-0{day}" for day in range(1, 8)]
    rows = {headings[0]: days, headings[1]: ["Brand [it] 50%"] * 7, headings[2]: ["10.50"] * 7}
    rows |= {name: ["1.00"] * 7 for name in headings[3:]}
    pd.DataFrame(rows).to_csv(tmp_path / "spesa.csv", index=False)
    guess = look_at_files([tmp_path / "spesa.csv"])
    spend = guess.table("spend")
    assert spend is not None
    assert spend.column("spend") == headings[2]
    assert spend.column("date") == headings[0]
    rules = tomllib.loads(to_toml(guess, tmp_path))["channels"]["rules"]
    assert rules[0]["channel"] == channel
    assert guess_channels(guess.tables).n_left == 0


def test_bad_input_32_a_date_that_can_be_read_in_two_ways_says_both(tmp_path):
    rows = {"deal id": ["a", "b"], "close date": ["03/04/2024", "05/06/2024"], "won": ["yes", "no"]}
    pd.DataFrame(rows).to_csv(tmp_path / "deals.csv", index=False)
    text, settings = written(look_at_files([tmp_path / "deals.csv"]), tmp_path)
    assert "locale" not in settings["deals"]
    assert "03/04/2024 can be read in two ways" in " ".join(text.replace("#", "").split())
    assert "Which profile is right: it, en_GB or en_US?" in " ".join(text.replace("#", "").split())
    rows = {"ID trattativa": rows["deal id"], "Data chiusura": rows["close date"],
            "Esito": ["Vinta", "Persa"]}  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "deals.csv", index=False)
    text, settings = written(look_at_files([tmp_path / "deals.csv"]), tmp_path)
    assert settings["deals"]["locale"] == "it"
    assert "can be read in two ways" in " ".join(text.replace("#", "").split())


def test_dates_and_amounts_that_contradict_each_other_are_asked_about(tmp_path):
    rows = {"deal id": ["a", "b"], "close date": ["13/04/2024", "05/16/2024"], "won": ["yes", "no"],
            "amount": ["1,5", "2.5"]}  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "deals.csv", index=False)
    text, settings = written(look_at_files([tmp_path / "deals.csv"]), tmp_path)
    said = " ".join(text.replace("#", "").split())
    assert "locale" not in settings["deals"]
    assert said.count("contradict each other") == 2


def test_what_the_reader_refuses_stands_in_the_file(tmp_path):
    deals = pd.read_csv(datasets.path("deals"))
    pd.concat([deals, deals.head(2)]).to_csv(tmp_path / "deals.csv", index=False)
    shutil.copy(datasets.path("leads"), tmp_path)
    text, _ = written(look_at_files([tmp_path]), tmp_path)
    assert "# to mend: deals has the same deal_id" in text


def test_files_that_are_no_tables_are_named_and_the_others_are_used(tmp_path):
    shutil.copy(datasets.path("deals"), tmp_path)
    shutil.copy(datasets.path("leads"), tmp_path)
    (tmp_path / "broken.csv").write_bytes(b"\x00\x01\x02" * 100)
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "one.csv").write_text("a\n1\n2\n")
    (tmp_path / "quotes.csv").write_text('a,b\n"1,2\n')
    (tmp_path / "book.xlsx").write_bytes(b"PK not a workbook")
    wide = {f"column {i}": ["x", "y"] for i in range(300)}
    pd.DataFrame(wide).to_csv(tmp_path / "wide.csv", index=False)
    guess = look_at_files([tmp_path])
    assert {name for name, _ in guess.unread} == {
        "broken.csv", "empty.csv", "quotes.csv", "book.xlsx",
    }  # fmt: skip
    assert {sheet.title for sheet in guess.unused} == {"one.csv", "wide.csv"}
    text, settings = written(guess, tmp_path)
    assert {"deals", "leads"} <= set(settings)
    assert "not read: broken.csv" in text


@pytest.mark.parametrize("content", [b"\x00\x01" * 50, b"", b"\n\n"])
def test_bad_input_28_files_without_anything_to_read_are_errors(tmp_path, content):
    (tmp_path / "deals.csv").write_bytes(content)
    with pytest.raises(MmmError, match=r"deals\.csv"):
        look_at_files([tmp_path / "deals.csv"])
    with pytest.raises(MmmError, match="there is neither a file nor a folder"):
        look_at_files([tmp_path / "nowhere.csv"])


def test_a_folder_without_tables_is_an_error(tmp_path):
    with pytest.raises(MmmError, match="there is no table"):
        look_at_files([tmp_path])


def test_sheets_of_a_workbook_and_packed_files_are_tables_of_their_own(tmp_path):
    with pd.ExcelWriter(tmp_path / "crm.xlsx") as book:
        for name in ("deals", "leads"):
            frame = pd.read_csv(datasets.path(name)).head(40)
            frame.to_excel(book, sheet_name=name, index=False)
    packed = gzip.compress(datasets.path("spend").read_bytes(), mtime=0)
    (tmp_path / "spend.csv.gz").write_bytes(packed)
    _, settings = written(look_at_files([tmp_path]), tmp_path)
    assert (settings["deals"]["source"], settings["deals"]["table"]) == ("crm.xlsx", "deals")
    assert settings["leads"]["table"] == "leads"
    assert settings["spend"]["source"] == "spend.csv.gz"


hostile = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters='\r\n",;|\t'), max_size=30
)


@given(st.lists(hostile, min_size=1, max_size=4), hostile)
def test_bad_input_35_names_cannot_break_the_file(tmp_path_factory, names, value):
    folder = tmp_path_factory.mktemp("hostile")
    rows = {"deal_id": ["a", "b"], "closed_at": ["2024-01-31"] * 2, "won": [value, "Vinta"]}
    rows |= {f"{i}{name}": ["x", value] for i, name in enumerate(names)}
    pd.DataFrame(rows).to_csv(folder / "deals.csv", index=False)
    guess = look_at_files([folder])
    for lang in ("en", "it"):
        settings = tomllib.loads(to_toml(guess, folder, lang))
        assert settings["deals"]["columns"]["deal_id"] == "deal_id"


@given(st.integers(0, 10**9), st.sampled_from([",", "."]))
def test_the_decimal_sign_is_never_guessed_against_the_values(cents, sign):
    texts = [f"{cents // 100}{sign}{cents % 100:02d}"]
    assert look_at("x", pa.array(texts)).decimal == sign


def test_words_of_an_outcome():
    said = outcomes(("Closed Won", "Chiusa persa", "Non vinta", "Vinto", "lost", "Wonderful", "Y"))
    assert said == {
        "Closed Won": True, "Chiusa persa": False, "Non vinta": False, "Vinto": True,
        "lost": False, "Y": True,
    }  # fmt: skip
