"""Budget advice on a fitted model: rules kept, figures that add up, verdicts by their rule."""

import warnings

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError
from mmm.mix import MixModel, mix_findings, optimize_budget
from mmm.mix.budget.limits import Limits, find_room
from mmm.mix.budget.optimize import Target, gain_draws, hidden_bias, mean_curves, verdicts
from mmm.mix.effects.curves import marginal_response, steady_response
from mmm.mix.inference.sampler import Sampling

CHANNELS = ("Search", "Social", "Events")


@pytest.fixture(scope="module")
def model():
    """Two years in which a euro of Search brings far more than one of Social."""
    rng = np.random.default_rng(3)
    spend = rng.gamma(3.0, [40.0, 60.0, 20.0], (104, 3))
    level = spend / spend.mean(axis=0)
    media = np.array([900.0, 250.0, 200.0]) * 2 * level / (1 + level)
    outcome = 2000 + media.sum(axis=1) + rng.normal(0, 80, 104)
    frame = pd.DataFrame(spend, columns=CHANNELS)
    sampling = Sampling(n_warmup=200, n_draws=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MixModel(sampler=sampling, on_nonconvergence="warn", seed=1).fit(frame, outcome)


@pytest.fixture(scope="module")
def plan(model):
    return optimize_budget(model)


def test_same_total_moves_money_to_what_returns_more(model, plan):
    assert plan.proposed.sum() == pytest.approx(plan.current.sum(), rel=1e-9)
    assert (plan.proposed >= 0.5 * plan.current - 1e-9).all()
    assert (plan.proposed <= 1.5 * plan.current + 1e-9).all()
    frame = plan.to_frame()
    assert frame.columns.tolist()[:8] == [
        "channel",
        "current",
        "proposed",
        "change",
        "verdict",
        "marginal_romi",
        "marginal_romi_lower",
        "marginal_romi_upper",
    ]
    assert frame["channel"].tolist() == list(CHANNELS)
    assert frame["change"].iloc[0] > 0
    assert frame["verdict"].iloc[0] == "push"
    assert plan.expected_profit > 0
    assert plan.probability_better > 0.9
    assert plan.current == pytest.approx(model.spend_[:, -13:].mean(axis=1))


def test_the_plan_is_as_good_as_brute_force_and_the_gap_is_strict(model, plan):
    first, second = (np.linspace(0.5, 1.5, 41) * now for now in plan.current[:2])
    splits = np.array([(a, b, plan.current.sum() - a - b) for a in first for b in second])
    inside = (splits[:, 2] >= 0.5 * plan.current[2]) & (splits[:, 2] <= 1.5 * plan.current[2])
    mean = steady_response(model, splits[inside])[::2].mean(axis=0).sum(axis=1)
    ours = steady_response(model, plan.proposed)[::2].mean(axis=0).sum()
    assert ours >= mean.max() * (1 - 1e-6)
    assert 0 <= plan.optimality_gap < 1e-3


def test_profit_is_margin_times_gain_less_what_is_spent(model):
    free = optimize_budget(model, total=None, margin=0.4)
    spent = free.proposed.sum() - free.current.sum()
    assert free.expected_profit == pytest.approx(0.4 * free.expected_gain - spent)
    assert free.multiplier == 0.0
    stays = optimize_budget(model, limits=Limits(fixed=CHANNELS))
    assert stays.proposed == pytest.approx(stays.current)
    assert (stays.expected_gain, stays.advice) == (0.0, "stay")
    assert stays.recommended.tolist() == stays.current.tolist()


def test_gain_over_a_long_horizon_is_the_steady_difference(model, plan):
    steady = steady_response(model, np.array([plan.current, plan.proposed])).sum(axis=2)
    long = gain_draws(model, plan.current, plan.proposed, 400)
    assert long.mean() == pytest.approx((steady[:, 1] - steady[:, 0]).mean(), rel=0.03)


def test_targets_are_reached(model):
    marginal = optimize_budget(
        model, total=Target(marginal_romi=1.0), limits=Limits(max_change=None)
    )
    inside = [i for i, rule in enumerate(marginal.binding) if not rule]
    assert inside
    at = marginal_response(model, marginal.proposed)[::2].mean(axis=0) - 1.0
    assert at[inside] == pytest.approx(1.0, abs=0.05)
    whole = optimize_budget(model, total=Target(romi=5.0), limits=Limits(max_change=None))
    response = steady_response(model, whole.proposed)[::2].mean(axis=0).sum()
    assert response / whole.proposed.sum() - 1 == pytest.approx(5.0, abs=0.05)
    assert 0 <= marginal.optimality_gap < 1e-3
    assert marginal.multiplier == pytest.approx(1.0)
    for target in (Target(), Target(marginal_romi=1.0, romi=1.0)):
        with pytest.raises(ConfigError, match="one of the two"):
            optimize_budget(model, total=target)
    with pytest.raises(ConfigError, match="two rules clash"):
        optimize_budget(model, total=Target(romi=1e6))


def test_hidden_bias_lowers_the_certainty_and_the_advice_follows(model, plan):
    wild = optimize_budget(model, tau=50.0)
    assert wild.proposed.tolist() == plan.proposed.tolist()
    assert 0.5 < wild.probability_better < plan.probability_better
    assert wild.advice == "test first"
    assert plan.tipping_tau > 1


def test_totals_and_today_are_checked(model):
    for total in ("today", -1.0, float("nan")):
        with pytest.raises(ConfigError, match="total is"):
            optimize_budget(model, total=total)
    with pytest.raises(ConfigError, match="model has"):
        optimize_budget(model, current={"Search": 1.0})
    with pytest.raises(ConfigError, match="no spend"):
        optimize_budget(model, current=dict.fromkeys(CHANNELS, -1.0))
    with pytest.raises(ConfigError, match="margin"):
        optimize_budget(model, margin=0.0)
    with pytest.raises(ConfigError, match="level"):
        optimize_budget(model, level=2)
    with pytest.raises(ConfigError, match="horizon"):
        optimize_budget(model, horizon=0)
    with pytest.raises(ConfigError, match="tau misses"):
        optimize_budget(model, tau={"Search": 1.0})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"total": True}, "total is True"),
        ({"total": Target(romi=float("nan"))}, "is no return"),
        ({"tau": -1.0}, "tau is -1.0"),
        ({"tau": float("nan")}, "tau is nan"),
        ({"tau": {"Search": 1.0, "Social": -1.0, "Events": 0.0}}, "tau is"),
        ({"current": {**dict.fromkeys(CHANNELS, 1.0), "Radio": 1.0}}, "'Radio'; the model has"),
        ({"current": {"Search": float("inf"), "Social": 1.0, "Events": 1.0}}, "no spend"),
        ({"horizon": 1.5}, "horizon is 1.5"),
    ],
)
def test_numbers_that_cannot_be_are_refused(model, options, said):
    with pytest.raises(ConfigError, match=said):
        optimize_budget(model, **options)


def test_what_a_plan_leaves_unspent_or_idle_is_said(model):
    steps = optimize_budget(model, limits=Limits(step=dict.fromkeys(CHANNELS, 70.0)))
    left = steps.current.sum() - steps.proposed.sum()
    assert left > 1
    assert [f"{left:,.6g} of the total" in note for note in steps.notes] == [True]
    nothing = dict.fromkeys(CHANNELS, 0.0)
    bounds = {"Search": (0.0, 100.0), "Social": (0.0, 0.0), "Events": (0.0, 0.0)}
    started = optimize_budget(model, 50.0, bounds, nothing)
    assert started.proposed[0] == pytest.approx(50.0)
    assert ["'Search'" in note for note in started.notes if "none in the plan" in note] == [False]


def test_a_plan_beyond_any_spend_seen_says_so(model):
    seen = model.spend_.max(axis=1)
    beside = {"Social": (10.0, 10.0), "Events": (10.0, 10.0)}
    for factor, expected in ((1.0, []), (1.01, ["'Search'"])):
        most = {"Search": (seen[0] * factor,) * 2, **beside}
        plan = optimize_budget(model, float(seen[0] * factor + 20), most)
        said = [note for note in plan.notes if "beyond any spend seen" in note]
        assert [note.split("for ")[1].split(" lies")[0] for note in said] == expected


def test_a_total_of_nothing_is_one(model):
    nothing = optimize_budget(model, 0.0, limits=Limits(max_change=None))
    assert nothing.proposed.tolist() == [0.0] * 3
    assert nothing.expected_gain < 0
    assert not [note for note in nothing.notes if "cannot be spent" in note]


def test_a_target_of_break_even_is_one(model):
    even = optimize_budget(model, Target(marginal_romi=0.0), limits=Limits(max_change=None))
    inside = [i for i, rule in enumerate(even.binding) if not rule]
    at = marginal_response(model, even.proposed)[::2].mean(axis=0)
    assert at[inside] == pytest.approx(1.0, abs=0.05)


def test_a_model_without_a_fit_plans_nothing():
    with pytest.raises(ConfigError, match="call fit first"):
        optimize_budget(MixModel())


def test_more_money_never_brings_less(model):
    today = float(model.spend_[:, -13:].mean(axis=1).sum())
    brought = [
        steady_response(model, optimize_budget(model, total=today * by).proposed)[::2].mean(axis=0)
        for by in (0.7, 0.9, 1.0, 1.2, 1.4)
    ]
    assert (np.diff([each.sum() for each in brought]) > 0).all()


def test_each_part_of_the_rule_flips_a_verdict():
    def one(above, change, by):
        return verdicts(np.array([above]), np.array([change]), [by])[0]

    assert one(0.8, 1.0, "data") == "push"
    assert one(0.79, 1.0, "data") == "hold"
    assert one(0.8, 0.0, "data") == "hold"
    assert one(0.2, -1.0, "prior") == "cut"
    assert one(0.21, -1.0, "prior") == "hold"
    assert one(0.2, 0.0, "data") == "hold"
    assert one(0.9, 1.0, "not identified") == "test"


def test_a_suspected_channel_is_tested_before_it_gets_more(model, plan):
    kept = optimize_budget(model, limits=Limits(not_raised=("Search", "Social")))
    search, social, _ = range(3)
    assert plan.proposed[search] > plan.current[search]
    assert kept.proposed[search] == pytest.approx(kept.current[search])
    assert (kept.verdict[search], kept.binding[search]) == ("test", "not raised")
    # It may still be cut, and then nothing but its return speaks.
    assert kept.proposed[social] < kept.current[social]
    assert kept.verdict[social] == plan.verdict[social]
    assert kept.expected_profit < plan.expected_profit
    said = {one.facts.get("channel"): one.metric for one in mix_findings(model, kept)[4:]}
    assert said["Search"] == "mix.suspected"
    assert said["Social"] != "mix.suspected"


def test_bad_input_08_a_constant_channel_moves_by_a_pilot_and_is_to_be_tested():
    rng = np.random.default_rng(0)
    spend = np.column_stack([rng.gamma(3.0, 40.0, 80), np.full(80, 100.0)])
    outcome = 1000 + 3 * spend[:, 0] + rng.normal(0, 50, 80)
    sampling = Sampling(n_warmup=150, n_draws=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixModel(sampler=sampling, on_nonconvergence="warn").fit(spend, outcome)
    plan = optimize_budget(model)
    assert plan.verdict[1] == "test"
    assert abs(plan.proposed[1] - 100.0) <= 20.0 + 1e-6
    assert any("A test would tell" in note for note in plan.notes)


def test_a_plan_is_judged_on_the_draws_that_did_not_choose_it(model, plan):
    gain = gain_draws(model, plan.current, plan.proposed, plan.horizon)[1::2]
    assert plan.profit_draws == pytest.approx(gain - (plan.proposed - plan.current).sum())
    assert plan.expected_gain == pytest.approx(gain.mean())


def test_the_interval_of_the_last_euro_is_that_of_each_channel(model, plan):
    for spend, lower, upper in (
        (plan.current, plan.marginal_romi_lower, plan.marginal_romi_upper),
        (plan.proposed, plan.marginal_romi_after_lower, plan.marginal_romi_after_upper),
    ):
        draws = marginal_response(model, spend) - 1.0
        assert lower == pytest.approx([np.quantile(one, 0.05) for one in draws.T])
        assert upper == pytest.approx([np.quantile(one, 0.95) for one in draws.T])
    means = (plan.marginal_romi, plan.marginal_romi_after)
    for mean, spend in zip(means, (plan.current, plan.proposed), strict=True):
        assert mean == pytest.approx(np.mean(marginal_response(model, spend) - 1.0, axis=0))


def test_returns_without_hidden_bias_are_as_sure_as_their_draws(model, plan):
    sure = optimize_budget(model, tau=0.0)
    assert sure.hidden_spread == 0.0
    assert sure.probability_better == pytest.approx((plan.profit_draws > 0).mean())


def test_a_plan_for_one_period_is_judged_over_it(model, plan):
    one = optimize_budget(model, horizon=1)
    assert one.horizon == 1
    assert one.proposed.tolist() == plan.proposed.tolist()
    assert one.profit_draws == pytest.approx(
        gain_draws(model, plan.current, plan.proposed, 1)[1::2], abs=1e-6
    )


def test_a_narrow_channel_is_tabulated_as_finely_beside_a_wide_one(model, plan):
    bounds = {"Search": (0.0, 100.0), "Social": (0.0, 1e6), "Events": (5.0, 5.0)}
    room = find_room(CHANNELS, plan.current, None, bounds, Limits())
    value, slope = mean_curves(model, room.rules, 0.5)
    spend = np.array([33.3, 1e6, 5.0])
    response = 0.5 * steady_response(model, spend)[::2].mean(axis=0)
    marginal = 0.5 * marginal_response(model, spend)[::2].mean(axis=0)
    assert value(spend[:, None])[:, 0] == pytest.approx(response, rel=1e-4)
    assert slope(spend[:, None])[0, 0] == pytest.approx(marginal[0], rel=1e-2)


def test_a_channel_that_was_never_paid_for_does_not_lie_beyond_what_was_seen():
    rng = np.random.default_rng(0)
    spend = np.column_stack([rng.gamma(3.0, 40.0, 60), np.zeros(60)])
    outcome = 1000 + 3 * spend[:, 0] + rng.normal(0, 50, 60)
    sampling = Sampling(n_warmup=60, n_draws=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixModel(sampler=sampling, on_nonconvergence="warn").fit(spend, outcome)
    plan = optimize_budget(model)
    assert plan.proposed[1] == 0.0
    assert not [note for note in plan.notes if "beyond any spend seen" in note]
    assert [note for note in plan.notes if "'x1': no spend in the last quarter" in note]


def test_a_verdict_follows_what_the_last_euro_returns_today(model, plan):
    above = (marginal_response(model, plan.current) - 1.0 > plan.multiplier).mean(axis=0)
    expected = verdicts(above, plan.proposed - plan.current, plan.identified)
    assert plan.verdict == expected == ("push", "cut", "hold")
    assert plan.identified == ("data",) * 3


def test_growth_may_be_bought_at_a_loss(model):
    half = optimize_budget(model, Target(marginal_romi=-0.5), limits=Limits(max_change=None))
    inside = [i for i, rule in enumerate(half.binding) if not rule]
    assert inside
    at = marginal_response(model, half.proposed)[::2].mean(axis=0)
    assert at[inside] == pytest.approx(0.5, abs=0.05)
    # All media return 2 beside each euro where the last euro no longer earns itself back.
    whole = optimize_budget(model, Target(romi=2.0), limits=Limits(max_change=None))
    response = steady_response(model, whole.proposed)[::2].mean(axis=0).sum()
    assert response / whole.proposed.sum() - 1 == pytest.approx(2.0, abs=0.01)
    assert whole.multiplier < 0


def test_a_target_that_all_media_pass_spends_what_the_bounds_allow(model):
    bounds = {"Search": (0.0, 50.0), "Social": (0.0, 20.0), "Events": (0.0, 5.0)}
    plan = optimize_budget(model, Target(romi=0.0), bounds)
    assert plan.proposed == pytest.approx([50.0, 20.0, 5.0])
    assert plan.notes == ()


def test_there_is_no_last_euro_where_nothing_is_spent(model):
    today = {"Search": 0.0, "Social": 0.5, "Events": 20.0}
    plan = optimize_budget(model, 20.5, {"Search": (0.5, 0.5), "Social": (0.0, 0.0)}, today)
    assert plan.current.tolist() == list(today.values())
    assert plan.proposed == pytest.approx([0.5, 0.0, 20.0])
    assert np.isnan(plan.marginal_romi).tolist() == [True, False, False]
    assert np.isnan(plan.marginal_romi_after_lower).tolist() == [False, True, False]


def test_the_spread_of_hidden_demand_is_that_of_the_money_that_moves(model, plan):
    tau = {"Search": 0.5, "Social": 1.0, "Events": 2.0}
    moved = plan.proposed - plan.current
    told = optimize_budget(model, tau=tau)
    assert told.hidden_spread == pytest.approx(np.linalg.norm(moved * list(tau.values())))
    # Without tests 0.4 times the return expected a priori: a quarter of the outcome by its spend.
    expected = 0.4 * 0.25 * model.outcome_.sum() / model.spend_.sum()
    assert plan.hidden_spread == pytest.approx(np.linalg.norm(moved) * expected)
    assert hidden_bias(model, 0.5, None) == pytest.approx(np.full(3, 0.5 * expected))


def test_a_model_of_counts_needs_the_money_that_one_leaves():
    rng = np.random.default_rng(0)
    spend = rng.gamma(3.0, 40.0, (60, 2))
    sampling = Sampling(n_warmup=40, n_draws=40, n_starts=1, max_rounds=1)
    model = MixModel(likelihood="negative_binomial", sampler=sampling, on_nonconvergence="warn")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(spend, rng.poisson(3.0, 60))
    with pytest.raises(ConfigError, match="the outcome counts"):
        optimize_budget(model)
    assert optimize_budget(model, margin=900.0).margin == 900.0
