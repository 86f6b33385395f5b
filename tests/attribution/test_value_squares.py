"""Intervals of aggregated rows: sums of squares stand in for the single deals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.attribution import first_touch, last_touch, linear, markov
from mmm.attribution.uncertainty import share_covariance
from mmm.errors import InputError
from mmm.journeys import Journeys

MODELS = [first_touch, last_touch, linear, markov]
deals = st.lists(
    st.tuples(
        st.sampled_from(["a", "b > a", "a > b", "c > b"]),
        st.one_of(st.just(0.0), st.floats(1.0, 100.0)),
    ),
    min_size=12,
    max_size=40,
)


def single_and_added_up(rows):
    """Return the same deals, and one null each, a row a deal and a row a path."""
    paths, values = [path for path, _ in rows], np.array([value for _, value in rows])
    names, group = np.unique(paths, return_inverse=True)
    n = np.bincount(group).astype(float)
    single = Journeys.from_paths(paths, value=values, nulls=np.ones(len(rows)))
    added = Journeys.from_paths(
        names.tolist(),
        conversions=n,
        value=np.bincount(group, weights=values),
        nulls=n,
        value_squares=np.bincount(group, weights=values**2),
    )
    return single, added


@given(deals, st.sampled_from(MODELS), st.sampled_from(["value", "conversions"]))
def test_rows_added_up_have_the_intervals_of_single_deals(rows, model, measure):
    single, added = single_and_added_up(rows)
    one, other = model(single, measure=measure), model(added, measure=measure)
    # Sums in another order; the square root of a variance near 0 doubles their error.
    np.testing.assert_allclose(other.share, one.share, rtol=1e-9, atol=1e-12)
    for bound in ("lower", "upper"):
        found, expected = getattr(other, bound), getattr(one, bound)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    if one.sampling is not None and other.sampling is not None:
        np.testing.assert_allclose(
            share_covariance(other.sampling, other.share),
            share_covariance(one.sampling, one.share),
            rtol=1e-6,
            atol=1e-12,
        )


def test_without_squares_intervals_of_value_are_refused():
    journeys = Journeys.from_paths(["a", "b"], conversions=[9, 9], value=[90.0, 10.0])
    result = first_touch(journeys)
    assert np.isnan(result.lower).all()
    assert any("value_squares" in note for note in result.notes)


@pytest.mark.parametrize("squares", [[49.0], [101.0], [-1.0], [float("nan")], [50.0, 1.0]])
def test_squares_that_no_deals_have_are_refused(squares):
    with pytest.raises(InputError, match="value_squares"):
        Journeys.from_paths(["a"], conversions=[2], value=[10.0], value_squares=squares)
