"""Run a mix model over many companies, company by company, so that a long run can go on."""

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mmm.errors import SourceError
from mmm.simulate.worlds.answer import Answer, check_answer
from mmm.simulate.worlds.company import World
from mmm.simulate.worlds.grading import GRADED, grade
from mmm.simulate.worlds.scorecard import Scorecard
from mmm.simulate.worlds.streams import Floats

Fit = Callable[[pd.DataFrame, Floats, Sequence[str], Sequence[str]], Answer]
_FIELDS = ("fingerprint", "answer", "failure", "cpu_seconds")


def score(
    fit: Fit,
    worlds: Iterable[World],
    *,
    name: str | None = None,
    folder: str | Path | None = None,
    seconds: float | None = None,
    progress: Callable[[str], object] | None = None,
) -> Scorecard:
    """Grade a mix model.

    Parameters
    ----------
    fit : callable
        ``fit(frame, outcome, channels, controls) -> Answer``. The frame has a column ``date``, the
        channels, the controls and, in a panel, ``region``; the outcome is an array over its rows.
    worlds : iterable of World
        As made by `worlds`.
    name : str, optional
        Of the model; its function's name when missing.
    folder : path, optional
        Where each company's answer is kept as JSON. A company that stands there, made of the same
        data, is not fitted again, so that a run can be interrupted.
    seconds : float, optional
        No further fit begins after so many seconds; what is stored is still read.
    progress : callable, optional
        Is given a line after each company.

    Returns
    -------
    Scorecard

    Raises
    ------
    SourceError
        If the folder holds a file that is no stored answer.

    Notes
    -----
    An exception of `fit`, and an answer that cannot be graded, are kept as a failure of that
    company. CPU-seconds are those of this process and of the children it waited for.
    """
    begun = time.monotonic()
    rows = []
    for world in worlds:
        path = None if folder is None else Path(folder) / f"{world.making}-{world.seed}.json"
        record = None if path is None else _stored(path, world)
        if record is None:
            if seconds is not None and time.monotonic() - begun > seconds:
                continue
            record = _fit_one(fit, world)
            if path is not None:
                _store(path, record)
        rows.append(_row(world, record))
        if progress is not None:
            progress(_line(rows))
    names = ["making", "seed", *GRADED, "cpu_seconds", "failure"]
    return Scorecard(
        name or str(getattr(fit, "__name__", "model")), pd.DataFrame(rows, columns=names)
    )


def _fit_one(fit: Fit, world: World) -> dict[str, Any]:
    before = _cpu_seconds()
    answer, failure = None, None
    try:
        told = fit(world.frame.copy(), world.outcome.copy(), world.channels, world.controls)
        check_answer(told, world.truth.current)
        answer = told.to_dict()
    except Exception as error:  # A model under test may fail in any way; the failure is a result.
        failure = f"{type(error).__name__}: {error}"
    spent = _cpu_seconds() - before
    return dict(zip(_FIELDS, (world.fingerprint(), answer, failure, spent), strict=True))


def _cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _row(world: World, record: dict[str, Any]) -> dict[str, Any]:
    told = record["answer"]
    return {
        "making": world.making,
        "seed": world.seed,
        **grade(world, None if told is None else Answer.from_dict(told)),
        "cpu_seconds": record["cpu_seconds"],
        "failure": record["failure"],
    }


def _line(rows: list[dict[str, Any]]) -> str:
    last = rows[-1]
    told = last["failure"] or f"regret {last['regret']:.1f}, gain {last['gain']:.1f}"
    return f"{len(rows)}: {last['making']} {last['seed']}: {told} ({last['cpu_seconds']:.1f} CPU-s)"


def _stored(path: Path, world: World) -> dict[str, Any] | None:
    """Read what is kept of a company; None where there is nothing, or other data."""
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"{path} is no stored answer ({error}); delete it") from error
    if not isinstance(record, dict) or set(record) != set(_FIELDS):
        raise SourceError(f"{path} is no stored answer; delete it, or choose another folder")
    return record if record["fingerprint"] == world.fingerprint() else None


def _store(path: Path, record: dict[str, Any]) -> None:
    """Write in one step, so that an interrupted run leaves no half of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.part")
    draft.write_text(json.dumps(record, indent=1), encoding="utf-8")
    draft.replace(path)
