"""Scores into a real Tryton: the target against the bare call of the same client.

Run as ``python -m benchmarks.tryton_write [number of opportunities [night]]``. Chunk by chunk, one
after the other on the same opportunities. Seconds are CPU of this process and of the server:

- first: nothing is there. Bare: ``ir.attachment.create`` of as many texts as long.
- again: other scores. Bare: ``ir.attachment.write`` of distinct texts, without any check.
- probability: Tryton's own field too. Bare: ``sale.opportunity.write`` of distinct values, and
  ``ir.attachment.write`` as above.

`write` is `TrytonTarget.write` alone, as the batch job calls it: it has read the leads before, to
be able to undo. `read + write` is both. `night` is what `mmm score run` does once it has
scored: read, plan, ledger, write; bare calls on a quarter as many others come before and after it.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mmm.crm.target import Record
from mmm.crm.tryton.target import CHUNK, open_target
from mmm.prediction import Guards, LeadScores
from mmm.run.writing import Job, write_scores
from tests.crm.tryton_server import running


def records(ids, turn):
    stamp = f"2026-11-{10 + turn}T01:02:03+00:00"
    return [
        Record(lead_id, {
            "mmm_probability": (int(lead_id) * 7919 + turn * 31) % 10007 / 10007,
            "mmm_grade": "ABCD"[int(lead_id) % 4],
            "mmm_reason_1": f"Came back to the price page {int(lead_id) % 9} times",
            "mmm_reason_2": "Company of 50 to 250 people",
            "mmm_reason_3": "No touch for 30 days",
            "mmm_model": "2026-11-01 a1b2c3",
            "mmm_scored_at": stamp,
        })
        for lead_id in ids
    ]  # fmt: skip


def text(record):
    return "\n".join(f"{name}: {value}" for name, value in record.fields.items())


class Clock:
    """CPU-seconds of this process and of the server: a busy machine says little by the wall."""

    server = None

    def now(self):
        fields = Path(f"/proc/{self.server}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


CLOCK = Clock()


def timed(work, *args, **more):
    begun = CLOCK.now()
    result = work(*args, **more)
    return CLOCK.now() - begun, result


class Bare:
    """The calls that one would write by hand."""

    def __init__(self, connection):
        self.call, self.attachments = connection.call, {}

    def create(self, batch):
        values = [
            {"resource": f"sale.opportunity,{r.lead_id}", "name": "bare", "type": "link",
             "description": text(r)}
            for r in batch
        ]  # fmt: skip
        made = self.call("ir.attachment.create", values, changes=True)
        self.attachments.update(zip([r.lead_id for r in batch], made, strict=True))

    def write(self, batch):
        pairs = []
        for r in batch:
            pairs += [[self.attachments[r.lead_id]], {"description": text(r)}]
        self.call("ir.attachment.write", *pairs, changes=True)

    def both(self, batch):
        pairs = []
        for r in batch:
            value = round(r.fields["mmm_probability"], 4)
            pairs += [[int(r.lead_id)], {"conversion_probability": value}]
        self.call("sale.opportunity.write", *pairs, changes=True)
        self.write(batch)


def measure(label, target, bare, ids, turn):
    spent = [0.0, 0.0, 0.0]
    for start in range(0, len(ids), CHUNK):
        batch = records(ids[start : start + CHUNK], turn)
        spent[0] += timed(bare, records(ids[start : start + CHUNK], turn + 1))[0]
        spent[1] += timed(target.read, [r.lead_id for r in batch])[0]
        seconds, refused = timed(target.write, batch)
        spent[2] += seconds
        assert refused == ()
    alone, read, write = spent
    print(
        f"{label:12} bare {alone:6.1f} s   write {write:6.1f} CPU-s ({write / alone:4.2f}x, "
        f"{len(ids) / write:5.0f} leads a CPU-s)   read + write {read + write:6.1f} s "
        f"({(read + write) / alone:4.2f}x)"
    )


def scores_of(ids, turn):
    """The same as scores."""
    given = records(ids, turn)
    reasons = np.empty(len(ids), dtype=object)
    reasons[:] = [tuple(r.fields[f"mmm_reason_{k}"] for k in (1, 2, 3)) for r in given]
    return LeadScores(
        np.array(ids, dtype=object),
        np.array([r.fields["mmm_probability"] for r in given]),
        np.array([r.fields["mmm_grade"] for r in given], dtype=object),
        reasons,
        pd.Timestamp(given[0].fields["mmm_scored_at"]),
        given[0].fields["mmm_model"],
    )


def measure_night(tryton, bare, ids, others, folder):
    """Print a first night of opportunities beside bare calls on some others, before and after."""
    halves = others[::2], others[1::2]
    job = Job(Path(folder) / "ledger.sqlite", guards=Guards(insist=True))
    alone = bare_night(bare, halves[0])
    target = open_target(tryton.address, environ=tryton.environ)
    night, done = timed(write_scores, scores_of(ids, 7), target, job)
    assert done.n_written == len(ids)
    alone = (alone + bare_night(bare, halves[1])) * len(ids) / len(others)
    print(
        f"{'night':12} bare {alone:6.1f} CPU-s   whole {night:6.1f} CPU-s "
        f"({night / alone:4.2f}x, {len(ids) / night:5.0f} leads a CPU-s)",
        flush=True,
    )


def bare_night(bare, ids):
    """Return what the bare calls take."""
    return sum(
        timed(bare.create, records(ids[start : start + CHUNK], 7))[0]
        for start in range(0, len(ids), CHUNK)
    )


def main(n, part):
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as tryton:
        CLOCK.server = tryton.process.pid
        ids = [lead for _ in range(0, n, 250) for lead in tryton.create(250)]
        target = open_target(tryton.address, environ=tryton.environ)
        native = open_target(
            f"{tryton.address}?probability=conversion_probability", environ=tryton.environ
        )
        target.prepare()
        native.prepare()
        bare = Bare(target._connection)
        others = [lead for _ in range(0, n, 1000) for lead in tryton.create(250)]
        measure_night(tryton, bare, ids, others, folder)
        if part == "night":
            return
        ids = [lead for _ in range(0, n, 250) for lead in tryton.create(250)]
        measure("first", target, bare.create, ids, 1)
        measure("again", target, bare.write, ids, 3)
        measure("probability", native, bare.both, ids, 5)
        batches = [records(ids[k : k + CHUNK], 5) for k in range(0, n, CHUNK)]
        native.read(ids)
        before = native._connection.n_changes
        seconds = sum(timed(native.write, batch)[0] for batch in batches)
        print(f"nothing new  {native._connection.n_changes - before} calls, {seconds:.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, *(sys.argv[2:] or [None]))
