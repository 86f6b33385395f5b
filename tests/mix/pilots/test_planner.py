"""Pilots of a fitted model: worth, calendar, and the words that go with them."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, InputError
from mmm.mix import optimize_budget
from mmm.mix.pilots.design import PilotTerms, block_signs, design_pilot
from mmm.mix.pilots.ground import carry_over, residuals
from mmm.mix.pilots.knowing import return_weights
from mmm.mix.pilots.planner import pilot_frame, plan_pilot, rank_pilots, with_pilots
from tests.mix.small_model import CHANNELS, small_model, small_table, unfitted


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def plan(model):
    return optimize_budget(model)


def test_value_rises_with_the_horizon_and_stays_below_perfect_knowledge(model):
    short, long = (
        plan_pilot(model, "Social", weeks=24, horizon=horizon, threshold=0.5)
        for horizon in (13, 52)
    )
    assert 0 < short.value < long.value <= long.perfect_value
    assert short.standard_error == long.standard_error
    assert long.net_value == pytest.approx(long.value - long.outcome_lost - long.set_up_cost)


def test_longer_and_larger_pilots_are_more_exact(model):
    base = plan_pilot(model, "Social", weeks=24)
    assert plan_pilot(model, "Social", weeks=48).standard_error < base.standard_error
    assert plan_pilot(model, "Social", weeks=24, delta=1.0).standard_error == pytest.approx(
        base.standard_error / 2
    )


def test_the_length_is_that_of_the_largest_net_value(model):
    best = plan_pilot(model, "Social", threshold=0.5)
    for weeks in (4 * best.block, 6 * best.block):
        if weeks <= 52:
            assert plan_pilot(model, "Social", weeks=weeks, threshold=0.5).net_value <= (
                best.net_value + 0.05 * abs(best.net_value)
            )


def test_margin_scales_return_and_error_alike(model):
    one, half = (plan_pilot(model, "Search", weeks=24, margin=m) for m in (1.0, 0.5))
    assert half.standard_error == pytest.approx(0.5 * one.standard_error)
    assert half.expected + 1 == pytest.approx(0.5 * (one.expected + 1))


def test_blocks_outlast_the_carry_over_and_the_calendar_keeps_the_total(model):
    pilot = plan_pilot(model, "Social", weeks=24)
    kernel = carry_over(model, 1, model.spend_[:, -13:].mean(axis=1))
    assert kernel.sum() == pytest.approx(1.0)
    assert kernel[: pilot.block].sum() >= 0.9
    frame = pilot.to_frame()
    assert frame.columns.tolist() == ["date", "channel", "part", "spend"]
    assert str(frame["date"].iloc[0].date()) == "2024-12-30"
    assert len(frame) == 24
    today = model.spend_[1, -13:].mean()
    assert set(frame["spend"].round(6)) == {round(0.5 * today, 6), round(1.5 * today, 6)}


def test_blocks_alternate_and_are_balanced():
    signs = block_signs(16, 2, seed=5)
    assert signs.sum() == 0
    assert (signs[:-4] == signs[4:]).all()
    assert {block_signs(4, 2, seed)[0] for seed in range(9)} == {1.0, -1.0}


def test_a_season_that_bends_is_not_taken_for_an_effect():
    laid = design_pilot("flighting", 24, 3, 50.0, np.ones(1), 0.3, terms=PilotTerms())
    bend = 3000 + 40 * np.arange(24) - 3 * np.arange(24) ** 2
    assert bend @ laid.weights == pytest.approx(0.0, abs=1e-8)


def test_a_holdout_splits_the_spend_and_is_read_against_the_weeks_before(model):
    pilot = plan_pilot(
        model, "Search", mode="holdout", delta=1.0, weeks=10, terms=PilotTerms(share=0.25)
    )
    parts = pilot.to_frame().groupby("part")["spend"].sum()
    today = model.spend_[0, -13:].mean()
    assert parts["held out"] == 0.0
    assert parts["others"] == pytest.approx(0.75 * today * 10)
    assert (pilot.exposure[:52] == 0).all()
    assert (pilot.exposure[52:] < 0).all()
    even = plan_pilot(model, "Search", mode="holdout", delta=1.0, weeks=10)
    assert even.standard_error < pilot.standard_error
    assert pilot.outcome_lost > 0


def test_the_error_of_a_holdout_is_that_of_two_parts_with_noises_of_their_own():
    terms = PilotTerms(share=0.25)
    laid = design_pilot("holdout", 12, 2, 50.0, np.ones(1), 0.0, terms=terms, n_before=40)
    rng = np.random.default_rng(0)
    held, others = (rng.normal(0, 80 * np.sqrt(part), (20_000, 52)) / part for part in (0.25, 0.75))
    read = (held - others + 7.0) @ laid.weights
    assert read.mean() == pytest.approx(0.0, abs=0.02 * read.std())
    assert laid.error(80.0) == pytest.approx(read.std(), rel=0.02)


def halves(common, own, n=130, seed=0):
    """Return four regions of 750 a period; noise of the company: some common to all, some not."""
    rng = np.random.default_rng(seed)
    noise = common * rng.standard_normal((n, 1)) / 4 + own * rng.standard_normal((n, 4)) / 2
    return pd.DataFrame(750 + noise, columns=list("abcd"))


def test_what_regions_have_in_common_does_not_lengthen_a_holdout(model):
    """Common noise cancels between the parts; the error said is the scatter of what is read."""
    outcome = model.outcome_.mean() / 3000
    said = {}
    for common in (0.0, 80.0):
        terms = PilotTerms(regions=halves(common, 60.0, n=800) * outcome, treated=("a", "b"))
        said[common] = plan_pilot(model, "Search", mode="holdout", weeks=12, terms=terms)
    assert said[80.0].standard_error == pytest.approx(said[0.0].standard_error, rel=0.05)
    assert said[80.0].part == pytest.approx(0.5, abs=0.01)
    assert not any("independent" in note for note in said[80.0].notes)
    blind = plan_pilot(model, "Search", mode="holdout", weeks=12)
    assert any("independent" in note for note in blind.notes)
    exposure = said[80.0].exposure
    weights, _ = return_weights(exposure, 0.0, np.ones((len(exposure), 1)))
    later = halves(80.0, 60.0, n=20_000, seed=1) * outcome
    gap = 2 * (later["a"] + later["b"] - later["c"] - later["d"]).to_numpy()
    read = np.lib.stride_tricks.sliding_window_view(gap, len(weights)) @ weights
    assert said[80.0].standard_error == pytest.approx(read.std(), rel=0.2)
    assert blind.standard_error > 1.2 * read.std()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"treated": ("a", "z")}, "'z'"),
        ({"treated": ("a", "b", "c", "d")}, "every unit"),
        ({"regions": halves(0, 1).head(20)}, "20 periods"),
        ({"regions": halves(0, 1).mask(halves(0, 1) > 750)}, "missing"),
        ({"regions": halves(0, 1) * 100}, "not the same outcome"),
    ],
)
def test_regions_that_are_no_history_of_the_company_are_refused(model, change, message):
    terms = PilotTerms(**{"regions": halves(0, 1), "treated": ("a",), **change})
    with pytest.raises(InputError, match=message):
        plan_pilot(model, "Search", mode="holdout", terms=terms)


def test_a_channel_without_spend_is_no_alternative_use():
    """Where nothing is spent the slope of a curve may have no bound; it is no threshold."""
    frame, outcome = small_table()
    frame = frame.copy()
    frame.loc[frame.index[-13:], "Fairs"] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = unfitted().fit(frame, outcome)
    current = dict(zip(CHANNELS, model.spend_[:, -13:].mean(axis=1).tolist(), strict=True))
    assert current["Fairs"] == 0
    pilot = plan_pilot(model, "Social", weeks=12)
    other = plan_pilot(model, "Search", weeks=12)
    assert pilot.threshold == pytest.approx(max(other.expected, 0.0))


def test_the_power_said_is_the_power_met(model):
    """Within 3 points, on simulated outcomes with the model's noise."""
    pilot = plan_pilot(model, "Social", weeks=24, threshold=0.0)
    laid = design_pilot("flighting", 24, pilot.block, 50.0, np.ones(1), 0.3, terms=PilotTerms())
    rng = np.random.default_rng(0)
    shocks = rng.standard_normal((20_000, 24))
    for t in range(1, 24):
        shocks[:, t] = 0.3 * shocks[:, t - 1] + np.sqrt(1 - 0.09) * shocks[:, t]
    s = laid.error(80.0)
    read = (2.8 * s * laid.exposure + 1000 + 80.0 * shocks) @ laid.weights
    assert np.mean(np.abs(read) > 1.959964 * s) == pytest.approx(0.80, abs=0.03)
    assert read.std() == pytest.approx(s, rel=0.03)


@pytest.mark.slow
def test_power_and_false_alarms_hold_on_companies_with_seasons():
    """The noise is fitted, the season of the pilot's weeks is left in what is read."""
    found = []
    for seed in range(4):
        frame, outcome = small_table(130, seed=seed)
        season = 200 * np.sin(2 * np.pi * np.arange(154) / 52)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = unfitted().fit(frame, outcome + season[:130])
        pilot = plan_pilot(model, "Social", weeks=24)
        laid = design_pilot(
            "flighting",
            24,
            pilot.block,
            0.5 * model.spend_[1, -13:].mean(),
            carry_over(model, 1, model.spend_[:, -13:].mean(axis=1)),
            float(model.posterior_.rho.mean()),
            terms=PilotTerms(),
        )
        noise = np.random.default_rng(seed).normal(0, 80, (4000, 24)) + season[130:]
        read = noise @ laid.weights / pilot.standard_error
        alarms = np.mean(np.abs(read) > 1.959964)
        found.append([np.mean(np.abs(read + 2.8016) > 1.959964), alarms])
    power_met, alarms = np.mean(found, axis=0)
    assert power_met == pytest.approx(0.80, abs=0.06)
    assert alarms <= 0.07


def test_false_alarms_are_replayed_and_the_error_is_widened(model):
    pilot = plan_pilot(model, "Social", weeks=16)
    assert 0 <= pilot.false_alarms <= 0.15
    assert residuals(model).std() == pytest.approx(80, rel=0.25)
    endless = plan_pilot(model, "Social", weeks=120, terms=PilotTerms(longest=120))
    assert np.isnan(endless.false_alarms)
    assert any("not replayed" in note for note in endless.notes)


def test_a_test_that_cannot_reach_is_said(model):
    mild = plan_pilot(model, "Search", delta=0.01, threshold=0.0)
    assert not mild.reaches
    assert any("pool channels" in note for note in mild.notes)
    assert [each.metric for each in mild.findings("EUR")][-1] == "pilot.out_of_reach"
    strong = plan_pilot(model, "Search", delta=1.0, threshold=0.0)
    assert strong.reaches
    assert all("pool channels" not in note for note in strong.notes)
    assert all(each.metric != "pilot.out_of_reach" for each in strong.findings("EUR"))


@pytest.mark.parametrize("mode", ["flighting", "holdout"])
def test_the_sentence_follows_the_net_value(model, mode):
    pilot = plan_pilot(model, "Social", mode=mode, weeks=24)
    for net, key, words in ((1.0, "worth", "conviene farlo"), (-1.0, "not_worth", "non conviene")):
        found = replace(pilot, net_value=net, chance=0.3).findings("EUR")[0]
        assert found.metric == f"pilot.{key}_{mode}"
        assert words in found.sentence("it")


def test_a_test_with_next_to_no_chance_of_an_answer_is_not_advised_whatever_it_costs(model, plan):
    for chance, pays in ((0.06, False), (0.3, True)):
        pilot = replace(plan_pilot(model, "Social", weeks=24), net_value=1.0, chance=chance)
        assert pilot.pays == pilot_frame([pilot])["pays"].item() == pays
        assert (pilot.findings("EUR")[0].metric == "pilot.hardly_tells") == (not pays)
        verdict = dict(zip(plan.channels, with_pilots(plan, [pilot]).verdict, strict=True))
        assert pays or verdict["Social"] != "test"
    assert "solo con una probabilità del 6,0%" in replace(pilot, chance=0.06).findings("EUR")[
        0
    ].sentence("it")


def test_pilots_are_ranked_and_turn_hold_into_test(model, plan):
    ranked = rank_pilots(model, plan, modes=("flighting", "holdout"))
    assert sorted(pilot.channel for pilot in ranked) == sorted(CHANNELS)
    frame = pilot_frame(ranked)
    assert frame["net_value"].is_monotonic_decreasing
    assert len(pilot_frame([])) == 0
    held = replace(plan, verdict=("hold", "hold", "cut"))
    pays = [
        replace(p, net_value=1.0 if p.channel != "Social" else -1.0, chance=0.5) for p in ranked
    ]
    assert with_pilots(held, pays).verdict == ("test", "hold", "cut")
    told = replace(plan, verdict=("hold", "test", "test"))
    assert with_pilots(told, pays).verdict == ("test", "hold", "test")
    assert with_pilots(told, pays[:0]).verdict == told.verdict
    assert any("'Search'" in note for note in with_pilots(held, pays).notes)
    with pytest.raises(ConfigError, match="which the plan does not have"):
        with_pilots(plan, [replace(ranked[0], channel="Radio")])


def test_a_channel_held_back_is_worth_a_test_however_sure_the_model_is(model):
    free = plan_pilot(model, "Search", threshold=0.0)
    held = plan_pilot(model, "Search", threshold=0.0, terms=PilotTerms(held=("Search",)))
    assert free.expected > 1  # far above: without the rule there is nothing to learn
    assert held.value > 10 * free.value
    assert free.value <= held.value <= held.perfect_value
    other = plan_pilot(model, "Search", threshold=0.0, terms=PilotTerms(held=("Social",)))
    assert other.value == free.value


def test_a_costly_pilot_is_worth_less(model):
    dear = plan_pilot(model, "Social", set_up_cost=1e9)
    assert dear.net_value < 0
    assert dear.findings("EUR")[0].metric == "pilot.not_worth_flighting"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel": "Radio"}, "no channel 'Radio'"),
        ({"delta": 0.0}, "delta is"),
        ({"delta": 1.2}, "delta is"),
        ({"weeks": 5}, "weeks is"),
        ({"mode": "geo"}, "mode is"),
        ({"horizon": 0}, "horizon is"),
        ({"weeks": 9.5}, "weeks is"),
        ({"margin": 0.0}, "margin is"),
        ({"threshold": float("nan")}, "threshold is"),
        ({"set_up_cost": -5.0}, "set_up_cost is"),
        ({"set_up_cost": float("nan")}, "set_up_cost is"),
        ({"terms": PilotTerms(current={"Search": 0.0, "Social": 1.0, "Fairs": 1.0})}, "nothing is"),
    ],
)
def test_pilots_that_cannot_be_are_refused(model, options, message):
    with pytest.raises(ConfigError, match=message):
        plan_pilot(model, **{"channel": "Search", **options})


@pytest.mark.parametrize(
    "bad",
    [{"movable": 0.0}, {"share": 1.0}, {"half_life": 0.0}, {"treated": ("a",)}],
)
def test_terms_are_checked(bad):
    with pytest.raises(ConfigError, match="Pass"):
        PilotTerms(**bad)
