"""Carry-over keeps the scale of spend, curves rise, and derivatives are those of differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import ConfigError
from mmm.mix.families import (
    DelayedAdstock,
    ExponentialSaturation,
    GeometricAdstock,
    HillSaturation,
    LogisticSaturation,
    MichaelisMentenSaturation,
    NoAdstock,
    NoSaturation,
    Parameter,
    PeakedAdstock,
    RootSaturation,
    WeibullAdstock,
    link_all,
)
from mmm.mix.transforms import geometric_weights, hill, peaked_weights

ADSTOCKS = [
    NoAdstock(),
    GeometricAdstock(),
    PeakedAdstock(),
    DelayedAdstock(),
    WeibullAdstock(),
    WeibullAdstock(kind="cdf"),
]
SATURATIONS = [
    NoSaturation(),
    HillSaturation(),
    MichaelisMentenSaturation(),
    LogisticSaturation(),
    ExponentialSaturation(),
    RootSaturation(),
]
WILD = st.lists(st.floats(-4, 4), min_size=2, max_size=2)


def adstock_weights(adstock, z):
    values, slopes = link_all(adstock.parameters, z)
    weights, derivative = adstock.weights(values, 9)
    return weights, derivative * slopes[..., None]


@pytest.mark.parametrize("adstock", ADSTOCKS, ids=repr)
@given(z=WILD)
def test_weights_are_a_distribution_over_lags(adstock, z):
    weights, _ = adstock_weights(adstock, np.array([z[: len(adstock.parameters)]]))
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()


@pytest.mark.parametrize("adstock", ADSTOCKS, ids=repr)
@given(z=st.lists(st.floats(-2, 2), min_size=2, max_size=2))
def test_derivatives_of_weights(adstock, z):
    z, width = np.array([z[: len(adstock.parameters)]]), 1e-6
    _, derivative = adstock_weights(adstock, z)
    for i in range(z.shape[1]):
        step = width * np.eye(z.shape[1])[i]
        numeric = (
            adstock_weights(adstock, z + step)[0] - adstock_weights(adstock, z - step)[0]
        ) / (2 * width)
        np.testing.assert_allclose(derivative[..., i, :], numeric, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("saturation", SATURATIONS, ids=repr)
@given(z=st.lists(st.floats(-2, 2), min_size=2, max_size=2))
def test_derivatives_of_curves(saturation, z):
    z, width = np.array([[z[: len(saturation.parameters)]]]), 1e-6
    spend = np.array([[0.1, 0.7, 1.0, 4.0]])

    def curve(z, spend):
        values, slopes = link_all(saturation.parameters, z)
        return (*saturation.curve(spend, values), slopes)

    _, by_spend, by_parameter, slopes = curve(z, spend)
    numeric = (curve(z, spend + width)[0] - curve(z, spend - width)[0]) / (2 * width)
    np.testing.assert_allclose(by_spend, numeric, rtol=1e-5, atol=1e-8)
    for i, derivative in enumerate(by_parameter):
        step = width * np.eye(z.shape[-1])[i]
        numeric = (curve(z + step, spend)[0] - curve(z - step, spend)[0]) / (2 * width)
        np.testing.assert_allclose(derivative * slopes[..., i], numeric, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("saturation", SATURATIONS, ids=repr)
@given(z=WILD)
def test_curves_start_at_nothing_and_rise(saturation, z):
    values, _ = link_all(saturation.parameters, np.array([z[: len(saturation.parameters)]]))
    with np.errstate(over="ignore"):
        response = saturation.curve(np.linspace(0, 5, 60)[None], values[:, None])[0]
    assert response[..., 0] == pytest.approx(0, abs=0.01)
    assert (np.diff(response) >= -1e-12).all()


@pytest.mark.parametrize("saturation", SATURATIONS[1:5], ids=repr)
def test_half_is_reached_at_the_half_saturation(saturation):
    values = np.array([[[2.5, 1.7][: len(saturation.parameters)]]])
    assert saturation.curve(np.array([[[2.5]]]), values)[0] == pytest.approx(0.5)


def test_a_peaked_adstock_without_rise_is_geometric():
    retention = np.array([0.3, 0.8])
    np.testing.assert_allclose(
        peaked_weights(retention, np.zeros(2), 12)[0], geometric_weights(retention, 12)[0]
    )


def test_geometric_carry_over_by_hand():
    weights = geometric_weights(np.array(0.6), 40)[0]
    np.testing.assert_allclose(weights, 0.4 * 0.6 ** np.arange(40), rtol=1e-8)


def test_hill_by_hand():
    response = hill(np.array([3.0]), np.array([2.0]), np.array([2.0]))[0]
    assert response == pytest.approx(9 / 13)


def test_priors_are_stated_by_median_and_spread():
    z = np.random.default_rng(0).standard_normal((200_000, 2))
    parameters = [Parameter("a", "logit", 0.4, 1.0, upper=4.0), Parameter("b", "log", 1.5, 0.8)]
    values, _ = link_all(parameters, z)
    np.testing.assert_allclose(np.median(values, axis=0), [0.4, 1.5], rtol=0.02)
    assert values[:, 0].max() < 4
    assert np.log(values[:, 1]).std() == pytest.approx(0.8, rel=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Parameter("a", "logit", 1.0, 1.0),
        lambda: Parameter("a", "log", 1.0, 0.0),
        lambda: GeometricAdstock(max_lag=-1),
        lambda: WeibullAdstock(kind="hazard"),
    ],
)
def test_impossible_families_are_refused(make):
    with pytest.raises(ConfigError, match="pass"):
        make()
