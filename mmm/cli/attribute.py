"""`mmm attribute`: credit a channel and model, as a CSV."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from mmm.cli.options import Contacts, Json, Leads, Locale, Map, Roles, Touches, config_of
from mmm.cli.settings import OwnTz, tables_of
from mmm.cli.shell import for_shell, print_json, print_notes, progress, records, told
from mmm.errors import ConfigError, InputError

TABLES = ("touches", "deals", "leads", "contacts", "roles")
Settings = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="An mmm.toml: where the tables lie and how they are written, [channels], [journeys] "
        "and [attribution]. Options win over it.",
    ),
]


def attribute(
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    deals: Annotated[
        str | None, typer.Option(help="Deals: a file or a database URL#table.")
    ] = None,
    touches: Touches = None,
    leads: Leads = None,
    contacts: Contacts = None,
    roles: Roles = None,
    by: Annotated[str | None, typer.Option(help="person or account; else person.")] = None,
    dimension: Annotated[
        str | None, typer.Option(help="Column of touches to credit; else channel.")
    ] = None,
    lookback_days: Annotated[
        float | None, typer.Option(help="Days before the deal; else 180.")
    ] = None,
    maturity_days: Annotated[float | None, typer.Option(help="Age of a lost journey.")] = None,
    touch_sharing: Annotated[
        str | None, typer.Option(help="next_deal or all_open; else next_deal.")
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(help="Comma-separated; else first_touch,last_touch,linear,markov."),
    ] = None,
    measure: Annotated[str | None, typer.Option(help="value or conversions.")] = None,
    level: Annotated[
        float | None, typer.Option(help="Coverage of the intervals; else 0.9.")
    ] = None,
    robustness: Annotated[
        Path | None, typer.Option(help="CSV of the shares under other choices, one at a time.")
    ] = None,
    locale: Locale = None,
    tz: OwnTz = None,
    column: Map = None,
    config: Settings = None,
    as_json: Json = False,
) -> None:
    """Attribute deals."""
    given = dict(zip(TABLES, (touches, deals, leads, contacts, roles), strict=True))
    journey = {"by": by, "dimension": dimension, "lookback_days": lookback_days}
    journey |= {"maturity_days": maturity_days, "touch_sharing": touch_sharing}
    settings = _settings(config, given, locale, tz, column)
    _check_targets(out, robustness, given, settings)
    chosen = settings.attribution
    names = chosen.models if models is None else [one.strip() for one in models.split(",")]
    asked = {"measure": measure, "level": chosen.level if level is None else level}
    _credit(settings, journey, [one for one in names if one], asked, (out, robustness), as_json)


def _settings(
    file: Path | None,
    given: dict[str, str | None],
    locale: str | None,
    tz: str | None,
    mapping: list[str] | None,
) -> Any:
    """Return the configuration that a file and the options describe."""
    if file is not None:
        return tables_of(file, given, locale, tz, mapping, TABLES)
    if given["deals"] is None:
        raise ConfigError("--deals is missing. Pass it, or --config with a section [deals].")
    return config_of(given, locale, tz or "UTC", mapping)


def _check_targets(
    out: Path, robustness: Path | None, given: dict[str, str | None], settings: Any
) -> None:
    """Refuse to write what is no CSV, over a table, or two tables into one file."""
    from mmm.run.config import sources
    from mmm.tables.write import refuse_input

    files = {Path(source).resolve() for source in given.values() if source}
    files |= {Path(file).resolve() for file in sources(settings)}
    for target in (out, robustness):
        if target is not None:
            _refuse_ending(target)
            refuse_input(target, files)
    if robustness is not None and robustness.resolve() == out.resolve():
        raise ConfigError("--robustness and --out name the same file. Name two.")


def _credit(
    settings: Any,
    journey: dict[str, Any],
    names: list[str],
    asked: dict[str, Any],
    targets: tuple[Path, Path | None],
    as_json: bool,
) -> None:
    """Read the tables, credit the channels, write what was found and say it."""
    from mmm.attribution import compare
    from mmm.journeys import build_journeys
    from mmm.run import read_tables
    from mmm.tables import write_csv

    out, robustness = targets
    with told():
        with _way_to_settings():
            tables = read_tables(settings, progress)
        progress("building journeys")
        source = tables.get("touches"), tables["deals"]
        options: dict[str, Any] = {
            **{name: tables.get(name) for name in ("leads", "contacts", "roles")},
            **settings.journeys.model_dump(),
            **{name: value for name, value in journey.items() if value is not None},
            "channels": settings.channels.to_map(),
        }
        journeys = build_journeys(*source, **options)
        result = compare(journeys, names, **asked)
        frame = result.to_frame(cents=result.results[0].measure == "value")
        write_csv(frame, out)
        asked = {"model": "markov" if "markov" in names else names[0], **asked, **options}
        said = "" if robustness is None else _other_choices(source, asked, robustness)
    print_notes(journeys.about["notes"])
    if as_json:
        answer = {"file": out, "counts": journeys.about["counts"], "credit": records(frame)}
        print_json(answer | ({"robustness": said} if said else {}))
        return
    _print_credit(frame, result.results[0].measure)
    if said:
        print(said)
    print(f"Written: {', '.join(str(target.resolve()) for target in targets if target)}")


def _refuse_ending(target: Path) -> None:
    """Refuse a name that promises another format than the one written."""
    if target.suffix.lower() != ".csv":
        raise ConfigError(f"{target} is written as CSV. Give it a name that ends in .csv.")


@contextmanager
def _way_to_settings() -> Iterator[None]:
    """Say which option takes mmm.toml, where a cure is a line of it."""
    try:
        yield
    except InputError as error:
        lines = [for_shell(line, with_file=False) for line in str(error).splitlines()]
        if any("in mmm.toml" in line for line in lines):
            lines[-1] += " `mmm init` writes mmm.toml; pass it with --config mmm.toml."
        raise InputError("\n".join(lines)) from error


def _other_choices(source: tuple[Any, Any], asked: dict[str, Any], out: Path) -> str:
    """Write the shares of a model under other choices, and say what moves them most."""
    from mmm.attribution import robustness
    from mmm.tables import write_csv

    progress("making the choices behind it otherwise")
    found = robustness(*source, **asked)
    write_csv(found.to_frame(), out)
    print_notes(found.notes)
    return f"How firm {asked['model']} is: {found.finding().sentence('en')}"


def _print_credit(frame: Any, measure: str) -> None:
    wide = frame.pivot(index="channel", columns="model", values="credit")
    wide = wide[list(dict.fromkeys(frame["model"]))]
    table = Table(title=f"Credit in {measure}")
    table.add_column("channel")
    for model in wide.columns:
        table.add_column(str(model), justify="right")
    for channel, row in wide.iterrows():
        table.add_row(str(channel), *(f"{float(value):,.2f}" for value in row))
    Console(highlight=False, markup=False).print(table)
