"""Small problems for the tests of density and sampler."""

import numpy as np

from mmm.mix.families import HillSaturation, PeakedAdstock
from mmm.mix.inference.media import Media, group_channels
from mmm.mix.inference.posterior import Linear, build_problem


def small_problem(
    n_periods=30, n_channels=3, n_columns=5, adstocks=None, saturations=None, weights=None, seed=0
):
    rng = np.random.default_rng(seed)
    adstocks = adstocks or [PeakedAdstock(max_lag=4)] * n_channels
    saturations = saturations or [HillSaturation()] * n_channels
    spend = rng.gamma(2, 0.5, (n_channels, n_periods))
    groups = group_channels(spend, spend.mean(axis=1), adstocks, saturations)
    share = np.log(rng.dirichlet(np.full(n_channels, 5.0)))
    media = Media(groups, share, 0.6, 0.5, np.log(0.3), 0.5)
    design = np.column_stack([np.ones(n_periods), rng.normal(size=(n_periods, n_columns - 1))])
    linear = Linear(
        design=design,
        prior_sd=rng.uniform(0.5, 3, n_columns),
        trend=np.arange(n_columns) >= n_columns - 2,
        trend_scale=0.7,
        rho_loc=0.2,
        rho_scale=0.4,
        shape=2.0,
        rate=0.02,
    )
    outcome = 1 + 0.1 * rng.normal(size=n_periods)
    return build_problem(
        outcome, media, linear, np.ones((1, n_periods)) if weights is None else weights
    )
