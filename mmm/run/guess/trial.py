"""The trial: the tables read as guessed, so that what is wrong is said in the file itself."""

import tomllib
import warnings
from pathlib import Path

from mmm.errors import ConfigError, MmmError, MmmWarning
from mmm.run.config import Config, absolute, make_config
from mmm.run.guess.look import Guess
from mmm.run.guess.toml import to_toml
from mmm.run.reading import READERS, read_table


def trial(guess: Guess, folder: Path) -> dict[str, str]:
    """Read every table as guessed.

    Parameters
    ----------
    guess : Guess
    folder : Path
        Where the configuration will lie.

    Returns
    -------
    dict of str to str
        A table to what its reader says is wrong; tables that can be read are left out. Empty as
        well where tables are missing, so that there is no configuration to try.
    """
    config = _config(guess, folder)
    problems: dict[str, str] = {}
    if config is None:
        return problems
    for name in READERS:
        if not config.files(name):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MmmWarning)
                read_table(config, name)
        except MmmError as error:
            problems[name] = str(error)
    return problems


def _config(guess: Guess, folder: Path) -> Config | None:
    try:
        return absolute(make_config(tomllib.loads(to_toml(guess, folder))), folder)
    except ConfigError:
        return None
