"""Storage of a fitted mix model: a folder of JSON and plain arrays; read, checked, never executed.

Values are written as plain JSON, arrays by name in one npz file, and specs by the name of their
class out of a fixed list: no other class can be made from a file.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmm.errors import ConfigError, MmmError, SourceError, quoted
from mmm.mix import families
from mmm.mix.calibration import LiftTest
from mmm.mix.design import Baseline, Event, Recipe
from mmm.mix.diagnostics import Diagnostics
from mmm.mix.draws import Posterior
from mmm.mix.inputs import Clock
from mmm.mix.lifts import LiftTerm
from mmm.mix.media import Group, Media
from mmm.mix.posterior import Linear, Problem
from mmm.mix.priors import Priors
from mmm.mix.problem import Scaled
from mmm.mix.sampler import Sampling

FORMAT = "mmm mix model"
VERSION = 1
MANIFEST, ARRAYS = "mix.json", "arrays.npz"
LIMIT = 1_000_000_000  # bytes of a file, unpacked: no honest model comes near
ATTRIBUTES = (
    "channels_", "controls_", "clock_", "spend_", "outcome_", "active_", "recipe_", "design_",
    "scaled_", "posterior_", "diagnostics_", "n_features_in_", "feature_names_in_", "_columns",
)  # fmt: skip
_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        Baseline, Clock, Diagnostics, Event, Group, LiftTerm, LiftTest, Linear, Media, Posterior,
        Priors, Problem, Recipe, Sampling, Scaled, families.Parameter,
        families.NoAdstock, families.GeometricAdstock, families.PeakedAdstock,
        families.DelayedAdstock, families.WeibullAdstock, families.NoSaturation,
        families.HillSaturation, families.MichaelisMentenSaturation, families.LogisticSaturation,
        families.ExponentialSaturation, families.RootSaturation,
    )
}  # fmt: skip
_DTYPES = "biufMU"  # plain numbers, days, text
_DAMAGED = "Fit again, or restore the model from its copy."

Arrays = dict[str, npt.NDArray[Any]]


def write_fit(folder: Path, settings: Mapping[str, Any], state: Mapping[str, Any]) -> Path:
    """Write a fitted model; the manifest comes last, so that a folder cut short is no model.

    Parameters
    ----------
    folder : Path
        One that does not exist, is empty, or holds a mix model.
    settings : mapping
        Parameters of the model.
    state : mapping
        Its fitted attributes.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    SourceError
        If the folder holds something else.
    ConfigError
        If a setting cannot be written as plain values, such as a family of one's own.
    """
    if folder.exists() and (
        not folder.is_dir() or (any(folder.iterdir()) and not (folder / MANIFEST).is_file())
    ):
        raise SourceError(f"{folder} holds something else. Choose a new folder for the model.")
    arrays: Arrays = {}
    body = {
        "settings": {name: _plain(value, arrays) for name, value in settings.items()},
        "state": {name: _plain(value, arrays) for name, value in state.items()},
    }
    memory = io.BytesIO()
    np.savez_compressed(memory, allow_pickle=False, **arrays)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "arrays_sum": _sum(memory.getvalue()),
        "body_sum": _sum(_text(body)),
        "body": body,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    (folder / ARRAYS).write_bytes(memory.getvalue())
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return folder


def read_fit(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a fitted model, checking every part before it is used.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    settings, state : dict

    Raises
    ------
    SourceError
        If it is absent, foreign, of a newer version, truncated or altered.
    """
    manifest = _manifest(folder)
    body = manifest["body"]
    if _sum(_text(body)) != manifest.get("body_sum"):
        raise SourceError(f"{folder / MANIFEST} was altered. {_DAMAGED}")
    try:
        arrays = _arrays(folder, manifest.get("arrays_sum"))
        settings, state = (
            {str(name): _value(plain, arrays) for name, plain in body[part].items()}
            for part in ("settings", "state")
        )
    except MmmError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"The model in {folder} is damaged ({error}). {_DAMAGED}") from error
    except Exception as error:  # whatever a damaged file makes a reader stumble over
        raise SourceError(f"The model in {folder} is damaged ({error!r}). {_DAMAGED}") from error
    strange = set(state) - set(ATTRIBUTES)
    absent = set(ATTRIBUTES) - {"feature_names_in_"} - set(state)
    if strange or absent:
        raise SourceError(
            f"The model in {folder} is damaged: {quoted(sorted(strange | absent))} should not be "
            f"there, or is missing. {_DAMAGED}"
        )
    return settings, state


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not file.is_file():
        raise SourceError(f"{folder} holds no mix model: {MANIFEST} is missing. Check the path.")
    if file.stat().st_size > LIMIT:
        raise SourceError(f"{file} is too large to be a model. {_DAMAGED}")
    try:
        manifest = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{file} is truncated or no JSON ({error}). {_DAMAGED}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise SourceError(f"{file} is not a mix model of mmm. Check the path.")
    version = manifest.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise SourceError(
            f"{file} is of version {version!r}; this mmm reads up to {VERSION}. "
            "Install a newer mmm."
        )
    if not isinstance(manifest.get("body"), dict):
        raise SourceError(f"{file} is damaged: parts are missing. {_DAMAGED}")
    return manifest


def _arrays(folder: Path, total: object) -> Arrays:
    file = folder / ARRAYS
    if not file.is_file():
        raise SourceError(f"{file} is missing. {_DAMAGED}")
    if file.stat().st_size > LIMIT:
        raise SourceError(f"{file} is too large to be a model. {_DAMAGED}")
    data = file.read_bytes()
    if _sum(data) != total:
        raise SourceError(f"{file} is truncated or was altered. {_DAMAGED}")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > LIMIT:
            raise SourceError(f"{ARRAYS} unpacks to more than any model. {_DAMAGED}")
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _plain(value: Any, arrays: Arrays) -> Any:
    """Return a value as JSON, its arrays put aside."""
    if isinstance(value, np.datetime64):
        return {"day": str(value.astype("datetime64[D]"))}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_plain(part, arrays) for part in value]}
    if isinstance(value, Mapping):
        return {"dict": [[_plain(a, arrays), _plain(b, arrays)] for a, b in value.items()]}
    if isinstance(value, np.ndarray):
        text = value.dtype.kind == "O" and all(isinstance(part, str) for part in value)
        if not text and value.dtype.kind not in _DTYPES:
            raise ConfigError(f"An array of {value.dtype} cannot be written; pass numbers or text.")
        name = f"a{len(arrays)}"
        arrays[name] = value.astype("str") if text else value
        return {"text" if text else "array": name}
    kind = type(value).__name__
    if _KINDS.get(kind) is type(value) and is_dataclass(value):
        own = {field.name: getattr(value, field.name) for field in fields(value)}
        return {kind: {name: _plain(part, arrays) for name, part in own.items()}}
    raise ConfigError(
        f"A value of type {kind} cannot be written without executing code when it is read; use the "
        "families and settings of the package, or keep the table and fit again."
    )


def _value(plain: Any, arrays: Arrays) -> Any:
    """Return what `_plain` was given."""
    if not isinstance(plain, dict):
        return plain
    ((kind, inside),) = plain.items()
    if kind == "day":
        return np.datetime64(str(inside), "D")
    if kind == "array":
        return arrays[inside]
    if kind == "text":
        return arrays[inside].astype(object)
    if kind in ("list", "tuple"):
        parts = [_value(part, arrays) for part in inside]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict":
        return {_value(a, arrays): _value(b, arrays) for a, b in inside}
    return _KINDS[kind](**{name: _value(part, arrays) for name, part in inside.items()})


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True).encode()
