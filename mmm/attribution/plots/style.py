"""What the figures of attribution share: readable names, and the unattributed last."""

import pandas as pd
from matplotlib.axes import Axes

from mmm.drawing import percent
from mmm.journeys import UNATTRIBUTED
from mmm.wording import entries, say


def label(group: str, name: str) -> str:
    """Return the words for a name of ours, such as a model; other names as they are.

    Examples
    --------
    >>> label("model", "first_touch"), label("model", "linear (2)"), label("model", "mine")
    ('First touch', 'Linear (2)', 'mine')
    """
    plain, space, number = name.partition(" (")
    key = f"{group}.{plain}"
    if key not in entries():
        return name
    text = say(key)
    return f"{text[0].upper()}{text[1:]}{space}{number}"


def unattributed_last(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the unattributed one at the end."""
    known = frame["channel"] != UNATTRIBUTED
    return pd.concat([frame[known], frame[~known]], ignore_index=True)


def percent_axis(ax: Axes, text: str, level: float | None = None) -> None:
    """Write shares along the x axis as percentages, and what the lines are."""
    ax.xaxis.set_major_formatter(percent)
    interval = f" (line: {level:.0%} interval)" if level is not None else " (no interval)"
    ax.set_xlabel(text + interval)
