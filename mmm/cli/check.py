"""`mmm check`: what is in the tables and what to mend, table by table, without a model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.options import Contacts, Json, Leads, Locale, Map, Roles, Spend, Touches, Tz, config_of
from mmm.cli.shell import (
    complain,
    for_shell,
    in_language,
    print_json,
    records,
    speak,
    told,
)
from mmm.errors import ConfigError, MmmError


def check(
    config: Annotated[
        Path | None, typer.Argument(help="A configuration; mmm.toml where nothing is given.")
    ] = None,
    deals: Annotated[str | None, typer.Option(help="Deals: a file or a URL#table.")] = None,
    touches: Touches = None,
    leads: Leads = None,
    spend: Spend = None,
    contacts: Contacts = None,
    roles: Roles = None,
    locale: Locale = None,
    tz: Tz = "UTC",
    column: Map = None,
    as_json: Json = False,
) -> None:
    """Check tables."""
    given = {
        "touches": touches,
        "deals": deals,
        "leads": leads,
        "spend": spend,
        "contacts": contacts,
        "roles": roles,
    }
    settings = _settings(config, given, locale, tz, column)
    lang = settings.company.language
    speak(lang)
    from mmm.run.reading import unmatched  # pandas comes with it: a wrong setting is said before

    with told(in_language, lang):
        tables, mistakes = _read_each(settings)
    mistakes = [complain(for_shell(one, with_file=deals is None)) for one in mistakes]
    foreign = unmatched(tables, settings.channels.to_map())
    state = None if mistakes else _hygiene(tables, settings.company.currency)
    if as_json:
        _print_all(tables, mistakes, foreign, state)
    else:
        _say_all(tables, foreign, state, lang)
    if mistakes:
        raise typer.Exit(2)


def _settings(
    config: Path | None,
    given: dict[str, str | None],
    locale: str | None,
    tz: str,
    column: list[str] | None,
) -> Any:
    from mmm.run import load_config

    if config is None and not any((*given.values(), column, locale)):
        config = Path("mmm.toml")
    if config is None:
        if given["deals"] is None:
            raise ConfigError("there are no deals. Pass --deals deals.csv, or mmm.toml.")
        return config_of(given, locale, tz, column)
    if any(source is not None for source in given.values()) or column or locale:
        raise ConfigError(
            f"{config.name} names the tables and how they are written. "
            "Pass it alone, or leave it out and pass --touches, --deals and the others."
        )
    return load_config(config)


def _read_each(settings: Any) -> tuple[dict[str, Any], list[str]]:
    """Read every table, so that one check names the mistakes of all of them.

    Rows that repeat an id are a mistake, and no reason to look no further: one of each is looked
    at, which is no note, for the next run will not keep it.
    """
    from mmm.run.reading import READERS, read_table, warn_unwon

    tables, mistakes = {}, []
    for name in READERS:
        if not settings.files(name):
            continue
        try:
            tables[name] = read_table(settings, name)
        except MmmError as error:
            mistakes += str(error).splitlines()
            keep = {"spend": "sum"}.get(name, "first")
            if "on_duplicate" not in str(error):
                continue
            try:
                table = read_table(settings, name, on_duplicate=keep)
            except MmmError as second:
                mistakes += str(second).splitlines()
                continue
            noted = table.attrs["notes"]
            table.attrs["notes"] = tuple(n for n in noted if " rows repeat a " not in n)
            tables[name] = table
    if not mistakes:
        warn_unwon(tables)
    return tables, mistakes


def _hygiene(tables: dict[str, Any], currency: str) -> Any:
    from mmm.funnel.hygiene import hygiene

    return hygiene(
        tables["deals"],
        leads=tables.get("leads"),
        touches=tables.get("touches"),
        contacts=tables.get("contacts"),
        currency=currency,
    )


def _print_all(
    tables: dict[str, Any], mistakes: list[str], foreign: dict[str, Any], state: Any | None
) -> None:
    read = {name: {"rows": len(t), "notes": t.attrs["notes"]} for name, t in tables.items()}
    print_json(
        read
        | {"mistakes": mistakes}
        | {"unmatched": {name: records(rows) for name, rows in foreign.items()}}
        | {"hygiene": None if state is None else records(state.to_frame())}
    )


def _say_all(tables: dict[str, Any], foreign: dict[str, Any], state: Any | None, lang: str) -> None:
    from mmm.wording import say

    for name, table in tables.items():
        columns = ", ".join(table.columns)
        print(say("printed.table", lang, table=name, n=len(table), columns=columns))
        for note in table.attrs["notes"]:
            print(f"  {in_language(note)}")
    for name, rows in foreign.items():
        print(say("printed.no_rule", lang, table=name, n=int(rows["rows"].sum())))
        print(rows.head(10).to_string(index=False))
    if state is None:
        print(say("printed.not_yet", lang))
        return
    for finding in state.findings():
        text = finding.sentence(lang)
        print(say("printed.to_mend", lang, text=text[:1].lower() + text[1:]))
