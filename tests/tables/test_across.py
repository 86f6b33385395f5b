"""Months across: a plan is the long table that it shows, to the cent, or it is refused."""

import datetime
from decimal import Decimal

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.cli.shell import for_shell
from mmm.errors import ConfigError, InputError
from mmm.tables import read_spend
from mmm.tables.across import months_of
from mmm.wording.translated import translated

ITALIAN = ("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto",
           "settembre", "ottobre")  # fmt: skip
CHANNEL = {"channel": "Canale"}
PLAN = pd.DataFrame(
    {
        "Canale": ["Fiere", "Agenzia", "Totale"],
        "Note": ["Mecspe", None, None],
        "gen 2025": ["1.000,10", "200,00", "1.200,10"],
        "feb-25": ["0", "1", "1"],
        "03/2025": ["5,50", "1.234,00", "1.239,50"],
        "Totale": ["1.005,60", "1.435,00", "2.440,60"],
    }
)


def read(plan, **more):
    return read_spend(plan, CHANNEL, "it", **more)


def refused(plan, said, **more):
    with pytest.raises(InputError, match=said) as caught:
        read(plan, **more)
    shown = for_shell(str(caught.value), with_file=True)
    assert translated(shown, "it") != shown


WAYS = (
    lambda year, month: f"{ITALIAN[month - 1][:3]} {year}",
    lambda year, month: f"{ITALIAN[month - 1].title()} {year}",
    lambda year, month: f"{datetime.date(year, month, 1):%b}-{year % 100}",
    lambda year, month: f"{datetime.date(year, month, 1):%B %Y}",
    lambda year, month: f"{year}-{month:02}",
    lambda year, month: f"{month:02}/{year}",
    lambda year, month: f"{year}-{month:02}-01 00:00:00",
    lambda year, month: str((pd.Timestamp(year, month, 1) + pd.offsets.MonthEnd()).date()),
)


@given(
    st.lists(st.lists(st.integers(0, 10**11), min_size=10, max_size=10), min_size=1, max_size=4),
    st.lists(st.sampled_from(WAYS), min_size=10, max_size=10),
    st.booleans(),
)
def test_a_plan_is_the_long_table_to_the_cent(cents, ways, totals):
    rows = [[Decimal(one).scaleb(-2) for one in row] for row in cents]
    heads = [way(2025, month) for month, way in enumerate(ways, start=1)]
    names = [f"Channel {number}" for number in range(len(rows))]
    plan = pd.DataFrame(rows, columns=heads).assign(Canale=names)
    if totals:
        plan["TOTALE"] = [sum(row, Decimal(0)) for row in rows]
        last = {name: sum(plan[name], Decimal(0)) for name in [*heads, "TOTALE"]}
        plan = pd.concat([plan, pd.DataFrame([last | {"Canale": "Totale generale"}])])
    plan = plan.astype({name: str for name in plan.columns})
    melted = [
        {"date": f"2025-{month:02}-01", "channel": name, "spend": str(amount)}
        for name, row in zip(names, rows, strict=True)
        for month, amount in enumerate(row, start=1)
    ]
    found, long = read_spend(plan, CHANNEL, "en"), read_spend(pd.DataFrame(melted))
    assert found.attrs["every"] == "month"
    kinds = {"spend": object}
    pd.testing.assert_frame_equal(found.astype(kinds), long.astype(kinds))


def test_totals_are_left_out_with_a_note_and_other_columns_are_named():
    found = read(PLAN)
    assert found["spend"].sum() == Decimal("2440.60")
    assert set(found["channel"]) == {"Fiere", "Agenzia"}
    assert found.attrs["notes"] == (
        "spend: each of 3 columns, 'gen 2025' to '03/2025', is a month; not read: 'Note'",
        "spend: the column 'Totale' is left out: it is the sum of its months",
        "spend: row 3 is left out: it is the sum of the rows above",
    )
    assert all(translated(note, "it") != note for note in found.attrs["notes"])
    nameless = PLAN.assign(Canale=["Fiere", "Agenzia", None])
    assert read(nameless)["spend"].sum() == Decimal("2440.60")
    both = PLAN.assign(**{"dic-24": ["1", "1", "2"], "Tot. 2024": ["1", "1", "2"]})
    both["Totale"] = None
    assert read(both, fill="zero")["spend"].sum() == Decimal("2442.60")


def test_what_is_called_a_total_and_is_not_the_sum_is_refused():
    off = PLAN.copy()
    off.loc[0, "Totale"] = "1.005,61"
    refused(off, r"'Totale' is 1005\.61 in row 1, and its months add up to 1005\.60")
    off = PLAN.drop(columns="Totale")
    off.loc[2, "feb-25"] = "2,01"
    refused(off, r"'feb-25' is 2\.01 in row 3, a row of totals, and the rows above add up to 1\.00")
    first = PLAN.iloc[[2, 0, 1]]
    refused(first, "names a row of totals")
    empty = PLAN.assign(Totale=None)
    empty.iloc[2, 2:] = None
    refused(empty, "names a row of totals")


def test_a_last_row_without_a_name_that_is_no_sum_counts():
    rest = PLAN.drop(columns="Totale").assign(Canale=["Fiere", "Agenzia", None])
    rest.loc[2, "feb-25"] = "7"
    found = read(rest)
    assert found["spend"].sum() == Decimal("4887.20")
    assert "spend: 1 rows have no channel" in " ".join(found.attrs["notes"])


def test_headings_that_are_no_sure_months_are_refused_with_a_cure():
    plan = PLAN.drop(columns="Totale")
    bare = plan.rename(columns={"gen 2025": "gennaio", "feb-25": "Feb."})
    refused(bare, r"without its year: 'gennaio', 'Feb\.'\. Rename them as in 'gennaio 2025'")
    days = plan.rename(columns={"gen 2025": "gen-01", "feb-25": "gen-02", "03/2025": "gen-03"})
    refused(days, r"may be months or days: 'gen-01'.*four digits")
    refused(plan.rename(columns={"gen 2025": "02/2025"}), "a month in two columns: '02/2025', 'feb")
    refused(plan.rename(columns={"Canale": "Voce"}).assign(Voce="x"), "no column 'Canale'")
    with pytest.raises(InputError, match=r"found 'Canale', 'Note'\. .*columns=\{'channel': "):
        read_spend(plan, locale="it")
    assert months_of(["13/2025", "00/2025", "2025-01-15", "maria 2025", "mar 1925"], {}) == {}
    assert months_of(["date", "gen 2025", "feb 2025"], {}) == {}


def test_a_missing_amount_is_named_by_its_month_and_filled_where_asked():
    hole = PLAN.drop(columns="Totale").iloc[:2].copy()
    hole.loc[1, "feb-25"] = None
    refused(hole, r"column 'feb-25' is missing in row 2")
    assert read(hole, fill="zero")["spend"].sum() == Decimal("2439.60")
    refused(hole.drop(columns="feb-25"), "misses 2 months")
    hole.loc[1, "feb-25"] = "-1"
    refused(hole, r"column 'feb-25' is negative in row 2 \(-1\.00\)")
    with pytest.raises(ConfigError, match="is no mapping"):
        read_spend(hole, "Canale")


def test_a_workbook_with_a_title_and_dates_for_headings_is_read(tmp_path):
    book = openpyxl.Workbook()
    months = [datetime.datetime(2025, month, 1) for month in (1, 2, 3)]
    amounts = [[0.1, 0.2, 0.7], [1.1, 2.2, 3.3]]
    totals = [a + b for a, b in zip(*amounts, strict=True)]
    for row in (
        ["Piano media 2025"],
        ["Canale", *months, "Totale"],
        ["Fiere", *amounts[0], sum(amounts[0])],
        ["Agenzia", *amounts[1], sum(amounts[1])],
        ["Totale", *totals, sum(totals)],
    ):
        book.active.append(row)
    book.save(tmp_path / "piano.xlsx")
    found = read_spend(tmp_path / "piano.xlsx", CHANNEL)
    assert found["spend"].sum() == Decimal("7.60")
    assert "row 3 of piano.xlsx, sheet row 5 is left out" in found.attrs["notes"][-1]


def test_a_plan_of_which_no_column_is_the_channel_names_the_one_that_may_be():
    plan = pd.DataFrame({"Canale": ["A"], "gen 2025": [1], "feb 2025": [2], "Totale": [3]})
    with pytest.raises(InputError, match=r"found 'Canale', 'Totale'. .*\{'channel': 'Canale'\}\.$"):
        read_spend(plan)
    with pytest.raises(InputError, match=r"\{'channel': 'your name'\}\.$"):
        read_spend(plan.assign(Note="x"))
