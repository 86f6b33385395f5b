"""Sealed folders: JSON and plain arrays under checksums; what is read is checked, never executed.

The manifest names every file with its checksum and is written last, so that a folder cut short
holds nothing.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmm.errors import SourceError

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Seal:
    """What a sealed file or folder holds.

    Attributes
    ----------
    what : str
        In words, for messages: "mix model".
    format : str
        Written into the manifest, and asked of it.
    version : int
        The newest that can be read.
    manifest : str
        Name of the manifest in its folder.
    cure : str
        What to do where it is damaged.
    limit : int
        Bytes of a file, packed or unpacked, beyond which it is refused.
    """

    what: str
    format: str
    version: int
    manifest: str
    cure: str
    limit: int = 500_000_000


def write_folder(
    folder: Path, seal: Seal, body: Mapping[str, Any], files: Mapping[str, bytes], **facts: Any
) -> Path:
    """Write files, and last the manifest with `body` and `facts`.

    Raises
    ------
    SourceError
        If the folder holds something else.
    """
    if folder.exists() and (
        not folder.is_dir() or (any(folder.iterdir()) and not (folder / seal.manifest).is_file())
    ):
        raise SourceError(f"{folder} holds something else. Choose a new folder for the model.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / seal.manifest).unlink(missing_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    facts["files"] = {name: checksum(data) for name, data in files.items()}
    write_json(folder / seal.manifest, seal, body, **facts)
    return folder


def read_folder(folder: Path, seal: Seal) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the manifest and the files that it names, each of them checked.

    Raises
    ------
    SourceError
        If one is absent, foreign, of a newer version, truncated or altered.
    """
    file = folder / seal.manifest
    if not file.is_file():
        raise SourceError(
            f"{folder} holds no {seal.what}: {seal.manifest} is missing. Check the path."
        )
    manifest = read_json(file, seal)
    named = manifest.get("files")
    if not isinstance(named, dict) or any(Path(name).name != name for name in named):
        raise SourceError(f"{file} is damaged: parts are missing. {seal.cure}")
    return manifest, {name: _checked(folder / name, seal, total) for name, total in named.items()}


def write_json(file: Path, seal: Seal, body: Mapping[str, Any], **facts: Any) -> None:
    """Write `body` under its checksum."""
    plain = {"format": seal.format, "version": seal.version, "body_sum": checksum(as_bytes(body))}
    text = json.dumps(plain | facts | {"body": body}, indent=1, sort_keys=True)
    file.write_text(text, encoding="utf-8")


def read_json(file: Path, seal: Seal) -> dict[str, Any]:
    """Return what `write_json` wrote, with its facts.

    Raises
    ------
    SourceError
        If it is foreign, of a newer version, truncated or altered.
    """
    _bounded(file, seal)
    try:
        plain = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{file} is truncated or no JSON ({error}). {seal.cure}") from error
    if not isinstance(plain, dict) or plain.get("format") != seal.format:
        raise SourceError(f"{file} is not a {seal.what} of mmm. Check the path.")
    version, body = plain.get("version"), plain.get("body")
    if not isinstance(version, int) or version > seal.version:
        raise SourceError(
            f"{file} is of version {version!r}; this mmm reads up to {seal.version}. "
            "Install a newer mmm."
        )
    if not isinstance(body, dict):
        raise SourceError(f"{file} is damaged: parts are missing. {seal.cure}")
    if checksum(as_bytes(body)) != plain.get("body_sum"):
        raise SourceError(f"{file} is damaged or was altered. {seal.cure}")
    return plain


def pack_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return arrays as one npz file.

    Examples
    --------
    >>> seal = Seal("model", "example", 1, "example.json", "Make it again.")
    >>> unpack_arrays(pack_arrays({"x": np.arange(2.0)}), seal)["x"].tolist()
    [0.0, 1.0]
    """
    memory = io.BytesIO()
    np.savez_compressed(memory, allow_pickle=False, **dict(arrays))
    return memory.getvalue()


def unpack_arrays(data: bytes, seal: Seal) -> Arrays:
    """Return what `pack_arrays` was given, never objects.

    Raises
    ------
    SourceError
        If it unpacks to more than the limit.
    """
    check_unpacked(data, seal)
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def check_unpacked(data: bytes, seal: Seal) -> None:
    """Raise where a zip archive unpacks to more than the limit.

    Raises
    ------
    SourceError
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > seal.limit:
            raise SourceError(f"An archive unpacks to more than any {seal.what}. {seal.cure}")


def checksum(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal digits.

    Examples
    --------
    >>> checksum(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def as_bytes(body: Mapping[str, Any]) -> bytes:
    """Return plain values as bytes that do not depend on the order of keys.

    Examples
    --------
    >>> as_bytes({"b": 1, "a": 2})
    b'{"a": 2, "b": 1}'
    """
    return json.dumps(body, sort_keys=True).encode()


def _checked(file: Path, seal: Seal, total: object) -> bytes:
    if not file.is_file():
        raise SourceError(f"{file} is missing. {seal.cure}")
    _bounded(file, seal)
    data = file.read_bytes()
    if checksum(data) != total:
        raise SourceError(f"{file} is truncated or was altered. {seal.cure}")
    return data


def _bounded(file: Path, seal: Seal) -> None:
    if file.stat().st_size > seal.limit:
        raise SourceError(f"{file} is too large for a {seal.what}. {seal.cure}")
