import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mmm.mix import Sampling

FILE = Path(__file__).parents[2] / "benchmarks" / "refresh.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("refresh", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def moved(channel, after, *, named=False):
    return {
        "channel": channel, "before": 1.0, "after": after, "lower": 0.5, "upper": 1.5,
        "spread": 0.01, "named": named,
    }  # fmt: skip


def test_a_channel_that_left_its_interval_counts_and_so_does_its_sentence(bench):
    rows = [
        {"seed": 1, "making": "dear", "moved": [moved("a", 1.2), moved("b", 1.8, named=True)]},
        {"seed": 2, "making": "dear", "moved": [moved("a", 2.2), moved("(media)", 9.0)]},
        {"seed": 3, "making": "narrow", "moved": [moved("a", 0.6), moved("b", np.nan)]},
    ]
    told = bench.summary(rows).set_index("making")
    assert told.loc["all", "channels"] == 4
    assert told.loc["all", "stays"] == pytest.approx(0.5)
    assert told.loc["all", "left"] == 2
    assert told.loc["all", "named"] == pytest.approx(0.5)
    assert told.loc["all", "within_width"] == pytest.approx(0.75)
    assert told.loc["narrow", "stays"] == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::mmm.errors.MmmWarning", "ignore::mmm.errors.DataWarning")
def test_one_company_is_refreshed(bench):
    row = bench.refresh(902, "narrow", sampling=Sampling(n_warmup=60, n_draws=60, max_rounds=1))
    assert row["sum_error"] < 1e-9
    assert row["weeks"] >= 60
    told = bench.channels([row])
    assert len(told) >= 3
    assert (told["named"] | told["stays"]).all()
    assert set(row["plans"]) == {"old", "new", "switch", "probability"}
