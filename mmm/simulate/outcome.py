"""What happens: who becomes a lead, how far it gets, whether the deal is won, and when."""

from dataclasses import dataclass

import numpy as np

from mmm.simulate.accounts import feature_logit
from mmm.simulate.draws import Bools, Floats, Ints, between, categories, sigmoid
from mmm.simulate.market import NAMES
from mmm.simulate.world import World, win_probability

NEW, MQL, SQL, OPPORTUNITY = range(4)


@dataclass(frozen=True)
class Outcome:
    """The course of each account's lead, arrays of shape (n_accounts,), in days of history.

    Attributes
    ----------
    lead_days : float
        Creation of the lead; infinite where it would come after the history.
    creator : int
        Position of the cold touch that made it; -1 where the account came by itself.
    probability : float
        True probability that the lead ends in a won deal.
    won : bool
        Whether it does, now or after the history.
    reached : int
        Furthest stage before the end: 0 new, 1 MQL, 2 SQL, 3 opportunity.
    contacted, mql, sql, opportunity, ended : float
        Instants; NaN where a stage is never reached. They may lie after the history.
    """

    lead_days: Floats
    creator: Ints
    probability: Floats
    won: Bools
    reached: Ints
    contacted: Floats
    mql: Floats
    sql: Floats
    opportunity: Floats
    ended: Floats


def draw_outcome(world: World) -> Outcome:
    """Let the drawn causes take effect."""
    rng = world.settings.rng("outcome")
    lead_days, creator = _leads(world, rng)
    n = world.accounts.n
    probability = win_probability(world, np.ones(len(NAMES), dtype=np.bool_))
    won = rng.random(n) < probability
    reached = _reached(world, won, rng)
    steps = _steps(world.accounts.cycle_days, reached, rng)
    contacted, mql, sql, opportunity, ended = (lead_days + step for step in steps)
    contacted = np.where(world.accounts.demo_request, (lead_days + contacted) / 2, contacted)
    return Outcome(
        lead_days, creator, probability, won, reached, contacted, mql, sql, opportunity, ended
    )


def _leads(world: World, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """First form filled in, or the account's own initiative, whichever comes first."""
    cold, own = world.cold, world.own_days
    filled = rng.random(cold.days.size) < world.form_probability[cold.channel]
    position = np.flatnonzero(filled & (cold.days < own[cold.account]))
    account, first = np.unique(cold.account[position], return_index=True)
    creator = np.full(world.accounts.n, -1)
    creator[account] = position[first]
    lead_days = own.copy()
    lead_days[account] = cold.days[position[first]]
    return np.where(lead_days < world.settings.horizon_days, lead_days, np.inf), creator


def _reached(world: World, won: Bools, rng: np.random.Generator) -> Ints:
    """Furthest stage: an opportunity where won; else the better the features, the further."""
    n = world.accounts.n
    lost_late = rng.random(n) < sigmoid(1.1 + 0.5 * feature_logit(world.accounts))
    early = categories(rng, (0.40, 0.35, 0.25), n)
    return np.where(won | lost_late, OPPORTUNITY, early)


def _steps(
    cycle: Floats, reached: Ints, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Days from the lead to first contact, MQL, SQL, opportunity and end."""
    n = cycle.size
    mql = between(rng, 0.01, 0.05, n)
    contacted = between(rng, 0.004, 0.045, n)
    sql = np.maximum(mql, contacted) + between(rng, 0.03, 0.12, n)
    opportunity = sql + between(rng, 0.06, 0.25, n)
    # A lead that dies early does so some time after its last step.
    fading = between(rng, 0.10, 0.40, n)
    last = np.select([reached == NEW, reached == MQL, reached == SQL], [contacted, sql, sql], 1.0)
    ended = np.where(reached == OPPORTUNITY, 1.0, last + fading)
    ignored = (reached == NEW) & (rng.random(n) < 0.5)
    return (
        np.where(ignored, np.nan, contacted * cycle),
        np.where(reached >= MQL, mql * cycle, np.nan),
        np.where(reached >= SQL, sql * cycle, np.nan),
        np.where(reached >= OPPORTUNITY, opportunity * cycle, np.nan),
        ended * cycle,
    )
