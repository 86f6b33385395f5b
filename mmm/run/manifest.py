"""The manifest of a run: what was read, with what and how, so that it can be repeated."""

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from mmm.run.config import Config
from mmm.run.reading import file_names
from mmm.tables.sources import sheet_of

_FILES = {"source", "decisions", "experiments"}  # where they lie is the matter of one computer
_PLACES = {"source", "table", "columns"}  # of a table; what it held is among the inputs
_SECTIONS = ("deals", "touches", "leads", "spend", "costs", "contacts", "roles")
_LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn", "pyarrow", "duckdb")


def manifest(
    config: Config, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp
) -> dict[str, Any]:
    """State what was read and how.

    Parameters
    ----------
    config : Config
    tables : mapping of str to DataFrame
        As read.
    as_of : pandas.Timestamp

    Returns
    -------
    dict
        version, versions (Python and libraries), as_of, currency, inputs (name, source, rows,
        sha256; empty for a database; of spend in several files one entry each, named
        "spend: ads.csv"), seeds, settings (name to value; those of the mix, the scoring, the
        signal, the channels and the tables with their section before them; of the last two those
        that are set).
    """
    inputs = [one for name, table in tables.items() for one in _files(config, name, table)]
    if config.mix.source is not None:
        inputs.append(_input("mix", config.mix.source, None))
    logs = {"decisions": config.mix.decisions, "experiments": config.signal.experiments}
    inputs += [_input(name, log, None) for name, log in logs.items() if log and Path(log).exists()]
    settings = config.journeys.model_dump(exclude_none=True) | config.attribution.model_dump()
    settings |= config.funnel.model_dump(exclude_none=True)
    for name in ("mix", "scoring", "signal"):
        section = getattr(config, name).model_dump(exclude_none=True, exclude=_FILES)
        settings |= {f"{name}.{key}": value for key, value in section.items()}
    settings |= _set(config)
    return {
        "version": version("mmm-research"),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in _LIBRARIES},
        "as_of": as_of.isoformat(),
        "currency": _currency(config, tables),
        "inputs": inputs,
        "seeds": {
            "funnel": config.funnel.seed,
            "mix": config.mix.seed,
            "scoring": config.scoring.seed,
        },
        "settings": settings,
    }


def _set(config: Config) -> dict[str, Any]:
    """State the rules of the channels and how tables are read, where these are not the usual."""
    sections: dict[str, BaseModel] = {"channels": config.channels}
    for name in _SECTIONS:
        files = config.files(name)
        names = [name] if len(files) == 1 else [f"{name}: {file}" for file in file_names(files)]
        sections |= dict(zip(names, files, strict=True))
    return {
        f"{name}.{key}": value
        for name, section in sections.items()
        for key, value in section.model_dump(exclude_defaults=True, exclude=_PLACES).items()
    }


def _currency(config: Config, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the currency of the deals where they name one, else that of the configuration."""
    deals = tables["deals"]
    named = set(deals["currency"].dropna()) if "currency" in deals.columns else set()
    return str(named.pop()) if len(named) == 1 else config.company.currency


def _files(config: Config, name: str, table: pd.DataFrame) -> list[dict[str, Any]]:
    """State what was read for a table: one entry a file."""
    files = config.files(name)
    if len(files) == 1:
        return [_input(name, files[0].source, len(table))]
    rows = table.attrs["rows"]
    return [
        _input(f"{name}: {file}", section.source, n)
        for file, section, n in zip(file_names(files), files, rows, strict=True)
    ]


def _input(name: str, source: str, rows: int | None) -> dict[str, Any]:
    is_file = "://" not in source
    file, _ = sheet_of(Path(source), None)
    return {
        "name": name,
        "source": Path(source).name if is_file else source.partition("://")[0],
        "rows": rows,
        "sha256": _digest(file) if is_file else "",
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
