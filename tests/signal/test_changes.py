"""Why an answer moved: parts that add up, whatever the answer."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.attribution import linear
from mmm.errors import ConfigError, InputError
from mmm.signal import (
    attribute_expected,
    expected_journeys,
    expected_value,
    explain_move,
    records_as_of,
)
from tests.signal.tables import company

numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, min_size=16, max_size=16))
def test_parts_add_up_to_the_move(values):
    def answer(data, maturity, spend, model):
        return {"a": values[data + 2 * maturity + 4 * spend + 8 * model]}

    names = ("data", "maturity", "spend", "model")
    moved = explain_move(answer, dict.fromkeys(names, 0), dict.fromkeys(names, 1))
    np.testing.assert_allclose(moved.parts.sum(axis=0), moved.after - moved.before, atol=1e-9,
                               rtol=1e-9)  # fmt: skip


@given(numbers, numbers, numbers)
def test_changes_that_add_up_are_given_back(a, b, c):
    moved = explain_move(
        lambda x, y, z: {"sum": x + y + z}, dict(x=0.0, y=0.0, z=0.0), dict(x=a, y=b, z=c)
    )
    told = dict(zip(moved.switches, moved.parts[:, 0], strict=True))
    for name, value in (("x", a), ("y", b), ("z", c)):
        assert told.get(name, 0.0) == pytest.approx(value, abs=1e-6)


def test_a_switch_left_alone_has_no_part():
    same = object()
    moved = explain_move(lambda a, b: {"n": float(a)}, {"a": 1, "b": same}, {"a": 3, "b": same})
    assert moved.switches == ("a",)
    assert moved.to_frame().columns.tolist() == ["name", "before", "a", "after"]


def test_nothing_changed_moves_nothing():
    moved = explain_move(lambda a: {"n": 5.0}, {"a": 1}, {"a": 1})
    assert moved.parts.shape == (0, 1)
    assert moved.before == moved.after


def test_switches_and_answers_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="Pass the same"):
        explain_move(dict, {"a": 1}, {"b": 1})
    with pytest.raises(InputError, match="no numbers"):
        explain_move(lambda a: {"n": float("nan")}, {"a": 1}, {"a": 2})
    many = {f"s{i}": i for i in range(7)}
    with pytest.raises(ConfigError, match="Pass 6"):
        explain_move(dict, many, {name: value + 100 for name, value in many.items()})


@pytest.mark.filterwarnings("ignore::mmm.errors.DataWarning")
def test_shares_of_a_quarter_move_by_new_data_and_by_maturing():
    tables = company()

    def answer(data, maturity):
        leads, deals = (records_as_of(tables[name], until=data) for name in ("leads", "deals"))
        worth = expected_value(leads, deals, as_of=maturity)
        both = expected_journeys(tables["touches"], deals, worth, leads=leads, by="account")
        frame = attribute_expected(linear, both, worth).to_frame()
        return dict(zip(frame["channel"], frame["share"], strict=True))

    days = ("2025-03-31", "2025-06-30")
    moved = explain_move(answer, *({"data": day, "maturity": day} for day in days))
    np.testing.assert_allclose(moved.parts.sum(axis=0), moved.after - moved.before, atol=1e-9)
    assert moved.after.sum() == pytest.approx(1.0)
    first = moved.findings()[0]
    assert abs(first.change) == np.abs(moved.after - moved.before).max()
    assert "mostly by" in first.sentence("en")
    assert "passato dal" in first.sentence("it")
    assert "€" in moved.findings("money")[0].sentence("en")


def test_records_of_a_span_hold_whole_days():
    at = pd.to_datetime(["2025-01-05T09:00Z", "2025-01-06T23:59Z", "2025-01-07T00:00Z"])
    frame = pd.DataFrame({"created_at": at})
    assert records_as_of(frame, since="2025-01-05", until="2025-01-06").index.tolist() == [0, 1]
