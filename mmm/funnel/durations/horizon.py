"""How long to look: a horizon that does not move with the day on which one looks."""

from mmm.funnel.durations.survival import CumulativeIncidence, median_cycle

# A month, a quarter, half a year, a year, two years: horizons that people compare by.
HORIZONS = (30.0, 90.0, 180.0, 365.0, 730.0)
# A horizon this many times the median holds most of what comes.
SETTLED = 5.0
# Beyond the last time with so many at risk, one event moves a curve too far.
FEWEST_AT_RISK = 5


def settled_horizon(curve: CumulativeIncidence, cause: int = 1) -> float:
    """Return the shortest of `HORIZONS` within which the median time to `cause` is settled.

    A horizon settles the median when the upper end of the median's interval lies in its first
    fifth. What records do after that horizon, or how much longer they are followed, has no part in
    it, so that looking again later finds the same one; the longest follow-up, in contrast, grows
    every day, and with it every median that has late wins to count.

    Parameters
    ----------
    curve : CumulativeIncidence
        Durations in days.
    cause : int
        1 to K.

    Returns
    -------
    float
        The longest follow-up where no horizon settles it.

    Examples
    --------
    >>> import numpy as np
    >>> from mmm.funnel.durations import cumulative_incidence
    >>> days = np.append(np.arange(40) % 10 + 1.0, [300.0, 350.0, 400.0])
    >>> settled_horizon(cumulative_incidence(days, np.append(np.ones(41, int), [0, 0])))
    90.0
    """
    for tau in HORIZONS:
        if tau > curve.horizon:
            break
        kpi = median_cycle(curve, cause, until=tau)
        if kpi.upper * SETTLED <= tau:
            return tau
    return curve.horizon


def steady_horizon(curve: CumulativeIncidence) -> float:
    """Return the last time at which enough records are at risk for the curve to be read.

    Five, or a tenth of the records where that is less (Pocock, Clayton and Altman 2002, Lancet
    359, 1686-1689: curves of which less than a tenth or a fifth is left should end there). Where
    all that are left end, none censored, the last time is as good.

    Parameters
    ----------
    curve : CumulativeIncidence

    Returns
    -------
    float

    Examples
    --------
    >>> from mmm.funnel.durations import cumulative_incidence
    >>> days, ends = [10] * 30 + [20] * 29 + [90], [1] * 30 + [0] * 29 + [1]
    >>> steady_horizon(cumulative_incidence(days, ends))
    20.0
    """
    n = int(curve.at_risk[0])
    enough = curve.at_risk >= min(FEWEST_AT_RISK, -(-n // 10))
    last = int(enough.nonzero()[0][-1])
    gone = int(curve.at_risk[last]) - int(curve.events[:, last].sum())
    after = int(curve.events[:, last + 1 :].sum())
    return float(curve.time[-1] if after == gone else curve.time[last])
