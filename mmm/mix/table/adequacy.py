"""Before the fit: whether these periods can carry an answer at all."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmm.errors import InputError, quoted
from mmm.mix.transforms import Floats

TOGETHER = 0.97  # correlation from which channels are not told apart
_LARGE = 300.0  # times the mean spend in the middle of the other channels


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
    large = [channels[i] for i in far_larger(spend)]
    if large:
        notes.append(
            f"The numbers of {quoted(large)} are hundreds of times those of the other channels; a "
            "budget takes every number for money. Pass spend in place of impressions or clicks."
        )
    n_periods = spend.shape[1]
    if 3 * len(channels) + n_columns > 0.5 * n_periods:
        notes.append(
            f"{n_periods} periods for {len(channels)} channels with three parameters each and "
            f"{n_columns} columns of the baseline: much of the answer is prior. Join channels, "
            "leave out controls, or wait for more periods."
        )
    return notes


def far_larger(spend: Floats) -> list[int]:
    """Find channels whose numbers are so large that they may be impressions or clicks.

    Parameters
    ----------
    spend : ndarray, shape (n_channels, n_periods)

    Examples
    --------
    >>> far_larger(np.array([[100.0, 120.0], [90.0, 110.0], [90_000.0, 80_000.0]]))
    [2]
    """
    mean = spend.mean(axis=1)
    found = []
    for i, own in enumerate(mean):
        others = np.delete(mean, i)
        if (others > 0).any() and own > _LARGE * np.median(others[others > 0]):
            found.append(i)
    return found


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
