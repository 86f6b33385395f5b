"""A weekly market in which hidden demand moves spend and revenue alike, with known truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmm.simulate.draws import Floats
from mmm.simulate.revenue import adstock, hill

_BASELINE, _TREND_PER_YEAR = 60_000.0, 0.05
_DEMAND_EFFECT = 14_000.0  # euros a week for one standard deviation of demand
_NOISE = 2_200.0
_START = "2023-01-02"


@dataclass(frozen=True)
class _Channel:
    """Mean weekly spend, how it follows demand, and what it does.

    Attributes
    ----------
    spend : float
        Euros a week.
    follows : float
        Change of the log of spend for one standard deviation of demand.
    own : float
        Standard deviation of the log of spend for reasons of its own.
    retention, multiple, slope : float
        Adstock; half saturation as a multiple of the mean spend; steepness.
    roas : float
        Euros brought by a euro over the whole history.
    """

    spend: float
    follows: float
    own: float
    retention: float
    multiple: float
    slope: float
    roas: float


CHANNELS = {
    "Paid search": _Channel(4_500.0, 0.40, 0.25, 0.10, 1.3, 1.0, 1.0),
    "Paid social": _Channel(3_000.0, 0.20, 0.35, 0.40, 1.4, 1.2, 2.0),
    "Display": _Channel(1_800.0, 0.35, 0.30, 0.50, 1.0, 1.0, 0.0),
    "Events": _Channel(2_400.0, 0.00, 0.60, 0.60, 1.6, 1.0, 2.6),
}


def confounded_market(
    weeks: int = 156, seed: int = 3
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Simulate a market whose budgets follow demand.

    Demand moves slowly. Search and display budgets are raised when it is high, events are planned
    a year ahead. Whoever compares revenue with spend credits the channels with what demand brought.
    `search_interest` shows demand with an error; it is what a model can hold on to.

    Parameters
    ----------
    weeks : int
    seed : int

    Returns
    -------
    tables : dict
        ``weekly``: date, spend of each channel, ``search_interest``, ``revenue``.
    truth : dict
        As `datasets/README.md` describes it.

    Examples
    --------
    >>> tables, truth = confounded_market()
    >>> parts = pd.DataFrame(truth["mix"]["components"]).drop(columns="date")
    >>> bool(np.allclose(parts.sum(axis=1), tables["weekly"]["revenue"], atol=0.05))
    True
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 1])))
    demand = _demand(rng, weeks)
    spend = _spend(rng, demand)
    dates = pd.date_range(_START, periods=weeks, freq="7D").as_unit("us")
    parameters, media = _media(spend)
    week = np.arange(weeks)
    parts: dict[str, Floats] = {
        "baseline": np.full(weeks, _BASELINE),
        "trend": np.round(_BASELINE * _TREND_PER_YEAR * week / 52.0, 2),
        "demand": np.round(_DEMAND_EFFECT * demand, 2),
        **media,
        "noise": np.round(_NOISE * rng.standard_normal(weeks), 2),
    }
    interest = 60.0 * np.exp(0.3 * demand + 0.06 * rng.standard_normal(weeks))
    weekly = pd.DataFrame(
        {
            "date": dates,
            **spend,
            "search_interest": np.round(interest, 2),
            "revenue": np.round(sum(parts.values(), np.zeros(weeks)), 2),
        }
    )
    listed: dict[str, list[Any]] = {"date": dates.strftime("%Y-%m-%d").tolist()}
    listed |= {name: [float(v) + 0.0 for v in part] for name, part in parts.items()}
    truth = {
        "settings": {"weeks": weeks, "seed": seed, "start": _START},
        "currency": "EUR",
        "follows_demand": {name: channel.follows for name, channel in CHANNELS.items()},
        "mix": {
            "outcome": "revenue",
            "adstock": "s[t] = (1 - retention) * spend[t] + retention * s[t-1], s[-1] = 0",
            "saturation": "s^slope / (s^slope + half_saturation^slope)",
            "noise_sd": _NOISE,
            "parameters": parameters,
            "components": listed,
        },
    }
    return {"weekly": weekly}, truth


def _demand(rng: np.random.Generator, weeks: int) -> Floats:
    """Slow swings and a season, mean 0 and standard deviation 1."""
    swing = np.empty(weeks)
    level = 0.0
    for week, shock in enumerate(rng.standard_normal(weeks)):
        level = 0.93 * level + float(shock)
        swing[week] = level
    season = np.sin(2 * np.pi * (np.arange(weeks) - 8) / 52.1775)
    raw = swing / swing.std() + 0.7 * season
    return np.asarray((raw - raw.mean()) / raw.std())


def _spend(rng: np.random.Generator, demand: Floats) -> dict[str, Floats]:
    spend = {}
    for name, channel in CHANNELS.items():
        own = channel.own * rng.standard_normal(len(demand))
        spend[name] = np.round(channel.spend * np.exp(channel.follows * demand + own), 2)
    return spend


def _media(spend: dict[str, Floats]) -> tuple[dict[str, list[Any]], dict[str, Floats]]:
    rows, media = [], {}
    for name, channel in CHANNELS.items():
        paid = spend[name]
        half = float(np.round(channel.multiple * paid.mean(), 2))
        shape = hill(adstock(paid, channel.retention), half, channel.slope)
        beta = float(np.round(channel.roas * paid.sum() / shape.sum(), 2))
        media[name] = np.round(beta * shape, 2)
        total, brought = float(paid.sum()), float(media[name].sum())
        figures = (total, brought, brought / total, brought / total - 1.0)
        rows.append((name, channel.retention, half, channel.slope, beta, *figures))
    names = "channel retention half_saturation slope beta spend contribution roas romi"
    frame = pd.DataFrame(rows, columns=names.split()).round(4)
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    listed = {
        name: [v if isinstance(v, str) else v + 0.0 for v in frame[name].tolist()] for name in frame
    }
    return {str(name): values for name, values in listed.items()}, media
