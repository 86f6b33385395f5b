"""`mmm doctor`: whether this computer has what the package needs."""

import importlib.metadata
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import typer

from mmm.cli.options import Json
from mmm.cli.shell import print_json

DISTRIBUTION = "mmm-research"
State = Literal["ok", "note", "fault"]
_MARKS = {"ok": "ok   ", "note": "note ", "fault": "FAULT"}
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*?)\s*(?:;\s*(.*))?$")
_PART = re.compile(r"(>=|<=|<|>|==|!=|~=)\s*([0-9][0-9a-z.]*)")
_DEVELOPERS = frozenset({"test", "docs"})


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Attributes
    ----------
    name : str
    state : {"ok", "note", "fault"}
        A note takes something away that is optional; a fault has to be mended.
    found : str
    cure : str
        Empty where there is nothing to do.
    """

    name: str
    state: State
    found: str
    cure: str = ""


def doctor(as_json: Json = False) -> None:
    """Look at this computer."""
    checks = examine()
    faults = [check for check in checks if check.state == "fault"]
    if as_json:
        print_json({"healthy": not faults, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            cure = f". {check.cure}" if check.cure else ""
            print(f"{_MARKS[check.state]} {check.name}: {check.found}{cure}")
        print("All is well." if not faults else f"{len(faults)} to mend.")
    raise typer.Exit(1 if faults else 0)


def examine() -> list[Check]:
    """Look at everything; a check that fails itself is a fault, not a crash."""
    looks: list[Callable[[], Iterator[Check]]] = [
        _python,
        _libraries,
        _extras,
        _chromium,
        _zones,
        _folders,
        _threads,
        _known_answer,
    ]
    return [check for look in looks for check in _tried(look)]


def _tried(look: Callable[[], Iterator[Check]]) -> list[Check]:
    try:
        return list(look())
    except Exception as error:
        name = look.__name__.strip("_").replace("_", " ")
        return [Check(name, "fault", f"{type(error).__name__}: {error}", "Install mmm again.")]


def _python() -> Iterator[Check]:
    found = ".".join(map(str, sys.version_info[:3]))
    asked = importlib.metadata.metadata(DISTRIBUTION)["Requires-Python"] or ""
    good = accepts(asked, found)
    cure = "" if good else f"Use a Python {asked}."
    yield Check("Python", "ok" if good else "fault", f"{found}, supported {asked}", cure)


def accepts(asked: str, found: str) -> bool:
    """Tell whether a version is in a range such as ``>=3.11,<3.14``.

    Examples
    --------
    >>> accepts(">=3.11,<3.14", "3.12.1"), accepts(">=2.1", "2.0.9"), accepts("", "1")
    (True, False, True)
    """
    have = _numbers(found)
    holds = {
        ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
        "<": lambda a, b: a < b, "!=": lambda a, b: a != b, "==": lambda a, b: a == b,
        "~=": lambda a, b: a >= b and a[:1] == b[:1],
    }  # fmt: skip
    return all(holds[sign](*_alike(have, _numbers(bound))) for sign, bound in _PART.findall(asked))


def _numbers(version: str) -> tuple[int, ...]:
    plain = re.match(r"[0-9.]*", version)
    return tuple(int(part) for part in plain[0].split(".") if part) if plain else ()


def _alike(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    width = max(len(a), len(b))
    return a + (0,) * (width - len(a)), b + (0,) * (width - len(b))


def requirements() -> Iterator[tuple[str, str, str]]:
    """Yield name, range and extra ("" for none) of what the package asks for."""
    for line in importlib.metadata.requires(DISTRIBUTION) or ():
        found = _REQUIREMENT.match(line)
        if found is not None:
            extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", found[3] or "")
            yield found[1], found[2].strip("() "), extra[1] if extra else ""


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _libraries() -> Iterator[Check]:
    yield Check("mmm", "ok", importlib.metadata.version(DISTRIBUTION))
    for name, asked, extra in requirements():
        if extra:
            continue
        found = _version(name)
        cure = f"pip install '{name}{asked}'"
        if found is None:
            yield Check(name, "fault", "missing", cure)
        elif not accepts(asked, found):
            yield Check(name, "fault", f"{found}, supported {asked}", cure)
        else:
            yield Check(name, "ok", found)


def _extras() -> Iterator[Check]:
    """Say which optional parts are there; those for developers of the package are left out."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, asked, extra in requirements():
        if extra and extra not in _DEVELOPERS and name != DISTRIBUTION:
            groups.setdefault(extra, []).append((name, asked))
    for extra, members in groups.items():
        absent = [name for name, _ in members if _version(name) is None]
        old = [n for n, a in members if (v := _version(n)) is not None and not accepts(a, v)]
        cure = f"pip install {' '.join(name.lower() for name, _ in members)}"
        if absent:
            missing = f"{', '.join(absent)} not installed"
            yield Check(f"extra {extra}", "note", missing, f"Where wanted: {cure}")
        elif old:
            yield Check(f"extra {extra}", "note", f"{', '.join(old)} not in the range", cure)
        else:
            yield Check(f"extra {extra}", "ok", ", ".join(name for name, _ in members))


def _chromium() -> Iterator[Check]:
    from mmm.report.formats.pdf import CURE, find_chromium

    found = find_chromium()
    if found is None:
        yield Check("Chromium", "note", "not found, so that there are no PDFs", CURE)
    else:
        yield Check("Chromium", "ok", found)


def _zones() -> Iterator[Check]:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo("Europe/Rome")
    except ZoneInfoNotFoundError:
        yield Check("time zones", "fault", "Europe/Rome is unknown", "pip install tzdata")
    else:
        yield Check("time zones", "ok", "Europe/Rome is known")


def _folders() -> Iterator[Check]:
    """Write a file where temporary files go, and where matplotlib keeps its fonts."""
    places = {"temporary folder": tempfile.gettempdir()}
    cache = os.environ.get("MPLCONFIGDIR")
    places |= {"folder of figures": cache} if cache else {}
    for name, place in places.items():
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"mmm")
        except OSError as error:
            cure = "Set TMPDIR" if name.startswith("temporary") else "Set MPLCONFIGDIR"
            reason = f"{place} cannot be written ({error.strerror})"
            yield Check(name, "fault", reason, f"{cure} to a folder that you may write to.")
        else:
            yield Check(name, "ok", str(place))


def _threads() -> Iterator[Check]:
    import numpy as np  # loads the libraries that are asked
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    np.eye(2) @ np.eye(2)
    cores = os.cpu_count() or 1
    pools = [pool for pool in threadpool_info() if pool.get("user_api") == "blas"]
    most = max((int(pool["num_threads"]) for pool in pools), default=1)
    said = f"{most} of {cores} cores"
    if most > cores:
        yield Check("BLAS threads", "note", said, f"Set OMP_NUM_THREADS={cores} or less.")
    else:
        yield Check("BLAS threads", "ok", said)


def _known_answer() -> Iterator[Check]:
    """Fit a Markov model whose answer is known by hand.

    Of a > b (won), b (won) and a (lost) b is in all that was won: without b nothing is won, and
    without a one of the two. Removal effects 1/2 and 1, so that the shares are 1/3 and 2/3.
    """
    from mmm.attribution import markov
    from mmm.journeys import Journeys

    paths = ["a > b", "b", "a"]
    journeys = Journeys.from_paths(paths, conversions=[1, 1, 0], nulls=[0, 0, 1])
    frame = markov(journeys, measure="conversions").to_frame()
    shares = dict(zip(frame["channel"], frame["share"], strict=True))
    known = {"a": 1 / 3, "b": 2 / 3}
    good = all(abs(shares[name] - known[name]) < 1e-9 for name in known)
    said = ", ".join(f"{name} {shares[name]:.4f}" for name in known)
    cure = "" if good else "The numbers of this installation are wrong: install mmm again."
    yield Check("known answer", "ok" if good else "fault", f"Markov shares {said}", cure)
