import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.signal import ExperimentLog
from mmm.simulate.quarters import QUARTER, Trial, begin, draw_firm

FILE = Path(__file__).parents[2] / "benchmarks" / "closed_loop.py"
amounts = st.lists(st.floats(0.01, 1e6), min_size=2, max_size=8)


@pytest.fixture(scope="module")
def loop():
    spec = importlib.util.spec_from_file_location("closed_loop", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@given(now=amounts, seed=st.integers(0, 1000))
def test_budgets_by_credit_keep_total_and_bounds(loop, now, seed):
    now = np.array(now)
    target = np.random.default_rng(seed).exponential(size=now.size) ** 3
    spend = loop.within(target, now)
    assert spend.sum() == pytest.approx(now.sum())
    assert (np.abs(spend - now) <= 0.5 * now * (1 + 1e-6)).all()


@pytest.mark.filterwarnings("ignore::mmm.errors.MmmWarning")
def test_policies_meet_the_same_market_and_the_optimum_earns_most(loop):
    names = ("nothing", "last touch", "linear", "attribution", "optimum")
    chosen = {name: loop.POLICIES[name] for name in names}
    row = loop.play_company(1, True, 3, None, chosen)
    assert row == loop.play_company(1, True, 3, None, chosen) | {"cpu_seconds": row["cpu_seconds"]}
    assert set(row["earned"]) == set(names)
    assert max(row["earned"], key=row["earned"].get) == "optimum"
    play = begin(draw_firm(1, n_quarters=3))
    for _ in range(3):
        play = play.after(play.now)
    assert row["earned"]["nothing"] == play.earned()


def test_pilots_are_read_without_bias(loop, tmp_path):
    """Over companies the lift read, less the true one, over its error is about standard normal."""
    z = []
    for seed in range(12):
        firm = draw_firm(seed, n_quarters=2)
        play = begin(firm).after(firm.today)
        channel = int(np.argmax(begin(firm).contribution()[-52:].sum(axis=0)))
        trial = Trial(channel, loop.CHANGE, seed % 2)
        tested, even = play.after(play.now, trial), play.after(play.now)
        log = ExperimentLog(tmp_path / f"{seed}.jsonl")
        day = str(tested.dates()[-QUARTER].date())
        log.register(
            "trial-0", channel=firm.channels[channel], start=day, end="2030-01-01",
            spend_change=-1.0, expected=-1.0, on=day,
        )  # fmt: skip
        loop.read_last(loop.Desk(tested, None, log=log, trials=[(trial, 1)]))
        (test,) = log.tests()
        change = (tested.regions() - even.regions()).iloc[-QUARTER:].sum()
        true = change[trial.treated].sum() - change.drop(trial.treated).sum()
        z.append((test.lift - true) / test.standard_error)
    assert abs(np.mean(z)) < 3 / np.sqrt(len(z))
    assert np.sqrt(np.mean(np.square(z))) < 1.6


def test_the_summary_counts_gains_and_losses(loop):
    rows = [
        {"earned": {"nothing": 100.0, "a": 110.0, "optimum": 120.0}},
        {"earned": {"nothing": 200.0, "a": 190.0, "optimum": 260.0}},
    ]
    told = loop.summary(rows).set_index("policy")
    assert told.loc["a", "gain"] == pytest.approx(2.5)
    assert told.loc["a", "gain_se"] == pytest.approx(7.5)
    assert told.loc["a", "of_optimum"] == pytest.approx(0.1)
    assert told.loc["a", ["loses", "worst", "n"]].tolist() == [0.5, pytest.approx(-5.0), 2]
    assert told.loc["nothing", ["gain", "loses"]].tolist() == [0.0, 0.0]
    assert loop.paired(rows, "a", "nothing")[0] == pytest.approx(2.5)


def test_the_mix_alone_steps_once_unless_its_plan_is_surely_better(loop):
    desk = loop.Desk(begin(draw_firm(1, n_quarters=3)), None)
    moved = desk.now * (1 + 0.1 * np.resize([1, -1], desk.now.size))
    half = SimpleNamespace(advice="move half, then test", recommended=moved)
    stay = SimpleNamespace(advice="stay", recommended=desk.now)
    assert loop.once(desk, stay) is stay.recommended
    assert loop.once(desk, half) is moved
    np.testing.assert_array_equal(loop.once(desk, half), desk.now)
    assert loop.once(desk, SimpleNamespace(advice="move", recommended=moved)) is moved
    assert loop.follow(desk, half) is moved
    assert desk.said == ["stay", half.advice, half.advice, "move", half.advice]


def test_a_channel_moves_by_half_of_what_it_has_now_and_one_that_is_kept_gets_no_more(loop):
    play = begin(draw_firm(1, n_quarters=3))
    step = 0.4 * play.now[:2].min()
    now = play.now + step * np.array([1, -1, *[0] * (play.now.size - 2)])
    desk = loop.Desk(play.after(now), None)
    low, high = np.array(list(loop.room(desk, [desk.channels[0]]).values())).T
    np.testing.assert_allclose(low, 0.5 * now)
    assert high[0] == desk.now[0]
    np.testing.assert_allclose(high[1:], 1.5 * now[1:])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::mmm.errors.MmmWarning")
def test_the_joined_signal_plays_by_the_rules(loop):
    row = loop.play_company(1001, True, 2, loop.QUICK, {"joined": loop.joined})
    assert row["said"]["joined"][0] in ("move", "move half, then test", "test first", "stay")
    assert row["earned"]["joined"] > 0


def test_the_price_of_tests_is_what_the_same_budgets_bring_without(loop):
    earned = [{"nothing": 100.0, "joined": value} for value in (99.0, 99.2, 110.0)]
    untested = [{"joined": 100.0}, {}, {"joined": 111.0}]
    pairs = zip(earned, untested, strict=True)
    rows = [{"earned": now, "untested": free} for now, free in pairs]
    price, lost, without = loop.price_of_tests(rows)
    assert price == pytest.approx((1.0 + 0.0 + 1.0) / 3)
    assert (lost, without) == (2, 1)


@pytest.mark.filterwarnings("ignore::mmm.errors.MmmWarning")
def test_budgets_without_their_tests_are_played_beside(loop):
    def testing(desk):
        if not desk.trials:
            desk.trials.append((Trial(0, loop.CHANGE, 0), 0))
            return desk.now, desk.trials[0][0]
        return desk.now, None

    row = loop.play_company(1, False, 2, None, {"nothing": loop.nothing, "testing": testing})
    assert row["untested"] == {"testing": row["earned"]["nothing"]}
    assert row["earned"]["testing"] != row["earned"]["nothing"]
