"""The tables of a configuration, read together: what is wrong with any of them is said at once."""

import warnings
from collections.abc import Callable, Mapping

import pandas as pd

from mmm import tables as readers
from mmm.channels import UNMATCHED, ChannelMap
from mmm.errors import DataWarning, InputError, MmmError
from mmm.run.config import Config
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
    for name, reader in READERS.items():
        section = getattr(config, name)
        if section is not None:
            progress(say("progress.reading", config.company.language, table=name))
            try:
                found[name] = reader(section.source, **section.options())
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
    spend = readers.read_spend(config.spend.source, **config.spend.options())
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
