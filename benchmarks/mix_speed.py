"""What a fit of the mix costs: CPU-seconds and memory of the whole process, import included.

    OMP_NUM_THREADS=1 python benchmarks/mix_speed.py --sizes 10x156,20x156,10x520 --seeds 3

A size is channels x weeks, or channels x weeks x regions. Each fit runs in a process of its own; a
fit that asks more of the machine than it has, or shares it with others, takes more CPU-seconds, so
that versions are compared in one run: --against FOLDER runs the package in that folder in turn.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]


def company(n_channels: int, n_weeks: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return spend, shape (n_weeks, n_channels), a third of it in flights, and an outcome."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(2.0, 500.0 * (1 + np.arange(n_channels) % 4), (n_weeks, n_channels))
    spend[:, ::3] *= np.repeat(rng.random((n_weeks // 4 + 1, 1)) < 0.6, 4, axis=0)[:n_weeks]
    media, carried = np.zeros(n_weeks), spend.mean(axis=0)
    keep, size = 0.3 + 0.05 * (np.arange(n_channels) % 6), rng.uniform(20, 80, n_channels)
    for week in range(n_weeks):
        carried = keep * carried + (1 - keep) * spend[week]
        media[week] = (size * spend.mean(axis=0) * carried / (carried + 1.5 * spend.mean(0))).sum()
    season = 0.1 * np.sin(2 * np.pi * np.arange(n_weeks) / 52) + 0.1 * np.arange(n_weeks) / n_weeks
    outcome = media + 2 * media.mean() * (1 + season)
    return spend, outcome + rng.normal(0, 0.05 * outcome.mean(), n_weeks)


def fit_once(size: str, seed: int) -> None:
    """Fit one company, and print how it went."""
    import pandas as pd

    from mmm.mix import MixModel

    n_channels, n_weeks, n_panels = (*(int(part) for part in size.split("x")), 1)[:3]
    channels = [f"channel_{c}" for c in range(n_channels)]
    frames, outcomes = [], []
    for panel in range(n_panels):
        spend, outcome = company(n_channels, n_weeks, 1000 * seed + panel)
        frame = pd.DataFrame(spend, columns=channels)
        frame.insert(0, "week", pd.date_range("2020-01-06", periods=n_weeks, freq="7D"))
        frames.append(frame.assign(region=f"region {panel}") if n_panels > 1 else frame)
        outcomes.append(outcome)
    panel_column = "region" if n_panels > 1 else None
    model = MixModel(channels, date="week", panel=panel_column, on_nonconvergence="warn")
    found = model.fit(pd.concat(frames, ignore_index=True), np.concatenate(outcomes)).diagnostics_
    told = {name: getattr(found, name) for name in ("r_hat", "ess_bulk", "ess_tail", "divergences")}
    print(json.dumps(told | {"converged": found.converged}))


def measure(size: str, seed: int, folder: Path) -> dict[str, object]:
    """Fit in a process of its own; return its diagnostics, CPU-seconds and megabytes."""
    command = [sys.executable, "-W", "ignore", __file__, "--sizes", size, "--once", str(seed)]
    settings = os.environ | {"PYTHONPATH": str(folder)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=settings, text=True) as child:
        assert child.stdout is not None
        told = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"the fit of {size} ended with {child.returncode}")
    cost = {"cpu_seconds": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss / 1024}
    return cost | json.loads(told)


def main() -> None:
    """Print a line a fit, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sizes", default="10x156,20x156,10x520")
    parser.add_argument("--seeds", type=int, default=3, help="companies a size")
    parser.add_argument("--against", type=Path, default=None, help="folder of another version")
    parser.add_argument("--once", type=int, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once is not None:
        fit_once(options.sizes, options.once)
        return
    versions = {"this": ROOT} | ({} if options.against is None else {"other": options.against})
    for size in options.sizes.split(","):
        cost: dict[str, list[float]] = {name: [] for name in versions}
        for seed in range(options.seeds):
            for name, folder in versions.items():
                found = measure(size, seed, folder)
                cost[name].append(float(str(found["cpu_seconds"])))
                print(f"{size} seed {seed} {name}: " + ", ".join(
                    f"{key} {value:.4g}" for key, value in found.items()), flush=True)  # fmt: skip
        said = ", ".join(f"{name} {np.median(spent):.1f}" for name, spent in cost.items())
        print(f"== {size}: median CPU-seconds of the process: {said}", flush=True)


if __name__ == "__main__":
    main()
