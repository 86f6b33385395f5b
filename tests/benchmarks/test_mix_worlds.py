"""The benchmark of mix models answers companies with regions as it answers others."""

import importlib.util
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mmm.errors import DataWarning
from mmm.mix import MixModel, Sampling
from mmm.simulate.worlds import make_world, score

FILE = Path(__file__).parents[2] / "benchmarks" / "mix_worlds.py"
TINY = Sampling(n_warmup=20, n_draws=25, n_starts=1, max_rounds=1)


@pytest.mark.slow
def test_a_company_with_regions_gets_a_plan_that_is_graded(monkeypatch):
    spec = importlib.util.spec_from_file_location("mix_worlds", FILE)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    quick = partial(MixModel, sampler=TINY, on_nonconvergence="warn")
    monkeypatch.setattr(program, "MixModel", quick)
    world = make_world(2, making="panel")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        grades = score(program.ours, [world]).grades.iloc[0]
    assert grades["failure"] is None
    assert grades["advised"] == grades["moved"] == 1.0
    told = grades[["regret", "gain", "predicted_gain", "total_ratio"]].astype(float)
    assert np.isfinite(told).all()
