"""Other implementations' numbers on PathData."""

import numpy as np
import pytest

from mmm.attribution import first_touch, fit_chain, last_touch, linear, markov

# The exact tables hold 12 significant digits; the heuristics are sums in another order.
RELATIVE = 1e-9


@pytest.mark.parametrize("measure", ["conversions", "value"])
@pytest.mark.parametrize(
    ("model", "column"),
    [(first_touch, "first_touch"), (last_touch, "last_touch"), (linear, "linear_touch")],
)
def test_rules_equal_channel_attribution(path_data, golden, model, column, measure):
    result = model(path_data, measure=measure)
    expected = golden("CA_heuristic.csv").loc[list(result.channels), f"{column}_{measure}"]
    np.testing.assert_allclose(result.credit, expected, rtol=RELATIVE)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("measure", ["conversions", "value"])
def test_markov_equals_the_exact_chain(path_data, golden, measure, order):
    result = markov(path_data, measure=measure, order=order)
    expected = golden(f"EXACT_markov_o{order}_null.csv").loc[list(result.channels)]
    np.testing.assert_allclose(result.credit, expected[f"attributed_{measure}"], rtol=RELATIVE)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("measure", "column"),
    [("conversions", "removal_effect"), ("value", "removal_effect_value")],
)
def test_removal_effects_equal_the_exact_chain(path_data, golden, measure, column, order):
    effect = fit_chain(path_data, order, measure).removal_effects()
    expected = golden(f"EXACT_markov_o{order}_null.csv").loc[list(path_data.channels), column]
    np.testing.assert_allclose(effect, expected, rtol=RELATIVE)


@pytest.mark.parametrize(
    ("options", "share"),
    [
        # Shares of alpha that others publish on PathData: each is a definition of its own here.
        ({"removal": "participation"}, 0.2970),
        ({"allocation": "per_journey"}, 0.4188),
    ],
)
def test_other_packages_are_other_definitions(path_data, options, share):
    result = markov(path_data, measure="conversions", **options)
    assert result.share[0] == pytest.approx(share, abs=5e-5)


def test_simulated_chain_of_channel_attribution_is_near_but_not_equal(path_data, golden):
    result = markov(path_data, measure="conversions")
    simulated = golden("CA_markov_o1_null_default.csv")["total_conversions"]
    share = simulated.loc[list(result.channels)] / simulated.sum()
    assert 0.001 < np.abs(share - result.share).sum() / 2 < 0.01
