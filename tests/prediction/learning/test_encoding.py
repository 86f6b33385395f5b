"""Codes and standard values: nothing lost, nothing that depends on order."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmm.prediction.columns.types import Column, clean_frame, describe_columns
from mmm.prediction.learning.encoding import N_BINS, codes_of, encode, learn_features, values_of

numbers = hnp.arrays(
    np.float64,
    st.integers(1, 400),
    elements=st.one_of(st.floats(-1e9, 1e9), st.just(np.nan)),
)


@given(numbers)
def test_codes_of_numbers_follow_their_order(x):
    frame = pd.DataFrame({"a": x})
    learnt = learn_features(frame, [Column("a", "number")])
    if not learnt:
        assert np.isnan(x).all()
        return
    codes = codes_of(learnt[0], frame["a"])
    assert ((codes == 0) == np.isnan(x)).all()
    assert codes.max() < learnt[0].n_codes <= N_BINS + 2
    known = ~np.isnan(x)
    order = np.argsort(x[known])
    assert (np.diff(codes[known][order].astype(int)) >= 0).all()


def test_few_distinct_numbers_each_have_a_code():
    frame = pd.DataFrame({"a": np.tile([1.0, 2.0, 7.0], 5)})
    feature = learn_features(frame, [Column("a", "number")])[0]
    assert len(np.unique(codes_of(feature, frame["a"]))) == 3


def test_values_are_standard_and_end_with_the_range_seen():
    frame = pd.DataFrame({"a": np.arange(10.0)})
    feature = learn_features(frame, [Column("a", "number")])[0]
    seen = values_of(feature, frame["a"])
    assert abs(seen.mean()) < 1e-12
    assert abs(seen.std() - 1) < 1e-12
    assert values_of(feature, pd.Series([1e9]))[0] == seen.max()


def test_rare_and_new_levels_share_the_code_of_others():
    cells = ["often"] * 60 + ["rare"]
    frame = clean_frame(pd.DataFrame({"a": cells}))
    feature = learn_features(frame, describe_columns(pd.DataFrame({"a": cells})))[0]
    assert feature.levels == ("often",)
    new = clean_frame(pd.DataFrame({"a": ["rare", "new", None, "often"]}), [feature.column])
    other = feature.n_codes - 1
    assert codes_of(feature, new["a"]).tolist() == [other, other, 0, 1]


def test_encoding_does_not_depend_on_the_order_of_columns():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"b": rng.normal(size=50), "a": rng.choice(["x", "y"], 50)})
    columns = describe_columns(frame)
    one = encode(learn_features(clean_frame(frame), columns), clean_frame(frame))
    two = encode(learn_features(clean_frame(frame), columns[::-1]), clean_frame(frame[["a", "b"]]))
    assert (one.codes == two.codes).all()
    assert (one.values == two.values).all()


def test_dates_are_days():
    frame = clean_frame(pd.DataFrame({"a": pd.to_datetime(["2025-01-01", "2025-01-11", None])}))
    feature = learn_features(frame, [Column("a", "date")])[0]
    assert feature.high - feature.low == 10
    assert codes_of(feature, frame["a"]).tolist() == [1, 2, 0]
