"""Two samplers of one density are told alike, and of two densities apart."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def test_differences_are_in_standard_errors():
    program, rng = load("mix_crosscheck"), np.random.default_rng(0)
    ours, theirs = rng.standard_normal((2, 4, 1500, 30))
    alike = program.differences(ours, theirs).to_numpy()
    assert 0.7 < np.sqrt(np.mean(alike**2)) < 1.3
    # A chain that repeats itself counts for less, and the differences stay as they should be.
    slow = np.repeat(theirs[:, :300], 5, axis=1)
    assert 0.7 < np.sqrt(np.mean(program.differences(ours, slow).to_numpy() ** 2)) < 1.3


def test_another_spread_or_place_is_noticed():
    program, rng = load("mix_crosscheck"), np.random.default_rng(1)
    ours, theirs = rng.standard_normal((2, 4, 1500, 2))
    moved = program.differences(ours, theirs * [1.0, 1.3] + [0.2, 0.0]).abs()
    assert moved["mean"][0] > 5
    assert moved["below 95%"][1] > 5
    assert moved["mean"][1] < 4


def test_the_problem_and_its_quantities():
    program = load("mix_crosscheck")
    scaled, joint, names = program.of_company("standard", 8, "normal")
    z = np.zeros((4, 3, joint.n_parameters))
    labels, told = program.quantities(scaled, names, z)
    assert told.shape == (4, 3, len(labels))
    parts = np.exp(told[0, 0, : len(names)])
    assert np.log(parts.sum()) == pytest.approx(told[0, 0, len(names)])


@pytest.mark.slow
def test_a_fit_in_a_process_of_its_own_is_measured():
    program = load("mix_speed")
    found = program.measure("1x40", 0, FOLDER.parent)
    assert found["converged"]
    assert found["cpu_seconds"] > 0
    assert 50 < found["megabytes"] < 2000
