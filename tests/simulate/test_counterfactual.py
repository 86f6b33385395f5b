from dataclasses import replace

import numpy as np
import pytest

from mmm.simulate import simulate_company
from mmm.simulate.counterfactual import expected_won_value
from mmm.simulate.market import CAPTURE, NAMES
from mmm.simulate.outcome import draw_outcome
from mmm.simulate.story import live_deals

EVERY = np.ones(len(NAMES), dtype=bool)


def _won_values(world, n_replicates):
    """Won value of each of many histories that share the causes of one world."""
    totals = []
    for seed in range(n_replicates):
        redrawn = replace(world, settings=replace(world.settings, seed=seed))
        deals = live_deals(redrawn, draw_outcome(redrawn))
        totals.append(deals.value[deals.won & (deals.close < world.settings.horizon_days)].sum())
    return np.array(totals)


@pytest.mark.parametrize("off", [None, "Events", "Email"])
def test_expected_value_is_the_mean_of_many_histories(make_world, off):
    world = replace(make_world(n_accounts=150, seed=1), follow_ups=())
    on = EVERY.copy()
    histories = world
    if off is not None:
        code = NAMES.index(off)
        on[code] = False
        # Without its touches a channel can have no effect, whatever the formula says.
        histories = replace(
            world,
            cold=world.cold.keep(world.cold.channel != code),
            nurture=world.nurture.keep(world.nurture.channel != code),
        )
    totals = _won_values(histories, 500)
    standard_error = totals.std(ddof=1) / np.sqrt(totals.size)
    assert abs(totals.mean() - expected_won_value(world, on)) < 4 * standard_error
    assert standard_error < 0.02 * totals.mean()


def test_later_deals_count_with_their_probability(make_world):
    world = make_world(n_accounts=100, seed=2)
    plain = expected_won_value(replace(world, follow_ups=()), EVERY)
    each = [
        expected_won_value(replace(world, follow_ups=(later,)), EVERY) - plain
        for later in world.follow_ups
    ]
    assert min(each) > 0
    assert expected_won_value(world, EVERY) == pytest.approx(plain + sum(each))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("effect", [0.3, 1.0, 2.0])
def test_shares_are_non_negative_and_add_up_to_one_with_the_baseline(seed, effect):
    truth = simulate_company(n_accounts=120, seed=seed, effect=effect).truth
    shares = truth.channels["incremental_share"]
    assert (shares >= 0).all()
    assert truth.baseline_share > 0
    assert shares.sum() + truth.baseline_share == pytest.approx(1, abs=1e-12)
    assert 0 < truth.without_marketing_share < 1


def test_direct_adds_nothing_and_events_do(company):
    shares = company.truth.channels.set_index("channel")["incremental_share"]
    assert shares["Direct"] == 0
    assert shares["Events"] > 0.03


def test_marketing_without_effect_adds_nothing():
    truth = simulate_company(n_accounts=120, effect=0.0).truth
    assert (truth.channels["incremental_share"] == 0).all()
    assert truth.baseline_share == truth.without_marketing_share == 1
    assert (truth.mix.parameters["contribution"] == 0).all()


def test_last_touch_praises_capture_channels_where_intent_confounds(last_touch):
    gaps = {}
    for confounding in (0.0, 1.0):
        company = simulate_company(n_accounts=1_000, seed=5, confounding=confounding)
        true = company.truth.channels.set_index("channel")["incremental_share"]
        gaps[confounding] = last_touch(company).reindex(list(CAPTURE)) - true[list(CAPTURE)]
    assert (gaps[1.0] > 0.05).all()
    assert gaps[1.0].sum() > 0.45
    assert gaps[0.0].sum() < 0.5 * gaps[1.0].sum()
    assert gaps[1.0]["Direct"] > 3 * gaps[0.0]["Direct"]
