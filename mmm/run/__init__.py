"""From tables to results: the configuration and the pipeline behind `mmm run`."""

from typing import TYPE_CHECKING

from mmm.loading import at_first_use
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

__getattr__, __dir__ = at_first_use(__name__, _HOME, __all__)
