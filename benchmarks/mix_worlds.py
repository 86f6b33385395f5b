"""Mix models against the truth of many simulated companies: estimates, advice, CPU-seconds.

    python benchmarks/mix_worlds.py --n 16 --makings standard,dear --minutes 20 --folder out/worlds

Every answer is kept in the folder, so that a run that was interrupted, or ran out of its minutes,
goes on where it stopped. Models are named with --models: `ours`, `advised` (the same fit, its plan
carried out as far as it advises), `ridge`, `nothing`. A peer in an environment of its own joins as
--peer NAME='COMMAND', as often as wanted: the command is started once a company, reads the task as
JSON (dates, columns, outcome, channels, controls, today's spend) from its standard input and writes
the fields of an `Answer` as JSON to its standard output.
`benchmarks/mix_peers/` holds such commands. All are compared, in pairs, with the first model.
"""

import argparse
import json
import shlex
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mmm.errors import DataWarning
from mmm.mix import BudgetPlan, MixModel, optimize_budget
from mmm.simulate.worlds import (
    MAKINGS,
    Answer,
    Scorecard,
    compare,
    current_spend,
    do_nothing,
    ridge_on_spend,
    score,
    worlds,
)
from mmm.simulate.worlds.scoring import Fit

LEVEL = 0.9
PEER_SECONDS = 1_800


def ours(
    frame: pd.DataFrame, outcome: np.ndarray, channels: Sequence[str], controls: Sequence[str]
) -> Answer:
    """Answer by the default of this package, the plan carried out in full."""
    return _fitted(frame, outcome, channels, controls)[0]


def advised(
    frame: pd.DataFrame, outcome: np.ndarray, channels: Sequence[str], controls: Sequence[str]
) -> Answer:
    """Answer likewise, the plan carried out as far as its own advice says: all, half, nothing."""
    return _fitted(frame, outcome, channels, controls)[1]


_SEEN: dict[tuple[object, ...], tuple[Answer, Answer]] = {}


def _fitted(
    frame: pd.DataFrame, outcome: np.ndarray, channels: Sequence[str], controls: Sequence[str]
) -> tuple[Answer, Answer]:
    """Fit once for both: the plan in full, and as advised."""
    key = (outcome.tobytes(), *channels)
    if key not in _SEEN:
        answer, plan = _fit(frame, outcome, channels, controls)
        _SEEN[key] = (
            replace(answer, plan=plan.proposed),
            replace(answer, plan=plan.recommended),
        )
    return _SEEN[key]


def _fit(
    frame: pd.DataFrame, outcome: np.ndarray, channels: Sequence[str], controls: Sequence[str]
) -> tuple[Answer, BudgetPlan]:
    model = MixModel(
        channels=list(channels),
        controls=list(controls),
        date="date",
        panel="region" if "region" in frame else None,
        seed=0,
    )
    model.fit(frame, outcome)
    told = model.contributions(level=LEVEL).set_index("channel")
    each, media = told.loc[list(channels)], told.loc["(media)"]
    today = current_spend(frame, channels)
    current = dict(zip(channels, today.tolist(), strict=True))
    bounds = {name: (0.5 * spend, 1.5 * spend) for name, spend in current.items()}
    plan = optimize_budget(model, total="current", bounds=bounds, current=current, level=LEVEL)
    answer = Answer(
        contribution=each["contribution"].to_numpy(dtype=float),
        lower=each["contribution_lower"].to_numpy(dtype=float),
        upper=each["contribution_upper"].to_numpy(dtype=float),
        media=float(media["contribution"]),
        media_lower=float(media["contribution_lower"]),
        media_upper=float(media["contribution_upper"]),
        level=LEVEL,
        plan=plan.proposed,
        probability_better=float(plan.probability_better),
        gain=float(plan.expected_gain),
        converged=float(model.diagnostics_.r_hat) <= 1.01,
    )
    return answer, plan


def peer(command: str) -> Fit:
    """Return a model that is asked through a process of its own."""

    def fit(
        frame: pd.DataFrame, outcome: np.ndarray, channels: Sequence[str], controls: Sequence[str]
    ) -> Answer:
        columns = [name for name in frame if name != "date"]
        task = {
            "date": frame["date"].dt.strftime("%Y-%m-%d").tolist(),
            "columns": {name: frame[name].tolist() for name in columns},
            "outcome": outcome.tolist(),
            "channels": list(channels),
            "controls": list(controls),
            "current": current_spend(frame, channels).tolist(),
            "level": LEVEL,
        }
        done = subprocess.run(
            shlex.split(command),
            input=json.dumps(task),
            capture_output=True,
            text=True,
            timeout=PEER_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().rsplit("\n", 1)[-1][:300])
        # Libraries may print; the answer is the last line.
        return Answer.from_dict(json.loads(done.stdout.strip().rsplit("\n", 1)[-1]))

    return fit


def models(names: str, peers: Sequence[str]) -> dict[str, Fit]:
    """Return the models asked for, by name, in their order."""
    known: dict[str, Fit] = {
        "ours": ours,
        "advised": advised,
        "ridge": ridge_on_spend,
        "nothing": do_nothing,
    }
    chosen = {}
    for name in filter(None, names.split(",")):
        if name not in known:
            raise SystemExit(f"no model is called {name!r}; choose from {', '.join(known)}")
        chosen[name] = known[name]
    for given in peers:
        name, _, command = given.partition("=")
        if not command:
            raise SystemExit(f"--peer {given!r} has no command; write --peer NAME='COMMAND'")
        chosen[name] = peer(command)
    return chosen


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--n", type=int, default=16, help="companies a making")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first company")
    parser.add_argument("--makings", default="standard", help="comma-separated, or 'all'")
    parser.add_argument("--models", default="ours,advised,ridge,nothing")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--minutes", type=float, default=None, help="start no fit after these")
    parser.add_argument("--folder", type=Path, default=None, help="keep answers here, and go on")
    return parser.parse_args()


def run(chosen: dict[str, Fit], options: argparse.Namespace, makings: list[str]) -> list[Scorecard]:
    """Score each model on all companies, sharing the minutes equally."""
    seconds = None if options.minutes is None else 60 * options.minutes / len(chosen)
    cards = []
    for name, fit in chosen.items():
        companies = (
            world
            for making in makings
            for world in worlds(options.n, making=making, seed=options.seed)
        )
        card = score(
            fit,
            companies,
            name=name,
            folder=None if options.folder is None else options.folder / name,
            seconds=seconds,
            progress=lambda line, name=name: print(f"{name} {line}", file=sys.stderr, flush=True),
        )
        cards.append(card)
    return cards


def main() -> None:
    """Print the tables."""
    options = arguments()
    # What limits one company's data is graded here, not read.
    warnings.simplefilter("ignore", DataWarning)
    makings = list(MAKINGS) if options.makings == "all" else options.makings.split(",")
    cards = run(models(options.models, options.peer), options, makings)
    for making in makings if len(makings) == 1 else ["all", *makings]:
        print(f"\n== {making}")
        print(table(cards, making).to_string())
    for card in cards:
        told = card.calibration()
        if told["n"].sum():
            print(f"\n== {card.name}: plans by the probability they were given")
            print(told[told["n"] > 0].to_string(index=False, float_format="%.2f"))
    for other in cards[1:]:
        if len(cards[0].grades) and len(other.grades):
            print(f"\n== {cards[0].name} (first) and {other.name} (second), in pairs")
            print(compare(cards[0], other).to_string(index=False, float_format="%.3f"))


def table(cards: Sequence[Scorecard], making: str) -> pd.DataFrame:
    """Return a column a model: value, and standard error in parentheses."""
    columns = {}
    for card in cards:
        grades = card.grades
        chosen = grades if making == "all" else grades[grades["making"] == making]
        told = Scorecard(card.name, chosen).to_frame().set_index("measure")
        columns[f"{card.name} (n={len(chosen)})"] = [
            f"{value:.2f}" if np.isnan(error) else f"{value:.2f} ({error:.2f})"
            for value, error in zip(told["value"], told["standard_error"], strict=True)
        ]
    return pd.DataFrame(columns, index=told.index)


if __name__ == "__main__":
    main()
