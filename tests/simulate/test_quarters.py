from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm import build_journeys
from mmm.attribution import last_touch, linear
from mmm.errors import ConfigError
from mmm.simulate.quarters import (
    HISTORY,
    QUARTER,
    REGIONS,
    Play,
    Trial,
    begin,
    best_next,
    draw_firm,
)
from mmm.simulate.worlds.spends import BURN_IN

SEEDS = range(12)


@pytest.fixture(scope="module")
def starts() -> list[Play]:
    return [begin(draw_firm(seed, n_quarters=4)) for seed in SEEDS]


def kept(play: Play, quarters: int, trial: Trial | None = None) -> Play:
    for _ in range(quarters):
        play = play.after(play.now, trial)
    return play


def swap(play: Play, part: float) -> np.ndarray:
    """Move a part of the first channel's spend, or what the second can take, to the second."""
    moved = play.now.copy()
    step = min(part * moved[0], 0.5 * moved[1])
    moved[0], moved[1] = moved[0] - step, moved[1] + step
    return moved


def test_the_same_seed_and_budgets_give_the_same_tables():
    one, two = (kept(begin(draw_firm(3, n_quarters=2)), 2) for _ in range(2))
    for name in ("table", "touches", "deals", "regions"):
        pd.testing.assert_frame_equal(getattr(one, name)(), getattr(two, name)(), check_exact=True)


def test_the_past_does_not_change_with_the_budget_to_come(starts):
    start = starts[1]
    one, two = start.after(start.now), start.after(swap(start, 0.4))
    for name in ("table", "regions"):
        before = [getattr(play, name)().iloc[:HISTORY] for play in (one, two)]
        pd.testing.assert_frame_equal(*before, check_exact=True)
    pd.testing.assert_frame_equal(one.people[0][1], two.people[0][1])
    assert not one.table()["revenue"].equals(two.table()["revenue"])


def test_a_budget_is_spent_as_it_was_set(starts):
    for start in starts:
        after = start.after(swap(start, 0.3))
        spent = after.table()[list(after.firm.channels)].iloc[-QUARTER:].mean()
        np.testing.assert_allclose(spent, swap(start, 0.3))
        np.testing.assert_allclose(after.now, swap(start, 0.3))


def test_the_difference_between_two_budgets_is_that_of_the_true_contributions(starts):
    """Baseline and noise are the same for all: what differs is what media bring."""
    for start in starts:
        one, two = start.after(start.now), start.after(best_next(start))
        gap = two.table()["revenue"].sum() - one.table()["revenue"].sum()
        assert gap == pytest.approx(two.earned() - one.earned(), rel=0.02, abs=1e-6 * one.earned())


def test_steady_spend_tends_to_the_steady_response(starts):
    firm = replace(
        draw_firm(5, hidden=False, n_quarters=8), rhythm=np.ones_like(draw_firm(5).rhythm)
    )
    last = kept(begin(firm), 8).contribution()[-1]
    np.testing.assert_allclose(last, firm.effects.response(firm.today), rtol=0.01)


def test_won_deals_of_a_week_add_up_to_its_revenue(starts):
    play = starts[2].after(starts[2].now)
    deals = play.deals()
    won = deals[deals["won"]]
    week = (won["closed_at"].dt.tz_localize(None) - play.dates()[0]).dt.days // 7
    sums = won["value"].groupby(week).sum()
    np.testing.assert_allclose(sums, play.table()["revenue"], atol=0.1)
    per_year = len(won) / play.weeks * 52
    assert 80 < per_year < 200


def test_knowing_the_curves_beats_every_other_split_of_the_same_rules(starts):
    rng = np.random.default_rng(0)
    for start in starts:
        response, best, now = start.firm.effects.response, best_next(start), start.now
        assert best.sum() == pytest.approx(now.sum())
        assert (np.abs(best - now) <= 0.5 * now * (1 + 1e-9)).all()
        for _ in range(20):
            one, two = rng.permutation(now.size)[:2]
            step = 0.5 * rng.random() * min(now[one], now[two])
            other = now.copy()
            other[one], other[two] = now[one] - step, now[two] + step
            assert response(other).sum() <= response(best).sum() * (1 + 1e-9)


def test_a_trial_keeps_the_total_and_parts_the_regions(starts):
    start = starts[4]
    live = int(np.argmax(start.contribution().sum(axis=0)))
    even, tested = start.after(start.now), start.after(start.now, Trial(live, 0.8, less=1))
    columns = list(start.firm.channels)
    np.testing.assert_allclose(tested.table()[columns], even.table()[columns])
    change = (tested.regions() - even.regions()).iloc[HISTORY:].sum()
    treated = Trial(live, 0.8, less=1).treated
    assert len(treated) == REGIONS // 2
    assert (change[treated] < 0).all()
    assert (change.drop(treated) > 0).all()


def test_hidden_demand_moves_spend_and_takes_credit():
    """With it, spend goes with the baseline and the channels that follow earn more last touches."""
    linked, credit, others = [], {True: [], False: []}, []
    for seed in range(6):
        for hidden in (False, True):
            play = begin(draw_firm(seed, hidden=hidden))
            follows = draw_firm(seed).follows > 0
            journeys = build_journeys(play.touches(), play.deals(), lookback_days=90)
            told = last_touch(journeys).to_frame().set_index("channel")["credit"]
            told = told.reindex(play.firm.channels).fillna(0)
            credit[hidden].append(told[follows].sum() / told.sum())
            if hidden:
                spend = np.log(play.firm.past[BURN_IN:] + 0.1 * play.firm.past.mean(axis=0))
                moves = [np.corrcoef(x, play.firm.baseline[:HISTORY])[0, 1] for x in spend.T]
                linked.append(np.mean(np.array(moves)[follows]))
                others.append(np.mean(np.array(moves)[~follows]))
    assert np.mean(linked) > np.mean(others) + 0.1
    assert np.mean(credit[True]) > np.mean(credit[False]) + 0.1


def test_without_hidden_demand_paths_tell_what_channels_bring():
    """Kind to attribution: over many companies linear credit goes with the true contribution."""
    truth, told = [], []
    for seed in SEEDS:
        play = begin(draw_firm(seed, hidden=False))
        journeys = build_journeys(play.touches(), play.deals(), lookback_days=90)
        credit = linear(journeys).to_frame().set_index("channel")["credit"]
        credit = credit.reindex(play.firm.channels).fillna(0).to_numpy(float)
        brought = play.contribution().sum(axis=0)
        truth.append(brought / brought.sum())
        told.append(credit / credit.sum())
    assert np.corrcoef(np.concatenate(truth), np.concatenate(told))[0, 1] > 0.8


@pytest.mark.parametrize(
    ("changed", "said"),
    [(lambda now: 1.2 * now, "total"), (lambda now: np.append(0.0, now[1:]), "total")],
)
def test_a_budget_that_breaks_the_rules_is_refused(starts, changed, said):
    with pytest.raises(ConfigError, match=said):
        starts[0].after(changed(starts[0].now))


def test_more_than_half_off_is_refused(starts):
    start = starts[0]
    big, small = np.argsort(-start.now)[[0, 1]]
    moved = start.now.copy()
    moved[small] *= 0.4
    moved[big] += start.now[small] * 0.6
    with pytest.raises(ConfigError, match="half off"):
        start.after(moved)


def test_no_more_quarters_than_were_drawn():
    play = kept(begin(draw_firm(0, n_quarters=1)), 1)
    with pytest.raises(ConfigError, match="draw more"):
        play.after(play.now)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": True}, {"n_quarters": 0}])
def test_what_cannot_be_drawn_is_refused(wrong):
    with pytest.raises(ConfigError):
        draw_firm(**{"seed": 1} | wrong)
