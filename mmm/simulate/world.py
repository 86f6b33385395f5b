"""Everything drawn before anybody decides: what the outcome and the counterfactuals share."""

from dataclasses import dataclass

import numpy as np

from mmm.simulate.accounts import INTENT_LOGIT, Accounts, draw_accounts, feature_logit
from mmm.simulate.draws import Bools, Floats, sigmoid
from mmm.simulate.exposure import (
    Events,
    capture_events,
    cold_events,
    nurture_events,
    own_initiative_days,
)
from mmm.simulate.follow_ups import FollowUp, draw_follow_ups
from mmm.simulate.market import CHANNELS, NAMES
from mmm.simulate.settings import Settings

_HALF_TOUCHES = 1.5


@dataclass(frozen=True)
class World:
    """Exogenous draws of one company.

    Attributes
    ----------
    settings : Settings
        The knobs.
    accounts : Accounts
        Companies in reach.
    cold, nurture, capture : Events
        Touch streams; cold in days of history, the others in days since the lead.
    own_days : array (n_accounts,)
        Day on which each account would come by itself.
    follow_ups : tuple of FollowUp
        Later deals.
    """

    settings: Settings
    accounts: Accounts
    cold: Events
    nurture: Events
    capture: Events
    own_days: Floats
    follow_ups: tuple[FollowUp, ...]

    @property
    def form_probability(self) -> Floats:
        """Probability that a cold touch creates a lead, shape (n_channels,)."""
        per_touch = np.array([channel.form_probability for channel in CHANNELS])
        return np.asarray(self.settings.effect * per_touch, dtype=np.float64)

    @property
    def persuasion(self) -> Floats:
        """Largest gain in log odds per channel, shape (n_channels,)."""
        largest = np.array([channel.persuasion for channel in CHANNELS])
        return np.asarray(self.settings.effect * largest, dtype=np.float64)


def draw_world(settings: Settings, spend: Floats) -> World:
    """Draw the companies and every touch that may reach them."""
    accounts = draw_accounts(settings)
    return World(
        settings=settings,
        accounts=accounts,
        cold=cold_events(settings, accounts, spend),
        nurture=nurture_events(settings, accounts),
        capture=capture_events(settings, accounts),
        own_days=own_initiative_days(settings, accounts),
        follow_ups=draw_follow_ups(settings, accounts),
    )


def win_probability(world: World, on: Bools) -> Floats:
    """Probability that a lead of each account ends in a won deal.

    Parameters
    ----------
    world : World
        The draws.
    on : array (n_channels,)
        Which channels have their effect.

    Returns
    -------
    array (n_accounts,)
        Logistic in the features, the hidden intent and the nurture touches, these with diminishing
        returns: persuasion x (1 - exp(-touches / 1.5)).
    """
    n, width = world.accounts.n, len(NAMES)
    cell = world.nurture.account * width + world.nurture.channel
    counts = np.bincount(cell, minlength=n * width).reshape(n, width)
    gain = (1.0 - np.exp(-counts / _HALF_TOUCHES)) @ np.where(on, world.persuasion, 0.0)
    hidden = world.settings.confounding * INTENT_LOGIT * world.accounts.intent
    return sigmoid(feature_logit(world.accounts) + hidden + gain)
