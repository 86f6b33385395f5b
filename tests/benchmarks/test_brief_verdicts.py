import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmm.simulate.worlds import make_world

FILE = Path(__file__).parents[2] / "benchmarks" / "brief_verdicts.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("brief_verdicts", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line(world, bench, said):
    """Return a line of the file, of somebody who says `said` of each channel."""
    true = bench.know(world)
    spends = {"recommended": true["optimum"], "proposed": true["optimum"], "ridge": true["current"]}
    moves = {"at_recommended": true["best"], "at_proposed": true["best"], "at_ridge": true["today"]}
    return {
        "making": world.making, "seed": world.seed, "verdict": said, "stance": "move",
        "probability": 1.0, **true, **spends, **moves,
    }  # fmt: skip


@pytest.fixture(scope="module")
def world():
    return make_world(3)


def wanted(world):
    return world.truth.optimum / world.truth.current - 1


def test_who_knows_the_curves_is_always_right_and_the_contrary_always_wrong(bench, world):
    moved = wanted(world)
    best = np.select([moved >= bench.STILL, moved <= -bench.STILL], bench.CALLS, "hold")
    worst = [{"push": "cut", "cut": "push"}.get(one, one) for one in best]
    good = bench.graded(bench.channels([line(world, bench, best.tolist())]))
    bad = bench.graded(bench.channels([line(world, bench, worst)]))
    assert good["calls"] == bad["calls"] > 1
    assert (good["right"], good["wrong"]) == (1, 0)
    assert (bad["right"], bad["wrong"]) == (0, 1)
    assert good["of what should move, called right"] == 1


def test_silence_makes_no_call(bench, world):
    said = ["hold", "test"] * 20
    told = bench.graded(bench.channels([line(world, bench, said[: len(world.channels)])]))
    assert told["calls"] == 0
    assert told["silent"] == 1
    assert np.isnan(told["right"])


def test_what_the_budget_asks_lies_between_channels_that_give_and_take(bench, world):
    true, moved = bench.know(world), wanted(world)
    last, response = np.array(true["last_euro"]), world.truth.effects.response
    now = world.truth.current
    up = now + np.eye(len(now))[0] * 1e-2 * now[0]
    assert last[0] == pytest.approx((response(up) - response(now)).sum() / (up - now)[0], rel=0.02)
    assert (last >= 0).all()
    assert last[moved > 0.1].mean() > last[moved < -0.1].mean()
    assert last.min() < true["asked"] < last.max()


def test_money_is_that_of_the_spend_which_was_advised(bench, world):
    row = line(world, bench, ["hold"] * len(world.channels))
    told = bench.money([row, row | {"at_recommended": 0.9 * row["today"], "stance": "half"}])
    assert told.loc["move", "followed"] == pytest.approx(told.loc["move", "best"])
    assert told.loc["half", "followed"] == pytest.approx(-10)
    assert told.loc["all", "lose"] == 1
    assert told.loc["all", "ridge"] == 0


def test_a_file_that_is_missing_holds_nothing(bench, tmp_path):
    assert bench.stored(tmp_path / "none.jsonl") == []
    (tmp_path / "one.jsonl").write_text('{"seed": 1}\n')
    assert bench.stored(tmp_path / "one.jsonl") == [{"seed": 1}]
    assert isinstance(bench.money([{"stance": "no answer", "today": 1.0, "best": 1.0,
        "at_recommended": 1.0, "at_proposed": 1.0, "at_ridge": 1.0}]), pd.DataFrame)  # fmt: skip
