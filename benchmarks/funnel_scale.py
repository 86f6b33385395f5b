"""What the funnel's indicators cost on a million leads: CPU-seconds, memory, ratio to one groupby.

Every line runs in a process of its own, forked with the tables already read, so that neither
memory nor warm caches pass from one to the next. The yardstick is one pandas groupby of the same
leads, in the same run. Run it with `make bench`, or with another number of leads:

    python benchmarks/funnel_scale.py 100000
"""

import os
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

import mmm
from mmm.funnel.economics import cohort_cac
from mmm.funnel.hygiene import hygiene
from mmm.funnel.kpis import (
    average_deal,
    cost_per_lead,
    lead_to_customer,
    lead_velocity,
    mql_to_sql,
    sales_velocity,
    win_rate,
)
from mmm.funnel.stages import funnel, sales_cycle

N_LEADS = 1_000_000
DAYS = 3 * 365
CHANNELS = ["Events", "Paid search", "Partner", "Webinar", "Email"]
OWNERS = ["North", "Centre", "South", "Export"]
FIRST = np.datetime64("2023-01-02T08:00:00", "s")
LAST = FIRST + np.timedelta64(DAYS * 86_400, "s")


def simulate(n: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return leads, deals and spend of an invented company, drawn column by column."""
    rng = np.random.default_rng(0)
    born = np.sort(rng.uniform(0, DAYS, n))
    mql = born + rng.exponential(4, n)
    sql = mql + rng.exponential(10, n)
    opened = sql + rng.exponential(20, n)
    closed = opened + rng.gamma(3, 33, n)
    # How far each lead comes: 0 lead, 1 MQL, 2 SQL, 3 opportunity; of those, who wins.
    furthest = np.cumprod(rng.random((n, 3)) < (0.88, 0.87, 0.86), axis=1).sum(axis=1)
    won = rng.random(n) < 0.48
    ended = np.choose(furthest, [born + 20, mql + 30, sql + 40, closed])
    name = np.char.add("P", np.arange(n).astype(str))
    # Two people of some companies come in as leads; one person in a hundred comes twice.
    account = np.char.add("A", rng.integers(0, n * 4 // 5, n).astype(str))
    person = np.where(rng.random(n) < 0.01, np.roll(name, 1), name)
    owner = rng.choice(OWNERS, n)
    leads = pd.DataFrame(
        {
            "lead_id": np.char.add("L", np.arange(n).astype(str)),
            "person_id": person,
            "account_id": account,
            "channel": rng.choice(CHANNELS, n),
            "owner": owner,
            "created_at": instants(born),
            "mql_at": instants(mql, furthest >= 1),
            "sql_at": instants(sql, furthest >= 2),
            "ended_at": instants(ended),
        }
    )
    rows = np.flatnonzero((furthest == 3) & (opened <= DAYS))
    over = closed[rows] <= DAYS
    deals = pd.DataFrame(
        {
            "deal_id": np.char.add("D", rows.astype(str)),
            "person_id": person[rows],
            "account_id": account[rows],
            "owner": owner[rows],
            "created_at": instants(opened[rows]),
            "closed_at": instants(closed[rows]),
            "won": pd.Series(won[rows], dtype="boolean").where(over),
            "value": rng.lognormal(9.7, 0.6, rows.size).round(2),
            "kind": "new",
        }
    )
    weeks = np.arange(FIRST.astype("datetime64[D]"), LAST.astype("datetime64[D]"), 7)
    spend = pd.DataFrame(
        {
            "date": np.repeat(weeks, len(CHANNELS)),
            "channel": np.tile(CHANNELS, weeks.size),
            "spend": rng.gamma(4, n / 100, weeks.size * len(CHANNELS)).round(2),
        }
    )
    return leads, deals, spend


def instants(days: np.ndarray, known: np.ndarray | bool = True) -> pd.Series:
    """Return days since the first one as UTC instants; missing after the last look."""
    at = FIRST + (days * 86_400).astype("timedelta64[s]")
    at = np.where(known & (days <= DAYS), at, np.datetime64("NaT", "s"))
    return pd.Series(at).dt.tz_localize("UTC")


def cost(work: Callable[[], object]) -> tuple[float, float, float]:
    """Return CPU-seconds, wall seconds and peak resident MiB of `work` in a forked process."""
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _, status, used = os.wait4(child, 0)
    if status != 0:
        raise SystemExit("a step failed; its error stands above")
    return used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss / 1024


def groupby(leads: pd.DataFrame) -> pd.DataFrame:
    """Count leads and qualified ones by month and channel: what a pivot table does."""
    month = leads["created_at"].dt.tz_localize(None).dt.to_period("M")
    return leads.groupby([month, "channel"]).agg(n=("lead_id", "size"), sql=("sql_at", "count"))


def steps(
    leads: pd.DataFrame, deals: pd.DataFrame, spend: pd.DataFrame
) -> dict[str, Callable[[], object]]:
    """Return what is measured, by name."""
    return {
        "lead_to_customer": lambda: lead_to_customer(leads, deals, every="quarter"),
        "mql_to_sql": lambda: mql_to_sql(leads, every="quarter"),
        "win_rate": lambda: win_rate(deals, every="quarter"),
        "lead_velocity": lambda: lead_velocity(leads),
        "average_deal": lambda: average_deal(deals),
        "sales_velocity": lambda: sales_velocity(deals),
        "cost_per_lead": lambda: cost_per_lead(spend, leads),
        "cohort_cac": lambda: cohort_cac(leads, deals, spend, every="quarter"),
        "funnel": lambda: funnel(leads, deals),
        "funnel by channel": lambda: funnel(leads, deals, by="channel"),
        "sales_cycle": lambda: sales_cycle(leads, deals),
        "hygiene": lambda: hygiene(deals, leads),
    }


def main() -> None:
    """Print the table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else N_LEADS
    raw = simulate(n)
    start = time.process_time()
    leads, deals, spend = mmm.read_leads(raw[0]), mmm.read_deals(raw[1]), mmm.read_spend(raw[2])
    reading = time.process_time() - start
    del raw
    print(f"{len(leads):,} leads, {len(deals):,} deals; read in {reading:.1f} CPU-seconds")
    _, _, idle = cost(lambda: None)
    yardstick, _, _ = cost(lambda: groupby(leads))
    print(f"tables in memory {idle:.0f} MiB; one groupby of the leads {yardstick:.2f} CPU-seconds")
    print(f"{'':18} {'CPU s':>7} {'wall s':>7} {'peak MiB':>9} {'x groupby':>10}", flush=True)
    for name, work in steps(leads, deals, spend).items():
        cpu, wall, peak = cost(work)
        print(f"{name:18} {cpu:7.2f} {wall:7.2f} {peak:9.0f} {cpu / yardstick:10.1f}", flush=True)


if __name__ == "__main__":
    main()
