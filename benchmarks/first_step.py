"""Is the chance that a plan beats today true, and does attribution make it truer?

Simulated companies (`mmm.simulate.quarters`) with two years of history, without and with hidden
demand. The mix plans one step, no channel more than half off, twice: freely, and with channels
that attribution suspects of harvesting demand getting no more than they have. The truth says what
each step would have earned, in parts of what media bring.

    python benchmarks/first_step.py --companies 40 --seed 200 --out out/first_step.jsonl

Each company is added to the file when it is done: a run that was stopped goes on.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from mmm import build_journeys
from mmm.attribution import evidence
from mmm.errors import DataWarning, MmmWarning
from mmm.mix import Limits, MixModel, Sampling, optimize_budget
from mmm.simulate.quarters import begin, draw_firm

# Chains and draws that tell means, a quarter or so of the default's time.
QUICK = Sampling(n_warmup=100, n_draws=150, n_starts=2, max_rounds=1)
MOST = 0.5
SMALL = 0.005  # of what media bring: a smaller loss is none


def plan_once(seed, hidden):
    """Plan one step of one company both ways; return what was said and what it would earn."""
    play = begin(draw_firm(seed, hidden=hidden))
    table, channels = play.table(), list(play.firm.channels)
    model = MixModel(
        channels=channels, date="date", sampler=QUICK, on_nonconvergence="warn", seed=0
    ).fit(table.drop(columns="revenue"), table["revenue"].to_numpy())
    journeys = build_journeys(play.touches(), play.deals(), by="person", lookback_days=90)
    flags = evidence(journeys).to_frame().set_index("channel")["captures"]
    suspected = tuple(name for name in channels if flags.get(name, False))
    now = dict(zip(channels, map(float, play.now), strict=True))
    bounds = {name: ((1 - MOST) * x, (1 + MOST) * x) for name, x in now.items()}

    def earned(spend):
        return float(np.sum(play.firm.effects.response(np.asarray(spend))))

    today = earned(play.now)
    row = {"seed": seed, "hidden": hidden}
    for name, limits in {"mix": Limits(), "with attribution": Limits(not_raised=suspected)}.items():
        plan = optimize_budget(model, "current", bounds, now, limits=limits)
        row[name] = {
            "said": plan.probability_better,
            "expected": plan.expected_profit / today,
            "plan": earned(plan.proposed) / today - 1,
            "advised": earned(plan.recommended) / today - 1,
        }
    return row


def summary(rows):
    """Return a row a way to plan and market."""
    found = []
    for hidden in (False, True):
        for name in ("mix", "with attribution"):
            told = pd.DataFrame([row[name] for row in rows if row["hidden"] == hidden])
            better = told["plan"] > 0
            chance = np.where(better, told["said"], 1 - told["said"])
            found.append(
                {
                    "hidden": hidden,
                    "way": name,
                    "n": len(told),
                    "expected": 100 * told["expected"].mean(),
                    "plan": 100 * told["plan"].mean(),
                    "advised": 100 * told["advised"].mean(),
                    "advised_se": 100 * told["advised"].std() / np.sqrt(len(told)),
                    "loses": (told["advised"] < -SMALL).mean(),
                    "worst": 100 * told["advised"].min(),
                    "said": told["said"].mean(),
                    "true": better.mean(),
                    "log_loss": -np.log(chance).mean(),
                }
            )
    return pd.DataFrame(found)


def main():
    """Plan for the companies that are not in the file yet, then print what stands in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companies", type=int, default=40)
    parser.add_argument("--seed", type=int, default=200, help="of the first company")
    parser.add_argument("--out", type=Path, default=Path("first_step.jsonl"))
    args = parser.parse_args()
    lines = args.out.read_text().splitlines() if args.out.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {(row["seed"], row["hidden"]) for row in rows}
    warnings.simplefilter("ignore", MmmWarning)
    warnings.simplefilter("ignore", DataWarning)
    for seed in range(args.seed, args.seed + args.companies):
        for hidden in (False, True):
            if (seed, hidden) in done:
                continue
            rows.append(plan_once(seed, hidden))
            args.out.parent.mkdir(parents=True, exist_ok=True)
            with args.out.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(seed, hidden, file=sys.stderr, flush=True)
    print(summary(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
