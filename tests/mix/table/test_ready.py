"""A finished table of periods: typed, or refused with the row and the cure."""

import pandas as pd
import pytest

from mmm.errors import InputError, SourceError
from mmm.mix import read_mix

ROWS = {"week": ["2025-01-06", "2025-01-13"], "sales": [1.5, 2.5], "ads": [3, 0], "price": [0.1, 1]}
ASKED = {"date": "week", "outcome": "sales", "channels": ["ads"], "controls": ["price"]}


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_files_of_all_kinds_read_alike(tmp_path, ending):
    path = tmp_path / f"weeks.{ending}"
    frame = pd.DataFrame(ROWS | {"note": ["x", None]})
    write = {"csv": frame.to_csv, "parquet": frame.to_parquet, "xlsx": frame.to_excel}[ending]
    write(path, index=False)
    found = read_mix(path, **ASKED)
    assert found.columns.tolist() == ["week", "sales", "ads", "price"]
    assert found["week"].tolist() == [pd.Timestamp(day) for day in ROWS["week"]]
    assert found.drop(columns="week").to_numpy().tolist() == [[1.5, 3.0, 0.1], [2.5, 0.0, 1.0]]


def test_italian_files_read_with_their_locale(tmp_path):
    path = tmp_path / "settimane.csv"
    path.write_text("settimana;ricavi;fiere\n06/01/2025;1.000;20\n03/02/2025;900;0\n", "utf-8")
    asked = {"date": "settimana", "outcome": "ricavi", "channels": ["fiere"]}
    found = read_mix(path, **asked, locale="it")
    assert found["ricavi"].tolist() == [1000.0, 900.0]
    assert found["settimana"].tolist()[1] == pd.Timestamp("2025-02-03")
    with pytest.raises(InputError, match="settimana"):
        read_mix(path, **asked)


@pytest.mark.parametrize("write", [float, str])
def test_long_decimals_pass_to_nine_of_them(write):
    numbers = [1 / 3, -20000 / 3]
    found = read_mix(pd.DataFrame(ROWS | {"price": list(map(write, numbers))}), **ASKED)
    assert found["price"].tolist() == pytest.approx(numbers, abs=1.1e-9)


def test_a_table_without_rows_or_with_a_doubled_column_is_refused(tmp_path):
    path = tmp_path / "weeks.csv"
    path.write_text("week,sales,ads,price\n", "utf-8")
    with pytest.raises(InputError, match="no rows"):
        read_mix(path, **ASKED)
    path.write_text("week,sales,ads,ads,price\n2025-01-06,1,2,3,4\n", "utf-8")
    with pytest.raises((InputError, SourceError), match="ads"):
        read_mix(path, **ASKED)


@pytest.mark.parametrize(
    ("column", "cells", "said"),
    [
        ("ads", [1.0, None], "'ads' is missing"),
        ("sales", ["1", "many"], "'sales'"),
        ("week", ["2025-01-06", "soon"], "'week'"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named(column, cells, said):
    with pytest.raises(InputError, match=said):
        read_mix(pd.DataFrame(ROWS | {column: cells}), **ASKED)


def test_columns_that_are_absent_or_in_two_roles_are_named(tmp_path):
    frame = pd.DataFrame(ROWS)
    with pytest.raises(InputError, match=r"no column 'fairs'; the table has 'week', 'sales'"):
        read_mix(frame, **ASKED | {"channels": ["ads", "fairs"]})
    with pytest.raises(InputError, match="'ads' stands in two roles"):
        read_mix(frame, **ASKED | {"controls": ["ads"]})
    with pytest.raises(SourceError, match="there is no file"):
        read_mix(tmp_path / "no.csv", **ASKED)
