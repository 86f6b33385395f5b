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
from mmm.attribution import last_touch
from mmm.errors import DataWarning, MmmError
from mmm.journeys import build_journeys
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
        (section,) = config.files(table)
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


@pytest.mark.parametrize(
    ("words", "column", "known", "asked"),
    [
        (["Gewonnen", "Verloren", "Offen"], "Status", None, ["Gewonnen", "Verloren", "Offen"]),
        (["Gewonnen", "Verloren"], "Stage", None, ["Gewonnen", "Verloren"]),
        (["won", "lost", "Gewonnen", "Proposal"], "Status", {"won": True, "lost": False},
         ["Gewonnen"]),
        (["Closed Won", "Closed Lost", "Demo"], "Status",
         {"Closed Won": True, "Closed Lost": False}, []),
        (["won", "lost", "open"], "Status", None, []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lang", ["en", "it"])
def test_words_that_are_not_known_are_asked_for(tmp_path, lang, words, column, known, asked):
    n = 12
    frame = pd.DataFrame({"deal id": [f"d{i}" for i in range(n)], "contact id": "p1",
                          "close date": "2024-03-01", "amount": 100,
                          column: (words * n)[:n]})  # fmt: skip
    frame.to_csv(tmp_path / "deals.csv", index=False)
    touches = {"contact id": ["p1", "p2"], "timestamp": "2024-01-01T10:00:00Z", "channel": "Fairs"}
    pd.DataFrame(touches).to_csv(tmp_path / "touches.csv", index=False)
    guess = look_at_files([tmp_path])
    text = to_toml(guess, tmp_path, lang)
    settings = tomllib.loads(text)["deals"]
    assert settings["columns"]["won"] == column
    assert settings.get("won_values") == known
    assert sorted(re.findall(r'^# "?([^"\n]*?)"? = "\?"$', text, re.M)) == sorted(asked)
    section = text[text.index("[deals.columns]") : text.index("[journeys]")]
    assert len(re.findall("^# (question|domanda): (which|quali).*" + column, section, re.M)) == (
        1 if asked else 0
    )
    problem = trial(guess, tmp_path)
    assert ("neither won, lost nor open" in problem.get("deals", "")) == (
        known is None and asked != []
    )


def test_rows_that_are_all_closed_in_one_state_are_won(tmp_path):
    frame = pd.DataFrame({"deal id": ["d1", "d2"], "contact id": "p1", "close date": "2024-03-01",
                          "amount": 100, "Status": "Evaso"})  # fmt: skip
    frame.to_csv(tmp_path / "deals.csv", index=False)
    _, settings = written(look_at_files([tmp_path / "deals.csv"]), tmp_path)
    assert settings["deals"]["columns"]["won"] is True


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
    assert tomllib.loads(to_toml(guess, tmp_path))["spend"]["channel"] == channel
    assert guess_channels(guess.tables).n_left == 0


def test_every_file_of_spend_has_a_section_of_its_own_in_the_order_given(tmp_path):
    days = [f"2024-01-{day}" for day in range(10, 17)]
    exports = {
        "meta.csv": {"Reporting starts": days, "Campaign name": "Brand", "Amount spent": "1.10"},
        "google_ads.csv": {"Giorno": days, "Campagna": "Brand", "Costo": "1.234,50"},
        "agency.csv": {"date": days, "channel": "Fairs", "spend": "9"},
        "linkedin.csv": {"Day": [day[:-2] + "01" for day in days], "Cost": "12.5"},
        "more_deals.csv": HUBSPOT,
    }
    for name, columns in exports.items():
        pd.DataFrame(columns).to_csv(tmp_path / name, index=False, sep=";")
    for name in ("deals", "leads"):
        shutil.copy(datasets.path(name), tmp_path)
    files = [tmp_path / name for name in (*exports, "deals.csv", "leads.csv")]
    guess = look_at_files(files)
    text, settings = written(guess, tmp_path, "it")
    keys = ("source", "channel", "locale")
    assert [tuple(map(one.get, keys)) for one in settings["spend"]] == [
        ("meta.csv", "Paid social", None),
        ("google_ads.csv", "Paid search", "it"),
        ("agency.csv", None, None),
        ("linkedin.csv", "Paid social", None),
    ]
    of_linkedin = text.rpartition("[[spend]]")[0].rpartition("[spend.columns]")[2]
    said = " ".join(of_linkedin.replace("#", "").split())
    assert "in linkedin.csv: spend has the same date" in said


def test_a_plan_with_a_column_a_month_is_spend(tmp_path):
    months = {"gen 2025": ["1.200,50", "300,00"], "feb 2025": ["0", "2.000,00"]}
    pd.DataFrame({"Voce": ["Fiere", "Agenzia"], **months}).to_csv(
        tmp_path / "piano media.csv", index=False, sep=";"
    )
    for name in ("deals", "leads"):
        shutil.copy(datasets.path(name), tmp_path)
    text, settings = written(look_at_files([tmp_path]), tmp_path)
    assert settings["spend"]["columns"] == {"source": "Voce"}  # the usual rules know Fiere
    assert "Agenzia" in text.partition("rules = [")[2]
    assert settings["spend"]["locale"] == "it"
    assert "2 columns, “gen 2025” to “feb 2025”, with the spend of a month each" in text
    assert "to mend" not in text
    for old, new in (("gen 2025", "gennaio"), ("feb 2025", "febbraio")):
        plan = (tmp_path / "piano media.csv").read_text("utf-8").replace(old, new)
        (tmp_path / "piano media.csv").write_text(plan, "utf-8")
    text, _ = written(look_at_files([tmp_path]), tmp_path)
    assert "to mend: spend has a column a month without its year: 'gennaio', 'febbraio'" in text


def test_no_channel_is_asked_for_a_row_of_totals(tmp_path):
    months = {"gen 2025": ["1", "2", "3", "6"], "feb 2025": ["4", "5", "6", "15"]}
    words = ["Fiere", "Newsletter", "Agenzia", "TOTALE"]
    guess = looked_at(tmp_path, spesa={"Voce": words, **months})
    asked = [dict(one.fields)["source"] for one in guess.channels.left]
    assert asked == ["Agenzia"]


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


def looked_at(folder, **files):
    for name, rows in files.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return look_at_files([folder])


def test_headings_that_run_together_are_known(tmp_path):
    ids = [f"{i:03d}" for i in range(40)]
    days = ["25-Jan-24", "15 Apr, 2024 00:02:00"] * 20
    stages = ["Closed Won", "Pending Response"] * 20
    found = looked_at(
        tmp_path,
        deals={"DEALID": ids, "dealstage": stages, "closedate": days, "CONTACTID": ids},
        leads={"LEADID": ids, "CONTACTID": ids, "Created Time": days, "Lead Source": "Web"},
    )
    deals, leads = found.table("deals"), found.table("leads")
    assert (deals.column("won"), deals.column("closed_at")) == ("dealstage", "closedate")
    assert (deals.column("deal_id"), leads.column("lead_id")) == ("DEALID", "LEADID")
    assert leads.column("created_at") == "Created Time"


def test_an_id_is_no_amount_and_a_status_no_company(tmp_path):
    n = range(60)
    days = [f"2025-01-{1 + i % 28:02d}" for i in n]
    found = looked_at(
        tmp_path,
        campaigns={"CAMPAIGNID": [24000 + i for i in n], "Start Date": days, "Campaign": "a"},
        leads={"Lead ID": n, "Create Date": days, "Account Status": ["open", "lost"] * 30},
    )
    assert found.table("spend").column("spend") is None
    assert found.table("leads").column("account_id") is None


def test_a_file_of_opportunities_is_no_table_of_costs(tmp_path):
    rows = {"Close Date": ["2024-05-01", "2024-06-01"], "Type": ["New", "Old"], "Amount": [1, 2]}
    found = looked_at(tmp_path, Opportunities=rows)
    assert found.table("costs") is None
    assert found.table("spend") is None


def test_rows_are_not_all_won_where_words_tell_of_won(tmp_path):
    rows = {"deal_id": ["a", "b"], "closed_at": "2024-05-01", "value": [5, 6]}
    assert dict_of(looked_at(tmp_path, deals=rows).table("deals"))["won"] is True
    told = looked_at(tmp_path, deals=rows | {"Nota": ["Closed Won", "si vedra"]}).table("deals")
    assert "won" not in dict_of(told)
    bare = looked_at(tmp_path, deals=rows | {"Unmatched": ["1", "0"]}).table("deals")
    assert dict_of(bare)["won"] is True  # a yes or no answers any question


def dict_of(table):
    return {one.ours: one.theirs for one in table.columns}


def test_numbers_of_deals_are_no_companies_and_contacts_join_by_what_deals_name(tmp_path):
    n = range(1, 41)
    mails = [f"p{i}@x.it" for i in n]
    touched = {"touched_at": "2024-05-01", "channel": "Email"}
    found = looked_at(
        tmp_path,
        deals={"deal_id": n, "account_id": n, "won": "won", "closed_at": "2024-06-01"},
        touches={"activity_id": n, "deal_id": n, **touched},
    )
    touches = dict_of(found.table("touches"))
    assert (touches["touch_id"], touches["person_id"]) == ("activity_id", "deal_id")
    assert found.table("deals").column("person_id") == "deal_id"
    found = looked_at(
        tmp_path,
        deals={"deal_id": n, "contact": mails, "won": "won", "closed_at": "2024-06-01"},
        touches={"contact": mails, **touched},
        contacts={"Contact ID": n, "Email": mails, "Associated Company Domain": "x.it"},
    )
    assert found.table("contacts").column("person_id") == "Email"


def test_a_wide_table_is_told_how_it_is_read(tmp_path):
    days = ["2025-01-06", "2025-01-13"]
    wide = {"Week": days, "Google Ads": [100, 0], "Fiere": ["", 5000]}
    found = looked_at(tmp_path, weekly=wide, notes={"Week": days, "who": ["a", "b"], "n": [1, 2]})
    for lang in ("en", "it"):
        text = to_toml(found, tmp_path, lang).replace("\n#   ", " ")
        assert text.count('channels = ["Google Ads", "Fiere"]') == 1
        assert 'date = "Week"' in text


def test_ids_and_outcomes_are_not_taken_for_channels(tmp_path):
    days = ["2025-01-06", "2025-01-13"]
    wide = {"Week": days, "Google Ads": [100, 0], "Revenue": [900, 5000]}
    found = looked_at(tmp_path, weekly=wide, pings={"customer_id": [7, 8], "at": days, "n": [1, 2]})
    text = to_toml(found, tmp_path, "en").replace("\n#   ", " ")
    assert text.count("channels = [") == text.count('channels = ["Google Ads"]') == 1


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [("$22,700.00", "USD", "taken for US dollars"), ("£22,700.00", "GBP", "as written"),
     ("22.700,00 €", "EUR", "as written"), ("22700.00", None, "No file says")],
)  # fmt: skip
def test_a_sign_beside_the_amounts_is_a_guess_of_the_currency(tmp_path, amount, currency, said):
    deals = {"deal id": ["d1", "d2"], "email": ["a@b.it", "c@d.it"], "amount": amount}
    found = looked_at(tmp_path, deals=deals | {"close date": "2025-01-06", "won": ["won", "lost"]})
    text, settings = written(found, tmp_path)
    assert settings["company"].get("currency") == currency
    assert said in text


def test_people_with_a_day_and_an_origin_are_the_leads_too(tmp_path):
    mails = [f"p{i}@x.it" for i in range(40)]
    found = looked_at(
        tmp_path,
        deals={"Deal ID": mails, "contact": mails, "Stage": "won", "Close Date": "2024-06-01"},
        contacts={
            "Contact ID": range(40), "Email": mails, "Create Date": "2024-05-01",
            "Lead Source": "Web", "Company Name": "x",
        },
    )  # fmt: skip
    leads, contacts = dict_of(found.table("leads")), dict_of(found.table("contacts"))
    assert leads["lead_id"] == "Contact ID"
    assert leads["person_id"] == contacts["person_id"] == "Email"
    assert leads["source"] == "Lead Source"


def test_tables_without_ids_are_known_by_what_differs(tmp_path):
    mails = [f"p{i}@x.it" for i in range(40)]
    found = looked_at(
        tmp_path,
        opportunities={"Opportunity Name": mails, "Stage": "won", "Close Date": "2024-06-01"},
        contacts={"Email": mails, "Account Name": "x"},
        leads={"Email": mails, "Create Date": "2024-05-01", "Lead Source": "Web"},
    )
    assert found.table("deals").column("deal_id") == "Opportunity Name"
    assert found.table("contacts").column("person_id") == "Email"
    assert found.table("leads").column("lead_id") == "Email"
    twice = looked_at(tmp_path, contacts={"Email": mails[:1] * 40, "Account Name": "x"})
    assert twice.table("contacts").column("person_id") is None


def test_each_deal_has_the_origin_of_its_own_row(tmp_path):
    n = 24
    won = [i % 3 == 0 for i in range(n)]
    rows = {
        "Deal - ID": range(n), "Deal - Organization": [f"Org {i % 4}" for i in range(n)],
        "Deal - Status": ["Won" if one else "Open" for one in won],
        "Deal - Value": range(100, 100 + n), "Deal - Source": ["Fiera", "Google Ads"] * (n // 2),
        "Deal - Deal created": [f"2024-01-{1 + i:02d}" for i in range(n)],
        "Deal - Deal closed on": [f"2024-03-{1 + i:02d}" if won[i] else None for i in range(n)],
    }  # fmt: skip
    guess = looked_at(tmp_path, pipedrive=rows)
    assert guess.own_leads
    assert guess.joined.by == "person"
    (tmp_path / "mmm.toml").write_text(to_toml(guess, tmp_path), "utf-8")
    tables = read_tables(load_config(tmp_path / "mmm.toml"))
    with pytest.warns(DataWarning, match="touches span"):
        journeys = build_journeys(None, tables["deals"], leads=tables["leads"], by="person")
    credit = last_touch(journeys).to_frame().set_index("channel")["credit"]
    frame = pd.DataFrame(rows)[won]
    own = frame.groupby("Deal - Source")["Deal - Value"].sum()
    assert credit["Events"] == own["Fiera"]
    assert credit["Paid search"] == own["Google Ads"]
    assert journeys.unattributed.deals == 0


@pytest.mark.parametrize(
    ("words", "known", "asked"),
    [
        (["Cliente", "MQL", "Scartato", "Perso", "Opportunità"],
         {"Cliente": True, "Scartato": False, "Perso": False}, []),
        (["Lead", "Gewonnen", "Kunde"], None, ["Gewonnen", "Kunde"]),
        (["won", "lost", "discarded", "mql"], None, []),
    ],
)  # fmt: skip
def test_stages_that_end_a_lead_are_guessed_or_asked_for(tmp_path, words, known, asked):
    n = 12
    leads = {"lead id": [f"l{i}" for i in range(n)], "contact id": [f"p{i}" for i in range(n)],
             "lead status": (words * n)[:n], "lead source": "Fairs",
             "created at": "2024-03-01"}  # fmt: skip
    pd.DataFrame(leads).to_csv(tmp_path / "leads.csv", index=False)
    deals = {"deal id": ["d1", "d2"], "contact id": ["p1", "p2"], "close date": "2024-06-01",
             "status": ["won", "lost"]}  # fmt: skip
    pd.DataFrame(deals).to_csv(tmp_path / "deals.csv", index=False)
    text, settings = written(look_at_files([tmp_path]), tmp_path)
    assert settings["leads"]["columns"]["stage"] == "lead status"
    assert settings["leads"].get("won_values") == known
    assert sorted(re.findall(r'^# "?([^"\n]*?)"? = "\?"$', text, re.M)) == sorted(asked)
    (tmp_path / "mmm.toml").write_text(text, encoding="utf-8")
    stages = read_tables(load_config(tmp_path / "mmm.toml"))["leads"]["stage"]
    ends = {word: "won" if won else "lost" for word, won in (known or {}).items()}
    assert stages.tolist() == [ends.get(word, word) for word in leads["lead status"]]
