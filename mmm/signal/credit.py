"""Attribution of what was won and of what open leads and deals are expected to bring, apart."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from mmm.attribution import AttributionResult
from mmm.errors import ConfigError, check_level
from mmm.journeys import UNATTRIBUTED, Journeys, build_journeys
from mmm.signal.coming import CreditToCome, ages_since_lead, deal_credit_shares
from mmm.signal.expected import ExpectedValue

Floats = npt.NDArray[np.float64]
Model = Callable[..., AttributionResult]
Interval = Literal["expected", "eventual"]

N_DRAWS = 2000
_LEAD = "(lead) "


@dataclass(frozen=True)
class StateJourneys:
    """Journeys of what is over, and of what is open.

    Attributes
    ----------
    won : Journeys
        As without expected values: open deals are censored.
    pipeline : Journeys
        Open deals and open leads, which count with their probability; may be empty.
    """

    won: Journeys
    pipeline: Journeys


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedCredit:
    """Credit for what was won and for what is expected, in two columns and a total.

    Attributes
    ----------
    model : str
    measure : str
        "value" (currency) or "conversions" (deals).
    channels : tuple of str, length n_channels + 1
        The last is "(unattributed)".
    won, pipeline : ndarray of float64, shape (n_channels + 1,)
        In the unit of the measure.
    lower, upper : ndarray of float64, shape (n_channels + 1,)
        Interval of won + pipeline.
    share_lower, share_upper : ndarray of float64, shape (n_channels + 1,)
        Interval of the share of the total, 0-1.
    level : float
    interval : {"expected", "eventual"}
        What the intervals hold.
    notes : tuple of str
    """

    model: str
    measure: str
    channels: tuple[str, ...]
    won: Floats
    pipeline: Floats
    lower: Floats
    upper: Floats
    share_lower: Floats
    share_upper: Floats
    level: float
    interval: str
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"ExpectedCredit({self.model}, {self.measure}: {self.won.sum():,.0f} won, "
            f"{self.pipeline.sum():,.0f} expected)"
        )

    @property
    def total(self) -> Floats:
        """Credit for what was won and what is expected, shape (n_channels + 1,)."""
        return np.asarray(self.won + self.pipeline)

    @property
    def share(self) -> Floats:
        """Share of the total, shape (n_channels + 1,); 0 where there is nothing to share."""
        whole = self.total.sum()
        return np.asarray(self.total / whole if whole else np.zeros_like(self.total))

    def to_frame(self) -> pd.DataFrame:
        """Return one row a channel, and one for deals and leads without a touch.

        Returns
        -------
        pandas.DataFrame
            channel, won, pipeline, total, lower, upper (unit of the measure), share, share_lower,
            share_upper.
        """
        frame = pd.DataFrame(
            {
                "channel": pd.Series(self.channels, dtype="str"),
                "won": self.won,
                "pipeline": self.pipeline,
                "total": self.total,
                "lower": self.lower,
                "upper": self.upper,
                "share": self.share,
                "share_lower": self.share_lower,
                "share_upper": self.share_upper,
            }
        )
        bare = self.total[-1] == 0
        return frame.iloc[:-1] if bare else frame


def expected_journeys(
    touches: object | None,
    deals: object,
    worth: ExpectedValue,
    *,
    leads: object | None = None,
    won: Journeys | None = None,
    **options: Any,
) -> StateJourneys:
    """Build the journeys of what is over and of what is open, on the day of `worth`.

    Parameters
    ----------
    touches, deals, leads
        As `mmm.build_journeys` takes them, and the tables that `worth` was made of.
    worth : ExpectedValue
        Deals that are not among its records are left out.
    won : Journeys, optional
        Journeys of what is over, built before from the same tables with the same options.
    **options
        Further options of `mmm.build_journeys`.

    Returns
    -------
    StateJourneys

    Examples
    --------
    >>> from mmm import datasets
    >>> from mmm.signal import expected_value
    >>> tables = {name: datasets.load(name) for name in ("leads", "deals")}
    >>> worth = expected_value(**tables, as_of="2025-06-30")
    >>> expected_journeys(datasets.load("touches"), tables["deals"], worth, leads=tables["leads"]
    ...     ).won
    Journeys(235 journeys, 1858 touches, 10 channels, 43 conversions, 192 nulls, 4 unattributed)
    """
    options = {"leads": leads, "as_of": worth.as_of, **options}
    both = build_journeys(touches, deals, **options, expected=worth.to_frame())
    if won is None or won.channels != both.channels:
        won = build_journeys(touches, deals, **options)
    known = set(worth.records["deal_id"].dropna())
    part, bare = both.is_open, both.untouched
    return StateJourneys(
        _only(won, known), both.select(part, untouched=None if bare is None else bare.is_open)
    )


def _only(journeys: Journeys, known: set[str]) -> Journeys:
    """Keep journeys without a deal, and those of known deals."""
    if journeys.deal_id is None or journeys.untouched is None:
        return journeys
    keep = np.array([deal is None or deal in known for deal in journeys.deal_id], dtype=bool)
    bare = np.array([deal in known for deal in journeys.untouched.deal_id], dtype=bool)
    return journeys if keep.all() and bare.all() else journeys.select(keep, untouched=bare)


def attribute_expected(
    model: Model,
    journeys: StateJourneys,
    worth: ExpectedValue,
    *,
    interval: Interval = "expected",
    coming: CreditToCome | None = None,
    level: float = 0.9,
    seed: int = 0,
    **options: Any,
) -> ExpectedCredit:
    """Credit what was won, and what is expected of open leads and deals, in two columns.

    What was won is credited as without any expected value. The same model credits the open ones by
    their probability. As they mature, one column empties into the other.

    Parameters
    ----------
    model : callable
        Such as `mmm.attribution.linear`.
    journeys : StateJourneys
    worth : ExpectedValue
    interval : {"expected", "eventual"}
        "expected": how far the credit would move with other journeys of the same kind, and other
        rates and values of what is open. "eventual": where the credit of these leads and deals
        ends, single wins and values included.
    coming : CreditToCome, optional
        How credit moves until the close; by default the touches of today keep it all.
    level : float
    seed : int
    **options
        Of the model, such as `measure`.

    Returns
    -------
    ExpectedCredit

    Examples
    --------
    >>> from mmm import datasets
    >>> from mmm.attribution import linear
    >>> from mmm.signal import expected_value
    >>> leads, deals = datasets.load("leads"), datasets.load("deals")
    >>> worth = expected_value(leads, deals, as_of="2025-06-30")
    >>> both = expected_journeys(datasets.load("touches"), deals, worth, leads=leads)
    >>> credit = attribute_expected(linear, both, worth)
    >>> bool(abs(credit.total.sum() - worth.realised.sum() - worth.expected.sum()) < 1e-6)
    True
    """
    level = check_level(level)
    if interval not in get_args(Interval):
        raise ConfigError(f"interval is {interval!r}. Pass 'expected' or 'eventual'.")
    won = model(journeys.won, level=level, **options)
    options = {**options, "measure": won.measure}
    open_ = model(journeys.pipeline, level=level, **options) if worth.open.size else None
    credit_won = np.append(won.credit, won.unattributed.credit)
    pipeline = np.zeros(len(credit_won))
    if open_ is not None:
        pipeline = np.append(open_.credit, open_.unattributed.credit)
    rng = np.random.default_rng(seed)
    drawn = np.repeat(credit_won[None], N_DRAWS, axis=0)
    if open_ is not None:
        parts = _parts(open_, journeys.pipeline, worth, coming)
        each = _record_draws(worth, won.measure == "value", interval, rng)
        which = np.arange(N_DRAWS) % len(each)
        scatter = _scatter(each, which, worth, coming, interval, rng)
        drawn = credit_won + (each @ parts)[which] + scatter
        if coming is not None:
            pipeline = _mean(worth, won.measure == "value") @ parts
    if interval == "expected":
        for result in (won, open_):
            drawn += _sampling_error(result, len(credit_won), rng)
    tails = [(1 - level) / 2, (1 + level) / 2]
    total = credit_won + pipeline
    lower, upper = np.quantile(drawn, tails, axis=0)
    whole = drawn.sum(axis=1, keepdims=True)
    shares = np.divide(drawn, whole, out=np.zeros_like(drawn), where=whole > 0)
    share_lower, share_upper = np.quantile(shares, tails, axis=0)
    share = total / total.sum() if total.sum() else total
    return ExpectedCredit(
        model=won.model,
        measure=won.measure,
        channels=(*won.channels, UNATTRIBUTED),
        won=credit_won,
        pipeline=pipeline,
        lower=np.minimum(lower, total),
        upper=np.maximum(upper, total),
        share_lower=np.clip(np.minimum(share_lower, share), 0.0, 1.0),
        share_upper=np.clip(np.maximum(share_upper, share), 0.0, 1.0),
        level=level,
        interval=interval,
        notes=won.notes,
    )


def _record_draws(
    worth: ExpectedValue, value: bool, interval: str, rng: np.random.Generator
) -> Floats:
    """Draw what each open record brings, shape (n_draws, n_open): `N_DRAWS`, or those there are."""
    if interval == "eventual" and value:
        seed = int(rng.integers(2**31))
        return np.asarray(worth.outcomes(seed, N_DRAWS)[:, worth.open])
    if interval == "eventual":
        which = np.arange(N_DRAWS) % len(worth.probability_draws)
        chance = worth.probability_draws[which]
        return np.asarray(rng.random(chance.shape) < chance, dtype=np.float64)
    draws = worth.expected_draws if value else worth.probability_draws
    return np.asarray(draws)


def _mean(worth: ExpectedValue, value: bool) -> Floats:
    """Return what each open record is expected to bring, shape (n_open,)."""
    return np.asarray((worth.probability * (worth.worth if value else 1.0))[worth.open])


def _parts(
    result: AttributionResult,
    journeys: Journeys,
    worth: ExpectedValue,
    coming: CreditToCome | None,
) -> Floats:
    """Return which part of each open record a channel is credited with, (n_open, n_channels + 1).

    A model without credit by deal shares out all of them alike.
    """
    if result.deal_credit is None:
        if coming is not None:
            raise ConfigError(f"{result.model} has no credit by deal to move. Leave coming= out.")
        credit = np.append(result.credit, result.unattributed.credit)
        whole = float(credit.sum())
        return np.repeat((credit / whole if whole else credit)[None], worth.open.size, axis=0)
    records = worth.records.iloc[worth.open]
    names = records["deal_id"].fillna(_LEAD + records["lead_id"].fillna(""))
    shares = deal_credit_shares(result, journeys).reindex(names.tolist()).fillna(0.0)
    parts = shares.to_numpy(dtype=np.float64)
    return parts if coming is None else coming.at(ages_since_lead(worth), parts)


def _scatter(
    each: Floats,
    which: npt.NDArray[np.int64],
    worth: ExpectedValue,
    coming: CreditToCome | None,
    interval: str,
    rng: np.random.Generator,
) -> Floats:
    """Draw how touches to come scatter around what they are on average, (n_draws, n_channels + 1).

    What n deals taught is uncertain as their mean is; single deals scatter by themselves too.
    """
    if coming is None or not each.size:
        return np.zeros((len(which), 1))
    age = float(np.nanmedian(np.append(ages_since_lead(worth), coming.age_days[0])))
    cov = coming.scatter_at(age)
    variance = each.sum(axis=1) ** 2 / float(coming.n_deals.max())
    if interval == "eventual":
        variance = variance + (each**2).sum(axis=1)
    noise = rng.multivariate_normal(np.zeros(len(cov)), cov, size=len(which), method="eigh")
    return np.asarray(np.sqrt(variance[which])[:, None] * noise)


def _sampling_error(result: AttributionResult | None, n: int, rng: np.random.Generator) -> Floats:
    """Draw the sampling error of the convention, in the unit of the measure."""
    error = np.zeros((N_DRAWS, n))
    if result is None:
        return error
    width = (result.upper - result.lower) / (2 * float(ndtri(0.5 + result.level / 2)))
    error[:, :-1] = rng.normal(size=(N_DRAWS, n - 1)) * np.nan_to_num(width) * float(result.total)
    return error
