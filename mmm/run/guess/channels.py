"""Channels: what the usual rules make of the sources in the files, and what is left to name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
import pyarrow as pa

from mmm.channels import DEFAULT_RULES, FIELDS, PLACEHOLDERS, ChannelMap
from mmm.run.guess.headings import plain
from mmm.run.guess.tables import TableGuess
from mmm.tables.parse import names_totals

MOST_LEFT = 15
_STANDARD = frozenset(rule.channel for rule in DEFAULT_RULES)


@dataclass(frozen=True)
class Left:
    """A combination that no rule matches: its fields and its rows in all files."""

    fields: tuple[tuple[str, str], ...]
    rows: int


@dataclass(frozen=True)
class ChannelGuess:
    """What is known of the channels.

    Attributes
    ----------
    names : mapping of str to str
        Spellings to unify.
    matched : mapping of str to tuple of str
        Channel to the spellings that the usual rules give it, the commonest first.
    left : tuple of Left
        What no rule matches, the commonest first.
    n_left : int
        How many there are in all.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    matched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left: tuple[Left, ...] = ()
    n_left: int = 0


def by_rules(tables: Sequence[TableGuess]) -> list[TableGuess]:
    """Take columns called channel for sources where the usual rules know their words.

    The names that the touches give their channels stay where no other file has other ones: rules
    would only rewrite them. Codes such as cpc are no names.
    """
    words = {
        guess.table: set(look.words)
        for guess in tables
        for look in [guess.look("channel") or guess.look("source")]
        if guess.table in {"touches", "leads", "spend"} and look is not None
    }
    touches = next((guess for guess in tables if guess.table == "touches"), None)
    own = None if touches is None else touches.look("channel")
    named = own is not None and any(word != word.lower() for word in own.words)
    if named and all(2 * len(said & words["touches"]) >= len(said) for said in words.values()):
        return list(tables)
    return [as_source(guess) for guess in tables]


def as_source(guess: TableGuess) -> TableGuess:
    """Take a column called channel for a source where the usual rules know its words.

    "Google Ads" in a spend table then is the "Paid search" of the touches; names that are
    channels already stay.
    """
    look = guess.look("channel")
    chosen = next((one for one in guess.columns if one.ours == "channel"), None)
    if look is None or chosen is None or guess.column("source") is not None:
        return guess
    rules = ChannelMap()
    known = [word for word in look.words if rules.name(source=word) is not None]
    standard = [word for word in look.words if word in _STANDARD]
    if not look.words or len(known) < 0.5 * len(look.words) or len(standard) >= 0.5 * len(known):
        return guess
    kept = tuple(one for one in guess.columns if one.ours != "channel")
    moved = replace(chosen, ours="source", by="values")
    return replace(guess, columns=kept).with_column(moved)


def guess_channels(tables: Sequence[TableGuess]) -> ChannelGuess:
    """Say which channels the files name, and which names are still to be given."""
    counts = _combinations(tables)
    own = _spellings(tables)
    rules = ChannelMap(names=own)
    matched: dict[str, Counter[str]] = {}
    left: Counter[tuple[tuple[str, str], ...]] = Counter()
    for combination, rows in counts.items():
        values: dict[str, Any] = dict(combination)
        channel = rules.name(**values)
        if channel is None:
            left[combination] += rows
        elif channel != values.get("channel"):
            shown = " / ".join(values[name] for name in FIELDS if name in values)
            matched.setdefault(channel, Counter())[shown] += rows
    shown_left = sorted(left.items(), key=lambda pair: (-pair[1], pair[0]))
    return ChannelGuess(
        names=own,
        matched={
            name: tuple(word for word, _ in found.most_common(3))
            for name, found in sorted(matched.items())
        },
        left=tuple(Left(fields, rows) for fields, rows in shown_left[:MOST_LEFT]),
        n_left=len(left),
    )


def _combinations(tables: Sequence[TableGuess]) -> Counter[tuple[tuple[str, str], ...]]:
    """Count the rows of every combination of channel, source and medium in any file.

    The campaign counts only where a file has nothing else.
    """
    counts: Counter[tuple[tuple[str, str], ...]] = Counter()
    for guess in tables:
        if guess.table not in {"touches", "leads", "spend"} or guess.channel:
            continue
        present = [name for name in FIELDS if guess.column(name)]
        if len(present) > 1:
            present = [name for name in present if name != "campaign"]
        columns = {
            name: guess.sheet.table.column(str(guess.column(name))).to_pylist() for name in present
        }
        frame = pd.DataFrame({name: map(_text, values) for name, values in columns.items()})
        if guess.months and len(frame):  # reading leaves out a row of totals
            labels = pa.array(frame[frame.columns[0]], pa.string())
            frame = frame[~names_totals(labels).to_numpy(zero_copy_only=False)]
        if frame.empty:
            continue
        for values, rows in frame.groupby(list(frame.columns), dropna=False).size().items():
            row = values if isinstance(values, tuple) else (values,)
            filled = tuple((n, str(v)) for n, v in zip(frame.columns, row, strict=True) if v)
            if filled:
                counts[filled] += int(rows)
    return counts


def _text(value: object) -> str:
    text = "" if value is None else str(value).strip()
    return "" if text.lower() in PLACEHOLDERS else text


def _spellings(tables: Sequence[TableGuess]) -> dict[str, str]:
    """Unify channel names that differ in case and punctuation alone, the commonest spelling."""
    counts: dict[str, Counter[str]] = {}
    for guess in tables:
        look = guess.look("channel")
        for word in () if look is None else look.words:
            counts.setdefault(plain(word) or word, Counter())[word] += 1
    return {
        word: best
        for found in counts.values()
        if len(found) > 1
        for best in [min(found, key=lambda one: (-found[one], one))]
        for word in sorted(found)
        if word != best
    }
