"""What speaks against a fit of the mix, as findings: the page says what a notebook is warned of."""

from datetime import date

import numpy as np
import pandas as pd

from mmm.mix import MixModel
from mmm.mix.inference.diagnostics import far_from_prior
from mmm.mix.inference.noise import is_heavy
from mmm.mix.table.adequacy import far_larger
from mmm.mix.table.ends import low_ends
from mmm.mix.table.periods import next_start
from mmm.run.outcome import Weeks
from mmm.wording import Finding

_OLD_DAYS = 92  # between the end of the last period and the day of the page


def doubts_of(model: MixModel, weeks: Weeks, as_of: pd.Timestamp) -> tuple[Finding, ...]:
    """Say what speaks against the fit, what hurts most first.

    Parameters
    ----------
    model : MixModel
        Fitted to `weeks`.
    weeks : Weeks
    as_of : Timestamp
        Day of the page.
    """
    doubts = (*_old(weeks, as_of), *_units(weeks), *_incomplete(weeks))
    return (*doubts, *_outliers(model), *_far(model))


def _old(weeks: Weeks, as_of: pd.Timestamp) -> list[Finding]:
    """Say that the budget called today's is of long ago."""
    last = pd.Timestamp(weeks.frame[weeks.date].max())
    end = next_start(last, weeks.every)
    days = (as_of.tz_localize(None) - end).days
    if days <= _OLD_DAYS:
        return []
    facts = {"on": last.date(), "day": as_of.date()}
    return [Finding("budget_doubt.old", float(days), facts=facts)]


def _units(weeks: Weeks) -> list[Finding]:
    """Name channels whose numbers are so large that they may be impressions or clicks."""
    large = [weeks.channels[i] for i in far_larger(weeks.spend)]
    return [Finding("budget_doubt.units", len(large), facts={"channels": large})] if large else []


def _incomplete(weeks: Weeks) -> list[Finding]:
    """Say that the first or the last period is covered only in part, or looks so."""
    days, frame = weeks.frame[weeks.date], weeks.frame
    low = low_ends(weeks.spend, frame[weeks.outcome].to_numpy(dtype=np.float64))
    since, until = frame.attrs.get("recorded", (None, None))
    end = next_start(days.iloc[-1], weeks.every) - pd.Timedelta(days=1)
    said = []
    if until is not None:
        said.append(_end("ends_early", on=date.fromisoformat(until), end=end.date()))
    elif -1 in low:
        said.append(_end("low_last", on=days.iloc[-1].date()))
    if since is not None:
        said.append(_end("begins_late", on=date.fromisoformat(since), start=days.iloc[0].date()))
    elif 0 in low:
        said.append(_end("low_first", on=days.iloc[0].date()))
    return said


def _end(kind: str, **facts: date) -> Finding:
    return Finding(f"budget_doubt.{kind}", None, facts=facts)


def _outliers(model: MixModel) -> list[Finding]:
    kurtosis = model.diagnostics_.residual_kurtosis
    heavy = is_heavy(kurtosis, len(model.outcome_))
    return [Finding("budget_doubt.outliers", kurtosis)] if heavy else []


def _far(model: MixModel) -> list[Finding]:
    """Say where data and prior contradict each other."""
    paid = [n for n, on in zip(model.channels_, model.active_, strict=True) if on]
    total, far = far_from_prior(model.scaled_.problem.media, model.posterior_, paid)
    said = []
    if total:
        said.append(Finding(f"budget_doubt.{'more' if total > 0 else 'less'}", total))
    if far:
        said.append(Finding("budget_doubt.far", len(far), facts={"channels": far}))
    return said
