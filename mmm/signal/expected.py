"""What each lead and deal is worth today: the chance that it is won, times its value."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, check_level, quoted
from mmm.signal.chances import (
    FEWEST_WINS,
    account_weights,
    by_age,
    deal_worth,
    oldest,
    stage_rates,
    win_chances,
)
from mmm.signal.pipeline import NEW_DEAL, OTHER_DEAL, Pipeline, pipeline
from mmm.wording import Finding

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

N_SETS = 200
HORIZON_DAYS = 730.0
_SMALLEST, _LARGEST = 1e-9, 1 - 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedValue:
    """What leads and deals have brought, and are expected to bring.

    Attributes
    ----------
    as_of : pandas.Timestamp
        Nothing after it was used.
    records : pandas.DataFrame, n rows
        One row a deal, and one a lead without a deal: lead_id, deal_id, began_at, state, stage,
        age_days, value, segment, group; see `mmm.signal.pipeline.Pipeline`.
    probability : ndarray of float64, shape (n,)
        That it is won within the horizon; 1 and 0 where it was won and lost.
    worth : ndarray of float64, shape (n,)
        Currency that it brings if won.
    realised : ndarray of float64, shape (n,)
        Currency that it has brought; 0 unless won.
    open : ndarray of int64, shape (n_open,)
        Positions of the open records.
    probability_draws, worth_draws : ndarray of float64, shape (n_sets, n_open)
        The same of the open ones, under accounts weighed anew (Bayesian bootstrap).
    won_values : ndarray of float64, shape (n_won,)
        Values of won deals over their segment's mean, for what one deal may bring.
    horizon_days : float
        From `as_of`.
    level : float
        Coverage of intervals.
    currency : str
        Empty where the deals do not say.
    notes : tuple of str
    """

    as_of: pd.Timestamp
    records: pd.DataFrame
    probability: Floats
    worth: Floats
    realised: Floats
    open: Integers
    probability_draws: Floats
    worth_draws: Floats
    won_values: Floats
    horizon_days: float
    level: float
    currency: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"ExpectedValue({len(self.records)} leads and deals as of {self.as_of:%Y-%m-%d}: "
            f"{self.realised.sum():,.0f} won, {self.expected.sum():,.0f} expected of "
            f"{len(self.open)} open)"
        )

    @property
    def expected(self) -> Floats:
        """Currency still to come: probability x worth of open records, 0 of others; shape (n,)."""
        value = np.zeros(len(self.records))
        value[self.open] = (self.probability * self.worth)[self.open]
        return value

    @property
    def expected_draws(self) -> Floats:
        """Currency still to come of the open records, shape (n_sets, n_open)."""
        return np.asarray(self.probability_draws * self.worth_draws)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a deal, and one a lead without a deal.

        Returns
        -------
        pandas.DataFrame
            lead_id, deal_id, began_at, state, stage, probability, probability_lower,
            probability_upper (of winning within the horizon), value (if won), expected, lower,
            upper (currency still to come: the mean and its interval, not the range of one deal),
            realised. `mmm.build_journeys(..., expected=frame)` takes it as it is.
        """
        tails = [(1 - self.level) / 2, (1 + self.level) / 2]
        frame = self.records[["lead_id", "deal_id", "began_at", "state", "stage"]].copy()
        columns = {
            "probability": (self.probability, self.probability_draws),
            "expected": (self.expected, self.expected_draws),
        }
        for name, (value, draws) in columns.items():
            lower, upper = value.copy(), value.copy()
            if len(self.open):
                low, high = np.quantile(draws, tails, axis=0)
                lower[self.open] = np.minimum(low, value[self.open])
                upper[self.open] = np.maximum(high, value[self.open])
            frame[name] = value
            ends = ("lower", "upper") if name == "expected" else (f"{name}_lower", f"{name}_upper")
            frame[ends[0]], frame[ends[1]] = lower, upper
        frame.insert(8, "value", self.worth)
        return frame.assign(realised=self.realised)

    def only(self, keep: npt.NDArray[np.bool_]) -> "ExpectedValue":
        """Return the records that a mask keeps, such as leads of one quarter.

        Parameters
        ----------
        keep : ndarray of bool, shape (n,)

        Returns
        -------
        ExpectedValue
        """
        keep = np.asarray(keep, dtype=bool)
        still = keep[self.open]
        return replace(
            self,
            records=self.records[keep].reset_index(drop=True),
            probability=self.probability[keep],
            worth=self.worth[keep],
            realised=self.realised[keep],
            open=(np.cumsum(keep) - 1)[self.open[still]],
            probability_draws=self.probability_draws[:, still],
            worth_draws=self.worth_draws[:, still],
        )

    def outcomes(self, seed: int = 0, n_draws: int = N_SETS) -> Floats:
        """Draw what each record will have brought by the end of the horizon.

        Rates and values are drawn anew, then wins one by one, then the value of each.

        Parameters
        ----------
        seed : int
        n_draws : int

        Returns
        -------
        ndarray of float64, shape (n_draws, n)
            In currency; what is realised is in every draw.
        """
        rng = np.random.default_rng(seed)
        drawn = np.repeat(self.realised[None], n_draws, axis=0)
        which = np.arange(n_draws) % len(self.probability_draws)
        shape = (n_draws, len(self.open))
        won = rng.random(shape) < self.probability_draws[which]
        told = self.records["value"].notna().to_numpy()[self.open]
        spread = np.ones(shape)
        if len(self.won_values):
            spread = np.where(told, 1.0, rng.choice(self.won_values, size=shape))
        drawn[:, self.open] += won * self.worth_draws[which] * spread
        return drawn

    def totals(self, seed: int = 0) -> pd.DataFrame:
        """Return what was won, what is expected of open records, and both.

        Returns
        -------
        pandas.DataFrame
            part ("realised", "expected", "total"), value, lower, upper (currency; the interval is
            of what will be seen, the luck of single deals included), n (records).
        """
        drawn = self.outcomes(seed, 2000 if len(self.records) < 5000 else N_SETS)
        rest = drawn.sum(axis=1) - self.realised.sum()
        lower, upper = np.quantile(rest, [(1 - self.level) / 2, (1 + self.level) / 2])
        won, to_come = float(self.realised.sum()), float(self.expected.sum())
        n_won = int((self.records["state"] == "won").sum())
        lower, upper = min(lower, to_come), max(upper, to_come)
        rows = [
            ("realised", won, won, won, n_won),
            ("expected", to_come, lower, upper, len(self.open)),
            ("total", won + to_come, won + lower, won + upper, n_won + len(self.open)),
        ]
        return pd.DataFrame(rows, columns=["part", "value", "lower", "upper", "n"])

    def finding(self) -> Finding:
        """Say what is won, and what open leads and deals are expected to bring."""
        totals = self.totals()
        value, lower, upper = (
            totals[name].to_numpy(dtype=np.float64)[1] for name in ("value", "lower", "upper")
        )
        facts = {
            "won": float(self.realised.sum()),
            "lower": float(lower),
            "upper": float(upper),
            "n": len(self.open),
            "level": self.level,
            "currency": self.currency or "EUR",
        }
        return Finding("signal.expected", float(value), facts=facts)


def expected_value(
    leads: pd.DataFrame,
    deals: pd.DataFrame,
    *,
    as_of: object = None,
    horizon_days: float = HORIZON_DAYS,
    segment: str | None = None,
    scores: pd.DataFrame | None = None,
    level: float = 0.9,
    seed: int = 0,
) -> ExpectedValue:
    """Say what each lead and deal is worth on a day: the chance that it is won, times its value.

    Stage by stage (new, MQL, SQL where they are recorded, then the deal), going on competes with
    ending, at rates by the days spent in the stage: P(won | open at age a) is
    q (1 - F(a)) / (q (1 - F(a)) + (1 - q) (1 - G(a))) with win probability q and the delays F of
    wins and G of losses, here by recursion over stages. No channel is asked. A lead is worth the
    mean of the won deals of its segment, drawn to the mean of all; an open deal its own value where
    the table has one.

    Parameters
    ----------
    leads, deals : pandas.DataFrame
        As `mmm.read_leads` and `mmm.read_deals` return them.
    as_of : date, str or timestamp, optional
        Nothing after it is used; by default the latest instant of both tables.
    horizon_days : float
        From `as_of`; what is won later counts as not won.
    segment : str, optional
        Column of leads or deals whose values share a mean deal value, such as a product.
    scores : pandas.DataFrame, optional
        lead_id (or deal_id) and probability of leads that a model of features knows better, such as
        ``LeadScorer.score_leads(...).to_frame()``: the chance to be won from that day on. Their
        uncertainty stays that of the rates by age, in log odds.
    level : float
        Coverage of intervals.
    seed : int

    Returns
    -------
    ExpectedValue

    Raises
    ------
    InputError
        If a column is missing, nothing was known by then, or fewer than 5 deals were won with a
        value.
    ConfigError
        If a setting is out of range.

    References
    ----------
    Aalen and Johansen 1978, An empirical transition matrix for non-homogeneous Markov chains based
    on censored observations, Scandinavian Journal of Statistics 5(3), 141-150.

    Examples
    --------
    >>> from mmm import datasets
    >>> worth = expected_value(datasets.load("leads"), datasets.load("deals"), as_of="2025-06-30")
    >>> frame = worth.to_frame()
    >>> bool((frame["lower"] <= frame["expected"]).all()), frame["probability"].between(0, 1).all()
    (True, np.True_)
    """
    level = check_level(level)
    if not 7 <= horizon_days <= 3660:
        raise ConfigError(f"horizon_days is {horizon_days!r}. Pass 7 to 3660 days, such as 730.")
    known = pipeline(leads, deals, as_of=as_of, segment=segment)
    rng = np.random.default_rng(seed)
    weights = account_weights(N_SETS, known.n_groups, rng)
    records = known.records
    still = np.flatnonzero(records["state"] == "open")
    won = (records["state"] == "won").to_numpy()
    value = records["value"].to_numpy(dtype=np.float64)
    chance = _chances(known, still, weights, horizon_days)
    if scores is not None:
        chance = _scored(chance, records.iloc[still], scores)
    worth, around, spread = _worth(known, still, weights)
    probability = won.astype(np.float64)
    probability[still] = chance[0]
    own = np.where(np.isnan(value), around, value)
    own[still] = worth[0]
    notes = list(known.notes)
    if (n := int((won & np.isnan(value)).sum())) > 0:
        notes.append(f"{n} won deals have no value and count as 0.")
    return ExpectedValue(
        as_of=known.as_of,
        records=records,
        probability=probability,
        worth=own,
        realised=np.where(won, np.nan_to_num(value), 0.0),
        open=still,
        probability_draws=chance,
        worth_draws=worth,
        won_values=spread,
        horizon_days=float(horizon_days),
        level=level,
        currency=known.currency,
        notes=tuple(notes),
    )


def _chances(known: Pipeline, still: Integers, weights: Floats, horizon_days: float) -> Floats:
    """Return P(won) of the open records, shape (n_sets, n_open)."""
    rates = stage_rates(known.stays, known.path, OTHER_DEAL, weights)
    n_weeks = int(np.ceil(horizon_days / 7))
    age = known.records["age_days"].to_numpy(dtype=np.float64)[still]
    n_ages = oldest(age)
    tables = win_chances([rates[stage] for stage in known.path], n_weeks, n_ages)
    by_stage = dict(zip(known.path, tables, strict=True))
    by_stage[OTHER_DEAL] = win_chances([rates[OTHER_DEAL]], n_weeks, n_ages)[0]
    stage = known.records["stage"].to_numpy(dtype=object)[still]
    chance = np.empty((len(weights), len(still)))
    for name, table in by_stage.items():
        here = stage == name
        chance[:, here] = by_age(table, age[here])
    return np.clip(chance, 0.0, 1.0)


def _worth(known: Pipeline, still: Integers, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what open records bring if won, the mean by record, and the spread of one deal."""
    records = known.records
    value = records["value"].to_numpy(dtype=np.float64)
    valued = (records["state"] == "won").to_numpy() & np.isfinite(value)
    new = (records["stage"] == NEW_DEAL).to_numpy()
    if (valued & new).sum() >= FEWEST_WINS:
        valued &= new
    if valued.sum() < FEWEST_WINS:
        raise InputError(
            f"{int(valued.sum())} deals were won with a value by {known.as_of:%Y-%m-%d}; at least "
            f"{FEWEST_WINS} are needed to say what a lead is worth. Choose a later day, or map "
            "value."
        )
    names, code = np.unique(records["segment"].to_numpy(dtype=str), return_inverse=True)
    group = records["group"].to_numpy(dtype=np.int64)
    means = deal_worth(value[valued], code[valued], group[valued], len(names), weights)
    worth = means[:, code[still]]
    told = np.isfinite(value[still])
    worth[:, told] = value[still][told]
    around = means[0, code]
    spread = value[valued] / np.where(around[valued] > 0, around[valued], 1.0)
    return worth, around, spread / spread.mean() if spread.mean() > 0 else spread


def _scored(chance: Floats, records: pd.DataFrame, scores: pd.DataFrame) -> Floats:
    """Put the chances of scored records at their score, as uncertain as before in log odds."""
    keys = [key for key in ("deal_id", "lead_id") if key in scores.columns]
    if not keys or "probability" not in scores.columns:
        raise InputError(
            f"scores has columns {quoted(scores.columns)}. Pass lead_id (or deal_id) and "
            "probability."
        )
    told = np.full(len(records), np.nan)
    for key in keys:
        rows = scores.dropna(subset=[key])
        if rows[key].duplicated().any():
            raise InputError(f"scores has several rows of one {key}. Keep the latest of each.")
        score = rows.set_index(rows[key].astype("str"))["probability"].astype("float64")
        if not score.between(0, 1).all():
            raise InputError("scores has probabilities below 0 or above 1, or without a number.")
        told = np.where(np.isnan(told), records[key].map(score).to_numpy(np.float64), told)
    here = np.isfinite(told)
    if len(scores) and not here.any():
        raise InputError(
            f"scores has {len(scores)} rows, and none is of a lead or deal that is open; the first "
            f"{keys[0]} is {scores[keys[0]].iloc[0]!r}. Pass scores of these tables."
        )
    odds = _logit(chance[:, here])
    moved = _logit(told[here]) + odds - odds[:1]
    result = chance.copy()
    sure = (told[here] == 0) | (told[here] == 1)
    result[:, here] = np.where(sure, told[here], 1 / (1 + np.exp(-moved)))
    result[0, here] = told[here]
    return result


def _logit(p: Floats) -> Floats:
    clipped = np.clip(p, _SMALLEST, _LARGEST)
    return np.asarray(np.log(clipped / (1 - clipped)))
