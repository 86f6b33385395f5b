"""What is on the shelf: the datasets, their tables and files, and how each one is read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, overload

import pandas as pd

from mmm.errors import InputError, quoted

# Dataset: its tables, each with its file. The small company lies in the folder itself.
_FILES = {
    "small": {
        name: f"{name}.csv"
        for name in (
            "touches", "deals", "leads", "contacts", "roles", "spend", "costs", "stages", "weekly",
        )
    },
    "confounded": {"weekly": "weekly.csv"},
    "dirty_italian": {
        "deals": "trattative.csv",
        "leads": "lead.csv",
        "touches": "attivita.csv",
        "contacts": "contatti.csv",
        "spend": "spesa.csv",
    },
    "shop": {name: f"{name}.csv" for name in ("touches", "deals", "spend", "weekly")},
}  # fmt: skip

# How the dirty export is read: what each heading means, and which of two equal ids holds.
_ITALIAN: dict[str, dict[str, Any]] = {
    "deals": {
        "columns": {
            "deal_id": "ID trattativa",
            "person_id": "ID contatto",
            "account_id": "Codice azienda",
            "created_at": "Data creazione",
            "closed_at": "Data chiusura",
            "won": "Esito",
            "value": "Importo",
            "kind": "Tipo",
            "stage": "Fase",
            "owner": "Proprietario",
        },
        "on_duplicate": "last",
        "tz": "Europe/Rome",
    },
    "leads": {
        "columns": {
            "lead_id": "ID lead",
            "person_id": "ID contatto",
            "account_id": "Codice azienda",
            "created_at": "Data creazione",
            "source": "Origine",
            "stage": "Stato lead",
            "mql_at": "Data MQL",
            "sql_at": "Data SQL",
            "first_contacted_at": "Prima chiamata",
            "ended_at": "Data fine",
            "discard_reason": "Motivo scarto",
        },
        "tz": "Europe/Rome",
    },
    "touches": {
        "columns": {
            "person_id": "ID contatto",
            "account_id": "Codice azienda",
            "touched_at": "Data e ora",
            "source": "Origine",
            "medium": "Mezzo",
            "campaign": "Campagna",
        },
        "tz": "Europe/Rome",
    },
    "contacts": {
        "columns": {
            "person_id": "ID contatto",
            "account_id": "Codice azienda",
            "email": "Indirizzo email",
            "role": "Qualifica",
        },
        "on_duplicate": "last",
    },
    "spend": {"columns": {"date": "Settimana", "channel": "Canale", "spend": "Spesa"}},
}
_WITH_TOTALS = {"deals": "cp1252", "spend": "utf-8"}


def names() -> list[str]:
    """Return the names of the datasets.

    Examples
    --------
    >>> names()
    ['small', 'confounded', 'dirty_italian', 'shop']
    """
    return list(_FILES)


def tables(name: str = "small") -> list[str]:
    """Return the names of the tables of a dataset.

    Parameters
    ----------
    name : str, default "small"
        One of `names`.

    Examples
    --------
    >>> tables()
    ['touches', 'deals', 'leads', 'contacts', 'roles', 'spend', 'costs', 'stages', 'weekly']
    >>> tables("shop")
    ['touches', 'deals', 'spend', 'weekly']
    """
    return list(_FILES[_known(name)])


def path(name: str, table: str | None = None) -> Path:
    """Return the folder of a dataset, or the file of one of its tables, as it was exported.

    Parameters
    ----------
    name : str
        One of `names`, or a table of the small company.
    table : str, optional
        One of ``tables(name)``.

    Returns
    -------
    Path
        CSV files; all but those of "dirty_italian" are in UTF-8, comma separated.

    Raises
    ------
    InputError
        When there is no such dataset or table.

    Examples
    --------
    >>> path("deals").name
    'deals.csv'
    >>> path("dirty_italian", "deals").name
    'trattative.csv'
    """
    dataset, wanted = _asked(name, table)
    folder = _home(dataset)
    return folder if wanted is None else folder / _FILES[dataset][wanted]


def copy(name: str, folder: str | Path) -> list[Path]:
    """Copy the tables of a dataset as files, to work on them as on an export of one's own.

    Parameters
    ----------
    name : str
        One of `names`.
    folder : path
        Created where it does not exist.

    Returns
    -------
    list of Path
        The copies. The truth is not among them.

    Raises
    ------
    InputError
        When there is no such dataset, or a file of that name is there already.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [file.name for file in copy("shop", folder)]
    ['touches.csv', 'deals.csv', 'spend.csv', 'weekly.csv']
    """
    home, target = _home(_known(name)), Path(folder)
    files = list(_FILES[name].values())
    there = [file for file in files if (target / file).exists()]
    if there:
        raise InputError(
            f"{target} already holds {quoted(there)}, and nothing is overwritten. "
            "Choose another folder, or move them away."
        )
    target.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy(home / file, target / file)) for file in files]


@overload
def load(name: str, table: str, *, truth: Literal[False] = False) -> pd.DataFrame: ...
@overload
def load(name: str, table: None = None, *, truth: bool = False) -> Any: ...
def load(name: str, table: str | None = None, *, truth: bool = False) -> Any:
    """Load a dataset, or one table of it.

    Parameters
    ----------
    name : str
        One of `names`; or a table of the small company, ``load("deals")``.
    table : str, optional
        One of ``tables(name)``.
    truth : bool, default False
        Whether the truth comes along, under the key "truth". Leave it closed while you look for
        an answer; `grade` opens it for you.

    Returns
    -------
    dict of str to DataFrame, or DataFrame
        As the readers return them; ``weekly`` has a date and floats. "dirty_italian" is read with
        ``locale="it"``, the meaning of its headings, the last of equal ids, and without its two
        rows of totals.

    Raises
    ------
    InputError
        When there is no such dataset or table, or the truth is asked of one table.

    Examples
    --------
    >>> sorted(load("deals")["kind"].unique())
    ['expansion', 'new', 'renewal']
    >>> load("confounded", "weekly")["date"].iloc[0]
    Timestamp('2023-01-02 00:00:00')
    >>> sorted(load("shop", truth=True))
    ['deals', 'spend', 'touches', 'truth', 'weekly']
    """
    dataset, wanted = _asked(name, table)
    if wanted is None:
        whole: dict[str, Any] = {each: _table(dataset, each) for each in _FILES[dataset]}
        return whole | {"truth": _truth(dataset)} if truth else whole
    if truth:
        raise InputError(
            f"the truth belongs to a whole dataset, not to the table {wanted!r}. "
            f"Use mmm.datasets.truth({dataset!r})."
        )
    return _table(dataset, wanted)


def truth(name: str = "small") -> dict[str, Any]:
    """Return what generated the tables of a dataset.

    Parameters
    ----------
    name : str, default "small"
        One of `names`.

    Returns
    -------
    dict
        As ``datasets/README.md`` describes it.

    Examples
    --------
    >>> truth()["settings"]["n_accounts"]
    250
    """
    return _truth(_known(name))


def _truth(dataset: str) -> dict[str, Any]:
    text = (_home(dataset) / "truth.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def _table(dataset: str, table: str) -> pd.DataFrame:
    file = _home(dataset) / _FILES[dataset][table]
    if table == "weekly":
        return pd.read_csv(file, parse_dates=["date"]).astype({"date": "datetime64[us]"})
    # Inside the function: whoever needs only a path does not pay for the readers.
    from mmm import tables as readers

    read: Callable[..., pd.DataFrame] = getattr(readers, f"read_{table}")
    if dataset != "dirty_italian":
        return read(file)
    source: object = file
    if table in _WITH_TOTALS:
        rows = pd.read_csv(file, sep=";", dtype="str", encoding=_WITH_TOTALS[table])
        source = rows.iloc[:-1]
    return read(source, locale="it", **_ITALIAN[table])


def _known(name: str) -> str:
    if name not in _FILES:
        raise InputError(f"there is no dataset {name!r}; choose one of {quoted(_FILES, 9)}")
    return name


def _asked(name: str, table: str | None) -> tuple[str, str | None]:
    """Return dataset and table; a table alone is one of the small company."""
    if table is None and name in _FILES["small"]:
        return "small", name
    if name not in _FILES:
        raise InputError(
            f"there is no dataset {name!r}; choose one of {quoted(_FILES, 9)}, or a table of the "
            f"small company: {quoted(_FILES['small'], 9)}"
        )
    if table is not None and table not in _FILES[name]:
        raise InputError(
            f"the dataset {name!r} has no table {table!r}; choose one of {quoted(_FILES[name], 9)}"
        )
    return name, table


def _home(dataset: str) -> Path:
    package = Path(__file__).parent.parent
    installed, checkout = package / "_datasets", package.parent / "datasets"
    folder = installed if installed.is_dir() else checkout
    if not folder.is_dir():
        raise InputError(
            f"the datasets are neither in {installed} nor in {checkout}; "
            "write them with: python -m mmm.simulate datasets"
        )
    return folder if dataset == "small" else folder / dataset
