"""The command line: parse, call, print."""

import json
import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from mmm.errors import ConfigError, MmmError, MmmWarning, quoted

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Which marketing earned the deals, from a CRM export and a spend table.",
)
notes = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

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


def main() -> None:
    """Run the command line: 0 done, 1 unexpected failure, 2 something the user can mend."""
    try:
        code = app(standalone_mode=False)  # the code of a typer.Exit, else what a command returns
        _leave(code if isinstance(code, int) else 0)
    except MmmError as error:
        _fail(_for_shell(str(error)), 2)
    except typer.Exit as done:
        _leave(done.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("stopped", 1)
    except Exception as error:
        if hasattr(error, "format_message"):  # what typer says of a wrong option
            _fail(f"{error.format_message()} Try --help.", 2)
        if type(error).__module__.startswith("mmm") or "--debug" in sys.argv:
            raise
        _fail(f"unexpected {type(error).__name__}: {error}. This is a bug; please report it.", 1)


def _for_shell(message: str) -> str:
    """Write a cure for Python as the option that does the same."""
    table = message.partition(" ")[0]
    pattern = r"pass columns=\{'(\w+)': (?:'([^']*)'|True)\}"

    def option(found: re.Match[str]) -> str:
        ours, theirs = found[1], found[2]
        if sys.argv[1:2] == ["run"]:
            value = f'"{theirs}"' if theirs else "true"
            return f"write columns = {{ {ours} = {value} }} in [{table}]"
        return f"pass --map {table}.{ours}={shlex.quote(theirs or 'true')}"

    return re.sub(pattern, option, message)


def _fail(message: str, code: int) -> None:
    line = " ".join(message.split())
    notes.print(f"mmm: {line}", overflow="ignore", no_wrap=True, crop=False)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End the process at once: native reader threads may abort an orderly shutdown."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the reader of a pipe has gone
        code = code or 1
    os._exit(code)


@contextmanager
def _told() -> Iterator[None]:
    """Print warnings of ours as one line each; leave others to Python."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MmmWarning)
        yield
    for text in dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, MmmWarning)):
        notes.print(f"warning: {text}")


def _progress(step: str) -> None:
    notes.print(f"… {step}")


@app.command(
    help="Run the synthetic company end to end and write its page.\n\nExample: mmm demo --out demo"
)
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo"),
    lang: Annotated[str, typer.Option(help="Language of brief.html: en or it.")] = "en",
    as_json: Json = False,
) -> None:
    """Run the demo."""
    from mmm.run.demo import demo_config

    _run(demo_config(lang), out, as_json)


@app.command(
    "run",
    help="Run your own tables as mmm.toml says.\n\nExample: mmm run mmm.toml --out results",
)
def run_command(
    config: Annotated[Path, typer.Argument(help="The configuration, usually mmm.toml.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    as_json: Json = False,
) -> None:
    """Run a configuration."""
    from mmm.run import load_config

    settings = load_config(config)
    _run(settings, out or Path(settings.output.folder), as_json)


def _run(config: Any, out: Path, as_json: bool) -> None:
    from mmm.report import write_results
    from mmm.report.page import brief_of
    from mmm.run import run

    with _told():
        result = run(config, _progress)
        _progress("writing the page")
        files = write_results(result, config, out)
    counts = result.journeys.about["counts"]
    brief = brief_of(result, config)
    _print_notes(result.journeys.about["notes"], result.tables.get("spend"))
    if as_json:
        _print_json({"files": files, "counts": counts, "manifest": result.manifest})
        return
    for finding in brief.findings:
        print(finding.sentence(config.company.language))
    for reason in result.health.missing:
        notes.print(f"note: not computed: {reason}")
    for name in result.missing:
        print(f"Not given: {name}. " + _WOULD_ANSWER[name])
    print(f"The page: {files['brief'].resolve()}")


def _print_notes(said: Any, *others: Any) -> None:
    """Say on stderr what the readers found and decided."""
    more = [note for table in others if table is not None for note in table.attrs["notes"]]
    for note in dict.fromkeys([*said, *more]):
        notes.print(f"note: {note}")


_WOULD_ANSWER = {
    "touches": "Without it each deal has one contact, the source of its lead.",
    "leads": "With it journeys know when a person became a lead.",
    "spend": "With it the page says what a customer costs.",
}


@app.command(
    help="Read the tables and say what is in them, without running a model.\n\n"
    "Example: mmm check --touches touches.csv --deals deals.csv --locale it"
)
def check(
    deals: Deals,
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
    from mmm.funnel.hygiene import hygiene
    from mmm.run import read_tables
    from mmm.run.pipeline import unmatched

    given = {
        "touches": touches,
        "deals": deals,
        "leads": leads,
        "spend": spend,
        "contacts": contacts,
        "roles": roles,
    }
    config = _config(given, locale, tz, column)
    with _told():
        tables = read_tables(config)
    foreign = unmatched(tables, config.channels.to_map())
    others: dict[str, Any] = {name: tables.get(name) for name in ("leads", "touches", "contacts")}
    state = hygiene(tables["deals"], **others)
    if as_json:
        _print_json(
            {
                name: {"rows": len(table), "notes": table.attrs["notes"]}
                for name, table in tables.items()
            }
            | {"unmatched": {name: _records(rows) for name, rows in foreign.items()}}
            | {"hygiene": _records(state.to_frame())}
        )
        return
    for name, table in tables.items():
        print(f"{name}: {len(table)} rows, columns {', '.join(table.columns)}")
        for note in table.attrs["notes"]:
            print(f"  {note}")
    for name, rows in foreign.items():
        print(f"{name}: {int(rows['rows'].sum())} rows match no channel rule:")
        print(rows.head(10).to_string(index=False))
    for finding in state.findings():
        print(f"to mend: {finding.sentence()}")


@app.command(
    help="Credit closed deals to channels, one row a model and channel.\n\n"
    "Example: mmm attribute --touches touches.csv --deals deals.csv --by account --out credit.csv"
)
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

    given = {
        "touches": touches,
        "deals": deals,
        "leads": leads,
        "contacts": contacts,
        "roles": roles,
    }
    refuse_input(out, {Path(source).resolve() for source in given.values() if source})
    with _told():
        tables = read_tables(_config(given, locale, tz, column), _progress)
        _progress("building journeys")
        journeys = build_journeys(
            tables.get("touches"),
            tables["deals"],
            leads=tables.get("leads"),
            contacts=tables.get("contacts"),
            roles=tables.get("roles"),
            by=by,  # type: ignore[arg-type]
            dimension=dimension,
            lookback_days=lookback_days,
            maturity_days=maturity_days,
            touch_sharing=touch_sharing,  # type: ignore[arg-type]
        )
        names = [name.strip() for name in models.split(",") if name.strip()]
        result = compare(journeys, names, measure=measure, level=level)
    _print_notes(journeys.about["notes"])
    frame = result.to_frame(cents=result.results[0].measure == "value")
    write_csv(frame, out)
    if as_json:
        _print_json({"file": out, "counts": journeys.about["counts"], "credit": _records(frame)})
        return
    _print_credit(frame, result.results[0].measure)
    print(f"Written: {out.resolve()}")


def _config(
    given: dict[str, str | None], locale: str | None, tz: str, mapping: list[str] | None
) -> Any:
    """Build the configuration that the options describe."""
    from mmm.run.config import make_config

    columns: dict[str, dict[str, str | bool]] = {}
    for pair in mapping or []:
        ours, _, theirs = pair.partition("=")
        table, _, name = ours.partition(".")
        if not theirs or given.get(table) is None:
            raise ConfigError(
                f"--map {pair!r} does not name a given table. Write --map deals.won=Stage; the "
                f"tables are {quoted(name for name, source in given.items() if source)}."
            )
        columns.setdefault(table, {})[name] = theirs == "true" if theirs == "true" else theirs
    sections: dict[str, dict[str, Any]] = {}
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


def _records(frame: Any) -> Any:
    return json.loads(frame.to_json(orient="records", default_handler=str))


def _print_json(content: Any) -> None:
    print(json.dumps(content, default=str, ensure_ascii=False, allow_nan=False))


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
