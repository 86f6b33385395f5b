"""Tables as advertising platforms, CRMs and notebooks export them."""

from decimal import Decimal

import openpyxl
import pandas as pd
import pytest

from mmm.cli.shell import for_shell
from mmm.errors import ConfigError, InputError, SourceError
from mmm.mix.table.ready import read_mix
from mmm.run.config import make_config
from mmm.tables import read_leads, read_spend, read_touches
from mmm.tables.delimited import open_delimited
from mmm.tables.write import refuse_input
from mmm.wording.translated import translated

WEEKS = ["2025-01-06", "2025-01-13"]
GOOGLE = [
    ["Campaign report"],
    ["January 6, 2025 - January 19, 2025"],
    ["Day", "Campaign", "Currency code", "Cost", "Clicks"],
    [WEEKS[0], "Brand", "EUR", "1,033.33", "321"],
    [WEEKS[1], "Brand", "EUR", "0.01", "--"],
]
COLUMNS = {"date": "Day", "campaign": "Campaign", "spend": "Cost", "currency": "Currency code"}


def written(path, rows, sign="\t", encoding="utf-16"):
    quoted = [[f'"{cell}"' if sign in cell else cell for cell in row] for row in rows]
    path.write_bytes("".join(sign.join(row) + "\r\n" for row in quoted).encode(encoding))
    return path


@pytest.mark.parametrize(("sign", "encoding"), [("\t", "utf-16"), (",", "utf-8-sig")])
def test_titles_above_the_header_are_left_out_with_a_note(tmp_path, sign, encoding):
    path = written(tmp_path / "google.csv", GOOGLE, sign, encoding)
    spend = read_spend(path, columns=COLUMNS)
    assert spend["spend"].tolist() == [Decimal("1033.33"), Decimal("0.01")]
    assert spend["Clicks"].tolist()[0] == 321
    assert pd.isna(spend["Clicks"][1])
    note = next(one for one in spend.attrs["notes"] if "above the header" in one)
    assert "'Campaign report'" in note
    assert translated(note, "it").startswith("spend: le righe sopra l’intestazione")
    with pytest.raises(InputError, match=r"is missing in row 2 of google.csv, line 5"):
        read_spend(path, columns=COLUMNS | {"spend": "Clicks"})


def test_a_title_whose_lines_have_separators_of_their_own(tmp_path):
    text = (
        "Campaign Performance Report (in UTC)\nReport Start: 01/06/2025, Report End: 01/19/2025\n\n"
        "Start Date (in UTC),Campaign Name,Total Spent,Currency\n"
        '01/06/2025,"Leads, direttori","1,234.50",EUR\n01/13/2025,Marca,10.25,EUR\n'
    )
    (tmp_path / "linkedin.csv").write_text(text)
    names = {"date": "Start Date (in UTC)", "campaign": "Campaign Name", "spend": "Total Spent"}
    spend = read_spend(tmp_path / "linkedin.csv", names, "en_US", on_duplicate="sum")
    assert spend["spend"].sum() == Decimal("1244.75")


def test_a_title_in_a_workbook_is_left_out_with_a_note(tmp_path):
    book = openpyxl.Workbook()
    for row in [GOOGLE[0], [], *GOOGLE[2:]]:
        book.active.append(row)
    book.save(tmp_path / "google.xlsx")
    spend = read_spend(tmp_path / "google.xlsx", columns=COLUMNS)
    assert len(spend) == 2
    assert any("'Campaign report'" in note for note in spend.attrs["notes"])


@pytest.mark.parametrize(
    "text",
    [
        "lead_id\nL1\nL2,2\n",  # a column, and a field too many
        "lead_id\nL1,2024-01-31\nL2,2024-01-31\n",  # values, and no headings
        "lead_id\nSmith, John\nBrown, Ann, Mary\n",  # rows of several widths
    ],
)
def test_a_header_of_one_column_is_no_title(tmp_path, text):
    (tmp_path / "leads.csv").write_text(text)
    with pytest.raises(SourceError, match="2 fields where the header has 1"):
        read_leads(tmp_path / "leads.csv")


def test_rows_of_totals_are_named_as_such(tmp_path):
    rows = [*GOOGLE, ["Total: Campaigns", "", "EUR", "1,033.34", "322"]]
    with pytest.raises(InputError, match=r"names a row of totals.*'Total: Campaigns'"):
        read_spend(written(tmp_path / "google.csv", rows), columns=COLUMNS)


WIDE = pd.DataFrame(
    {"date": WEEKS, "Google Ads": ["100.50", "0"], "Fiere": [None, "5000"], "Total": ["1", "2"]}
)


def test_each_column_of_a_wide_table_is_a_channel():
    spend = read_spend(WIDE, channels=["Google Ads", "Fiere"], fill="zero")
    assert spend.groupby("channel")["spend"].sum().to_dict() == {
        "Google Ads": Decimal("100.50"),
        "Fiere": Decimal("5000.00"),
    }
    assert any("not read: 'Total'" in note for note in spend.attrs["notes"])
    with pytest.raises(InputError, match=r"column 'Fiere' is missing in row 1"):
        read_spend(WIDE, channels=["Google Ads", "Fiere"])
    with pytest.raises(InputError, match=r"'Google Ads' is not a number in rows 1, 2 \('x'\)"):
        read_spend(WIDE.assign(**{"Google Ads": "x"}), channels=["Google Ads"])
    assert "channels" in make_config(
        {"deals": {"source": "d"}, "leads": {"source": "l"},
         "spend": {"source": "s", "channels": ["Fiere"]}}
    ).files("spend")[0].options()  # fmt: skip


def test_a_wide_table_is_told_how_it_is_read():
    with pytest.raises(InputError) as caught:
        read_spend(WIDE)
    said = for_shell(str(caught.value), with_file=True)
    assert said.endswith('channels = ["Google Ads", "Fiere", "Total"] under [spend] in mmm.toml.')
    assert 'scrivete channels = ["Google Ads", "Fiere", "Total"] sotto' in translated(said, "it")
    read_spend(WIDE, channels=["Google Ads"])  # the cure
    with pytest.raises(InputError, match="If each channel has a column"):
        read_spend(WIDE.rename(columns={"date": "Week"}))


def test_a_table_with_a_column_a_quarter_is_told_what_to_do():
    with pytest.raises(InputError) as caught:
        read_spend(pd.DataFrame({"channel": ["Fiere"], "Q1 2025": ["5"], "Q2 2025": ["6"]}))
    said = for_shell(str(caught.value), with_file=True)
    assert said.endswith("of other periods write a row a channel and period instead.")
    assert translated(said, "it").endswith("una riga per canale e periodo.")


@pytest.mark.parametrize(
    ("channels", "columns"),
    [(["Fiere", "Fiere"], {}), (["Fiere"], {"channel": "Total"}), (["Fiere"], {"spend": "Total"})],
)
def test_channels_of_a_wide_table_are_named_once(channels, columns):
    with pytest.raises(ConfigError, match="headings of a wide table, each once"):
        read_spend(WIDE, columns, channels=channels)


def test_a_wide_table_of_two_currencies_is_refused():
    with pytest.raises(InputError, match="'A' in EUR, 'B' in GBP"):
        read_spend(pd.DataFrame({"date": WEEKS, "A": "€5", "B": "£5"}), channels=["A", "B"])


@pytest.mark.parametrize(
    ("word", "day"),
    [
        ("25-Jan-21", "2021-01-25"),
        ("15 Apr, 2021 00:02:00", "2021-04-15"),
        ("Jan 6, 2025", "2025-01-06"),
        ("lun 6 gen 2025", "2025-01-06"),
        ("6 settembre 2024, 10:30", "2024-09-06"),
        ("Mon, Sept 2, 2024", "2024-09-02"),
    ],
)
def test_dates_that_spell_their_month_are_read(word, day):
    rows = {"person_id": ["p"], "channel": ["x"], "touched_at": [word]}
    read = read_touches(pd.DataFrame(rows))
    assert str(read["touched_at"][0].date()) == day
    assert any("two digits" in note for note in read.attrs["notes"]) == (word == "25-Jan-21")


def test_months_that_are_spelled_are_months_and_no_others():
    rows = {"date": ["gennaio 2025", "Feb 2025"], "channel": "x", "spend": ["1", "2"]}
    assert read_spend(pd.DataFrame(rows)).attrs["every"] == "month"
    for word in (
        "6 foo 2025",
        "Jan-25",
        "Week 3 Jan 2025",
        "31 Feb 2024",
    ):  # a day or a year, and no day at all
        with pytest.raises(InputError, match=r"not a date|does not exist"):
            read_spend(pd.DataFrame(rows | {"date": [word, word]}))


def test_floats_written_out_are_rounded_and_fine_amounts_refused():
    rows = {"date": WEEKS, "channel": "x", "spend": ["22358.346666666668", "0.1"]}
    spend = read_spend(pd.DataFrame(rows))
    assert spend["spend"][0] == Decimal("22358.346666667")
    assert any("1 floats written out" in note for note in spend.attrs["notes"])
    with pytest.raises(InputError, match="more than 9 decimals"):
        read_spend(pd.DataFrame(rows | {"spend": ["0.0000000001", "0.1"]}))


def test_small_floats_of_a_mix_table_are_read():
    rows = {"date": WEEKS, "y": ["1", "2"], "x": ["-3.7e-05", "0.5"], "c": ["5", "6"]}
    read = read_mix(pd.DataFrame(rows), date="date", outcome="y", channels=["c"], controls=["x"])
    assert read["x"].tolist() == pytest.approx([-3.7e-05, 0.5])


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_row_numbers_of_a_notebook_are_left_out(tmp_path, ending):
    frame = pd.DataFrame({"lead_id": ["a", "b"], "created_at": WEEKS})
    path = tmp_path / f"leads.{ending}"
    frame.to_csv(path) if ending == "csv" else frame.to_excel(path)
    leads = read_leads(path)
    assert leads.columns.tolist() == ["lead_id", "created_at"]
    assert any("counts the rows" in note for note in leads.attrs["notes"])
    frame = frame.set_axis([7, 3])
    frame.to_csv(path) if ending == "csv" else frame.to_excel(path)
    with pytest.raises(SourceError, match="has cells and no header"):
        read_leads(path)


def test_a_sheet_may_stand_in_the_path(tmp_path):
    with pd.ExcelWriter(tmp_path / "b.xlsx") as book:
        pd.DataFrame({"x": [1]}).to_excel(book, sheet_name="Note", index=False)
        pd.DataFrame({"lead_id": ["a"], "created_at": WEEKS[:1]}).to_excel(
            book, sheet_name="Lead 2025", index=False
        )
    assert len(read_leads(f"{tmp_path}/b.xlsx#Lead 2025")) == 1
    with pytest.raises(SourceError, match=r"no sheet 'Lead'; found 'Note', 'Lead 2025'"):
        read_leads(f"{tmp_path}/b.xlsx#Lead")
    with pytest.raises(SourceError, match="would replace a table that was read"):
        refuse_input(tmp_path / "b.xlsx", {tmp_path / "b.xlsx#Lead 2025"})


def test_clicks_have_holes_where_days_are_filled_and_go_where_rows_are_added_up():
    rows = {"date": ["2025-01-01", "2025-01-02", "2025-01-04"], "channel": "x", "spend": "1"}
    frame = pd.DataFrame(rows | {"Clicks": [3, 4, 5], "brand": [True, False, True]})
    filled = read_spend(frame, fill="zero")
    assert filled["Clicks"].tolist() == [3, 4, pd.NA, 5]
    assert filled["brand"].isna().sum() == 1
    twice = read_spend(pd.concat([frame, frame]), on_duplicate="sum", fill="zero")
    assert twice["spend"].sum() == 6
    assert twice.columns.tolist() == ["date", "channel", "spend"]
    assert any("added up, without 'Clicks', 'brand'" in note for note in twice.attrs["notes"])


REPORT = "Lead ID,Created Date,Company\nL1,2025-01-06,Acme\nL2,2025-01-07,Beta\n"
FOOTER = '\n\n"Open leads"\n"Copyright (c) 2000-2025 salesforce.com, inc."\n"Generated By:  A B"\n'
NAMES = {"lead_id": "Lead ID", "created_at": "Created Date"}


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_the_lines_below_a_report_are_left_out_with_a_note(tmp_path, end):
    (tmp_path / "report.csv").write_text(REPORT + FOOTER + end)
    leads = read_leads(tmp_path / "report.csv", columns=NAMES)
    assert leads["Company"].tolist() == ["Acme", "Beta"]
    assert any("left out: 'Open leads', 'Copyright" in note for note in leads.attrs["notes"])
    assert open_delimited(tmp_path / "report.csv", None) is None  # it is read whole
    (tmp_path / "report.csv").write_text(REPORT + end)
    assert open_delimited(tmp_path / "report.csv", None) is not None


@pytest.mark.parametrize("end", ["L3", "\n\nL3,2025-01-08\n", '\n\nL3,2025-01-08,"Ga\n\nmma"\n'])
def test_rows_that_are_cut_off_are_no_notes_below_a_table(tmp_path, end):
    (tmp_path / "report.csv").write_text(REPORT + end)
    if "Ga" in end:
        assert len(read_leads(tmp_path / "report.csv", columns=NAMES)) == 3
        return
    with pytest.raises(SourceError, match="fields where the header has 3"):
        read_leads(tmp_path / "report.csv", columns=NAMES)


def test_a_report_of_a_whole_time_in_one_row_is_noted():
    rows = {"date": "2025-01-01", "channel": ["a", "b"], "spend": ["9000", "1"]}
    note = "every row is of 2025-01-01, which is read as one week"
    assert any(note in one for one in read_spend(pd.DataFrame(rows)).attrs["notes"])
    rows["date"] = ["2025-01-01", "2025-01-08"]
    assert not any("one week" in one for one in read_spend(pd.DataFrame(rows)).attrs["notes"])
