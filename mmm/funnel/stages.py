"""The funnel: of those who entered each stage, who moved on, who was lost, who is still there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, check_level, quoted
from mmm.funnel.kpi import Kpi
from mmm.funnel.origins import Instants
from mmm.funnel.stage_sets import B2B, B2C, Stage, StageSet
from mmm.funnel.survival import CumulativeIncidence, cumulative_incidence, median_cycle
from mmm.funnel.trajectories import Trajectories, follow, instant, latest_instant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["B2B", "B2C", "Funnel", "Stage", "StageSet", "funnel", "sales_cycle"]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Labels = npt.NDArray[np.object_]

MOVED, LOST = 1, 2
ALL = "(all)"
NO_GROUP = "(missing)"
# More groups than this is a number or an id, and no reader's table.
MOST_GROUPS = 200
_PERIODS = {"month": "M", "quarter": "Q", "year": "Y"}
_MICROSECONDS_A_DAY = 86_400_000_000.0


@dataclass(frozen=True, eq=False, repr=False)
class Funnel:
    """Counts, rates and times of every stage, group by group.

    Attributes
    ----------
    stages : tuple of str
        In order; the last one is the win and has counts only.
    groups : tuple of str
        "(all)" alone where nothing was asked for.
    by : str
        Column or period of the groups; empty for none.
    entered, moved, lost, open : ndarray of int64, shape (n_groups, n_stages)
        Leads that entered a stage, moved on from it, were lost in it, are still in it.
    raw_rate : ndarray of float64, shape (n_groups, n_stages)
        moved / entered, 0-1: leads still open count as if they never moved.
    rate, rate_lower, rate_upper : ndarray of float64, shape (n_groups, n_stages)
        Matured rate: probability of moving on within `window_days`, the loss competing and open
        leads censored, with its interval; NaN where no lead is that old. Where all of the old
        ones have ended sooner, the upper bound adds the share still open then.
    drop_off : ndarray of float64, shape (n_groups, n_stages)
        Probability of being lost in this stage within the same time; with `rate` it adds up to
        less than 1 where leads may still be open after it.
    days, days_lower, days_upper : ndarray of float64, shape (n_groups, n_stages)
        Median time from entering a stage to leaving it for the next one, among leads with both
        dates.
    window_days : ndarray of float64, shape (n_groups, n_stages)
        Days that the rates cover: `within_days`, else the longest follow-up.
    as_of : numpy.datetime64
        UTC; what is later is not known.
    level : float
        Nominal coverage of the intervals.
    notes : tuple of str
        What was left out, moved or borrowed, with counts.
    """

    stages: tuple[str, ...]
    groups: tuple[str, ...]
    by: str
    entered: Counts
    moved: Counts
    lost: Counts
    open: Counts
    raw_rate: Floats
    rate: Floats
    rate_lower: Floats
    rate_upper: Floats
    drop_off: Floats
    days: Floats
    days_lower: Floats
    days_upper: Floats
    window_days: Floats
    as_of: np.datetime64
    level: float
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Funnel(stages={self.stages}, groups={len(self.groups)}, "
            f"leads={int(self.entered[:, 0].sum())}, as_of={self.as_of})"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row a group and stage.

        Returns
        -------
        pandas.DataFrame
            group, stage, next_stage (missing for the win), then every array of this result;
            `attrs` holds as_of, level and notes.
        """
        n_groups, n_stages = self.entered.shape
        columns: dict[str, Any] = {
            "group": np.repeat(np.array(self.groups, dtype=object), n_stages),
            "stage": list(self.stages) * n_groups,
            "next_stage": [*self.stages[1:], None] * n_groups,
        }
        for name in (*_COUNTS, *_RATES):
            columns[name] = getattr(self, name).ravel()
        frame = pd.DataFrame(columns).astype({"group": "str", "stage": "str", "next_stage": "str"})
        frame.attrs |= {"as_of": str(self.as_of), "level": self.level, "notes": list(self.notes)}
        return frame

    def kpi(self, stage: str, group: str = ALL) -> Kpi:
        """Return the matured rate of one stage as an indicator, for example "mql_to_sql".

        Parameters
        ----------
        stage : str
            Any but the last.
        group : str

        Returns
        -------
        Kpi

        Raises
        ------
        ConfigError
            If there is no such stage or group.
        """
        if stage not in self.stages[:-1] or group not in self.groups:
            raise ConfigError(
                f"there is no rate of stage {stage!r} in group {group!r}; stages are "
                f"{quoted(self.stages[:-1])}, groups {quoted(self.groups)}"
            )
        at = self.groups.index(group), self.stages.index(stage)
        still = int(self.open[at])
        return Kpi(
            name=f"{stage}_to_{self.stages[at[1] + 1]}",
            value=float(self.rate[at]),
            unit="share",
            n=int(self.entered[at]),
            lower=float(self.rate_lower[at]),
            upper=float(self.rate_upper[at]),
            level=self.level,
            window_days=float(self.window_days[at]),
            group="" if group == ALL else group,
            note=f"{still} still open, not counted as lost" if still else "",
        )

    def plot(self, group: str | None = None, ax: "Axes | None" = None) -> "Axes":
        """Draw the stages of one group with what is lost between them.

        Parameters
        ----------
        group : str, optional
            By default the first.
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ConfigError
            If there is no such group.
        """
        from mmm.funnel.plots import plot_funnel

        chosen = self.groups[0] if group is None else group
        if chosen not in self.groups:
            raise ConfigError(f"there is no group {group!r}; groups are {quoted(self.groups)}")
        frame = self.to_frame()
        title = "Funnel" if chosen == ALL else f"Funnel: {chosen}"
        return plot_funnel(frame[frame["group"] == chosen], title=title, level=self.level, ax=ax)


_COUNTS = ("entered", "moved", "lost", "open")
_RATES = (
    *("raw_rate", "rate", "rate_lower", "rate_upper", "drop_off"),
    *("days", "days_lower", "days_upper", "window_days"),
)


def funnel(
    leads: pd.DataFrame,
    deals: pd.DataFrame | None = None,
    stages: pd.DataFrame | None = None,
    *,
    by: str | None = None,
    as_of: object = None,
    within_days: float | None = None,
    level: float = 0.9,
    stage_set: StageSet = B2B,
    tz: str = "UTC",
) -> Funnel:
    """Count and rate every step of the funnel, without taking young leads for lost ones.

    A lead in a stage has three ways to go: on, out, or nowhere yet. The matured rate is the
    cumulative incidence of moving on (Aalen and Johansen 1978, Scand. J. Stat. 5), the loss
    competing and open leads censored on `as_of`. A deal belongs to the latest lead before it of the
    same person, else of the same account; renewals and expansions stay out.

    Parameters
    ----------
    leads : pandas.DataFrame
        As `mmm.read_leads` returns it; with a channel column for ``by="channel"``.
    deals : pandas.DataFrame, optional
        Their opportunities; without them, wins and losses come from stage and ended_at of leads.
    stages : pandas.DataFrame, optional
        Stage history: lead_id, stage, entered_at; fills in what the other two lack.
    by : str, optional
        A column of leads, or "month", "quarter" or "year" of the first stage.
    as_of : str, date or instant, optional
        Nothing later is known; by default the latest instant in the tables.
    within_days : float, optional
        Time given to each step; by default the longest follow-up of group and stage, which is
        longer for older cohorts: name it to compare periods.
    level : float
        Coverage of the intervals.
    stage_set : StageSet
        `B2B`, `B2C` or your own.
    tz : str
        Zone in which months begin.

    Returns
    -------
    Funnel

    Raises
    ------
    InputError
        If dates are missing altogether, tables cannot be linked, or `by` is no column.
    ConfigError
        If `within_days`, `level` or `as_of` is out of range.

    Examples
    --------
    >>> from mmm import datasets
    >>> result = funnel(datasets.load("leads"), datasets.load("deals"))
    >>> result.to_frame()[["stage", "entered", "moved", "lost", "open"]]
             stage  entered  moved  lost  open
    0         lead      216    190    23     3
    1          mql      190    164    24     2
    2          sql      164    139    19     6
    3  opportunity      139     60    63    16
    4          won       60      0     0     0
    """
    check_level(level)
    if within_days is not None and not within_days > 0:
        raise ConfigError(f"within_days is {within_days!r}; give a number of days above 0")
    looked = latest_instant(leads, deals, stages) if as_of is None else instant(as_of)
    ways = follow(leads, deals, stages, stage_set, looked)
    groups, label = _groups(leads, ways, stage_set, by, tz)
    shape = (len(groups), len(ways.stages))
    table: dict[str, Any] = {name: np.zeros(shape, dtype=np.int64) for name in _COUNTS}
    table |= {name: np.full(shape, np.nan) for name in _RATES}
    for g, name in enumerate(groups):
        # Nobody moves on from the win: the last stage has a count and nothing else.
        table["entered"][g, -1] = np.sum(~np.isnat(ways.entered[label == name, -1]))
    for k in range(shape[1] - 1):
        steps = _steps(ways, k)
        for g, name in enumerate(groups):
            found = _cell(steps, label == name, within_days, level)
            for column, value in found.items():
                table[column][g, k] = value
    notes = (*ways.notes, *_unripe(table, ways.stages, groups, within_days))
    return Funnel(ways.stages, groups, by or "", **table, as_of=looked, level=level, notes=notes)


def sales_cycle(
    leads: pd.DataFrame,
    deals: pd.DataFrame | None = None,
    stages: pd.DataFrame | None = None,
    *,
    as_of: object = None,
    until_days: float | None = None,
    level: float = 0.9,
    stage_set: StageSet = B2B,
) -> tuple[Kpi, Kpi]:
    """Return the median time to a win, from the lead and from the opportunity.

    inf{t: F(t) >= F(tau) / 2}, F being the cumulative incidence of the win, the loss competing and
    open records censored. The mean of deals closed so far grows with the date at which one looks;
    this grows only as far as late wins raise F(tau), and not at all with `until_days` given.

    Parameters
    ----------
    leads, deals, stages, as_of, level, stage_set
        As in `funnel`.
    until_days : float, optional
        tau; by default the longest follow-up. Name it to compare cohorts or dates.

    Returns
    -------
    from_lead, from_opportunity : Kpi
        "sales_cycle_from_lead" and "sales_cycle_from_opportunity" in days, tau in `window_days`.
        The second covers deals that follow a lead; NaN where nobody was won or no deal is dated.

    Raises
    ------
    InputError, ConfigError
        As in `funnel`.

    Examples
    --------
    >>> from mmm import datasets
    >>> for kpi in sales_cycle(datasets.load("leads"), datasets.load("deals")):
    ...     print(f"{kpi.name}: {kpi.value:.0f} days, {kpi.lower:.0f} to {kpi.upper:.0f}")
    sales_cycle_from_lead: 138 days, 115 to 151
    sales_cycle_from_opportunity: 97 days, 84 to 112
    """
    check_level(level)
    if until_days is not None and not until_days > 0:
        raise ConfigError(f"until_days is {until_days!r}; give a number of days above 0")
    looked = latest_instant(leads, deals, stages) if as_of is None else instant(as_of)
    ways = follow(leads, deals, stages, stage_set, looked)
    born = pd.Timestamp(ways.entered[:, 0].min()), pd.Timestamp(ways.entered[:, 0].max())
    cohort = born[0].date(), born[1].date()
    found = []
    for start in (ways.stages[0], "opportunity"):
        kpi = _cycle(ways, start, until_days, level)
        name = f"sales_cycle_from_{start}"
        found.append(replace(kpi, name=name, level=level, cohort=cohort))
    return found[0], found[1]


def _cycle(ways: Trajectories, start: str, until_days: float | None, level: float) -> Kpi:
    """Median time from `start` to the win; NaN, with the reason, where it cannot be said."""
    if start not in ways.stages[:-1]:
        return _unknown(0, f"no table holds a date of stage {start}")
    steps = _steps(ways, ways.stages.index(start), to=len(ways.stages) - 1)
    # An opening date borrowed from the win would make a cycle of 0 days.
    rows = steps.here & steps.exact
    if not rows.any():
        return _unknown(0, f"no lead has a dated {start}")
    curve = cumulative_incidence(steps.days[rows], steps.outcome[rows], level=level, n_causes=2)
    tau = curve.horizon if until_days is None else until_days
    if steps.age[rows].max() < tau:
        return _unknown(int(rows.sum()), f"nobody was followed for {tau:g} days yet")
    return median_cycle(curve, until=min(tau, curve.horizon))


def _unknown(n: int, note: str) -> Kpi:
    return Kpi("", float("nan"), "days", n, note=note)


@dataclass(frozen=True, eq=False)
class _Steps:
    """What became of each lead from one stage on: all arrays have shape (n_leads,)."""

    here: npt.NDArray[np.bool_]
    days: Floats
    outcome: Counts
    exact: npt.NDArray[np.bool_]
    age: Floats


def _steps(ways: Trajectories, stage: int, to: int | None = None) -> _Steps:
    """Follow leads from entering `stage` to entering `to` (by default the next one)."""
    entered = ways.entered[:, stage]
    target = stage + 1 if to is None else to
    reached = ~np.isnat(ways.entered[:, target])
    here = ~np.isnat(entered)
    out = here & ~reached & ways.lost
    end = np.where(reached, ways.entered[:, target], np.where(out, ways.ended, ways.as_of))
    exact = ways.exact[:, stage] & (~reached | ways.exact[:, target])
    outcome = np.where(reached, MOVED, np.where(out, LOST, 0)).astype(np.int64)
    return _Steps(here, _days(entered, end), outcome, exact, _days(entered, ways.as_of))


def _days(start: Instants, end: Instants | np.datetime64) -> Floats:
    # NaT has no float: its difference is replaced after the conversion.
    gone = (end - start).astype("timedelta64[us]")
    result: Floats = gone.astype(np.int64) / _MICROSECONDS_A_DAY
    return np.where(np.isnat(gone), np.nan, result)


def _cell(
    steps: _Steps, chosen: npt.NDArray[np.bool_], within_days: float | None, level: float
) -> dict[str, float]:
    """One group and stage of the table."""
    rows = steps.here & chosen
    n = int(rows.sum())
    outcome = steps.outcome[rows]
    moved, lost = int((outcome == MOVED).sum()), int((outcome == LOST).sum())
    cell: dict[str, float] = {"entered": n, "moved": moved, "lost": lost, "open": n - moved - lost}
    if not n:
        return cell
    cell["raw_rate"] = moved / n
    curve = cumulative_incidence(steps.days[rows], outcome, level=level, n_causes=2)
    cell |= _rates(curve, within_days, float(steps.age[rows].max()))
    timed = rows & steps.exact
    if (steps.outcome[timed] == MOVED).any():
        own = cumulative_incidence(steps.days[timed], steps.outcome[timed], level=level, n_causes=2)
        time = median_cycle(own, MOVED)
        cell |= {"days": time.value, "days_lower": time.lower, "days_upper": time.upper}
    return cell


def _rates(
    curve: CumulativeIncidence, within_days: float | None, oldest: float
) -> dict[str, float]:
    window = curve.horizon if within_days is None else within_days
    at = int(np.searchsorted(curve.time, window, side="right")) - 1
    unseen = float(curve.survival[-1]) if window > curve.horizon else 0.0
    if unseen > 0 and oldest < window:
        return {"window_days": window}
    if at < 0:
        # Nobody has ended that early: the band before the first time is that of 0 among all.
        none = 1.0 - ((1.0 - curve.level) / 2.0) ** (1.0 / curve.at_risk[0])
        return {"window_days": window, "rate": 0.0, "rate_lower": 0.0, "rate_upper": none} | {
            "drop_off": 0.0
        }
    return {
        "window_days": window,
        "rate": curve.incidence[MOVED - 1, at],
        "rate_lower": curve.lower[MOVED - 1, at],
        # Old leads have all ended before the window does: what the young ones still open would do
        # after that is unknown, and may all be moving on.
        "rate_upper": min(1.0, curve.upper[MOVED - 1, at] + unseen),
        "drop_off": curve.incidence[LOST - 1, at],
    }


def _groups(
    leads: pd.DataFrame, ways: Trajectories, stage_set: StageSet, by: str | None, tz: str
) -> tuple[tuple[str, ...], Labels]:
    """Names of the groups, in order, and the one of each lead."""
    if by is None:
        return (ALL,), np.full(len(ways.row), ALL, dtype=object)
    if by in _PERIODS:
        born = leads[stage_set.stages[0].column].iloc[ways.row]
        local = born.dt.tz_convert(tz).dt.tz_localize(None).dt.to_period(_PERIODS[by])
        # 2025Q1 -> 2025-Q1
        label = local.astype("str").str.replace("Q", "-Q").to_numpy(dtype=object)
        return tuple(sorted(set(label))), label
    if by not in leads.columns:
        cure = "; assign it with ChannelMap().assign(leads)" if by == "channel" else ""
        raise InputError(f"leads has no column {by!r}{cure}; found {quoted(leads.columns, 30)}")
    values = leads[by].iloc[ways.row]
    label = values.astype("str").where(values.notna(), NO_GROUP).to_numpy(dtype=object)
    names = _by_size(label)
    if len(names) > MOST_GROUPS:
        raise InputError(
            f"{by} has {len(names)} different values, more than {MOST_GROUPS}; "
            "cut it into a few classes first, for example with pandas.cut"
        )
    return names, label


def _by_size(label: Labels) -> tuple[str, ...]:
    """Largest group first, those without one last."""
    names, counts = np.unique(label.astype(str), return_counts=True)
    order = sorted(zip(-counts, names, strict=True), key=lambda p: (p[1] == NO_GROUP, *p))
    return tuple(str(name) for _, name in order)


def _unripe(
    table: dict[str, Any],
    stages: Sequence[str],
    groups: Sequence[str],
    within_days: float | None,
) -> list[str]:
    if within_days is None:
        return []
    cells = np.isnan(table["rate"][:, :-1]) & (table["entered"][:, :-1] > 0)
    names = [f"{stages[k]} of {groups[g]}" for g, k in zip(*np.nonzero(cells), strict=True)]
    if not names:
        return []
    return [f"nobody was followed for {within_days:g} days yet: no rate for {quoted(names)}"]
