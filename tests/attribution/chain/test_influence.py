"""Influence functions at every order against derivatives, bootstrap and jackknife."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.attribution import markov, shapley
from mmm.attribution.chain import influence, removal
from mmm.attribution.uncertainty import share_covariance, sum_of_squares
from mmm.journeys import Unattributed

MODELS = {
    "order 2": partial(markov, order=2),
    "order 4": partial(markov, order=4),
    "per journey": partial(markov, order=3, allocation="per_journey"),
    "participation": partial(markov, removal="participation"),
    "participation per journey": partial(markov, removal="participation", allocation="per_journey"),
    "without nulls": partial(markov, include_nulls=False),
    "counterfactual": partial(shapley, game="counterfactual"),
    "rate": partial(shapley, game="rate"),
    "sum": shapley,
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
measures = pytest.mark.parametrize("measure", ["value", "conversions"])


@pytest.fixture(params=["dense", "sparse"])
def solver(request, monkeypatch):
    if request.param == "sparse":
        monkeypatch.setattr(removal, "FEW_STATES", 0)


@pytest.mark.usefixtures("solver")
@measures
@models
def test_influence_is_the_derivative_in_the_counts(company, model, measure):
    journeys = company.draw(np.random.default_rng(3), 60)
    journeys = replace(journeys, nulls=journeys.nulls + 0.5, unattributed=Unattributed(30, 400.0))
    rows = np.arange(0, len(journeys), 12)
    null, won = model(journeys, measure=measure).sampling.influence(rows)
    each = journeys.value / np.maximum(journeys.conversions, 1)
    step = 1e-5

    def moved(row, conversions, nulls):
        one = np.zeros(len(journeys))
        one[row] = step
        up, down = (
            model(
                replace(
                    journeys,
                    conversions=journeys.conversions + sign * one * conversions,
                    value=journeys.value + sign * one * conversions * each,
                    nulls=journeys.nulls + sign * one * nulls,
                ),
                measure=measure,
            ).share
            for sign in (1, -1)
        )
        return (up - down) / (2 * step)

    for i, row in enumerate(rows):
        if "include_nulls" not in getattr(model, "keywords", {}):
            np.testing.assert_allclose(null[i], moved(row, 0, 1), atol=2e-8)
        if journeys.conversions[row]:
            np.testing.assert_allclose(won[i], moved(row, 1, 0), atol=2e-8)


@measures
@models
def test_influences_cancel_over_the_journeys(company, model, measure):
    journeys = company.draw(np.random.default_rng(4), 400)
    null, won = model(journeys, measure=measure).sampling.influence(np.arange(400))
    counted = model(journeys, measure=measure).sampling.journeys
    np.testing.assert_allclose(counted.conversions @ won + counted.nulls @ null, 0, atol=1e-9)


@models
def test_standard_errors_equal_bootstrap_and_jackknife_of_clusters(company, model):
    rng = np.random.default_rng(6)
    journeys = company.draw(rng, 800)
    code = rng.integers(0, 200, 800)
    journeys = replace(journeys, cluster=code)
    result = model(journeys, measure="value")
    error = np.sqrt(np.diag(share_covariance(result.sampling, result.share)))
    squares = sum_of_squares(result.sampling.journeys, result.sampling.influence, 5)
    np.testing.assert_allclose(error**2, squares, rtol=1e-9)

    def share(factor):
        weight = factor[code].astype(float)
        drawn = replace(
            journeys,
            conversions=journeys.conversions * weight,
            value=journeys.value * weight,
            nulls=journeys.nulls * weight,
        )
        return model(drawn, measure="value").share

    left_out = np.array([share(np.arange(200) != i) for i in range(200)])
    jackknife = np.sqrt(((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0) * 199 / 200)
    np.testing.assert_allclose(error, jackknife, rtol=0.07)
    draws = [share(rng.poisson(1.0, 200)) for _ in range(200)]
    # 200 replicates know a standard error to 5%.
    np.testing.assert_allclose(error, np.std(draws, axis=0), rtol=0.2)


def test_blocks_of_steps_do_not_change_the_table(company, monkeypatch):
    journeys = company.draw(np.random.default_rng(8), 400)
    whole = markov(journeys, order=3)
    monkeypatch.setattr(influence, "BLOCK", 64)
    blocks = markov(journeys, order=3)
    np.testing.assert_allclose(whole.lower, blocks.lower, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2, 3])
def test_intervals_cover_from_two_hundred_deals(company, order):
    """Whatever the order, the chain comes to the same shares where the truth has order 1."""
    truth = company.removal_shares(company.won)
    rng = np.random.default_rng(11)
    held = []
    for _ in range(300):
        # 36.35% of the journeys convert: about 200 deals.
        result = markov(company.draw(rng, 550), order=order, measure="conversions", level=0.95)
        held.append((result.lower <= truth) & (truth <= result.upper))
    coverage = np.mean(held, axis=0)
    assert (truth > 0.04).all()
    # 300 repeats know a coverage of 95% to 1.3%.
    assert (coverage > 0.905).all()
    assert (coverage < 0.99).all()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_sums_along_journeys_are_plain_sums(lengths, seed):
    """In any order of rows, for journeys shorter and longer than those that are added at once."""
    rng = np.random.default_rng(seed)
    lengths = np.array(lengths) ** rng.integers(1, 4)
    start = np.append(0, np.cumsum(lengths))
    table, codes = rng.normal(size=(5, 3)), rng.integers(0, 5, start[-1])
    rows = rng.permutation(len(lengths))[: rng.integers(0, len(lengths) + 1)]
    plain = [table[codes[start[j] : start[j + 1]]].sum(axis=0) for j in rows]
    found = influence.sums_along(table, codes, start, rows)
    np.testing.assert_allclose(found, np.reshape(plain, (len(rows), 3)), atol=1e-12)
