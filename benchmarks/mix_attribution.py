"""What a hint of attribution does to the mix: right, misleading, and none, on simulated companies.

    python benchmarks/mix_attribution.py --n 12 --makings standard,narrow --folder out/hints

A right hint is given the true shares of contribution as shares of credit, a misleading one the
same shares in reverse order: the channel that brings least gets the credit of the one that brings
most. Both name every channel, live or not. Every answer is kept in the folder, so that a run that
was interrupted, or ran out of its minutes, goes on where it stopped.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from mmm.errors import DataWarning
from mmm.mix import AttributionPrior, MixModel, Priors, compare_attribution
from mmm.simulate.worlds import Answer, World, compare, score, worlds
from mmm.simulate.worlds.scoring import Fit

HINTS = ("none", "right", "misleading")
TRACKED = 0.8
LEVEL = 0.9


def credit(world: World, hint: str) -> dict[str, float]:
    """Return the shares of credit that a hint gives."""
    true = np.maximum(world.truth.contribution.sum(axis=0), 0.0)
    share = np.maximum(true / true.sum(), 0.01)
    if hint == "misleading":
        order = np.argsort(share)
        reversed_share = np.empty_like(share)
        reversed_share[order] = share[order[::-1]]
        share = reversed_share
    share = share / share.sum()
    return dict(zip(world.channels, share.tolist(), strict=True))


def hinted(hint: str, companies: list[World], folder: Path | None) -> Fit:
    """Return the default model with such a hint; trust is kept beside the answers."""
    known = {world.outcome.tobytes(): world for world in companies}

    def fit(frame: pd.DataFrame, outcome: np.ndarray, channels: object, controls: object) -> Answer:
        world = known[outcome.tobytes()]
        prior = AttributionPrior(credit(world, hint), tracked=TRACKED)
        model = MixModel(
            channels=list(world.channels),
            controls=list(world.controls),
            date="date",
            priors=None if hint == "none" else Priors(attribution=prior),
        ).fit(frame, outcome)
        if hint != "none" and folder is not None:
            keep_trust(folder / f"trust-{hint}.jsonl", world, model)
        told = model.contributions(level=LEVEL).set_index("channel")
        each, media = told.loc[list(world.channels)], told.loc["(media)"]
        return Answer(
            contribution=each["contribution"].to_numpy(dtype=float),
            lower=each["contribution_lower"].to_numpy(dtype=float),
            upper=each["contribution_upper"].to_numpy(dtype=float),
            media=float(media["contribution"]),
            media_lower=float(media["contribution_lower"]),
            media_upper=float(media["contribution_upper"]),
            level=LEVEL,
            converged=float(model.diagnostics_.r_hat) <= 1.01,
        )

    return fit


def keep_trust(path: Path, world: World, model: MixModel) -> None:
    """Add a line: trust, and whether the two methods agree, channel by channel."""
    frame = compare_attribution(model).iloc[:-1]
    line = {
        "making": world.making,
        "seed": world.seed,
        "trust": frame["trust"].round(4).tolist(),
        "agrees": frame["agrees"].tolist(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def told_of_trust(path: Path) -> str:
    """Say the mean trust, and how often the two methods were found to agree."""
    if not path.exists():
        return ""
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        rows[row["making"], row["seed"]] = row
    trust = np.concatenate([row["trust"] for row in rows.values()])
    agrees = np.concatenate([row["agrees"] for row in rows.values()])
    return f"mean trust {trust.mean():.2f}; agree {agrees.mean():.2f} of {len(trust)} channels"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--n", type=int, default=8, help="companies a making")
    parser.add_argument("--seed", type=int, default=900, help="seed of the first company")
    parser.add_argument("--makings", default="standard", help="comma-separated")
    parser.add_argument("--minutes", type=float, default=None, help="start no fit after these")
    parser.add_argument("--folder", type=Path, default=None, help="keep answers here, and go on")
    options = parser.parse_args()
    warnings.simplefilter("ignore", DataWarning)
    companies = [
        world
        for making in options.makings.split(",")
        for world in worlds(options.n, making=making, seed=options.seed)
    ]
    cards, folder = {}, options.folder
    seconds = None if options.minutes is None else 60 * options.minutes / len(HINTS)
    for hint in HINTS:
        cards[hint] = score(
            hinted(hint, companies, folder),
            companies,
            name=hint,
            folder=None if folder is None else folder / hint,
            seconds=seconds,
            progress=lambda line, hint=hint: print(hint, line, file=sys.stderr, flush=True),
        )
    for hint, card in cards.items():
        print(f"\n== {hint} (n={len(card.grades)})")
        print(card.to_frame().to_string(index=False, float_format="%.3f"))
        if folder is not None:
            print(told_of_trust(folder / f"trust-{hint}.jsonl"))
    for hint in HINTS[1:]:
        print(f"\n== none (first) and {hint} (second), in pairs")
        print(compare(cards["none"], cards[hint]).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
