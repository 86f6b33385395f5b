"""An online shop: many small orders, customers who come back, and who brought each customer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmm.simulate.columns import CURRENCY, chosen, constant, ids, money
from mmm.simulate.draws import Floats, Ints, between, categories, spread, waiting
from mmm.simulate.revenue import adstock, hill

_START = pd.Timestamp("2024-01-01", tz="UTC")
_WEEK = 7.0
_BASELINE = 5.0  # customers a week who come without any advertising
_DAY_OF_LIFE = 260.0  # mean days until a customer buys no more
_DAYS_BETWEEN = 75.0  # mean days between two orders of a living customer

# Channel: mean spend a week, retention, half saturation (times the mean), slope, customers a week.
PAID = {
    "Paid search": (520.0, 0.10, 1.2, 1.0, 3.2),
    "Paid social": (640.0, 0.35, 1.5, 1.3, 3.0),
    "Affiliate": (260.0, 0.20, 2.0, 1.0, 1.8),
    "Display": (300.0, 0.40, 1.0, 1.0, 0.0),
}
# Where a visit is recorded: source and medium of each channel.
_SPELLING = {
    "Paid search": ("google", "cpc"),
    "Paid social": ("instagram", "paid_social"),
    "Affiliate": ("coupon-site", "affiliate"),
    "Display": ("google", "display"),
    "Organic search": ("google", "organic"),
    "Email": ("newsletter", "email"),
    "Direct": ("(direct)", "(none)"),
}
CHANNELS = tuple(_SPELLING)
# Chance that somebody who will buy anyway passes through the channel on the way to an order: the
# first order, and each later one. Such a touch changes nothing.
_ON_THE_WAY = {
    "Paid search": (0.25, 0.12),
    "Paid social": (0.05, 0.03),
    "Affiliate": (0.12, 0.08),
    "Display": (0.35, 0.25),
    "Organic search": (0.40, 0.15),
    "Email": (0.0, 0.55),
    "Direct": (0.35, 0.40),
}
_VISITORS_A_WEEK = 12.0


@dataclass(frozen=True, eq=False)
class _Customers:
    """Customers in order of their first order.

    Attributes
    ----------
    cause : array (n,)
        Position in `CHANNELS` of the channel that brought the customer; -1 for nobody.
    first : array (n,)
        Days since the start.
    """

    cause: Ints
    first: Floats


@dataclass(frozen=True, eq=False)
class _Orders:
    """Orders: whose, when (days since the start), worth what, and whether the first."""

    customer: Ints
    at: Floats
    value: Floats
    is_first: Ints


def online_shop(weeks: int = 104, seed: int = 5) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Simulate an online shop whose advertising brings customers, who then come back by themselves.

    Parameters
    ----------
    weeks : int
    seed : int

    Returns
    -------
    tables : dict
        ``touches``, ``deals`` (an order a row), ``spend`` and ``weekly``.
    truth : dict
        As `datasets/README.md` describes it.

    Examples
    --------
    >>> tables, truth = online_shop(weeks=60)
    >>> int(tables["deals"]["kind"].eq("new").sum() == tables["deals"]["person_id"].nunique())
    1
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 2])))
    spend = _spend(rng, weeks)
    parameters, expected = _media(spend)
    customers = _customers(rng, expected, weeks)
    orders = _orders(rng, customers, weeks)
    touches = _touches(rng, customers, orders, weeks)
    tables = {
        "touches": touches,
        "deals": _deal_table(orders),
        "spend": _spend_table(spend, weeks),
        "weekly": _weekly(spend, orders, weeks),
    }
    return tables, _truth(customers, orders, parameters, expected, weeks, seed)


def _spend(rng: np.random.Generator, weeks: int) -> dict[str, Floats]:
    spend = {}
    christmas = np.isin(np.arange(weeks) % 52, (46, 47, 48, 49, 50))
    for name, (mean, *_) in PAID.items():
        months = np.repeat(0.4 + 1.2 * rng.random(weeks // 4 + 1), 4)[:weeks]
        jitter = np.exp(0.2 * rng.standard_normal(weeks))
        spend[name] = np.round(mean * months * jitter * np.where(christmas, 1.6, 1.0), 2)
    return spend


def _media(spend: dict[str, Floats]) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """Return the curves, and the customers that each channel is expected to bring each week."""
    rows, expected = [], {}
    for name, (_, retention, multiple, slope, aimed) in PAID.items():
        paid = spend[name]
        half = float(np.round(multiple * paid.mean(), 2))
        shape = hill(adstock(paid, retention), half, slope)
        beta = float(np.round(aimed / shape.mean(), 4))
        expected[name] = beta * shape
        brought = float(expected[name].sum())
        rows.append((name, retention, half, slope, beta, float(paid.sum()), brought))
    names = "channel retention half_saturation slope beta spend contribution"
    return pd.DataFrame(rows, columns=names.split()).round(4), expected


def _season(weeks: int) -> Floats:
    """How many come by themselves, as a multiple: more before Christmas."""
    week = np.arange(weeks)
    return np.asarray(1.0 + 0.15 * np.cos(2 * np.pi * (week - 48) / 52.1775))


def _counts(rng: np.random.Generator, means: Floats) -> Ints:
    """Draw Poisson numbers by inversion of uniform ones.

    Examples
    --------
    >>> _counts(np.random.default_rng(0), np.zeros(3)).tolist()
    [0, 0, 0]
    """
    found: Ints = np.zeros(len(means), dtype=np.int64)
    term: Floats = np.exp(-means)
    left: Floats = rng.random(len(means)) - term
    while (left > 0).any():
        found = found + (left > 0)
        term = term * means / np.maximum(found, 1)
        left = np.where(left > 0, left - term, left)
    return found


def _customers(rng: np.random.Generator, expected: dict[str, Floats], weeks: int) -> _Customers:
    causes, firsts = [], []
    sources = {-1: _BASELINE * _season(weeks)}
    sources |= {CHANNELS.index(name): mean for name, mean in expected.items()}
    for source, means in sources.items():
        number = _counts(rng, means)
        week = np.repeat(np.arange(weeks), number)
        firsts.append(_WEEK * week + between(rng, 0.0, 1.0, len(week)) * _WEEK)
        causes.append(np.full(len(week), source, dtype=np.int64))
    first, cause = np.concatenate(firsts), np.concatenate(causes)
    order = np.argsort(first, kind="stable")
    return _Customers(cause[order], first[order])


def _orders(rng: np.random.Generator, customers: _Customers, weeks: int) -> _Orders:
    """Draw orders: each customer has a pace and a day after which nothing is bought."""
    n = len(customers.first)
    pace = waiting(rng, _DAYS_BETWEEN, n) + 20.0
    ends = np.minimum(customers.first + waiting(rng, _DAY_OF_LIFE, n), _WEEK * weeks)
    who, when = [np.arange(n)], [customers.first]
    at, alive = customers.first.copy(), np.arange(n)
    while alive.size:
        at = at + waiting(rng, 1.0, alive.size) * pace[alive] + 1.0
        inside = at < ends[alive]
        alive, at = alive[inside], at[inside]
        who.append(alive)
        when.append(at)
    customer, times = np.concatenate(who), np.concatenate(when)
    first = np.arange(len(customer)) < n
    order = np.argsort(times, kind="stable")
    value = np.round(spread(rng, 48.0, 0.5, len(customer)), 2)
    return _Orders(customer[order], times[order], value, first[order].astype(np.int64))


def _touches(
    rng: np.random.Generator, customers: _Customers, orders: _Orders, weeks: int
) -> pd.DataFrame:
    """Record the touch that brought each customer, those on the way, and visits without order."""
    n = len(customers.first)
    brought = np.flatnonzero(customers.cause >= 0)
    person, channel = [brought], [customers.cause[brought]]
    when = [customers.first[brought] - waiting(rng, 4.0, brought.size) - 0.02]
    for position, name in enumerate(CHANNELS):
        chance = np.where(orders.is_first > 0, *_ON_THE_WAY[name])
        passes = np.flatnonzero(rng.random(len(chance)) < chance)
        person.append(orders.customer[passes])
        channel.append(np.full(passes.size, position, dtype=np.int64))
        when.append(orders.at[passes] - waiting(rng, 0.7, passes.size) - 0.005)
    visits = int(_VISITORS_A_WEEK * weeks)
    visitors = n + np.arange(visits) // 2
    person.append(visitors)
    channel.append(categories(rng, [0.2, 0.3, 0.05, 0.2, 0.15, 0.0, 0.1], visits))
    when.append(between(rng, 0.0, _WEEK * weeks, visits))
    who, what, at = np.concatenate(person), np.concatenate(channel), np.concatenate(when)
    seen = np.flatnonzero(at > 0)
    order = seen[np.argsort(at[seen], kind="stable")]
    return pd.DataFrame(
        {
            "touch_id": ids("T", np.arange(order.size), 5),
            "person_id": ids("P", who[order], 5),
            "touched_at": _instants(at[order]),
            "source": chosen([_SPELLING[name][0] for name in CHANNELS], what[order]),
            "medium": chosen([_SPELLING[name][1] for name in CHANNELS], what[order]),
        }
    )


def _instants(days: Floats) -> "pd.Series[Any]":
    seconds = np.floor(days * 86_400).astype(np.int64)
    return pd.Series(_START + pd.to_timedelta(seconds, unit="s")).dt.as_unit("us")


def _deal_table(orders: _Orders) -> pd.DataFrame:
    closed = _instants(orders.at)
    size = len(closed)
    return pd.DataFrame(
        {
            "deal_id": ids("O", np.arange(size), 5),
            "person_id": ids("P", orders.customer, 5),
            "created_at": closed,
            "closed_at": closed,
            "won": pd.Series(np.ones(size, dtype=bool), dtype="boolean"),
            "value": money(orders.value),
            "currency": constant(CURRENCY, size),
            "kind": chosen(["expansion", "new"], orders.is_first),
        }
    )


def _mondays(weeks: int) -> pd.DatetimeIndex:
    return pd.date_range(_START.tz_localize(None), periods=weeks, freq="7D").as_unit("us")


def _spend_table(spend: dict[str, Floats], weeks: int) -> pd.DataFrame:
    amounts = np.column_stack(list(spend.values())).ravel()
    return pd.DataFrame(
        {
            "date": np.repeat(_mondays(weeks), len(spend)),
            "channel": pd.Series(list(spend) * weeks, dtype="str"),
            "spend": money(amounts),
            "currency": constant(CURRENCY, len(amounts)),
        }
    )


def _weekly(spend: dict[str, Floats], orders: _Orders, weeks: int) -> pd.DataFrame:
    week = np.floor(orders.at / _WEEK).astype(np.int64)
    return pd.DataFrame(
        {
            "date": _mondays(weeks),
            **spend,
            "new_customers": np.bincount(week, weights=orders.is_first, minlength=weeks).astype(
                np.int64
            ),
            "orders": np.bincount(week, minlength=weeks),
            "revenue": np.round(np.bincount(week, weights=orders.value, minlength=weeks), 2),
        }
    )


def _truth(
    customers: _Customers,
    orders: _Orders,
    parameters: pd.DataFrame,
    expected: dict[str, Floats],
    weeks: int,
    seed: int,
) -> dict[str, Any]:
    """Sum up what the orders of the customers that a channel brought are worth."""
    total = float(orders.value.sum())
    cause = customers.cause[orders.customer]
    value = [float(orders.value[cause == place].sum()) for place in range(len(CHANNELS))]
    brought = [int((customers.cause == place).sum()) for place in range(len(CHANNELS))]
    baseline = _BASELINE * _season(weeks)
    return {
        "settings": {"weeks": weeks, "seed": seed, "start": f"{_START:%Y-%m-%d}"},
        "currency": "EUR",
        "won_value": round(total, 2),
        "baseline_share": round(1.0 - sum(value) / total, 6),
        "channels": {
            "channel": list(CHANNELS),
            "paid": [name in PAID for name in CHANNELS],
            "customers": brought,
            "incremental_value": [round(amount, 2) for amount in value],
            "incremental_share": [round(amount / total, 6) for amount in value],
        },
        "mix": {
            "outcome": "new_customers",
            "adstock": "s[t] = (1 - retention) * spend[t] + retention * s[t-1], s[-1] = 0",
            "saturation": "s^slope / (s^slope + half_saturation^slope)",
            "parameters": parameters.to_dict("list"),
            "components": {
                "date": _mondays(weeks).strftime("%Y-%m-%d").tolist(),
                "baseline": [round(float(mean), 4) for mean in baseline],
                **{name: [round(float(v), 4) for v in mean] for name, mean in expected.items()},
            },
        },
    }
