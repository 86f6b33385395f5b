"""What a run costs for 100,000 leads and a million touches: CPU-seconds a step, and peak memory.

The touches and deals are those of the simulator's log, written chunk by chunk; each account becomes
a lead, and every paid channel a spend a week. `mmm run` says each step before it begins; here a
clock stands beside each. What the models cost (credit, mix, lead model) is added up apart from the
rest: reading, journeys, funnel, joining, and the pages. The yardstick is one pandas groupby of the
touches, in the same run. The files can be kept in a folder, and are read again from there:

    python benchmarks/brief_scale.py --leads 100000 --touches 1000000 --folder LOG
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mmm.simulate.log import LogSettings, write_log

PAID = ("Display", "Events", "Paid search", "Paid social", "Video")
OWNERS = ("North", "Centre", "South", "Export")
REASONS = ("no budget", "not now", "no need", "student")
DAY = pd.Timedelta(days=1)
MODELS = ("credit", "mix", "lead model")
# The first words of what a run says, and the part that begins there.
PARTS = {
    "reading": "reading",
    "building": "journeys",
    "crediting": "credit",
    "looking": "funnel",
    "weighing": "mix",
    "choosing": "mix",
    "planning": "mix",
    "learning": "lead model",
    "ranking": "lead model",
    "joining": "joining the models",
    "writing": "pages and files",
}


def write_company(folder: Path, n_leads: int, n_touches: int) -> None:
    """Write touches, deals, leads, spend and the configuration of one company."""
    each = n_touches / n_leads / 2  # two people an account, a lead an account
    # Log odds at which about one account in four opens a deal.
    settings = LogSettings(n_touches, touches_per_person=each, base=-5.0)
    files = write_log(folder, settings)
    touches, deals = pd.read_parquet(files.touches), pd.read_parquet(files.deals)
    rng = np.random.default_rng(0)
    leads = make_leads(touches, deals, rng)
    leads.to_parquet(folder / "leads.parquet")
    weeks = pd.date_range("2023-01-02", periods=settings.days // 7 - 1, freq="7D")
    level = {name: 1000 * (i + 2) for i, name in enumerate(PAID)}
    spend = pd.DataFrame(
        [(day, name, level[name] * rng.lognormal(0, 0.4)) for day in weeks for name in PAID],
        columns=["date", "channel", "spend"],
    )
    spend.assign(spend=spend["spend"].round(2)).to_csv(folder / "spend.csv", index=False)
    sections = [f'[{n}]\nsource = "{n}.parquet"\n' for n in ("touches", "deals", "leads")]
    sections.append('[spend]\nsource = "spend.csv"\n[journeys]\nby = "account"\n')
    (folder / "mmm.toml").write_text("".join(sections))


def make_leads(
    touches: pd.DataFrame, deals: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Make a lead of every account, as of its first touch, with the stages that its deals imply."""
    # A person's number over two is that of the account, also where a touch does not carry it.
    account = "A" + (touches["person_id"].str[1:].astype("int64") // 2).astype("str")
    first = touches.assign(account_id=account).sort_values("touched_at", kind="stable")
    first = first.drop_duplicates("account_id").sort_values("account_id", ignore_index=True)
    last = touches["touched_at"].max()
    n, born = len(first), first["touched_at"]
    deal = first[["account_id"]].merge(deals, on="account_id", how="left")
    opened = deal["created_at"]
    until = opened.where(opened.notna(), born + rng.exponential(40, n) * DAY)
    called = born + rng.exponential(0.4, n) * DAY
    mql = born + rng.uniform(0, 0.5, n) * (until - born)
    passed = opened.notna() | (rng.random(n) < 0.5)
    sql = mql + rng.uniform(0, 0.9, n) * (until - mql)
    taken = opened.notna() | (passed & (rng.random(n) < 0.5))
    ended = until.where(opened.isna())
    leads = pd.DataFrame(
        {
            "lead_id": "L" + first["account_id"].str[1:],
            "person_id": first["person_id"],
            "account_id": first["account_id"],
            "channel": first["channel"],
            "owner": rng.choice(OWNERS, n),
            "created_at": born,
            "first_contacted_at": called.where(called <= last),
            "mql_at": mql.where(passed & (mql <= last)),
            "sql_at": sql.where(taken & (sql <= last)),
            "ended_at": ended.where(ended <= last),
        }
    )
    refused = leads["ended_at"].notna() & leads["sql_at"].isna()
    leads["discard_reason"] = pd.Series(rng.choice(REASONS, n)).where(refused)
    return leads


def measure(folder: Path) -> None:
    """Run the company, a clock beside every step, and print what each part costs."""
    import_from = time.process_time()
    from mmm.report import write_results
    from mmm.run import load_config, run

    parts = {"loading the package": time.process_time() - import_from}
    now = {"part": "reading", "from": time.process_time()}

    def begins(said: str) -> None:
        at = time.process_time()
        parts[now["part"]] = parts.get(now["part"], 0.0) + at - now["from"]
        now.update({"part": PARTS[said.split()[0]], "from": at})

    config = load_config(folder / "mmm.toml")
    result = run(config, begins)
    begins("writing")
    write_results(result, config, folder / "out")
    begins("reading")
    for name, seconds in parts.items():
        print(f"  {name:<22}{seconds:8.1f}{'  model' if name in MODELS else ''}")
    models = sum(seconds for name, seconds in parts.items() if name in MODELS)
    print(f"  {'the models':<22}{models:8.1f}")
    print(f"  {'beyond the models':<22}{sum(parts.values()) - models:8.1f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory {peak:,.0f} MB; {len(result.gaps)} gaps")
    for gap in result.gaps:
        print("  -", gap.sentence())


def groupby(folder: Path) -> None:
    """Count the touches of each person with pandas: the yardstick."""
    start = time.process_time()
    touches = pd.read_parquet(folder / "touches.parquet")
    touches.groupby(["person_id", "channel"]).agg({"touched_at": ["min", "max", "size"]})
    print(f"  {'one pandas groupby':<22}{time.process_time() - start:8.1f}")


def main() -> None:
    """Write the company where it is not there yet, and measure each part in its own process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--touches", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--part", choices=("measure", "groupby"))
    given = parser.parse_args()
    if given.part is not None:
        globals()[given.part](given.folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        if not (folder / "mmm.toml").is_file():
            write_company(folder, given.leads, given.touches)
        print(f"{given.leads:,} leads, {given.touches:,} touches; CPU-seconds", flush=True)
        for part in ("groupby", "measure"):
            command = [sys.executable, __file__, "--part", part, "--folder", str(folder)]
            threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            subprocess.run(command, check=True, env=os.environ | threads)


if __name__ == "__main__":
    main()
