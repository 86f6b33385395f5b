"""What was not known on a day is not used: full tables as of it equal those cut there."""

import numpy as np
import pandas as pd
import pytest

from mmm.datasets import load
from mmm.funnel import cohort_cac, warning_signs
from mmm.funnel.records.as_known import as_known, begun

LOOK = pd.Timestamp("2025-01-31", tz="UTC")


@pytest.fixture(scope="module")
def full():
    return {name: load(name) for name in ("leads", "deals", "touches", "spend", "costs")}


@pytest.fixture(scope="module")
def cut(full):
    tables = {n: as_known(full[n], n, LOOK) for n in ("leads", "deals", "touches")}
    return tables | {n: begun(full[n], LOOK) for n in ("spend", "costs")}


def test_nothing_of_a_later_day_is_left(full, cut):
    for name in ("leads", "deals", "touches"):
        assert 0 < len(cut[name]) < len(full[name])
        for column in cut[name].filter(like="_at"):
            if isinstance(cut[name][column].dtype, pd.DatetimeTZDtype):
                assert not (cut[name][column] > LOOK).any(), (name, column)
    closed = cut["deals"]["closed_at"].notna()
    assert cut["deals"]["won"].isna().equals(~closed)
    same = full["deals"]["closed_at"] <= LOOK
    assert (cut["deals"]["won"] == True).sum() == (full["deals"]["won"] & same).sum()  # noqa: E712


def test_a_table_with_nothing_later_is_the_same(full):
    last = pd.Timestamp("2100-01-01", tz="UTC")
    for name in ("leads", "deals", "touches"):
        pd.testing.assert_frame_equal(as_known(full[name], name, last), full[name])


@pytest.mark.parametrize("every", [None, "quarter"])
def test_the_cost_of_a_customer_counts_no_later_spend(full, cut, every):
    def told(tables):
        names = ("leads", "deals", "spend", "costs")
        found = cohort_cac(*(tables[n] for n in names), every=every, as_of=LOOK)
        return np.array([(one.value, one.lower, one.upper, one.n) for one in found])

    np.testing.assert_array_equal(told(full), told(cut))


def test_planned_spend_does_not_make_customers_dear(full):
    plan = full["spend"].tail(5).copy()
    plan["date"] = plan["date"] + pd.Timedelta(days=364)
    planned = pd.concat([full["spend"], plan], ignore_index=True)
    planned.attrs = full["spend"].attrs
    one, other = (cohort_cac(full["leads"], full["deals"], s)[0] for s in (full["spend"], planned))
    assert one.value == other.value


def test_warning_signs_look_at_what_was_known(full, cut):
    def told(tables):
        found = warning_signs(
            tables["deals"], tables["leads"], tables["touches"], spend=tables["spend"], as_of=LOOK
        )
        return found.to_frame()

    pd.testing.assert_frame_equal(told(full), told(cut))
    won = (full["deals"]["won"] & (full["deals"]["closed_at"] <= LOOK)).sum()
    assert told(full).set_index("sign").loc["missing_origin", "n"] == won
