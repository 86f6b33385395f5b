"""How early can channel shares of eventual revenue be told? On simulated companies of known end.

At the middle of a quarter, leads of the last half year are still open. Their shares of eventual
revenue by channel (linear credit, at the end of a history that runs on for more than a year) are
held against four ways to tell them now: what was won so far, what was won in the last year by
whatever leads, lead counts, and expected value. The error is the part of the credit given to the
wrong channel. Results are added to a file company by company, so that a run can be stopped:

    python benchmarks/signal_shares.py --companies 30 --out signal_shares.jsonl
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from mmm import build_journeys
from mmm.attribution import linear
from mmm.errors import DataWarning
from mmm.signal import (
    attribute_expected,
    credit_to_come,
    expected_journeys,
    expected_value,
)
from mmm.simulate import simulate_company

WEEKS = 210
DAYS = ("2022-08-15", "2023-02-14", "2023-08-15")
SINCE_DAYS = 182
Z90 = 1.644854
OPTIONS = {"by": "account", "lookback_days": 180}


def shares_of(frame, column="credit"):
    """Return the share of each channel, deals without a touch left out."""
    credit = frame.set_index("channel")[column]
    credit = credit[credit.index != "(unattributed)"].astype(float)
    return credit / credit.sum() if credit.sum() > 0 else credit * np.nan


def wrong(said, truth):
    """Return the part of the credit that goes to the wrong channel."""
    return float((said.reindex(truth.index).fillna(0) - truth).abs().sum() / 2)


def window(worth, day):
    """Tell which records are new business of leads of the half year before a day."""
    began = worth.records["began_at"]
    recent = began > pd.Timestamp(day, tz="UTC") - pd.Timedelta(days=SINCE_DAYS)
    lead = worth.records["lead_id"].notna() & (worth.records["stage"] != "other deal")
    return (recent & lead).to_numpy()


def lead_counts(company, ids, day):
    """Return the shares of the touches of leads, each lead counting the same."""
    leads = company.leads[company.leads["lead_id"].isin(ids)]
    made = pd.DataFrame(
        {
            "deal_id": leads["lead_id"],
            "person_id": leads["person_id"],
            "account_id": leads["account_id"],
            "created_at": leads["created_at"],
            "closed_at": pd.Timestamp(day, tz="UTC"),
            "won": True,
            "value": "1.00",
        }
    )
    journeys = build_journeys(company.touches, made, leads=company.leads, as_of=day, **OPTIONS)
    return shares_of(linear(journeys).to_frame())


def one_day(company, day):
    """Return errors of each way to tell the shares, and whether the intervals held the truth."""
    leads, deals, touches = company.leads, company.deals, company.touches
    worth = expected_value(leads, deals, as_of=day)
    part = worth.only(window(worth, day))
    journeys = expected_journeys(touches, deals, part, leads=leads, **OPTIONS)
    coming = credit_to_come(linear, touches, deals, worth, leads=leads, **OPTIONS)
    plain = attribute_expected(linear, journeys, part, interval="eventual").to_frame()
    found = attribute_expected(
        linear, journeys, part, interval="eventual", coming=coming
    ).to_frame()
    end = expected_value(leads, deals)
    ids = set(part.records["lead_id"])
    last = end.only(
        (end.records["lead_id"].isin(ids) & (end.records["stage"] != "other deal")).to_numpy()
    )
    after = expected_journeys(touches, deals, last, leads=leads, **OPTIONS)
    truth = shares_of(linear(after.won).to_frame())
    whole = expected_value(leads, deals, as_of=day)
    closed = deals.set_index("deal_id")["closed_at"]
    year = pd.Timestamp(day, tz="UTC") - pd.Timedelta(days=365)
    lately = whole.records["deal_id"].map(closed).gt(year) & (whole.records["state"] == "won")
    trailing = expected_journeys(
        touches, deals, whole.only(lately.to_numpy()), leads=leads, **OPTIONS
    )
    rows = found.set_index("channel").drop("(unattributed)", errors="ignore")
    counted = truth.index.intersection(rows.index)
    rest = 1 - found.set_index("channel")["share"].get("(unattributed)", 0.0)
    inside = truth[counted].between(
        rows["share_lower"][counted] / rest - 1e-9, rows["share_upper"][counted] / rest + 1e-9
    )
    won = shares_of(linear(journeys.won).to_frame())
    width = (rows["share_upper"] - rows["share_lower"])[counted] / rest
    return {
        "day": day,
        "n_leads": len(ids),
        "n_won": int((part.records["state"] == "won").sum()),
        "won_only": wrong(won, truth) if won.notna().all() else 1.0,
        "won_last_year": wrong(shares_of(linear(trailing.won).to_frame()), truth),
        "lead_counts": wrong(lead_counts(company, ids, day), truth),
        "touches_of_today": wrong(shares_of(plain, "total"), truth),
        "expected": wrong(shares_of(found, "total"), truth),
        # What is left to the luck of single deals if the intervals are true: E|x| of a normal.
        "luck": float(0.5 * np.sqrt(2 / np.pi) * width.sum() / (2 * Z90)),
        "revenue": float(last.realised.sum()),
        "revenue_expected": float((part.expected + part.realised).sum()),
        "inside": int(inside.sum()),
        "n_intervals": len(inside),
    }


def main():
    """Run the companies that are not in the file yet, then print what stands in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companies", type=int, default=30)
    parser.add_argument("--accounts", type=int, default=800)
    parser.add_argument("--out", type=Path, default=Path("signal_shares.jsonl"))
    args = parser.parse_args()
    done = []
    if args.out.exists():
        done = [json.loads(line) for line in args.out.read_text().splitlines()]
    for seed in range(args.companies):
        if any(row["seed"] == seed for row in done):
            continue
        company = simulate_company(
            n_accounts=args.accounts, weeks=WEEKS, seed=seed, start="2021-01-04",
            confounding=float(seed % 2),
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            rows = [{"seed": seed, **one_day(company, day)} for day in DAYS]
        done += rows
        with args.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    table = pd.DataFrame(done)
    ways = ["won_only", "won_last_year", "lead_counts", "touches_of_today", "expected"]
    print(table[ways].agg(["mean", "median"]).round(3).to_string())
    best = table[ways[:3]].mean().min()
    print(f"expected / best of the others: {table['expected'].mean() / best:.2f}")
    luck = table["luck"].mean() / table["expected"].mean()
    print(f"of that error the luck of single deals: {luck:.0%}")
    n, inside = table["n_intervals"].sum(), table["inside"].sum()
    by = table.groupby("seed")[["inside", "n_intervals"]].sum()
    by = by["inside"] / by["n_intervals"]
    print(f"intervals that hold the truth: {inside / n:.1%} of {n} "
          f"(standard error over companies {by.std() / np.sqrt(len(by)):.1%})")  # fmt: skip


if __name__ == "__main__":
    main()
