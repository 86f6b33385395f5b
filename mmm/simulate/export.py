"""Writing a company to plain files whose bytes depend on nothing but its values."""

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd


def write_company(
    folder: Path, tables: Mapping[str, pd.DataFrame], truth: Mapping[str, Any]
) -> list[Path]:
    """Write tables as CSV (UTF-8, comma, point, instants with Z) and the truth as JSON.

    Returns
    -------
    list of Path
        The files, in alphabetical order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, frame in tables.items():
        path = folder / f"{name}.csv"
        _write_table(path, frame)
        files.append(path)
    return sorted([*files, write_truth(folder / "truth.json", truth)])


def write_truth(path: Path, truth: Mapping[str, Any]) -> Path:
    """Write what generated the tables as JSON."""
    path.write_text(_as_json(truth), encoding="utf-8", newline="\n")
    return path


def write_hashes(folder: Path, files: list[Path]) -> Path:
    """Write SHA256SUMS in the form that ``sha256sum --check`` reads."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in files
    ]
    target = folder / "SHA256SUMS"
    target.write_text("".join(lines), encoding="utf-8", newline="\n")
    return target


def _write_table(path: Path, frame: pd.DataFrame) -> None:
    columns = [_as_text(frame[name]) for name in frame.columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(frame.columns)
        writer.writerows(zip(*columns, strict=True))


def _as_text(column: "pd.Series[Any]") -> list[str]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        written = column.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    elif pd.api.types.is_datetime64_dtype(column.dtype):
        written = column.dt.strftime("%Y-%m-%d")
    elif pd.api.types.is_float_dtype(column.dtype):
        written = column.map("{:.2f}".format)
    elif pd.api.types.is_bool_dtype(column.dtype):
        written = column.map({True: "true", False: "false"})
    else:
        written = column
    return [
        "" if missing else str(value) for value, missing in zip(written, column.isna(), strict=True)
    ]


def _as_json(truth: Mapping[str, Any]) -> str:
    """Write one key or table column a line: readable, and a small difference stays small."""
    return _indented(dict(truth), 0) + "\n"


def _indented(value: object, depth: int) -> str:
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    pad = "  " * (depth + 1)
    rows = [
        f"{pad}{json.dumps(str(key), ensure_ascii=False)}: {_indented(inner, depth + 1)}"
        for key, inner in value.items()
    ]
    return "{\n" + ",\n".join(rows) + "\n" + "  " * depth + "}"
