"""`mmm.toml`: what to read and how, validated with the line and key of every mistake."""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from mmm.errors import ConfigError, quoted
from mmm.run.agreement import Agreement

if TYPE_CHECKING:
    from mmm.channels import ChannelMap

TABLES = ("touches", "deals", "leads", "spend", "costs", "contacts", "roles")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CompanySection(_Section):
    """Whose numbers these are."""

    name: str = "Company"
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")
    language: Literal["en", "it"] = "en"


class TableSection(_Section):
    """Where a table lies and how it is written."""

    source: str
    table: str | None = None
    columns: dict[str, str | bool] = {}
    locale: str | None = None

    def options(self) -> dict[str, Any]:
        """Return the arguments of the reader, source left out."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"source"}}
        return {name: value for name, value in given.items() if value is not None}


class TimedSection(TableSection):
    """A table with instants."""

    tz: str = "UTC"
    on_duplicate: Literal["error", "first", "last"] = "error"


class LeadsSection(TimedSection):
    """The leads."""

    won_values: dict[str, bool] | None = None


class ContactsSection(TableSection):
    """The people, and the account of each."""

    on_duplicate: Literal["error", "first", "last"] = "error"


class DealsSection(TimedSection):
    """The deals."""

    won_values: dict[str, bool] | None = None
    refunds: bool = False
    currency: str | None = None
    rates: dict[str, str | float] | None = None


class SpendSection(TableSection):
    """The spend, or one file of it."""

    tz: str = "UTC"
    channel: str | None = None
    channels: tuple[str, ...] = ()
    on_duplicate: Literal["error", "sum"] = "error"
    fill: Literal["zero", "interpolate"] | None = None
    refunds: bool = False
    currency: str | None = None
    rates: dict[str, str | float] | None = None


class CostsSection(TableSection):
    """Tools, people and other costs."""

    tz: str = "UTC"
    refunds: bool = False
    currency: str | None = None
    rates: dict[str, str | float] | None = None


class JourneySection(_Section):
    """How touches become journeys."""

    by: Literal["person", "account"] = "person"
    dimension: str = "channel"
    lookback_days: float = Field(default=180, gt=0)
    maturity_days: float | None = Field(default=None, gt=0)
    touch_sharing: Literal["next_deal", "all_open"] = "next_deal"
    as_of: str | date | datetime | None = None


class AttributionSection(_Section):
    """Which models answer, and which of them leads the page."""

    models: tuple[str, ...] = ("first_touch", "last_touch", "linear", "markov")
    headline: str = "markov"
    level: float = Field(default=0.9, gt=0, lt=1)
    robustness: bool = False

    @model_validator(mode="after")
    def _headline_is_asked_for(self) -> Self:
        if self.headline not in self.models:
            raise ValueError(f"headline {self.headline!r} is not among models {self.models}")
        return self


class FunnelSection(_Section):
    """What the funnel needs to know: money, the agreement with sales, how far to look ahead."""

    margin: float | None = Field(default=None, gt=0, le=1)
    monthly_margin: float | None = Field(default=None, gt=0)
    leads_a_month: int | None = Field(default=None, ge=0)
    within_hours: float = Field(default=8, gt=0)
    share_costs_by: Literal["media", "leads", "touches", "equal"] = "media"
    months: int = Field(default=6, ge=1, le=24)
    seed: int = 0

    def to_agreement(self) -> Agreement:
        """Return what marketing and sales promised each other."""
        return Agreement(self.leads_a_month, self.within_hours)


class MixSection(_Section):
    """What the budget advice rests on, and the rules that it keeps to.

    Without a source the table is made of spend, deals and leads. With one it is read: a row a
    week or month, with a date, the outcome, and the spend of each channel.
    """

    enabled: bool = True
    every: Literal["week", "month"] | None = None
    outcome: str | None = None
    unit_value: float | None = Field(default=None, gt=0)
    source: str | None = None
    locale: str | None = None
    date: str = "date"
    channels: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    total: float | Literal["current", "free"] = "current"
    bounds: dict[str, tuple[float, float]] = {}
    max_change: float = Field(default=0.5, gt=0)
    trusted: tuple[str, ...] = ()
    decisions: str | None = None
    backtest: int = Field(default=0, ge=0, le=8)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _source_says_what_is_what(self) -> Self:
        if self.source is not None and not (self.outcome and self.channels):
            raise ValueError("with a source, outcome and channels name its columns; add them")
        if self.source is None and self.controls:
            raise ValueError("controls are columns of a source; add source, or leave them out")
        return self


class ScoringSection(_Section):
    """How open leads are ranked."""

    enabled: bool = True
    horizon_days: float = Field(default=90, gt=0)
    capacity_a_week: int | None = Field(default=None, ge=1)
    call_cost: float | None = Field(default=None, ge=0)
    value_by: str | None = None
    allow: tuple[str, ...] = ()
    hold_out: float = Field(default=0, ge=0, le=0.5)
    seed: int = Field(default=0, ge=0)


class HandoverSection(_Section):
    """The rules by which marketing hands leads over, and those that somebody proposes.

    A rule has a name, a stage (MQL or SQL), and when: conditions on columns of the leads.
    """

    rules: tuple[dict[str, str], ...] = ()
    proposed: tuple[dict[str, str], ...] = ()


class SignalSection(_Section):
    """What the models say together: the worth of what is open, one figure a channel."""

    enabled: bool = True
    horizon_days: float = Field(default=730, ge=7, le=3660)
    cohorts: bool = False
    experiments: str | None = None


class ChannelSection(_Section):
    """The company's own channel names."""

    rules: tuple[dict[str, str], ...] = ()
    names: dict[str, str] = {}
    defaults: bool = True

    def to_map(self) -> "ChannelMap":
        """Return the rules as a `ChannelMap`."""
        from mmm.channels import ChannelMap  # pandas comes with it

        return ChannelMap.from_rules(self.rules, self.names, self.defaults)


class OutputSection(_Section):
    """Where results go."""

    folder: str = "out"


class Config(_Section):
    """A whole ``mmm.toml``.

    Attributes
    ----------
    company, deals, touches, leads, spend, costs, contacts, roles, journeys, attribution,
    channels, funnel, mix, scoring, handover, signal, output
        One section each; only deals, and touches or leads, have to be there. That of spend is a
        tuple, one a file.
    """

    company: CompanySection = CompanySection()
    deals: DealsSection
    touches: TimedSection | None = None
    leads: LeadsSection | None = None
    spend: tuple[SpendSection, ...] | None = Field(default=None, min_length=1)
    costs: CostsSection | None = None
    contacts: ContactsSection | None = None
    roles: TableSection | None = None
    journeys: JourneySection = JourneySection()
    attribution: AttributionSection = AttributionSection()
    channels: ChannelSection = ChannelSection()
    funnel: FunnelSection = FunnelSection()
    mix: MixSection = MixSection()
    scoring: ScoringSection = ScoringSection()
    handover: HandoverSection = HandoverSection()
    signal: SignalSection = SignalSection()
    output: OutputSection = OutputSection()

    def files(self, table: str) -> tuple[TableSection, ...]:
        """Return the section of each file of a table; none where the table is not there."""
        own = getattr(self, table)
        return own if isinstance(own, tuple) else () if own is None else (own,)

    @field_validator("spend", mode="before")
    @classmethod
    def _one_file_or_several(cls, given: object) -> object:
        return (given,) if isinstance(given, Mapping | SpendSection) else given

    @model_validator(mode="after")
    def _somebody_was_touched(self) -> Self:
        if self.touches is None and self.leads is None:
            raise ValueError("there is neither a section [touches] nor [leads]; one is needed")
        return self


def load_config(path: str | Path, *, logs: bool = True) -> Config:
    r"""Read and validate a configuration file.

    Parameters
    ----------
    path : str or Path
        Relative sources in the file are relative to its folder.
    logs : bool
        Whether the logs that it names have to be there: lead scores read none.

    Returns
    -------
    Config
        With every file source made absolute.

    Raises
    ------
    ConfigError
        Names the line and the key of each mistake; a log that is not there is one.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> text = '[deals]\nsource = "deals.csv"\n[journeys]\nby = "x"\n'
    >>> _ = (folder / "mmm.toml").write_text(text)
    >>> load_config(folder / "mmm.toml")
    Traceback (most recent call last):
    ...
    mmm.errors.ConfigError: mmm.toml, line 4: journeys.by = 'x': input should be 'person' or ...
    """
    file = Path(path)
    if not file.is_file():
        raise ConfigError(
            f"there is no configuration {file}. Correct the path, or let `mmm init` write one."
        )
    try:
        text = file.read_text(encoding="utf-8-sig")
        sections = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file.name} is not UTF-8 ({error}). Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        cure = "Correct that line."
        if "Invalid value" in str(error):
            cure = 'Put text in quotes, as in "deals.csv"; write true and false in small letters.'
        raise ConfigError(f"{file.name} is not valid TOML: {error}. {cure}") from error
    config = absolute(make_config(sections, text, file.name), file.parent)
    if logs:
        _check_logs(config, text, file.name)
    return config


def make_config(sections: dict[str, Any], text: str = "", file: str = "") -> Config:
    """Validate settings given as nested mappings.

    Parameters
    ----------
    sections : dict
        As `tomllib` reads a file.
    text, file : str, optional
        The file itself and its name, so that a mistake can name its line.

    Raises
    ------
    ConfigError
        Names the key of each mistake.
    """
    try:
        return Config.model_validate(sections)
    except ValidationError as error:
        several = isinstance(sections.get("spend"), list)
        raise ConfigError("; ".join(_mistakes(error, text, file, several))) from None


def sources(config: Config) -> list[str]:
    """Return the files that a configuration reads."""
    from mmm.tables.sources import sheet_of  # a mistake is told before tables are loaded

    given = [section.source for name in TABLES for section in config.files(name)]
    more = (config.mix.source, config.mix.decisions, config.signal.experiments)
    given += [source for source in more if source is not None]
    return [str(sheet_of(Path(one), None)[0]) for one in given if "://" not in one]


def _check_logs(config: Config, text: str, file: str) -> None:
    """Refuse a log that is not there: it would count as an empty one, and its tests for nothing."""
    begun = {
        ("signal", "experiments"): "register a pilot with mmm experiment register",
        ("mix", "decisions"): "note advice with mmm.mix.DecisionLog",
    }
    for (section, key), how in begun.items():
        log = getattr(getattr(config, section), key)
        if log is not None and not Path(log).is_file():
            raise ConfigError(
                f"{file}, line {line_of(text, [section, key])}: {section}.{key}: there is no file "
                f"{log}. Correct the path; if there is none yet, {how}, or leave the line out."
            )


def absolute(config: Config, folder: Path) -> Config:
    """Make every place in a configuration one from that folder on."""
    changes: dict[str, Any] = {}
    for name in TABLES:
        placed = tuple(_placed(section, folder) for section in config.files(name))
        if placed:
            changes[name] = placed if name == "spend" else placed[0]
    output = config.output.model_copy(update={"folder": str(folder / config.output.folder)})
    for name, keys in (("mix", ("source", "decisions")), ("signal", ("experiments",))):
        own = getattr(config, name)
        files = {key: getattr(own, key) for key in keys}
        changes[name] = own.model_copy(
            update={
                key: str((folder / file).resolve())
                for key, file in files.items()
                if file is not None and "://" not in file
            }
        )
    return config.model_copy(update={**changes, "output": output})


def _placed(section: TableSection, folder: Path) -> TableSection:
    """Make the place of a file absolute, and take the sheet off it."""
    from mmm.tables.sources import sheet_of

    if "://" in section.source:
        return section
    place, table = sheet_of((folder / section.source).resolve(), section.table)
    return section.model_copy(update={"source": str(place), "table": table})


def _mistakes(error: ValidationError, text: str, file: str, several: bool) -> list[str]:
    """Return a sentence a mistake; `several` tells whether spend lies in an array of files."""
    sentences = []
    for mistake in error.errors():
        keys = [str(key) for key in mistake["loc"] if not _is_type_tag(str(key))]
        line = keys if several or keys[:1] != ["spend"] else ["spend", *keys[2:]]
        where = f"{file}, line {line_of(text, line)}: " if keys and text else ""
        keys = ["spend", *keys[2:]] if keys[:1] == ["spend"] else keys  # the line says which
        name = ".".join(keys)
        if mistake["type"] == "extra_forbidden":
            known = quoted(_allowed(keys[:-1]), 20)
            sentences.append(f"{where}{name} is not a setting. Use one of {known}.")
        elif mistake["type"] == "missing":
            section = f"{file}: the section [{name}] is missing. Add it, with its source."
            sentences.append(f"{where}{name} is missing. Add it." if len(keys) > 1 else section)
        else:
            message = mistake["msg"].removeprefix("Value error, ")
            given = f" = {mistake['input']!r}" if len(keys) > 1 else ""
            message = message[0].lower() + message[1:]
            sentences.append(f"{where}{name}{given}: {message}. Correct it." if name else message)
    return sentences


def _is_type_tag(key: str) -> bool:
    """Tell whether pydantic put the key in to name a branch of a union."""
    return key in {"str", "bool", "float", "date", "datetime"} or key.startswith("literal[")


def _allowed(keys: list[str]) -> list[str]:
    section: Any = Config
    for key in keys:
        section = _model_in(section.model_fields[key].annotation)
    return list(section.model_fields)


def _model_in(kind: Any) -> Any:
    """Return the section that a type names, alone, as an option or as one of several."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((found for part in get_args(kind) if (found := _model_in(part))), None)


def line_of(text: str, keys: list[str]) -> int:
    r"""Return the line (from 1) of a key in TOML text; of its section where the key is missing.

    Examples
    --------
    >>> line_of("[deals]\nsource = 'a'\n", ["deals", "source"])
    2
    """
    best, section = 1, ""
    arrays: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[+)\s*([^\]]+?)\s*\]+", line):
            section = header[2].replace('"', "")
            arrays[section] += header[1] == "[["
            for name in (one for one in arrays if arrays[one]):
                if f"{section}.".startswith(f"{name}."):  # the second [[spend]] is spend.1
                    section = f"{name}.{arrays[name] - 1}{section[len(name) :]}"
        for depth in range(1, len(keys) + 1):
            head, last = ".".join(keys[: depth - 1]), keys[depth - 1]
            if header and section == ".".join(keys[:depth]):
                best = number
            if section == head and re.match(rf"\s*[\"']?{re.escape(last)}[\"']?\s*=", line):
                return number
    return best
