"""Small tables of leads, deals and touches for the tests of the joined signal."""

from functools import cache

import pandas as pd

import mmm
from mmm import datasets


def instant(values):
    return pd.to_datetime(pd.Series(values), utc=True).astype("datetime64[us, UTC]")


@cache
def company():
    names = ("touches", "leads", "deals", "spend")
    return {name: datasets.load(name) for name in names}


def cut(tables, day):
    """Return the tables as they were on a day: later rows and dates are gone."""
    last = pd.Timestamp(day, tz="UTC")
    found = {}
    for name, at in (("touches", "touched_at"), ("leads", "created_at"), ("deals", "created_at")):
        frame = tables[name][tables[name][at] <= last].copy()
        for column in ("mql_at", "sql_at", "ended_at", "first_contacted_at", "closed_at"):
            if column in frame.columns:
                frame[column] = frame[column].where(frame[column] <= last)
        found[name] = frame
    deals = found["deals"]
    found["deals"] = deals.assign(won=deals["won"].where(deals["closed_at"].notna()))
    return found


def small(n_won=8, n_lost=4, n_open=3):
    """Deals opened a week apart, won or lost after 30 days; the last are open."""
    n = n_won + n_lost + n_open
    created = pd.date_range("2025-01-01", periods=n, freq="7D", tz="UTC")
    outcome = ([True, True, False] * n)[: n_won + n_lost] + [None] * n_open
    closed = [at + pd.Timedelta(days=30) if won is not None else None
              for at, won in zip(created, outcome, strict=True)]  # fmt: skip
    deals = pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(n)],
            "person_id": [f"p{i}" for i in range(n)],
            "created_at": created,
            "closed_at": closed,
            "won": outcome,
            "value": [str(1000 + 10 * i) for i in range(n)],
        }
    )
    touches = pd.DataFrame(_touches(n, created))
    leads = pd.DataFrame(
        {"lead_id": [f"l{i}" for i in range(n)], "person_id": [f"p{i}" for i in range(n)],
         "created_at": created - pd.Timedelta(days=10)}
    )  # fmt: skip
    return {
        "touches": mmm.read_touches(touches),
        "deals": mmm.read_deals(deals),
        "leads": mmm.read_leads(leads),
    }


def _touches(n, created):
    names = ("Email", "Events", "Search")
    return {
        "person_id": [f"p{i // 2}" for i in range(2 * n)],
        "channel": [names[(i + i // 3) % 3] for i in range(2 * n)],
        "touched_at": [created[i // 2] - pd.Timedelta(days=3 + 5 * (i % 2)) for i in range(2 * n)],
    }
