"""Eight quarters of play: what does a company earn that follows each way of setting its budget?

Simulated companies (`mmm.simulate.quarters`) have two years of history and a budget that stays the
same in total. Each quarter a policy sees what a company sees (spend, revenue, revenue by region,
touches, deals) and moves each channel by at most half. All policies meet the same market and the
same noise, with hidden demand and without. Money is what media truly brought in the quarters
played, set against doing nothing and against a planner who knows the true curves.

    python benchmarks/closed_loop.py --companies 30 --quarters 8 --out out/closed_loop.jsonl

Each company is added to the file when it is done: a run that was stopped goes on, and --minutes
stops it. --full samples as the defaults do, in five to ten times the time.
"""

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mmm import build_journeys
from mmm.attribution import evidence, last_touch, linear, markov
from mmm.errors import DataWarning, MmmWarning
from mmm.mix import (
    MixModel,
    PilotTerms,
    Sampling,
    optimize_budget,
    rank_pilots,
    read_holdout,
    steady_response,
    tau_from_tests,
)
from mmm.mix.pilots.knowing import value_of_test
from mmm.signal import ExperimentLog
from mmm.simulate.quarters import QUARTER, Play, Trial, begin, best_next, draw_firm

MOST = 0.5
YEAR_DAYS = 365
JOURNEYS = {"by": "person", "lookback_days": 90}
# Chains and draws that tell means, a quarter or so of the default's time; r-hat reaches 1.03.
QUICK = Sampling(n_warmup=100, n_draws=150, n_starts=2, max_rounds=1)
SMALL = 0.5  # percent of what media bring: a smaller loss is none
CAUTION = 2  # times its cost that a pilot has to be worth beyond its cost
CHANGE = 0.8  # of a channel's spend, down in half of the regions and up in the others


@dataclass
class Desk:
    """What a company has on its desk at the start of a quarter, and what it remembers."""

    play: Play
    sampling: Sampling | None
    fits: dict = field(default_factory=dict)
    log: ExperimentLog | None = None
    trials: list = field(default_factory=list)
    said: list = field(default_factory=list)
    acted: bool = False  # whether the budget was moved

    @property
    def channels(self):
        """Names of the paid channels."""
        return list(self.play.firm.channels)

    @property
    def now(self):
        """Weekly spend of the quarter before."""
        return self.play.now

    @property
    def quarters_left(self):
        """Quarters still to be played."""
        return self.play.firm.n_quarters - self.play.n_quarters

    def journeys(self, days=None):
        """Return journeys of deals closed in the last `days`, of all deals by default."""
        deals, touches = self.play.deals(), self.play.touches()
        if days is not None:
            since = deals["closed_at"].max() - pd.Timedelta(days=days)
            deals = deals[deals["closed_at"] > since]
            touches = touches[touches["person_id"].isin(set(deals["person_id"]))]
        return build_journeys(touches, deals, **JOURNEYS)

    def mix(self, tests=()):
        """Fit the mix on all weeks to date."""
        table = self.play.table()
        key = (table["revenue"].to_numpy().tobytes(), tuple(tests))
        if key not in self.fits:
            self.fits[key] = MixModel(
                channels=self.channels,
                date="date",
                sampler=self.sampling,
                on_nonconvergence="warn",
                tests=list(tests) or None,
                seed=0,
            ).fit(table.drop(columns="revenue"), table["revenue"].to_numpy())
        return self.fits[key]


def within(target, now, lower=1 - MOST, upper=1 + MOST):
    """Return spends in proportion to `target` with today's total, each within its bounds."""
    low, high, total = lower * now, upper * now, float(now.sum())
    target = np.maximum(target, 1e-12 * max(float(target.max()), 1e-300))
    least, most = 0.0, float((high / target).max())
    for _ in range(200):
        scale = 0.5 * (least + most)
        over = np.clip(scale * target, low, high).sum() > total
        least, most = (least, scale) if over else (scale, most)
    spend = np.clip(scale * target, low, high)
    return spend + (total - spend.sum()) * spend / spend.sum()


def nothing(desk):
    """Go on as before."""
    return desk.now, None


def knowing(desk):
    """Split by the true curves, under the same rules: the optimum."""
    return best_next(desk.play), None


def by_credit(model):
    """Return the policy that spends in proportion to the credit of the last year."""

    def policy(desk):
        credit = model(desk.journeys(YEAR_DAYS)).to_frame().set_index("channel")["credit"]
        return within(credit.reindex(desk.channels).fillna(0).to_numpy(float), desk.now), None

    return policy


def attribution(desk):
    """Follow Markov credit as the package says it: where intervals tell, and no captured demand.

    A channel is raised where the interval of its share of the paid credit lies above its share of
    spend, and cut where it lies below; those suspected of counting demand that others made are
    never raised. As much is moved as both sides have room for.
    """
    journeys = desk.journeys(YEAR_DAYS)
    told = markov(journeys).to_frame().set_index("channel").reindex(desk.channels).fillna(0)
    flags = evidence(journeys).to_frame().set_index("channel")["captures"]
    flagged = flags.reindex(desk.channels).fillna(False).to_numpy(bool)
    paid, now = float(told["share"].sum()), desk.now
    share, lower, upper = (told[name].to_numpy() / paid for name in ("share", "lower", "upper"))
    spent = now / now.sum()
    ratio = np.divide(share, spent, out=np.ones_like(share), where=spent > 0)
    goal = np.clip(ratio, 1 - MOST, 1 + MOST) * now - now
    up = np.where((lower > spent) & ~flagged, np.maximum(goal, 0), 0.0)
    down = np.where(upper < spent, np.maximum(-goal, 0), 0.0)
    moved = min(up.sum(), down.sum())
    if moved <= 0:
        return now, None
    return now + moved * (up / up.sum() - down / down.sum()), None


def mix(desk):
    """Fit the mix, and follow the plan as advised, once: all the way, half of it, or not at all."""
    return once(desk, by_mix(desk)), None


def mix_on(desk):
    """Do so every quarter."""
    return follow(desk, by_mix(desk)), None


def by_mix(desk):
    """Return the plan of the mix alone."""
    now = dict(zip(desk.channels, map(float, desk.now), strict=True))
    return optimize_budget(desk.mix(), "current", room(desk), now)


def room(desk, kept=()):
    """Return the bounds of each channel, around what it has now; `kept` names those not raised."""
    most = np.where(np.isin(desk.channels, list(kept)), desk.now, (1 + MOST) * desk.now)
    ends = zip(((1 - MOST) * desk.now).tolist(), most.tolist(), strict=True)
    return dict(zip(desk.channels, ends, strict=True))


def follow(desk, plan):
    """Do what the plan advises."""
    desk.said.append(plan.advice)
    return plan.recommended


def once(desk, plan):
    """Do so once: after that, a step wants a plan that is surely better than what is done now."""
    spend = follow(desk, plan)
    if desk.acted and plan.advice != "move":
        return desk.now
    desk.acted = desk.acted or not np.allclose(spend, desk.now)
    return spend


def joined(desk):
    """Follow the mix, every quarter, with what pilots showed and attribution doubts; test on.

    Pilots of quarters before enter the fit, and the hidden bias of a tested channel is that of its
    test. A channel of which attribution suspects that it harvests demand that others made gets no
    more than it has, until a test shows that it returns what the budget asks. Then the channel
    whose test is worth most is tested, if that is well worth its cost.
    """
    read_last(desk)
    tests = desk.log.tests()
    model = desk.mix(tests)
    flags = evidence(desk.journeys()).to_frame().set_index("channel")["captures"]
    suspected = {name for name in desk.channels if flags.get(name, False)}
    tau = dict.fromkeys(desk.channels, tau_from_tests(model, ()))
    tau |= {test.channel: test.roas_error for test in tests}

    def planned(kept):
        now = dict(zip(desk.channels, map(float, desk.now), strict=True))
        return optimize_budget(model, "current", room(desk, kept), now, tau=tau)

    plan = planned(suspected)
    cleared = {test.channel for test in tests if test.roas > 1 + plan.multiplier}
    if cleared & suspected:
        plan = planned(suspected - cleared)
    spend = follow(desk, plan)
    open_to = suspected - {test.channel for test in tests}
    freed = {name: planned(suspected - cleared - {name}) for name in open_to}
    gains = {name: one.expected_gain - plan.expected_gain for name, one in freed.items()}
    return spend, choose_trial(desk, model, plan, spend, tau, gains)


def choose_trial(desk, model, plan, spend, tau, gains):
    """Return the pilot worth most over the quarters that are left, if it is well worth its cost.

    Of a suspected channel that is half of what freeing it would gain (`gains`, a week), since
    budgets go half the way; of another what is lost by deciding without it.
    """
    left = desk.quarters_left - 1
    if left < 1:
        return None
    terms = PilotTerms(longest=QUARTER, tau=tau)
    pilots = rank_pilots(
        model, plan, delta=1.0, modes=("holdout",), horizon=QUARTER * left, terms=terms
    )
    ends = np.stack([spend, (1 - CHANGE) * spend, (1 + CHANGE) * spend])
    even, low, high = steady_response(model, ends).mean(axis=0)
    cost = dict(zip(desk.channels, QUARTER * (even - (low + high) / 2), strict=True))
    known = {pilot.channel: worth(pilot) for pilot in pilots}
    known |= {name: 0.5 * gain * QUARTER * left for name, gain in gains.items() if name in known}
    net = {name: value - cost[name] for name, value in known.items()}
    best = max(net, key=net.get, default=None)
    if best is None or net[best] <= CAUTION * cost[best]:
        return None
    number = len(desk.trials)
    trial = Trial(desk.channels.index(best), CHANGE, number % 2)
    change = -CHANGE * QUARTER * float(spend[trial.channel])
    expected = next(pilot.expected for pilot in pilots if pilot.channel == best)
    first = desk.play.dates()[-1] + pd.Timedelta(days=7)
    last = first + pd.Timedelta(days=7 * (QUARTER - 1))
    desk.log.register(
        f"trial-{number}", channel=best, start=str(first.date()), end=str(last.date()),
        spend_change=change, expected=change * (1 + expected), on=str(first.date()),
    )  # fmt: skip
    desk.trials.append((trial, desk.play.n_quarters))
    return trial


def worth(pilot):
    """Return the value of a pilot whose sides differ by more than the whole spend, as here."""
    apart = pilot.expected - pilot.threshold
    certain = value_of_test(apart, pilot.spread, 0.0)
    known = value_of_test(apart, pilot.spread, pilot.standard_error / (2 * CHANGE))
    return pilot.perfect_value * known / certain if certain > 0 else 0.0


def read_last(desk):
    """Read the pilot of the last quarter against a year in which nothing was tested."""
    if not desk.trials or desk.trials[-1][1] != desk.play.n_quarters - 1:
        return
    trial, _ = desk.trials[-1]
    regions, table = desk.play.regions(), desk.play.table()
    quiet = np.ones(len(regions), dtype=bool)
    for _, quarter in desk.trials:
        first = len(regions) - QUARTER * (desk.play.n_quarters - quarter)
        quiet[first : first + QUARTER] = False
    before = np.flatnonzero(quiet)[-52:]
    rows = np.append(before, np.arange(len(regions) - QUARTER, len(regions)))
    name = desk.channels[trial.channel]
    read = read_holdout(
        regions.iloc[rows],
        name,
        treated=trial.treated,
        start=str(regions.index[-QUARTER].date()),
        end=str(regions.index[-1].date()),
        spend_change=-trial.change * float(table[name].iloc[-QUARTER:].sum()),
        part=0.5,
    )
    desk.log.read(f"trial-{len(desk.trials) - 1}", read, on=str(regions.index[-1].date()))


POLICIES: dict[str, Callable] = {
    "nothing": nothing,
    "last touch": by_credit(last_touch),
    "linear": by_credit(linear),
    "attribution": attribution,
    "mix": mix,
    "mix, on and on": mix_on,
    "joined": joined,
    "optimum": knowing,
}


def play_company(seed, hidden, n_quarters, sampling, policies=POLICIES):
    """Play one company under every policy; return what is written down of it."""
    start = begin(draw_firm(seed, hidden=hidden, n_quarters=n_quarters))
    fits: dict = {}
    row = {"seed": seed, "hidden": hidden, "quarters": n_quarters, "full": sampling is None}
    row |= {"earned": {}, "untested": {}, "said": {}, "trials": 0}
    began = time.process_time()
    for name, policy in policies.items():
        with tempfile.TemporaryDirectory() as folder:
            desk = Desk(start, sampling, fits, ExperimentLog(Path(folder) / "log.jsonl"))
            untested = start
            for _ in range(n_quarters):
                spend, trial = policy(desk)
                desk.play, untested = desk.play.after(spend, trial), untested.after(spend)
        row["earned"][name] = desk.play.earned()
        if desk.trials:
            # What the same budgets bring where nothing is varied: the rest is the tests' price.
            row["untested"][name] = untested.earned()
        if desk.said:
            row["said"][name] = desk.said
        row["trials"] += len(desk.trials)
    return row | {"cpu_seconds": round(time.process_time() - began, 1)}


def mean(values):
    """Return mean and standard error."""
    values = np.asarray(values, dtype=float)
    error = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else np.nan
    return float(values.mean()), float(error)


def gains(rows):
    """Return gains over doing nothing, in percent of what media bring then; rows by company."""
    earned = pd.DataFrame([row["earned"] for row in rows])
    company = pd.Index([row.get("seed", at) for at, row in enumerate(rows)], name="company")
    return (100 * (earned.div(earned["nothing"], axis=0) - 1)).set_index(company)


def summary(rows):
    """Return a row a policy: what it gained, of what could be gained, how often it lost.

    `of_optimum` is the sum of gains over the sum of those of the optimum. Standard errors are over
    companies: a company played with and without hidden demand counts as one.
    """
    gain = gains(rows)
    each = gain.groupby(level=0).mean()
    lost = (gain < -1e-6).groupby(level=0).mean()
    best, found = each["optimum"], []
    for name in gain.columns:
        value, error = mean(each[name])
        ratio = each[name].sum() / best.sum()
        spread = mean(each[name] - ratio * best)[1] / best.mean()
        numbers = (value, error, ratio, spread, *mean(lost[name]), gain[name].min())
        found.append((name, *numbers, len(each)))
    names = ["policy", "gain", "gain_se", "of_optimum", "of_optimum_se", "loses", "loses_se"]
    names += ["worst", "n"]
    return pd.DataFrame(found, columns=names)


def paired(rows, first, second):
    """Return mean and standard error of the gain of one policy less that of another."""
    gain = gains(rows)
    return mean((gain[first] - gain[second]).groupby(level=0).mean())


def price_of_tests(rows, name="joined"):
    """Return the gain that tests cost, in points, and the cases that lose with and without it."""
    told = [row for row in rows if "untested" in row and name in row["earned"]]
    free = [row["earned"] | {name: row["untested"].get(name, row["earned"][name])} for row in told]
    with_price = gains(told)[name].to_numpy()
    without = gains([row | {"earned": earned} for row, earned in zip(told, free, strict=True)])
    kept = without[name].to_numpy()
    lost, lost_without = (int((gain < -SMALL).sum()) for gain in (with_price, kept))
    return float((kept - with_price).mean()), lost, lost_without


def report(rows):
    """Print the tables."""
    for hidden in (False, True):
        part = [row for row in rows if row["hidden"] == hidden]
        if not part:
            continue
        print(f"\n== {'hidden demand' if hidden else 'no hidden demand'}")
        print(summary(part).round(3).to_string(index=False))
    print("\n== both")
    print(summary(rows).round(3).to_string(index=False))
    for other in ("mix", "mix, on and on", "attribution", "linear"):
        value, error = paired(rows, "joined", other)
        print(f"joined less {other}: {value:+.2f} ({error:.2f}) points")
    if any("untested" in row for row in rows):
        price, lost, without = price_of_tests(rows)
        print(
            f"price of tests: {price:.2f} points; {lost} lose over {SMALL}%, without it {without}"
        )
    trials = [row["trials"] for row in rows]
    seconds = [row["cpu_seconds"] for row in rows]
    print(f"pilots a company: {np.mean(trials):.1f}; CPU-seconds: {np.mean(seconds):.0f}")


def main():
    """Play the companies that are not in the file yet, then print what stands in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companies", type=int, default=30)
    parser.add_argument("--quarters", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0, help="of the first company")
    parser.add_argument("--minutes", type=float, default=None, help="begin no company after these")
    parser.add_argument("--full", action="store_true", help="sample as by default")
    parser.add_argument("--out", type=Path, default=Path("closed_loop.jsonl"))
    args = parser.parse_args()
    began, rows = time.monotonic(), []
    if args.out.exists():
        rows = [json.loads(line) for line in args.out.read_text().splitlines()]
    rows = [r for r in rows if r["quarters"] == args.quarters and r["full"] == args.full]
    done = {(row["seed"], row["hidden"]) for row in rows}
    warnings.simplefilter("ignore", MmmWarning)
    warnings.simplefilter("ignore", DataWarning)
    for seed in range(args.seed, args.seed + args.companies):
        for hidden in (False, True):
            late = args.minutes is not None and time.monotonic() - began > 60 * args.minutes
            if (seed, hidden) in done or late:
                continue
            row = play_company(seed, hidden, args.quarters, None if args.full else QUICK)
            rows.append(row)
            args.out.parent.mkdir(parents=True, exist_ok=True)
            with args.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            gains = {k: round(100 * (v / row["earned"]["nothing"] - 1), 1)
                     for k, v in row["earned"].items()}  # fmt: skip
            told = f"{seed} {'hidden' if hidden else 'plain'}: {gains}, {row['cpu_seconds']} CPU-s"
            print(told, file=sys.stderr, flush=True)
    report(rows)


if __name__ == "__main__":
    main()
