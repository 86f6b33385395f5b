"""Deals a week with many weeks of none: planted contributions come back."""

import warnings

import numpy as np
import pytest

from mmm.errors import DataWarning
from mmm.mix import MixModel
from mmm.mix.inference.sampler import Sampling


def planted(seed, n_weeks=156, n_channels=3, mean=0.8, idle=0.0):
    """Deals, and what each channel brought of them; a part `idle` of weeks closes none at all."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(2.0, 50.0, (n_weeks + 20, n_channels))
    spend[:, 1] *= rng.random(n_weeks + 20) < 0.5
    share, truth = rng.dirichlet(np.full(n_channels, 3.0)), []
    for c in range(n_channels):
        weights = rng.uniform(0.3, 0.7) ** np.arange(20)
        carried = np.convolve(spend[:, c], weights / weights.sum())[20 : 20 + n_weeks]
        response = carried / (carried + carried.mean())
        truth.append(mean * 0.45 * share[c] * response / response.mean())
    week = np.arange(n_weeks)
    season, slow = np.sin(2 * np.pi * week / 52), np.sin(2 * np.pi * week / 200)
    expected = mean * 0.55 * (1 + 0.25 * season + 0.2 * slow) + np.sum(truth, axis=0)
    open_week = rng.random(n_weeks) >= idle
    outcome = rng.poisson(expected / (1 - idle) * rng.gamma(6, 1 / 6, n_weeks)) * open_week
    return spend[20:], outcome, np.sum(truth, axis=1)


def look(seed, sampler, **settings):
    X, y, truth = planted(seed, **settings)
    model = MixModel(likelihood="negative_binomial", sampler=sampler, on_nonconvergence="warn")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        rows = model.fit(X, y).contributions()
    truth = np.append(truth, truth.sum())
    inside = (rows["contribution_lower"] <= truth) & (truth <= rows["contribution_upper"])
    return model, X, y, inside.to_numpy(), rows["contribution"].to_numpy() / truth


SHORT = Sampling(n_warmup=150, n_draws=200, n_starts=2, max_rounds=1)


@pytest.mark.slow
def test_planted_contributions_of_few_deals_are_covered():
    looks = [look(seed, SHORT) for seed in range(6)]
    zeros = np.mean([(y == 0).mean() for _, _, y, _, _ in looks])
    assert 0.38 < zeros < 0.55
    inside = np.array([found for *_, found, _ in looks])
    assert inside.mean() >= 0.8  # of 24 intervals of 90%
    ratio = np.array([found[-1] for *_, found in looks])
    assert 0.6 < np.median(ratio) < 1.5
    held = [np.mean((lower <= y) & (y <= upper)) for model, X, y, *_ in looks
            for lower, upper in [model.predict_interval(X, level=0.9)]]  # fmt: skip
    assert 0.9 < np.mean(held) < 0.995


@pytest.mark.slow
def test_weeks_in_which_nothing_closes_widen_the_noise_and_keep_the_contributions():
    plain, *_ = look(20, SHORT)
    looks = [look(seed, SHORT, idle=0.3) for seed in (20, 21, 22)]
    for model, X, y, _, _ in looks:
        assert (y == 0).mean() > 0.5
        assert np.median(model.posterior_.dispersion) > np.median(plain.posterior_.dispersion)
        lower, upper = model.predict_interval(X, level=0.9)
        assert np.mean((lower <= y) & (y <= upper)) > 0.88
    assert np.mean([found for *_, found, _ in looks]) >= 0.75  # of 12 intervals of 90%


def test_many_leads_say_what_normal_noise_says():
    X, y, _ = planted(7, mean=60.0)
    rows = []
    for likelihood in ("negative_binomial", "normal"):
        model = MixModel(likelihood=likelihood, sampler=SHORT, on_nonconvergence="warn")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            rows.append(model.fit(X, y).contributions().iloc[-1])
    widths = [row["contribution_upper"] - row["contribution_lower"] for row in rows]
    assert 0.7 < widths[0] / widths[1] < 1.4
    assert abs(rows[0]["contribution"] - rows[1]["contribution"]) < 0.2 * widths[1]
