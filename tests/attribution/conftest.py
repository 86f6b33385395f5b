import gzip
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest

from mmm.journeys import Journeys

matplotlib.use("Agg")

# Reference tables stand beside the repository, not in it: their licences differ from ours.
SHARED = Path(__file__).parents[2].parent / "shared"


@pytest.fixture(scope="session")
def path_data() -> Journeys:
    """PathData of the R package ChannelAttribution."""
    file = SHARED / "data" / "attribution" / "PathData.csv.gz"
    if not file.exists():
        pytest.skip("PathData is not beside the repository (../shared/data/attribution)")
    with gzip.open(file, "rt") as text:
        table = pd.read_csv(text)
    return Journeys.from_paths(
        table["path"],
        conversions=table["total_conversions"],
        value=table["total_conversion_value"],
        nulls=table["total_null"],
    )


@pytest.fixture(scope="session")
def golden():
    """Reader of reference numbers, indexed by channel."""

    def read(name: str) -> pd.DataFrame:
        file = SHARED / "golden" / name
        if not file.exists():
            pytest.skip(f"{name} is not beside the repository (../shared/golden)")
        table = pd.read_csv(file)
        return table.set_index(table.columns[0])

    return read


@pytest.fixture
def draw_axes() -> Iterator[object]:
    """Close every figure that a test opened."""
    from matplotlib import pyplot as plt

    yield plt
    plt.close("all")


@pytest.fixture
def company():
    """Simulator of journeys from a known chain, and the truth of that chain."""
    return Company()


class Company:
    """Five channels whose steps follow a known first-order chain; deal size depends on the last."""

    channels = ("ads", "email", "events", "organic", "referral")
    first = np.array([0.35, 0.10, 0.15, 0.30, 0.10])
    # To each channel, then conversion, then null.
    step = np.array(
        [
            [0.10, 0.15, 0.10, 0.10, 0.02, 0.08, 0.45],
            [0.05, 0.10, 0.20, 0.05, 0.05, 0.25, 0.30],
            [0.02, 0.20, 0.05, 0.10, 0.08, 0.30, 0.25],
            [0.15, 0.15, 0.05, 0.10, 0.02, 0.13, 0.40],
            [0.02, 0.08, 0.10, 0.05, 0.05, 0.45, 0.25],
        ]
    )
    size = np.array([5.0, 8.0, 20.0, 10.0, 30.0])

    def removal_shares(self, payoff: np.ndarray) -> np.ndarray:
        """Shares of the true chain, by removing one channel at a time."""
        q = self.step[:, :5]

        def expected(keep: np.ndarray) -> float:
            inner = np.eye(keep.sum()) - q[np.ix_(keep, keep)]
            return float(self.first[keep] @ np.linalg.solve(inner, payoff[keep]))

        whole = expected(np.ones(5, dtype=bool))
        effects = np.array([1 - expected(np.arange(5) != c) / whole for c in range(5)])
        return effects / effects.sum()

    @property
    def won(self) -> np.ndarray:
        return self.step[:, 5]

    def draw(self, rng: np.random.Generator, n_journeys: int) -> Journeys:
        states = [rng.choice(5, size=n_journeys, p=self.first)]
        cumulative = np.cumsum(self.step, axis=1)
        last = states[0].copy()
        won = np.zeros(n_journeys)
        alive = np.arange(n_journeys)
        while len(alive):
            u = rng.random(len(alive))
            following = (u[:, None] > cumulative[last[alive], :6]).sum(axis=1)
            won[alive[following == 5]] = 1.0
            states.append(np.full(n_journeys, -1))
            goes_on = following < 5
            alive = alive[goes_on]
            last[alive] = states[-1][alive] = following[goes_on]
        grid = np.column_stack(states)
        lengths = (grid >= 0).sum(axis=1)
        noise = np.exp(rng.normal(0, 0.6, n_journeys))
        return Journeys(
            channels=self.channels,
            touch=grid[grid >= 0].astype(np.int32),
            start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            conversions=won,
            value=won * self.size[last] * noise,
            nulls=1.0 - won,
        )
