"""Recipe: how tables become the rows that a model reads; kept beside the model."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmm.channels import ChannelMap
from mmm.errors import MmmError, SourceError
from mmm.prediction.features import FeatureSpec

RECIPE = "recipe.json"
FORMAT, VERSION = "mmm lead recipe", 1
_DAMAGED = "Train again, or restore the model from its copy."


@dataclass(frozen=True)
class Recipe:
    """What scoring has to do to a table before the model reads it.

    Attributes
    ----------
    model_version : str
        The model that it belongs to.
    lead_id : str
        Column that names each lead.
    created_at, ended_at, outcome, groups : str or None
        Columns of the leads that are no features.
    tables : tuple of str
        Tables beside the leads of which features were made, such as touches and deals; empty where
        the leads came with their features.
    horizon_days : float or None
        Days within which a lead counts as won, where features were made of tables.
    spec : FeatureSpec or None
        How they were made.
    refused : tuple of str
        Features of those tables that the model does not read: they know the future.
    promised : tuple of float
        Probabilities that the model gives to the rows of training, at even ranks: what those of
        new leads are held against. Those of rows held out come from other models.
    """

    model_version: str
    lead_id: str = "lead_id"
    created_at: str | None = None
    ended_at: str | None = None
    outcome: str | None = None
    groups: str | None = None
    tables: tuple[str, ...] = ()
    horizon_days: float | None = None
    spec: FeatureSpec | None = None
    refused: tuple[str, ...] = ()
    promised: tuple[float, ...] = ()

    @property
    def beside(self) -> tuple[str, ...]:
        """Columns of the leads that are no features, apart from their id."""
        named = (self.created_at, self.ended_at, self.outcome, self.groups)
        return tuple(dict.fromkeys(name for name in named if name is not None))


def write_recipe(folder: Path, recipe: Recipe) -> Path:
    """Write a recipe into the folder of its model."""
    body = asdict(recipe)
    plain = {"format": FORMAT, "version": VERSION, "body_sum": _sum(body), "body": body}
    file = folder / RECIPE
    file.write_text(json.dumps(plain, indent=1, sort_keys=True), encoding="utf-8")
    return file


def read_recipe(folder: Path, model_version: str) -> Recipe:
    """Read the recipe of a model; a model without one reads leads that have their features.

    Raises
    ------
    SourceError
        If it is truncated, altered, of a newer version or of another model.
    """
    file = folder / RECIPE
    if not file.is_file():
        return Recipe(model_version, created_at="created_at")
    try:
        plain = json.loads(file.read_bytes())
    except ValueError as error:
        raise SourceError(f"{file} is truncated or no JSON ({error}). {_DAMAGED}") from error
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise SourceError(f"{file} is no recipe of mmm. {_DAMAGED}")
    version, body = plain.get("version"), plain.get("body")
    if not isinstance(version, int) or version > VERSION:
        raise SourceError(
            f"{file} is of version {version!r}; this mmm reads up to {VERSION}. "
            "Install a newer mmm."
        )
    if not isinstance(body, dict) or _sum(body) != plain.get("body_sum"):
        raise SourceError(f"{file} is damaged or was altered. {_DAMAGED}")
    if body.get("model_version") != model_version:
        raise SourceError(f"{file} belongs to another model. {_DAMAGED}")
    try:
        typed = {
            "tables": tuple(map(str, body["tables"])),
            "refused": tuple(map(str, body["refused"])),
            "promised": tuple(map(float, body["promised"])),
            "spec": None if body["spec"] is None else _spec(body["spec"]),
        }
        return Recipe(**(body | typed))
    except (KeyError, TypeError, ValueError, re.error, MmmError) as error:
        raise SourceError(f"{file} is damaged ({error!r}). {_DAMAGED}") from error


def _spec(plain: Mapping[str, Any]) -> FeatureSpec:
    rules = plain["channel_map"]
    channels = plain["channels"]
    return FeatureSpec(
        half_life_days=float(plain["half_life_days"]),
        channels=None if channels is None else tuple(map(str, channels)),
        signals={str(name): str(pattern) for name, pattern in plain["signals"].items()},
        recent_days=tuple(map(int, plain["recent_days"])),
        channel_map=ChannelMap.from_rules(rules["rules"], rules["names"], rules["defaults"]),
    )


def _sum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
