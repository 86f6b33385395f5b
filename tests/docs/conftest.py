"""The programs that make the site, under the names by which they import each other."""

import importlib
import sys
from pathlib import Path

import pytest

HOOKS = Path(__file__).parents[2] / "docs" / "hooks"


def hook(name):
    """Import one of them as the site does."""
    sys.path.insert(0, str(HOOKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(HOOKS))


@pytest.fixture(scope="session")
def gallery():
    return hook("gallery")


@pytest.fixture(scope="session")
def reference():
    return hook("reference")


@pytest.fixture(scope="session")
def drawn(gallery):
    """Every figure, drawn once."""
    return {name: gallery.draw(name) for names in gallery.GROUPS.values() for name in names}
