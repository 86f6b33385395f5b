"""The reference of ``mmm.toml`` names every key with its default, and no other."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from mmm.run.config import Config, make_config

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mmm-toml.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def sections():
    """Return name and pydantic model of every section."""
    for name, field in Config.model_fields.items():
        yield name, next(models(field.annotation))


def models(kind):
    """Return the sections that a type names: alone, as an option, or as one of several."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from models(part)


SECTIONS = dict(sections())
PARTS = dict(re.findall(r"^## \[(\w+)\]\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def test_every_section_is_there_and_no_other():
    assert set(PARTS) == set(SECTIONS)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_with_its_default(name):
    rows = {key: (default, meaning) for key, default, meaning in ROW.findall(PARTS[name])}
    fields = SECTIONS[name].model_fields
    assert list(rows) == list(fields)
    for key, (default, meaning) in rows.items():
        assert len(meaning) > 10
        real = fields[key].default
        if real is PydanticUndefined:
            assert default == "required"
        elif real is None:
            assert default == "none"
        else:
            stated = tomllib.loads(f"x = {default.strip('`')}")["x"]
            assert stated == (list(real) if isinstance(real, tuple) else real)


def test_the_words_that_a_setting_takes_are_named():
    for name, section in SECTIONS.items():
        for key, field in section.model_fields.items():
            choices = re.findall(r"'(\w+)'", str(field.annotation))
            for choice in choices if "Literal" in str(field.annotation) else ():
                row = next(line for line in PARTS[name].splitlines() if f"| `{key}` |" in line)
                shared = {"on_duplicate": ("error", "first", "last")}.get(key, ())
                assert f'"{choice}"' in row or choice in shared, (name, key, choice)


def test_the_examples_are_valid():
    whole, spend = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    config = make_config(tomllib.loads(whole) | tomllib.loads(spend))
    assert config.funnel.margin == 0.4
    assert [one.source for one in config.files("spend")] == ["google_ads.csv", "fiere.xlsx"]
