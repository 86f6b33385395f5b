"""Leads, contacts and roles as the CRM holds them, and the truth about each lead beside them."""

import numpy as np
import pandas as pd

from mmm.simulate.accounts import (
    COUNTRIES,
    INDUSTRIES,
    LEVELS,
    MAIL_KINDS,
    REGIONS,
    feature_logit,
)
from mmm.simulate.clock import to_instants
from mmm.simulate.columns import blank, chosen, ids
from mmm.simulate.draws import Bools, Floats, Ints, categories
from mmm.simulate.market import CHANNELS, FIELD_LABEL, NAMES, OTHER_LABEL
from mmm.simulate.outcome import MQL, NEW, OPPORTUNITY, SQL, Outcome
from mmm.simulate.story import Deals, Touches
from mmm.simulate.world import World

LEAD_STAGES = ("new", "MQL", "SQL", "opportunity", "won", "lost", "discarded")
_OWNERS = ("TEAM-NORTH", "TEAM-CENTRE", "TEAM-SOUTH", "TEAM-EXPORT")
_OWNER_OF_REGION = np.array([0, 0, 1, 0, 1, 2])
_REASONS = {
    NEW: ("no answer", "not a company", "wrong contact data"),
    MQL: ("no budget", "no answer", "not a fit"),
    SQL: ("no budget", "bought elsewhere", "project postponed"),
}
_DEAL_ROLES = ("decision maker", "technical buyer", "user")


def lead_positions(outcome: Outcome) -> Ints:
    """Accounts that became a lead within the history, in order of creation."""
    found = np.flatnonzero(np.isfinite(outcome.lead_days))
    return found[np.argsort(outcome.lead_days[found], kind="stable")]


def owners(world: World) -> Ints:
    """Code of the sales team of each account, shape (n_accounts,)."""
    return np.where(world.accounts.country > 0, 3, _OWNER_OF_REGION[world.accounts.region])


def owner_names(codes: Ints) -> "pd.Series[str]":
    """Write team codes."""
    return chosen(_OWNERS, codes)


def lead_table(world: World, outcome: Outcome, touches: Touches) -> pd.DataFrame:
    """Write the leads: the columns of the schema, then the features known at creation."""
    rng, end = world.settings.rng("lead_entry"), world.settings.horizon_days
    account = lead_positions(outcome)
    ended = _cut(outcome.ended, end)
    stage = _stage(outcome, end)
    start = world.settings.monday

    def instant(days: Floats) -> pd.DatetimeIndex:
        return to_instants(start, _cut(days, end)[account])

    discarded = stage == LEAD_STAGES.index("discarded")
    frame = pd.DataFrame(
        {
            "lead_id": ids("L", np.arange(account.size), 4),
            "person_id": ids("P", touches.lead_person[account], 5),
            "account_id": ids("A", account, 4),
            "created_at": instant(outcome.lead_days),
            "source": _sources(world, touches, account, rng),
            "stage": chosen(LEAD_STAGES, stage[account]),
            "mql_at": instant(outcome.mql),
            "sql_at": instant(outcome.sql),
            "first_contacted_at": instant(outcome.contacted),
            "ended_at": instant(ended),
            "discard_reason": _reasons(outcome, discarded, account, rng),
            "owner": owner_names(owners(world)[account]),
        }
    )
    return pd.concat([frame, _features(world, outcome, touches, account, rng)], axis=1)


def lead_truth(world: World, outcome: Outcome) -> pd.DataFrame:
    """Write what really drives each lead.

    Returns
    -------
    DataFrame
        ``lead_id``, ``account_id``, ``probability`` (true, of a won deal at any time),
        ``feature_logit`` (its part due to the CRM features), ``intent`` and ``won`` (the ending,
        also where the data do not show it yet).
    """
    account = lead_positions(outcome)
    return pd.DataFrame(
        {
            "lead_id": ids("L", np.arange(account.size), 4),
            "account_id": ids("A", account, 4),
            "probability": outcome.probability[account],
            "feature_logit": feature_logit(world.accounts)[account],
            "intent": world.accounts.intent[account],
            "won": outcome.won[account],
        }
    )


def contact_table(world: World, outcome: Outcome, touches: Touches) -> pd.DataFrame:
    """Write the people the CRM knows: all of each lead's account, half of the other accounts."""
    rng, accounts = world.settings.rng("contacts"), world.accounts
    known = np.isfinite(outcome.lead_days) | (rng.random(accounts.n) < 0.5)
    account = np.repeat(np.arange(accounts.n), accounts.n_people)
    person = np.arange(account.size)
    level = categories(rng, (0.10, 0.20, 0.35, 0.35), account.size)
    free = rng.random(account.size) < 0.12
    is_lead = person == touches.lead_person[account]
    level = np.where(is_lead, accounts.level[account], level)
    free = np.where(is_lead, accounts.mail_kind[account] == 1, free)
    rows = known[account]
    person_id, account_id = ids("P", person, 5), ids("A", account, 4)
    email = [
        f"{who}@{'mail' if private else firm}.example".lower()
        for who, firm, private in zip(person_id, account_id, free, strict=True)
    ]
    frame = pd.DataFrame(
        {
            "person_id": person_id,
            "account_id": account_id,
            "email": pd.Series(email, dtype="str"),
            "role": chosen(LEVELS, level),
        }
    )
    return frame[rows].reset_index(drop=True)


def role_table(world: World, touches: Touches, deals: Deals) -> pd.DataFrame:
    """Write who takes part in each deal: the lead, then up to two colleagues."""
    accounts = world.accounts
    rows: list[tuple[int, int, int]] = []
    for deal, account in enumerate(deals.account):
        first, lead = int(accounts.first_person[account]), int(touches.lead_person[account])
        colleagues = [p for p in range(first, first + int(accounts.n_people[account])) if p != lead]
        rows.extend((deal, person, role) for role, person in enumerate([lead, *colleagues[:2]]))
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return pd.DataFrame(
        {
            "deal_id": ids("D", table[:, 0], 4),
            "person_id": ids("P", table[:, 1], 5),
            "role": chosen(_DEAL_ROLES, table[:, 2]),
        }
    )


def _cut(days: Floats, end: float) -> Floats:
    """Leave out what has not happened yet."""
    return np.where(np.isfinite(days) & (days < end), days, np.nan)


def _stage(outcome: Outcome, end: float) -> Ints:
    """Stage at the end of the history, shape (n_accounts,), codes of `LEAD_STAGES`."""
    stage = np.zeros(outcome.won.size, dtype=np.int64)
    for code, days in ((1, outcome.mql), (2, outcome.sql), (3, outcome.opportunity)):
        stage[days < end] = code
    over = outcome.ended < end
    final = np.where(outcome.won, 4, np.where(outcome.reached == OPPORTUNITY, 5, 6))
    return np.where(over, final, stage)


def _sources(
    world: World, touches: Touches, account: Ints, rng: np.random.Generator
) -> "pd.Series[str]":
    """Write sources as the CRM spells them: some typed in as other, some left empty."""
    code = np.full(world.accounts.n, len(NAMES))
    form = np.flatnonzero(touches.form)
    code[touches.events.account[form]] = touches.events.channel[form]
    labels = [channel.crm_label for channel in CHANNELS] + [FIELD_LABEL, OTHER_LABEL]
    other = rng.random(account.size) < 0.04
    missing = rng.random(account.size) < 0.08
    return blank(chosen(labels, np.where(other, len(labels) - 1, code[account])), missing)


def _reasons(
    outcome: Outcome, discarded: Bools, account: Ints, rng: np.random.Generator
) -> "pd.Series[str]":
    draw = rng.random(account.size)
    reasons: list[str | None] = []
    for position, chance in zip(account, draw, strict=True):
        if discarded[position]:
            choices = _REASONS[int(outcome.reached[position])]
            reasons.append(choices[int(chance * len(choices))])
        else:
            reasons.append(None)
    return pd.Series(reasons, dtype="str")


def _features(
    world: World, outcome: Outcome, touches: Touches, account: Ints, rng: np.random.Generator
) -> pd.DataFrame:
    who, size = world.accounts, account.size
    events = touches.events
    attended = np.zeros(who.n, dtype=np.int64)
    webinar = (events.channel == NAMES.index("Webinar")) & (
        events.days <= outcome.lead_days[events.account]
    )
    attended[events.account[webinar]] = 1
    return pd.DataFrame(
        {
            "industry": blank(chosen(INDUSTRIES, who.industry[account]), rng.random(size) < 0.03),
            "employees": blank(
                pd.Series(who.employees[account], dtype="Int64"), rng.random(size) < 0.06
            ),
            "country": chosen(COUNTRIES, who.country[account]),
            "region": chosen(REGIONS, who.region[account]),
            "job_level": chosen(LEVELS, who.level[account]),
            "email_kind": chosen(MAIL_KINDS, who.mail_kind[account]),
            "pages_viewed": who.pages[account],
            "price_page": who.price_page[account].astype(np.int64),
            "demo_request": who.demo_request[account].astype(np.int64),
            "webinar": attended[account],
            "newsletter": who.newsletter[account].astype(np.int64),
        }
    )
