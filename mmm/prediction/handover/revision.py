"""The quarterly revision of the hand-over rules: what they let wait, what they pass in vain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from mmm.errors import InputError, check_level, quoted
from mmm.prediction.handover.qualify import Rule, apply_rules
from mmm.prediction.handover.rates import difference_interval, rate_interval

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Revision:
    """Old hand-over rules against proposed ones, on the same leads.

    Attributes
    ----------
    rules : pandas.DataFrame
        One row a rule: set ("old", "proposed"), rule, stage, n (leads that passed), accepted,
        refused, acceptance, lower, upper, n_won, wait_days (median from coming in to the first
        call, of the won leads it passed), verdict ("keep", "passes leads that sales discards",
        "lets good leads wait", "too few to tell").
    sets : pandas.DataFrame
        One row a set: set, n (handed over), n_won, rate, lower, upper (share of them won), caught,
        caught_lower, caught_upper (share of all wins among them).
    rate_change, caught_change : tuple of float
        Proposed minus old, lower, upper: of the share won, and of the share of wins caught. The
        first is taken as of two separate groups; leads in both make its interval too wide.
    missed : pandas.DataFrame
        Won leads that no old rule passed, as in the table given.
    level : float
    """

    rules: pd.DataFrame
    sets: pd.DataFrame
    rate_change: tuple[float, float, float]
    caught_change: tuple[float, float, float]
    missed: pd.DataFrame
    level: float


def revise_rules(
    leads: pd.DataFrame,
    old: Sequence[Rule],
    proposed: Sequence[Rule],
    *,
    level: float = 0.9,
) -> Revision:
    """Hold the rules against the leads of the last quarter.

    Accepted and refused are what sales made of the leads. Leads that the old rules did not pass
    were worked less, so wins among them are a floor: a proposed rule that passes more of them may
    do better than it looks, never worse by this.

    Parameters
    ----------
    leads : pandas.DataFrame
        One row a lead of the quarter, with the columns that the rules name as they stood when it
        came in, and won (bool; leads not yet decided missing); accepted (bool, missing while it
        waits); created_at and first_contacted_at for the wait.
    old, proposed : sequence of Rule
    level : float, default 0.9

    Returns
    -------
    Revision

    Raises
    ------
    InputError
        If a column is missing, or no lead is decided.

    Examples
    --------
    >>> leads = pd.DataFrame({"pages": [1, 5, 9] * 20, "won": [False, False, True] * 20,
    ...     "accepted": [False, False, True] * 20})
    >>> old, new = (Rule.parse("reads", "MQL", f"pages >= {n}") for n in (5, 6))
    >>> revision = revise_rules(leads, [old], [new])
    >>> revision.sets[["set", "n", "rate", "caught"]].values.tolist()
    [['old', 40, 0.5, 1.0], ['proposed', 20, 1.0, 1.0]]
    """
    check_level(level)
    missing = [name for name in ("won", "accepted") if name not in leads.columns]
    if missing:
        raise InputError(
            f"the leads have no column {quoted(missing)}; found {quoted(leads.columns)}. "
            "Add what became of each lead."
        )
    decided = leads[leads["won"].notna()]
    if decided.empty:
        raise InputError("No lead of the quarter is decided yet. Take an earlier quarter.")
    won = decided["won"].to_numpy(dtype=bool)
    rows, masks = [], {}
    for name, rules in (("old", old), ("proposed", proposed)):
        passed = apply_rules(decided, rules)
        masks[name] = passed.any(axis=1).to_numpy(dtype=bool)
        rows += [
            (name, rule.name, rule.stage, *_judged(decided, passed[rule.name].to_numpy(), level))
            for rule in rules
        ]
    columns = ["set", "rule", "stage", "n", "accepted", "refused", "acceptance", "lower", "upper"]
    table = pd.DataFrame(rows, columns=[*columns, "n_won", "wait_days", "verdict"])
    counts = {name: (int((mask & won).sum()), int(mask.sum())) for name, mask in masks.items()}
    return Revision(
        rules=table,
        sets=pd.DataFrame([_set(name, counts[name], int(won.sum()), level) for name in masks]),
        rate_change=difference_interval(counts["proposed"], counts["old"], level),
        caught_change=_paired(masks["proposed"][won], masks["old"][won], level),
        missed=decided[won & ~masks["old"]],
        level=level,
    )


def _judged(leads: pd.DataFrame, passed: Flags, level: float) -> tuple[object, ...]:
    mine = leads[passed]
    answered = mine["accepted"].notna()
    accepted = int(mine.loc[answered, "accepted"].astype("bool").sum())
    n = int(answered.sum())
    lower, upper = (float(b[0]) for b in rate_interval([accepted], [n], level))
    everyone = leads.loc[leads["accepted"].notna(), "accepted"].astype("bool")
    usual = float(everyone.mean()) if len(everyone) else np.nan
    winners = mine[mine["won"].astype("bool")]
    wait, slow = _wait(leads, winners)
    verdict = "keep"
    if n < 10:
        verdict = "too few to tell"
    elif upper < usual:
        verdict = "passes leads that sales discards"
    elif slow:
        verdict = "lets good leads wait"
    share = accepted / n if n else np.nan
    return len(mine), accepted, n - accepted, share, lower, upper, len(winners), wait, verdict


def _wait(leads: pd.DataFrame, winners: pd.DataFrame) -> tuple[float, bool]:
    """Return the median days to the first call, and whether it is longer than that of the rest."""
    if not {"created_at", "first_contacted_at"} <= set(leads.columns):
        return np.nan, False
    waited: Any = leads["first_contacted_at"] - leads["created_at"]
    days = (waited / pd.Timedelta(days=1)).astype("float64")
    mine = days[leads.index.isin(winners.index)].dropna()
    rest = days[~leads.index.isin(winners.index)].dropna()
    if len(mine) < 5 or len(rest) < 5:
        return float(mine.median()) if len(mine) else np.nan, False
    slower = stats.mannwhitneyu(mine, rest, alternative="greater").pvalue < 0.05
    return float(mine.median()), bool(slower)


def _set(name: str, counts: tuple[int, int], n_wins: int, level: float) -> dict[str, object]:
    wins, n = counts
    lower, upper = rate_interval([wins, wins], [n, n_wins], level)
    return {
        "set": name,
        "n": n,
        "n_won": wins,
        "rate": wins / n if n else np.nan,
        "lower": float(lower[0]),
        "upper": float(upper[0]),
        "caught": wins / n_wins if n_wins else np.nan,
        "caught_lower": float(lower[1]),
        "caught_upper": float(upper[1]),
    }


def _paired(new: Flags, old: Flags, level: float) -> tuple[float, float, float]:
    """Compare two shares of the same rows (Agresti and Min 2005, Stat. Med. 24, 729-740)."""
    n = len(new)
    if not n:
        return np.nan, np.nan, np.nan
    gained, lost = float((new & ~old).sum()), float((old & ~new).sum())
    z = float(stats.norm.ppf((1.0 + level) / 2.0))
    b, c, size = gained + 0.5, lost + 0.5, n + 2.0
    centre = (b - c) / size
    half = z * np.sqrt((b + c) - (b - c) ** 2 / size) / size
    return (gained - lost) / n, max(-1.0, centre - half), min(1.0, centre + half)
