"""What would a mix model have to know to plan better? Parts of the truth are given to it in turn.

    python benchmarks/mix_limits.py --n 24 --makings standard,dear,narrow --seed 2000 \\
        --folder out/limits

Each simulated company (`mmm.simulate.worlds`) is fitted as it is, and again by a model that is told
the baseline, or how each channel carries over and saturates, or both: what is left to learn is how
much each channel brings. Told curves also make the plan. In one more way the fit is the ordinary
one, and only the plan is made with the true curves. What each plan misses is paired with what the
ordinary one does. Answers are kept in the folder: a run that was stopped goes on.
"""

import argparse
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from mmm.errors import DataWarning
from mmm.mix import Baseline, MixModel, NoAdstock, NoSaturation, optimize_budget
from mmm.simulate.worlds import MAKINGS, Answer, score, worlds
from mmm.simulate.worlds.optimum import best_split

LEVEL = 0.9
FLAT = Baseline(trend="none", season_pairs=0)


def shapes(world):
    """Return what each channel's curve is in each week, where it would bring 1, (n_weeks, n)."""
    effects, spend = world.truth.effects, world.frame[list(world.channels)].to_numpy(float)
    found = np.empty_like(spend)
    for at, (curve, lag) in enumerate(zip(effects.curves, effects.lags, strict=True)):
        if world.truth.live[at]:
            found[:, at] = world.truth.contribution[:, at] / effects.strength[0, at]
        else:
            found[:, at] = curve(lag.carry(spend[:, at] / effects.unit[at]))
    return found


def fit(world, curves, baseline):
    """Fit a company of which the curves, or the baseline, are told."""
    frame, outcome, channels = world.frame.copy(), world.outcome, list(world.channels)
    told = {}
    if curves:
        # The true response in the place of spend, as much of it in all, is proportional to sales.
        shape = shapes(world)
        frame[channels] = shape * (frame[channels].sum().to_numpy() / shape.sum(axis=0))
        told = {"adstock": NoAdstock(), "saturation": NoSaturation()}
    if baseline:
        known = world.truth.baseline
        outcome = outcome - known + known.mean()
        told["baseline"] = FLAT
    return MixModel(
        channels=channels,
        controls=[] if baseline else list(world.controls),
        date="date",
        on_nonconvergence="warn",
        seed=0,
        **told,
    ).fit(frame.drop(columns=list(world.controls)) if baseline else frame, outcome)


def plan_by_truth(world, contribution):
    """Return the best plan, and its gain a week, by true curves and estimated sizes."""
    effects, today = world.truth.effects, world.truth.current
    size = contribution / shapes(world).sum(axis=0)

    def brings(spend):
        levels = zip(effects.curves, spend / effects.unit, strict=True)
        return size * np.array([curve(level) for curve, level in levels])

    plan = best_split(brings, 0.5 * today, 1.5 * today, float(today.sum()))
    return plan, float((brings(plan) - brings(today)).sum())


def plan_by_model(world, model):
    """Return the plan of the model, and the gain that it expects a week."""
    now = dict(zip(world.channels, world.truth.current.tolist(), strict=True))
    bounds = {name: (0.5 * spend, 1.5 * spend) for name, spend in now.items()}
    plan = optimize_budget(model, "current", bounds, now)
    return plan.proposed, float(plan.expected_gain)


def answer(world, curves, baseline, planned, *_):
    """Answer by a model that is told parts of the truth; `planned`: the plan by true curves."""
    model = fit(world, curves, baseline)
    told = model.contributions(level=LEVEL).set_index("channel")
    each, media = told.loc[list(world.channels)], told.loc["(media)"]
    brought = each["contribution"].to_numpy(dtype=float)
    plan, gain = plan_by_truth(world, brought) if planned else plan_by_model(world, model)
    return Answer(
        contribution=brought,
        lower=each["contribution_lower"].to_numpy(dtype=float),
        upper=each["contribution_upper"].to_numpy(dtype=float),
        media=float(media["contribution"]),
        media_lower=float(media["contribution_lower"]),
        media_upper=float(media["contribution_upper"]),
        level=LEVEL,
        plan=plan,
        gain=gain,
        converged=float(model.diagnostics_.r_hat) <= 1.01,
    )


# What is told to the fit: curves, baseline; and whether the plan knows the curves.
WAYS = {
    "nothing": (False, False, False),
    "baseline": (False, True, False),
    "curves, in the plan alone": (False, False, True),
    "curves": (True, False, True),
    "curves and baseline": (True, True, True),
}


def summary(rows):
    """Return a row a way: what plans miss, earn and promise, and what they miss less the first."""
    regret = rows.pivot(index=["making", "seed"], columns="way", values="regret")
    found = []
    for way, own in rows.groupby("way", sort=False):
        less = regret[way] - regret[next(iter(WAYS))]
        found.append(
            {
                "told": way,
                "n": len(own),
                "regret": own["regret"].mean(),
                "se": own["regret"].sem(),
                "less": less.mean(),
                "less_se": less.sem(),
                "gain": own["gain"].mean(),
                "predicted": own["predicted_gain"].mean(),
                "loses": (own["gain"] < -0.5).mean(),
                "split_off": own["share_error"].mean(),
            }
        )
    return pd.DataFrame(found)


def arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--n", type=int, default=24, help="companies a making")
    parser.add_argument("--seed", type=int, default=2000, help="seed of the first company")
    parser.add_argument("--makings", default="standard", help=f"of {', '.join(MAKINGS)}")
    parser.add_argument("--folder", type=Path, default=None, help="keep answers here, and go on")
    return parser.parse_args()


def main():
    """Print the table."""
    options = arguments()
    warnings.simplefilter("ignore", DataWarning)
    rows = []
    for making in options.makings.split(","):
        for world in worlds(options.n, making=making, seed=options.seed):
            for way, told in WAYS.items():
                folder = None if options.folder is None else options.folder / way.replace(" ", "_")
                card = score(partial(answer, world, *told), [world], name=way, folder=folder)
                rows.append(card.grades.assign(way=way))
            print(f"{making} {world.seed}", file=sys.stderr, flush=True)
    print(summary(pd.concat(rows)).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
