"""Because: a change of a KPI taken apart into terms that add up to it, noise first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted
from mmm.funnel.because.change import change_of
from mmm.funnel.because.decomposition import (
    Factors,
    Floats,
    channel_terms,
    lmdi_terms,
    products,
    ratio,
    shapley_terms,
)
from mmm.funnel.because.formulas import FORMULAS, Formula
from mmm.funnel.because.naming import action_on, said_terms
from mmm.funnel.kpi import Kpi
from mmm.funnel.opening import opening
from mmm.showing import Shown
from mmm.wording import Finding

Table = pd.DataFrame | Mapping[str, float]

MOST_PLAYERS = 8  # exact Shapley asks for 2 ** n values
N_DRAWS = 20_000
NEW, GONE, WHOLE = "new_channel", "gone_channel", "channel"


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Shown):
    """A change of a KPI and the terms that add up to it.

    Attributes
    ----------
    formula : Formula
    before, after : float
        The KPI in its unit.
    lower, upper : float
        Interval of the change at `level`; NaN where the data do not say.
    level : float
    channel, factor : tuple of str, length n_terms
        What each term goes with; the channel is empty for a term of all channels. Besides the
        factors of the formula there are "new_channel", "gone_channel" and "channel" (not split).
    amount : ndarray of float64, shape (n_terms,)
        In the unit of the KPI; adds up to `change`.
    method : {"shapley", "lmdi", "sum"}
    note : str
        What the reader has to know; empty when nothing.
    """

    formula: Formula
    before: float
    after: float
    lower: float
    upper: float
    level: float
    channel: tuple[str, ...]
    factor: tuple[str, ...]
    amount: Floats
    method: Literal["shapley", "lmdi", "sum"]
    note: str = ""

    def __repr__(self) -> str:
        noise = "within normal variation" if self.within_noise else "more than normal variation"
        kind = f"Explanation of {self.formula.name}: {noise}, {len(self.amount)} terms"
        return opening(self.finding(), kind)

    @property
    def change(self) -> float:
        """After less before."""
        return self.after - self.before

    @property
    def within_noise(self) -> bool:
        """Whether the interval holds 0; also where there is no interval."""
        return not (self.lower > 0 or self.upper < 0)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a term, largest first.

        Returns
        -------
        pandas.DataFrame
            channel, factor, amount, share (of the change; missing where nothing changed).
        """
        share = np.full(len(self.amount), np.nan)
        np.divide(self.amount, self.change, out=share, where=self.change != 0)
        frame = pd.DataFrame(
            {
                "channel": pd.Series(self.channel, dtype="str"),
                "factor": pd.Series(self.factor, dtype="str"),
                "amount": self.amount,
                "share": share,
            }
        )
        order = np.argsort(-np.abs(self.amount), kind="stable")
        return frame.iloc[order].reset_index(drop=True)

    def finding(self, *, currency: str = "EUR", top: int = 3) -> Finding:
        """Say the change, whether it is noise, what it consists of, and what to do.

        Parameters
        ----------
        currency : str
        top : int
            Channels named, each with all its terms, or terms of no channel; the others are summed
            up. None is named where none makes a third of the change.

        Returns
        -------
        Finding
        """
        ratio = self.change / self.before if self.before else None
        key = f"because.{self.formula.name}_change"
        if self.formula.name == "cac":
            key = "economics.cac_change"
        facts = {"before": self.before, "currency": currency, "unit": self.formula.unit}
        noise = "because.normal_variation" if np.isfinite(self.lower) else "because.no_interval"
        if self.within_noise:
            return Finding(key, self.after, ratio, (noise,), "action.wait", facts)
        frame = self.to_frame()
        named = said_terms(frame, self.change, self.formula.unit, currency, top)
        action, channel = action_on(frame, self.change, self.formula.better)
        interval = {"lower": self.lower, "upper": self.upper, "level": self.level}
        reasons = (Finding("because.interval", self.change, facts=facts | interval), *named)
        return Finding(key, self.after, ratio, reasons, action, {**facts, "channel": channel})


def explain_change(
    before: Table,
    after: Table,
    *,
    kpi: str = "cac",
    by: Literal["channel", "factor"] = "channel",
    kpis: tuple[Kpi, Kpi] | None = None,
    dispersion: float = 1.0,
    level: float = 0.9,
    seed: int = 0,
) -> Explanation:
    """Take the change of a KPI apart into terms that add up to it exactly.

    CAC is sum s_c k_c / sum s_c q_c over channels: s_c the share of the leads, k_c the cost per
    lead, q_c the conversion. Channels without records in one of the periods are a term of their
    own, taken off before and put back after; the rest is split by exact Shapley values (Shapley
    1953) where there are at most 8 factors, else by the logarithmic mean (LMDI: Ang 2005, Energy
    Policy 33(7), 867-871), where a factor that is 0 in one period takes the whole change.

    The terms say what the change consists of, not what caused it.

    Parameters
    ----------
    before, after : pandas.DataFrame or mapping of str to float
        One row a channel (a mapping is one nameless channel), with the columns of the KPI:
        "cac" asks for channel, leads, cost, customers (also fractions: completed by cohort);
        "lead_to_customer" for channel, leads, customers; "average_deal" for channel, deals, value;
        "won_value" for channel, leads, customers, value, and value_sd (of one deal) for the
        interval; "sales_velocity" for open_opportunities, win_rate, average_deal, cycle_days.
    kpi : {"cac", "lead_to_customer", "average_deal", "won_value", "sales_velocity"}
    by : {"channel", "factor"}
        One term a channel and factor, or one a factor over all channels.
    kpis : tuple of (Kpi, Kpi), optional
        Before and after with their intervals, from which that of the change is made (Zou and
        Donner 2008, Statistics in Medicine 27(10), 1693-1702). By default from the customers as
        Poisson counts, their rate drawn from Jeffreys' posterior.
    dispersion : float
        Variance of the counts over their mean, 1 for Poisson.
    level : float
        Coverage of the interval of the change; with `kpis`, theirs holds.
    seed : int

    Returns
    -------
    Explanation

    Raises
    ------
    ConfigError
        If `kpi`, `by`, `level`, `dispersion` or the level of `kpis` cannot be used.
    InputError
        If a column is missing, a figure is missing or negative, a channel stands twice, or the KPI
        does not exist in a period (no customer).

    Examples
    --------
    >>> before = pd.DataFrame({"channel": ["Ads", "Fair"], "leads": [900, 100],
    ...     "cost": [90_000, 40_000], "customers": [90, 40]})
    >>> after = before.assign(cost=[180_000, 40_000])
    >>> why = explain_change(before, after)
    >>> round(why.before), round(why.after), why.within_noise
    (1000, 1692, False)
    >>> why.to_frame().iloc[0][["channel", "factor"]].tolist()
    ['Ads', 'cost_per_lead']
    """
    formula = _formula(kpi, by, dispersion, level)
    old, new = _tables(before, after, formula)
    value = {"before": _value(old, formula), "after": _value(new, formula)}
    for period, figure in value.items():
        if not np.isfinite(figure):
            raise InputError(
                f"the period {period} has no customer for {kpi} to divide by. Take a longer one."
            )
    if kpis is not None:
        lower, upper, level = _from_kpis(kpis)
    else:
        lower, upper = _from_counts(old, new, formula, dispersion, level, seed)
    channel, factor, amount, method, note = _terms(old, new, formula, by)
    ends = (value["before"], value["after"], lower, upper, level)
    return Explanation(formula, *ends, channel, factor, amount, method, note)


def explain_sum(
    before: Mapping[str, float],
    after: Mapping[str, float],
    *,
    kpis: tuple[Kpi, Kpi],
    better: Literal[1, -1],
) -> Explanation:
    """Take the change of a KPI apart that is a sum of parts, such as times that follow each other.

    Parameters
    ----------
    before, after : mapping of str to float
        The same parts, in the unit of the KPI; they add up to it.
    kpis : tuple of (Kpi, Kpi)
        Before and after, with their intervals.
    better : {1, -1}
        1 where more is better, -1 where less is.

    Returns
    -------
    Explanation
        One term a part, without a channel.

    Raises
    ------
    InputError
        If the parts are not the same, or do not add up to the KPI.

    Examples
    --------
    >>> kpis = Kpi("cycle", 50.0, "days", 90, 40, 60), Kpi("cycle", 80.0, "days", 90, 75, 85)
    >>> why = explain_sum({"wait": 20.0, "work": 30.0}, {"wait": 45.0, "work": 35.0}, kpis=kpis,
    ...     better=-1)
    >>> why.factor, why.amount.tolist()
    (('wait', 'work'), [25.0, 5.0])
    """
    for parts, kpi in zip((before, after), kpis, strict=True):
        if set(parts) != set(before) or not np.isclose(sum(parts.values()), kpi.value):
            raise InputError(
                f"{quoted(parts)} make {sum(parts.values()):g}, and {kpi.name} is {kpi.value:g}. "
                "Pass the same parts twice, such that each time they add up to it."
            )
    names = tuple(before)
    formula = Formula(kpis[0].name, kpis[0].unit, names, dict.fromkeys(names, 1), {}, better)
    amount = np.array([after[name] - before[name] for name in names])
    lower, upper, level = _from_kpis(kpis)
    ends = (kpis[0].value, kpis[1].value, lower, upper, level)
    return Explanation(formula, *ends, ("",) * len(names), names, amount, "sum")


def _formula(kpi: str, by: str, dispersion: float, level: float) -> Formula:
    if kpi not in FORMULAS:
        raise ConfigError(f"kpi is {kpi!r}; choose one of {quoted(FORMULAS)}.")
    if by not in ("channel", "factor"):
        raise ConfigError(f"by is {by!r}; choose 'channel' or 'factor'.")
    if not 0 < level < 1 or not dispersion > 0:
        raise ConfigError(
            f"level is {level} and dispersion {dispersion}; choose a level between 0 and 1 and a "
            "dispersion above 0."
        )
    return FORMULAS[kpi]


def _tables(before: Table, after: Table, formula: Formula) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Check both tables and put them on the same sorted channels, 0 where one lacks a channel."""
    old, new = (
        _table(table, name, formula) for table, name in ((before, "before"), (after, "after"))
    )
    channels = sorted({*old.index, *new.index})
    return old.reindex(channels, fill_value=0.0), new.reindex(channels, fill_value=0.0)


def _table(table: Table, name: str, formula: Formula) -> pd.DataFrame:
    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame([dict(table)])
    channels = frame["channel"] if "channel" in frame.columns else [""] * len(frame)
    columns = [*formula.columns, *(["value_sd"] if "value_sd" in frame.columns else [])]
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(
            f"{name} has no column {quoted(missing)}; found {quoted(frame.columns)}. "
            f"{formula.name} asks for {quoted(formula.columns)}."
        )
    figures = frame[columns].astype("float64").set_axis(pd.Index(channels, dtype="str"), axis=0)
    cells = figures.to_numpy(dtype=np.float64)
    bad = ~(np.isfinite(cells) & (cells >= 0)).all(axis=0)
    if bad.any():
        names = [name for name, wrong in zip(columns, bad, strict=True) if wrong]
        raise InputError(
            f"{name} holds missing or negative figures in {quoted(names)}. "
            "Fill them, or leave the channel out of both periods."
        )
    if figures.index.has_duplicates:
        twice = figures.index[figures.index.duplicated()]
        raise InputError(f"{name} holds {quoted(twice)} more than once. Add up each channel first.")
    return figures


def _factors(table: pd.DataFrame, other: pd.DataFrame, formula: Formula) -> Factors:
    """Return each factor, shape (n_channels,); what one period cannot say is that of the other."""
    column = {name: table[name].to_numpy(dtype=np.float64) for name in formula.columns}
    if formula.name == "sales_velocity":
        active = column["open_opportunities"] > 0
        if (active & (column["cycle_days"] == 0)).any():
            raise InputError("cycle_days is 0. Give the days from opening to win.")
        return {**column, "cycle_days": np.where(active, column["cycle_days"], 1.0)}
    size = column[formula.columns[0]]
    mix = _over(size, np.full(len(size), size.sum()))
    if formula.name == "average_deal":
        return {"deal_mix": mix, "average_deal": _over(column["value"], size)}
    customers = column["customers"]
    conversion = _over(customers, size)
    if formula.name == "lead_to_customer":
        return {"mix": mix, "conversion": conversion}
    if formula.name == "won_value":
        apart = other[["customers", "value"]].to_numpy(dtype=np.float64)
        elsewhere = _over(apart[:, 1], apart[:, 0])
        average = np.where(customers > 0, _over(column["value"], customers), elsewhere)
        return {"leads": size, "conversion": conversion, "average_deal": average}
    return {"mix": mix, "cost_per_lead": _over(column["cost"], size), "conversion": conversion}


def _over(a: Floats, b: Floats) -> Floats:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _parts(table: pd.DataFrame, formula: Formula) -> tuple[Floats, Floats | None]:
    """Return what each channel adds to the top and to the bottom of the KPI, None for no bottom."""
    if formula.name == "cac":
        return table["cost"].to_numpy(), table["customers"].to_numpy()
    if formula.name == "lead_to_customer":
        return table["customers"].to_numpy(), table["leads"].to_numpy()
    if formula.name == "average_deal":
        return table["value"].to_numpy(), table["deals"].to_numpy()
    if formula.name == "won_value":
        return table["value"].to_numpy(), None
    return products(_factors(table, table, formula), formula.top), None


def _value(table: pd.DataFrame, formula: Formula) -> float:
    return ratio(*_parts(table, formula))


def _continuing(old: pd.DataFrame, new: pd.DataFrame, formula: Formula) -> npt.NDArray[np.bool_]:
    """Tell the channels whose factors exist in both periods, shape (n_channels,)."""
    size = formula.columns[0]
    both = ((old[size] > 0) & (new[size] > 0)).to_numpy()
    if formula.name == "won_value":
        for table in (old, new):
            both = both & ((table["customers"] > 0) | (table["value"] == 0)).to_numpy()
    return both


def _terms(
    old: pd.DataFrame, new: pd.DataFrame, formula: Formula, by: str
) -> tuple[tuple[str, ...], tuple[str, ...], Floats, Literal["shapley", "lmdi"], str]:
    """Take leavers off, split the change of the others, put newcomers back: a chain of values."""
    stays = _continuing(old, new, formula)
    old_stays, new_stays = old[stays], new[stays]
    left, joined = (
        old.mul(stays.astype(np.float64), axis=0),
        new.mul(stays.astype(np.float64), axis=0),
    )
    if not all(np.isfinite(_value(table, formula)) for table in (left, joined)):
        amount = channel_terms(*_parts(old, formula), *_parts(new, formula))
        note = "Channels are not split into factors: those of both periods won no customer in one."
        return tuple(old.index), (WHOLE,) * len(old), amount, "lmdi", note
    gone = channel_terms(*_parts(old, formula), *_parts(left, formula))
    come = channel_terms(*_parts(joined, formula), *_parts(new, formula))
    here = _factors(old_stays, new_stays, formula)
    there = _factors(new_stays, old_stays, formula)
    few = len(stays[stays]) * len(formula.factors) <= MOST_PLAYERS
    whole = all((here[f] > 0).all() and (there[f] > 0).all() for f in formula.bottom)
    exact = by == "factor" or (few and whole)
    split = shapley_terms if exact else lmdi_terms
    inner = split(here, there, formula.top, formula.bottom, joint=by == "factor")
    names = [""] if by == "factor" else list(old_stays.index)
    rows = [
        (name, factor, float(inner[i, j]))
        for j, factor in enumerate(formula.factors)
        for i, name in enumerate(names)
    ]
    for factor, amounts in ((GONE, gone), (NEW, come)):
        moved = zip(old.index, amounts, ~stays, strict=True)
        rows += [(name, factor, float(amount)) for name, amount, own in moved if own and amount]
    channels, factors = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
    amount = np.array([row[2] for row in rows])
    return channels, factors, amount, "shapley" if exact else "lmdi", ""


def _from_kpis(kpis: tuple[Kpi, Kpi]) -> tuple[float, float, float]:
    """Interval of a difference from the two intervals (MOVER), taken to be independent."""
    change = change_of(*kpis)
    return change.lower, change.upper, change.after.level


def _from_counts(
    old: pd.DataFrame,
    new: pd.DataFrame,
    formula: Formula,
    dispersion: float,
    level: float,
    seed: int,
) -> tuple[float, float]:
    """Interval of the change when customers are counts; NaN where the tables do not say."""
    if formula.name in ("sales_velocity", "average_deal") or (
        formula.name == "won_value" and "value_sd" not in (old.columns.intersection(new.columns))
    ):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    first, last = (_drawn(table, formula, dispersion, rng) for table in (old, new))
    lower, upper = np.quantile(last - first, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)


def _drawn(
    table: pd.DataFrame, formula: Formula, dispersion: float, rng: np.random.Generator
) -> Floats:
    """Draw the KPI: Gamma(n + 1/2) for a count of n, the value won as n_effective equal deals.

    A share of n records is Beta(m + 1/2, n - m + 1/2), Jeffreys' posterior.
    """
    if formula.name == "lead_to_customer":
        won, n = float(table["customers"].sum()) / dispersion, table["leads"].sum() / dispersion
        return rng.beta(won + 0.5, max(n - won, 0.0) + 0.5, size=N_DRAWS)
    if formula.name == "cac":
        rate = rng.gamma(float(table["customers"].sum()) / dispersion + 0.5, size=N_DRAWS)
        return np.asarray(float(table["cost"].sum()) / dispersion / rate, dtype=np.float64)
    customers, value = table["customers"].to_numpy(), table["value"].to_numpy()
    mean = _over(value, customers)
    squares = float((customers * (mean**2 + table["value_sd"].to_numpy() ** 2)).sum()) * dispersion
    total = float(value.sum())
    if squares == 0:
        return np.full(N_DRAWS, total)
    effective = total**2 / squares
    drawn = rng.gamma(effective + 0.5, size=N_DRAWS) * (total / effective)
    return np.asarray(drawn, dtype=np.float64)
