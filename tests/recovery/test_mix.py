"""The mix engine against truths that are known."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from mmm.errors import DataWarning
from mmm.mix.families import DelayedAdstock, GeometricAdstock, LogisticSaturation
from mmm.mix.inference.media import Media, group_channels, mean_contribution, respond
from mmm.mix.inference.posterior import RHO_MOST, Linear, build_problem, log_posterior
from mmm.mix.inference.prior import draw_prior
from mmm.mix.inference.sampler import Sampling, sample
from mmm.mix.model import MixModel

SHORT = Sampling(n_warmup=200, n_draws=300, max_rounds=2)


def fit(model, frame, outcome):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return model.fit(frame, outcome)


@pytest.fixture(scope="module")
def example(shared):
    frame = pd.read_csv(shared / "data/mix/pymc_mmm_example.csv")
    truth = json.loads((shared / "data/mix/pymc_mmm_example_truth.json").read_text())
    return frame.drop(columns="y"), frame["y"].to_numpy(), truth


def inside(rows, truth):
    lower, upper = rows["contribution_lower"], rows["contribution_upper"]
    return ((lower < truth) & (truth < upper)).to_numpy()


@pytest.mark.parametrize(
    "families",
    [{}, {"adstock": GeometricAdstock(), "saturation": LogisticSaturation()}],
    ids=["default", "the family it was made with"],
)
def test_the_published_example(example, families):
    frame, outcome, truth = example
    model = MixModel(
        channels=truth["channels"],
        controls=["event_1", "event_2"],
        date="date_week",
        sampler=SHORT,
        on_nonconvergence="warn",
        **families,
    )
    fit(model, frame, outcome)
    rows = model.contributions().iloc[:-1]
    assert inside(rows, np.array(truth["contribution"])).all()
    np.testing.assert_allclose(rows["contribution"], truth["contribution"], rtol=0.15)
    assert model.posterior_.sigma.mean() == pytest.approx(truth["sigma"], rel=0.1)


def test_a_planted_lag_of_twelve_weeks():
    rng = np.random.default_rng(0)
    n_weeks = 180
    spend = rng.gamma(1.0, 100, n_weeks + 30) * (rng.random(n_weeks + 30) < 0.3)
    late = 0.8 ** ((np.arange(26) - 12) ** 2)
    media = 12 * np.convolve(spend, late / late.sum())[30 : 30 + n_weeks]
    outcome = 3000 + media + rng.normal(0, 60, n_weeks)
    adstock = DelayedAdstock(delay=6.0, max_lag=26)
    model = MixModel(adstock=adstock, sampler=SHORT, on_nonconvergence="warn")
    fit(model, spend[30:, None], outcome)
    rows = model.contributions().iloc[:1]
    assert inside(rows, np.array([media.sum()])).all()
    group = model.scaled_.problem.media.groups[0]
    delay = group.parameters[1].loc + group.parameters[1].scale * model.posterior_.z[:, 1]
    assert np.exp(delay).mean() == pytest.approx(12, abs=0.5)


def test_a_channel_without_effect_is_small_and_its_neighbour_whole():
    rng = np.random.default_rng(1)
    spend = rng.gamma(2.0, 100, (150, 2))
    carried = np.convolve(spend[:, 0], 0.5 * 0.5 ** np.arange(14))[:150]
    media = 3000 * carried / (300 + carried)
    model = MixModel(sampler=SHORT, on_nonconvergence="warn")
    fit(model, spend, 4000 + media + rng.normal(0, 80, 150))
    rows = model.contributions().set_index("channel")
    assert rows.loc["x1", "contribution"] < 0.1 * rows.loc["x0", "contribution"]
    assert rows.loc["x0", "identified"] == "data"


def test_correlated_noise_and_a_wandering_level_do_not_become_media():
    rng = np.random.default_rng(2)
    n_weeks = 156
    week = np.arange(n_weeks)
    noise = np.zeros(n_weeks)
    for t in range(1, n_weeks):
        noise[t] = 0.6 * noise[t - 1] + rng.normal(0, 80)
    level = 4000 + 500 * np.sin(2 * np.pi * week / 140)
    spend = rng.gamma(2.0, 100, (n_weeks, 2))
    media = 800 * spend / (200 + spend)
    model = MixModel(sampler=SHORT, on_nonconvergence="warn")
    fit(model, spend, level + media.sum(axis=1) + noise)
    assert inside(model.contributions().iloc[:-1], media.sum(axis=0)).all()
    lower, upper = np.quantile(model.posterior_.rho, (0.02, 0.98))
    assert lower < 0.6 < upper


def tiny_problem(rng):
    """A problem whose constants are fixed, and its truth drawn from the prior."""
    n_periods = 52
    scales = np.random.default_rng(0)  # the same spend and baseline for all sets
    spend = scales.gamma(1.5, 0.7, (2, n_periods))
    groups = group_channels(
        spend, spend.mean(axis=1), [GeometricAdstock(max_lag=6)] * 2, [LogisticSaturation()] * 2
    )
    media = Media(groups, np.log(np.array([0.6, 0.4])), 0.8, 0.5, np.log(0.3), 0.6)
    wave = 2 * np.pi * np.arange(n_periods) / n_periods
    linear = Linear(
        design=np.column_stack([np.ones(n_periods), np.sin(wave), np.cos(wave)]),
        prior_sd=np.array([4.0, 1.0, 1.0]),
        trend=np.array([False, True, True]),
        trend_scale=0.7,
        rho_loc=0.2,
        rho_scale=0.4,
        shape=5.0,
        rate=5.0 * 0.15**2,
    )
    z = draw_prior((1, media.n_parameters + 2), media.deviations, media.spread_scale, rng)
    sigma = np.sqrt(linear.rate / rng.gamma(linear.shape))
    size = np.where(linear.trend, np.exp(linear.trend_scale * z[0, -2]), 1.0)
    coefficient = sigma * linear.prior_sd * size * rng.standard_normal(3)
    rho = RHO_MOST * np.tanh(linear.rho_loc + linear.rho_scale * z[0, -1])
    noise = sigma * rng.standard_normal(n_periods)
    noise[0] /= np.sqrt(1 - rho**2)
    for t in range(1, n_periods):
        noise[t] += rho * noise[t - 1]
    outcome = respond(media, z).media[0] + linear.design @ coefficient + noise
    return build_problem(outcome, media, linear, np.ones((1, n_periods))), z


@pytest.mark.slow
def test_simulation_based_calibration():
    """Ranks of the truth among draws are uniform (Talts et al. 2018, arXiv:1804.06788)."""
    rng, n_sets = np.random.default_rng(3), 30
    ranks, covered = [], []
    settings = Sampling(n_warmup=120, n_draws=120, n_starts=2, max_rounds=1)
    for _ in range(n_sets):
        problem, truth = tiny_problem(rng)
        draws = sample(
            lambda z, problem=problem: log_posterior(problem, z),
            problem.n_parameters,
            settings,
            rng,
            lambda z: True,
        ).z.reshape(-1, problem.n_parameters)[::6]
        known = np.hstack([truth[0], mean_contribution(problem.media, truth)[0]])
        seen = np.hstack([draws, mean_contribution(problem.media, draws)])
        ranks.append((seen < known).mean(axis=0))
        lower, upper = np.quantile(seen[:, -2:], (0.05, 0.95), axis=0)
        covered.append((lower < known[-2:]) & (known[-2:] < upper))
    worst = [scipy.stats.kstest(column, "uniform").pvalue for column in np.array(ranks).T]
    assert min(worst) > 0.01 / len(worst)
    # 60 intervals of 90%: the exact binomial 99% range.
    low, high = scipy.stats.binom.interval(0.99, 2 * n_sets, 0.9)
    assert low <= np.sum(covered) <= high
