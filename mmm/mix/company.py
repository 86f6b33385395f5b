"""The company as the sum of its panels: its periods, its spend, and who spends what of it.

A spend of the company is split over its panels in today's proportions, channel by channel: those
of the last year, so that a campaign that has just ended in one of them does not decide; of all
fitted periods, where nothing was spent in it. A panel whose table ends before the last quarter has
no part any more.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from mmm.errors import ConfigError, quoted
from mmm.mix.fitted import Fitted, panels_of
from mmm.mix.table.inputs import Clock
from mmm.mix.transforms import Floats

_QUARTER, _YEAR = 365.25 / 4, 365.25
_ALIKE = 1.01  # of the length of a period: months differ


def add_up(panels: Mapping[str, Fitted]) -> dict[str, object]:
    """Return the periods, spend and outcome of the company.

    Panels are put side by side by their dates, by their last periods where there are none; what a
    panel did not report counts as nothing.

    Parameters
    ----------
    panels : mapping of str to Fitted
        Read and scaled.

    Returns
    -------
    dict
        `clock_`, `spend_`, `outcome_` and `active_`, as `Fitted` has them.

    Raises
    ------
    ConfigError
        If panels have periods of different length.
    """
    models = list(panels.values())
    clocks = [model.clock_ for model in models]
    days = [clock.period_days for clock in clocks]
    if max(days) > _ALIKE * min(days):
        odd = list(panels)[int(np.argmax(days))]
        raise ConfigError(
            f"The panel {odd!r} has periods of {max(days):.3g} days, another of {min(days):.3g}. "
            "Bring all panels to weeks, or all to months."
        )
    starts, n_periods = _starts(clocks)
    # Laid out as the spend of a panel is, so that sums over one panel agree to the last digit.
    spend = np.zeros((len(models[0].channels_), n_periods), order="F")
    outcome = np.zeros(n_periods)
    for model, start in zip(models, starts, strict=True):
        own = slice(start, start + model.clock_.n_periods)
        spend[:, own] += model.spend_
        outcome[own] += model.outcome_
    first = clocks[starts.index(0)]
    clock = Clock(n_periods, first.period_days, first.first, first.offset)
    return {
        "clock_": clock,
        "spend_": spend,
        "outcome_": outcome,
        "active_": spend.sum(axis=1) > 0,
    }


def _starts(clocks: Sequence[Clock]) -> tuple[list[int], int]:
    """Return where each panel begins among the periods of all, and how many these are."""
    if any(clock.first is None for clock in clocks):
        longest = max(clock.n_periods for clock in clocks)
        return [longest - clock.n_periods for clock in clocks], longest
    firsts = [cast(np.datetime64, clock.first) for clock in clocks]
    late = [float((first - min(firsts)) / np.timedelta64(1, "D")) for first in firsts]
    starts = [round(by / clock.period_days) for by, clock in zip(late, clocks, strict=True)]
    ends = [start + clock.n_periods for start, clock in zip(starts, clocks, strict=True)]
    return starts, max(ends)


def quarter_of(clock: Clock) -> int:
    """Return how many periods a quarter has, at least 1."""
    return max(round(_QUARTER / clock.period_days), 1)


def panel_share(model: Fitted) -> Floats:
    """Return the part of each channel's spend today that is each panel's.

    Parameters
    ----------
    model : Fitted

    Returns
    -------
    ndarray, shape (n_panels, n_channels)
        Sums to 1 over panels; one row of 1 without panels.
    """
    panels = panels_of(model)
    if len(panels) == 1:
        return np.ones((1, len(model.channels_)))
    starts, n_periods = _starts([panel.clock_ for panel in panels])
    a_year = max(round(_YEAR / panels[0].clock_.period_days), 1)
    lately = n_periods - quarter_of(panels[0].clock_)
    recent, ever = (
        np.array(
            [
                panel.spend_[:, max(first - start, 0) :].sum(axis=1)
                * (start + panel.clock_.n_periods > lately)
                for panel, start in zip(panels, starts, strict=True)
            ]
        )
        for first in (n_periods - a_year, 0)
    )
    spent = np.where(recent.sum(axis=0) > 0, recent, ever)
    total = spent.sum(axis=0)
    return np.where(total > 0, spent / np.where(total > 0, total, 1.0), 1.0 / len(panels))


def largest_seen(model: Fitted) -> Floats:
    """Return the most that can be spent a period before a panel leaves what was seen there.

    Returns
    -------
    ndarray, shape (n_channels,)
    """
    share = panel_share(model)
    seen = np.array([panel.spend_.max(axis=1) for panel in panels_of(model)])
    reach = np.where(share > 0, seen / np.where(share > 0, share, 1.0), np.inf)
    return np.asarray(reach.min(axis=0))


def company_notes(model: Fitted) -> tuple[str, ...]:
    """Say how a plan of the company is split over its panels; nothing without panels."""
    panels: Mapping[str, Fitted] = getattr(model, "panels_", {})
    if len(panels) < 2:
        return ()
    said = ["each channel is split over the panels in the proportions of the last year."]
    starts, n_periods = _starts([panel.clock_ for panel in panels.values()])
    ends = [start + p.clock_.n_periods for start, p in zip(starts, panels.values(), strict=True)]
    ended = [name for name, end in zip(panels, ends, strict=True) if end < n_periods]
    if ended:
        said.append(
            f"the table of {quoted(ended)} ends before the last period of the others: what is "
            "missing counts as no spend today, and a panel without a row in the last quarter has "
            "no part in the plan. Complete the table, or leave the panel out."
        )
    return tuple(said)
