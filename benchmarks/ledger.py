"""What plan and ledger cost beside the system that is written to.

    python benchmarks/ledger.py [N_LEADS]

Scores of leads go to a system in memory that takes them at once, a hundred a call as HubSpot does:
the first night, the same leads again, then 3% of them changed. What is left is the cost of the
plan, of the ledger and of its disk.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mmm.prediction import Guards, LeadScores
from mmm.run.writing import Job, Summary, write_scores


class Memory:
    """A customer system of no cost."""

    name, chunk_size, adds_leads = "memory", 100, True

    def __init__(self) -> None:
        self.rows: dict = {}

    def read(self, lead_ids):
        return {lead: self.rows[lead] for lead in lead_ids if lead in self.rows}

    def write(self, records):
        self.rows |= {record.lead_id: record.fields for record in records}
        return ()

    def close(self) -> None:
        pass


def make_scores(n: int, n_changed: int = 0) -> LeadScores:
    """Make scores; some moved by three percentage points."""
    p = np.random.default_rng(0).random(n)
    p[:n_changed] += np.where(p[:n_changed] > 0.5, -0.03, 0.03)
    reasons = np.empty(n, dtype=object)
    reasons[:] = [("pages: 12. Raises the estimated chance.", "source: fair.")] * n
    ids = np.array([f"L{i:07d}" for i in range(n)], dtype=object)
    grade = np.array(list("DCBA"), dtype=object)[(p * 4).astype(int)]
    return LeadScores(ids, p, grade, reasons, pd.Timestamp("2025-03-01", tz="UTC"), "v1")


def timed(name: str, scores: LeadScores, system: Memory, job: Job) -> Summary:
    """Write and print a line."""
    cpu, wall = time.process_time(), time.perf_counter()
    done = write_scores(scores, system, job)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{name:12} {cpu:7.2f} CPU-s {wall:7.2f} s {done.n_written:8,} leads written "
          f"{done.n_writes:6,} calls to write {done.n_reads:3} to read")  # fmt: skip
    return done


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        job, system = Job(Path(folder) / "ledger.sqlite", guards=Guards(insist=True)), Memory()
        scores = make_scores(n)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        timed("first", scores, system, job)
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        timed("again", scores, system, job)
        timed("3% changed", make_scores(n, n * 3 // 100), system, job)
        print(f"memory +{more / 1024:.0f} MiB, ledger {job.ledger.stat().st_size / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
