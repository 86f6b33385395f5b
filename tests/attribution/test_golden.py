"""Other implementations' numbers on PathData."""

import numpy as np
import pytest

from mmm.attribution import first_touch, last_touch, linear, markov
from mmm.attribution.markov import fit_chain, remove_each

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


@pytest.mark.parametrize("measure", ["conversions", "value"])
def test_markov_equals_the_exact_chain(path_data, golden, measure):
    result = markov(path_data, measure=measure)
    expected = golden("EXACT_markov_o1_null.csv").loc[list(result.channels)]
    np.testing.assert_allclose(result.credit, expected[f"attributed_{measure}"], rtol=RELATIVE)


@pytest.mark.parametrize(
    ("amount", "column"),
    [("conversions", "removal_effect"), ("value", "removal_effect_value")],
)
def test_removal_effects_equal_the_exact_chain(path_data, golden, amount, column):
    effect = remove_each(fit_chain(path_data, getattr(path_data, amount))).effect
    expected = golden("EXACT_markov_o1_null.csv").loc[list(path_data.channels), column]
    np.testing.assert_allclose(effect, expected, rtol=RELATIVE)


def test_simulated_chain_of_channel_attribution_is_near_but_not_equal(path_data, golden):
    result = markov(path_data, measure="conversions")
    simulated = golden("CA_markov_o1_null_default.csv")["total_conversions"]
    share = simulated.loc[list(result.channels)] / simulated.sum()
    assert 0.001 < np.abs(share - result.share).sum() / 2 < 0.01
