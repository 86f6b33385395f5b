"""Small companies with known returns, for the advice of a run."""

import numpy as np
import pandas as pd

from mmm.run.config import make_config
from mmm.tables import read_deals, read_leads, read_spend

AS_OF = pd.Timestamp("2024-12-29T23:59:59Z")


def silent(_):
    """Report nothing."""


def config_of(**sections):
    """Return a configuration whose sources are not read."""
    given = {"deals": {"source": "deals.csv"}, "leads": {"source": "leads.csv"}}
    return make_config({**given, "spend": {"source": "spend.csv"}, **sections})


def spend_table(rng, n_weeks, means, constant=()):
    """Return weekly spend that ends with 2024, each channel in its own steps."""
    mondays = pd.date_range(end="2024-12-23", periods=n_weeks, freq="W-MON")
    parts = []
    for name, mean in means.items():
        level = np.repeat(rng.gamma(2.0, 0.5, -(-n_weeks // 3)), 3)[:n_weeks]
        amount = np.full(n_weeks, mean) if name in constant else mean * level
        parts.append(
            pd.DataFrame(
                {"date": mondays.strftime("%Y-%m-%d"), "channel": name, "spend": amount.round(2)}
            )
        )
    return read_spend(pd.concat(parts).astype({"spend": "str"}))


def deals_from(rng, spend, returns, base=20, value=1000.0):
    """Return won deals: so many a week by themselves, and `returns` of money a euro spent."""
    weekly = spend.assign(spend=spend["spend"].astype("float64")).pivot_table(
        index="date", columns="channel", values="spend"
    )
    expected = base + sum(weekly[name] * gain for name, gain in returns.items()) / value
    rows = []
    for monday, mean in expected.items():
        for _ in range(rng.poisson(mean)):
            at = monday + pd.Timedelta(hours=float(rng.uniform(1, 160)))
            rows.append((at.strftime("%Y-%m-%dT%H:%M:%SZ"), f"{rng.uniform(0.8, 1.2) * value:.2f}"))
    frame = pd.DataFrame(rows, columns=["closed_at", "value"])
    frame["created_at"] = frame["closed_at"]
    frame["deal_id"] = frame["person_id"] = [f"d{i}" for i in range(len(frame))]
    return read_deals(frame.assign(won="true"))


def lead_tables(rng, n=400, hot_rate=0.5, cold_rate=0.08):
    """Return leads of which those that asked for a demo are won far more often, and their deals."""
    born = pd.Timestamp("2024-01-02T09:00Z") + pd.to_timedelta(np.sort(rng.uniform(0, 360, n)), "D")
    asked = rng.random(n) < 0.4
    won = rng.random(n) < np.where(asked, hot_rate, cold_rate)
    end = born + pd.to_timedelta(rng.uniform(10, 50, n), "D")
    known = end <= AS_OF
    person = [f"p{i}" for i in range(n)]
    text = "%Y-%m-%dT%H:%M:%SZ"
    leads = pd.DataFrame(
        {
            "lead_id": [f"l{i:04d}" for i in range(n)],
            "person_id": person,
            "created_at": born.strftime(text),
            "ended_at": np.where(known, end.strftime(text), ""),
            "source": np.where(rng.random(n) < 0.5, "google", "fair"),
            "owner": "ANNA",
            "asked_demo": np.where(asked, "1", "0"),
        }
    )
    rows = np.flatnonzero(won & known)
    deals = pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in rows],
            "person_id": [person[i] for i in rows],
            "created_at": (end - pd.Timedelta(days=2)).strftime(text)[rows],
            "closed_at": end.strftime(text)[rows],
            "won": "true",
            "value": "5000.00",
        }
    )
    return read_leads(leads), read_deals(deals)
