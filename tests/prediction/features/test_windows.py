import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmm.prediction.features.windows import index_events

DAY = np.datetime64("2025-01-01", "us")
pair = st.tuples(st.integers(-1, 3), st.integers(0, 9))


def instants(days):
    return DAY + np.array(days, dtype="timedelta64[D]").astype("timedelta64[us]")


@given(st.lists(pair, max_size=25), st.lists(pair, min_size=1, max_size=10))
def test_windows_equal_plain_loops(events, queries):
    key = np.array([k for k, _ in events], dtype=np.int64)
    index = index_events(key, instants([d for _, d in events]))
    asked = np.array([k for k, _ in queries], dtype=np.int64)
    at = instants([d for _, d in queries])
    counts = index.up_to(asked, at) - index.before(asked)
    query, event = index.pairs(asked, at)
    for i, (k, day) in enumerate(queries):
        mine = sorted(d for kk, d in events if kk == k and k >= 0 and d <= day)
        assert counts[i] == len(mine)
        found = index.at[event[query == i]]
        np.testing.assert_array_equal(found, instants(mine))
