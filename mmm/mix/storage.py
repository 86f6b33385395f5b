"""Storage of a fitted mix model: a folder of JSON and plain arrays; read, checked, never executed.

Values are written as plain JSON, arrays by name in one npz file, and specs by the name of their
class out of a fixed list: no other class can be made from a file.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmm.errors import ConfigError, MmmError, SourceError, quoted
from mmm.mix import families
from mmm.mix.calibration import LiftTest
from mmm.mix.inference.beliefs import Attributed, Own
from mmm.mix.inference.counts import Counts
from mmm.mix.inference.design import Baseline, Event, Recipe
from mmm.mix.inference.diagnostics import Diagnostics
from mmm.mix.inference.draws import Posterior
from mmm.mix.inference.lifts import LiftTerm
from mmm.mix.inference.media import Group, Media
from mmm.mix.inference.posterior import Linear, Problem
from mmm.mix.inference.problem import Scaled
from mmm.mix.inference.sampler import Sampling
from mmm.mix.priors import AttributionPrior, Priors
from mmm.mix.table.inputs import Clock
from mmm.tables.sealed import Arrays, Seal, pack_arrays, read_folder, unpack_arrays, write_folder

SEAL = Seal(
    what="mix model",
    format="mmm mix model",
    version=1,
    manifest="mix.json",
    cure="Fit again, or restore the model from its copy.",
    limit=1_000_000_000,
)
ARRAYS = "arrays.npz"
_PANELS = "panels_"
_ALWAYS = ("channels_", "clock_", "spend_", "outcome_", "active_", "diagnostics_")
_SINGLE = (
    "controls_", "recipe_", "design_", "scaled_", "posterior_", "n_features_in_", "_columns",
)  # fmt: skip
ATTRIBUTES = (*_ALWAYS, *_SINGLE, "feature_names_in_", "_day_first", _PANELS)
_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        Attributed, AttributionPrior, Baseline, Clock, Counts, Diagnostics, Event, Group, LiftTerm,
        LiftTest, Linear, Media, Own, Posterior, Priors, Problem, Recipe, Sampling, Scaled,
        families.Parameter, families.NoAdstock, families.GeometricAdstock, families.PeakedAdstock,
        families.DelayedAdstock, families.WeibullAdstock, families.NoSaturation,
        families.HillSaturation, families.MichaelisMentenSaturation, families.LogisticSaturation,
        families.ExponentialSaturation, families.RootSaturation,
    )
}  # fmt: skip
_DTYPES = "biufMU"  # plain numbers, days, text


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
    arrays: Arrays = {}
    body = {
        "settings": {name: _plain(value, arrays) for name, value in settings.items()},
        "state": {name: _plain(value, arrays) for name, value in state.items()},
    }
    return write_folder(folder, SEAL, body, {ARRAYS: pack_arrays(arrays)})


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
    manifest, files = read_folder(folder, SEAL)
    body = manifest["body"]
    try:
        arrays = unpack_arrays(files[ARRAYS], SEAL)
        settings, state = (
            {str(name): _value(plain, arrays) for name, plain in body[part].items()}
            for part in ("settings", "state")
        )
    except MmmError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"The model in {folder} is damaged ({error}). {SEAL.cure}") from error
    except Exception as error:  # whatever a damaged file makes a reader stumble over
        raise SourceError(f"The model in {folder} is damaged ({error!r}). {SEAL.cure}") from error
    _check_state(state, folder)
    return settings, state


def _check_state(state: Mapping[str, Any], folder: Path) -> None:
    needed = {*_ALWAYS, *((_PANELS,) if _PANELS in state else _SINGLE)}
    odd = (set(state) - set(ATTRIBUTES)) | (needed - set(state))
    if odd:
        raise SourceError(
            f"The model in {folder} is damaged: {quoted(sorted(odd))} should not be "
            f"there, or is missing. {SEAL.cure}"
        )
    for _, of_panel in state.get(_PANELS, {}).values():
        _check_state(of_panel, folder)


def taken_apart(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings and the state of a fitted model, as `write_fit` takes them.

    Parameters
    ----------
    model : MixModel
        With panels, the state of each is in that of the whole.

    Returns
    -------
    settings, state : dict
    """
    state = {name: getattr(model, name) for name in ATTRIBUTES if hasattr(model, name)}
    if _PANELS in state:
        state[_PANELS] = {name: taken_apart(one) for name, one in state[_PANELS].items()}
    return model.get_params(deep=False), state


def put_together(kind: Any, settings: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
    """Make a model of what `read_fit` returned.

    Parameters
    ----------
    kind : type
        MixModel.
    settings, state : mapping

    Returns
    -------
    MixModel

    Raises
    ------
    SourceError
        If the settings are those of another version.
    """
    unknown = sorted(set(settings) - set(kind().get_params(deep=False)))
    if unknown:
        raise SourceError(f"The model has settings {quoted(unknown)} of another mmm. Fit again.")
    model = kind(**settings)
    for name, value in state.items():
        setattr(model, name, value)
    if _PANELS in state:
        panels = {name: put_together(kind, *parts) for name, parts in state[_PANELS].items()}
        setattr(model, _PANELS, panels)
    return model


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
