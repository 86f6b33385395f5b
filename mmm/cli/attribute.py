"""`mmm attribute`: credit a channel and model, as a CSV."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from mmm.cli.options import Contacts, Deals, Json, Leads, Locale, Map, Roles, Touches, Tz, config_of
from mmm.cli.shell import for_shell, print_json, print_notes, progress, records, told
from mmm.errors import ConfigError, InputError


def attribute(
    deals: Deals,
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    touches: Touches = None,
    leads: Leads = None,
    contacts: Contacts = None,
    roles: Roles = None,
    by: Annotated[str, typer.Option(help="person or account.")] = "person",
    dimension: Annotated[str, typer.Option(help="Column of touches to credit.")] = "channel",
    lookback_days: Annotated[float, typer.Option(help="Days before the deal.")] = 180,
    maturity_days: Annotated[float | None, typer.Option(help="Age of a lost journey.")] = None,
    touch_sharing: Annotated[str, typer.Option(help="next_deal or all_open.")] = "next_deal",
    models: Annotated[
        str, typer.Option(help="Comma-separated.")
    ] = "first_touch,last_touch,linear,markov",
    measure: Annotated[str | None, typer.Option(help="value or conversions.")] = None,
    level: Annotated[float, typer.Option(help="Coverage of the intervals.")] = 0.9,
    robustness: Annotated[
        Path | None, typer.Option(help="CSV of the shares under other choices, one at a time.")
    ] = None,
    locale: Locale = None,
    tz: Tz = "UTC",
    column: Map = None,
    as_json: Json = False,
) -> None:
    """Attribute deals."""
    from mmm.attribution import compare
    from mmm.journeys import build_journeys
    from mmm.run import read_tables
    from mmm.tables import write_csv
    from mmm.tables.write import refuse_input

    targets = [target for target in (out, robustness) if target is not None]
    given = {"touches": touches, "deals": deals, "leads": leads, "contacts": contacts}
    given["roles"] = roles
    files = {Path(source).resolve() for source in given.values() if source}
    for target in targets:
        _refuse_ending(target)
        refuse_input(target, files)
    if robustness is not None and robustness.resolve() == out.resolve():
        raise ConfigError("--robustness and --out name the same file. Name two.")
    with told():
        with _way_to_settings():
            tables = read_tables(config_of(given, locale, tz, column), progress)
        progress("building journeys")
        source = tables.get("touches"), tables["deals"]
        options: dict[str, Any] = {
            **{name: tables.get(name) for name in ("leads", "contacts", "roles")},
            "by": by,
            "dimension": dimension,
            "lookback_days": lookback_days,
            "maturity_days": maturity_days,
            "touch_sharing": touch_sharing,
        }
        journeys = build_journeys(*source, **options)
        names = [name.strip() for name in models.split(",") if name.strip()]
        result = compare(journeys, names, measure=measure, level=level)
        frame = result.to_frame(cents=result.results[0].measure == "value")
        write_csv(frame, out)
        chosen = "markov" if "markov" in names else names[0]
        asked = {"model": chosen, "measure": measure, "level": level, **options}
        said = "" if robustness is None else _other_choices(source, asked, robustness)
    print_notes(journeys.about["notes"])
    if as_json:
        answer = {"file": out, "counts": journeys.about["counts"], "credit": records(frame)}
        print_json(answer | ({"robustness": said} if said else {}))
        return
    _print_credit(frame, result.results[0].measure)
    if said:
        print(said)
    print(f"Written: {', '.join(str(target.resolve()) for target in targets)}")


def _refuse_ending(target: Path) -> None:
    """Refuse a name that promises another format than the one written."""
    if target.suffix.lower() != ".csv":
        raise ConfigError(f"{target} is written as CSV. Give it a name that ends in .csv.")


@contextmanager
def _way_to_settings() -> Iterator[None]:
    """Say which commands take mmm.toml, where a cure is a line of it."""
    try:
        yield
    except InputError as error:
        lines = [for_shell(line, with_file=False) for line in str(error).splitlines()]
        if any("in mmm.toml" in line for line in lines):
            lines[-1] += " `mmm init` writes mmm.toml, and `mmm run mmm.toml` takes it."
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
