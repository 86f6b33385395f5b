"""Does an answer hold when eight weeks are added, and is it said where it does not?

Simulated companies (`mmm.simulate.worlds`) are fitted without their last weeks and then with them,
by `explain_refresh`. A channel's ROMI should stay within the 50% interval that it had; where it
does not, a sentence has to name the channel. Beside it, whether a plan should be replaced: the old
plan, the new one and what `keep_or_switch` picks, by the true curves.

    python benchmarks/refresh.py --companies 50 --seed 900 --out out/refresh.jsonl

Each company is added to the file when it is done: a run that was stopped goes on, and --minutes
begins none after that time. --quick samples in a quarter of the time.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from mmm.errors import DataWarning, MmmWarning
from mmm.mix import MixModel, Sampling, explain_refresh, keep_or_switch, optimize_budget
from mmm.simulate.worlds import current_spend, make_world

MAKINGS = ("standard", "dear", "narrow", "reacting", "long_lag")
MOST = 0.5
QUICK = Sampling(n_warmup=100, n_draws=150, n_starts=2, max_rounds=1)


def refresh(seed, making, n_weeks=8, sampling=None):
    """Fit one company without its last weeks, then with them; return what moved and what was said.

    `sampling` is that of `MixModel`; None takes its default.
    """
    began = time.process_time()
    world = make_world(seed, making=making)
    channels = list(world.channels)
    known = len(world.frame) - n_weeks
    old_table = world.frame.iloc[:known], world.outcome[:known]
    old = MixModel(
        channels=channels, controls=list(world.controls), date="date", sampler=sampling,
        on_nonconvergence="warn", seed=0,
    ).fit(*old_table)  # fmt: skip
    new, ladder = explain_refresh(old, old_table, (world.frame, world.outcome), n_seeds=1)
    named = [finding.facts.get("channel") for finding in ladder.findings()]
    moved = [
        {
            "channel": name,
            "before": ladder.before[c],
            "after": ladder.after[c],
            "lower": ladder.lower[c],
            "upper": ladder.upper[c],
            "spread": ladder.spread[c],
            "named": name in named,
        }
        for c, name in enumerate(ladder.channels)
    ]
    return {
        "seed": seed,
        "making": making,
        "weeks": len(world.frame),
        "full": sampling is None,
        "sum_error": float(np.abs(ladder.parts.sum(axis=0) - ladder.after + ladder.before).max()),
        "r_hat": [float(model.diagnostics_.r_hat) for model in (old, new)],
        "moved": moved,
        "plans": plans(world, old, new),
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def plans(world, old, new):
    """Return what the old plan, the new one and the one that is picked bring, over today."""
    today = current_spend(world.frame, world.channels)
    now = dict(zip(world.channels, today.tolist(), strict=True))
    bounds = {name: ((1 - MOST) * x, (1 + MOST) * x) for name, x in now.items()}
    first, second = (optimize_budget(model, "current", bounds, now) for model in (old, new))
    switch = keep_or_switch(new, first, second)

    def gain(spend):
        respond = world.truth.effects.response
        return float(respond(spend).sum() / respond(today).sum() - 1)

    return {
        "old": gain(first.proposed),
        "new": gain(second.proposed),
        "switch": switch.switch,
        "probability": switch.probability_better,
    }


def channels(rows):
    """Return one row a channel of a company; `clear` tells those with an effect above 0 for sure.

    The interval of the others reaches down to a return of -1, and is wide for it.
    """
    table = pd.DataFrame([{**one, **row} for row in rows for one in row["moved"]])
    table = table[(table["channel"] != "(media)") & table["after"].notna()].drop(columns="moved")
    step = (table["after"] - table["before"]).abs()
    return table.assign(
        stays=table["after"].between(table["lower"], table["upper"]),
        within_width=step < table["upper"] - table["lower"],
        step=step / (table["upper"] - table["lower"]),
        clear=table["lower"] > -1 + 1e-9,
    )


def summary(rows):
    """Return a row a making: parts of channels that stay, and of the others that are named."""
    table, found = channels(rows), []
    for making in ["all", *dict.fromkeys(table["making"])]:
        part = table if making == "all" else table[table["making"] == making]
        by = part.groupby(["making", "seed"])["stays"].mean()
        left = part[~part["stays"]]
        found.append(
            {
                "making": making,
                "companies": len(by),
                "channels": len(part),
                "stays": part["stays"].mean(),
                "se": by.std() / np.sqrt(len(by)),
                "clear": part["clear"].sum(),
                "clear_stays": part.loc[part["clear"], "stays"].mean(),
                "within_width": part["within_width"].mean(),
                "median_step": part["step"].median(),
                "left": len(left),
                "named": left["named"].mean() if len(left) else np.nan,
                "of_seed": (part["spread"] / (part["upper"] - part["lower"])).median(),
            }
        )
    return pd.DataFrame(found)


def report(rows):
    """Print the tables."""
    print(summary(rows).round(3).to_string(index=False))
    told = pd.DataFrame([row["plans"] for row in rows])
    picked = np.where(told["switch"], told["new"], told["old"])
    for name, gain in {"old": told["old"], "new": told["new"], "picked": picked}.items():
        error = pd.Series(gain).std() / np.sqrt(len(told))
        print(f"{name} plan: gain {100 * np.mean(gain):.2f}% of media ({100 * error:.2f})")
    difference = 100 * (told["new"] - told["old"])
    print(
        f"plan replaced in {told['switch'].mean():.0%}; new less old: "
        f"{difference.mean():+.2f} ({difference.std() / np.sqrt(len(told)):.2f}) points, "
        f"where replaced {difference[told['switch']].mean():+.2f}"
    )
    print(f"parts less the whole: at most {max(row['sum_error'] for row in rows):.1e}")
    hats = np.array([row["r_hat"] for row in rows])
    print(f"r-hat at most {hats.max():.3f}, above 1.01 in {(hats > 1.01).mean():.0%} of fits; "
          f"{np.mean([row['cpu_seconds'] for row in rows]):.0f} CPU-seconds a company")  # fmt: skip


def main():
    """Refresh the companies that are not in the file yet, then print what stands in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companies", type=int, default=50)
    parser.add_argument("--seed", type=int, default=900, help="of the first company")
    parser.add_argument("--weeks", type=int, default=8, help="that are added")
    parser.add_argument("--minutes", type=float, default=None, help="begin no company after these")
    parser.add_argument("--quick", action="store_true", help="sample a quarter of the draws")
    parser.add_argument("--out", type=Path, default=Path("refresh.jsonl"))
    args = parser.parse_args()
    began = time.monotonic()
    lines = args.out.read_text().splitlines() if args.out.exists() else []
    rows = [json.loads(line) for line in lines]
    rows = [row for row in rows if row["full"] != args.quick]
    done = {row["seed"] for row in rows}
    warnings.simplefilter("ignore", MmmWarning)
    warnings.simplefilter("ignore", DataWarning)
    for i, seed in enumerate(range(args.seed, args.seed + args.companies)):
        late = args.minutes is not None and time.monotonic() - began > 60 * args.minutes
        if seed in done or late:
            continue
        sampling = QUICK if args.quick else None
        rows.append(refresh(seed, MAKINGS[i % len(MAKINGS)], args.weeks, sampling))
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with args.out.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(seed, rows[-1]["making"], rows[-1]["cpu_seconds"], file=sys.stderr, flush=True)
    report(rows)


if __name__ == "__main__":
    main()
