"""What each channel truly adds: the expected won value with and without its effect.

No attribution formula is used. Given the drawn touches, intents and later deals, the two remaining
random steps (does a touch fill in the form, is the deal won) are averaged exactly.
"""

import numpy as np
import pandas as pd

from mmm.simulate.draws import Bools, Floats, Ints
from mmm.simulate.follow_ups import expected_worth
from mmm.simulate.market import CAPTURE, CHANNELS, NAMES
from mmm.simulate.world import World, win_probability


def expected_won_value(world: World, on: Bools) -> float:
    """Average the won value in euros up to the horizon, with some channels switched off.

    Parameters
    ----------
    world : World
        The draws, shared by every counterfactual.
    on : array (n_channels,)
        Which channels have their effect.

    Returns
    -------
    float
        Sum over accounts of P(won) x sum over lead times of P(lead then) x worth then.
    """
    n, cold = world.accounts.n, world.cold
    chance = np.where(on, world.form_probability, 0.0)[cold.channel]
    chance = np.where(cold.days < world.own_days[cold.account], chance, 0.0)
    running = np.concatenate([[0.0], np.cumsum(np.log1p(-chance))])
    first = np.searchsorted(cold.account, np.arange(n))
    last = np.searchsorted(cold.account, np.arange(n), side="right")
    no_form_yet = np.exp(running[:-1] - running[first][cold.account])
    no_form_at_all = np.exp(running[last] - running[first])

    by_touch = no_form_yet * chance * _worth(world, cold.account, cold.days)
    by_itself = no_form_at_all * _worth(world, np.arange(n), world.own_days)
    worth = np.bincount(cold.account, weights=by_touch, minlength=n) + by_itself
    return float(win_probability(world, on) @ worth)


def channel_truth(world: World) -> tuple[pd.DataFrame, float, float]:
    """Switch each channel off in turn.

    Parameters
    ----------
    world : World
        The draws.

    Returns
    -------
    channels : DataFrame (n_channels, 7)
        ``channel``, ``paid``, ``capture``, ``form_probability``, ``persuasion``,
        ``incremental_value`` (euros lost without the channel) and ``incremental_share`` of the
        expected won value.
    expected : float
        Expected won value in euros with every channel.
    without_marketing : float
        Expected won value in euros with none.
    """
    every = np.ones(len(NAMES), dtype=np.bool_)
    expected = expected_won_value(world, every)
    lost = []
    for code in range(len(NAMES)):
        without = every.copy()
        without[code] = False
        lost.append(expected - expected_won_value(world, without))
    # A channel without effect loses exactly nothing; sums in another order may say 1e-10.
    value = np.where(np.abs(lost) < 1e-6, 0.0, lost)
    channels = pd.DataFrame(
        {
            "channel": list(NAMES),
            "paid": [channel.paid for channel in CHANNELS],
            "capture": [name in CAPTURE for name in NAMES],
            "form_probability": world.form_probability,
            "persuasion": world.persuasion,
            "incremental_value": value,
            "incremental_share": value / expected,
        }
    )
    return channels, expected, expected_won_value(world, ~every)


def _worth(world: World, account: Ints, lead_days: Floats) -> Floats:
    close = lead_days + world.accounts.cycle_days[account]
    return expected_worth(
        world.accounts, world.follow_ups, account, close, world.settings.horizon_days
    )
