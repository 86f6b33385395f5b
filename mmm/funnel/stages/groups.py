"""Groups of leads: by a column, or by the month, quarter or year in which they came in."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError, quoted

Labels = npt.NDArray[np.object_]

ALL = "(all)"
NO_GROUP = "(missing)"
# More groups than this is a number or an id, and no reader's table.
MOST_GROUPS = 200
_PERIODS = {"month": "M", "quarter": "Q", "year": "Y"}


def group_labels(
    leads: pd.DataFrame, by: str | None, *, at: str = "created_at", tz: str = "UTC"
) -> tuple[tuple[str, ...], Labels]:
    """Name the groups, in order, and the one of each lead.

    Parameters
    ----------
    leads : pandas.DataFrame
    by : str or None
        A column, or "month", "quarter" or "year" of the column `at`; None: all are one group.
    at : str
        Instants.
    tz : str
        Zone in which months begin.

    Returns
    -------
    groups : tuple of str
        Periods in time, other groups from the largest to the smallest, those without one last.
    label : ndarray of object, shape (n_leads,)

    Raises
    ------
    InputError
        If there is no such column, or it has too many values.

    Examples
    --------
    >>> group_labels(pd.DataFrame({"owner": ["Ada", "Bo", "Ada", None]}), "owner")[0]
    ('Ada', 'Bo', '(missing)')
    """
    if by is None:
        return (ALL,), np.full(len(leads), ALL, dtype=object)
    if by in _PERIODS:
        local = leads[at].dt.tz_convert(tz).dt.tz_localize(None).dt.to_period(_PERIODS[by])
        # 2025Q1 -> 2025-Q1
        label = local.astype("str").str.replace("Q", "-Q").to_numpy(dtype=object)
        return tuple(sorted(set(label))), label
    if by not in leads.columns:
        cure = "; assign it with ChannelMap().assign(leads)" if by == "channel" else ""
        raise InputError(f"leads has no column {by!r}{cure}; found {quoted(leads.columns, 30)}")
    values = leads[by]
    label = values.astype("str").where(values.notna(), NO_GROUP).to_numpy(dtype=object)
    names = _by_size(label)
    if len(names) > MOST_GROUPS:
        raise InputError(
            f"{by} has {len(names)} different values, more than {MOST_GROUPS}; "
            "cut it into a few classes first, for example with pandas.cut"
        )
    return names, label


def _by_size(label: Labels) -> tuple[str, ...]:
    """Largest group first, those without one last."""
    names, counts = np.unique(label.astype(str), return_counts=True)
    order = sorted(zip(-counts, names, strict=True), key=lambda p: (p[1] == NO_GROUP, *p))
    return tuple(str(name) for _, name in order)
