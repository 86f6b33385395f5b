"""Some hundred damaged settings and models; `fuzzing_models.py` runs as many as one likes."""

import random

import pytest

from mmm.prediction import LeadScorer
from mmm.run import load_config
from tests.hardening.fuzzing_models import (
    SETTINGS,
    a_model,
    damage_model,
    damaged_settings,
    escaped,
    try_model,
    try_settings,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return a_model(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("seed", range(3))
def test_only_our_errors_come_out_of_damaged_settings(seed, tmp_path):
    rng = random.Random(seed)
    assert [told for told in (try_settings(rng, tmp_path) for _ in range(60)) if told] == []


@pytest.mark.parametrize("seed", range(3))
def test_only_our_errors_come_out_of_damaged_models(seed, model, tmp_path):
    rng = random.Random(seed)
    assert [told for told in (try_model(rng, model, tmp_path) for _ in range(60)) if told] == []


def test_settings_and_model_can_be_read_before_they_are_damaged(model, tmp_path):
    file = tmp_path / "mmm.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    assert load_config(file).company.name == "Rossi S.p.A."
    assert LeadScorer.load(model).n_features_in_ == 2


def test_the_damage_is_real(model, tmp_path):
    rng = random.Random(5)
    assert sum(damaged_settings(rng) != SETTINGS.encode() for _ in range(40)) > 35
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    damage_model(rng, model)
    after = {path.name: path.read_bytes() for path in model.iterdir()}
    assert before != after
    for name, content in before.items():
        (model / name).write_bytes(content)


def test_what_escapes_is_told():
    assert "ZeroDivisionError" in escaped(lambda: 1 / 0)
