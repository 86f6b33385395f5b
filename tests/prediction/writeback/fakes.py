"""A customer system of the tests: in memory or in a file, failing as a script says."""

import random
import sqlite3

import numpy as np
import pandas as pd

from mmm.crm.target import FIELDS, Refusal
from mmm.errors import TargetBusy, TargetError, TargetUnsure
from mmm.prediction import LeadScores

CHUNK = 10


class Killed(BaseException):
    """Stands for a kill in tests that stay in one process."""


class FakeTarget:
    """Keeps fields by lead; `before` and `after` are asked at each write, and may raise.

    `history` holds the different values that each lead has had.
    """

    def __init__(self, leads, *, name="fake:crm", chunk_size=CHUNK):
        leads = list(leads)
        self.name, self.chunk_size = name, chunk_size
        self.rows = {lead: dict.fromkeys(FIELDS) for lead in leads}
        self.history = {lead: [] for lead in leads}
        self.n_reads = self.n_writes = self.n_closed = 0
        self.before = self.after = self.on_read = lambda records: None
        self.refuse = lambda record: None

    def prepare(self, *, dry_run=False):
        return FIELDS

    def read(self, lead_ids):
        self.n_reads += 1
        self.on_read(lead_ids)
        return {lead: dict(self.rows[lead]) for lead in lead_ids if lead in self.rows}

    def write(self, records):
        assert 0 < len(records) <= self.chunk_size
        assert len({record.lead_id for record in records}) == len(records)
        self.n_writes += 1
        self.before(records)
        refused = []
        for record in records:
            refusal = self.refuse(record)
            if record.lead_id not in self.rows:
                refusal = Refusal(record.lead_id, "no such lead")
            if refusal is not None:
                refused.append(refusal)
                continue
            row = self.rows[record.lead_id]
            if any(row[name] != value for name, value in record.fields.items()):
                self.history[record.lead_id].append(dict(record.fields))
            row.update(record.fields)
        self.after(records)
        return tuple(refused)

    def close(self):
        self.n_closed += 1


class Weather:
    """Failures drawn at random: busy, cut before or after the effect, and kills."""

    def __init__(self, seed, share, kills=0.0):
        self.random, self.share, self.kills = random.Random(seed), share, kills

    def before(self, records):
        draw = self.random.random()
        if draw < self.kills / 2:
            raise Killed
        if draw < self.kills / 2 + self.share / 2:
            raise TargetBusy("429", self.random.choice([None, 1.0]))
        if draw < self.kills / 2 + self.share * 0.75:
            raise TargetUnsure("cut before it arrived")

    def after(self, records):
        draw = self.random.random()
        if draw < self.kills / 2:
            raise Killed
        if draw < self.kills / 2 + self.share / 4:
            raise TargetUnsure("cut after it was carried out")

    def on(self, target):
        target.before, target.after = self.before, self.after
        return target


class LiteTarget:
    """A system in an SQLite file, for processes that are killed; counts every change of a lead."""

    chunk_size = CHUNK

    def __init__(self, path, pause=lambda: None):
        self.path, self.pause = path, pause
        self.name = f"lite:{path}"

    @staticmethod
    def make(path, leads):
        with sqlite3.connect(path) as connection:
            columns = ", ".join(FIELDS)
            connection.execute(f"CREATE TABLE lead(id PRIMARY KEY, n_changes DEFAULT 0, {columns})")
            connection.executemany("INSERT INTO lead(id) VALUES (?)", [(lead,) for lead in leads])
        connection.close()

    def rows(self):
        connection = sqlite3.connect(self.path)
        found = connection.execute(f"SELECT id, n_changes, {', '.join(FIELDS)} FROM lead")
        rows = {row[0]: (row[1], dict(zip(FIELDS, row[2:], strict=True))) for row in found}
        connection.close()
        return rows

    def read(self, lead_ids):
        rows = self.rows()
        return {lead: rows[lead][1] for lead in lead_ids if lead in rows}

    def write(self, records):
        self.pause()
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        for record in records:
            names = list(record.fields)
            values = [record.fields[name] for name in names]
            other = " OR ".join(f"{name} IS NOT ?" for name in names)
            connection.execute(
                f"UPDATE lead SET n_changes = n_changes + 1, "
                f"{', '.join(f'{name} = ?' for name in names)} WHERE id = ? AND ({other})",
                (*values, record.lead_id, *values),
            )
        self.pause()
        connection.execute("COMMIT")
        connection.close()
        self.pause()
        return ()

    def close(self):
        pass


def make_scores(n=95, *, seed=0, model="v1", day="2025-03-01", leads=None):
    """Scores of leads, grades by quarter."""
    rng = np.random.default_rng(seed)
    leads = [f"L{i:05d}" for i in range(n)] if leads is None else leads
    p = rng.random(len(leads))
    grade = np.array(list("DCBA"), dtype=object)[np.minimum((p * 4).astype(int), 3)]
    reasons = np.empty(len(leads), dtype=object)
    reasons[:] = [("It asked for a price.", "It came from a fair.")] * len(leads)
    return LeadScores(
        np.array(leads, dtype=object), p, grade, reasons, pd.Timestamp(day, tz="UTC"), model
    )


def values_of(scores, row):
    """What is written of one lead, from the definition."""
    reasons = [*(scores.reasons[row] or ()), None, None, None]
    return {
        "mmm_probability": round(float(scores.probability[row]), 4),
        "mmm_grade": str(scores.grade[row]),
        **{f"mmm_reason_{n + 1}": (reasons[n] or "")[:255] or None for n in range(3)},
        "mmm_model": scores.model_version,
        "mmm_scored_at": scores.scored_at.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%S+00:00"),
    }


def wanted(scores):
    """What every lead is to hold."""
    return {str(lead): values_of(scores, row) for row, lead in enumerate(scores.lead_id)}


def changed(scores, rows, *, to=None):
    """The same scores, some leads a little up or at a probability."""
    p = scores.probability.copy()
    p[rows] = to if to is not None else np.where(p[rows] > 0.5, p[rows] - 0.03, p[rows] + 0.03)
    grade = np.array(list("DCBA"), dtype=object)[np.minimum((p * 4).astype(int), 3)]
    return LeadScores(
        scores.lead_id.copy(), p, grade, scores.reasons.copy(), scores.scored_at,
        scores.model_version,
    )  # fmt: skip


__all__ = ["CHUNK", "FakeTarget", "Killed", "LiteTarget", "TargetError", "Weather", "changed",
           "make_scores", "values_of", "wanted"]  # fmt: skip
