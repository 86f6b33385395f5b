"""A whole night into PostgreSQL: leads scored, planned, entered in a ledger and written.

Beside it stands the bare bulk write of the same rows: by the same client, SQLAlchemy, as its guide
writes a bulk upsert; by its driver, psycopg, with `executemany`; and by hand, with COPY into a
temporary table and one upsert, the fastest that we know which replaces what is there, and COPY into
the table itself, which fails where a lead is there. None reads what was there, nor could it be
resumed or taken back. CPU-seconds are those of this
process and of the server; ratios are to the first line of a table, best of interleaved repeats.

    python -m benchmarks.night [first|later|memory ...] [--leads 100000] [--repeats 5]
"""

import argparse
import itertools
import multiprocessing
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg

from benchmarks.scoring import invented_leads
from benchmarks.writeback import (
    copy,
    copy_upsert,
    emptied,
    insert_or_update,
    postgres,
    resident,
    show,
    upsert,
    write_all,
)
from mmm.crm import FIELDS, Record
from mmm.crm.open import open_target
from mmm.prediction import Guards, LeadScorer, LeadScores
from mmm.prediction.writeback.values import columns_of
from mmm.run.writing import Job, Summary, write_scores

N_TRAINED = 4_000
LEDGERS = itertools.count()


def scored_later(n_leads: int) -> Callable[[], LeadScores]:
    """Train a model, and return what scores the leads."""
    rng = np.random.default_rng(0)
    leads, odds = invented_leads(n_leads + N_TRAINED, rng)
    y = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(int)
    model = LeadScorer(seed=0).fit(leads[:N_TRAINED], y[:N_TRAINED])
    leads = leads[N_TRAINED:].reset_index(drop=True)
    leads.insert(0, "lead_id", [f"L{number:07d}" for number in range(n_leads)])
    return lambda: model.score_leads(leads, as_of="2025-03-01")


def moved(scores: LeadScores, share: float) -> LeadScores:
    """Return the scores, a share of them three percentage points away."""
    p = scores.probability.copy()
    some = np.random.default_rng(1).permutation(len(p))[: int(share * len(p))]
    p[some] += np.where(p[some] > 0.5, -0.03, 0.03)
    return LeadScores(
        scores.lead_id, p, scores.grade, scores.reasons, pd.Timestamp("2025-03-02", tz="UTC"), "v1"
    )


def night(address: str, scores: LeadScores, ledger: Path) -> Summary:
    """Plan, enter and write."""
    job = Job(ledger, guards=Guards(insist=True))
    return write_scores(scores, open_target(address, environ={}), job)


def first_night(n_leads: int, repeats: int, folder: Path) -> None:
    """Print the night on which every lead is new."""
    score = scored_later(n_leads)
    scores = score()
    columns = columns_of(scores, FIELDS, range(n_leads))
    rows = list(zip(map(str, scores.lead_id), *columns.values(), strict=True))
    records = [Record(row[0], dict(zip(FIELDS, row[1:], strict=True))) for row in rows]
    with postgres() as (url, clock):
        address = emptied(url, "mmm_new")

        def bare() -> None:
            with psycopg.connect(url) as connection, connection.cursor() as cursor:
                upsert(cursor, "mmm_new", "%s", rows)

        def ledgered(given: LeadScores | None = None) -> None:
            night(address, given or score(), folder / f"ledger-{next(LEDGERS)}.sqlite")

        def scored_and_bare() -> None:
            score()
            bare()

        lines = {
            "bare bulk upsert by SQLAlchemy": lambda: insert_or_update(url, "mmm_new", rows),
            "bare upsert, executemany of psycopg": bare,
            "target alone": lambda: write_all(address, records),
            "planned, entered and written": lambda: ledgered(scores),
            "scored, planned, entered and written": ledgered,
            "scored, and the bare upsert": scored_and_bare,
            "bare COPY and upsert, by hand": lambda: copy_upsert(url, "mmm_new", rows),
            "bare COPY, which replaces nothing": lambda: copy(url, "mmm_new", rows),
        }
        show(
            f"PostgreSQL, first night of {n_leads:,} leads", n_leads, repeats, lines,
            elsewhere=clock, before=lambda: emptied(url, "mmm_new"),
        )  # fmt: skip


def later_nights(n_leads: int, repeats: int, folder: Path) -> None:
    """Print the nights after it: nothing changed, and 3% of the leads changed."""
    scores, ledger = scored_later(n_leads)(), folder / "later.sqlite"
    with postgres() as (url, clock):
        _later(emptied(url, "mmm_new"), scores, ledger, repeats, clock)


def _later(
    address: str, scores: LeadScores, ledger: Path, repeats: int, clock: Callable[[], float]
) -> None:
    night(address, scores, ledger)
    said = night(address, scores, ledger)
    print(f"\nnothing changed: {said.n_writes} calls, {said.n_changes} rows")
    nights = itertools.cycle([moved(scores, 0.03), scores])
    lines = {
        "nothing changed": lambda: night(address, last[0], ledger),
        "3% changed": lambda: (last.__setitem__(0, next(nights)), night(address, last[0], ledger)),
    }
    last = [scores]
    show("PostgreSQL, the nights after", len(scores), repeats, lines, elsewhere=clock)
    print(f"ledger of these nights: {ledger.stat().st_size / 2**20:.1f} MiB")


def _peak(address: str, n_leads: int, folder: str, answer: Any) -> None:
    score = scored_later(n_leads)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of training is forgotten
    before = resident("VmRSS")
    scores = score()
    scored = resident("VmHWM")
    night(address, scores, Path(folder) / "peak.sqlite")
    after = resident("VmHWM")
    answer.put(((scored - before) / 1024, (after - scored) / 1024))


def memory(n_leads: int, repeats: int, folder: Path) -> None:
    """Print the MiB that scoring adds to a trained model, and writing to that; measured once."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    with postgres() as (url, _):
        address = emptied(url, "mmm_new")
        process = context.Process(target=_peak, args=(address, n_leads, str(folder), answer))
        process.start()
        scored, written = answer.get()
        process.join()
    print(f"\nmemory: scores +{scored:.0f} MiB, plan, ledger and writing +{written:.0f} MiB more")


PARTS = {"first": first_night, "later": later_nights, "memory": memory}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.parts or PARTS:
            PARTS[name](options.leads, options.repeats, Path(folder))


if __name__ == "__main__":
    main()
