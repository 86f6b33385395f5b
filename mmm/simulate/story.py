"""The history as it was lived: every touch and every deal, in days, before any table is written."""

from dataclasses import dataclass, fields

import numpy as np

from mmm.simulate.draws import Bools, Floats, Ints
from mmm.simulate.exposure import Events, carriers, in_order, join
from mmm.simulate.market import NAMES
from mmm.simulate.outcome import OPPORTUNITY, Outcome
from mmm.simulate.world import World

KINDS = ("new", "expansion", "renewal")


@dataclass(frozen=True)
class Deals:
    """Deals in order of creation, arrays of shape (n_deals,).

    Attributes
    ----------
    account, kind : int
        Positions of account and in `KINDS`.
    created, close : float
        Days of history; the close may lie after it.
    won : bool
        How it ends, now or later.
    value : float
        Euros, whole cents.
    """

    account: Ints
    kind: Ints
    created: Floats
    close: Floats
    won: Bools
    value: Floats


_DEAL_COLUMNS = tuple(field.name for field in fields(Deals))


@dataclass(frozen=True)
class Touches:
    """Logged touches in order of time.

    Attributes
    ----------
    events : Events
        Account, day of history, channel, captured.
    person : array (n_touches,)
        Position of the person.
    form : array (n_touches,)
        Whether this touch created the lead.
    lead_person : array (n_accounts,)
        Position of the person who became the lead.
    """

    events: Events
    person: Ints
    form: Bools
    lead_person: Ints


def live_deals(world: World, outcome: Outcome) -> Deals:
    """First deals of leads that became an opportunity, and later deals of customers."""
    horizon = world.settings.horizon_days
    reached = (outcome.reached == OPPORTUNITY) & (outcome.opportunity < horizon)
    first = (outcome.opportunity, outcome.ended, outcome.won, world.accounts.value)
    parts = [_picked(np.flatnonzero(reached), 0, *first)]
    customer = reached & outcome.won & (outcome.ended < horizon)
    for later in world.follow_ups:
        close = outcome.ended + later.lag_days
        created = close - later.lead_time_days
        exists = np.flatnonzero(customer & later.exists & (created < horizon))
        kind = KINDS.index(later.kind)
        parts.append(_picked(exists, kind, created, close, later.won, later.value))
    joined = [np.concatenate([getattr(part, name) for part in parts]) for name in _DEAL_COLUMNS]
    account, kind_code, created = joined[:3]
    order = np.lexsort((kind_code, account, created))
    return Deals(*(column[order] for column in joined))


def _picked(
    account: Ints, kind: int, created: Floats, close: Floats, won: Bools, value: Floats
) -> Deals:
    kinds = np.full(account.size, kind)
    return Deals(account, kinds, created[account], close[account], won[account], value[account])


def live_touches(world: World, outcome: Outcome, deals: Deals) -> Touches:
    """Touches that happened: before the lead, up to its end, and with customers."""
    rng, horizon = world.settings.rng("people"), world.settings.horizon_days
    lead, cold = outcome.lead_days, world.cold
    own = np.flatnonzero((outcome.creator < 0) & np.isfinite(lead) & ~world.accounts.field)
    arrival = Events(own, lead[own], carriers(rng, own.size), np.ones(own.size, np.bool_))
    before = cold.keep(cold.days <= np.minimum(lead, horizon)[cold.account])
    after = [
        _since_lead(stream, lead, np.minimum(outcome.ended, horizon))
        for stream in (world.nurture, world.capture)
    ]
    events = in_order(join([before, arrival, *after, _customer_mail(world, deals, rng)]))
    events = events.keep(events.days < horizon)
    form = events.days == lead[events.account]

    n_people, first = world.accounts.n_people, world.accounts.first_person
    # The square favours the first person of an account.
    within = np.floor(rng.random(events.days.size) ** 2 * n_people[events.account])
    person = first[events.account] + within.astype(np.int64)
    lead_person = first.copy()
    lead_person[events.account[form]] = person[form]
    order = np.lexsort((events.channel, events.account, events.days))
    sorted_events = Events(
        events.account[order], events.days[order], events.channel[order], events.captured[order]
    )
    return Touches(sorted_events, person[order], form[order], lead_person)


def _since_lead(stream: Events, lead: Floats, stop: Floats) -> Events:
    """Place a stream in days of history, cut where the lead ends."""
    days = lead[stream.account] + stream.days
    placed = Events(stream.account, days, stream.channel, stream.captured)
    return placed.keep(np.isfinite(days) & (days < stop[stream.account]))


def _customer_mail(world: World, deals: Deals, rng: np.random.Generator) -> Events:
    """Newsletters that customers open while a later deal is on; they change nothing."""
    later = np.flatnonzero((deals.kind > 0) & ~world.accounts.field[deals.account])
    counts = rng.poisson(1.5, later.size)
    deal = np.repeat(later, counts)
    span = deals.close[deal] - deals.created[deal]
    days = deals.created[deal] + span * rng.random(deal.size)
    email = np.full(deal.size, NAMES.index("Email"))
    return Events(deals.account[deal], days, email, np.zeros(deal.size, np.bool_))
