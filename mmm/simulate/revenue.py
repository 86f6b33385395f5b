"""Weekly revenue by a plain recursion: an oracle for mix models that shares no code with them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm.simulate.draws import Floats
from mmm.simulate.market import PAID
from mmm.simulate.settings import Settings

_BASELINE = 36_000.0
_TREND_PER_YEAR = 0.08
_SEASON = 0.10
_CONTROL_EFFECT = {"holiday": -9_000.0, "price_index": -450.0}
_CONTROL_ZERO = {"holiday": 0.0, "price_index": 100.0}

# Channel: retention, half saturation as a multiple of mean spend, slope, revenue per euro.
_CURVES = {
    "Paid search": (0.15, 1.2, 1.0, 1.8),
    "Paid social": (0.45, 1.5, 1.3, 1.3),
    "Display": (0.60, 1.0, 1.0, 0.5),
    "Events": (0.70, 1.6, 1.0, 2.4),
    "Partner": (0.30, 2.0, 1.2, 3.2),
}


@dataclass(frozen=True)
class MixTruth:
    """What generated ``weekly["revenue"]``.

    Attributes
    ----------
    parameters : DataFrame (n_paid, 9)
        ``channel``, ``retention``, ``half_saturation`` (euros of adstocked weekly spend),
        ``slope``, ``beta`` (euros a week at full saturation), and over the whole history
        ``spend``, ``contribution``, ``roas`` = contribution / spend, ``romi`` = roas - 1.
    components : DataFrame (weeks, 5 + n_paid + 1)
        ``date``, ``baseline``, ``trend``, ``season``, ``holiday``, ``price_index``, one column per
        paid channel and ``noise``, in euros; the row sums are the revenue.
    noise_sd : float
        Standard deviation of the noise in euros.
    """

    parameters: pd.DataFrame
    components: pd.DataFrame
    noise_sd: float


def adstock(spend: Floats, retention: float) -> Floats:
    """Carry spend over: s[t] = (1 - retention) x spend[t] + retention x s[t - 1], s[-1] = 0.

    Parameters
    ----------
    spend : array (weeks,)
        Spend per week.
    retention : float
        Part that is carried into the next week, 0 to below 1.

    Returns
    -------
    array (weeks,)
        Adstocked spend; a constant spend x tends to x.

    Examples
    --------
    >>> adstock(np.array([100.0, 0.0, 0.0]), 0.5).tolist()
    [50.0, 25.0, 12.5]
    """
    carried = np.empty(len(spend))
    state = 0.0
    for week, amount in enumerate(spend):
        state = (1.0 - retention) * float(amount) + retention * state
        carried[week] = state
    return carried


def hill(stock: Floats, half_saturation: float, slope: float) -> Floats:
    """Saturate: stock^slope / (stock^slope + half_saturation^slope).

    Examples
    --------
    >>> hill(np.array([0.0, 100.0, 300.0]), 100.0, 1.0).tolist()
    [0.0, 0.5, 0.75]
    """
    saturated = np.empty(len(stock))
    for week, amount in enumerate(stock):
        power = float(amount) ** slope
        saturated[week] = power / (power + half_saturation**slope)
    return saturated


def weekly_revenue(
    settings: Settings, dates: pd.DatetimeIndex, spend: Floats, controls: pd.DataFrame
) -> tuple[Floats, MixTruth]:
    """Generate weekly revenue from spend and controls.

    Parameters
    ----------
    settings : Settings
        ``noise`` and ``effect`` are used.
    dates : DatetimeIndex (weeks,)
        Mondays.
    spend : array (weeks, n_paid)
        Euros, columns as in `mmm.simulate.market.PAID`.
    controls : DataFrame (weeks, 2)
        ``holiday`` and ``price_index``.

    Returns
    -------
    revenue : array (weeks,)
        Euros, whole cents.
    truth : MixTruth
        What generated it.
    """
    parameters, media = _media(settings, spend)
    week = np.arange(settings.weeks)
    parts: dict[str, object] = {
        "date": dates,
        "baseline": np.full(settings.weeks, _BASELINE),
        "trend": np.round(_BASELINE * _TREND_PER_YEAR * week / 52.0, 2),
        "season": np.round(_BASELINE * _SEASON * np.cos(2 * np.pi * (week - 10) / 52.1775), 2),
    }
    for name, per_unit in _CONTROL_EFFECT.items():
        parts[name] = np.round(per_unit * (controls[name].to_numpy() - _CONTROL_ZERO[name]), 2)
    parts.update({name: media[:, position] for position, name in enumerate(PAID)})
    noise_sd = settings.noise * _BASELINE
    parts["noise"] = np.round(noise_sd * settings.rng("revenue").standard_normal(week.size), 2)
    components = pd.DataFrame(parts)
    revenue = np.round(components.drop(columns="date").sum(axis=1).to_numpy(np.float64), 2)
    return revenue, MixTruth(parameters, components, noise_sd)


def _media(settings: Settings, spend: Floats) -> tuple[pd.DataFrame, Floats]:
    rows, columns = [], []
    for position, name in enumerate(PAID):
        retention, multiple, slope, aimed_roas = _CURVES[name]
        paid = spend[:, position]
        half_saturation = float(np.round(multiple * paid.mean(), 2))
        response = hill(adstock(paid, retention), half_saturation, slope)
        # Beta is set so that the channel returns what was aimed at over this history.
        beta = float(np.round(settings.effect * aimed_roas * paid.sum() / response.sum(), 2))
        contribution = np.round(beta * response, 2)
        roas = float(contribution.sum() / paid.sum())
        totals = (float(paid.sum()), float(contribution.sum()), roas, roas - 1.0)
        rows.append((name, retention, half_saturation, slope, beta, *totals))
        columns.append(contribution)
    names = "channel retention half_saturation slope beta spend contribution roas romi"
    return pd.DataFrame(rows, columns=names.split()), np.column_stack(columns)
