"""Before the fit: whether these periods can carry an answer at all."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmm.errors import InputError, quoted
from mmm.mix.transforms import Floats

TOGETHER = 0.97  # correlation from which channels are not told apart


def check_size(
    n_periods: int,
    channels: Sequence[str],
    controls: Sequence[str],
    active: npt.NDArray[np.bool_],
) -> None:
    """Refuse tables with no spend, or with more columns than periods.

    Raises
    ------
    InputError

    Examples
    --------
    >>> check_size(6, ["a", "b", "c"], ["d", "e"], np.ones(3, dtype=bool))
    Traceback (most recent call last):
    mmm.errors.InputError: n_samples=6: 6 periods cannot carry 3 channels and 2 controls; use at \
least 7, better 12, or join channels.
    """
    if not active.any():
        raise InputError(
            f"Nothing was spent on {quoted(channels)} in any period; there is no media to measure."
        )
    needed = len(channels) + len(controls) + 2
    if n_periods < needed:
        raise InputError(
            f"n_samples={n_periods}: {n_periods} periods cannot carry {len(channels)} channels "
            f"and {len(controls)} controls; use at least {needed}, better {2 * needed - 2}, or "
            "join channels."
        )


def spend_warnings(spend: Floats, channels: Sequence[str], n_columns: int) -> list[str]:
    """Say what about the spend keeps channels from being identified.

    Parameters
    ----------
    spend : ndarray, shape (n_channels, n_periods)
    channels : sequence of str
    n_columns : int
        Of the baseline.

    Returns
    -------
    list of str

    Examples
    --------
    >>> spend_warnings(np.array([[5.0] * 60, list(range(60))]), ["fair", "search"], 3)
    ["The spend of 'fair' never changes; its effect cannot be told from the level of the outcome \
and rests on the prior. Vary it, or test it."]
    """
    notes = []
    unused = [name for name, row in zip(channels, spend, strict=True) if not row.any()]
    if unused:
        notes.append(f"Nothing was spent on {quoted(unused)}; left out, with no return to state.")
    fixed = [name for name, row in zip(channels, spend, strict=True) if row.any() and constant(row)]
    if fixed:
        notes.append(
            f"The spend of {quoted(fixed)} never changes; its effect cannot be told from the level "
            "of the outcome and rests on the prior. Vary it, or test it."
        )
    for group in groups_together(spend):
        names = quoted([channels[i] for i in group])
        notes.append(
            f"The spends of {names} move together; only the sum of their effects is known, and how "
            "it is split rests on the prior. Move one of them apart from the others."
        )
    n_periods = spend.shape[1]
    if 3 * len(channels) + n_columns > 0.5 * n_periods:
        notes.append(
            f"{n_periods} periods for {len(channels)} channels with three parameters each and "
            f"{n_columns} columns of the baseline: much of the answer is prior. Join channels, "
            "leave out controls, or wait for more periods."
        )
    return notes


def constant(row: Floats) -> bool:
    """Tell whether spend never changes."""
    return bool(np.ptp(row) <= 1e-9 * np.abs(row).max())


def groups_together(spend: Floats) -> list[list[int]]:
    """Group channels whose spends are nearly proportional.

    Parameters
    ----------
    spend : ndarray, shape (n_channels, n_periods)

    Returns
    -------
    list of list of int
        Groups of two and more.

    Examples
    --------
    >>> groups_together(np.array([[1.0, 2.0, 5.0], [2.0, 4.0, 10.0], [3.0, 1.0, 2.0]]))
    [[0, 1]]
    """
    free = [i for i, row in enumerate(spend) if not constant(row)]
    if len(free) < 2 or spend.shape[1] < 3:
        return []
    close = np.abs(np.corrcoef(spend[free])) > TOGETHER
    groups: list[list[int]] = []
    left = list(range(len(free)))
    while left:
        group = [left.pop(0)]
        for member in group:
            joining = [other for other in left if close[member, other]]
            group += joining
            left = [other for other in left if other not in joining]
        if len(group) > 1:
            groups.append([free[i] for i in sorted(group)])
    return groups
