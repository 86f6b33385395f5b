"""The glossary says of each language what the package says."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
USED, OTHER = TEXT.split("## Words of the documentation", 1)


def rows(part):
    found = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", part, flags=re.MULTILINE)
    return [row for row in found if row[0] != "English"]


def sentences():
    """Every sentence in both languages, in small letters."""
    found = []

    def walk(entry):
        if isinstance(entry.get("en"), str):
            found.append((entry["en"].lower(), str(entry["it"]).lower()))
        else:
            for inner in entry.values():
                walk(inner)

    for file in sorted((ROOT / "mmm" / "words").glob("*.toml")):
        walk(tomllib.loads(file.read_text(encoding="utf-8")))
    return found


SAID = sentences()


def said_together(english, italian):
    first, second = (re.compile(rf"\b{re.escape(term.lower())}") for term in (english, italian))
    return any(first.search(en) and second.search(it) for en, it in SAID)


@pytest.mark.parametrize(("english", "italian", "meaning"), rows(USED), ids=lambda part: part[:20])
def test_the_page_says_both_words_of_one_thing(english, italian, meaning):
    assert said_together(english, italian)
    assert meaning[0].isupper()
    assert meaning.endswith(".")


@pytest.mark.parametrize(("english", "italian", "meaning"), rows(OTHER), ids=lambda part: part[:20])
def test_other_words_are_those_that_the_page_does_not_use(english, italian, meaning):
    assert not said_together(english, italian)
    assert meaning.endswith(".")


@pytest.mark.parametrize("part", [USED, OTHER])
def test_terms_are_in_order_and_stand_once(part):
    terms = [english.lower() for english, *_ in rows(part)]
    assert len(terms) > 15
    assert terms == sorted(set(terms))
