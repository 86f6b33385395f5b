"""Journeys of several stages at once: each ends where its stage was reached."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted
from mmm.journeys.build import as_of_instant, build_journeys
from mmm.journeys.columnar import Journeys
from mmm.journeys.inputs import NEVER, end_of_bare_days, microseconds
from mmm.tables import read_deals, read_leads, read_touches

LEAD_DATES: Mapping[str, str] = {"lead": "created_at", "mql": "mql_at", "sql": "sql_at"}
ALL_STAGES = (*LEAD_DATES, "opportunity", "won")
_OWNERS = ("person_id", "account_id")


def stage_journeys(
    touches: object | None,
    deals: object,
    leads: object,
    *,
    stages: Sequence[str] = ALL_STAGES,
    as_of: object | None = None,
    roles: object | None = None,
    **options: Any,
) -> dict[str, Journeys]:
    """Build the journeys of each stage, cut at the date on which that stage was reached.

    What counts for lead, MQL and SQL is the lead: one that reached the stage is a conversion, one
    that ended before it a null journey, one still on its way is censored. Its window runs from
    `lookback_days` before the creation of the lead to the date of the stage. Leads that never
    became a deal are in. For opportunity every deal that was created is a conversion with its
    value, whatever became of it; its window ends at its creation. Won is `build_journeys`.
    Persons and accounts without a lead (without a deal) are null journeys as there.

    Parameters
    ----------
    touches, deals, roles, as_of
        As in `build_journeys`. `as_of` None: the latest instant in touches, deals and leads.
    leads : frame or path
        Whatever `read_leads` takes; mql_at and sql_at are needed for these stages.
    stages : sequence of str
        Some of lead, mql, sql, opportunity, won.
    **options
        Further options of `build_journeys`, but not `expected`.

    Returns
    -------
    dict of str to Journeys
        In the order asked for. ``about["stage"]`` counts the records that reached it, ended
        before it, are open, or have passed it without a date. Journeys of leads have no values,
        and ``deal_id`` holds the lead_id.

    Raises
    ------
    InputError
        If a stage has no date in the tables.
    ConfigError
        For an unknown stage, and for `expected`.

    Examples
    --------
    >>> touches = pd.DataFrame({"person_id": ["p1", "p1", "p2"], "channel": ["Events", "Email",
    ...     "Email"], "touched_at": ["2024-01-10", "2024-03-20", "2024-01-05"]})
    >>> leads = pd.DataFrame({"lead_id": ["l1", "l2"], "person_id": ["p1", "p2"],
    ...     "created_at": ["2024-01-11", "2024-01-06"]})
    >>> deals = pd.DataFrame({"deal_id": ["d1"], "person_id": ["p1"], "created_at": ["2024-03-01"],
    ...     "closed_at": ["2024-06-01"], "won": [True], "value": ["1000.00"]})
    >>> cut = stage_journeys(touches, deals, leads, stages=["lead", "won"], lookback_days=60)
    >>> [list(journeys.paths()) for journeys in cut.values()]
    [[('Email',), ('Events',)], [('Events', 'Email'), ('Email',)]]
    """
    asked = _checked(stages, options)
    deal_table, lead_table = read_deals(deals), read_leads(leads)
    touch_table = None if touches is None else read_touches(touches)
    tables = [table for table in (touch_table, deal_table, lead_table) if table is not None]
    cutoff = as_of_instant(as_of, tables)
    day = pd.Timestamp(cutoff, unit="us", tz="UTC")
    common = {"leads": lead_table, "as_of": day, **options}
    built: dict[str, Journeys] = {}
    for stage in asked:
        if stage == "won":
            journeys = build_journeys(touch_table, deal_table, roles=roles, **common)
            built[stage] = replace(journeys, about={**journeys.about, "stage": stage})
            continue
        if stage == "opportunity":
            records, facts = _opportunities(deal_table, cutoff)
            journeys = build_journeys(touch_table, records, roles=roles, **common)
        else:
            records, facts = _reached(lead_table, deal_table, stage, cutoff)
            journeys = _without_opportunity(build_journeys(touch_table, records, **common))
        about = {**journeys.about, "stage": stage, "stage_counts": facts}
        built[stage] = replace(journeys, about=about)
    return built


def _checked(stages: Sequence[str], options: Mapping[str, Any]) -> tuple[str, ...]:
    asked = (stages,) if isinstance(stages, str) else tuple(stages)
    unknown = [stage for stage in asked if stage not in ALL_STAGES]
    if unknown or not asked:
        raise ConfigError(f"stages holds {quoted(unknown)}. Choose from {quoted(ALL_STAGES)}.")
    if "expected" in options:
        raise ConfigError(
            "expected= is no option here: stages count what has happened. Build journeys with "
            "expected=, and see won and pipeline apart with by_state."
        )
    return asked


def _moment(instants: "pd.Series[Any]", cutoff: int) -> "pd.Series[Any]":
    """Return when a stage was reached: a day without a time to its end, never past the cutoff."""
    at = microseconds(instants)
    ends = np.where(at <= cutoff, np.minimum(end_of_bare_days(at), cutoff), at)
    stamps = pd.Series(pd.to_datetime(np.where(at == NEVER, 0, ends), unit="us", utc=True))
    return stamps.set_axis(instants.index).where(instants.notna())


def _opportunities(deals: pd.DataFrame, cutoff: int) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return deals as records that end, won, at their creation."""
    if "created_at" not in deals.columns or deals["created_at"].isna().all():
        raise InputError(
            "deals have no created_at, so nobody knows when a deal became an opportunity. "
            "Map created_at, or leave 'opportunity' out of stages."
        )
    known = deals["created_at"].notna()
    records = deals.assign(
        closed_at=_moment(deals["created_at"], cutoff),
        won=pd.Series(True, index=deals.index, dtype="boolean").where(known),
    )
    return records, {"reached": int(known.sum()), "without_date": int((~known).sum())}


def _reached(
    leads: pd.DataFrame, deals: pd.DataFrame, stage: str, cutoff: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return leads as records: reached the stage, ended before it, or open."""
    column = LEAD_DATES[stage]
    if column not in leads.columns or leads[column].isna().all():
        raise InputError(
            f"leads have no {column}, so nobody knows when a lead became {stage.upper()}. "
            f"Map {column}, or leave {stage!r} out of stages."
        )
    created, at = leads["created_at"], _moment(leads[column], cutoff)
    reached = at.notna()
    early = reached & (at < created)
    passed = ~reached & _went_further(leads, deals, stage)
    ended = leads["ended_at"] if "ended_at" in leads.columns else created.mask(created.notna())
    lost = ~reached & ~passed & ended.notna()
    # A date before the lead is a slip of the CRM: the stage was reached, or missed, at once.
    closed = at.where(reached, ended.where(lost))
    records = pd.DataFrame(
        {
            "deal_id": leads["lead_id"],
            **{name: leads[name] for name in _OWNERS if name in leads.columns},
            "created_at": created,
            "closed_at": closed.mask(closed < created, created),
            "won": reached.astype("boolean").where(reached | lost),
        }
    )
    facts = {
        "reached": int(reached.sum()),
        "ended_before": int(lost.sum()),
        "open": int((~reached & ~lost & ~passed).sum()),
        "passed_without_date": int(passed.sum()),
        "dated_before_lead": int(early.sum()),
    }
    return records, facts


def _went_further(leads: pd.DataFrame, deals: pd.DataFrame, stage: str) -> "pd.Series[bool]":
    """Tell which leads have a later date or a deal, so that they passed the stage unrecorded."""
    order = list(LEAD_DATES)
    further = pd.Series(False, index=leads.index)
    for later in order[order.index(stage) + 1 :]:
        if LEAD_DATES[later] in leads.columns:
            further |= leads[LEAD_DATES[later]].notna()
    if "created_at" not in deals.columns:
        return further
    for name in _OWNERS:
        if name in leads.columns and name in deals.columns:
            latest = deals.dropna(subset=[name]).groupby(name)["created_at"].max()
            further |= (leads[name].map(latest) >= leads["created_at"]).fillna(False)
    return further


def _without_opportunity(journeys: Journeys) -> Journeys:
    """Take away the anchor of a stage that comes after these journeys."""
    none = np.full(len(journeys), -1, dtype=np.int64)
    return replace(journeys, anchors={**journeys.anchors, "opportunity": none})
