"""Registry: models of one purpose in one folder; which of them scores, and which one watches.

``registry.json`` names the champion, whose scores are written, and the challenger, which scores
beside it. It is replaced whole, so that a run sees the state before a change or after it. What
changed, when, by which role and why lies in ``registry.log.jsonl``, a line a change.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmm.errors import ConfigError, SourceError, TargetBusy, quoted
from mmm.prediction.writeback import locked
from mmm.tables.sealed import Seal, read_json, write_json

REGISTRY, LOG = "registry.json", "registry.log.jsonl"
ROLES = ("champion", "challenger")
SEAL = Seal(
    what="registry of models",
    format="mmm model registry",
    version=1,
    manifest=REGISTRY,
    cure="Restore it from its copy, or name the folder of one of its models.",
)
_NAME = re.compile(r"\d{4,}-[0-9a-f]{12}")
_NEW = ".new"
_LONGEST = 200


@dataclass(frozen=True)
class Note:
    """Who changes a registry, and why; no personal data.

    Attributes
    ----------
    by : str
        A role or a team, such as "sales operations".
    why : str

    Raises
    ------
    ConfigError
        If one holds an address, or is longer than 200 characters.
    """

    by: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        for name, text in (("by", self.by), ("why", self.why)):
            if "@" in text:
                raise ConfigError(
                    f"{name}= holds an address, and the log of a registry keeps no personal data. "
                    "Name a role or a team."
                )
            if len(text) > _LONGEST:
                raise ConfigError(f"{name}= has {len(text)} characters. Use at most {_LONGEST}.")


@dataclass(frozen=True)
class Registry:
    """State of a registry.

    Attributes
    ----------
    folder : Path
    champion : str
        Name of the folder inside; a number and the version of the model.
    challenger : str or None
    past : tuple of str
        Champions before, the latest last.
    last : mapping
        The latest change, as the log holds it.
    """

    folder: Path
    champion: str
    challenger: str | None
    past: tuple[str, ...]
    last: Mapping[str, Any]

    @property
    def champion_folder(self) -> Path:
        """Folder of the model whose scores are written."""
        return self.folder / self.champion

    @property
    def challenger_folder(self) -> Path | None:
        """Folder of the model that scores beside it."""
        return None if self.challenger is None else self.folder / self.challenger


def is_registry(folder: Path) -> bool:
    """Whether a folder holds a registry, rather than one model."""
    return (folder / REGISTRY).is_file()


def model_folder(folder: Path) -> Path:
    """Return the folder of the model that scores: the champion's, or the folder itself.

    Raises
    ------
    SourceError
        As `read_registry`.
    """
    return read_registry(folder).champion_folder if is_registry(folder) else folder


def version_in(name: str) -> str:
    """Return the version of the model that a folder of a registry holds.

    Examples
    --------
    >>> version_in("0002-0123456789ab")
    '0123456789ab'
    """
    return name.rpartition("-")[2]


def read_registry(folder: Path) -> Registry:
    """Read which models a registry names.

    Raises
    ------
    SourceError
        If there is none, or it is foreign, of a newer version, truncated or altered.
    """
    file = folder / REGISTRY
    if not file.is_file():
        raise SourceError(
            f"{folder} holds no registry of models: {REGISTRY} is missing. Make one with "
            "mmm score train --as champion."
        )
    body = read_json(file, SEAL)["body"]
    try:
        past = tuple(body["past"])
        state = Registry(folder, body["champion"], body["challenger"], past, dict(body["last"]))
        named = [state.champion, *state.past, *([state.challenger] if state.challenger else [])]
        sound = all(_NAME.fullmatch(name) for name in named) and isinstance(state.last["n"], int)
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{file} is damaged ({error!r}). {SEAL.cure}") from error
    if not sound:  # a name could lead out of the folder
        raise SourceError(f"{file} is damaged: it names no folders of models. {SEAL.cure}")
    return state


def check_entry(folder: Path, role: str) -> None:
    """Refuse what `enter_model` would refuse, before a model is trained.

    Raises
    ------
    ConfigError, SourceError
        As `enter_model`.
    """
    if role not in ROLES:
        raise ConfigError(f"a model is no {role!r}. Say {quoted(ROLES)}.")
    if is_registry(folder):
        read_registry(folder)
        if role == "champion":
            raise ConfigError(
                f"{folder} has a champion. Train with --as challenger, and promote that."
            )
        return
    if folder.exists() and not (folder.is_dir() and all(map(_ours, folder.iterdir()))):
        raise SourceError(f"{folder} holds something else. Choose a new folder for the registry.")
    if role == "challenger":
        raise ConfigError("there is no champion to challenge. Train it with --as champion first.")


def enter_model(
    folder: Path, role: str, version: str, write: Callable[[Path], object], note: Note
) -> Registry:
    """Put a new model into a registry; the first one, which makes the registry, is its champion.

    Parameters
    ----------
    folder : Path
    role : {"champion", "challenger"}
        A challenger takes the place of an earlier one, whose folder stays.
    version : str
        Of the model.
    write : callable
        Writes the model to a folder that does not exist.
    note : Note

    Raises
    ------
    ConfigError
        If the role is unknown, or the model would become champion without having been compared.
    SourceError
        If the folder holds something else, or the registry cannot be read.
    """
    check_entry(folder, role)
    with held(folder):
        check_entry(folder, role)  # again, now that nobody else changes it
        state = read_registry(folder) if is_registry(folder) else None
        if state is not None and version_in(state.champion) == version:
            raise ConfigError(
                "the model is the same as the champion: there is nothing to compare. Train with "
                "newer or other leads."
            )
        name = _settled(folder, version, write)
        if state is None:
            return _changed(folder, None, "entered", name, (name, None, ()), note, role=role)
        entries = (state.champion, name, state.past)
        return _changed(folder, state, "entered", name, entries, note, role=role)


def promote_model(
    folder: Path,
    note: Note,
    figures: Mapping[str, Any] | None,
    *,
    forced: bool = False,
    expected: Registry | None = None,
) -> Registry:
    """Make the challenger the champion; the figures it rests on go into the log.

    Parameters
    ----------
    folder : Path
    note : Note
    figures : mapping, optional
        Plain values: the comparison behind it.
    forced : bool
    expected : Registry, optional
        The state that was compared.

    Raises
    ------
    ConfigError
        If there is no challenger, or the registry is no longer in the state expected.
    """
    with held(folder):
        state = read_registry(folder)
        if expected is not None and state.last["n"] != expected.last["n"]:
            raise ConfigError(f"{folder} was changed meanwhile. Compare again.")
        if state.challenger is None:
            raise ConfigError(f"{folder} has no challenger. Train one with --as challenger.")
        entries = (state.challenger, None, (*state.past, state.champion))
        return _changed(
            folder, state, "promoted", state.challenger, entries, note,
            forced=forced, figures=None if figures is None else dict(figures),
        )  # fmt: skip


def roll_back(folder: Path, note: Note) -> Registry:
    """Bring the champion before back; the challenger stays.

    Raises
    ------
    ConfigError
        If there was none.
    """
    with held(folder):
        state = read_registry(folder)
        if not state.past:
            raise ConfigError(
                f"{folder} has had one champion only. There is nothing to go back to."
            )
        entries = (state.past[-1], state.challenger, state.past[:-1])
        return _changed(folder, state, "rolled back", state.past[-1], entries, note)


def read_log(folder: Path) -> tuple[dict[str, Any], ...]:
    """Return the changes of a registry, the oldest first."""
    state = read_registry(folder)
    found = {entry["n"]: entry for entry in (*_lines(folder / LOG), dict(state.last))}
    return tuple(found[n] for n in sorted(found))


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a registry: one process changes it at a time.

    Raises
    ------
    ConfigError
        If another one does.
    """
    try:
        with locked(folder / "registry"):
            yield
    except TargetBusy as error:
        raise ConfigError(
            f"another command is changing {folder}. Wait until it has ended."
        ) from error


def _settled(folder: Path, version: str, write: Callable[[Path], object]) -> str:
    """Write a model under its own name; until it is whole it has none."""
    new = folder / _NEW
    if new.exists():  # of a training that was cut off
        shutil.rmtree(new)
    write(new)
    taken = [
        int(path.name.split("-")[0]) for path in folder.iterdir() if _NAME.fullmatch(path.name)
    ]
    name = f"{max(taken, default=0) + 1:04d}-{version}"
    new.rename(folder / name)
    return name


def _changed(
    folder: Path,
    before: Registry | None,
    did: str,
    name: str,
    entries: tuple[str, str | None, tuple[str, ...]],
    note: Note,
    **facts: Any,
) -> Registry:
    """Replace the pointer and log the change; what a crash kept out of the log is made up for."""
    if before is not None:
        _log(folder, before.last)
    champion, challenger, past = entries
    last = {
        "n": 1 if before is None else int(before.last["n"]) + 1,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "did": did,
        "model": name,
        "champion": champion,
        "challenger": challenger,
        "before": None if before is None else before.champion,
        "by": note.by or None,
        "why": note.why or None,
        **facts,
    }
    body = {"champion": champion, "challenger": challenger, "past": list(past), "last": last}
    part = folder / f".{REGISTRY}.part"
    write_json(part, SEAL, body)
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    part.replace(folder / REGISTRY)
    _log(folder, last)
    return Registry(folder, champion, challenger, past, last)


def _log(folder: Path, entry: Mapping[str, Any]) -> None:
    """Append a change that is not in the log yet."""
    file = folder / LOG
    if any(known["n"] == entry["n"] for known in _lines(file)):
        return
    torn = file.is_file() and not file.read_bytes().endswith(b"\n")
    with file.open("a", encoding="utf-8") as stream:
        stream.write(("\n" if torn else "") + json.dumps(dict(entry), sort_keys=True) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _lines(file: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a log; a crash may have torn one."""
    found = []
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and isinstance(entry.get("n"), int):
            found.append(entry)
    return found


def _ours(path: Path) -> bool:
    """Whether a file may lie in a registry that was cut off before it was made."""
    return path.name.startswith((_NEW, f".{REGISTRY}", "registry."))
