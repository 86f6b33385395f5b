"""The funnel: of those who entered each stage, who moved on, who was lost, who is still there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, check_level, quoted
from mmm.funnel.durations import (
    LEAST_MATURITY,
    complete,
    cumulative_incidence,
    median_cycle,
    settled_horizon,
    steady_horizon,
)
from mmm.funnel.kpi import Kpi
from mmm.funnel.opening import opening
from mmm.funnel.records.columns import Flags
from mmm.funnel.records.instants import last_look, plain
from mmm.funnel.stages.groups import ALL, Labels, group_labels
from mmm.funnel.stages.stage_sets import B2B, StageSet
from mmm.funnel.stages.steps import LOST, MOVED, Steps, as_outcomes, steps_from
from mmm.funnel.stages.trajectories import follow
from mmm.showing import Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Funnel(Shown):
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
        leads censored, with its interval; NaN where no lead is that old, or a group is less than
        25% mature. With `within_days`, where all of the old ones have ended sooner, the upper bound
        adds the share still open then.
    drop_off : ndarray of float64, shape (n_groups, n_stages)
        Probability of being lost in this stage within the same time; with `rate` it adds up to
        less than 1 where leads may still be open after it.
    days, days_lower, days_upper : ndarray of float64, shape (n_groups, n_stages)
        Median time from entering a stage to leaving it for the next one, among leads with both
        dates.
    window_days : ndarray of float64, shape (n_groups, n_stages)
        Days that the rates cover: `within_days`, else the longest follow-up of all groups; without
        groups the last day to which five leads (or a tenth of them) were followed.
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
        entered, won = int(self.entered[:, 0].sum()), int(self.entered[:, -1].sum())
        groups = f", {len(self.groups)} groups by {self.by}" if self.by else ""
        return opening(
            f"Of {entered} leads, {won} reached {self.stages[-1]}.",
            f"Funnel: {' > '.join(self.stages)}{groups}; as of {self.as_of}",
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
        Time given to each step, each group by its own curve. By default groups share how fast leads
        move on and differ in how many do (`mmm.funnel.durations.complete`): a small young group
        has no last event that could move its rate, and periods of different age compare.
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
    looked = plain(last_look(as_of, leads, deals, stages))
    ways = follow(leads, deals, stages, stage_set, looked)
    groups, label = group_labels(leads.iloc[ways.row], by, at=stage_set.stages[0].column, tz=tz)
    shape = (len(groups), len(ways.stages))
    table: dict[str, Any] = {name: np.zeros(shape, dtype=np.int64) for name in _COUNTS}
    table |= {name: np.full(shape, np.nan) for name in _RATES}
    for g, name in enumerate(groups):
        # Nobody moves on from the win: the last stage has a count and nothing else.
        table["entered"][g, -1] = np.sum(~np.isnat(ways.entered[label == name, -1]))
    for k in range(shape[1] - 1):
        steps = steps_from(ways, k)
        for g, name in enumerate(groups):
            rows = steps.here & (label == name)
            found = _cell(steps, rows, level)
            if rows.any() and not (by and within_days is None):
                found |= _own_rates(steps, rows, within_days, level)
            for column, value in found.items():
                table[column][g, k] = value
        if by and within_days is None and steps.here.any():
            for column, values in _completed(steps, label, groups, looked, level).items():
                table[column][:, k] = values
    notes = (*ways.notes, *_unripe(table, ways.stages, groups, within_days))
    return Funnel(ways.stages, groups, by or "", **table, as_of=looked, level=level, notes=notes)


def _cell(steps: Steps, rows: Flags, level: float) -> dict[str, float]:
    """Return counts and times of one group and stage."""
    n = int(rows.sum())
    outcome = steps.outcome[rows]
    moved, lost = int((outcome == MOVED).sum()), int((outcome == LOST).sum())
    cell: dict[str, float] = {"entered": n, "moved": moved, "lost": lost, "open": n - moved - lost}
    if not n:
        return cell
    cell["raw_rate"] = moved / n
    timed = rows & steps.exact
    if (steps.outcome[timed] == MOVED).any():
        own = cumulative_incidence(steps.days[timed], steps.outcome[timed], level=level, n_causes=2)
        time = median_cycle(own, MOVED, until=settled_horizon(own, MOVED))
        cell |= {"days": time.value, "days_lower": time.lower, "days_upper": time.upper}
    return cell


def _completed(
    steps: Steps, label: Labels, groups: Sequence[str], as_of: np.datetime64, level: float
) -> dict[str, Floats]:
    """Return rates of all groups at one stage, with the delays that they have in common."""
    names = np.array(groups, dtype=object)
    order = np.argsort(names)
    codes = order[np.searchsorted(names[order], label[steps.here])]
    done = complete(as_outcomes(steps, as_of), codes, len(groups), level)
    ripe = done.maturity >= LEAST_MATURITY
    lost = np.full(len(groups), np.nan)
    np.divide(done.lost + done.expected_lost, done.n, out=lost, where=done.n > 0)
    rates = {"rate": done.rate, "rate_lower": done.lower, "rate_upper": done.upper}
    rates["drop_off"] = lost
    window = np.where(done.n > 0, done.horizon, np.nan)
    return {name: np.where(ripe, x, np.nan) for name, x in rates.items()} | {"window_days": window}


def _own_rates(
    steps: Steps, rows: Flags, within_days: float | None, level: float
) -> dict[str, float]:
    """Return rates of one group at one stage, from its own curve."""
    curve = cumulative_incidence(steps.days[rows], steps.outcome[rows], level=level, n_causes=2)
    oldest = float(steps.age[rows].max())
    window = steady_horizon(curve) if within_days is None else within_days
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


def _unripe(
    table: dict[str, Any],
    stages: Sequence[str],
    groups: Sequence[str],
    within_days: float | None,
) -> list[str]:
    cells = np.isnan(table["rate"][:, :-1]) & (table["entered"][:, :-1] > 0)
    names = [f"{stages[k]} of {groups[g]}" for g, k in zip(*np.nonzero(cells), strict=True)]
    if not names:
        return []
    if within_days is None:
        return [f"less than {LEAST_MATURITY:.0%} mature, so no rate yet: {quoted(names)}"]
    return [f"nobody was followed for {within_days:g} days yet: no rate for {quoted(names)}"]
