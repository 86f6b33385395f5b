"""Marketing touches before anybody decides anything: drawn first, so that causes precede effects.

Three streams. Cold touches run in calendar time and may create a lead. Nurture touches run in days
since the lead and may persuade. Capture touches run in days since the lead too, come from the
hidden intent, and do nothing.
"""

from dataclasses import dataclass

import numpy as np

from mmm.simulate.accounts import Accounts
from mmm.simulate.draws import Bools, Floats, Ints, categories, waiting
from mmm.simulate.market import CAPTURE, CHANNELS, NAMES, PAID
from mmm.simulate.settings import Settings

_OWN_LEADS_PER_WEEK = 0.012
_FIELD_LEADS_PER_WEEK = 0.03
_INTENT_INITIATIVE = 0.5
_CAPTURE_EVEN = 0.6  # per lead, at any time: there without confounding too
_CAPTURE_LATE = 1.2  # per lead and unit of confounding, just before the decision
_CAPTURE_GAP_DAYS = 9.0
_NEWSLETTER_BOOST = 1.6


@dataclass(frozen=True)
class Events:
    """Touches in columns, arrays of shape (n_events,).

    Attributes
    ----------
    account : int
        Account position.
    days : float
        Days since the start of history, or since the lead.
    channel : int
        Position in `mmm.simulate.market.NAMES`.
    captured : bool
        Whether the touch only carries an intent that is already there.
    """

    account: Ints
    days: Floats
    channel: Ints
    captured: Bools

    def keep(self, mask: Bools) -> "Events":
        """Return the events of a mask."""
        return Events(self.account[mask], self.days[mask], self.channel[mask], self.captured[mask])


def cold_events(settings: Settings, accounts: Accounts, spend: Floats) -> Events:
    """Draw touches in calendar time, sorted by account and time."""
    rng = settings.rng("cold")
    reach = np.where(accounts.field, 0.0, accounts.reach)
    parts = []
    for code, channel in enumerate(CHANNELS):
        rate = channel.cold_rate * np.outer(reach, _intensity(channel.name, spend))
        counts = rng.poisson(rate)
        account, week = np.nonzero(counts)
        repeats = counts[account, week]
        account, week = np.repeat(account, repeats), np.repeat(week, repeats)
        parts.append(_events(account, 7.0 * (week + rng.random(week.size)), code))
    events = in_order(join(parts))
    return events.keep(events.days >= accounts.entry_days[events.account])


def nurture_events(settings: Settings, accounts: Accounts) -> Events:
    """Draw touches in days since the lead, up to the decision."""
    rng = settings.rng("nurture")
    cycle = accounts.cycle_days
    parts = []
    for code, channel in enumerate(CHANNELS):
        rate = channel.nurture_rate * cycle / 30.0
        if channel.name == "Email":
            rate = rate * np.where(accounts.newsletter, _NEWSLETTER_BOOST, 0.6)
        counts = rng.poisson(np.where(accounts.field, 0.0, rate))
        account = np.repeat(np.arange(accounts.n), counts)
        parts.append(_events(account, cycle[account] * rng.random(account.size), code))
    return join(parts)


def capture_events(settings: Settings, accounts: Accounts) -> Events:
    """Draw touches that carry intent, in days since the lead."""
    rng = settings.rng("capture")
    cycle = accounts.cycle_days
    heat = settings.confounding * _CAPTURE_LATE * np.exp(0.6 * accounts.intent)
    even = rng.poisson(np.where(accounts.field, 0.0, _CAPTURE_EVEN), accounts.n)
    late = rng.poisson(np.where(accounts.field, 0.0, heat))
    spread_out = np.repeat(np.arange(accounts.n), even)
    near_end = np.repeat(np.arange(accounts.n), late)
    gap = np.minimum(waiting(rng, _CAPTURE_GAP_DAYS, near_end.size), 0.9 * cycle[near_end])
    days = np.concatenate([cycle[spread_out] * rng.random(spread_out.size), cycle[near_end] - gap])
    account = np.concatenate([spread_out, near_end])
    return Events(account, days, carriers(rng, account.size), np.ones(account.size, np.bool_))


def own_initiative_days(settings: Settings, accounts: Accounts) -> Floats:
    """Day on which each account would come by itself, shape (n_accounts,)."""
    pull = np.exp(settings.confounding * _INTENT_INITIATIVE * accounts.intent)
    rate = np.where(accounts.field, _FIELD_LEADS_PER_WEEK, _OWN_LEADS_PER_WEEK * pull)
    wait = waiting(settings.rng("initiative"), 7.0, accounts.n) / rate
    return np.asarray(accounts.entry_days + wait, dtype=np.float64)


def carriers(rng: np.random.Generator, size: int) -> Ints:
    """Draw the channels by which people who want to buy come in."""
    codes = np.array([NAMES.index(name) for name in CAPTURE], dtype=np.int64)
    return codes[categories(rng, tuple(CAPTURE.values()), size)]


def join(parts: list[Events]) -> Events:
    """Put events one after the other."""
    return Events(
        np.concatenate([part.account for part in parts]),
        np.concatenate([part.days for part in parts]),
        np.concatenate([part.channel for part in parts]),
        np.concatenate([part.captured for part in parts]),
    )


def in_order(events: Events) -> Events:
    """Sort events by account, then time."""
    order = np.lexsort((events.channel, events.days, events.account))
    return Events(
        events.account[order], events.days[order], events.channel[order], events.captured[order]
    )


def _events(account: Ints, days: Floats, code: int) -> Events:
    size = account.size
    return Events(account, days, np.full(size, code), np.zeros(size, np.bool_))


def _intensity(name: str, spend: Floats) -> Floats:
    """Weekly activity of a channel, mean 1, shape (weeks,)."""
    if name not in PAID:
        return np.ones(spend.shape[0])
    column = spend[:, PAID.index(name)]
    return np.asarray(column / max(float(column.mean()), 1.0), dtype=np.float64)
