"""Deals and the stage history of leads and deals, as they stand at the end of the history."""

import numpy as np
import pandas as pd

from mmm.simulate.clock import to_dates, to_instants
from mmm.simulate.columns import CURRENCY, chosen, constant, ids, money
from mmm.simulate.crm_tables import lead_positions, owner_names, owners
from mmm.simulate.draws import Floats, Ints
from mmm.simulate.outcome import OPPORTUNITY, Outcome
from mmm.simulate.story import KINDS, Deals, Touches
from mmm.simulate.world import World

DEAL_STAGES = ("qualification", "proposal", "negotiation", "won", "lost")
_ENTERED = (0.0, 0.35, 0.70)  # of the way from creation to close


def deal_table(world: World, touches: Touches, deals: Deals) -> pd.DataFrame:
    """Write the deals; open ones carry the date on which sales expects the close."""
    start, end = world.settings.monday, world.settings.horizon_days
    size = deals.account.size
    open_ = deals.close >= end
    closed_at = to_instants(start, np.where(open_, np.nan, deals.close))
    slip = 12.0 * world.settings.rng("forecast").standard_normal(size)
    expected = np.maximum(deals.close + slip, end + 2.0)
    won = pd.Series(deals.won, dtype="boolean").mask(pd.Series(open_))
    return pd.DataFrame(
        {
            "deal_id": ids("D", np.arange(size), 4),
            "person_id": ids("P", touches.lead_person[deals.account], 5),
            "account_id": ids("A", deals.account, 4),
            "created_at": to_instants(start, deals.created),
            "closed_at": closed_at,
            "expected_on": to_dates(start, np.where(open_, expected, np.nan)),
            "won": won,
            "value": money(deals.value),
            "currency": constant(CURRENCY, size),
            "kind": chosen(KINDS, deals.kind),
            "stage": chosen(DEAL_STAGES, _stage(deals, end)),
            "owner": owner_names(owners(world)[deals.account]),
        }
    )


def stage_table(world: World, outcome: Outcome, deals: Deals) -> pd.DataFrame:
    """Write when each lead and each deal entered each of its stages, in order of time."""
    end = world.settings.horizon_days
    lead = lead_positions(outcome)
    late = outcome.reached[lead] == OPPORTUNITY
    ended = outcome.ended[lead]
    won = outcome.won[lead]
    of_leads = [
        ("new", outcome.lead_days[lead]),
        ("MQL", outcome.mql[lead]),
        ("SQL", outcome.sql[lead]),
        ("opportunity", outcome.opportunity[lead]),
        ("won", np.where(late & won, ended, np.nan)),
        ("lost", np.where(late & ~won, ended, np.nan)),
        ("discarded", np.where(late, np.nan, ended)),
    ]
    span = deals.close - deals.created
    of_deals = [
        (name, deals.created + part * span)
        for name, part in zip(DEAL_STAGES, _ENTERED, strict=False)
    ]
    of_deals.append(("won", np.where(deals.won, deals.close, np.nan)))
    of_deals.append(("lost", np.where(deals.won, np.nan, deals.close)))
    lead_id, deal_id = ids("L", np.arange(lead.size), 4), ids("D", np.arange(span.size), 4)
    parts = [_entries(world, name, days, lead_id, None, end) for name, days in of_leads]
    parts += [_entries(world, name, days, None, deal_id, end) for name, days in of_deals]
    history = pd.concat(parts, ignore_index=True)
    return history.sort_values("entered_at", kind="stable", ignore_index=True)


def _entries(
    world: World,
    stage: str,
    days: Floats,
    lead_id: "pd.Series[str] | None",
    deal_id: "pd.Series[str] | None",
    end: float,
) -> pd.DataFrame:
    entered = np.flatnonzero(np.isfinite(days) & (days < end))
    nothing = pd.Series([None] * entered.size, dtype="str")
    return pd.DataFrame(
        {
            "lead_id": nothing if lead_id is None else lead_id.iloc[entered].to_numpy(),
            "deal_id": nothing if deal_id is None else deal_id.iloc[entered].to_numpy(),
            "stage": constant(stage, entered.size),
            "entered_at": to_instants(world.settings.monday, days[entered]),
        }
    )


def _stage(deals: Deals, end: float) -> Ints:
    progress = (end - deals.created) / (deals.close - deals.created)
    stage = np.searchsorted(np.array(_ENTERED), progress, side="right") - 1
    final = np.where(deals.won, 3, 4)
    return np.where(deals.close < end, final, stage)
