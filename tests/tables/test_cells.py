"""Cells of any type: frames, workbooks and databases that mix them are read exactly or refused."""

import datetime as dt
import uuid
import warnings
import zipfile
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from openpyxl.chart import BarChart, Reference

from mmm.errors import InputError, MmmError, SourceError
from mmm.tables import read_deals, read_leads, read_spend, read_touches


def leads(**columns):
    n = len(next(iter(columns.values())))
    base = {"lead_id": [f"l{i}" for i in range(n)], "created_at": ["2024-01-31"] * n}
    return pd.DataFrame(base | {k: pd.Series(v, dtype=object) for k, v in columns.items()})


def sheet(path, rows, title="Sheet"):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def spends(*amounts):
    days = [f"2024-01-{1 + 7 * i:02}" for i in range(len(amounts))]
    head = [["date", "channel", "spend"]]
    return head + [[day, "x", amount] for day, amount in zip(days, amounts, strict=True)]


def repacked(path, change):
    """Rewrite the parts of a workbook, as a broken exporter or a cut-off copy would."""
    with zipfile.ZipFile(path) as parts:
        held = {name: parts.read(name) for name in parts.namelist()}
    with zipfile.ZipFile(path, "w") as parts:
        for name, data in held.items():
            parts.writestr(name, change(name, data))
    return path


def test_bad_input_31_number_cells_among_text_keep_their_value(tmp_path):
    path = sheet(tmp_path / "s.xlsx", spends(234.567, "1.234,56", 1000, 0.1 + 0.2))
    read = read_spend(path, locale="it")["spend"].tolist()
    assert read == [Decimal(v) for v in ("234.567", "1234.56", "1000", "0.3")]
    path = sheet(tmp_path / "n.xlsx", spends(12.5, "n.d."))
    with pytest.raises(InputError, match=r"not a number in row 2 of n.xlsx, sheet row 3 \('n.d.'"):
        read_spend(path, locale="it")
    rows = [["lead_id", "created_at", "size"], ["a", "31/01/2024", 1.5], ["b", "31/01/2024", "2,5"]]
    size = read_leads(sheet(tmp_path / "l.xlsx", rows), locale="it")["size"]
    assert size.tolist() == [1.5, 2.5]


@pytest.mark.parametrize("odd", [45100, 1.5, True, "2024-01-01"])
def test_numbers_among_datetimes_are_refused(odd):
    frame = leads(created_at=[dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2), odd])
    with pytest.raises(SourceError, match=r"'created_at' holds date values, and .* in row 3"):
        read_leads(frame)


def test_numbers_among_dates_of_a_sheet_are_refused(tmp_path):
    rows = [["lead_id", "created_at"], ["a", dt.datetime(2024, 1, 1)], ["b", 45100]]
    with pytest.raises(InputError, match=r"holds a number and no date in row 2 .*'45100'"):
        read_leads(sheet(tmp_path / "l.xlsx", rows))
    rows[2][1] = "31/01/2024"
    read = read_leads(sheet(tmp_path / "t.xlsx", rows), locale="it")["created_at"]
    assert read.dt.day.tolist() == [1, 31]


def test_truth_among_numbers_is_refused():
    with pytest.raises(SourceError, match="mixes types"):
        read_leads(leads(size=[1.5, True]))


def test_bad_input_6_zones_of_datetime_objects():
    utc, rome = dt.UTC, ZoneInfo("Europe/Rome")
    naive, aware = dt.datetime(2024, 7, 1, 10), dt.datetime(2024, 7, 1, 10, tzinfo=utc)
    with pytest.raises(
        InputError, match=r"mixes times without a zone \(row 1\) and with one \(row 2\)"
    ):
        read_leads(leads(created_at=[naive, aware]))
    west = aware.replace(tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    with pytest.raises(InputError, match="mixes time zones: offsets"):
        read_leads(leads(created_at=[aware, west]))
    assert read_leads(leads(created_at=[naive]), tz="Europe/Rome")["created_at"][0].hour == 8
    seasons = [naive.replace(tzinfo=rome), dt.datetime(2024, 1, 1, 10, tzinfo=rome)]
    assert read_leads(leads(created_at=seasons))["created_at"].dt.hour.tolist() == [8, 9]
    both = [dt.date(2024, 7, 1), dt.datetime(2024, 7, 1, 10)]
    assert read_leads(leads(created_at=both))["created_at"].dt.hour.tolist() == [0, 10]


@pytest.mark.parametrize(
    "ids", [[1.0, 2.0**53], [1.0, np.inf], np.array([1, 2**24], dtype="float32")]
)
def test_ids_that_a_float_cannot_hold_are_refused(ids):
    frame = pd.DataFrame({"lead_id": ids, "created_at": ["2024-01-31"] * 2})
    with pytest.raises(InputError, match=r"in row 2 .*Read the column as text"):
        read_leads(frame)


def test_long_ids_are_exact_or_refused(tmp_path):
    long = 2**70 + 1
    assert read_leads(leads(person_id=[long, 1]))["person_id"].tolist() == [str(long), "1"]
    rows = [["lead_id", "created_at"], [12345678901234567000000, "2024-01-31"]]
    with pytest.raises(InputError, match="'lead_id' holds numbers too long"):
        read_leads(sheet(tmp_path / "l.xlsx", rows))
    rows += [["a", "2024-01-31"]]
    with pytest.raises(InputError, match="'lead_id' holds numbers too long to be exact in row 1"):
        read_leads(sheet(tmp_path / "m.xlsx", rows))


def test_a_wrong_dimension_of_a_sheet_loses_no_row(tmp_path):
    path = sheet(tmp_path / "s.xlsx", spends("1.00", "2.00", "3.00"))
    before = b'<dimension ref="A1:C4"'
    repacked(path, lambda name, data: data.replace(before, b'<dimension ref="A1:B2"'))
    assert read_spend(path)["spend"].sum() == Decimal(6)


def test_cells_without_a_header_are_refused(tmp_path):
    rows = spends("1.00", "2.00")
    rows[1].append("n.b.")
    with pytest.raises(SourceError, match=r"column D has cells and no header, in row 1 .*row 2"):
        read_spend(sheet(tmp_path / "s.xlsx", rows))
    csv = tmp_path / "s.csv"
    csv.write_text("date,channel,spend,\n2024-01-01,x,1.00,\n2024-01-08,x,1.00,n.b.\n")
    with pytest.raises(SourceError, match="column 4 has cells and no header, in row 2"):
        read_spend(csv)
    csv.write_text("date,channel,spend,,\n2024-01-01,x,1.00,,\n")
    assert read_spend(csv).columns.tolist() == ["date", "channel", "spend"]


def test_formulas_without_a_stored_result_are_refused(tmp_path):
    path = sheet(tmp_path / "s.xlsx", spends("1.00", "=1+1"))
    with pytest.raises(SourceError, match=r"formulas without a stored result in cells 'C3'"):
        read_spend(path)
    stored = (b"<v></v>", b"<v />", b"<v/>")

    def saved(name, data):
        for empty in stored:
            data = data.replace(b"<f>1+1</f>" + empty, b"<f>1+1</f><v>2</v>")
        return data

    assert read_spend(repacked(path, saved))["spend"].tolist() == [1, 2]


def test_bad_input_29_damaged_workbooks(tmp_path):
    path = sheet(tmp_path / "s.xlsx", spends("1.00"))
    cut = repacked(path, lambda n, data: data[: len(data) // 2] if "sheet1" in n else data)
    with pytest.raises(SourceError, match="not a whole Excel workbook"):
        read_spend(cut)
    book = openpyxl.Workbook()
    chart = BarChart()
    chart.add_data(Reference(book.worksheets[0], 1, 1, 1, 2))
    book.create_chartsheet("Chart").add_chart(chart)
    book.remove(book.worksheets[0])
    book.save(tmp_path / "chart.xlsx")
    with pytest.raises(SourceError, match="no sheet with cells, only charts"):
        read_spend(tmp_path / "chart.xlsx")
    with pytest.raises(SourceError, match="has no sheet 'Chart'"):
        read_spend(tmp_path / "chart.xlsx", table="Chart")


def test_remarks_of_the_excel_library_do_not_leak(tmp_path):
    path = sheet(tmp_path / "s.xlsx", spends("1.00"))
    bare = b"<cellXfs"
    repacked(
        path,
        lambda n, data: (
            data.replace(b"<cellStyles", b"<old").replace(b"</cellStyles", b"</old")
            if n.endswith("styles.xml") and bare in data
            else data
        ),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_spend(path)) == 1


def test_polars_categories_are_text():
    frame = pl.DataFrame(
        {
            "person_id": ["p", "q"],
            "touched_at": ["2024-01-31"] * 2,
            "channel": pl.Series(["Email", None], dtype=pl.Categorical),
            "source": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
        }
    )
    read = read_touches(frame)
    assert read["source"].tolist() == ["a", "b"]
    assert read["channel"].iloc[0] == "Email"
    assert len(read_touches(pl.concat([frame, frame], rechunk=False))) == 4


def test_frames_of_odd_types_are_read_or_refused_by_us():
    key = uuid.uuid4()
    assert read_leads(leads(lead_id=[key]))["lead_id"].tolist() == [str(key)]
    assert read_leads(leads(lead_id=[b"a"]))["lead_id"].tolist() == ["a"]
    twice = pd.DataFrame([["a", "b", "2024-01-31"]], columns=["lead_id", "lead_id", "created_at"])
    with pytest.raises(InputError, match="the column 'lead_id' more than once"):
        read_leads(twice)
    sparse = leads(size=[1]).assign(size=pd.arrays.SparseArray([1.5]))
    assert read_leads(sparse)["size"].tolist() == [1.5]
    periods = leads(lead_id=["a"]).assign(lead_id=pd.period_range("2024-01", periods=1, freq="M"))
    with pytest.raises(InputError, match="not text"):
        read_leads(periods)
    for odd in (object(), 1j, b"\xff"):
        with pytest.raises(MmmError, match=r"objects|binary values"):
            read_leads(leads(lead_id=[odd]))
    with pytest.raises(SourceError, match=r"half a character in row 1 .*Replace it"):
        read_leads(leads(lead_id=["\ud800"]))
    if hasattr(pl, "Int128"):
        wide = pl.DataFrame({"lead_id": pl.Series([2**80], dtype=pl.Int128)})
        with pytest.raises(SourceError, match=r"type that Arrow lacks|no column"):
            read_leads(wide)
    with pytest.raises(SourceError, match="Python objects"):
        read_leads(pl.DataFrame({"lead_id": pl.Series([key], dtype=pl.Object)}))
    with pytest.raises(SourceError, match="cannot read a LazyFrame"):
        read_leads(pl.LazyFrame({"lead_id": ["a"]}))


def test_telephone_numbers_stay_text():
    phones = ["+390212345", "+390298765"]
    assert read_leads(leads(phone=phones))["phone"].tolist() == phones


def test_notes_of_other_tables_and_hands_are_not_ours():
    frame = leads(lead_id=["a"])
    frame.attrs["notes"] = "call Anna"
    assert not any("Anna" in note or note == "c" for note in read_leads(frame).attrs["notes"])
    read = read_leads(leads(lead_id=["a"]))
    assert read_leads(read).attrs["notes"] == read.attrs["notes"]
    read.attrs["table"] = "deals"
    assert read_leads(read).attrs["notes"] == ()


def test_blanks_around_column_names_are_taken_off():
    frame = leads(lead_id=["a"]).rename(columns={"lead_id": " id "})
    for name in ("id", " id "):
        read = read_leads(frame, columns={"lead_id": name})
        assert any("lose the blanks" in note and "' id '" in note for note in read.attrs["notes"])


def test_all_missing_columns_of_any_type_are_missing():
    frame = pd.DataFrame({"deal_id": ["d"], "closed_at": [np.nan], "won": ["open"]})
    assert read_deals(frame)["closed_at"].isna().all()
    assert pa.types.is_floating(pa.array(frame["closed_at"]).type)


def sqlite(tmp_path, *statements):
    import sqlite3

    with sqlite3.connect(tmp_path / "crm.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return f"sqlite:///{tmp_path}/crm.db"


def test_sqlite_may_hold_anything_in_any_column(tmp_path):
    url = sqlite(
        tmp_path,
        "create table s (date date, channel text, spend numeric(10, 2))",
        "insert into s values ('08/01/2024', 'x', 9007199254740993), ('01/01/2024', 'x', '1,50')",
    )
    read = read_spend(url, table="s", locale="it")
    assert read["spend"].tolist() == [Decimal(2**53 + 1), Decimal("1.50")]
    assert read["date"].dt.day.tolist() == [8, 1]
    url = sqlite(tmp_path, "update s set spend = 'abc' where channel = 'x'")
    with pytest.raises(InputError, match="is not a number"):
        read_spend(url, table="s", locale="it")


def test_wrong_database_addresses(tmp_path):
    for url in (f"sqlite:///{tmp_path}/none.db", "postgresql://u@h:port/db", "sqlite://x:y:z"):
        with pytest.raises(SourceError, match="cannot read the"):
            read_spend(url, table="s")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(SourceError, match="holds no table"):
        read_spend(sqlite(tmp_path), table="s")


def test_a_workbook_of_several_sheets_says_which_one_is_read(tmp_path):
    path = sheet(tmp_path / "spend.xlsx", spends(1, 2), title="Costs")
    assert not any("sheet" in note for note in read_spend(path).attrs["notes"])
    book = openpyxl.load_workbook(path)
    book.create_sheet("Pivot")
    book.save(path)
    said = "spend: the first sheet is read, 'Costs', not 'Pivot'; the setting table chooses another"
    assert said in read_spend(path).attrs["notes"]
    assert said not in read_spend(path, table="Costs").attrs["notes"]
