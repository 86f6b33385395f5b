"""Do planned pilots find what they were said to find, and nothing where there is nothing?

Simulated companies (`mmm.simulate.quarters`) with two years of history; the mix is fitted to it and
a pilot of every channel is planned: in flights, and as a hold-out of half of the regions, whose
history the planner sees or not. Then the company goes on for two more years as before. The pilot is
laid over every window of these years:

- with nothing changed, readings beyond 1.96 standard errors are false alarms (5% said);
- with the return that the planner expected added, that share is the power met;
- with the true curves and carry-over in place of the planner's, `kept` is the part of the true
  return that the reading finds.

    python benchmarks/pilot_power.py --companies 40 --seed 300 --out out/pilot_power.jsonl

Each company is added to the file when it is done: a run that was stopped goes on.
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
from mmm.mix import MixModel, PilotTerms, Sampling, plan_pilot
from mmm.mix.pilots.design import drift
from mmm.mix.pilots.knowing import return_weights
from mmm.mix.pilots.parts import apart
from mmm.simulate.quarters import HISTORY, QUARTER, Trial, begin, draw_firm

# Chains and draws that tell means, a quarter or so of the default's time.
QUICK = Sampling(n_warmup=100, n_draws=150, n_starts=2, max_rounds=1)
Z = 1.959964
WAYS = ("flighting", "holdout, parts unknown", "holdout")
N_QUARTERS = 8
BURN_IN = 60
HALF = tuple(Trial(0).treated)


def company(seed, hidden=False, sampling=QUICK):
    """Plan the pilots of one company and lay them over the years after; return a row a pilot."""
    firm = draw_firm(seed, hidden=hidden, n_quarters=N_QUARTERS)
    play = begin(firm)
    table, names = play.table(), list(firm.channels)
    model = MixModel(
        channels=names, date="date", sampler=sampling, on_nonconvergence="warn", seed=0
    ).fit(table.drop(columns="revenue"), table["revenue"].to_numpy())
    for _ in range(N_QUARTERS):
        play = play.after(play.now)
    later = play.table().iloc[HISTORY:]
    expected = model.predict(play.table().drop(columns="revenue"))[HISTORY:]
    rest = later["revenue"].to_numpy() - expected
    regions = play.regions()
    between = apart(regions.to_numpy(), regions.columns.isin(HALF))
    rows = []
    for name in names:
        if not table[name].tail(QUARTER).sum() > 0:
            continue
        for way in WAYS:
            known = {"regions": regions[:HISTORY], "treated": HALF} if way == "holdout" else {}
            terms, mode = PilotTerms(seed=seed, **known), way.split(",")[0]
            pilot = plan_pilot(model, name, mode=mode, terms=terms)
            series = rest if mode == "flighting" else between[HISTORY - 52 :]
            rows.append({"channel": name, "mode": way, **laid_over(pilot, series, model, firm)})
    return {"seed": seed, "hidden": hidden, "rho": float(model.posterior_.rho.mean()), "rows": rows}


def laid_over(pilot, series, model, firm):
    """Read a pilot off every window of a series in which nothing was tested.

    A hold-out is read off the two halves, each scaled up to the company.
    """
    rho = float(np.clip(model.posterior_.rho.mean(), -0.95, 0.95))
    exposure, n = pilot.exposure, pilot.n_periods
    nuisance = drift(n) if pilot.mode == "flighting" else np.ones((len(exposure), 1))
    weights, _ = return_weights(exposure, rho, nuisance)
    windows = np.lib.stride_tricks.sliding_window_view(series, len(exposure))
    z = windows @ weights / pilot.standard_error
    distance = pilot.expected - pilot.threshold
    kept = part_found(pilot, weights, firm)
    return {
        "n_periods": n,
        "said": pilot.power,
        "distance": distance / pilot.standard_error,
        "alarms": float(np.mean(np.abs(z) > Z)),
        "met": float(np.mean(np.abs(z + distance / pilot.standard_error) > Z)),
        "at_80": float(np.mean(np.abs(z + Z + 0.8416212) > Z)),
        "scatter": float(np.sqrt(np.mean(z**2))),
        "n_windows": len(z),
        "replayed": pilot.false_alarms,
        "kept": kept,
    }


def part_found(pilot, weights, firm):
    """Return what the reading makes of the true effect, over the true return at today's spend."""
    c = firm.channels.index(pilot.channel)
    curve, lag = firm.effects.curves[c], firm.effects.lags[c]
    flights = pilot.mode == "flighting"
    level = float(pilot.spend.mean() if flights else pilot.unchanged.mean() / (1 - pilot.part))
    step = pilot.delta * level
    change = np.zeros(BURN_IN + len(pilot.exposure))
    change[-pilot.n_periods :] = pilot.spend - level if flights else -step
    level, change = level / firm.effects.unit[c], change / firm.effects.unit[c]

    def brought(spend):
        return firm.effects.strength[0, c] * curve(lag.carry(spend))

    steady = np.full(len(change), level)
    path = (brought(steady + change) - brought(steady))[BURN_IN:]
    ends = curve(np.array([level * (1 - pilot.delta), level * (1 + pilot.delta * flights)]))
    true = firm.effects.strength[0, c] * float(ends[1] - ends[0]) / (step * (1 + flights))
    return float(weights @ path / true) if true > 1e-9 else float("nan")


def told(rows):
    """Return one row a pilot."""
    return pd.DataFrame([{**row, **one} for row in rows for one in row["rows"]]).drop(
        columns="rows"
    )


def summary(table):
    """Return a row a mode: what was said and what was met; errors over companies."""
    found = []
    for mode, part in table.groupby("mode"):
        by = part.groupby(["seed", "hidden"])
        row = {"mode": mode, "pilots": len(part), "companies": by.ngroups}
        for name in ("alarms", "at_80", "said", "met", "scatter", "replayed", "kept"):
            row[name] = part[name].mean()
        gap = by["met"].mean() - by["said"].mean()
        row["gap"], row["gap_se"] = gap.mean(), gap.std() / np.sqrt(len(gap))
        each = by["alarms"].mean()
        row["alarms_se"] = each.std() / np.sqrt(len(each))
        row["periods"] = part["n_periods"].median()
        found.append(row)
    return pd.DataFrame(found)


def by_power(table):
    """Return what was met by what was said."""
    bins = pd.cut(table["said"], [0, 0.2, 0.5, 0.8, 1.0])
    return table.groupby(["mode", bins], observed=True)[["said", "met"]].agg(["mean", "count"])


def main():
    """Plan for the companies that are not in the file yet, then print what stands in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companies", type=int, default=40)
    parser.add_argument("--seed", type=int, default=300, help="of the first company")
    parser.add_argument("--minutes", type=float, default=None, help="begin no company after these")
    parser.add_argument("--out", type=Path, default=Path("pilot_power.jsonl"))
    args = parser.parse_args()
    began = time.monotonic()
    lines = args.out.read_text().splitlines() if args.out.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {row["seed"] for row in rows}
    warnings.simplefilter("ignore", MmmWarning)
    warnings.simplefilter("ignore", DataWarning)
    for seed in range(args.seed, args.seed + args.companies):
        late = args.minutes is not None and time.monotonic() - began > 60 * args.minutes
        if seed in done or late:
            continue
        rows.append(company(seed))
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with args.out.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(seed, f"{time.process_time():.0f} CPU-s", file=sys.stderr, flush=True)
    table = told(rows)
    print(summary(table).round(3).to_string(index=False))
    print(by_power(table).round(3).to_string())


if __name__ == "__main__":
    main()
