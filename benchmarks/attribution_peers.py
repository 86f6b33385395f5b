"""Attribution beside other packages: the same paths, each package in an environment of its own.

Two tables. The first holds every model of every package against the exact answer on PathData: total
variation between shares of conversions. The second gives CPU-seconds and peak memory of whole
processes (start, read a CSV, first, last and linear touch and an order-1 Markov chain, print), and
of chains of orders 3 and 4. CPU-seconds hold on a busy machine where wall time does not; those of
the user alone hold where a virtual machine takes its time to hand out memory.

    python benchmarks/attribution_peers.py PEERS [--paths PathData.csv.gz] [--rows 1000000]

PEERS is a folder for the environments; what is missing there is installed with pip. A package that
fails to install, to run or to end within the limit is listed as such. With --repeat the figure is
the median of so many runs, taken in turns; --packages takes some of them alone.
"""

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

REQUIREMENTS = {
    "ChannelAttribution": ["ChannelAttribution==2.2.5", "matplotlib"],
    "marketing-attribution-models": ["marketing-attribution-models==2.1.1"],
    "mta": ["mta==0.0.9"],
    "shapley-attribution": ["shapley-attribution==2.1.0", "pandas", "matplotlib"],
    "do-attribution": ["do-attribution==0.0.2"],
}

# Each reads sys.argv[1] (path, conversions, value, nulls) and prints {model: {channel: number}}
# as its last line. sys.argv[2] is the order of the chain.
READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pandas as pd
d = pd.read_csv(sys.argv[1])
order = int(sys.argv[2])
found = {}
"""
SAY = """
print()
print(json.dumps({m: {str(c): float(v) for c, v in s.items()} for m, s in found.items()}))
"""
OURS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pyarrow.csv
from mmm.journeys import Journeys
from mmm.attribution import first_touch, last_touch, linear, markov
if BARE:
    from mmm.attribution.uncertainty import Interval
    for name in ("rules", "markov"):
        sys.modules[f"mmm.attribution.{name}"].share_interval = (
            lambda journeys, of, share, *rest: Interval(share * float("nan"), share * float("nan"))
        )
d = pyarrow.csv.read_csv(sys.argv[1])
order = int(sys.argv[2])
given = {"value": d["value"]} if VALUE else {}
journeys = Journeys.from_paths(d["path"], d["conversions"], nulls=d["nulls"], merge=True, **given)
found = {}
for measure in ["conversions", "value"] if VALUE else ["conversions"]:
    models = {"first": first_touch, "last": last_touch, "linear": linear} if order == 1 else {}
    for name, model in models.items():
        r = model(journeys, measure=measure)
        found.setdefault(name, dict(zip(r.channels, r.share)))
    r = markov(journeys, order=order, measure=measure)
    found.setdefault("markov", dict(zip(r.channels, r.share)))
"""
CHANNEL_ATTRIBUTION = """
import ChannelAttribution as ca
extra = {"var_value": "value"} if VALUE else {}
if order == 1:
    h = ca.heuristic_models(d, "path", "conversions", **extra).set_index("channel_name")
    for name in ["first", "last", "linear"]:
        found[name] = h[[c for c in h if c.startswith(name) and "value" not in c][0]]
m = ca.markov_model(d, "path", "conversions", var_null="nulls", order=order, **extra)
found["markov"] = m.set_index("channel_name").iloc[:, 0]
"""
MAM = """
from mam import MAM
won = d[d.conversions > 0].assign(hit=True, n=lambda x: x.conversions)
lost = d[d.nulls > 0].assign(hit=False, n=lambda x: x.nulls)
rows = pd.concat([won, lost], ignore_index=True)[["path", "hit", "n"]]
m = MAM(rows, format_type="grouped_journey", channels_colname="path",
        journey_with_conv_colname="hit", occurrences_colname="n")
for name, run in {"first": m.run_first_click, "last": m.run_last_click, "linear": m.run_linear,
                  "markov": m.run_markov}.items():
    r = run().to_pandas().set_index("channel" if "channel" in run().to_pandas() else
                                    run().to_pandas().columns[0])
    found[name] = r.select_dtypes("number").iloc[:, 0]
"""
MTA = """
from mta.mta import MTA
m = MTA(d.rename(columns={"conversions": "total_conversions", "nulls": "total_null",
                          "value": "total_conversion_value"}), allow_loops=False)
m.first_touch().last_touch().linear().markov(sim=False)
for name, key in {"first": "first_touch", "last": "last_touch", "linear": "linear",
                  "markov": "markov"}.items():
    found[name] = m.attribution[key]
"""
SHAPLEY = """
from shapley_attribution import SimplifiedShapleyAttribution
import numpy as np
rows = [p.split(" > ") for p in d.path]
won = np.repeat(np.arange(len(d)), d.conversions)
m = SimplifiedShapleyAttribution().fit([rows[i] for i in won], np.ones(len(won), dtype=int))
found["shapley"] = m.get_attribution()
"""
DO = """
from do_attribution import MarkovAttribution
paths = pd.concat([d.path, d.path])
won = [1] * len(d) + [0] * len(d)
weights = pd.concat([d.conversions, d.nulls])
kept = (weights > 0).to_numpy()
m = MarkovAttribution(order=order, removal_strategy=REMOVAL)
r = m.fit(paths[kept].tolist(), [w for w, k in zip(won, kept) if k], weights[kept].tolist())
found["markov"] = r["attribution"]
"""


@dataclass(frozen=True)
class Entry:
    """One line of the tables: an environment and what it runs."""

    name: str
    environment: str | None
    code: str
    models: str = "first, last, linear, Markov"

    def program(self) -> str:
        """Return the program; ours reads for itself."""
        return self.code + SAY if self.environment is None else READ + self.code + SAY


ENTRIES = [
    Entry("mmm", None, "VALUE = BARE = False\n" + OURS),
    Entry("mmm without intervals", None, "VALUE = False; BARE = True\n" + OURS),
    Entry("ChannelAttribution", "ChannelAttribution", "VALUE = False\n" + CHANNEL_ATTRIBUTION),
    Entry("mmm, with value", None, "VALUE = True; BARE = False\n" + OURS),
    Entry("mmm without intervals, with value", None, "VALUE = BARE = True\n" + OURS),
    Entry(
        "ChannelAttribution, with value",
        "ChannelAttribution",
        "VALUE = True\n" + CHANNEL_ATTRIBUTION,
    ),
    Entry("marketing-attribution-models", "marketing-attribution-models", MAM),
    Entry("mta", "mta", MTA),
    Entry("shapley-attribution", "shapley-attribution", SHAPLEY, "Shapley of sets"),
    Entry("do-attribution", "do-attribution", 'REMOVAL = "fail"\n' + DO, "Markov"),
    Entry(
        "do-attribution, redirect_to_null",
        "do-attribution",
        'REMOVAL = "redirect_to_null"\n' + DO,
        "Markov",
    ),
]


@dataclass(frozen=True)
class Run:
    """What a process gave and used."""

    found: dict[str, dict[str, float]] | None
    cpu: float
    user: float
    mebibytes: float
    problem: str = ""


def install(folder: Path) -> dict[str, Path | None]:
    """Return the interpreter of every environment, None where pip failed."""
    interpreters: dict[str, Path | None] = {}
    for name, requirements in REQUIREMENTS.items():
        python = folder / name / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
            pip = subprocess.run([python, "-m", "pip", "install", "-q", *requirements], check=False)
            if pip.returncode:
                (folder / name / "failed").touch()
        interpreters[name] = None if (folder / name / "failed").exists() else python
    return interpreters


def environment() -> dict[str, str]:
    """Return what every process is given: one thread, and modules compiled once, as installed."""
    cache = str(Path(tempfile.gettempdir()) / "attribution_peers_bytecode")
    kept = {name: said for name, said in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**kept, **threads, "PYTHONPYCACHEPREFIX": cache}


def measure(python: Path | str, program: str, arguments: list[str], limit: int) -> Run:
    """Run a program in a process of its own, within `limit` CPU-seconds."""

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))

    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [python, "-c", program, *arguments],
            stdout=out,
            stderr=errors,
            preexec_fn=bounded,
            cwd=tempfile.gettempdir(),
            env=environment(),
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        lines, complaints = out.read().strip().splitlines(), errors.read().strip().splitlines()
    cpu, mebibytes = (used.ru_utime + used.ru_stime, used.ru_utime), used.ru_maxrss / 1024
    if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return Run(None, *cpu, mebibytes, f"not done within {limit} CPU-seconds")
    if process.returncode or not lines:
        return Run(None, *cpu, mebibytes, complaints[-1][:90] if complaints else "failed")
    return Run(json.loads(lines[-1]), *cpu, mebibytes)


def shares(credit: dict[str, float]) -> dict[str, float]:
    """Return parts of the whole, whatever the case of the names."""
    total = sum(credit.values())
    return {name.strip().lower(): value / total for name, value in credit.items()}


def distance(credit: dict[str, float], exact: dict[str, float]) -> float:
    """Return the total variation between two sets of shares."""
    one, other = shares(credit), shares(exact)
    return sum(abs(one.get(c, 0) - other.get(c, 0)) for c in one.keys() | other.keys()) / 2


def set_shapley(table: pd.DataFrame) -> dict[str, float]:
    """Return each conversion in equal parts to the distinct channels of its path."""
    credit: dict[str, float] = {}
    for path, n in zip(table["path"], table["conversions"], strict=True):
        channels = set(path.split(" > "))
        for channel in channels:
            credit[channel] = credit.get(channel, 0.0) + n / len(channels)
    return credit


def draw_paths(rows: int, file: Path) -> None:
    """Write paths of 12 channels: geometric lengths, one in ten converts."""
    rng = np.random.default_rng(1)
    names = np.array([f"channel {i}" for i in range(12)])
    lengths = 1 + np.minimum(rng.geometric(0.25, rows), 30)
    flat = names[rng.integers(0, len(names), lengths.sum())].tolist()
    ends = np.cumsum(lengths).tolist()
    paths = [" > ".join(flat[a:b]) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    won = (rng.random(rows) < 0.1).astype(int)
    value = (won * rng.lognormal(3, 1, rows)).round(2)
    frame = pd.DataFrame({"path": paths, "conversions": won, "value": value, "nulls": 1 - won})
    frame.to_csv(file, index=False)


def compare(interpreters: dict[str, Path | None], file: Path, limit: int) -> None:
    """Print how far every model of every package is from the exact answer."""
    exact = measure(sys.executable, ENTRIES[0].program(), [str(file), "1"], limit).found
    if exact is None:
        raise SystemExit("our own run failed")
    exact["shapley"] = set_shapley(pd.read_csv(file))
    top = max(exact["markov"], key=lambda channel: exact["markov"][channel])
    print(f"\n| package | model | total variation | share of {top} | exact |")
    print("|---|---|---:|---:|---:|")
    for entry in ENTRIES:
        python = sys.executable if entry.environment is None else interpreters[entry.environment]
        if python is None or "value" in entry.name or "without" in entry.name:
            continue
        run = measure(python, entry.program(), [str(file), "1"], limit)
        for model, credit in (run.found or {}).items():
            share, own = shares(credit).get(top.lower(), 0.0), shares(exact[model])[top.lower()]
            print(
                f"| {entry.name} | {model} | {100 * distance(credit, exact[model]):.4f}% "
                f"| {100 * share:.3f}% | {100 * own:.3f}% |",
                flush=True,
            )
        if run.found is None:
            print(f"| {entry.name} | - | {run.problem} | | |", flush=True)


def clock(
    interpreters: dict[str, Path | None], entries: list[Entry], file: Path, settings: "Settings"
) -> None:
    """Print CPU-seconds and memory of whole processes, and ratios to ours."""
    print("\n| package | models | order | CPU-s | x ours | of it user | x ours | peak MiB | note |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---|")
    for order in settings.orders:
        runs: dict[Entry, list[Run]] = {entry: [] for entry in entries}
        for turn in range(settings.repeat):
            for entry in entries:
                known = entry.environment in (None, "ChannelAttribution")
                python = interpreters[entry.environment] if entry.environment else sys.executable
                if python is None or (order > 1 and (not known or "value" in entry.name)):
                    continue
                if turn and runs[entry][0].problem:
                    continue
                arguments = [str(file), str(order)]
                runs[entry].append(measure(python, entry.program(), arguments, settings.limit))
        ours: dict[bool, tuple[float, float]] = {}
        for entry, made in runs.items():
            if not made:
                continue
            cpu = statistics.median(run.cpu for run in made)
            user = statistics.median(run.user for run in made)
            base = ours.setdefault("value" in entry.name, (cpu, user))
            problem = made[0].problem
            ratio, by_user = (
                ("", "") if problem else (f"{cpu / base[0]:.2f}", f"{user / base[1]:.2f}")
            )
            models = entry.models if order == 1 else "Markov"
            peak = max(run.mebibytes for run in made)
            print(
                f"| {entry.name} | {models} | {order} | {cpu:.2f} | {ratio} "
                f"| {user:.2f} | {by_user} | {peak:.0f} "
                f"| {problem or [round(run.cpu, 2) for run in made]} |",
                flush=True,
            )


@dataclass(frozen=True)
class Settings:
    """How the processes are timed."""

    orders: tuple[int, ...]
    repeat: int
    limit: int


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peers", type=Path, help="folder of the environments")
    beside = Path(__file__).resolve().parents[2] / "shared/data/attribution/PathData.csv.gz"
    parser.add_argument("--paths", type=Path, default=beside, help="PathData of ChannelAttribution")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--limit", type=int, default=300, help="CPU-seconds a process may use")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each, in turns")
    parser.add_argument("--orders", default="1,3,4", help="of the chains that are timed")
    parser.add_argument("--packages", default="", help="some of them alone, such as mmm,mta")
    options = parser.parse_args()
    interpreters = install(options.peers)
    orders = tuple(int(order) for order in options.orders.split(","))
    wanted = set(options.packages.split(",")) if options.packages else {"mmm", *REQUIREMENTS}
    entries = [entry for entry in ENTRIES if (entry.environment or "mmm") in wanted]
    with tempfile.TemporaryDirectory() as folder:
        if options.packages:
            print("some packages alone: no comparison of answers")
        elif options.paths.exists():
            table = pd.read_csv(options.paths).rename(
                columns={
                    "total_conversions": "conversions",
                    "total_conversion_value": "value",
                    "total_null": "nulls",
                }
            )
            table.to_csv(Path(folder) / "path_data.csv", index=False)
            compare(interpreters, Path(folder) / "path_data.csv", options.limit)
        else:
            print(f"PathData is not at {options.paths}: no comparison of answers")
        draw_paths(1000, Path(folder) / "few.csv")
        for entry in entries:  # so that modules are compiled
            python = interpreters[entry.environment] if entry.environment else sys.executable
            if python is not None:
                measure(python, entry.program(), [str(Path(folder) / "few.csv"), "1"], 60)
        draw_paths(options.rows, Path(folder) / "paths.csv")
        settings = Settings(orders, options.repeat, options.limit)
        clock(interpreters, entries, Path(folder) / "paths.csv", settings)


if __name__ == "__main__":
    main()
