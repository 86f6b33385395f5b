"""How well the mix forecasts weeks it had not seen: asked for, since each look back is a fit."""

import warnings

from mmm.errors import MmmError, MmmWarning
from mmm.mix import MixModel, holdout_findings, rolling_holdout
from mmm.run.advice import Gap
from mmm.run.gaps import of_error
from mmm.run.outcome import Weeks
from mmm.wording import Finding


def look_back(
    model: MixModel, weeks: Weeks, periods: int, origins: int
) -> tuple[tuple[Finding, ...], tuple[Gap, ...]]:
    """Fit the mix to what was known some time ago, and hold its forecasts against what came.

    Parameters
    ----------
    model : MixModel
        Its settings are used.
    weeks : Weeks
    periods : int
        Forecast each time.
    origins : int
        How many times; 0 for not at all.

    Returns
    -------
    findings : tuple of Finding
        One a method beside the model: least squares, and the year before repeated.
    gaps : tuple of Gap
        Why there is none, where it was asked for.
    """
    if not origins:
        return (), ()
    known = weeks.frame.drop(columns=weeks.outcome)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MmmWarning)
        try:
            told = rolling_holdout(model, known, weeks.frame[weeks.outcome], periods, origins)
        except MmmError as error:
            return (), (of_error("backtest", error),)
    return tuple(holdout_findings(told)), ()
