"""Mixed tables: the columns named are typed, the others are features."""

from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from mmm.errors import InputError
from mmm.tables.mixed import read_mixed


def test_an_italian_file(tmp_path):
    path = tmp_path / "lead.csv"
    path.write_text("Codice;Creato;Fatturato;Fonte\n007;31/03/2025;1.234,5;fiera\n8;01/04/2025;;\n")
    frame = read_mixed(path, {"Codice": "text", "Creato": "instant"}, locale="it", tz="Europe/Rome")
    assert frame["Codice"].tolist() == ["007", "8"]
    assert frame["Creato"][0] == pd.Timestamp("2025-03-30 22:00", tz="UTC")
    assert frame["Fatturato"][0] == 1234.5
    assert frame["Fatturato"].isna().tolist() == [False, True]
    assert list(frame.columns) == ["Codice", "Creato", "Fatturato", "Fonte"]


def test_decimals_are_numbers():
    table = pa.table({"id": ["a"], "revenue": pa.array([Decimal("10.50")])})
    assert read_mixed(table, {"id": "text"})["revenue"].dtype == "float64"


@pytest.mark.parametrize(
    ("names", "said"),
    [(["id", "id"], "more than once"), (["name", "b"], "no column 'id'; found 'name', 'b'")],
)
def test_columns_that_are_doubled_or_missing(names, said):
    table = pa.table([["a"], ["b"]], names=names)
    with pytest.raises(InputError, match=said):
        read_mixed(table, {"id": "text"})


def test_a_table_without_rows():
    with pytest.raises(InputError, match="no rows"):
        read_mixed(pd.DataFrame({"id": pd.Series([], dtype="str")}), {"id": "text"})
