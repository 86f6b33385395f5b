"""From tables to results: the configuration and the pipeline behind `mmm run`."""

from importlib import import_module
from typing import TYPE_CHECKING

from mmm.run.config import Config, load_config

if TYPE_CHECKING:
    from mmm.run.pipeline import RunResult, run
    from mmm.run.reading import read_tables

__all__ = ["Config", "RunResult", "load_config", "read_tables", "run"]

# Loaded at first use (PEP 562): a configuration is checked before the models are there.
_HOME = {
    "RunResult": "mmm.run.pipeline",
    "run": "mmm.run.pipeline",
    "read_tables": "mmm.run.reading",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'mmm.run' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
