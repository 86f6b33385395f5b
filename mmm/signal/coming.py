"""Touches still to come: what the credit of an open lead or deal will be once it is won."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.attribution import AttributionResult
from mmm.errors import ConfigError
from mmm.funnel.records.instants import instants, plain
from mmm.journeys import Journeys, build_journeys
from mmm.signal.expected import ExpectedValue
from mmm.signal.pipeline import NEW_DEAL

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Model = Callable[..., AttributionResult]

FEWEST_DEALS = 10
_AGES = (1 / 6, 1 / 2, 5 / 6)
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, eq=False)
class CreditToCome:
    """How the credit of won deals went on from an age.

    Attributes
    ----------
    model : str
    age_days : ndarray of float64, shape (n_ages,)
        Since the lead, ascending.
    kept : ndarray of float64, shape (n_ages,)
        Part of the credit that stays where it is at that age, 0-1.
    later : ndarray of float64, shape (n_ages, n_channels + 1)
        Who has the rest, on average; the last is unattributed. Rows sum to 1.
    untouched : ndarray of float64, shape (n_ages, n_channels + 1)
        Credit of deals that had no touch at that age.
    scatter : ndarray of float64, shape (n_ages, n_channels + 1, n_channels + 1)
        Covariance of the final credit of one deal around that.
    n_deals : ndarray of int64, shape (n_ages,)
        Won deals that this is learnt from.
    """

    model: str
    age_days: Floats
    kept: Floats
    later: Floats
    untouched: Floats
    scatter: Floats
    n_deals: Integers

    def at(self, age_days: Floats, parts: Floats) -> Floats:
        """Move credit of today to what it will be.

        Parameters
        ----------
        age_days : ndarray of float64, shape (n,)
            Since the lead; NaN where today's credit stays.
        parts : ndarray of float64, shape (n, n_channels + 1)
            Credit of today, rows summing to 1.

        Returns
        -------
        ndarray of float64, shape (n, n_channels + 1)
        """
        known = np.isfinite(age_days)
        age = np.where(known, age_days, self.age_days[0])
        kept = np.interp(age, self.age_days, self.kept)[:, None]
        later, bare = (
            np.stack([np.interp(age, self.age_days, row) for row in table.T], axis=1)
            for table in (self.later, self.untouched)
        )
        moved = np.where(parts[:, -1:] > 0.5, bare, kept * parts + (1 - kept) * later)
        return np.where(known[:, None], moved, parts)

    def scatter_at(self, age_days: float) -> Floats:
        """Return the covariance at the nearest age learnt from, with that of its mean."""
        nearest = int(np.argmin(np.abs(self.age_days - age_days)))
        return np.asarray(self.scatter[nearest])


def credit_to_come(
    model: Model,
    touches: object | None,
    deals: pd.DataFrame,
    worth: ExpectedValue,
    *,
    leads: pd.DataFrame,
    **options: Any,
) -> CreditToCome:
    """Learn from won deals how credit moves between an age and the close.

    Journeys of won deals are cut at ages at which leads are open today, and credited as if they had
    been won then. With g the credit at the age and f that at the close, f = kept g + (1 - kept)
    later is fitted by least squares over deals and channels.

    Parameters
    ----------
    model : callable
        A model with credit by deal, such as `mmm.attribution.linear`.
    touches, deals, leads
        The tables that `worth` was made of; nothing after its day is used.
    worth : ExpectedValue
        Of the whole history: its won deals are learnt from.
    **options
        Of `mmm.build_journeys`, as for `expected_journeys`.

    Returns
    -------
    CreditToCome

    Raises
    ------
    ConfigError
        If the model has no credit by deal, or fewer than 10 won deals were open at the youngest of
        these ages.

    Examples
    --------
    >>> from mmm import datasets
    >>> from mmm.attribution import first_touch
    >>> from mmm.signal import expected_value
    >>> leads, deals = datasets.load("leads"), datasets.load("deals")
    >>> worth = expected_value(leads, deals, as_of="2025-06-30")
    >>> found = credit_to_come(first_touch, datasets.load("touches"), deals, worth, leads=leads)
    >>> found.kept.round(1).tolist()
    [0.9, 1.0, 1.0]
    """
    learnt = _learning(deals, worth)
    options = {"leads": leads, "as_of": worth.as_of, **options}
    open_ages = ages_since_lead(worth)
    open_ages = open_ages[np.isfinite(open_ages)]
    if not len(open_ages):
        raise ConfigError("no lead is open: there is no credit to come. Leave coming= out.")
    final = _credited(model, touches, learnt.assign(value="1.00"), options)
    found = []
    for age in np.unique(np.quantile(open_ages, _AGES)):
        still = learnt[learnt["closed_at"] > learnt["began_at"] + age * _DAY]
        if len(still) < FEWEST_DEALS:
            break
        early = _credited(model, touches, _cut(still, float(age)), options)
        names = still["deal_id"].tolist()
        found.append((float(age), *_fit(early.loc[names], final.loc[names])))
    if not found:
        raise ConfigError(
            f"{len(learnt)} won deals come from a lead; at least {FEWEST_DEALS} that were open at "
            f"{open_ages.min():.0f} days are needed. Leave coming= out."
        )
    ages, kept, later, bare, scatter, n = zip(*found, strict=True)
    return CreditToCome(
        model=str(getattr(model, "__name__", "model")),
        age_days=np.array(ages),
        kept=np.array(kept),
        later=np.array(later),
        untouched=np.array(bare),
        scatter=np.array(scatter),
        n_deals=np.array(n, dtype=np.int64),
    )


def ages_since_lead(worth: ExpectedValue) -> Floats:
    """Return the days since the lead of open records, NaN where they are no new business of one."""
    rows = worth.records.iloc[worth.open]
    began = instants(rows, "began_at")
    age = (plain(worth.as_of) - began) / np.timedelta64(86_400_000_000, "us")
    ours = rows["lead_id"].notna() & (rows["stage"] != "other deal")
    return np.where(ours.to_numpy(dtype=bool), age, np.nan)


def deal_credit_shares(result: AttributionResult, journeys: Journeys) -> pd.DataFrame:
    """Return which part of each deal a channel is credited with.

    Returns
    -------
    pandas.DataFrame
        A row a deal with credit, a column a channel, the last "(unattributed)".

    Raises
    ------
    ConfigError
        If the model has no credit by deal.
    """
    pairs = result.by_deal()
    columns = [*result.channels]
    wide = pairs.pivot_table(index="deal_id", columns="channel", values="credit", aggfunc="sum")
    wide = wide.reindex(columns=columns).fillna(0.0)
    bare = [] if journeys.untouched is None else list(journeys.untouched.deal_id)
    wide["(unattributed)"] = 0.0
    rest = pd.DataFrame(0.0, index=bare, columns=wide.columns).assign(**{"(unattributed)": 1.0})
    table = pd.concat([wide, rest]) if bare else wide
    whole = table.sum(axis=1)
    return table[whole > 0].div(whole[whole > 0], axis=0)


def _learning(deals: pd.DataFrame, worth: ExpectedValue) -> pd.DataFrame:
    """Return the won new deals that come from a lead, with the day of the lead."""
    rows = worth.records
    ours = rows[(rows["state"] == "won") & (rows["stage"] == NEW_DEAL) & rows["lead_id"].notna()]
    known = deals.drop_duplicates("deal_id").set_index("deal_id").loc[ours["deal_id"].tolist()]
    return known.reset_index().assign(began_at=ours["began_at"].to_numpy())


def _cut(deals: pd.DataFrame, age: float) -> pd.DataFrame:
    """Let deals be won at an age; one that was not opened by then begins with its lead."""
    closed = deals["began_at"] + age * _DAY
    created = deals["created_at"].where(deals["created_at"] <= closed, deals["began_at"])
    return deals.assign(closed_at=closed, created_at=created, value="1.00")


def _credited(
    model: Model, touches: object | None, deals: pd.DataFrame, options: dict[str, Any]
) -> pd.DataFrame:
    journeys = build_journeys(touches, deals.drop(columns="began_at"), **options)
    return deal_credit_shares(model(journeys, measure="conversions"), journeys)


def _fit(early: pd.DataFrame, final: pd.DataFrame) -> tuple[float, Floats, Floats, Floats, int]:
    """Return kept, later, untouched, the covariance of what is left, and the number of deals."""
    g, f = early.to_numpy(dtype=np.float64), final.to_numpy(dtype=np.float64)
    touched = g[:, -1] < 0.5
    average = f.mean(axis=0)
    kept, later = 1.0, average
    if touched.sum() >= 2:
        own, end = g[touched], f[touched]
        off = own - own.mean(axis=0)
        size = float((off**2).sum())
        kept = float(np.clip((off * end).sum() / size, 0.0, 1.0)) if size > 0 else 1.0
        left = np.clip(end.mean(axis=0) - kept * own.mean(axis=0), 0.0, None)
        later = left / left.sum() if left.sum() > 1e-9 else average
    bare = f[~touched].mean(axis=0) if (~touched).sum() >= 3 else average
    said = np.where(touched[:, None], kept * g + (1 - kept) * later, bare)
    scatter = np.asarray((f - said).T @ (f - said) / len(f))
    return kept, later, bare, scatter, len(f)
