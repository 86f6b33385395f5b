import numpy as np
import pandas as pd
import pytest

from mmm.simulate import Company, simulate_company
from mmm.simulate.clock import mondays
from mmm.simulate.settings import Settings
from mmm.simulate.spend import weekly_spend
from mmm.simulate.world import World, draw_world


@pytest.fixture(scope="session")
def company() -> Company:
    return simulate_company(seed=3)


@pytest.fixture(scope="session")
def make_world():
    def make(**knobs: float) -> World:
        settings = Settings(**knobs)
        spend = weekly_spend(settings, mondays(settings.monday, settings.weeks))
        return draw_world(settings, spend)

    return make


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def last_touch():
    """Credit the whole won value of first deals to the true channel of the last touch."""

    def share(company: Company) -> "pd.Series[float]":
        touches = company.touches.drop(columns="account_id").merge(company.truth.touches)
        touches = touches.merge(company.contacts[["person_id", "account_id"]])
        deals = company.deals
        won = deals[deals["won"].fillna(False).astype(bool) & (deals["kind"] == "new")]
        seen = won.merge(touches, on="account_id")
        seen = seen[seen["touched_at"] <= seen["closed_at"]].sort_values("touched_at")
        last = seen.groupby("deal_id").last()
        credit = last["value"].astype(float).groupby(last["channel"]).sum()
        return credit / won["value"].astype(float).sum()

    return share
