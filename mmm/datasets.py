"""The small synthetic company that the package ships: its tables, its truth, its files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from mmm.errors import InputError, quoted

_NAMES = ("touches", "deals", "leads", "contacts", "roles", "spend", "costs", "stages", "weekly")


def names() -> list[str]:
    """Return the names of the tables.

    Examples
    --------
    >>> names()
    ['touches', 'deals', 'leads', 'contacts', 'roles', 'spend', 'costs', 'stages', 'weekly']
    """
    return list(_NAMES)


def path(name: str) -> Path:
    """Return the CSV file of one table.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    Path
        A file in UTF-8, comma separated.

    Raises
    ------
    InputError
        When there is no such table.

    Examples
    --------
    >>> path("deals").name
    'deals.csv'
    """
    if name not in _NAMES:
        raise InputError(f"there is no dataset {name!r}; choose one of {quoted(_NAMES, 9)}")
    return _folder() / f"{name}.csv"


def load(name: str) -> pd.DataFrame:
    """Load one table of the synthetic company.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    DataFrame
        As the reader of that table returns it; ``weekly`` has a date and floats.

    Raises
    ------
    InputError
        When there is no such table.

    Examples
    --------
    >>> sorted(load("deals")["kind"].unique())
    ['expansion', 'new', 'renewal']
    >>> load("weekly")["date"].iloc[0]
    Timestamp('2024-01-01 00:00:00')
    """
    file = path(name)
    if name == "weekly":
        return pd.read_csv(file, parse_dates=["date"]).astype({"date": "datetime64[us]"})
    # Inside the function: whoever needs only a path does not pay for the readers.
    from mmm import tables

    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        "touches": tables.read_touches,
        "deals": tables.read_deals,
        "leads": tables.read_leads,
        "contacts": tables.read_contacts,
        "roles": tables.read_roles,
        "spend": tables.read_spend,
        "costs": tables.read_costs,
        "stages": tables.read_stages,
    }
    return readers[name](file)


def truth() -> dict[str, Any]:
    """Return what generated the tables.

    Returns
    -------
    dict
        As `mmm.simulate.Truth.to_dict` describes it.

    Examples
    --------
    >>> truth()["settings"]["n_accounts"]
    250
    """
    content: dict[str, Any] = json.loads((_folder() / "truth.json").read_text(encoding="utf-8"))
    return content


def _folder() -> Path:
    installed = Path(__file__).parent / "_datasets"
    folder = installed if installed.is_dir() else Path(__file__).parent.parent / "datasets"
    if not folder.is_dir():
        raise InputError(
            f"the datasets are neither in {installed} nor in {folder}; "
            "write them with: python -m mmm.simulate datasets"
        )
    return folder
