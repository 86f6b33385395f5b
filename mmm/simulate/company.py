"""One synthetic company: its tables and the truth beside them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmm.simulate.clock import mondays
from mmm.simulate.counterfactual import channel_truth
from mmm.simulate.crm_tables import contact_table, lead_table, lead_truth, role_table
from mmm.simulate.deal_tables import deal_table, stage_table
from mmm.simulate.draws import Floats
from mmm.simulate.export import write_company
from mmm.simulate.market import PAID
from mmm.simulate.money_tables import cost_table, spend_table
from mmm.simulate.outcome import Outcome, draw_outcome
from mmm.simulate.revenue import MixTruth, weekly_revenue
from mmm.simulate.settings import Settings
from mmm.simulate.spend import controls, weekly_spend
from mmm.simulate.story import Deals, live_deals, live_touches
from mmm.simulate.touch_table import channel_map, touch_table
from mmm.simulate.truth import Truth
from mmm.simulate.world import World, draw_world

TABLES = ("touches", "deals", "leads", "contacts", "roles", "spend", "costs", "stages", "weekly")


@dataclass(frozen=True)
class Company:
    """Tables of a synthetic company, in the columns and types of the package's readers.

    Attributes
    ----------
    touches, deals, leads, contacts, roles, spend, costs, stages : DataFrame
        As `mmm.tables` describes them; ``leads`` also holds the features known at creation.
    weekly : DataFrame (weeks, 1 + n_paid + 4)
        ``date`` (Monday), spend in euros per paid channel, ``holiday`` (share of working days
        lost), ``price_index`` (100 = list price), ``won_value`` (euros of deals won that week) and
        ``revenue`` (euros, generated apart from the deals).
    truth : Truth
        What generated them.
    """

    touches: pd.DataFrame
    deals: pd.DataFrame
    leads: pd.DataFrame
    contacts: pd.DataFrame
    roles: pd.DataFrame
    spend: pd.DataFrame
    costs: pd.DataFrame
    stages: pd.DataFrame
    weekly: pd.DataFrame
    truth: Truth

    def to_csv(self, folder: str | Path) -> list[Path]:
        """Write every table as CSV and the truth as JSON.

        Parameters
        ----------
        folder : path
            Created where it does not exist.

        Returns
        -------
        list of Path
            The files, in alphabetical order.
        """
        tables = {name: getattr(self, name) for name in TABLES}
        return write_company(Path(folder), tables, self.truth.to_dict())


def simulate_company(
    *,
    n_accounts: int = 400,
    weeks: int = 104,
    seed: int = 0,
    confounding: float = 1.0,
    start: str = "2024-01-01",
    noise: float = 0.05,
    effect: float = 1.0,
) -> Company:
    """Simulate a company that sells to companies, with known truth.

    Marketing touches create leads and persuade; a hidden buying intent does both too, and shows
    itself in brand searches and direct visits shortly before the decision, which change nothing.

    Parameters
    ----------
    n_accounts : int
        Companies in reach, 50 or more.
    weeks : int
        Weeks of history, 52 or more; it has to end before today.
    seed : int
        Seed; equal seeds give equal tables, bit for bit.
    confounding : float
        Strength of the hidden intent, 0 (none) to 3.
    start : str
        First day; history begins on the Monday of its week.
    noise : float
        Noise of weekly revenue as a share of its baseline, 0 to 1.
    effect : float
        Multiplier of everything that marketing does, 0 (nothing) to 2.

    Returns
    -------
    Company
        Tables and truth.

    Raises
    ------
    ConfigError
        When a knob is out of range or the history would end in the future.

    Examples
    --------
    >>> company = simulate_company(n_accounts=60, weeks=78, seed=1)
    >>> company.touches["touched_at"].dt.tz
    datetime.timezone.utc
    >>> shares = company.truth.channels["incremental_share"]
    >>> round(float(shares.sum()) + company.truth.baseline_share, 9)
    1.0
    """
    settings = Settings(
        n_accounts=n_accounts,
        weeks=weeks,
        seed=seed,
        confounding=confounding,
        start=start,
        noise=noise,
        effect=effect,
    )
    dates = mondays(settings.monday, settings.weeks)
    spend = weekly_spend(settings, dates)
    world = draw_world(settings, spend)
    outcome = draw_outcome(world)
    deals = live_deals(world, outcome)
    weekly, mix = _weekly(settings, dates, spend, deals)
    return _company(world, outcome, deals, dates, spend, weekly, mix)


def _company(
    world: World,
    outcome: Outcome,
    deals: Deals,
    dates: pd.DatetimeIndex,
    spend: Floats,
    weekly: pd.DataFrame,
    mix: MixTruth,
) -> Company:
    touches = live_touches(world, outcome, deals)
    log, touch_truth = touch_table(world, outcome, touches)
    channels, expected, without = channel_truth(world)
    truth = Truth(
        settings=world.settings,
        channels=channels,
        expected_won_value=expected,
        baseline_share=1.0 - float(channels["incremental_share"].sum()),
        without_marketing_share=without / expected,
        channel_map=channel_map(),
        touches=touch_truth,
        leads=lead_truth(world, outcome),
        mix=mix,
    )
    return Company(
        touches=log,
        deals=deal_table(world, touches, deals),
        leads=lead_table(world, outcome, touches),
        contacts=contact_table(world, outcome, touches),
        roles=role_table(world, touches, deals),
        spend=spend_table(dates, spend),
        costs=cost_table(dates),
        stages=stage_table(world, outcome, deals),
        weekly=weekly,
        truth=truth,
    )


def _weekly(
    settings: Settings, dates: pd.DatetimeIndex, spend: Floats, deals: Deals
) -> tuple[pd.DataFrame, MixTruth]:
    market = controls(settings, dates)
    revenue, mix = weekly_revenue(settings, dates, spend, market)
    won = deals.won & (deals.close < settings.horizon_days)
    week = (deals.close[won] // 7).astype(np.int64)
    won_value = np.bincount(week, weights=deals.value[won], minlength=settings.weeks)
    frame = pd.DataFrame({"date": dates})
    for position, name in enumerate(PAID):
        frame[name] = spend[:, position]
    frame = pd.concat([frame, market], axis=1)
    frame["won_value"] = np.round(won_value, 2)
    frame["revenue"] = revenue
    return frame, mix
