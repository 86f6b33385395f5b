"""The exact modes of other packages, run beside ours on the same paths.

MMM_PEERS names a folder with one environment a package, as `benchmarks/attribution_peers.py` makes
it; the programs are those of that benchmark. What is not there is skipped.
"""

import importlib.util
import os
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmm.attribution import first_touch, last_touch, linear, markov, shapley
from mmm.journeys import Journeys

FILE = Path(__file__).parents[2] / "benchmarks" / "attribution_peers.py"
RELATIVE = 1e-9
# ChannelAttribution draws paths until its answer moves by less than this (conv_par).
SIMULATED = 0.05

per_journey = partial(markov, allocation="per_journey")
participation = partial(markov, removal="participation")


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("attribution_peers", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table():
    """Distinct paths of six channels with counts, like PathData: some end well, most do not."""
    rng = np.random.default_rng(1)
    names = np.array(["alpha", "beta", "gamma", "delta", "eta", "iota"])
    chance = rng.dirichlet(np.full(6, 2.0), 7)
    paths = []
    for _ in range(4000):
        path = [rng.choice(6, p=chance[6])]
        while rng.random() < 0.6:
            path.append(rng.choice(6, p=chance[path[-1]]))
        paths.append(" > ".join(names[path]))
    won = rng.random(len(paths)) < [0.1 + 0.2 * path.endswith("a") for path in paths]
    frame = pd.DataFrame({"path": paths, "conversions": won * 1, "nulls": ~won * 1})
    frame["value"] = (won * rng.lognormal(3, 1, len(paths))).round(2)
    return frame.groupby("path", sort=False).sum().reset_index().head(400)


@pytest.fixture
def run(bench, table, tmp_path):
    """Return the shares that a package finds, by model."""
    folder = os.environ.get("MMM_PEERS")
    entries = {entry.name: entry for entry in bench.ENTRIES}
    table.to_csv(tmp_path / "paths.csv", index=False)

    def shares(name, order=1):
        entry = entries[name]
        if folder is None:
            pytest.skip("MMM_PEERS names no folder of environments")
        python = Path(folder) / entry.environment / "bin" / "python"
        if not python.exists():
            pytest.skip(f"{entry.environment} is not installed in {folder}")
        made = bench.measure(
            python, entry.program(), [str(tmp_path / "paths.csv"), str(order)], 120
        )
        if "ModuleNotFoundError" in made.problem:
            pytest.skip(f"{entry.environment} cannot be imported: {made.problem}")
        assert not made.problem
        return {model: bench.shares(credit) for model, credit in made.found.items()}

    return shares


def ours(table, model, **options):
    journeys = Journeys.from_paths(table["path"], table["conversions"], nulls=table["nulls"])
    result = model(journeys, **options)
    return pd.Series(result.share, result.channels)


def differences(found, expected):
    assert set(found) <= set(expected.index)
    return np.array([found.get(channel, 0.0) for channel in expected.index]) - expected


@pytest.mark.parametrize("package", ["ChannelAttribution", "marketing-attribution-models"])
def test_rules_equal_those_of_other_packages(run, table, package):
    found = run(package)
    for name, model in {"first": first_touch, "last": last_touch, "linear": linear}.items():
        assert np.abs(differences(found[name], ours(table, model))).max() < RELATIVE, name


@pytest.mark.parametrize("order", [1, 3])
def test_a_simulated_chain_is_within_its_own_tolerance(run, table, order):
    found = run("ChannelAttribution", order)["markov"]
    apart = np.abs(differences(found, ours(table, markov, order=order))).sum() / 2
    assert apart < SIMULATED


@pytest.mark.parametrize("order", [1, 2, 3])
def test_removal_to_null_equals_do_attribution(run, table, order):
    found = run("do-attribution, redirect_to_null", order)["markov"]
    assert np.abs(differences(found, ours(table, markov, order=order))).max() < RELATIVE


def test_participation_equals_the_default_of_do_attribution(run, table):
    found = run("do-attribution")["markov"]
    assert np.abs(differences(found, ours(table, participation))).max() < RELATIVE


def test_shapley_values_of_sets_equal_those_of_shapley_attribution(run, table):
    found = run("shapley-attribution")["shapley"]
    assert np.abs(differences(found, ours(table, shapley))).max() < RELATIVE


def test_removal_effects_journey_by_journey_equal_marketing_attribution_models(run, table):
    found = run("marketing-attribution-models")["markov"]
    assert np.abs(differences(found, ours(table, per_journey))).max() < RELATIVE
