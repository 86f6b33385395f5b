"""A person taken out of what lies here: ledgers, the files beside them; models are looked at."""

import gzip
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, cast

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from mmm.crm.target import FIELDS, Record, Target
from mmm.errors import (
    ConfigError,
    SourceError,
    TargetBusy,
    TargetError,
    TargetUnsure,
    quoted,
)
from mmm.prediction.writeback import Caller, Pace, forget, locked, open_ledger, read_key
from mmm.tables.target import write_target
from mmm.tables.write import inert

_BESIDE = ("not-written.csv", "not-scored.csv", "handed.csv")
_WINDOW = 1 << 20  # bytes of a file looked at at a time


@dataclass(frozen=True)
class Look:
    """One file, and what was found in it.

    Attributes
    ----------
    file : Path
    found : int
        Entries taken out; places found, where `removed` is false.
    removed : bool
        Whether nothing is left.
    what : {"entries", "rows", "places"}
        What was counted: entries of a ledger, rows of a table, places in a file of a model.
    systems : tuple of str
        Of a ledger: systems that were given values of the lead, and may hold them still.
    """

    file: Path
    found: int
    removed: bool
    what: str = "places"
    systems: tuple[str, ...] = ()


def forget_lead(
    lead_id: str, ledgers: Sequence[Path], folders: Sequence[Path], also: Sequence[str] = ()
) -> tuple[Look, ...]:
    """Take a lead out of ledgers and of what lies beside them, and look for it in model folders.

    A ledger keeps the keyed hash of the id, so that a later run leaves the lead alone. Tables lose
    its rows. A model is sums over many people and keeps no rows of training; where the id or
    another word of the person stands in one all the same, such as a name that was a category, it
    is said, since only a new training takes it out.

    Parameters
    ----------
    lead_id : str
    ledgers : sequence of Path
    folders : sequence of Path
        Of models.
    also : sequence of str
        Other words that name the person, such as an e-mail address.

    Returns
    -------
    tuple of Look
        One for each file that was looked at.

    Raises
    ------
    ConfigError
        If the id is empty or a folder is not there.
    SourceError
        If a file cannot be read or written.
    TargetBusy
        If a run has the ledger.
    """
    words = tuple(dict.fromkeys(word.strip() for word in (lead_id, *also)))
    if not all(words):
        raise ConfigError("the id of a lead is empty. Give it as it stands in the leads.")
    if absent := [folder for folder in folders if not folder.is_dir()]:
        raise ConfigError(f"there is no folder {quoted(absent)}. Name folders of models.")
    looks: list[Look] = []
    for ledger in ledgers:
        looks += _from_ledger(ledger, words)
    for folder in folders:
        looks += [_from_file(file, words) for file in sorted(folder.rglob("*")) if file.is_file()]
    return tuple(looks)


def left_alone(
    folder: Path, looks: Sequence[Look], words: Sequence[str], *, deepest: int = 3
) -> tuple[Look, ...]:
    """Look for a person in the files of a folder that `forget_lead` does not touch.

    Such as exports, the results of earlier runs, models elsewhere. Hidden folders and environments
    of Python are passed over.

    Parameters
    ----------
    folder : Path
    looks : sequence of Look
        What was looked at already.
    words : sequence of str
        Id of the lead, and other words that name the person.
    deepest : int, default 3
        Folders below each other that are looked into.

    Returns
    -------
    tuple of Look
        The files that hold the person, by name; a file that cannot be read has no place found.
    """
    seen = {look.file.resolve() for look in looks}
    found = []
    for place, folders, names in os.walk(folder):
        inner = len(Path(place).relative_to(folder).parts) < deepest
        folders[:] = [name for name in folders if inner and _looked_into(Path(place, name))]
        for file in (Path(place, name) for name in names):
            if file.resolve() in seen or not file.is_file():
                continue
            try:
                n = sum(_counted(file, word.strip()) for word in words)
            except SourceError:
                n = None
            if n != 0:
                found.append(Look(file, n or 0, False))
    return tuple(sorted(found, key=lambda look: look.file))


def _looked_into(folder: Path) -> bool:
    return not folder.name.startswith(".") and not (folder / "pyvenv.cfg").exists()


def empty_lead(target: Target, lead_id: str, pace: Pace | None = None) -> bool:
    """Take the values of a lead away in a customer system; whether it had any.

    Parameters
    ----------
    target : Target
        Closed at the end.
    lead_id : str
    pace : Pace, optional

    Raises
    ------
    TargetError
        If the system does not take it.
    """
    caller = Caller(target, pace or Pace())
    try:
        there = caller.read([lead_id]).get(lead_id, {})
        if all(value is None for value in there.values()):
            return False
        attempt = 0
        while True:  # until it is taken, or the system has been asked often enough
            attempt += 1
            try:
                refusals = caller.write([Record(lead_id, dict.fromkeys(FIELDS))])
                break
            except (TargetBusy, TargetUnsure) as error:
                caller.wait(attempt, error)
        if refusals:
            raise TargetError(
                f"{target.name} keeps the values: {refusals[0].reason}. Empty them there."
            )
        return True
    finally:
        target.close()


def _from_ledger(path: Path, words: Sequence[str]) -> Iterator[Look]:
    with locked(path):
        key = read_key(path)
        ledger = open_ledger(path)
        try:
            found = [forget(ledger, word, key) for word in words]
        finally:
            ledger.connection.close()
    n_found = sum(one.n_items + len(one.systems) for one in found)
    held = sorted({name for one in found for name, held in one.systems.items() if held})
    yield Look(path, n_found, True, "entries", tuple(held))
    for name in _BESIDE:
        file = path.with_name(f"{path.name}.{name}")
        if file.exists():
            yield _from_file(file, words)


def _from_file(file: Path, words: Sequence[str]) -> Look:
    if file.suffix.lower() == ".csv":
        return _from_table(file, words)
    found = sum(_counted(file, word) for word in words)
    return Look(file, found, found == 0)


def _from_table(file: Path, words: Sequence[str]) -> Look:
    try:
        table = pd.read_csv(file, dtype="str", keep_default_na=False)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {file} ({error}). Look into it by hand.") from error
    spelled = {spelling for word in words for spelling in (word, str(inert(word)))}
    rows = table.isin(spelled).any(axis=1)
    if rows.any():
        write_target(table[~rows], file)
    return Look(file, int(rows.sum()), True, "rows")


def _counted(file: Path, word: str) -> int:
    """Count a word in a file: in arrays, unpacked, as it stands, and as JSON writes it."""
    spelled = {word.encode(), json.dumps(word)[1:-1].encode()}
    try:
        if file.suffix == ".npz":
            return _in_arrays(file, word)
        if file.suffix == ".parquet":
            return sum(_in_parquet(file, one) for one in spelled)
        if file.suffix == ".gz":
            return sum(_in_stream(_unpacked(file), one) for one in spelled)
        if not zipfile.is_zipfile(file):
            return sum(_in_stream(file.open("rb"), one) for one in spelled)
        with zipfile.ZipFile(file) as parts:
            names = parts.namelist()
            return sum(_in_stream(parts.open(name), one) for name in names for one in spelled)
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        raise SourceError(f"cannot read {file} ({error}). Look into it by hand.") from error


def _in_arrays(file: Path, word: str) -> int:
    with np.load(file, allow_pickle=False) as arrays:
        texts = (array for array in arrays.values() if array.dtype.kind in "US")
        return sum(int((array.astype("str") == word).sum()) for array in texts)


def _in_parquet(file: Path, word: bytes) -> int:
    with pq.ParquetFile(file) as table:
        texts = (part.to_pandas().to_csv().encode() for part in table.iter_batches())
        return sum(_in_stream(BytesIO(text), word) for text in texts)


def _unpacked(file: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(file))


def _in_stream(stream: IO[bytes], word: bytes) -> int:
    """Count where a word stands alone, not as a part of a longer one; close the stream."""
    n, text, ends = 0, b" ", False
    with stream:
        while not ends:
            block = stream.read(_WINDOW)
            ends = not block
            text += block or b" "
            at = text.find(word, 1)
            while 0 <= at < len(text) - len(word):
                n += not (_letter(text[at - 1]) or _letter(text[at + len(word)]))
                at = text.find(word, at + 1)
            text = text[-len(word) - 1 :]
    return n


def _letter(byte: int) -> bool:
    return chr(byte).isalnum() or byte >= 128
