"""The tables of a configuration, read together: what is wrong with any of them is said at once."""

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mmm import tables as readers
from mmm.channels import UNMATCHED, ChannelMap
from mmm.errors import DataWarning, InputError, MmmError
from mmm.run.config import Config, TableSection
from mmm.tables.several import join_spend
from mmm.wording import say

READERS: Mapping[str, Callable[..., pd.DataFrame]] = {
    "touches": readers.read_touches,
    "deals": readers.read_deals,
    "leads": readers.read_leads,
    "spend": readers.read_spend,
    "costs": readers.read_costs,
    "contacts": readers.read_contacts,
    "roles": readers.read_roles,
}

NAMING = {"channel", "source", "medium", "campaign"}  # what rules name a channel by

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Report nothing."""


def read_tables(config: Config, progress: Progress = silent) -> dict[str, pd.DataFrame]:
    """Read every table that the configuration names.

    Raises
    ------
    InputError, SourceError
        As the readers; with a line a mistake where several tables have one.
    """
    found, mistakes = {}, []
    for name in READERS:
        if config.files(name):
            progress(say("progress.reading", config.company.language, table=name))
            try:
                found[name] = read_table(config, name)
            except MmmError as error:
                mistakes.append(error)
    if "spend" in found:
        _note_paid(found["spend"], config)
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise InputError("\n".join(map(str, mistakes)))
    warn_unwon(found)
    return found


def read_table(config: Config, name: str, **changes: Any) -> pd.DataFrame:
    """Read one table that the configuration names, from all of its files.

    Parameters
    ----------
    config : Config
    name : str
    **changes
        Arguments of the reader in place of those of the configuration.

    Raises
    ------
    InputError, SourceError
        As its reader; of several files, with a line a mistake that begins with the name of the
        file.
    """
    reader, files = READERS[name], config.files(name)
    if len(files) == 1:
        return reader(files[0].source, **(files[0].options() | changes))
    frames: dict[str, pd.DataFrame] = {}
    mistakes: list[str] = []
    for file, section in zip(file_names(files), files, strict=True):
        try:
            frames[file] = reader(section.source, **(section.options() | changes))
        except MmmError as error:
            mistakes += [f"in {file}: {line}" for line in str(error).splitlines()]
    if mistakes:
        raise InputError("\n".join(mistakes))
    fills = {section.options().get("fill") for section in files}
    try:
        return join_spend(frames, fills.pop() if len(fills) == 1 else None)
    except InputError as error:
        raise InputError(f"in {', '.join(frames)}: {error}") from error


def file_names(files: Sequence[TableSection]) -> list[str]:
    """Name the files of one table, by no more than tells them apart.

    Examples
    --------
    >>> names = "a/ads.csv", "b/ads.csv", "b/fairs.csv", "sqlite:///x.db"
    >>> file_names([TableSection(source=name) for name in names])
    ['a/ads.csv', 'b/ads.csv', 'fairs.csv', 'sqlite']
    """
    places = [
        one.source.partition("://")[0] if "://" in one.source else Path(one.source).name
        for one in files
    ]
    names = [
        place if one.table is None else f"{place}#{one.table}"
        for place, one in zip(places, files, strict=True)
    ]
    twice = Counter(names)
    return [
        f"{Path(one.source).parent.name}/{name}" if twice[name] > 1 else name
        for name, one in zip(names, files, strict=True)
    ]


def paid_channels(config: Config) -> tuple[str, ...]:
    """Return the channels with spend, in the tables of a configuration; none where it has no spend.

    Raises
    ------
    MmmError
        Where the table cannot be read.
    """
    if config.mix.source is not None:
        return config.mix.channels
    if config.spend is None:
        return ()
    spend = read_table(config, "spend")
    names = config.channels.to_map().assign(spend).dropna().unique()
    return tuple(sorted(name for name in names if name != UNMATCHED))


def warn_unwon(tables: Mapping[str, pd.DataFrame]) -> None:
    """Warn where no deal is won: more likely a word that was not understood than a company."""
    won = tables["deals"]["won"]
    if not won.fillna(False).any():
        warnings.warn(
            f"deals: none of {len(won)} deals is won, {int(won.isna().sum())} are open. "
            "Check the column won, and won_values.",
            DataWarning,
            stacklevel=3,
        )


def _note_paid(spend: pd.DataFrame, config: Config) -> None:
    """Say which sources count as paid only since they have spend: nothing is taken silently."""
    if not NAMING & set(spend.columns):
        return
    taken = config.channels.to_map().taken_as_paid(spend)
    if taken:
        said = ", ".join(f"{source!r} as {channel}" for source, channel in taken.items())
        note = (
            f"spend: what has spend is paid: {said}. Write the medium, or a rule under "
            "[channels], where that is wrong"
        )
        spend.attrs["notes"] = (*spend.attrs.get("notes", ()), note)


def check_currencies(tables: Mapping[str, pd.DataFrame]) -> None:
    """Raise where two tables are in different currencies.

    Raises
    ------
    InputError
    """
    found = {
        name: table["currency"].dropna().iloc[0]
        for name, table in tables.items()
        if name in {"deals", "spend", "costs"} and "currency" in table.columns
        if table["currency"].notna().any()
    }
    if len(set(found.values())) > 1:
        said = ", ".join(f"{name} in {currency}" for name, currency in found.items())
        raise InputError(
            f"the tables differ in currency: {said}. Pass currency= and rates= to one of them."
        )


def unmatched(tables: Mapping[str, pd.DataFrame], channels: ChannelMap) -> dict[str, pd.DataFrame]:
    """List, a table, what no channel rule matches."""
    found = {}
    for name in ("touches", "leads", "spend"):
        table = tables.get(name)
        if table is None or not NAMING & set(table.columns):
            continue
        rows = channels.unmatched(table)
        if len(rows):
            found[name] = rows
    return found
