"""Recipe: how tables become the rows that a model reads; kept beside the model."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmm.channels import ChannelMap
from mmm.errors import MmmError, SourceError
from mmm.prediction.features.build import FeatureSpec
from mmm.tables.sealed import Seal, read_json, write_json

RECIPE = "recipe.json"
SEAL = Seal(
    what="recipe",
    format="mmm lead recipe",
    version=1,
    manifest=RECIPE,
    cure="Train again, or restore the model from its copy.",
)


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
    write_json(folder / RECIPE, SEAL, asdict(recipe))
    return folder / RECIPE


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
    body = read_json(file, SEAL)["body"]
    if body.get("model_version") != model_version:
        raise SourceError(f"{file} belongs to another model. {SEAL.cure}")
    try:
        typed = {
            "tables": tuple(map(str, body["tables"])),
            "refused": tuple(map(str, body["refused"])),
            "promised": tuple(map(float, body["promised"])),
            "spec": None if body["spec"] is None else _spec(body["spec"]),
        }
        return Recipe(**(body | typed))
    except (KeyError, TypeError, ValueError, re.error, MmmError) as error:
        raise SourceError(f"{file} is damaged ({error!r}). {SEAL.cure}") from error


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
