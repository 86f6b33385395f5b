"""Later business with a customer: one possible expansion and one possible renewal an account."""

from dataclasses import dataclass

import numpy as np

from mmm.simulate.accounts import Accounts
from mmm.simulate.draws import Bools, Floats, Ints, between, spread
from mmm.simulate.settings import Settings


@dataclass(frozen=True)
class FollowUp:
    """One kind of later deal, arrays of shape (n_accounts,); it exists once the first is won.

    Attributes
    ----------
    kind : str
        ``"expansion"`` or ``"renewal"``.
    probability : float
        Probability that it is won, once it exists.
    exists, won : bool
        Whether there would be such a deal, and whether it would be won.
    lag_days : float
        Days from the first close to this close.
    lead_time_days : float
        Days from its creation to its close.
    value : float
        Euros, whole cents.
    """

    kind: str
    probability: float
    exists: Bools
    won: Bools
    lag_days: Floats
    lead_time_days: Floats
    value: Floats


def draw_follow_ups(settings: Settings, accounts: Accounts) -> tuple[FollowUp, ...]:
    """Draw the later deals that each account would have."""
    rng, n = settings.rng("follow_ups"), accounts.n
    return (
        FollowUp(
            "expansion",
            0.6,
            rng.random(n) < 0.40,
            rng.random(n) < 0.6,
            np.clip(spread(rng, 190.0, 0.35, n), 80.0, 600.0),
            between(rng, 40.0, 75.0, n),
            np.round(accounts.value * between(rng, 0.2, 0.7, n), 2),
        ),
        FollowUp(
            "renewal",
            0.85,
            rng.random(n) < 0.70,
            rng.random(n) < 0.85,
            between(rng, 350.0, 380.0, n),
            between(rng, 30.0, 60.0, n),
            np.round(accounts.value * between(rng, 0.10, 0.20, n), 2),
        ),
    )


def expected_worth(
    accounts: Accounts,
    follow_ups: tuple[FollowUp, ...],
    account: Ints,
    close_days: Floats,
    horizon: float,
) -> Floats:
    """Value that a won first deal brings before the horizon, later deals in expectation.

    Parameters
    ----------
    accounts : Accounts
        The accounts.
    follow_ups : tuple of FollowUp
        Their later deals.
    account : array (n,)
        Positions of accounts.
    close_days : array (n,)
        Day of the first close.
    horizon : float
        Last day that counts.

    Returns
    -------
    array (n,)
        Euros; it never grows with a later close.
    """
    worth = np.where(close_days < horizon, accounts.value[account], 0.0)
    for later in follow_ups:
        in_time = later.exists[account] & (close_days + later.lag_days[account] < horizon)
        worth += np.where(in_time, later.probability * later.value[account], 0.0)
    return worth
