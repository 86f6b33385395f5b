"""How many touches back matter: the order of a chain, chosen on journeys held out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmm.attribution.chain.states import check_order, context_codes, ranked
from mmm.attribution.measure import Floats, Integers, add_up
from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys
from mmm.showing import Shown, as_text

if TYPE_CHECKING:
    import pandas as pd

WAYS = ("account", "time")
# What the steps of all journeys weigh in an estimate, in steps.
PRIOR = 1.0


@dataclass(frozen=True, eq=False, repr=False)
class OrderChoice(Shown):
    """The order that held-out journeys bear out, and the losses it was chosen by.

    Attributes
    ----------
    order : int
        The smallest whose loss is within one standard error of the best.
    orders : tuple of int
        Orders compared.
    fold_loss : ndarray of float64, shape (n_orders, n_folds)
        Log loss of the next step in nats, per held-out step of the fold.
    loss : ndarray of float64, shape (n_orders,)
        The same over all held-out steps.
    excess, standard_error : ndarray of float64, shape (n_orders,)
        Mean over folds of the loss above that of the best order, and its standard error.
    by : str
        How journeys were held out: "account", "time", or "journey" where no account is known.
    n_steps : float
        Weighted steps held out.
    """

    order: int
    orders: tuple[int, ...]
    fold_loss: Floats
    loss: Floats
    excess: Floats
    standard_error: Floats
    by: str
    n_steps: float

    def __repr__(self) -> str:
        back = "contact" if self.order == 1 else f"{self.order} contacts"
        sentence = (
            f"The next step hangs on the last {back}: order {self.order} is the lowest whose loss "
            "on journeys held out is within one standard error of the best."
        )
        kind = f"OrderChoice: {len(self.orders)} orders, {self.n_steps:g} steps, by {self.by}"
        return as_text(sentence, self.to_frame(), kind)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row an order.

        Returns
        -------
        pandas.DataFrame
            Columns order, loss (nats per step), excess (over the best order), standard_error (of
            the excess), chosen.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "order": self.orders,
                "loss": self.loss,
                "excess": self.excess,
                "standard_error": self.standard_error,
                "chosen": [order == self.order for order in self.orders],
            }
        )


def choose_order(
    journeys: Journeys,
    *,
    max_order: int = 4,
    by: str = "account",
    folds: int = 10,
    seed: int = 0,
) -> OrderChoice:
    """Choose the order of the chain by how well it predicts the next step of other journeys.

    The loss is the log loss of the next step, from the start of a journey to its end; conversion
    and null are steps like any other. Of the orders whose loss is within one standard error of
    the best, over the folds, the smallest is chosen.

    A context that the other journeys never took backs off to the longest one within it that they
    did. A step that was never taken from a context has the chance
    P(y | h) = (n(h, y) + P_0(y)) / (n(h) + 1), P_0 how often it is taken anywhere. The chains of
    `markov` need neither, since they are only asked about steps that occurred.

    Parameters
    ----------
    journeys : Journeys
    max_order : int, default 4
        Largest order to try, 1 to 6.
    by : {"account", "time"}, default "account"
        "account": accounts are dealt to the folds at random, and each fold is predicted from all
        others; without accounts, journeys are. "time": journeys are cut by the instant of
        their close, or last touch, and each part is predicted from those before it.
    folds : int, default 10
        Parts that are predicted.
    seed : int, default 0
        Of the deal.

    Returns
    -------
    OrderChoice

    Raises
    ------
    ConfigError
        If an option is unknown, or there are fewer accounts or journeys than folds.
    InputError
        If ``by="time"`` and the journeys have no times.

    References
    ----------
    The rule is that of Breiman, Friedman, Olshen and Stone 1984, Classification and Regression
    Trees, section 3.4.3. Backing off to the longest context seen follows Katz 1987, IEEE
    Transactions on Acoustics, Speech and Signal Processing 35(3), 400-401.

    Examples
    --------
    What follows "b" depends on what came before it.

    >>> paths = ["a > b > c", "d > b > e"] * 50
    >>> choose_order(Journeys.from_paths(paths, nulls=[1] * 100)).order
    2
    """
    max_order = check_order(max_order)
    if by not in WAYS:
        raise ConfigError(f"by is {by!r}. Choose one of {', '.join(WAYS)}.")
    if not isinstance(folds, int) or folds < 2:
        raise ConfigError(f"folds is {folds!r}. Pass a whole number of at least 2.")
    if by == "time":
        part = _by_time(journeys, folds + 1)
        won, null = _one_hot(part, journeys, folds + 1)
    else:
        won, null = _dealt(journeys, folds, np.random.default_rng(seed))
    steps = count_steps(journeys, max_order, won, null)
    losses, weight = held_out_losses(steps, max_order, _before if by == "time" else _others)
    if by == "time":
        losses, weight = losses[:, 1:], weight[1:]
    alone = by == "account" and journeys.cluster is None
    return _chosen(losses, weight, "journey" if alone else by)


@dataclass(frozen=True, eq=False)
class Steps:
    """Distinct steps with the longest context, and how often each fold takes them.

    Attributes
    ----------
    context : ndarray of int64, shape (n_steps,)
        Number of the touches before, see `context_codes`; 0 at the start.
    outcome : ndarray of int64, shape (n_steps,)
        1 to n_channels for a channel, then conversion and null.
    count : ndarray of float64, shape (n_steps, n_folds)
        Weighted.
    n_channels : int
    """

    context: Integers
    outcome: Integers
    count: Floats
    n_channels: int


def count_steps(journeys: Journeys, order: int, won: Floats, null: Floats) -> Steps:
    """Count the steps of journeys by their last touches and by fold.

    Parameters
    ----------
    journeys : Journeys
    order : int
        Touches that a context holds.
    won, null : ndarray of float64, shape (n_journeys, n_folds)
        Conversions and nulls of each journey in each fold.

    Returns
    -------
    Steps

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > a"], nulls=[2])
    >>> steps = count_steps(journeys, 1, np.ones((1, 1)), np.full((1, 1), 2.0))
    >>> np.column_stack([steps.context, steps.outcome, steps.count]).tolist()
    [[0.0, 1.0, 3.0], [1.0, 1.0, 3.0], [1.0, 2.0, 1.0], [1.0, 3.0, 2.0]]
    """
    n_channels = len(journeys.channels)
    codes = context_codes(journeys, order).astype(np.int64)
    before = np.append(0, codes[:-1])[: len(codes)]
    before[journeys.start[:-1]] = 0
    end = codes[journeys.start[1:] - 1]
    outcomes = n_channels + 3
    keys = np.concatenate(
        [
            before * outcomes + journeys.touch + 1,
            end * outcomes + n_channels + 1,
            end * outcomes + n_channels + 2,
        ]
    )
    values, step = ranked(keys, (n_channels + 1) ** order * outcomes)
    both = won + null
    owner = journeys.journey_of_touch
    count = np.empty((len(values), won.shape[1]))
    for fold in range(won.shape[1]):
        weight = np.concatenate([both[owner, fold], won[:, fold], null[:, fold]])
        count[:, fold] = add_up(step, weight, len(values))
    return Steps(values // outcomes, values % outcomes, count, n_channels)


def held_out_losses(
    steps: Steps, max_order: int, training: Callable[[Floats], Floats]
) -> tuple[Floats, Floats]:
    """Return the log loss of each order in each fold, and the steps it is over.

    Parameters
    ----------
    steps : Steps
    max_order : int
    training : callable
        From counts by fold to the counts that each fold is predicted from.

    Returns
    -------
    losses : ndarray of float64, shape (max_order, n_folds)
        Nats per step.
    weight : ndarray of float64, shape (n_folds,)

    Examples
    --------
    With nothing to learn from, each of three outcomes is as likely.

    >>> steps = Steps(np.array([0]), np.array([1]), np.ones((1, 1)), 1)
    >>> losses, weight = held_out_losses(steps, 1, np.zeros_like)
    >>> np.exp(losses).round(6).tolist(), weight.tolist()
    ([[3.0]], [1.0])
    """
    base, outcomes = steps.n_channels + 1, steps.n_channels + 3
    learnt = training(steps.count)
    weight = steps.count.sum(axis=0)
    anywhere = _sums(steps.outcome, outcomes, learnt) + PRIOR / (steps.n_channels + 2)
    chance = anywhere = anywhere / (learnt.sum(axis=0) + PRIOR)
    losses = np.empty((max_order, learnt.shape[1]))
    for order in range(1, max_order + 1):
        context = steps.context % base**order
        here = _sums(context * outcomes + steps.outcome, base**order * outcomes, learnt)
        seen = _sums(context, base**order, learnt)
        chance = np.where(seen > 0, (here + PRIOR * anywhere) / (seen + PRIOR), chance)
        total = -(steps.count * np.log(chance)).sum(axis=0)
        losses[order - 1] = total / np.where(weight > 0, weight, 1.0)
    return losses, weight


def _sums(keys: Integers, space: int, numbers: Floats) -> Floats:
    """Sum each column over rows of the same key, and give every row its sum."""
    values, rank = ranked(keys, space)
    columns = [add_up(rank, column, len(values))[rank] for column in numbers.T]
    return np.column_stack(columns)


def _others(count: Floats) -> Floats:
    rest: Floats = count.sum(axis=1, keepdims=True) - count
    return rest


def _before(count: Floats) -> Floats:
    return np.cumsum(count, axis=1) - count


def _dealt(journeys: Journeys, folds: int, rng: "np.random.Generator") -> tuple[Floats, Floats]:
    """Deal accounts to folds; without accounts every journey of a row on its own."""
    if journeys.cluster is not None:
        _, code = np.unique(journeys.cluster, return_inverse=True)
        return _one_hot(_even(int(code.max(initial=-1)) + 1, folds, rng)[code], journeys, folds)
    weights = np.concatenate([journeys.conversions, journeys.nulls])
    if (weights <= 1).all() or (weights % 1).any():
        return _one_hot(_even(len(journeys), folds, rng), journeys, folds)
    if weights.sum() < folds:
        raise _too_few("journeys", weights.sum(), folds)
    dealt = rng.multinomial(weights.astype(np.int64), np.full(folds, 1 / folds))
    won, null = np.split(dealt.astype(np.float64), 2)
    return won, null


def _even(n: int, folds: int, rng: "np.random.Generator") -> Integers:
    if n < folds:
        raise _too_few("accounts or journeys", n, folds)
    part: Integers = rng.permutation(np.arange(n, dtype=np.int64) % folds)
    return part


def _too_few(what: str, n: float, folds: int) -> ConfigError:
    return ConfigError(f"{n:g} {what} cannot make {folds} folds. Pass fewer folds, or more deals.")


def _one_hot(part: Integers, journeys: Journeys, folds: int) -> tuple[Floats, Floats]:
    inside = part[:, None] == np.arange(folds)
    return journeys.conversions[:, None] * inside, journeys.nulls[:, None] * inside


def _by_time(journeys: Journeys, parts: int) -> Integers:
    if journeys.touched_at is None:
        raise InputError(
            "by is 'time', but these journeys have no times. Use by='account', or journeys of "
            "build_journeys."
        )
    if len(journeys) < parts:
        raise _too_few("journeys", len(journeys), parts - 1)
    ended = journeys.touched_at[journeys.start[1:] - 1]
    if journeys.closed_at is not None:
        ended = np.where(np.isnat(journeys.closed_at), ended, journeys.closed_at)
    rank = np.empty(len(journeys), dtype=np.int64)
    rank[np.argsort(ended, kind="stable")] = np.arange(len(journeys))
    part: Integers = rank * parts // len(journeys)
    return part


def _chosen(losses: Floats, weight: Floats, by: str) -> OrderChoice:
    loss = losses @ weight / weight.sum()
    above = losses - losses[int(np.argmin(loss))]
    excess = above.mean(axis=1)
    error = above.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    order = int(np.flatnonzero(excess <= error)[0]) + 1
    orders = tuple(range(1, len(losses) + 1))
    return OrderChoice(order, orders, losses, loss, excess, error, by, float(weight.sum()))
