"""Cures that a fit of the mix names as settings of Python, as the command line carries them out."""

import re

_CURES = (
    (r"\blikelihood='(\w+)'", r"--likelihood \1"),
    (r"\bmargin=(\d+)", r"--margin \1"),
    # No option holds what is believed before the data, or bounds of one channel.
    (r"\bpass (priors=Priors\([^)]*\))", r"in Python pass MixModel(\1)"),
    (
        r"\bName bounds to consider more\.",
        "To consider more, pass bounds to optimize_budget in Python.",
    ),
    (
        r"\bor name them as events\.",
        "or name in --controls a column that is 1 in them and 0 elsewhere.",
    ),
    (r"\bName what lasts as an event or a control\b", "Name what lasts as a column of --controls"),
)


def as_options(message: str) -> str:
    """Say a warning, note or error of a fit with options of `mmm mix`, or with "in Python".

    Examples
    --------
    >>> as_options("Intervals are too narrow; pass likelihood='negative_binomial'.")
    'Intervals are too narrow; pass --likelihood negative_binomial.'
    >>> as_options("Check the units, or pass priors=Priors(channel_spread=...) wider.")
    'Check the units, or in Python pass MixModel(priors=Priors(channel_spread=...)) wider.'
    """
    for setting, option in _CURES:
        message = re.sub(setting, option, message)
    return message
