"""From what a user writes after ``--to`` or ``--leads`` to the customer system it names."""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from mmm.crm.source import Source
from mmm.crm.target import Target
from mmm.errors import ConfigError, MissingLibraryError

SYSTEMS = ("tryton", "hubspot", "salesforce", "odoo")
_FILES = ".csv, .parquet or .xlsx"
_DATABASE = "a database URL such as postgresql://user@host/database or sqlite:///scores.db"
_OTHERS = ", ".join(f"{system}:" for system in SYSTEMS)


def open_target(text: str, *, environ: Mapping[str, str] | None = None) -> Target:
    """Open the system that scores are written to.

    Parameters
    ----------
    text : str
        A file that ends in .csv, .parquet or .xlsx; a database URL, where ``#table`` names the
        table (`mmm.crm.sql`); or ``tryton:``, ``hubspot:``, ``salesforce:`` or ``odoo:`` and what
        that system's module says.
    environ : mapping, optional
        Where credentials are looked up before the keyring; `os.environ` by default.

    Returns
    -------
    Target

    Raises
    ------
    ConfigError
        If it names nothing that can be written, or a credential is missing.
    MissingLibraryError
        If the library for that system is not installed.

    Notes
    -----
    Each of those modules has ``open_target(address, *, environ)`` and ``open_source(address, *,
    environ)``, where the address is what follows the name and the colon.

    Examples
    --------
    >>> open_target("fax:123")
    Traceback (most recent call last):
    ...
    mmm.errors.ConfigError: cannot write to 'fax:123'. What can be written is a file that ends in \
.csv, .parquet or .xlsx, a database URL such as postgresql://user@host/database or \
sqlite:///scores.db, tryton:, hubspot:, salesforce:, odoo:.
    """
    module, address = _module(text)
    if module is None:
        raise ConfigError(
            f"cannot write to {_shown(text)!r}. What can be written is a file that ends in "
            f"{_FILES}, {_DATABASE}, {_OTHERS}."
        )
    return cast(Target, module.open_target(address, environ=_environ(environ)))


def open_source(text: str, *, environ: Mapping[str, str] | None = None) -> Source:
    """Open the system that leads, touches and deals are read from.

    Parameters
    ----------
    text : str
        A folder with ``leads``, ``touches`` and ``deals`` in CSV, Parquet or Excel, or one file of
        leads; a database URL; or another system, as in `open_target`.
    environ : mapping, optional

    Returns
    -------
    Source

    Raises
    ------
    ConfigError, MissingLibraryError
        As `open_target`.
    """
    module, address = _module(text, reading=True)
    if module is None:
        raise ConfigError(
            f"cannot read from {_shown(text)!r}. What can be read is a folder, a file that ends "
            f"in {_FILES}, {_DATABASE}, {_OTHERS}."
        )
    return cast(Source, module.open_source(address, environ=_environ(environ)))


def _module(text: str, reading: bool = False) -> tuple[Any, str]:
    system, colon, address = text.partition(":")
    if colon and system in SYSTEMS:
        return importlib.import_module(f"mmm.crm.{system}"), address
    if "://" in text:
        scheme = system.partition("+")[0]
        known = scheme in {"postgresql", "postgres", "sqlite"}
        return (_databases(scheme) if known else None), text
    suffix = Path(text).suffix.lower()
    named = suffix in {".csv", ".parquet", ".xlsx"}
    read = (
        reading
        and text != ""
        and (Path(text).is_dir() or suffix in {".tsv", ".txt", ".gz", ".xlsm"})
    )
    return (importlib.import_module("mmm.crm.files") if named or read else None), text


def _databases(scheme: str) -> Any:
    try:
        return importlib.import_module("mmm.crm.sql")
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        driver = "" if scheme == "sqlite" else ' "psycopg[binary]"'
        raise MissingLibraryError(
            f"A database needs SQLAlchemy. Run: pip install sqlalchemy{driver}"
        ) from error


def _shown(text: str) -> str:
    """Return an address without what may be a password: between a user's colon and the at."""
    scheme, mark, rest = text.partition("://")
    if not mark or "@" not in rest:
        return text
    user, _, place = rest.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}@{place}" if ":" in user else text


def _environ(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environ is None else environ
