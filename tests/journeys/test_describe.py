import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys, build_journeys, path_lengths, time_lags, top_paths
from mmm.simulate.log import LogSettings, write_log

rows = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=15,
)


def make(rows):
    paths, won, nulls = zip(*rows, strict=True)
    return Journeys.from_paths(paths, conversions=won, value=[2.0 * n for n in won], nulls=nulls)


@given(rows, st.booleans())
def test_top_paths_add_up_and_equal_a_groupby(rows, collapse):
    journeys = make(rows)
    frame = top_paths(journeys, 1000, collapse=collapse)

    def shown(path):
        kept = [c for i, c in enumerate(path) if not collapse or i == 0 or path[i - 1] != c]
        return " > ".join(kept)

    plain = pd.DataFrame(
        {"path": [shown(path) for path, _, _ in rows], "n": [n for _, n, _ in rows],
         "all": [n + m for _, n, m in rows]}
    ).groupby("path").sum()  # fmt: skip
    assert dict(zip(frame["path"], frame["conversions"], strict=True)) == plain["n"].to_dict()
    assert dict(zip(frame["path"], frame["journeys"], strict=True)) == plain["all"].to_dict()
    assert frame["conversions"].is_monotonic_decreasing
    assert frame["value"].sum() == journeys.value.sum()
    assert top_paths(journeys, 1, collapse=collapse)["path"].tolist() == frame["path"].tolist()[:1]


@given(rows)
def test_path_lengths_add_up(rows):
    journeys = make(rows)
    frame = path_lengths(journeys)
    assert frame["conversions"].sum() == journeys.conversions.sum()
    assert frame["journeys"].sum() == (journeys.conversions + journeys.nulls).sum()
    assert frame["n_touches"].tolist() == sorted({len(path) for path, _, _ in rows})


def test_time_lags_are_days_to_the_close(tmp_path):
    log = write_log(tmp_path, LogSettings(n_touches=2000, base=-4.0))
    journeys = build_journeys(log.touches, log.deals)
    lags = time_lags(journeys)
    won = journeys.conversions > 0
    assert len(lags) == journeys.lengths[won].sum()
    assert (lags["days_to_close"] >= 0).all()
    last = lags[lags["from_end"] == 0]
    expected = (journeys.closed_at - journeys.touched_at[journeys.start[1:] - 1])[won]
    np.testing.assert_allclose(last["days_to_close"], expected / np.timedelta64(1, "D"))
    assert last["deal_id"].tolist() == journeys.deal_id[won].tolist()


def test_bare_paths_have_no_time_lags_and_a_number_of_paths_is_asked_for():
    journeys = Journeys.from_paths(["a"])
    with pytest.raises(InputError, match="carry no instants"):
        time_lags(journeys)
    with pytest.raises(ConfigError, match="how many paths"):
        top_paths(journeys, 0)
    assert top_paths(Journeys.from_paths([])).empty
