"""Options that several commands share, and the configuration that they describe."""

from collections.abc import Collection
from typing import Annotated, Any

import typer

from mmm.cli.shell import spoken
from mmm.errors import ConfigError, quoted

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Touches = Annotated[str | None, typer.Option(help="Touches: a file or a database URL#table.")]
Deals = Annotated[str, typer.Option(help="Deals: a file or a database URL#table.")]
Leads = Annotated[str | None, typer.Option(help="Leads; without touches their source is used.")]
Spend = Annotated[str | None, typer.Option(help="Spend a channel and period.")]
Contacts = Annotated[str | None, typer.Option(help="Contacts: the account of each person.")]
Roles = Annotated[str | None, typer.Option(help="Roles: the people on each deal.")]
Locale = Annotated[str | None, typer.Option(help="How the files write numbers and dates: it, en.")]
Tz = Annotated[str, typer.Option(help="Zone of times that name none, such as Europe/Rome.")]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", help="Your column name: deals.won=Stage. May be repeated."),
]


def config_of(
    given: dict[str, str | None], locale: str | None, tz: str, mapping: list[str] | None
) -> Any:
    """Build the configuration that the options describe.

    Raises
    ------
    ConfigError
        If ``--map`` names no given table, or nothing tells who was touched.
    """
    from mmm.run.config import make_config

    columns = columns_of(mapping, [name for name, source in given.items() if source])
    sections: dict[str, dict[str, Any]] = {"company": {"language": spoken()}}
    for name, source in given.items():
        if source is None:
            continue
        place, _, table = source.partition("#") if "://" in source else (source, "", "")
        sections[name] = {"source": place, "locale": locale, "columns": columns.get(name, {})}
        sections[name] |= {"table": table} if table else {}
        sections[name] |= {} if name in {"contacts", "roles"} else {"tz": tz}
    if "touches" not in sections and "leads" not in sections:
        raise ConfigError("there are neither touches nor leads. Pass --touches or --leads.")
    return make_config(sections)


def columns_of(
    mapping: list[str] | None, tables: Collection[str]
) -> dict[str, dict[str, str | bool]]:
    """Return the columns that ``--map`` names, by table.

    Raises
    ------
    ConfigError
        If it names no given table.

    Examples
    --------
    >>> columns_of(["deals.won=Stage"], ["deals"])
    {'deals': {'won': 'Stage'}}
    """
    columns: dict[str, dict[str, str | bool]] = {}
    for pair in mapping or []:
        ours, _, theirs = pair.partition("=")
        table, _, name = ours.partition(".")
        if not theirs or table not in tables:
            raise ConfigError(
                f"--map {pair!r} does not name a given table. Write --map deals.won=Stage; the "
                f"tables are {quoted(tables)}."
            )
        columns.setdefault(table, {})[name] = theirs == "true" if theirs == "true" else theirs
    return columns
