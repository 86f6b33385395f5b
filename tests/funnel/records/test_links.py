"""Who stands behind a deal: the short way to the first and last event is the long one."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mmm.funnel.records.links import events, extreme, extreme_of

IDS = st.sampled_from(["a", "b", "c", None])
ROWS = st.lists(st.tuples(IDS, IDS, st.integers(0, 5) | st.none(), st.booleans()), max_size=12)


def as_table(rows):
    day = pd.Timestamp("2025-01-01", tz="UTC")
    return pd.DataFrame(
        {
            "person_id": pd.Series([one[0] for one in rows], dtype="str"),
            "account_id": pd.Series([one[1] for one in rows], dtype="str"),
            "at": pd.Series(
                [pd.NaT if one[2] is None else day + pd.Timedelta(days=one[2]) for one in rows],
                dtype="datetime64[us, UTC]",
            ),
        }
    )


@given(ROWS, ROWS, st.sampled_from(["first", "last"]), st.sampled_from(["person_id", None]))
def test_the_extreme_of_a_table_is_that_of_its_events(mine, theirs, which, gone):
    frame, table = as_table(mine), as_table(theirs)
    if gone is not None:
        table = table.drop(columns=gone)
    keep = pd.Series([one[3] for one in theirs], dtype=bool).to_numpy()
    short = extreme_of(frame, table, "at", which, keep)
    pd.testing.assert_series_equal(short, extreme(frame, events(table, "at", keep), which))


def test_events_of_one_instant_keep_the_order_of_the_table():
    table = as_table([("b", "x", 1, True), ("a", "x", 1, True), ("c", None, 0, True)])
    assert events(table, "at")["key"].tolist() == [
        "person c",
        "person b",
        "person a",
        "account x",
        "account x",
    ]
