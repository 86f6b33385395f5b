import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import ConfigError, InputError
from mmm.prediction.splits import group_labels, time_folds

rows = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), min_size=4, max_size=60).filter(
    lambda pairs: len({when for when, _ in pairs}) > 1
)


@given(rows, st.integers(1, 6))
def test_folds_train_on_the_past_and_keep_groups_apart(pairs, n_folds):
    when, group = (np.array(column) for column in zip(*pairs, strict=True))
    folds = time_folds(when, n_folds, groups=group)
    tested = [test for _, test in folds]
    assert len(folds) <= n_folds
    for train, test in folds:
        assert len(train)
        assert len(test)
        assert when[train].max() < when[test].min()
        assert not set(group[train]) & set(group[test])
    assert len(set(np.concatenate([[], *tested]).tolist())) == sum(map(len, tested))


@given(rows)
def test_without_groups_every_past_row_trains(pairs):
    when = np.array([moment for moment, _ in pairs])
    for train, test in time_folds(when, 3):
        assert set(train) == set(np.flatnonzero(when < when[test].min()))


def test_instants_and_numbers_give_the_same_folds():
    days = pd.Series(pd.date_range("2025-01-01", periods=30, tz="UTC"))
    for one, other in zip(time_folds(days, 4), time_folds(np.arange(30), 4), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_what_has_no_order_is_refused():
    with pytest.raises(InputError, match="no two different instants"):
        time_folds([1, 1, 1], 2)
    with pytest.raises(InputError, match="order is missing in 1 of 2"):
        time_folds([1.0, np.nan], 1)
    with pytest.raises(ConfigError, match="at least 1"):
        time_folds([1, 2], 0)


def reference_groups(frame):
    """Merge rows that share a value, until nothing moves."""
    label = list(range(len(frame)))
    moved = True
    while moved:
        moved = False
        for name in frame.columns:
            for i in range(len(frame)):
                for j in range(i):
                    same = frame[name][i] == frame[name][j] and pd.notna(frame[name][i])
                    if same and label[i] != label[j]:
                        label[i] = label[j] = min(label[i], label[j])
                        moved = True
    return label


ids = st.sampled_from(["a", "b", "c", "d", None])


@given(st.lists(st.tuples(ids, ids), min_size=1, max_size=12))
def test_groups_are_connected_rows(pairs):
    frame = pd.DataFrame(pairs, columns=["person_id", "account_id"], dtype="str")
    found, expected = group_labels(frame), reference_groups(frame)
    for i in range(len(frame)):
        for j in range(i):
            assert (found[i] == found[j]) == (expected[i] == expected[j])


def test_rows_without_ids_stand_alone():
    assert group_labels(pd.DataFrame({"a": [1, 1]})).tolist() == [0, 1]
    mails = pd.DataFrame({"email": ["A@x.it", "a@x.it ", None, None]})
    assert group_labels(mails).tolist() == [0, 0, 1, 2]
