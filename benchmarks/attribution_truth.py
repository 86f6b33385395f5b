"""Attribution models against what channels truly add, in simulated companies.

Every company has a hidden buying intent, stronger or weaker, that brings both deals and visits. The
simulator knows what would be lost without each channel. Each model is asked for the same:

    off        sum over channels of |share - true share|, over the sum of the true shares
    misplaced  half the same sum after both are scaled to 1: 0 is right, 1 all in the wrong place;
               what would have come anyway is not held against a model here
    capture    share that direct visits and search get; their true share stands beside it
    held       part of the 90% intervals that hold the true share

`tested` is Markov calibrated by experiments on the three channels to which it gives most; each test
measures the true lift with a standard error of a quarter of what Markov credits. `alike` gives
every channel the same, and `nobody` gives everything to nobody. Run it with other numbers of
companies and accounts, and other strengths of the intent:

    python benchmarks/attribution_truth.py --companies 8 --accounts 1000 --intent 0 1 2
"""

import argparse
import sys
import time
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd

from mmm import build_journeys
from mmm.attribution import AttributionResult, Lift, calibrate, compare
from mmm.attribution.evidence import evidence
from mmm.errors import DataWarning
from mmm.simulate import Company, simulate_company

MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "time_decay",
    "position_based",
    "position_based_w",
    "position_based_full_path",
    "markov",
    "shapley",
    "shapley_rate",
    "shapley_counterfactual",
)
COLUMNS = ["off", "misplaced", "capture", "capture_true", "held"]


def judge(share: np.ndarray, truth: np.ndarray, captures: np.ndarray) -> dict[str, float]:
    """Hold shares against the truth; all of shape (n_channels,)."""
    whole = share.sum()
    even = share / whole if whole else share
    return {
        "off": np.abs(share - truth).sum() / truth.sum(),
        "misplaced": np.abs(even - truth / truth.sum()).sum() / 2 if whole else np.nan,
        "capture": share[captures].sum(),
        "capture_true": truth[captures].sum(),
    }


def tested(
    markov: AttributionResult, truth: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Return the shares of Markov after three noisy experiments, and how many intervals hold."""
    total, lifts = float(markov.total), {}
    for c in np.argsort(-markov.credit)[:3]:
        error = markov.credit[c] / 4
        lifts[markov.channels[c]] = Lift(truth[c] * total + error * rng.normal(), error)
    known = calibrate(markov, lifts)
    inside = (known.lower <= truth * total) & (truth * total <= known.upper)
    return known.calibrated / total, float(inside.mean())


def lines(company: Company, seed: int, intent: float) -> Iterator[dict[str, object]]:
    """Yield one line a model."""
    tables = {name: getattr(company, name) for name in ("leads", "contacts", "roles")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        journeys = build_journeys(company.touches, company.deals, by="account", **tables)
        compared = compare(journeys, models=MODELS)
    known = company.truth.channels.set_index("channel").reindex(list(journeys.channels))
    truth = known["incremental_share"].fillna(0.0).to_numpy(dtype=float)
    captures = known["capture"].fillna(False).to_numpy(dtype=bool)
    flagged = evidence(journeys)
    about = {"seed": seed, "intent": intent, "won": float(journeys.conversions.sum())}
    about |= {"baseline": company.truth.without_marketing_share}
    about |= {
        "flags_right": float((flagged.by_data == captures).mean()),
        "named_right": float((flagged.captures == captures).mean()),
        "flagged": [
            name for name, flag in zip(flagged.channels, flagged.by_data, strict=True) if flag
        ],
    }
    for result in compared.results:
        told = judge(result.share, truth, captures)
        inside = (result.lower <= truth) & (truth <= result.upper)
        yield about | {"model": result.model} | told | {"held": float(inside.mean())}
    markov = next(result for result in compared.results if result.model == "markov")
    share, inside = tested(markov, truth, np.random.default_rng(seed))
    yield about | {"model": "tested"} | judge(share, truth, captures) | {"held": inside}
    rest = 1 - result.unattributed.share
    alike = np.full(len(truth), rest / len(truth))
    yield about | {"model": "alike"} | judge(alike, truth, captures) | {"held": np.nan}
    yield about | {"model": "nobody"} | judge(0 * alike, truth, captures) | {"held": np.nan}


def main() -> None:
    """Print one table for each strength of the intent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companies", type=int, default=4)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--intent", type=float, nargs="+", default=[0.0, 1.0, 2.0])
    asked = parser.parse_args()
    begun, found = time.process_time(), []
    for intent in asked.intent:
        for seed in range(asked.companies):
            company = simulate_company(n_accounts=asked.accounts, confounding=intent, seed=seed)
            found += lines(company, seed, intent)
            print(f"intent {intent:g}, company {seed + 1}/{asked.companies}", file=sys.stderr)
    frame = pd.DataFrame(found)
    pd.set_option("display.width", 120)
    for intent, rows in frame.groupby("intent"):
        one = rows.drop_duplicates("seed")
        print(
            f"\nintent {intent:g}: {asked.companies} companies, {one['won'].mean():.0f} won deals "
            f"with a touch each; {one['baseline'].mean():.0%} would have come without marketing; "
            f"flags right by data {one['flags_right'].mean():.0%}, with names "
            f"{one['named_right'].mean():.0%} of channels"
        )
        counts = one["flagged"].explode().value_counts()
        print("flagged by data: " + ", ".join(f"{name} {n}x" for name, n in counts.items()))
        table = rows.groupby("model", sort=False)[COLUMNS].mean()
        table["off_worst"] = rows.groupby("model", sort=False)["off"].max()
        print((100 * table).round(1).to_string())
    print(f"\n{time.process_time() - begun:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
