"""Intervals against derivatives, resampling, and repeated simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit, stdtrit

from mmm.attribution import first_touch, fit_chain, linear, markov
from mmm.attribution import uncertainty as u
from mmm.attribution.measure import measured
from mmm.attribution.rules import linear_weights
from mmm.journeys import Journeys, Unattributed

LEVEL = 0.9


def influence_of(model, journeys, measure):
    return model(journeys, measure=measure).sampling.influence


def standard_error(result, effective):
    """Undo the interval: half its width on the logit scale over the t quantile."""
    half = (logit(result.upper) - logit(result.lower)) / 2
    scale = result.share * (1 - result.share)
    return half / stdtrit(effective - 1, (1 + result.level) / 2) * scale


def with_weights(journeys, factor):
    return replace(
        journeys,
        conversions=journeys.conversions * factor,
        value=journeys.value * factor,
        nulls=journeys.nulls * factor,
    )


@pytest.mark.parametrize("unattributed", [Unattributed(), Unattributed(30, 400.0)])
@pytest.mark.parametrize("measure", ["value", "conversions"])
@pytest.mark.parametrize("model", [linear, markov])
def test_influence_is_the_derivative_in_the_counts(company, model, measure, unattributed):
    journeys = company.draw(np.random.default_rng(3), 60)
    journeys = replace(journeys, nulls=journeys.nulls + 0.5, unattributed=unattributed)
    rows = np.arange(0, len(journeys), 7)
    null, won = influence_of(model, journeys, measure)(rows)
    step = 1e-5

    def moved(row, conversions, nulls):
        one = np.zeros(len(journeys))
        one[row] = step
        each = journeys.value / np.maximum(journeys.conversions, 1)
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
        np.testing.assert_allclose(null[i], moved(row, 0, 1), atol=1e-8)
        if journeys.conversions[row]:
            np.testing.assert_allclose(won[i], moved(row, 1, 0), atol=1e-8)


@pytest.mark.parametrize("measure", ["value", "conversions"])
@pytest.mark.parametrize("model", [linear, markov])
def test_influences_cancel_over_the_journeys(company, model, measure):
    journeys = company.draw(np.random.default_rng(4), 500)
    null, won = influence_of(model, journeys, measure)(np.arange(500))
    summed = journeys.conversions @ won + journeys.nulls @ null
    np.testing.assert_allclose(summed, 0, atol=1e-12)


@pytest.mark.parametrize("model", [linear, markov])
def test_standard_errors_equal_the_bootstrap_on_path_data(path_data, model):
    result = model(path_data, measure="conversions", level=LEVEL)
    rng = np.random.default_rng(5)
    draws = []
    for _ in range(400):
        conversions, nulls = rng.poisson(path_data.conversions), rng.poisson(path_data.nulls)
        resampled = replace(
            path_data, conversions=conversions.astype(float), nulls=nulls.astype(float)
        )
        if model is markov:
            effect = fit_chain(resampled, measure="conversions").removal_effects()
            draws.append(effect / effect.sum())
        else:
            credit = linear_weights(path_data) * np.repeat(conversions, path_data.lengths)
            draws.append(np.bincount(path_data.touch, weights=credit) / conversions.sum())
    usual = result.lower > 0
    ratio = standard_error(result, path_data.conversions.sum()) / np.std(draws, axis=0)
    assert usual.sum() == 11
    # 400 replicates know a standard error to 3.5%.
    assert np.abs(ratio[usual] - 1).max() < 0.1


@pytest.mark.parametrize("measure", ["value", "conversions"])
@pytest.mark.parametrize("model", [linear, markov])
def test_standard_errors_equal_the_bootstrap_of_clusters(company, model, measure):
    rng = np.random.default_rng(6)
    journeys = company.draw(rng, 900)
    journeys = replace(
        journeys, cluster=rng.integers(0, 300, 900) * 7 - 1000, unattributed=Unattributed(40, 500.0)
    )
    result = model(journeys, measure=measure, level=LEVEL)
    _, code = np.unique(journeys.cluster, return_inverse=True)
    draws = []
    # The number of deals without a touch varies in the bootstrap, their mean value stays.
    for _ in range(1000):
        drawn = with_weights(journeys, rng.poisson(1.0, 300)[code].astype(float))
        n_rest = rng.poisson(40)
        drawn = replace(drawn, unattributed=Unattributed(n_rest, n_rest * 12.5))
        draws.append(model(drawn, measure=measure).share)
    won = u.won_clusters(journeys, measured(journeys, measure))
    ratio = standard_error(result, won.effective) / np.std(draws, axis=0)
    assert np.abs(ratio - 1).max() < 0.1


@pytest.mark.parametrize("measure", ["value", "conversions"])
@pytest.mark.parametrize("model", [first_touch, linear, markov])
def test_copies_within_a_cluster_add_no_information(company, model, measure):
    journeys = company.draw(np.random.default_rng(7), 300)
    once = model(journeys, measure=measure)
    thrice = with_weights(journeys, 3.0)
    clustered = model(replace(thrice, cluster=np.arange(300)), measure=measure)
    np.testing.assert_allclose(clustered.lower, once.lower, rtol=1e-9)
    np.testing.assert_allclose(clustered.upper, once.upper, rtol=1e-9)


def test_copies_that_stand_alone_do(company):
    journeys = company.draw(np.random.default_rng(7), 300)
    once = markov(journeys, measure="conversions")
    thrice = markov(with_weights(journeys, 3.0), measure="conversions")
    assert (thrice.upper - thrice.lower < 0.6 * (once.upper - once.lower)).all()


def test_blocks_do_not_change_the_variance(company, monkeypatch):
    journeys = company.draw(np.random.default_rng(8), 400)
    clusters = np.random.default_rng(9).integers(0, 90, 400)
    for cluster in (None, clusters):
        whole = markov(replace(journeys, cluster=cluster))
        with monkeypatch.context() as patch:
            patch.setattr(u, "BLOCK", 64)
            blocks = markov(replace(journeys, cluster=cluster))
        np.testing.assert_allclose(whole.lower, blocks.lower, rtol=1e-12)
        np.testing.assert_allclose(whole.upper, blocks.upper, rtol=1e-12)


@pytest.fixture(scope="module")
def truth_of_linear():
    """Linear shares of a large draw, known to a tenth of the error of 400 deals."""
    shares = {}

    def known(company, measure):
        if not shares:
            big = company.draw(np.random.default_rng(10), 400_000)
            for name in ("value", "conversions"):
                weights = linear_weights(big) * np.repeat(getattr(big, name), big.lengths)
                credit = np.bincount(big.touch, weights=weights)
                shares[name] = credit / credit.sum()
        return shares[measure]

    return known


@pytest.mark.parametrize("measure", ["value", "conversions"])
@pytest.mark.parametrize("model", [linear, markov])
def test_intervals_cover_the_truth(company, truth_of_linear, model, measure):
    if model is markov:
        size = company.size if measure == "value" else 1.0
        truth = company.removal_shares(company.won * size)
    else:
        truth = truth_of_linear(company, measure)
    rng = np.random.default_rng(11)
    held = []
    for _ in range(300):
        # 36.35% of the journeys convert: about 400 deals.
        result = model(company.draw(rng, 1100), measure=measure, level=LEVEL)
        held.append((result.lower <= truth) & (truth <= result.upper))
    coverage = np.mean(held, axis=0)
    assert (truth > 0.05).all()
    assert (coverage > 0.84).all()
    assert (coverage < 0.96).all()


def test_a_level_widens_the_interval(company):
    journeys = company.draw(np.random.default_rng(12), 300)
    narrow, wide = linear(journeys, level=0.5), linear(journeys, level=0.99)
    assert (wide.lower < narrow.lower).all()
    assert (wide.upper > narrow.upper).all()


def test_few_won_clusters_give_an_upper_bound_only():
    journeys = Journeys.from_paths(["big", "small"], conversions=[96, 4])
    result = first_touch(journeys)
    assert result.lower[1] == 0
    # Clopper and Pearson's one-sided 90% bound for 4 of 100 is 7.83%; the logit bound is lower.
    assert result.upper[1] == pytest.approx(0.0783, abs=1e-3)
    assert any(note.endswith("fewer than 5 won clusters: small.") for note in result.notes)
    five = first_touch(Journeys.from_paths(["big", "small"], conversions=[95, 5]))
    assert five.lower[1] > 0
    assert not any("Upper bound" in note for note in five.notes)


def test_shares_of_zero_and_one_leave_room_for_what_was_not_seen():
    journeys = Journeys.from_paths(["often > never first"], conversions=[50])
    result = first_touch(journeys)
    room = 1 - 0.1 ** (1 / 50)
    np.testing.assert_allclose(result.share, [0, 1])
    np.testing.assert_allclose(result.lower, [0, 1 - room])
    np.testing.assert_allclose(result.upper, [room, 1])


def test_value_on_aggregated_rows_has_no_interval():
    journeys = Journeys.from_paths(["a", "b", "a"], conversions=[2, 1, 1], value=[9.0, 3.0, 1.0])
    result = linear(journeys)
    assert np.isnan(result.lower).all()
    assert np.isnan(result.upper).all()
    assert "1 rows hold several conversions" in result.notes[-1]
    assert not np.isnan(linear(journeys, measure="conversions").lower).any()


def test_one_account_has_no_interval():
    journeys = replace(Journeys.from_paths(["a", "b", "a"]), cluster=np.array([4, 4, 4]))
    result = linear(journeys)
    assert np.isnan(result.upper).all()
    assert "one account or deal holds all of it" in result.notes[-1]


def test_large_deals_leave_fewer_effective_clusters():
    equal = Journeys.from_paths(["a", "b"] * 20, value=[1.0] * 40)
    one_large = Journeys.from_paths(["a", "b"] * 20, value=[1.0] * 39 + [40.0])
    counted = [u.won_clusters(j, measured(j, "value")) for j in (equal, one_large)]
    assert counted[0].effective == pytest.approx(40)
    assert counted[1].effective == pytest.approx(79**2 / 1639)
    assert counted[0].touched.tolist() == [20.0, 20.0]


def test_interval_by_hand():
    result = first_touch(Journeys.from_paths(["a", "b"], conversions=[9, 7]))
    share = 9 / 16
    error = np.sqrt(share * (1 - share) / 16) / (share * (1 - share))
    # The 95% quantile of t with 15 degrees of freedom, from tables.
    assert logit(result.upper[0]) == pytest.approx(logit(share) + 1.753050 * error, rel=1e-6)
    assert logit(result.lower[0]) == pytest.approx(logit(share) - 1.753050 * error, rel=1e-5)


def test_deals_without_a_touch_widen_the_interval_as_a_proportion():
    journeys = replace(Journeys.from_paths(["a"], conversions=[60]), unattributed=Unattributed(40))
    result = first_touch(journeys)
    assert standard_error(result, 60)[0] == pytest.approx(np.sqrt(0.6 * 0.4 / 100))


def test_values_without_a_touch_are_taken_to_spread_like_the_others():
    # 30 deals of 1 and 30 of 3 with a touch: the mean square is 5 / 4 of the squared mean.
    journeys = Journeys.from_paths(["a"] * 60, value=[1.0, 3.0] * 30)
    result = first_touch(replace(journeys, unattributed=Unattributed(40, 80.0)))
    effective = 120**2 / 300
    expected = np.sqrt(0.6 * 0.4 / 100 * 5 / 4)
    assert standard_error(result, effective)[0] == pytest.approx(expected)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_the_unit_of_money_does_not_matter_however_small_or_large(unit):
    """Squares of such amounts vanish or overflow; those of their parts of the whole do not."""
    worth = np.array([30.0, 10.0, 5.0, 20.0] * 5)
    paths = ["a > b", "b", "a", "c > a"] * 5
    plain, scaled = (linear(Journeys.from_paths(paths, value=worth * u)) for u in (1.0, unit))
    np.testing.assert_allclose(scaled.lower, plain.lower, rtol=1e-9)
    np.testing.assert_allclose(scaled.upper, plain.upper, rtol=1e-9)
