"""Every kind of source gives the same typed table, and broken ones say where they broke."""

import gzip
from decimal import Decimal

import pandas as pd
import pytest

from mmm.errors import InputError, MmmError, SourceError
from mmm.tables import read_deals, read_leads, read_touches, write_csv

TOUCHES = "person_id,touched_at,channel\np1,2024-03-05T09:30:00Z,Email\n"


def written(tmp_path, text, name="touches.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_every_source_gives_the_same_deals(deals_source):
    source, options = deals_source
    deals = read_deals(source, **options)
    assert deals["deal_id"].tolist() == ["d1", "d2", "d3"]
    assert deals["value"].tolist() == [Decimal("1234.56"), Decimal("0.10"), Decimal("1000.00")]
    assert deals["value"].sum() == Decimal("2234.66")
    assert deals["won"].tolist() == [True, False, pd.NA]
    assert str(deals["closed_at"].dtype) == "datetime64[us, UTC]"
    assert deals["closed_at"].iloc[0] == pd.Timestamp("2024-03-31T10:30:00Z")
    assert pd.isna(deals["closed_at"].iloc[2])
    assert deals["name"].iloc[0] == "Società Più"
    again = read_deals(deals)
    pd.testing.assert_frame_equal(again, deals)


def test_bad_input_28_empty_files(tmp_path):
    with pytest.raises(SourceError, match="is empty"):
        read_touches(written(tmp_path, ""))
    with pytest.raises(InputError, match="has a header and no rows"):
        read_touches(written(tmp_path, "person_id,touched_at,channel\n"))
    path = tmp_path / "touches.csv.gz"
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(SourceError, match="empty once unpacked"):
        read_touches(path)


def test_bad_input_29_broken_files_name_the_line(tmp_path):
    with pytest.raises(SourceError, match="line 3: 1 fields where the header has 3"):
        read_touches(written(tmp_path, TOUCHES + "p2\n"))
    broken = TOUCHES + 'p2,2024-03-06,"Em\np3,2024-03-07,Email\n'
    with pytest.raises(SourceError, match="line 3: a quote is opened and not closed"):
        read_touches(written(tmp_path, broken))
    with pytest.raises(SourceError, match="line 3: a quote"):
        read_touches(written(tmp_path, TOUCHES + 'p2,2024-03-06,"Em"ail\n'))
    cut = tmp_path / "touches.csv.gz"
    cut.write_bytes(gzip.compress(TOUCHES.encode() * 50)[:-12])
    with pytest.raises(SourceError, match="not a whole gzip file"):
        read_touches(cut)
    for name in ("touches.parquet", "touches.xlsx"):
        with pytest.raises(SourceError, match="not a whole"):
            read_touches(written(tmp_path, "no such thing", name))


def test_quoted_fields_may_hold_separators_and_line_ends(tmp_path):
    path = written(tmp_path, TOUCHES + 'p2,2024-03-06T00:00:00Z,"Fiera, ""Mecspe""\nParma"\n')
    assert read_touches(path)["channel"].tolist() == ["Email", 'Fiera, "Mecspe"\nParma']


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8-sig", "byte-order mark"), ("cp1252", "cp1252"), ("utf-16", "UTF-16")],
)
def test_bad_input_30_encodings_are_read_and_said(tmp_path, encoding, said):
    touches = read_touches(written(tmp_path, TOUCHES.replace("Email", "Città"), encoding=encoding))
    assert touches.columns[0] == "person_id"
    assert touches["channel"].tolist() == ["Città"]
    assert any(said in note for note in touches.attrs["notes"])


def test_missing_columns_say_what_was_found_and_the_cure():
    frame = pd.DataFrame({"person_id": ["p"], "Touched_At": ["2024-01-01"], "ch": ["x"]})
    with pytest.raises(InputError) as caught:
        read_touches(frame)
    assert str(caught.value) == (
        "touches has no columns 'touched_at', 'channel or source or medium or campaign'; "
        "found 'person_id', 'Touched_At', 'ch'. "
        "Rename them, or pass columns={'touched_at': 'Touched_At', 'channel': 'your name'}."
    )
    with pytest.raises(InputError) as caught:
        read_touches(frame.rename(columns={"ch": "channel"}))
    assert str(caught.value) == (
        "touches has no column 'touched_at'; found 'person_id', 'Touched_At', 'channel'. "
        "Rename it, or pass columns={'touched_at': 'Touched_At'}."
    )


def test_columns_maps_our_names_to_theirs_and_may_use_one_twice():
    frame = pd.DataFrame({"id": ["7"], "Data": ["2024-01-31"], "extra": [1.5]})
    mapping = {"lead_id": "id", "person_id": "id", "created_at": "Data"}
    leads = read_leads(frame, columns=mapping)
    assert leads.columns.tolist() == ["lead_id", "person_id", "created_at", "extra"]
    with pytest.raises(MmmError, match="columns= names 'when'"):
        read_leads(frame, columns={"when": "Data"})
    with pytest.raises(InputError, match="has no column 'Date'"):
        read_leads(frame, columns={"lead_id": "id", "created_at": "Date"})


def test_ids_are_text_whatever_type_they_come_in():
    frame = pd.DataFrame({"lead_id": [1.0, 22.0], "created_at": ["2024-01-31"] * 2})
    assert read_leads(frame)["lead_id"].tolist() == ["1", "22"]


def test_bad_input_16_unicode_is_normalised_and_kept():
    frame = pd.DataFrame(
        {
            "person_id": ["p", "q"],
            "touched_at": ["2024-01-31"] * 2,
            "channel": ["Caffe\u0301", "عربى"],
        }
    )
    assert read_touches(frame)["channel"].tolist() == ["Caffé", "عربى"]


def test_bad_input_23_duplicate_ids_are_refused_or_counted():
    frame = pd.DataFrame(
        {"lead_id": ["a", "b", "a"], "created_at": ["2024-01-31"] * 3, "n": [1, 2, 3]}
    )
    with pytest.raises(InputError, match=r"the same lead_id in rows 1, 3 \('a'\)"):
        read_leads(frame)
    last = read_leads(frame, on_duplicate="last")
    assert last["n"].tolist() == [2, 3]
    assert "1 rows repeat a lead_id" in last.attrs["notes"][-1]
    assert read_leads(frame, on_duplicate="first")["n"].tolist() == [1, 2]


def test_mixed_types_in_a_frame_are_an_error_of_ours():
    frame = pd.DataFrame({"lead_id": ["a", 1], "created_at": ["2024-01-31"] * 2})
    with pytest.raises(SourceError, match="mixes types"):
        read_leads(frame)


def test_a_wrong_path_or_kind_says_what_is_there(tmp_path):
    written(tmp_path, TOUCHES)
    with pytest.raises(SourceError, match=r"there is no file .*its folder holds 'touches.csv'"):
        read_touches(tmp_path / "touch.csv")
    with pytest.raises(SourceError, match=r"Did you mean 'touches.csv'\? Correct the path"):
        read_touches(tmp_path / "tuoches.csv")
    with pytest.raises(SourceError, match=r"holds 'touches.csv'. Correct the path"):
        read_touches(tmp_path / "spend.parquet")
    with pytest.raises(SourceError, match="unknown ending"):
        read_touches(written(tmp_path, "x", "touches.doc"))
    with pytest.raises(SourceError, match="cannot read a dict"):
        read_touches({"person_id": []})


def test_a_database_lists_its_tables(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "crm.db") as connection:
        connection.execute("create table leads (id text)")
    connection.close()
    with pytest.raises(SourceError, match="has no table 'lead'; found 'leads'"):
        read_leads(f"sqlite:///{tmp_path}/crm.db", table="lead")
    with pytest.raises(SourceError, match="cannot read the sqlite database"):
        read_leads(f"sqlite:///{tmp_path}/no/crm.db", table="lead")


def test_bad_input_33_formulas_are_inert_in_csv(tmp_path):
    hostile = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\ta", "Events"]
    path = write_csv(pd.DataFrame({"channel": hostile, "credit": [-1.5] * 6}), tmp_path / "o.csv")
    lines = path.read_text().splitlines()
    assert lines[1] == "'=cmd|' /C calc'!A0,-1.5"
    assert [line.split(",")[0][0] for line in lines[1:]] == ["'"] * 5 + ["E"]
