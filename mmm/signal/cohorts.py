"""Mix on cohorts: the outcome of a week is what the leads that came in it are worth."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from mmm.errors import ConfigError, DataWarning, InputError, check_level
from mmm.funnel.durations import LEAST_MATURITY, complete
from mmm.funnel.records import lead_outcomes
from mmm.funnel.records.instants import instants
from mmm.mix import MixModel, mix_table
from mmm.signal.expected import ExpectedValue, expected_value
from mmm.wording import Finding

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

OUTCOME = "expected_value"
N_DRAWS = 200
_DISAGREES = 2.0
_BESIDE = ("realised", "lower", "upper", "n_leads", "maturity", "weight")


@dataclass(frozen=True, eq=False, repr=False)
class Cohorts:
    """Spend of each period, and what the leads that came in it are worth.

    Attributes
    ----------
    table : pandas.DataFrame
        date, one column a channel (spend), expected_value (currency, realised and to come).
    beside : pandas.DataFrame
        date, realised, lower, upper (of expected_value), n_leads, maturity (share of what will be
        won that would have been won by now, 0-1), weight (relative precision, 0-1).
    draws : ndarray of float64, shape (n_draws, n_periods)
        What the leads of each period will have brought, drawn; for multiple imputation.
    left_out : pandas.DataFrame
        The periods too young to be judged: date, maturity.
    as_of : pandas.Timestamp
    level : float
    notes : tuple of str
    """

    table: pd.DataFrame
    beside: pd.DataFrame
    draws: Floats
    left_out: pd.DataFrame
    as_of: pd.Timestamp
    level: float
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Cohorts({len(self.table)} periods to {self.as_of:%Y-%m-%d}, "
            f"{len(self.left_out)} too young)"
        )

    @property
    def channels(self) -> tuple[str, ...]:
        """Columns of spend."""
        return tuple(self.table.columns[1:-1])

    def to_frame(self) -> pd.DataFrame:
        """Return `table` and `beside` in one."""
        return self.table.merge(self.beside, on="date")


def cohort_table(
    leads: pd.DataFrame,
    deals: pd.DataFrame,
    spend: pd.DataFrame,
    *,
    every: Literal["week", "month"] = "week",
    as_of: object = None,
    worth: ExpectedValue | None = None,
    level: float = 0.9,
    seed: int = 0,
    **options: Any,
) -> Cohorts:
    """Put spend beside what the leads of the same period are worth.

    The lag that a mix model has to bridge is then that from spend to lead, weeks, not that to the
    contract, quarters. Leads still open count with their expected value. Periods of which less than
    a quarter of the wins would have been seen are left out.

    Parameters
    ----------
    leads, deals, spend : pandas.DataFrame
        As the readers of `mmm` return them.
    every : {"week", "month"}
    as_of : date, str or timestamp, optional
        Nothing after it is used.
    worth : ExpectedValue, optional
        Of these leads and deals; computed by default.
    level : float
    seed : int
        Of the draws.
    **options
        Of `mmm.mix.mix_table`, such as ``fill`` and ``channel_map``.

    Returns
    -------
    Cohorts

    Raises
    ------
    InputError
        If every period is too young, or the tables do not meet.

    Examples
    --------
    >>> from mmm import datasets
    >>> tables = [datasets.load(name) for name in ("leads", "deals", "spend")]
    >>> cohorts = cohort_table(*tables, every="month", as_of="2025-09-30")
    >>> len(cohorts.table), cohorts.left_out["date"].dt.strftime("%Y-%m").tolist()
    (18, ['2025-07', '2025-08', '2025-09'])
    """
    level = check_level(level)
    worth = worth or expected_value(leads, deals, as_of=as_of, level=level, seed=seed)
    seen = leads[leads["created_at"] <= worth.as_of]
    day = (worth.as_of + pd.Timedelta(microseconds=1)).tz_localize(None).floor("D")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        paid = mix_table(spend, leads=seen, outcome="leads", every=every, as_of=day, **options)
    frame = paid.drop(columns="leads")
    starts = frame["date"].to_numpy(dtype="datetime64[us]")
    length = pd.DateOffset(months=1) if every == "month" else pd.Timedelta(days=7)
    edges = np.append(starts, np.datetime64(pd.Timestamp(starts[-1]) + length, "us"))
    ripe = _maturity(seen, deals, worth, edges, level)
    ours = _new_business(worth)
    period = _period(instants(worth.records, "began_at"), edges)
    inside = ours & (period >= 0)
    drawn = np.zeros((N_DRAWS, len(starts)))
    each = worth.outcomes(seed, N_DRAWS)
    np.add.at(drawn.T, period[inside], each[:, inside].T)
    value, realised = (
        np.asarray(
            np.bincount(period[inside], weights=amount[inside], minlength=len(starts)), np.float64
        )
        for amount in (worth.realised + worth.expected, worth.realised)
    )
    keep = ripe >= LEAST_MATURITY
    if not keep.any():
        raise InputError(
            f"no {every} of spend is old enough: less than {LEAST_MATURITY:.0%} of the wins of "
            "its leads would have been seen. Wait, or add earlier spend."
        )
    lower, upper = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    count = np.bincount(_kept(_period(instants(seen, "created_at"), edges)), minlength=len(starts))
    columns = (realised, np.minimum(lower, value), np.maximum(upper, value), count, ripe)
    beside = pd.DataFrame({"date": frame["date"], **dict(zip(_BESIDE, columns, strict=False))})
    beside["weight"] = _weights(value, drawn, keep)
    return Cohorts(
        table=frame.assign(**{OUTCOME: value})[keep].reset_index(drop=True),
        beside=beside[keep].reset_index(drop=True),
        draws=drawn[:, keep],
        left_out=beside.loc[~keep, ["date", "maturity"]].reset_index(drop=True),
        as_of=worth.as_of,
        level=level,
        notes=tuple(dict.fromkeys(str(one.message) for one in caught)),
    )


def _new_business(worth: ExpectedValue) -> npt.NDArray[np.bool_]:
    lead = worth.records["lead_id"].notna() & (worth.records["stage"] != "other deal")
    return np.asarray(lead, dtype=bool)


def _period(at: Any, edges: Any) -> Integers:
    """Return the period of each instant, -1 outside."""
    found = np.searchsorted(edges, at, side="right") - 1
    return np.where(np.isnat(at) | (found >= len(edges) - 1), -1, found)


def _kept(period: Integers) -> Integers:
    return period[period >= 0]


def _maturity(
    leads: pd.DataFrame, deals: pd.DataFrame, worth: ExpectedValue, edges: Any, level: float
) -> Floats:
    """Return the share of its eventual wins that each period would have shown by now."""
    outcomes = lead_outcomes(leads, deals, as_of=worth.as_of)
    period = _period(outcomes.start, edges)
    # Leads before the first period teach the delay too: they are a group of their own.
    n_periods = len(edges) - 1
    done = complete(outcomes, np.where(period < 0, n_periods, period), n_periods + 1, level)
    ripe = np.asarray(done.maturity[:-1], dtype=np.float64)
    empty = ~np.isfinite(ripe) | (done.n[:-1] == 0)
    if empty.any() and not empty.all():  # a period without leads is as ripe as those beside it
        at = np.arange(n_periods)
        ripe = np.where(empty, np.interp(at, at[~empty], ripe[~empty]), ripe)
    return np.nan_to_num(ripe)


def _weights(value: Floats, drawn: Floats, keep: npt.NDArray[np.bool_]) -> Floats:
    """Return relative precisions: y_t ~ N(mu, sigma^2 / w_t), completion adding to the variance."""
    still = drawn.var(axis=0)
    process = max(float(value[keep].var()) - float(still[keep].mean()), 0.1 * value[keep].var())
    if not process > 0:
        return np.ones(len(value))
    return np.asarray(process / (process + still))


@dataclass(frozen=True, eq=False, repr=False)
class CohortMix:
    """A mix fitted on cohorts, open leads completed several times.

    Attributes
    ----------
    models : tuple of MixModel
        One a completed outcome.
    contributions : pandas.DataFrame
        As `MixModel.contributions`, pooled: means, and intervals that hold the differences between
        completions too.
    level : float
    """

    models: tuple[MixModel, ...]
    contributions: pd.DataFrame = field(repr=False)
    level: float

    def __repr__(self) -> str:
        return f"CohortMix({len(self.models)} completions, {len(self.contributions) - 1} channels)"


def fit_cohorts(
    cohorts: Cohorts,
    *,
    model: MixModel | None = None,
    n_imputations: int = 3,
    margin: float = 1.0,
    level: float = 0.9,
) -> CohortMix:
    """Fit a mix on cohorts by multiple imputation.

    Each fit sees another draw of what the open leads will have brought. The pooled interval has the
    variance within fits plus (1 + 1 / m) times that between them, on each side of the mean.

    Parameters
    ----------
    cohorts : Cohorts
    model : MixModel, optional
        Unfitted, with ``date="date"``; defaults apart from that.
    n_imputations : int
    margin, level : float
        Of the contributions.

    Returns
    -------
    CohortMix

    Raises
    ------
    ConfigError
        If a setting is out of range.

    References
    ----------
    Rubin 1987, Multiple Imputation for Nonresponse in Surveys, ch. 3.
    """
    level = check_level(level)
    if not 2 <= n_imputations <= len(cohorts.draws):
        raise ConfigError(
            f"n_imputations is {n_imputations!r}. Pass 2 to {len(cohorts.draws)}, such as 3."
        )
    settings = {} if model is None else model.get_params(deep=False)
    settings |= {"date": "date", "channels": list(cohorts.channels)}
    fits = [
        MixModel(**settings).fit(cohorts.table.drop(columns=OUTCOME), drawn)
        for drawn in cohorts.draws[:n_imputations]
    ]
    frames = [fit.contributions(level=level, margin=margin) for fit in fits]
    return CohortMix(tuple(fits), pool_contributions(frames, level), level)


def pool_contributions(frames: Sequence[pd.DataFrame], level: float = 0.9) -> pd.DataFrame:
    """Pool frames of contributions by Rubin's rules, each side of an interval by itself.

    Parameters
    ----------
    frames : sequence of pandas.DataFrame
        As `MixModel.contributions` returns them, of the same channels.
    level : float
        Of their intervals.

    Returns
    -------
    pandas.DataFrame
        Of the same columns; a word is that of most frames.

    Examples
    --------
    >>> one = pd.DataFrame({"channel": ["a"], "romi": [1.0], "romi_lower": [0.0],
    ...     "romi_upper": [2.0]})
    >>> pool_contributions([one, one])[["romi", "romi_lower", "romi_upper"]].values.tolist()
    [[1.0, 0.0, 2.0]]
    """
    pooled, reach_of_one = frames[0].copy(), float(ndtri(0.5 + level / 2))
    numbers = [name for name in pooled.columns if pd.api.types.is_numeric_dtype(pooled[name])]
    stacked = {
        name: np.stack([f[name].to_numpy(dtype=np.float64) for f in frames]) for name in numbers
    }
    for name in pooled.columns.difference([*numbers, "channel"]):
        pooled[name] = pd.concat([frame[name] for frame in frames], axis=1).mode(axis=1)[0]
    for name, values in stacked.items():
        pooled[name] = values.mean(axis=0)
    for name, values in stacked.items():
        between = (1 + 1 / len(frames)) * values.var(axis=0, ddof=1 if len(frames) > 1 else 0)
        for side, sign in (("lower", -1.0), ("upper", 1.0)):
            if (end := f"{name}_{side}") in stacked:
                within = ((stacked[end] - values) ** 2).mean(axis=0)
                reach = np.sqrt(within + reach_of_one**2 * between)
                pooled[end] = pooled[name] + sign * reach
    return pooled


def mix_disagreements(
    cohort: pd.DataFrame,
    closed: pd.DataFrame,
    *,
    level: float = 0.9,
    currency: str = "EUR",
    steps: Mapping[str, str] | None = None,
    pays: Mapping[str, bool] | None = None,
) -> tuple[Finding, ...]:
    """Say where the mix on cohorts and the mix on closed revenue differ beyond their errors.

    Parameters
    ----------
    cohort, closed : pandas.DataFrame
        Contributions of each: channel, spend, roas, contribution, contribution_lower,
        contribution_upper.
    level : float
        Of these intervals.
    currency : str
    steps, pays : mapping, optional
        What is advised of a channel, as `Triangulation.findings` takes them: the plan is said
        where it moves the budget, a test where it does not and one may pay for itself.

    Returns
    -------
    tuple of Finding
        One a channel whose return differs by more than two standard errors, or a single one that
        says that they agree.
    """
    reach = 2 * float(ndtri(0.5 + check_level(level) / 2))
    both = cohort.merge(closed, on="channel", suffixes=("_cohort", "_closed"))
    both = both[(both["spend_cohort"] > 0) & (both["spend_closed"] > 0)]
    found = []
    for row in both[both["channel"] != "(media)"].to_dict("records"):
        errors = [
            (row[f"contribution_upper_{of}"] - row[f"contribution_lower_{of}"])
            / reach
            / row[f"spend_{of}"]
            for of in ("cohort", "closed")
        ]
        gap = row["roas_cohort"] - row["roas_closed"]
        if abs(gap) > _DISAGREES * float(np.hypot(*errors)):
            facts = {
                "channel": row["channel"],
                "cohort": row["roas_cohort"],
                "closed": row["roas_closed"],
                "one": 1,
                "currency": currency,
            }
            test = "test" if (pays or {}).get(row["channel"], True) else ""
            advice = (steps or {}).get(row["channel"], test)
            because = (f"mixes.{advice}",) if advice else ()
            found.append(Finding("signal.mixes_disagree", gap, because=because, facts=facts))
    if not found:
        found.append(Finding("signal.mixes_agree", len(both), facts={}))
    return tuple(found)
