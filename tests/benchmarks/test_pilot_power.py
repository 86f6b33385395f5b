import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mmm.mix.pilots.design import PilotTerms, design_pilot
from mmm.simulate.quarters import draw_firm

FILE = Path(__file__).parents[2] / "benchmarks" / "pilot_power.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("pilot_power", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flights(firm, channel, n=24, noise=50.0):
    """Return a pilot in flights that knows the carry-over of the channel, and its error."""
    level = float(firm.today[channel])
    kernel = firm.effects.lags[channel].carry(np.eye(1, 40)[0])
    laid = design_pilot("flighting", n, 3, 0.5 * level, kernel / kernel.sum(), 0.0,
                        terms=PilotTerms())  # fmt: skip
    s = laid.error(noise)
    return SimpleNamespace(
        channel=firm.channels[channel], mode="flighting", delta=0.5, n_periods=n, part=1.0,
        exposure=laid.exposure, spend=level + laid.change, standard_error=s, power=0.8,
        expected=2.8016 * s, threshold=0.0, false_alarms=0.05, unchanged=np.zeros(n),
    )  # fmt: skip


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_noise_as_said_meets_the_power_said_and_more_noise_is_found_out(bench, scale):
    firm = draw_firm(4, hidden=False)
    pilot = flights(firm, 0)
    model = SimpleNamespace(posterior_=SimpleNamespace(rho=np.zeros(3)))
    series = scale * 50.0 * np.random.default_rng(0).standard_normal(20_000)
    told = bench.laid_over(pilot, series, model, firm)
    assert told["scatter"] == pytest.approx(scale, rel=0.05)
    assert (told["alarms"] == pytest.approx(0.05, abs=0.015)) == (scale == 1.0)
    assert (told["met"] == pytest.approx(0.8, abs=0.03)) == (scale == 1.0)


def test_a_true_effect_is_read_in_full_where_the_carry_over_is_known(bench):
    """But for what fell into the weeks before, and curves that bend."""
    kept = []
    for seed in range(6):
        firm = draw_firm(seed, hidden=False)
        pilot = flights(firm, 0)
        laid = bench.drift(pilot.n_periods)
        weights, _ = bench.return_weights(pilot.exposure, 0.0, laid)
        kept.append(bench.part_found(pilot, weights, firm))
    kept = np.array(kept)
    assert np.nanmedian(kept) == pytest.approx(1.0, abs=0.1)
