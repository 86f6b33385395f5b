"""A look at the user's files: which tables they are, how they are written, and a configuration."""

from mmm.run.guess.look import Guess, find_files, look_at_files, refuse_absent
from mmm.run.guess.toml import to_toml
from mmm.run.guess.trial import trial

__all__ = ["Guess", "find_files", "look_at_files", "refuse_absent", "to_toml", "trial"]
