"""A raw touch log to four models: CPU-seconds and memory, beside one DuckDB pass over the log.

The log is written by the simulator, in random order. Every line is a process of its own: DuckDB
ordering the log by person and time; paths aggregated inside DuckDB, then first, last and linear
touch and a Markov chain with their intervals; the same from journeys built touch by touch. Run it
with another number of touches, a folder for the files, and a memory limit for DuckDB:

    python benchmarks/touch_log.py 10000000 --folder LOG --memory 500MB

`--spark` aggregates the log on a local Spark too (extra `spark`, Java) and compares row for row.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mmm.simulate.log import LogSettings, write_log

PASS = """
import duckdb, sys
connection = duckdb.connect()
if sys.argv[3]:
    connection.execute("set memory_limit = '" + sys.argv[3] + "'")
connection.execute("set temp_directory = '" + sys.argv[2] + "/spill'")
connection.execute("create temp table sorted as select person_id, account_id, touched_at, channel "
                   "from '" + sys.argv[1] + "/touches.parquet' order by person_id, touched_at")
print(connection.execute("select count(*) from sorted").fetchone()[0], "touches in order")
"""
MODELS = """
from mmm.attribution import first_touch, last_touch, linear, markov
for model in (first_touch, last_touch, linear, markov):
    result = model(journeys)
print(repr(journeys))
"""
AGGREGATE = """
import sys
from mmm.journeys import aggregate_paths, local_engine
engine = local_engine(sys.argv[3] or None, sys.argv[2] + "/spill")
journeys = aggregate_paths(sys.argv[1] + "/touches.parquet", sys.argv[1] + "/deals.parquet",
                           engine=engine)
"""
BUILD = """
import sys
from mmm.journeys import build_journeys
journeys = build_journeys(sys.argv[1] + "/touches.parquet", sys.argv[1] + "/deals.parquet")
"""
SPARK = """
import sys, warnings
warnings.simplefilter("ignore")
import ibis, numpy as np
from pyspark.sql import SparkSession
from mmm.journeys import aggregate_paths
session = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
           .config("spark.sql.session.timeZone", "UTC").config("spark.driver.memory", "4g")
           .config("spark.sql.shuffle.partitions", "8").getOrCreate())
session.sparkContext.setLogLevel("OFF")
files = sys.argv[1] + "/touches.parquet", sys.argv[1] + "/deals.parquet"
one = aggregate_paths(*files, engine=ibis.pyspark.connect(session))
other = aggregate_paths(*files)
same = [np.array_equal(getattr(one, n), getattr(other, n)) for n in
        ("touch", "start", "conversions", "nulls", "value", "value_squares", "cluster")]
print(repr(one), "equal to DuckDB row for row:", all(same))
"""


def measure(program: str, arguments: list[str]) -> tuple[float, float, float, str]:
    """Return CPU-seconds, wall seconds, peak MiB and the last line of a program."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=out)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        lines = out.read().strip().splitlines()
    said = lines[-1] if lines and not process.returncode else "failed"
    wall = time.perf_counter() - start
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, said


def main() -> None:
    """Write the log and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("touches", type=int, nargs="?", default=10_000_000)
    parser.add_argument("--folder", type=Path, help="for the log; kept, and used again")
    parser.add_argument("--memory", default="", help="limit for DuckDB, such as 500MB")
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--no-build", action="store_true", help="leave build_journeys out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder and options.folder.parent) as scratch:
        folder = options.folder or Path(scratch)
        if not (folder / "touches.parquet").exists():
            start = time.process_time()
            log = write_log(folder, LogSettings(n_touches=options.touches))
            print(f"{log.n_touches:,} touches, {log.n_deals:,} deals written in "
                  f"{time.process_time() - start:.0f} CPU-seconds", flush=True)  # fmt: skip
        lines = {"DuckDB orders the log": PASS, "aggregate_paths, four models": AGGREGATE + MODELS}
        if not options.no_build:
            lines["build_journeys, four models"] = BUILD + MODELS
        if options.spark:
            lines["Spark and DuckDB, no models"] = SPARK
        print(
            f"\n| work | CPU-s | x DuckDB | wall s | peak MiB |{'':26}\n|---|---:|---:|---:|---:|"
        )
        yardstick = 0.0
        for name, program in lines.items():
            cpu, wall, peak, said = measure(program, [str(folder), scratch, options.memory])
            yardstick = yardstick or cpu
            ratio = f"{cpu / yardstick:.1f}"
            print(f"| {name} | {cpu:.1f} | {ratio} | {wall:.0f} | {peak:.0f} | {said}", flush=True)


if __name__ == "__main__":
    main()
