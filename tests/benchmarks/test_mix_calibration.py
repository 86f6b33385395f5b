"""Calibration of counts and panels by simulation: its short version, and its arithmetic."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from mmm.mix import Sampling

FILE = Path(__file__).parents[2] / "benchmarks" / "mix_calibration.py"


@pytest.fixture
def program(monkeypatch):
    """Return the program with smaller sets than it makes by itself."""
    spec = importlib.util.spec_from_file_location("mix_calibration", FILE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mix_calibration", module)
    spec.loader.exec_module(module)
    module.N_WEEKS, module.N_CHANNELS, module.NAMES = 30, 2, ["a", "b"]
    module.QUICK = Sampling(n_warmup=80, n_draws=80, n_starts=1, max_rounds=1)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    ("likelihood", "n_panels"), [("negative_binomial", 1), ("poisson", 2)], ids=["one", "panels"]
)
def test_ranks_of_the_truth_are_uniform(program, likelihood, n_panels):
    n_sets = 12 // n_panels
    sets = [program.one_set(seed, likelihood, n_panels) for seed in range(n_sets)]
    found = program.table(sets)
    assert found["p_uniform"].min() > 0.01 / len(found)
    shown = found.loc[[name for name in found.index if name.endswith(("a", "b"))], "inside_90"]
    low, high = scipy.stats.binom.interval(0.995, len(shown) * n_sets, 0.9)
    assert low <= shown.sum() * n_sets <= high
    assert found["mean_rank"].between(0.1, 0.9).all()


def test_uniform_ranks_pass_and_others_do_not(program):
    even = np.linspace(0.01, 0.99, 50)
    sets = [{"rank": {"right": x, "narrow": float(x > 0.5), "low": 0.3 * x}} for x in even]
    found = program.table(sets)
    assert found["p_uniform"]["right"] > 0.9
    assert found["p_uniform"][["narrow", "low"]].max() < 1e-6
    assert found["inside_90"].round(2).to_dict() == {"right": 0.88, "narrow": 0.0, "low": 0.84}


def test_what_is_stored_is_not_sampled_again(program, tmp_path, monkeypatch, capsys):
    kept = {"rank": {"a": 0.4, "media": 0.6}, "zeros": 0.5, "divergences": 0}
    for seed in range(3):
        (tmp_path / f"poisson-1-{seed}.json").write_text(json.dumps(kept))
    monkeypatch.setattr(program, "one_set", None)
    command = ["mix_calibration.py", "--n", "3", "--likelihood", "poisson", "--folder"]
    monkeypatch.setattr(sys, "argv", [*command, str(tmp_path)])
    program.main()
    assert "poisson-1, 3 sets of 30 weeks, 50% of weeks without any" in capsys.readouterr().out
