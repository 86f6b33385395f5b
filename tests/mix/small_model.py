"""One small fitted model for the tests of what is done with a model."""

import warnings
from functools import cache

import numpy as np
import pandas as pd

from mmm.mix import MixModel
from mmm.mix.inference.sampler import Sampling

CHANNELS = ("Search", "Social", "Fairs")


def small_table(n_weeks=104, seed=3):
    """Two years: Search returns far more than Social, Fairs come in flights."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(3.0, [40.0, 60.0, 60.0], (n_weeks, 3))
    spend[:, 2] *= rng.random(n_weeks) < 0.4
    level = spend / spend.mean(axis=0)
    media = np.array([900.0, 250.0, 200.0]) * 2 * level / (1 + level)
    outcome = 2000 + media.sum(axis=1) + rng.normal(0, 80, n_weeks)
    frame = pd.DataFrame(spend, columns=CHANNELS)
    frame.insert(0, "week", pd.date_range("2023-01-02", periods=n_weeks, freq="7D"))
    return frame, outcome


def unfitted(seed=1):
    sampling = Sampling(n_warmup=150, n_draws=200)
    return MixModel(date="week", sampler=sampling, on_nonconvergence="warn", seed=seed)


@cache
def small_model():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return unfitted().fit(*small_table())
