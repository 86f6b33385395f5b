"""From tables to results: the configuration and the pipeline behind `mmm run`."""

from mmm.run.config import Config, load_config
from mmm.run.pipeline import RunResult, read_tables, run

__all__ = ["Config", "RunResult", "load_config", "read_tables", "run"]
