"""Push, cut, or silence: how often is the brief's verdict on a channel right, and what is it worth?

Simulated companies of known curves (`mmm.simulate.worlds`) get the plan of a brief: the default mix
and budget, the same total, each channel within half and one and a half of today. A push is right
where the best plan, that of somebody who knows the curves, gives the channel at least a tenth more,
and wrong where it gives at least a tenth less; in between it does no harm and no good. Held against
what the last euro truly returns, a push is right where that is more than the budget asks for. Hold
and test are silence. Money is what media truly bring under what the stance comes to, against today.

    python benchmarks/brief_verdicts.py --n 15 --seed 900 --minutes 20 --out brief_verdicts.jsonl

With `--makings demo` the companies are those of `mmm demo`: its own first, then others of the same
settings. They go through a whole run, tables in, and what each channel adds is known; activity
follows spend there, so that the last euro of a channel adds about what the average one does.

    python benchmarks/brief_verdicts.py --makings demo --n 6 --seed 8 --out brief_demo.jsonl

Each company is added to the file when it is done: a run that was stopped goes on, and prints what
stands in the file. `ridge` is a regression on raw spend whose every move is taken for a call.
"""

import argparse
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from mmm.errors import ConvergenceError, DataWarning, MmmWarning
from mmm.mix import MixModel, optimize_budget
from mmm.run import run
from mmm.run.config import make_config
from mmm.simulate import simulate_company
from mmm.simulate.worlds import make_world, ridge_on_spend
from mmm.simulate.worlds.optimum import best_split

MOST = 0.5
STILL = 0.1  # of today's spend: a smaller difference is none
LEVEL = 0.9
CALLS = ("push", "cut")
STANCES = {"half": "move half, then test", "test": "test first"}


def advise(world):
    """Return what the brief would say of a company: verdicts, stance, spend; and its CPU time."""
    began = time.process_time()
    model = MixModel(list(world.channels), list(world.controls), "date", seed=0)
    current = dict(zip(world.channels, world.truth.current.tolist(), strict=True))
    try:
        model.fit(world.frame, world.outcome)
    except ConvergenceError:
        return {"stance": "no answer", "verdict": ["no answer"] * len(current)}
    bounds = {name: ((1 - MOST) * x, (1 + MOST) * x) for name, x in current.items()}
    plan = optimize_budget(model, "current", bounds, current=current, level=LEVEL)
    return {
        "stance": plan.advice,
        "verdict": list(plan.verdict),
        "rests": list(plan.identified),
        "proposed": plan.proposed.tolist(),
        "recommended": plan.recommended.tolist(),
        "probability": plan.probability_better,
        "gain": plan.expected_gain,
        "gain_lower": plan.gain_lower,
        "gain_upper": plan.gain_upper,
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def know(world):
    """Return what is true: the best plan, the last euro of each channel, what the budget asks."""
    truth, effects = world.truth, world.truth.effects
    now, step = truth.current, 1e-3

    def brought(spend):
        return float(effects.response(spend).sum())

    last = []
    for channel, spend in enumerate(now):
        up, down = now.copy(), now.copy()
        up[channel], down[channel] = spend * (1 + step), spend * (1 - step)
        last.append((brought(up) - brought(down)) / (2 * step * spend))
    sides = ((1 - MOST) * now, (1 + MOST) * now)
    coupled = None if effects.pair is None else effects.pair[0]
    totals = [float(now.sum()) * by for by in (0.98, 1.02)]
    low, high = (brought(best_split(effects.response, *sides, t, coupled=coupled)) for t in totals)
    return {
        "current": now.tolist(),
        "optimum": truth.optimum.tolist(),
        "last_euro": last,
        "asked": (high - low) / (totals[1] - totals[0]),
        "today": brought(now),
        "best": brought(truth.optimum),
    }


def advise_demo(company):
    """Return the advice of a whole run on the tables of a simulated company."""
    names = ("touches", "deals", "leads", "contacts", "roles", "spend", "costs")
    with tempfile.TemporaryDirectory() as folder:
        company.to_csv(folder)
        sections = {name: {"source": f"{folder}/{name}.csv"} for name in names}
        off = {"scoring": {"enabled": False}, "signal": {"enabled": False}}
        return run(make_config({**sections, "journeys": {"by": "account"}, **off})).budget


def play_demo(seed):
    """Return one line of the file, of a company with the settings of the demo."""
    company = simulate_company(n_accounts=250, weeks=104, seed=seed, start="2024-01-01")
    advice = advise_demo(company)
    truth = company.truth.channels.set_index("channel")["incremental_value"]
    paid = company.spend.groupby("channel")["spend"].sum().astype("float64")
    silent = pd.DataFrame({"channel": paid.index, "current": paid.to_numpy() / 104})
    silent = silent.assign(proposed=silent["current"], recommended=silent["current"])
    silent["verdict"] = "no answer"
    table = silent if advice is None else advice.table
    names, now = table["channel"], table["current"].to_numpy()
    last = np.array([truth[name] / paid[name] for name in names])
    optimum, asked = best_of_lines(last, now)
    stance = "no answer" if advice is None else STANCES.get(advice.stance, advice.stance)
    line = {"making": "demo", "seed": seed, "stance": stance, "asked": asked}
    line |= {"verdict": list(table["verdict"]), "channels": list(names), "current": now.tolist()}
    line |= {"optimum": optimum.tolist(), "last_euro": last.tolist(), "ridge": now.tolist()}
    line |= {f"at_{name}": float(last @ table[name]) for name in ("proposed", "recommended")}
    line |= {"today": float(last @ now), "best": float(last @ optimum), "at_ridge": last @ now}
    return line if advice is None else line | {"probability": advice.probability_better}


def best_of_lines(last, now):
    """Return the best split of today's total where a euro of a channel always adds the same."""
    spend, left = (1 - MOST) * now, MOST * now.sum()
    asked = 0.0
    for channel in np.argsort(-last):
        more = min(2 * MOST * now[channel], left)
        spend[channel] += more
        left -= more
        asked = last[channel] if more > 0 else asked
    return spend, float(asked)


def play(making, seed):
    """Return one line of the file."""
    if making == "demo":
        return play_demo(seed)
    world = make_world(seed, making=making)
    said, true = advise(world), know(world)
    response = world.truth.effects.response
    for name in ("proposed", "recommended"):
        spend = np.asarray(said.get(name, true["current"]))
        true[f"at_{name}"] = float(response(spend).sum())
    ridge = ridge_on_spend(world.frame, world.outcome, world.channels, world.controls).plan
    true |= {"ridge": ridge.tolist(), "at_ridge": float(response(ridge).sum())}
    return {"making": making, "seed": seed, **said, **true}


def channels(rows):
    """Return one row a channel: what was said, and what is true."""
    frames = []
    for row in rows:
        now = np.asarray(row["current"])
        frame = pd.DataFrame({name: row[name] for name in ("verdict", "last_euro")})
        frame["making"], frame["spend"] = row["making"], now / now.sum()
        frame["wanted"] = np.asarray(row["optimum"]) / now - 1
        frame["above"] = frame["last_euro"] > row["asked"]
        moved = np.asarray(row["ridge"]) / now - 1
        frame["ridge"] = np.select([moved >= STILL, moved <= -STILL], CALLS, "hold")
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def graded(frame, said="verdict"):
    """Return how the calls in a column of `channels` came out."""
    up, down = frame["wanted"] >= STILL, frame["wanted"] <= -STILL
    push, cut = frame[said] == "push", frame[said] == "cut"
    n = int((push | cut).sum())
    right, wrong = (push & up) | (cut & down), (push & down) | (cut & up)
    euro = (push & frame["above"]) | (cut & ~frame["above"])
    return {
        "channels": len(frame),
        "calls": n,
        "pushes": f"{int((push & up).sum())} of {int(push.sum())}",
        "cuts": f"{int((cut & down).sum())} of {int(cut.sum())}",
        "right": right.sum() / n if n else np.nan,
        "wrong": wrong.sum() / n if n else np.nan,
        "right, last euro": euro.sum() / n if n else np.nan,
        "silent": 1 - n / len(frame),
        "of what should move, called right": right.sum() / max(int((up | down).sum()), 1),
    }


def calls(rows):
    """Return the grades of the verdicts by making, of the ridge, and of no knowledge at all."""
    frame = channels(rows)
    table = {making: graded(part) for making, part in frame.groupby("making")}
    table |= {"all": graded(frame), "all, ridge": graded(frame, "ridge")}
    for call in CALLS:
        table[f"all, always {call}"] = graded(frame.assign(said=call), "said")
    return pd.DataFrame(table).T


def money(rows):
    """Return, by stance, what the companies truly gain, in percent of what media bring today."""
    frame = pd.DataFrame(rows)
    for name in ("at_recommended", "at_proposed", "at_ridge", "best"):
        frame[name] = 100 * (frame[name] / frame["today"] - 1)
    parts = [*frame.groupby("stance"), ("all", frame)]
    lines = {}
    for stance, part in parts:
        followed = part["at_recommended"]
        error = followed.std() / np.sqrt(len(part)) if len(part) > 1 else np.nan
        lines[stance] = {
            "companies": len(part),
            "followed": followed.mean(),
            "standard error": error,
            "lose": int((followed < -1e-9).sum()),
            "worst": followed.min(),
            "plan in full": part["at_proposed"].mean(),
            "plans that lose": int((part["at_proposed"] < -1e-9).sum()),
            "P(better) said": part["probability"].mean() if "probability" in part else np.nan,
            "ridge": part["at_ridge"].mean(),
            "best": part["best"].mean(),
        }
    return pd.DataFrame(lines).T


def stored(path):
    """Return the lines of the file, none where there is none."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=15, help="companies; the makings take turns")
    parser.add_argument("--seed", type=int, default=900, help="of the first company")
    parser.add_argument("--makings", default="standard,dear,narrow")
    parser.add_argument("--minutes", type=float, default=None, help="begin no company after these")
    parser.add_argument("--out", type=Path, default=Path("brief_verdicts.jsonl"))
    return parser.parse_args()


def main():
    """Add the companies that are not in the file yet, then print what stands in it."""
    options, began = arguments(), time.monotonic()
    makings, rows = options.makings.split(","), stored(options.out)
    done = {(row["making"], row["seed"]) for row in rows}
    warnings.simplefilter("ignore", DataWarning)
    warnings.simplefilter("ignore", MmmWarning)
    for position in range(options.n):
        making, seed = makings[position % len(makings)], options.seed + position
        late = options.minutes is not None and time.monotonic() - began > 60 * options.minutes
        if (making, seed) in done or late:
            continue
        rows.append(play(making, seed))
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        last = rows[-1]
        said = ", ".join(last["verdict"])
        print(f"{making} {seed}: {last['stance']}; {said}", file=sys.stderr, flush=True)
    if rows:
        told = {"float_format": "{:.2f}".format, "na_rep": ""}
        print(f"\n== calls, {len(rows)} companies\n{calls(rows).to_string(**told)}")
        print(f"\n== percent of what media bring today\n{money(rows).to_string(**told)}")


if __name__ == "__main__":
    main()
