"""The best split of a budget under known curves: a grid search that is exact, then a polish."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import LinearConstraint, minimize

from mmm.simulate.worlds.streams import Floats

_STEPS = 400


def best_split(
    value: Callable[[Floats], Floats],
    lower: Floats,
    upper: Floats,
    total: float,
    *,
    coupled: int | None = None,
) -> Floats:
    """Return the spends within their bounds and of the given total that bring most.

    Parameters
    ----------
    value : callable
        Spends (n_channels,) to what each channel brings (n_channels,).
    lower, upper : float (n_channels,)
        Bounds.
    total : float
        Sum of the spends, between the sums of the bounds.
    coupled : int, optional
        A channel whose spend changes what the others bring. The grid then tries its spends one by
        one; given it, the others must not depend on each other.

    Returns
    -------
    float (n_channels,)

    Notes
    -----
    Dynamic programming over 400 equal steps of the money that is free to move finds the best plan
    of the grid whatever the shape of the curves; sequential quadratic programming starts there, so
    that the result is never worse than the grid's.

    Examples
    --------
    >>> low, high = np.array([0.0, 0.0]), np.array([4.0, 4.0])
    >>> best_split(lambda x: np.sqrt(x) * [2, 1], low, high, 5.0).round(3).tolist()
    [4.0, 1.0]
    """
    free = total - float(lower.sum())
    if free <= 1e-12 * max(total, 1e-300):
        return lower.copy()
    if coupled is None:
        start = _grid(value, lower, upper, free, _STEPS)
    else:
        start = _grid_given(value, lower, upper, free, coupled)
    polished = _polish(value, start, lower, upper, total)
    return polished if value(polished).sum() > value(start).sum() else start


def _grid(
    value: Callable[[Floats], Floats], lower: Floats, upper: Floats, free: float, n_steps: int
) -> Floats:
    """Hand out `free` in equal steps; the last rest goes wherever there is room."""
    step = free / n_steps
    room = np.minimum(np.floor((upper - lower) / step + 1e-9).astype(int), n_steps)
    most = int(room.max())
    spends = lower + step * np.arange(most + 1)[:, None]
    table = np.stack([value(np.minimum(row, upper)) for row in spends])
    best = np.full(n_steps + 1, -np.inf)
    best[0] = 0.0
    chosen = np.zeros((lower.size, n_steps + 1), dtype=int)
    for channel in range(lower.size):
        after = np.full(n_steps + 1, -np.inf)
        for taken in range(room[channel] + 1):
            candidate = best[: n_steps + 1 - taken] + table[taken, channel]
            better = candidate > after[taken:]
            after[taken:][better] = candidate[better]
            chosen[channel, taken:][better] = taken
        best = after
    # Bounds that are no multiple of the step may leave the last steps without a place.
    left = int(np.flatnonzero(np.isfinite(best)).max())
    plan = lower.copy()
    for channel in reversed(range(lower.size)):
        plan[channel] += step * chosen[channel, left]
        left -= int(chosen[channel, left])
    rest = free + float(lower.sum()) - float(plan.sum())
    for channel in np.argsort(plan - upper):
        extra = min(rest, float(upper[channel] - plan[channel]))
        plan[channel] += extra
        rest -= extra
    return np.minimum(plan, upper)


def _grid_given(
    value: Callable[[Floats], Floats], lower: Floats, upper: Floats, free: float, coupled: int
) -> Floats:
    """Run the grid once for each spend of the coupled channel."""
    plans = []
    others = np.arange(lower.size) != coupled
    room = float((upper - lower)[others].sum())
    span = float(upper[coupled] - lower[coupled])
    for extra in np.linspace(max(0.0, free - room), min(span, free), 31):
        low, high = lower.copy(), upper.copy()
        low[coupled] = high[coupled] = lower[coupled] + extra
        rest = free - float(extra)
        plans.append(_grid(value, low, high, rest, _STEPS // 2) if rest > 1e-9 * free else low)
    return max(plans, key=lambda plan: float(value(plan).sum()))


def _polish(
    value: Callable[[Floats], Floats], start: Floats, lower: Floats, upper: Floats, total: float
) -> Floats:
    scale = max(float(value(start).sum()), 1e-300)
    bounds = list(zip((lower / total).tolist(), (upper / total).tolist(), strict=True))

    def loss(share: Floats) -> float:
        return -float(value(np.clip(share * total, lower, upper)).sum()) / scale

    found = minimize(
        loss,
        start / total,
        method="SLSQP",
        bounds=bounds,
        constraints=LinearConstraint(np.ones((1, lower.size)), 1.0, 1.0),
        options={"ftol": 1e-12, "maxiter": 200},
    )
    plan = np.clip(found.x * total, lower, upper)
    feasible = abs(float(plan.sum()) - total) <= 1e-9 * total
    return np.asarray(plan) if feasible and np.isfinite(plan).all() else start
