"""Settings of lead scores: those of an `mmm.toml`, and the options that win over them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.options import columns_of
from mmm.cli.shell import speak
from mmm.errors import ConfigError

FromFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="An mmm.toml: where leads, touches and deals lie and how they are written, and its "
        "section [scoring]. Options win over it.",
    ),
]
OwnTz = Annotated[
    str | None,
    typer.Option("--tz", help="Zone of times that name none, such as Europe/Rome; else UTC."),
]
_TABLES = ("leads", "touches", "deals", "contacts")


@dataclass(frozen=True)
class Settings:
    """Where the tables of lead scores lie, and how they are written.

    Attributes
    ----------
    leads : str
        A file, a database ``URL#table``, or a system.
    locale : str or None
    tz : str
        Both of the leads.
    lang : str
    config : Config or None
        Of a file, options put in; no other tables than those of leads.
    """

    leads: str
    locale: str | None
    tz: str
    lang: str = "en"
    config: Any = None

    @property
    def scoring(self) -> Any:
        """The section [scoring], or one that says nothing."""
        from mmm.run.config import ScoringSection

        return ScoringSection() if self.config is None else self.config.scoring

    @property
    def files(self) -> set[Path]:
        """Files of the configuration, which nothing may replace."""
        from mmm.run.config import sources

        return set() if self.config is None else {Path(file) for file in sources(self.config)}


def settle(
    file: Path | None,
    given: dict[str, str | None],
    locale: str | None,
    tz: str | None,
    mapping: list[str] | None,
) -> Settings:
    """Join a configuration with the options of the command line, which win.

    Parameters
    ----------
    file : Path or None
    given : dict of str to str or None
        The sources of leads, touches and deals.
    locale, tz, mapping
        Of all the tables.

    Raises
    ------
    ConfigError
        As `mmm.run.config.load_config`, and if nothing names the leads.
    """
    leads = given["leads"]
    if file is None:
        if leads is None:
            raise ConfigError("--leads is missing. Pass it, or --config with a section [leads].")
        speak("en")
        return Settings(leads, locale, tz or "UTC")
    config = tables_of(file, given, locale, tz, mapping)
    if config.leads is None:
        raise ConfigError(f"{file.name} has no section [leads]. Add it, or pass --leads.")
    speak(config.company.language)
    own = config.leads
    place = own.source if own.table is None else f"{own.source}#{own.table}"
    return Settings(place, own.locale, own.tz, config.company.language, config)


def tables_of(
    file: Path,
    given: dict[str, str | None],
    locale: str | None,
    tz: str | None,
    mapping: list[str] | None,
    names: tuple[str, ...] = _TABLES,
) -> Any:
    """Read a configuration with these tables alone, options put in.

    Parameters
    ----------
    file : Path
    given : dict of str to str or None
        The source of each table that an option names.
    locale, tz, mapping
        Of all the tables.
    names : tuple of str
        The tables that the command takes.

    Raises
    ------
    ConfigError
        As `mmm.run.config.load_config`.
    """
    from mmm.run.config import load_config

    config = load_config(file, logs=False)
    tables = {name for name in names if getattr(config, name) or given.get(name)}
    columns = columns_of(mapping, sorted(tables))
    changes: dict[str, Any] = dict.fromkeys({"spend", "costs", "roles"} - set(names))
    for name in sorted(tables):
        changes[name] = _section(config, name, given.get(name), locale, tz, columns.get(name, {}))
    # What the page needs to read is no matter of these commands.
    changes["mix"] = config.mix.model_copy(update={"source": None, "decisions": None})
    changes["signal"] = config.signal.model_copy(update={"experiments": None})
    return config.model_copy(update=changes)


def _section(
    config: Any,
    name: str,
    source: str | None,
    locale: str | None,
    tz: str | None,
    columns: dict[str, str | bool],
) -> Any:
    """Return the section of a table, options put in."""
    from mmm.run.config import ContactsSection, DealsSection, TableSection, TimedSection

    section = getattr(config, name)
    if section is None:
        assert source is not None
        kinds: dict[str, Any] = {"deals": DealsSection, "contacts": ContactsSection}
        kinds["roles"] = TableSection
        section = kinds.get(name, TimedSection)(source=source)
    changes: dict[str, Any] = {}
    if source is not None:
        place, _, table = source.partition("#") if "://" in source else (source, "", "")
        changes |= {"source": place, "table": table or None}
    if locale is not None:
        changes["locale"] = locale
    if tz is not None and name not in ("contacts", "roles"):
        changes["tz"] = tz
    if columns:
        changes["columns"] = {**section.columns, **columns}
    return section.model_copy(update=changes)
