"""Three answers to one question, side by side in euros: credit, contribution, experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri
from scipy.stats import beta

from mmm.attribution import evidence
from mmm.errors import InputError, check_level, quoted
from mmm.journeys import UNATTRIBUTED, Journeys
from mmm.journeys.describe import time_lags
from mmm.wording import Finding

Floats = npt.NDArray[np.float64]

BASELINE = "(baseline)"
MEDIA = "(media)"
GRADES = ("experiment", "mix", "weak", "credit", "none")
FEW_DEALS = 20
_DISAGREES = 2.0
_UNSURE = 0.5  # standard error of the difference, over the larger of the two figures
_ALIKE = 0.8
_IOTA = (2.0, 4.0)  # part of the credit that would not have come anyway, before any test


@dataclass(frozen=True, eq=False, repr=False)
class Triangulation:
    """What each method says of each channel, whether they agree, and what to plan on.

    Attributes
    ----------
    table : pandas.DataFrame
        channel; spend; attributed, attributed_lower, attributed_upper; incremental,
        incremental_lower, incremental_upper; experiment, experiment_lower, experiment_upper (all in
        currency over the same period); z (attributed less incremental over its error); verdict
        ("agree", "disagree", "cannot tell"); reason (of `REASONS`, or empty); plan, plan_lower,
        plan_upper (the one figure to plan on); grade ("experiment", "mix", "weak", "credit" or
        "none": what it rests on). The last row is "(baseline)".
    total : float
        Outcome of the period, in currency; attributed and incremental both add up to it.
    level : float
    currency : str
    """

    table: pd.DataFrame
    total: float
    level: float
    currency: str

    def __repr__(self) -> str:
        said = self.table["verdict"].value_counts()
        return "Triangulation(" + ", ".join(f"{n} {verdict}" for verdict, n in said.items()) + ")"

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table.copy()

    def findings(
        self, steps: Mapping[str, str] | None = None, pays: Mapping[str, bool] | None = None
    ) -> tuple[Finding, ...]:
        """Say of each channel with spend whether the methods agree, why not, and what to plan on.

        Channels on which they disagree come first, then by the figure to plan on.

        Parameters
        ----------
        steps : mapping of str to {"move", "half"}, optional
            Channels whose budget is advised to move as the mix proposes, and how far.
        pays : mapping of str to bool, optional
            Whether a test of a channel would pay for itself, as far as that was weighed.
        """
        steps, pays = steps or {}, pays or {}
        rows = self.table[(self.table["channel"] != BASELINE) & (self.table["verdict"] != "")]
        order = rows["verdict"].map({"disagree": 0, "cannot tell": 1, "agree": 2})
        rows = rows.assign(order=order).sort_values(["order", "plan"], ascending=[True, False])
        found = []
        for row in rows.to_dict("records"):
            key, because = _said(row, steps.get(row["channel"], ""), pays.get(row["channel"], True))
            facts = {
                **{str(name): value for name, value in row.items()},
                "lower": row["plan_lower"],
                "upper": row["plan_upper"],
                "level": self.level,
                "currency": self.currency,
            }
            found.append(Finding(key, row["plan"], because=because, facts=facts))
        return tuple(found)

    def plot(self, ax: Any = None) -> Any:
        """Draw the three figures of each channel with their intervals."""
        from mmm.signal.plots import plot_triangulation

        return plot_triangulation(self.table, currency=self.currency, level=self.level, ax=ax)


def triangulate(
    attributed: pd.DataFrame,
    contributions: pd.DataFrame | None = None,
    experiments: pd.DataFrame | None = None,
    *,
    hints: pd.DataFrame | None = None,
    total: float | None = None,
    level: float = 0.9,
    currency: str = "EUR",
) -> Triangulation:
    """Hold attribution, the mix and experiments against each other, channel by channel.

    All three are of one period and one outcome, in currency. Attribution shares out all of it; of
    the mix only media is a part, and the rest is the baseline. The figure to plan on is that of an
    experiment, with the mix where they agree; else of the mix, where the data tell and attribution
    agrees; else ("weak") the mix and the third of the credit that is incremental before any test
    (Beta(2, 4)), pooled with the difference between them in the interval.

    Parameters
    ----------
    attributed : pandas.DataFrame
        Of an attribution model: channel, credit, share, lower, upper (of the share), n_deals; or
        of `ExpectedCredit`: channel, total, lower, upper (currency).
    contributions : pandas.DataFrame, optional
        As `MixModel.contributions` returns them.
    experiments : pandas.DataFrame, optional
        channel, and roas, roas_error (outcome per unit of spend, scaled to the spend of the
        period) or lift, standard_error (of all the channel's spend of the period).
    hints : pandas.DataFrame, optional
        Of `reasons_why`: what may explain a difference.
    total : float, optional
        Outcome of the period; the sum of the credit by default.
    level : float
        Of all intervals.
    currency : str

    Returns
    -------
    Triangulation

    Raises
    ------
    InputError
        If a frame lacks a column, or has a channel called "(baseline)".

    Examples
    --------
    >>> credit = pd.DataFrame({"channel": ["Ads", "Fairs"], "credit": [60.0, 40.0], "share":
    ...     [0.6, 0.4], "lower": [0.55, 0.35], "upper": [0.65, 0.45], "n_deals": [40.0, 30.0]})
    >>> mix = pd.DataFrame({"channel": ["Ads", "Fairs", "(media)"], "spend": [10.0, 20.0, 30.0],
    ...     "contribution": [20.0, 38.0, 58.0], "contribution_lower": [12.0, 28.0, 40.0],
    ...     "contribution_upper": [28.0, 48.0, 70.0], "identified": ["data", "data", ""]})
    >>> found = triangulate(credit, mix).table
    >>> found[["channel", "attributed", "incremental"]]
          channel  attributed  incremental
    0         Ads        60.0         20.0
    1       Fairs        40.0         38.0
    2  (baseline)         0.0         42.0
    >>> found[["verdict", "reason", "grade"]].values[:2].tolist()
    [['disagree', 'would_have_come', 'weak'], ['agree', '', 'mix']]
    """
    level = check_level(level)
    credit = _credit(attributed)
    whole = float(credit["attributed"].sum()) if total is None else float(total)
    rest = whole - float(credit.loc[credit["channel"] != UNATTRIBUTED, "attributed"].sum())
    table = credit[credit["channel"] != UNATTRIBUTED]
    table = table.merge(_mix(contributions), on="channel", how="outer")
    if (table["channel"] == BASELINE).any():
        raise InputError(
            f"A channel is called {BASELINE!r}, which names what no channel brought. Rename it."
        )
    table = table.merge(_tests(experiments, contributions, level), on="channel", how="left")
    if hints is not None:
        table = table.merge(hints, on="channel", how="left")
    rows = [_judged(row, level) for row in table.to_dict("records")]
    names = [*_COLUMNS, "z", "verdict", "reason", "plan", "plan_lower", "plan_upper", "grade"]
    frame = pd.DataFrame(rows).reindex(columns=names)
    frame.loc[len(frame)] = _baseline(names, contributions, rest, whole)
    for name in ("verdict", "reason", "grade", "channel"):
        frame[name] = frame[name].astype("str")
    return Triangulation(frame, whole, level, currency)


def _said(row: Mapping[Any, Any], step: str, pays: bool) -> tuple[str, tuple[str, ...]]:
    """Choose the sentences on a channel: what stands against moving it hangs on what was done."""
    tested = row["grade"] == "experiment"
    key = "signal.methods_" + str(row["verdict"]).replace(" ", "_")
    if row["verdict"] == "disagree" and (tested or step):
        key += "_tested" if tested else f"_{step}"
    # What an experiment settled needs no reason that nobody knows.
    known = row["reason"] and not (tested and row["reason"] == "unexplained")
    plan = f"signal.plan_on_{row['grade']}"
    if row["grade"] == "weak" and not pays:
        plan += "_no_test"
    if tested and against_test(row, "plan"):
        plan = "signal.plan_beside_experiment"
    elif tested and against_test(row, "attributed"):
        plan = "signal.plan_on_test_not_credit"
    return key, ((f"reason.{row['reason']}", plan) if known else (plan,))


def against_test(row: Mapping[Any, Any], name: str) -> bool:
    """Tell whether the figure of a channel lies outside the interval of its experiment.

    Parameters
    ----------
    row : mapping
        Of `Triangulation.table`.
    name : {"attributed", "incremental", "plan"}

    Examples
    --------
    >>> row = {"plan": 90.0, "experiment_lower": 10.0, "experiment_upper": 40.0}
    >>> against_test(row, "plan"), against_test({"plan": 90.0}, "plan")
    (True, False)
    """
    lower, upper = (row.get(f"experiment_{end}", np.nan) for end in ("lower", "upper"))
    return bool(row[name] < lower or row[name] > upper)


_COLUMNS = [
    "channel", "spend", "attributed", "attributed_lower", "attributed_upper", "incremental",
    "incremental_lower", "incremental_upper", "experiment", "experiment_lower", "experiment_upper",
]  # fmt: skip


def _need(frame: pd.DataFrame, columns: Sequence[str], table: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(f"{table} lacks {quoted(missing)}; it has {quoted(frame.columns)}.")


def _credit(frame: pd.DataFrame) -> pd.DataFrame:
    """Return channel, attributed and its interval in currency, n_deals."""
    if "total" in frame.columns and "pipeline" in frame.columns:
        value, lower, upper = frame["total"], frame["lower"], frame["upper"]
    else:
        _need(frame, ("channel", "credit", "share", "lower", "upper"), "attributed")
        value = frame["credit"].astype("float64")
        whole = float(value.sum())
        lower, upper = frame["lower"] * whole, frame["upper"] * whole
    found = pd.DataFrame(
        {
            "channel": frame["channel"].astype("str"),
            "attributed": value.astype("float64"),
            "attributed_lower": lower.astype("float64"),
            "attributed_upper": upper.astype("float64"),
        }
    )
    deals = frame["n_deals"].astype("float64") if "n_deals" in frame.columns else np.nan
    return found.assign(n_deals=deals)


def _mix(frame: pd.DataFrame | None) -> pd.DataFrame:
    names = ["channel", "spend", "contribution", "contribution_lower", "contribution_upper"]
    if frame is None:
        frame = pd.DataFrame({name: pd.Series(dtype="float64") for name in names})
        frame["channel"] = frame["channel"].astype("str")
    _need(frame, names, "contributions")
    told = frame["identified"] if "identified" in frame.columns else "data"
    found = frame[names].assign(identified=told)
    found.columns = pd.Index([n.replace("contribution", "incremental") for n in found.columns])
    return found[found["channel"] != MEDIA]


def _tests(
    frame: pd.DataFrame | None, contributions: pd.DataFrame | None, level: float
) -> pd.DataFrame:
    """Return channel, experiment and its interval over all the channel's spend, and its error."""
    if frame is None or not len(frame):
        frame = pd.DataFrame({"channel": [], "lift": [], "standard_error": []})
    if {"roas", "roas_error"} <= set(frame.columns):
        if contributions is None:
            raise InputError("experiments by roas need contributions, which hold the spend.")
        spend = frame["channel"].map(contributions.set_index("channel")["spend"])
        value, error = frame["roas"] * spend, frame["roas_error"] * spend
    else:
        _need(frame, ("channel", "lift", "standard_error"), "experiments")
        value, error = frame["lift"].astype("float64"), frame["standard_error"].astype("float64")
    weight = 1 / error**2
    sums = pd.DataFrame({"w": weight, "wx": weight * value}).groupby(frame["channel"]).sum()
    mean, spread = sums["wx"] / sums["w"], 1 / np.sqrt(sums["w"])
    reach = float(ndtri(0.5 + level / 2)) * spread
    return pd.DataFrame(
        {
            "channel": sums.index.astype("str"),
            "experiment": mean.to_numpy(),
            "experiment_lower": (mean - reach).to_numpy(),
            "experiment_upper": (mean + reach).to_numpy(),
        }
    )


def _judged(row: dict[Any, Any], level: float) -> dict[str, Any]:
    """Compare the figures of one channel, and choose the one to plan on."""
    z_of_level = 2 * float(ndtri(0.5 + level / 2))
    error = {
        name: (row[f"{name}_upper"] - row[f"{name}_lower"]) / z_of_level
        for name in ("attributed", "incremental", "experiment")
    }
    gap = row["attributed"] - row["incremental"]
    spread = float(np.hypot(np.nan_to_num(error["attributed"]), error["incremental"]))
    z = gap / spread if spread > 0 else float("nan")
    larger = max(abs(row["attributed"]), abs(row["incremental"]))
    verdict = ""
    if np.isfinite(z):
        verdict = "disagree" if abs(z) > _DISAGREES else "agree"
        if verdict == "agree" and spread > _UNSURE * larger:
            verdict = "cannot tell"
    reason = "" if verdict in ("", "agree") else _reason(row, gap, verdict)
    plan = _plan(row, error, verdict, level)
    return {**{name: row[name] for name in _COLUMNS}, "z": z, "verdict": verdict,
            "reason": reason, **plan}  # fmt: skip


def _reason(row: dict[Any, Any], gap: float, verdict: str) -> str:
    """Name what the data suggest of a difference, or of why none can be told."""
    few = row.get("n_deals", np.nan) < FEW_DEALS
    alike = row.get("collinearity", 0.0) > _ALIKE or row["identified"] == "not identified"
    if verdict == "cannot tell":
        return "collinear" if alike else "few_deals" if few else "noise"
    if gap > 0:
        if row.get("captures") in (True,):
            return "demand_capture"
        return "collinear" if alike else "few_deals" if few else "would_have_come"
    if row.get("late") in (True,):
        return "long_lag"
    if row.get("unseen") in (True,):
        return "unseen_touches"
    return "collinear" if alike else "few_deals" if few else "unexplained"


def _plan(
    row: dict[Any, Any], error: dict[str, float], verdict: str, level: float
) -> dict[str, Any]:
    """Choose the figure: the experiment, else the mix where the data tell, else part of credit."""

    def said(name: str, grade: str) -> dict[str, Any]:
        ends = {f"plan_{end}": row[f"{name}_{end}"] for end in ("lower", "upper")}
        return {"plan": row[name], **ends, "grade": grade}

    told = np.isfinite(row["incremental"]) and row["identified"] == "data"
    if np.isfinite(row["experiment"]):
        apart = abs(row["experiment"] - row["incremental"])
        both = float(np.hypot(error["experiment"], error["incremental"]))
        if not told or not apart <= _DISAGREES * both:
            return said("experiment", "experiment")
        weight = 1 / np.array([error["experiment"], error["incremental"]]) ** 2
        plan = float(weight @ [row["experiment"], row["incremental"]] / weight.sum())
        reach = float(ndtri(0.5 + level / 2)) / float(np.sqrt(weight.sum()))
        ends = {"plan_lower": plan - reach, "plan_upper": plan + reach}
        return {"plan": plan, **ends, "grade": "experiment"}
    if told and verdict == "agree":
        return said("incremental", "mix")
    if np.isfinite(row["incremental"]):
        return _together(row, error, level)
    if np.isfinite(row["attributed"]):
        lower, upper = (float(beta.ppf(0.5 + sign * level / 2, *_IOTA)) for sign in (-1, 1))
        part = _IOTA[0] / sum(_IOTA)
        ends = {f"plan_{n}": row["attributed"] * x for n, x in (("lower", lower), ("upper", upper))}
        return {"plan": row["attributed"] * part, **ends, "grade": "credit"}
    return {"plan": np.nan, "plan_lower": np.nan, "plan_upper": np.nan, "grade": "none"}


def _together(row: dict[Any, Any], error: dict[str, float], level: float) -> dict[str, Any]:
    """Pool the mix and the part of the credit that may be incremental, apart as they may be.

    With two answers that differ by more than their errors the variance between them is added to
    both (DerSimonian and Laird 1986, Controlled Clinical Trials 7), so that neither wins by being
    sure of itself, and the interval holds the difference.
    """
    value, spread = np.array([row["incremental"]]), np.array([error["incremental"]])
    if np.isfinite(row["attributed"]):
        part = _IOTA[0] / sum(_IOTA)
        scatter = float(np.sqrt(part * (1 - part) / (sum(_IOTA) + 1)))
        own = np.hypot(row["attributed"] * scatter, part * np.nan_to_num(error["attributed"]))
        value, spread = np.append(value, part * row["attributed"]), np.append(spread, own)
    known = spread > 0
    value, weight = value[known], spread[known] ** -2.0
    if not len(value):
        only = row["incremental"]
        return {"plan": only, "plan_lower": only, "plan_upper": only, "grade": "weak"}
    between = 0.0
    if len(value) > 1:
        off = float(weight @ (value - weight @ value / weight.sum()) ** 2) - (len(value) - 1)
        between = max(off, 0.0) / float(weight.sum() - (weight**2).sum() / weight.sum())
    weight = 1 / (1 / weight + between)
    plan = float(weight @ value / weight.sum())
    reach = float(ndtri(0.5 + level / 2)) / float(np.sqrt(weight.sum()))
    return {"plan": plan, "plan_lower": plan - reach, "plan_upper": plan + reach, "grade": "weak"}


def _baseline(
    names: Sequence[str], contributions: pd.DataFrame | None, rest: float, whole: float
) -> list[Any]:
    """Return the row of what no channel brought."""
    row: dict[str, Any] = {"channel": BASELINE, "attributed": rest}
    row |= {"verdict": "", "reason": "", "grade": ""}
    if contributions is not None:
        media = contributions[contributions["channel"] == MEDIA]
        if len(media):
            told = {name: float(media[f"contribution{name}"].iloc[0])
                    for name in ("", "_lower", "_upper")}  # fmt: skip
            row |= {"incremental": whole - told[""], "incremental_lower": whole - told["_upper"],
                    "incremental_upper": whole - told["_lower"]}  # fmt: skip
        else:
            row["incremental"] = whole - float(contributions["contribution"].sum())
    return [row.get(name, np.nan) for name in names]


def reasons_why(
    journeys: Journeys, spend: pd.DataFrame | None = None, *, lookback_days: float = 180
) -> pd.DataFrame:
    """Look in the data for what may part attribution from the mix.

    Parameters
    ----------
    journeys : Journeys
        Of `mmm.build_journeys`.
    spend : pandas.DataFrame, optional
        A table of `mmm.mix.mix_table`: a column a channel, one row a period.
    lookback_days : float
        Of the journeys.

    Returns
    -------
    pandas.DataFrame
        channel; captures (it counts demand that others made); late (half of its touches lie more
        than half the lookback before the close, so that as many may lie beyond it); unseen (its
        part of won deals with a touch is less than half its part of the spend); collinearity
        (largest absolute correlation of its spend with that of another channel).

    Examples
    --------
    >>> from mmm import build_journeys, datasets
    >>> journeys = build_journeys(datasets.load("touches"), datasets.load("deals"))
    >>> told = reasons_why(journeys).set_index("channel")
    >>> bool(told.loc["Direct", "captures"])
    True
    """
    flags = evidence(journeys).to_frame()
    table = flags[["channel", "captures"]].copy()
    lags = time_lags(journeys).groupby("channel")["days_to_close"].median()
    table["late"] = table["channel"].map(lags).gt(lookback_days / 2)
    table["unseen"], table["collinearity"] = False, 0.0
    if spend is None:
        return table
    columns = [name for name in spend.columns if name in set(table["channel"])]
    money = spend[columns].astype("float64")
    share = money.sum() / money.sum().sum()
    won = journeys.conversions.sum()
    touched = flags.set_index("channel")["n_deals"] / won if won else share * 0
    part = touched.reindex(columns) / touched.reindex(columns).sum()
    unseen = part[part < share / 2].index
    alike = np.abs(money.corr().to_numpy(dtype=np.float64))
    np.fill_diagonal(alike, 0.0)
    linked = pd.Series(np.nan_to_num(alike).max(axis=0, initial=0.0), index=columns)
    table["unseen"] = table["channel"].isin(unseen)
    return table.assign(collinearity=table["channel"].map(linked).fillna(0.0))
