"""What Markov chains of order 1 to 6 and their intervals cost: seconds, memory, ratios.

PathData where it lies beside the repository, and a million simulated path strings: twelve channels
whose next step depends on the last two, one journey in ten converting, value by deal. The
yardsticks are the effects of order 1 in the same run, and reading the strings, which every model
needs first. Run it with `make bench`, or with another number of journeys and other orders:

    python benchmarks/attribution_orders.py 100000 1 3

Every line runs in a process of its own, forked with the journeys already read; its memory is what
that process takes beyond them. Times are CPU-seconds, the best of three runs.
"""

import gzip
import os
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from mmm.attribution import fit_chain, linear, markov, shapley
from mmm.journeys import Journeys

N_JOURNEYS = 1_000_000
ORDERS = (1, 3, 4)
CHANNELS = [f"channel {i:02}" for i in range(12)]
LONGEST = 60
PATH_DATA = Path(__file__).parents[2] / "shared" / "data" / "attribution" / "PathData.csv.gz"


def simulate(n: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return path strings, conversions and values of journeys from a chain of order 2."""
    rng = np.random.default_rng(0)
    n_channels = len(CHANNELS)
    popular = rng.dirichlet(np.ones(n_channels) * 1.5)
    chance = np.stack([rng.dirichlet(popular * 30, n_channels) for _ in range(n_channels)])
    chance = np.cumsum(chance, axis=2)
    lengths = np.minimum(rng.geometric(0.2, n), LONGEST)
    grid = np.zeros((n, LONGEST), dtype=np.int8)
    grid[:, 0] = rng.choice(n_channels, n, p=popular)
    before = grid[:, 0].astype(int)
    for place in range(1, LONGEST):
        alive = np.flatnonzero(lengths > place)
        last = grid[alive, place - 1].astype(int)
        u = rng.random(len(alive))
        step = np.minimum((u[:, None] > chance[before[alive], last]).sum(axis=1), n_channels - 1)
        before[alive] = last
        grid[alive, place] = step
    names = np.array(CHANNELS)
    paths = [" > ".join(names[row[:k]]) for row, k in zip(grid, lengths, strict=True)]
    won = (rng.random(n) < 0.1).astype(float)
    return paths, won, won * np.exp(rng.normal(8, 1, n))


def measure(work: Callable[[], object], repeats: int = 3) -> tuple[float, float]:
    """Return CPU-seconds, the best of some runs, and MiB beyond the start, in a forked process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = []
        for _ in range(repeats):
            start = time.process_time()
            work()
            seconds.append(time.process_time() - start)
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        os.write(writing, f"{min(seconds)} {more / 1024}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    seconds_text, memory_text = os.read(reading, 100).decode().split()
    os.close(reading)
    os.close(writing)
    return float(seconds_text), float(memory_text)


def point(journeys: Journeys, order: int) -> Callable[[], object]:
    """Return the point estimate alone: chain and removal effects."""
    return lambda: fit_chain(journeys, order).removal_effects()


def report(journeys: Journeys, orders: tuple[int, ...], reading: float) -> None:
    first, _ = measure(point(journeys, 1))
    print(f"{'':36}{'CPU s':>9}{'MiB':>8}{'x order 1':>11}{'x reading':>11}")

    def line(name: str, work: Callable[[], object]) -> float:
        seconds, memory = measure(work)
        ratio = seconds / reading if reading else float("nan")
        print(f"{name:36}{seconds:9.3f}{memory:8.0f}{seconds / first:11.2f}{ratio:11.2f}")
        return seconds

    for order in orders:
        states = len(fit_chain(journeys, order).states)
        alone = line(f"order {order}, {states} states, effects", point(journeys, order))
        credited = partial(markov, journeys, order=order)
        whole = line(f"order {order}, credit and intervals", credited)
        extra = (whole - alone) / (reading + alone)
        print(f"{'':36}intervals add {extra:.0%} to reading and effects")
    line("linear, credit and intervals", lambda: linear(journeys))
    line("Shapley, sum, credit and intervals", lambda: shapley(journeys))
    line("Shapley, rate", lambda: shapley(journeys, game="rate"))
    line("Shapley, counterfactual", lambda: shapley(journeys, game="counterfactual"))


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else N_JOURNEYS
    orders = tuple(int(order) for order in sys.argv[2:]) or ORDERS
    if PATH_DATA.exists():
        with gzip.open(PATH_DATA, "rt") as text:
            table = pd.read_csv(text)
        columns = (table["path"], table["total_conversions"], None, table["total_null"])
        start = time.process_time()
        journeys = Journeys.from_paths(*columns)
        reading = time.process_time() - start
        print(f"PathData: {len(table)} paths, read in {reading:.3f} CPU s, by conversions")
        report(journeys, (1, 2, 3, 4), reading)
    paths, won, value = simulate(n)
    start = time.process_time()
    journeys = Journeys.from_paths(paths, conversions=won, value=value, nulls=1 - won)
    reading = time.process_time() - start
    print(f"\n{n} simulated path strings, read in {reading:.2f} CPU s, by value")
    del paths
    report(journeys, orders, reading)


if __name__ == "__main__":
    main()
