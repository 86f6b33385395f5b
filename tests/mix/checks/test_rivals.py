"""Families are compared by what they had not seen."""

import warnings

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError
from mmm.mix import GeometricAdstock, MixModel, NoAdstock, compare_models, rolling_holdout
from mmm.mix.inference.sampler import Sampling


@pytest.fixture(scope="module")
def carried():
    """Spend in flights that acts for weeks: without carry-over the weeks after are missed."""
    rng = np.random.default_rng(2)
    spend = rng.gamma(8.0, 30.0, 130) * np.repeat(rng.random(26) < 0.4, 5)
    weights = 0.75 ** np.arange(10)
    media = np.convolve(spend, weights / weights.sum())[:130]
    frame = pd.DataFrame({"tv": spend})
    return frame, 1000 + 4 * media + rng.normal(0, 30, 130)


def model(adstock):
    quick = Sampling(n_warmup=150, n_draws=200)
    return MixModel(adstock=adstock, sampler=quick, on_nonconvergence="warn")


def test_the_family_that_made_the_data_is_ahead(carried):
    models = {"none": model(NoAdstock()), "geometric": model(GeometricAdstock())}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = compare_models(models, *carried, periods=13, origins=3)
        alone = rolling_holdout(models["none"], *carried, periods=13, origins=3)
    assert found["model"].tolist() == ["geometric", "none"]
    assert found["behind"][0] == 0.0
    assert found["behind"][1] > 2 * found["behind_error"][1]
    none = alone[alone["method"] == "model"]["log_density"].mean()
    np.testing.assert_allclose(found["log_density"][1], none)


def test_one_model_is_no_comparison(carried):
    with pytest.raises(ConfigError, match="two or more"):
        compare_models({"only": model(NoAdstock())}, *carried)
