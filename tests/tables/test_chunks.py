"""Tables in pieces: each cell as it is read at once."""

import numpy as np
import pandas as pd
import pytest

from mmm.errors import InputError, SourceError
from mmm.tables.chunks import read_chunks
from mmm.tables.mixed import read_mixed

KINDS = {"id": "text", "born": "instant"}


def some_table(n=700, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": [f"{i:05d}" for i in range(n)],
            "born": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 99, n), unit="D"),
            "small": rng.normal(size=n) * 1e-5,
            "count": np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 9, n)),
            "late text": ["7"] * (n - 1) + ["seven"],
            "late decimal": ["7"] * (n - 1) + ["7.25"],
            "maybe thousands": ["1.500"] * n,
            "no word yet": [None] * (n - 1) + ["x"],
            "word": rng.choice(["fair", 'web; "quoted", with\na line', "caffè", ""], n),
            "flag": rng.choice([True, False], n),
        }
    )


@pytest.mark.parametrize("n_rows", [1, 130, 700, 50_000])
@pytest.mark.parametrize("kind", ["csv", "parquet", "frame", "bom", "latin", "gz", "italian"])
def test_pieces_hold_what_reading_at_once_holds(tmp_path, kind, n_rows):
    if n_rows == 1 and kind not in {"csv", "parquet"}:
        pytest.skip("told by the others")
    table = some_table(60 if n_rows == 1 else 700)
    options = {"tz": "Europe/Rome"}
    source = tmp_path / f"t.{'parquet' if kind == 'parquet' else 'csv'}"
    if kind == "parquet":
        table.to_parquet(source, row_group_size=90)
    elif kind == "frame":
        source = table
    elif kind == "gz":
        source = tmp_path / "t.csv.gz"
        table.to_csv(source, index=False)
    elif kind == "italian":
        table.to_csv(source, index=False, sep=";", decimal=",")
        options["locale"] = "it"
    else:
        code = {"bom": "utf-8-sig", "latin": "cp1252"}.get(kind, "utf-8")
        table.to_csv(source, index=False, encoding=code)
    whole = read_mixed(source, KINDS, **options)
    chunks = read_chunks(source, KINDS, n_rows=n_rows, **options)
    assert chunks.n_rows == len(table)
    assert chunks.notes == whole.attrs["notes"]
    for _ in range(2):  # as often as asked
        pieces = list(chunks)
        assert {len(piece) for piece in pieces[:-1]} <= {n_rows}
        joined = pd.concat(pieces)
        assert joined.columns.tolist() == whole.columns.tolist()
        for name in whole:
            left, right = joined[name], whole[name]
            if pd.api.types.is_numeric_dtype(right):
                left, right = left.astype("float64"), right.astype("float64")
            pd.testing.assert_series_equal(
                left.astype(object), right.astype(object), check_dtype=False
            )


def test_small_numbers_are_numbers_and_codes_are_not(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,small,code\n1,9.1e-05,1E5\n2,0.25,2E5\n3,-1e+16,77\n")
    frame = read_mixed(path, {"id": "text"})
    assert frame["small"].tolist() == [9.1e-05, 0.25, -1e16]
    assert frame["code"].tolist() == ["1E5", "2E5", "77"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,born,a\n1,2025-01-01,x\n2,2025-01-02\n", "line 3: 2 fields where the header has 3"),
        ('id,born,a\n1,2025-01-01,"x\n2,2025-01-02,y\n', "a quote is opened and not closed"),
        ("id,born\n", "a header and no rows"),
        ("", "empty"),
        ("id,a\n1,2\n", "no column 'born'; found 'id', 'a'"),
        ("id,born,a,a\n1,2025-01-01,x,y\n", "more than once"),
        ("id,born\n1,2025-01-01\n2,soon\n", "row 2 of t.csv, line 3"),
        ("id,born\n1,2025-01-01\n2,03/04/2025\n", "can be read in two ways"),
    ],
)
def test_what_is_wrong_is_told_as_where_it_is_read_at_once(tmp_path, text, said):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises((InputError, SourceError)) as whole:
        read_mixed(path, KINDS)
    with pytest.raises((InputError, SourceError)) as pieces:
        read_chunks(path, KINDS)
    assert str(pieces.value) == str(whole.value)
    assert said in str(whole.value)


def test_a_parquet_file_that_is_cut_off(tmp_path):
    path = tmp_path / "t.parquet"
    some_table().to_parquet(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(SourceError, match="not a whole Parquet file"):
        read_chunks(path, KINDS)
