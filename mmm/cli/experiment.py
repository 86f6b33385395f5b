"""`mmm experiment`: register a pilot before it starts, read it afterwards."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from mmm.cli.options import Json
from mmm.cli.shell import for_shell, notes, print_json, records, told
from mmm.errors import ConfigError, InputError, SourceError, quoted

experiment = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="Name of the pilot, such as fairs-1.")]
Log = Annotated[Path, typer.Option(help="The log, as named by experiments under [signal].")]
On = Annotated[str | None, typer.Option(help="Day of the entry, YYYY-MM-DD; today by default.")]
Change = Annotated[
    float, typer.Option(help="Change of spend over all of it; below 0 where it is taken away.")
]
LOG, CONFIG = Path("experiments.jsonl"), Path("mmm.toml")


@experiment.command(
    help="Write down a pilot before it starts.\n\nExample: mmm experiment register fairs-1 "
    "--channel Events --start 2030-03-04 --end 2030-04-28 --spend-change=-8000 --expected=-9000"
)
def register(
    name: Name,
    channel: Annotated[str, typer.Option(help="Channel whose spend is changed.")],
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option(help="Last day.")],
    spend_change: Change,
    expected: Annotated[float, typer.Option(help="Change of the outcome expected, in money.")],
    note: Annotated[str, typer.Option(help="Such as where, and how it will be read.")] = "",
    on: On = None,
    log: Log = LOG,
    config: Annotated[
        Path, typer.Option(help="The configuration whose spend names the channels.")
    ] = CONFIG,
    new_channel: Annotated[
        bool, typer.Option("--new-channel", help="Nothing was ever spent on the channel.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Register a pilot."""
    from mmm.signal import ExperimentLog

    channel = channel if new_channel else _known_channel(channel, config)
    ExperimentLog(log).register(
        name,
        channel=channel,
        start=start,
        end=end,
        spend_change=spend_change,
        expected=expected,
        on=_today(on),
        note=note,
    )
    if as_json:
        told = {"name": name, "channel": channel, "start": start, "end": end}
        print_json({"registered": told | {"spend_change": spend_change, "expected": expected}})
        return
    print(f"Registered: {name} ({channel}, {start} to {end}).")


@experiment.command(
    help="Write down what a pilot showed, once.\n\nExample: mmm experiment read fairs-1 "
    "--lift=-6000 --standard-error 2500"
)
def read(
    name: Name,
    lift: Annotated[float, typer.Option(help="Outcome with the change less without, in money.")],
    standard_error: Annotated[float, typer.Option(help="Of the lift.")],
    spend_change: Annotated[
        float | None, typer.Option(help="As it was; as registered by default.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, if it was another.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, if it was another.")] = None,
    part: Annotated[float, typer.Option(help="Part of the market in which spend changed.")] = 1.0,
    on: On = None,
    log: Log = LOG,
    as_json: Json = False,
) -> None:
    """Read a pilot."""
    from mmm.mix import LiftTest
    from mmm.signal import ExperimentLog

    book = ExperimentLog(log)
    plan = book.plan(name)
    test = LiftTest(
        plan["channel"],
        start or plan["start"],
        end or plan["end"],
        plan["spend_change"] if spend_change is None else spend_change,
        lift,
        standard_error,
        part,
    )
    book.read(name, test, on=_today(on))
    if as_json:
        told = {"name": name, "channel": test.channel, "roas": test.roas}
        print_json({"read": told | {"roas_error": test.roas_error}})
        return
    print(f"Read: {name}, {_returns(test.roas, test.roas_error)}.")


@experiment.command("list", help="List the pilots of a log.\n\nExample: mmm experiment list --json")
def list_pilots(log: Log = LOG, as_json: Json = False) -> None:
    """List the pilots."""
    from mmm.signal import ExperimentLog

    frame = ExperimentLog(log).to_frame()
    if as_json:
        print_json({"experiments": records(frame)})
        return
    if not len(frame):
        print(f"There is no pilot in {log}.")
    for row in frame.to_dict("records"):
        told = f"{row['key']}: {row['channel']}, {row['start']} to {row['end']}, {row['state']}"
        if row["state"] == "read":
            told += f", {_returns(row['roas'], row['roas_error'])}"
        print(told)


def _known_channel(channel: str, file: Path) -> str:
    """Return a channel by its own name, also where it is named as the page does, in any language.

    One without spend is refused: its result would count nowhere, and an entry stays.
    """
    from mmm.run import load_config
    from mmm.run.reading import paid_channels
    from mmm.wording import entries
    from mmm.wording.translated import translated

    if file == CONFIG and not file.is_file():
        notes.print(
            f"note: there is no {file} here, so that the name of the channel is not checked"
        )
        return channel
    settings = load_config(file, logs=False)
    lang = settings.company.language
    try:
        with told(lambda text: translated(for_shell(text, with_file=True), lang), lang):
            known = paid_channels(settings)
    except (InputError, SourceError) as error:
        notes.print(f"note: the name of the channel is not checked: {error}")
        return channel
    if channel in known:
        return channel
    for name in known:
        if channel in entries().get(f"channel.{name}", {}).values():
            return name
    if known:
        raise ConfigError(
            f"nothing is spent on {channel!r} in the tables of {file}; channels with spend are "
            f"{quoted(known, 20)}. Correct --channel; for one that is new, add --new-channel."
        )
    return channel


def _today(on: str | None) -> str:
    """Return the day of an entry, which has come."""
    today = date.today().isoformat()
    if on is not None and on[:1].isdigit() and on > today:  # the log says what is no day
        raise ConfigError(f"--on {on} lies in the future. Leave it out: today is {today}.")
    return on or today


def _returns(roas: float, error: float) -> str:
    return f"{roas:.2f} per unit of spend (standard error {error:.2f})"
