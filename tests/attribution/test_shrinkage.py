"""Shrinkage: less error where deals are few, none where they are many, and its level."""

from dataclasses import replace

import numpy as np
import pytest

from mmm.attribution import first_touch, last_touch, linear, markov, shapley, shrink
from mmm.attribution.uncertainty import share_covariance
from mmm.errors import ConfigError
from mmm.journeys import Journeys


@pytest.mark.parametrize("model", [last_touch, markov])
def test_by_the_formula(company, model):
    journeys = company.draw(np.random.default_rng(0), 80)
    result, rule = model(journeys), linear(journeys)
    difference = result.share - rule.share
    null, won = result.sampling.influence(np.arange(80))
    null_rule, won_rule = rule.sampling.influence(np.arange(80))
    crossed = journeys.conversions @ (won * (won - won_rule)).sum(axis=1)
    crossed += journeys.nulls @ (null * (null - null_rule)).sum(axis=1)
    weight = np.clip(crossed / (difference @ difference), 0, 1)
    shrunk = shrink(result)
    np.testing.assert_allclose(shrunk.share, result.share - weight * difference, atol=1e-12)
    np.testing.assert_allclose(shrunk.credit, shrunk.share * journeys.value.sum())
    assert shrunk.model == f"{model.__name__}_shrunk"
    assert f"{weight:.0%} of the way to linear" in shrunk.notes[-1]


def test_many_deals_leave_the_model(company):
    many = company.draw(np.random.default_rng(1), 50_000)
    np.testing.assert_allclose(shrink(last_touch(many)).share, last_touch(many).share, atol=0.002)


def test_unattributed_and_clusters_are_kept(company):
    journeys = company.draw(np.random.default_rng(2), 200)
    clustered = replace(journeys, cluster=np.arange(200) // 4)
    result = shrink(markov(clustered), toward=first_touch(clustered))
    assert result.to_frame()["credit"].sum() == pytest.approx(float(result.total))
    assert "first_touch" in result.definition
    covariance = share_covariance(result.sampling, result.share)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


def risk(company, model, truth, n_journeys, repeats):
    """Mean squared error of a model and of its shrunk shares, and the coverage of the latter."""
    rng = np.random.default_rng(3)
    plain, shrunk, held = [], [], []
    for _ in range(repeats):
        result = model(company.draw(rng, n_journeys), measure="conversions", level=0.9)
        drawn = shrink(result)
        plain.append(((result.share - truth) ** 2).sum())
        shrunk.append(((drawn.share - truth) ** 2).sum())
        held.append((drawn.lower <= truth) & (truth <= drawn.upper))
    return np.mean(plain), np.mean(shrunk), np.mean(held, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("n_journeys", [80, 280])
def test_a_noisy_rule_errs_less_and_keeps_its_level(company, n_journeys):
    """About 30 and 100 deals, 90% intervals."""
    truth = last_touch(company.draw(np.random.default_rng(9), 400_000), measure="conversions").share
    plain, shrunk, held = risk(company, last_touch, truth, n_journeys, 300)
    assert shrunk < plain * (0.95 if n_journeys == 80 else 1)
    assert 0.87 < held.mean() < 0.97
    assert (held > 0.8).all()


@pytest.mark.slow
def test_a_model_that_errs_less_than_the_rule_is_left_alone(company):
    truth = company.removal_shares(company.won)
    plain, shrunk, held = risk(company, markov, truth, 80, 200)
    assert shrunk == pytest.approx(plain, rel=0.01)
    assert 0.86 < held.mean() < 0.97


def test_results_have_to_belong_together(company):
    rng = np.random.default_rng(4)
    journeys = company.draw(rng, 100)
    with pytest.raises(ConfigError, match="another measure"):
        shrink(markov(journeys), toward=linear(journeys, measure="conversions"))
    with pytest.raises(ConfigError, match="sampling error follows"):
        shrink(replace(markov(journeys), sampling=None))
    one = Journeys.from_paths(["a", "b"], conversions=[1, 0], nulls=[0, 1])
    with pytest.raises(ConfigError, match="cannot be shrunk without a standard error"):
        shrink(markov(one))


def test_signed_shares_keep_signed_intervals():
    journeys = Journeys.from_paths(
        ["good", "good > bad", "bad"], conversions=[90, 10, 0], nulls=[10, 90, 100]
    )
    result = shrink(shapley(journeys, game="rate"))
    assert result.share[0] < 0
    assert result.lower[0] < result.share[0] < result.upper[0]
