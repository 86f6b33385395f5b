"""Recipes come back as they were, or not at all."""

import json

import pytest

from mmm.channels import ChannelMap
from mmm.errors import SourceError
from mmm.prediction.features.build import FeatureSpec
from mmm.prediction.recipe import RECIPE, Recipe, read_recipe, write_recipe

OWN = ChannelMap.from_rules([{"channel": "Fairs", "campaign": "mecspe*"}], {"Ads": "Paid search"})
FULL = Recipe(
    "v1",
    tables=("touches", "deals"),
    horizon_days=120.0,
    spec=FeatureSpec(12.5, ("Fairs", "Web"), {"price_page": "price|prezzi"}, (7, 60), OWN),
    refused=("signed_by",),
    promised=(0.1, 1 / 3),
)


@pytest.mark.parametrize("recipe", [FULL, Recipe("v1", "id", "born", "gone", "won", "firm")])
def test_a_recipe_comes_back(tmp_path, recipe):
    write_recipe(tmp_path, recipe)
    assert read_recipe(tmp_path, "v1") == recipe


def test_without_a_recipe_leads_come_with_their_features(tmp_path):
    assert read_recipe(tmp_path, "v1") == Recipe("v1", created_at="created_at")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "not a recipe of mmm"),
        ({"version": 2}, "Install a newer mmm"),
        ({"body": {}}, "damaged or was altered"),
    ],
)
def test_bad_input_43_a_foreign_newer_or_altered_recipe(tmp_path, change, said):
    file = write_recipe(tmp_path, FULL)
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(SourceError, match=said):
        read_recipe(tmp_path, "v1")


def test_bad_input_43_a_recipe_cut_short_or_of_another_model(tmp_path):
    file = write_recipe(tmp_path, FULL)
    with pytest.raises(SourceError, match="belongs to another model"):
        read_recipe(tmp_path, "v2")
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(SourceError, match=RECIPE):
        read_recipe(tmp_path, "v1")
