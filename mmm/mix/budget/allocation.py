"""The best split of a budget, with a bound that no split can pass: arrays in, arrays out."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.optimize import Bounds, LinearConstraint, minimize, minimize_scalar

Floats = npt.NDArray[np.float64]
Curves = Callable[[Floats], Floats]
# A channel, or each channel of a group, and the units that it takes of every total.
Picks = npt.NDArray[np.int64]
Choices = list[tuple[list[tuple[int, Picks]], Picks]]

UNITS = 1_000
SUBDIVISIONS = 20


@dataclass(frozen=True, eq=False)
class Rules:
    """What a split has to respect.

    Attributes
    ----------
    lower, upper : ndarray of float64, shape (n_channels,)
        Least and most spend of each channel.
    total : float or None
        What is spent in all; None where the total is free.
    presence : ndarray of float64, shape (n_channels,)
        A channel gets nothing or at least this much; 0 where any amount will do.
    step : ndarray of float64, shape (n_channels,)
        Amounts are `lower` plus a multiple of this; 0 where any amount will do.
    caps : tuple of (tuple of int, float)
        Positions of channels and the most that they may spend together; no channel in two.
    """

    lower: Floats
    upper: Floats
    total: float | None
    presence: Floats
    step: Floats
    caps: tuple[tuple[tuple[int, ...], float], ...] = ()


@dataclass(frozen=True, eq=False)
class Allocation:
    """The best split found, and how far it can be from the best there is.

    Attributes
    ----------
    spend : ndarray of float64, shape (n_channels,)
        Spend of each channel, in the currency of the rules.
    value : float
        What the split brings.
    bound : float
        What no split that respects the rules can exceed.
    multiplier : float
        Value of one more unit of budget; 1 where the total is free.
    """

    spend: Floats
    value: float
    bound: float
    multiplier: float

    @property
    def gap(self) -> float:
        """Largest possible shortfall, as a share of the bound."""
        return max(self.bound - self.value, 0.0) / abs(self.bound) if self.bound else 0.0


def best_allocation(value: Curves, slope: Curves, rules: Rules) -> Allocation:
    """Maximise the sum of the channels' curves under the rules.

    A grid of equal units is searched completely by dynamic programming, channel after channel
    (groups under a cap first among themselves), and the best grid point is polished. S-shaped
    curves are no harder than concave ones. `upper_bound` says how far the result can be from the
    best.

    Parameters
    ----------
    value : callable
        From spends of shape (n_channels, n_points) to what they bring, same shape; it must not
        fall with spend.
    slope : callable
        Its derivative, same shapes.
    rules : Rules
        Feasible; with a free total the price of a unit of spend is 1.

    Returns
    -------
    Allocation
        With a free total, value and bound are net of spend.

    References
    ----------
    Everett 1963, Operations Research 11(3), 399-417 (multipliers for curves of any shape).

    Examples
    --------
    >>> rules = Rules(np.zeros(2), np.full(2, 10.0), 10.0, np.zeros(2), np.zeros(2))
    >>> best = best_allocation(np.sqrt, lambda x: 0.5 / np.sqrt(np.maximum(x, 1e-9)), rules)
    >>> best.spend.round(3).tolist(), best.gap < 1e-3
    ([5.0, 5.0], True)
    """
    price = 1.0 if rules.total is None else 0.0
    start = _on_grid(value, rules, price)
    spend = _polished(value, slope, rules, price, start)
    reached = _worth(value, spend, price)
    bound, multiplier = upper_bound(value, rules)
    return Allocation(spend, reached, max(bound, reached), multiplier)


def _worth(value: Curves, spend: Floats, price: float) -> float:
    return float(value(spend[:, None]).sum() - price * spend.sum())


def _on_grid(value: Curves, rules: Rules, price: float) -> Floats:
    """Search a grid of units completely."""
    unit, n_units = _unit(rules)
    amounts = rules.lower[:, None] + unit * np.arange(n_units + 1)
    gain = value(np.minimum(amounts, rules.upper[:, None])) - price * amounts
    gain[~_allowed(amounts, rules, unit)] = -np.inf
    table, choices = _combined(gain, rules, unit)
    at = n_units if rules.total is not None else int(np.argmax(table))
    if not np.isfinite(table[at]):  # steps leave a rest that no channel can take
        at = int(np.flatnonzero(np.isfinite(table))[-1])
    units = _unfolded(choices, at, len(rules.lower))
    return np.minimum(rules.lower + unit * units, rules.upper)


def _unit(rules: Rules) -> tuple[float, int]:
    """Return the unit of the grid, a divisor of every step, and how many there are to share."""
    free = rules.upper.sum() if rules.total is None else rules.total
    room = max(float(free - rules.lower.sum()), 0.0)
    steps = rules.step[rules.step > 0]
    if room == 0.0:
        return 1.0, 0
    unit = room / UNITS
    if len(steps):
        common = _common_divisor(steps)
        unit = common / max(1, round(common / unit))
    return unit, int(np.floor(room / unit + 1e-9))


def _common_divisor(steps: Floats) -> float:
    """Return the largest amount in hundredths that divides every step."""
    return float(np.gcd.reduce(np.rint(steps * 100).astype(np.int64))) / 100


def _allowed(amounts: Floats, rules: Rules, unit: float) -> npt.NDArray[np.bool_]:
    slack = unit * 1e-6
    allowed: npt.NDArray[np.bool_] = amounts <= rules.upper[:, None] + slack
    presence = rules.presence[:, None]
    allowed &= (amounts >= presence - slack) | (amounts <= slack)
    per_step = np.rint(rules.step / unit).astype(np.int64)
    number = np.arange(amounts.shape[1])
    on_step = number % np.maximum(per_step, 1)[:, None] == 0
    allowed &= on_step
    return allowed


def _combined(gain: Floats, rules: Rules, unit: float) -> tuple[Floats, Choices]:
    """Add channels and groups one after the other; keep what each took of every total."""
    capped = {channel for channels, _ in rules.caps for channel in channels}
    alone = [((channel,), np.inf) for channel in range(len(gain)) if channel not in capped]
    nothing = np.full(gain.shape[1], -np.inf)
    nothing[0] = 0.0
    table, choices = nothing, []
    for channels, cap in (*alone, *rules.caps):
        inside, members = nothing, []
        for channel in channels:
            inside, picks = _join(inside, gain[channel])
            members.append((channel, picks))
        room = (cap - rules.lower[list(channels)].sum()) / unit + 1e-9
        inside = np.where(np.arange(len(inside)) <= max(room, 0), inside, -np.inf)
        table, taken = _join(table, inside)
        choices.append((members, taken))
    return table, choices


def _unfolded(choices: Choices, at: int, n_channels: int) -> Picks:
    """Walk the tables back: the units of each channel that make the best of `at` units."""
    units = np.zeros(n_channels, dtype=np.int64)
    for members, taken in reversed(choices):
        inner = int(taken[at])
        at -= inner
        for channel, picks in reversed(members):
            units[channel] = picks[inner]
            inner -= int(picks[inner])
    return units


def _join(table: Floats, gain: Floats) -> tuple[Floats, Picks]:
    """Return max over j of table[k - j] + gain[j] for every k, and the j that reaches it."""
    n = len(table)
    padded = np.concatenate([np.full(n - 1, -np.inf), table])
    sums = sliding_window_view(padded, n) + gain[::-1]
    picks = n - 1 - np.argmax(sums, axis=1)
    return sums.max(axis=1), picks


def _polished(value: Curves, slope: Curves, rules: Rules, price: float, start: Floats) -> Floats:
    """Move the amounts that may move freely to the nearest maximum, if that is better."""
    start = _meet_total(start, rules)
    rigid = (rules.step > 0) | ((start <= 1e-9) & (rules.presence > 0))
    lower = np.where(rigid, start, np.maximum(rules.lower, np.where(start > 0, rules.presence, 0)))
    upper = np.where(rigid, start, rules.upper)
    scale = max(float(start.sum()), 1e-12)
    worth = max(abs(_worth(value, start, price)), 1e-12)

    def loss(share: Floats) -> float:
        return -_worth(value, share * scale, price) / worth

    def gradient(share: Floats) -> Floats:
        moved: Floats = (slope((share * scale)[:, None])[:, 0] - price) * (-scale / worth)
        return moved

    found = minimize(
        loss,
        start / scale,
        jac=gradient,
        bounds=Bounds(lower / scale, upper / scale),
        constraints=_sums(rules, scale),
        method="SLSQP",
        options={"maxiter": 200, "ftol": 1e-12},
    )
    moved = _meet_total(
        np.clip(found.x * scale, lower, upper), replace(rules, lower=lower, upper=upper)
    )
    better = _worth(value, moved, price) > _worth(value, start, price)
    return moved if better and _within(moved, rules) else start


def _sums(rules: Rules, scale: float) -> list[LinearConstraint]:
    """Write the total and the caps as constraints on spend divided by `scale`."""
    n = len(rules.lower)
    sums = []
    if rules.total is not None:
        sums.append(LinearConstraint(np.ones((1, n)), rules.total / scale, rules.total / scale))
    for channels, cap in rules.caps:
        member = np.isin(np.arange(n), channels).astype(np.float64)
        sums.append(LinearConstraint(member[None], -np.inf, cap / scale))
    return sums


def _meet_total(spend: Floats, rules: Rules) -> Floats:
    """Close what rounding left of the total, where there is room for it."""
    if rules.total is None:
        return spend
    rest = rules.total - float(spend.sum())
    room = np.where(rest > 0, rules.upper - spend, spend - np.maximum(rules.lower, rules.presence))
    room = np.where(
        (rules.step > 0) | ((spend <= 0) & (rules.presence > 0)), 0.0, np.maximum(room, 0)
    )
    for channels, cap in rules.caps:
        members = list(channels)
        if rest > 0 and spend[members].sum() + room[members].sum() > cap:
            left = max(cap - float(spend[members].sum()), 0.0)
            room[members] *= left / max(float(room[members].sum()), 1e-300)
    if room.sum() <= 0:
        return spend
    closed: Floats = spend + np.sign(rest) * room * min(1.0, abs(rest) / float(room.sum()))
    return closed


def _within(spend: Floats, rules: Rules) -> bool:
    slack = 1e-9 * max(float(spend.sum()), 1.0)
    inside = bool((spend >= rules.lower - slack).all() and (spend <= rules.upper + slack).all())
    caps = all(spend[list(channels)].sum() <= cap + slack for channels, cap in rules.caps)
    total = rules.total is None or abs(spend.sum() - rules.total) <= slack
    return inside and caps and total


def upper_bound(value: Curves, rules: Rules) -> tuple[float, float]:
    """Return what no split can exceed, and the price of a unit of spend that shows it.

    At any price, a split of the total brings the price of the total plus each channel's value net
    of the price, and net values hardly move near the best. So each unit of the grid becomes a cell
    with the most that the net value can be inside it, and the dynamic programme over cells, whose
    left ends may sum to as much as one unit a channel below the total, cannot be exceeded. Steps
    are left out, which can only raise the bound.

    Parameters
    ----------
    value : callable
        As in `best_allocation`.
    rules : Rules

    Returns
    -------
    float, float
        The bound and the price; with a free total the price is 1 and the bound net of spend.

    Examples
    --------
    >>> rules = Rules(np.zeros(2), np.full(2, 10.0), 10.0, np.zeros(2), np.zeros(2))
    >>> bound, price = upper_bound(np.sqrt, rules)
    >>> bool(np.sqrt(20) <= bound < np.sqrt(20) * 1.0002), round(price, 3)
    (True, 0.224)
    """
    unit, n_units = _unit(rules)
    price = 1.0 if rules.total is None else _dual_price(value, rules)
    left = rules.lower[:, None] + unit * np.arange(n_units + 1)
    inside = np.arange(SUBDIVISIONS + 1) * (unit / SUBDIVISIONS)
    points = np.minimum(left[:, :, None] + inside, rules.upper[:, None, None])
    worth = value(points.reshape(len(left), -1)).reshape(points.shape)
    most = (worth[..., 1:] - price * points[..., :-1]).max(axis=2)
    right = points[..., -1]
    open_to = (right >= rules.presence[:, None] - unit * 1e-6) | (left <= unit * 1e-6)
    most[~open_to | (left > rules.upper[:, None] + unit * 1e-6)] = -np.inf
    table, _ = _combined(most, rules, unit)
    if rules.total is None:
        return float(table.max()), 1.0
    first = max(n_units - len(left), 0)
    return float(table[first:].max()) + price * rules.total, price


def _dual_price(value: Curves, rules: Rules) -> float:
    """Return the price at which the channels, each for itself, would spend the total."""
    grid = np.linspace(rules.lower, rules.upper, UNITS + 1, axis=1)
    worth = value(grid)
    total = float(rules.total or 0.0)
    slopes = np.diff(worth, axis=1) / np.maximum(np.diff(grid, axis=1), 1e-300)
    highest = max(float(slopes.max(initial=0.0)), 1e-300)
    found = minimize_scalar(
        lambda price: float((worth - price * grid).max(axis=1).sum() + price * total),
        bounds=(0.0, highest),
        method="bounded",
        options={"xatol": highest * 1e-9},
    )
    return float(found.x)
