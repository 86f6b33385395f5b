"""The five warning signs between marketing and sales, each measured or said to be unmeasurable.

A share is a sign where its interval lies above its limit, none where it lies below; where the
interval holds the limit there are too few records to tell.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd

from mmm.channels import FIELDS, UNMATCHED, ChannelMap
from mmm.funnel.intervals import count_ratio_interval, share_interval
from mmm.funnel.kpi import Kpi
from mmm.funnel.opening import opening
from mmm.funnel.records.columns import Amounts, Flags, amounts, filled, total
from mmm.funnel.records.links import events, extreme, near, next_after, origins, owners
from mmm.showing import Shown
from mmm.wording import Finding

State = Literal["present", "absent", "cannot tell"]

LIMITS: Mapping[str, float] = {
    "discarded_mqls": 0.3,
    "missing_origin": 0.1,
    "unused_content": 0.3,
    "not_nurtured": 0.3,
}
_DAY = pd.Timedelta(days=1)
_FEW = 20
_USUAL_DAYS = 90.0  # for a lead to be qualified, where too few ever were
_SHORT_DAYS = 120
_TIMING = (
    "not ready|not now|timing|too early|later|postpon|no budget|"
    "non pront|non ora|tempi|presto|rimand|rinvi|posticip|budget non|nessun budget|senza budget"
)


@dataclass(frozen=True, eq=False, repr=False)
class WarningSign(Shown):
    """One warning sign.

    Attributes
    ----------
    name : str
        discarded_mqls, missing_origin, unused_content, not_nurtured or diverging_goals.
    state : {"present", "absent", "cannot tell"}
    kpi : Kpi
        Its figure with interval: a share, or (diverging_goals) the change of a share.
    euros : Decimal or None
        What it costs, where the tables tell.
    how : str
        Key of the sentence that says how `euros` was had; empty where there is none.
    evidence : pandas.DataFrame
        The rows behind it; months for diverging_goals.
    reason : Finding or None
        Why it cannot be told, and what to supply.
    facts : mapping of str to object
        What its sentence says.
    """

    name: str
    state: State
    kpi: Kpi
    euros: Decimal | None
    how: str
    evidence: pd.DataFrame
    reason: Finding | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        figure = "" if self.reason else f" ({self.kpi.value:.0%} of {self.kpi.n})"
        said = self.reason or f"{self.name} is {self.state}{figure}."
        return opening(said, f"WarningSign {self.name}: {self.state}")


@dataclass(frozen=True, eq=False)
class AlignmentTables:
    """The tables that are looked at, typed, and the conventions."""

    deals: pd.DataFrame
    leads: pd.DataFrame | None
    touches: pd.DataFrame | None
    value: Amounts | None
    cost_per_lead: Decimal | None
    as_of: pd.Timestamp
    follow_days: float
    limits: Mapping[str, float]
    level: float


def all_signs(tables: AlignmentTables) -> Iterator[WarningSign]:
    """Yield the five signs."""
    for sign in (_discarded_mqls, _missing_origin, _unused_content, _not_nurtured, _diverging):
        yield sign(tables)


def _cannot(tables: AlignmentTables, name: str, reason: str, **facts: object) -> WarningSign:
    found = Finding(f"alignment.{reason}", None, facts={"sign": f"name_{name}", **facts})
    kpi = Kpi(name, float("nan"), "share", 0, level=tables.level, note=found.sentence())
    return WarningSign(name, "cannot tell", kpi, None, "", pd.DataFrame(), found)


def _missing(tables: AlignmentTables, name: str, what: str) -> WarningSign:
    return _cannot(tables, name, "not_supplied", missing=what)


def _judged(
    tables: AlignmentTables,
    name: str,
    evidence: pd.DataFrame,
    n_of: int,
    cohort: "pd.Series[Any] | None",
    euros: Decimal | None,
    how: str,
    facts: Mapping[str, object] | None = None,
) -> WarningSign:
    """Compare a share with its limit: the rows of `evidence` out of `n_of`."""
    if n_of == 0:
        return _cannot(tables, name, "nothing_to_judge")
    n, limit = len(evidence), tables.limits[name]
    share = n / n_of
    lower, upper = share_interval(share, n_of, tables.level)
    days = None
    if cohort is not None and cohort.notna().any():
        days = cohort.min().date(), cohort.max().date()
    kpi = Kpi(name, share, "share", n_of, lower, upper, tables.level, days, tables.follow_days)
    known = {"n": n, "n_of": n_of, "share": share, "follow_days": tables.follow_days}
    known |= {"lower": lower, "upper": upper, "limit": limit}
    state: State = "present" if lower > limit else "absent" if upper < limit else "cannot tell"
    reason = None
    if state == "cannot tell":
        bounds = {"lower": lower, "upper": upper, "limit": limit, "n_of": n_of}
        sign = {"sign": f"name_{name}", "share": share, "level": tables.level}
        reason = Finding("alignment.too_few", share, facts={**bounds, **sign})
    paid = euros if euros is not None and how else None
    return WarningSign(
        name, state, kpi, paid, how if paid is not None else "", evidence, reason,
        {**known, **(facts or {})},
    )  # fmt: skip


def _lead_cost(tables: AlignmentTables, n: int) -> tuple[Decimal | None, str]:
    """Price leads at the cost of one."""
    if tables.cost_per_lead is None:
        return None, ""
    return (tables.cost_per_lead * n).quantize(Decimal("0.01")), "alignment.how_cost_per_lead"


def _column(frame: pd.DataFrame, name: str, dtype: str = "datetime64[us, UTC]") -> "pd.Series[Any]":
    if name in frame.columns:
        return frame[name]
    return pd.Series(pd.NaT if dtype != "str" else None, index=frame.index, dtype=dtype)


def _channel(frame: pd.DataFrame) -> "pd.Series[str]":
    if not set(FIELDS) & set(frame.columns):
        return pd.Series("(not set)", index=frame.index, dtype="str")
    return ChannelMap().assign(frame).fillna("(not set)")


def _dealt(tables: AlignmentTables, leads: pd.DataFrame) -> Flags:
    """Tell which leads have a deal, of their person or account, not closed before them."""
    ends = tables.deals["closed_at"].fillna(tables.as_of)
    last = extreme(leads, events(tables.deals.assign(ends=ends), "ends"), "last")
    return (last >= leads["created_at"]).to_numpy(dtype=bool)


def _discarded_mqls(tables: AlignmentTables) -> WarningSign:
    """Find leads that marketing celebrates and sales discards, or never calls."""
    name, leads = "discarded_mqls", tables.leads
    if leads is None or "mql_at" not in leads.columns:
        return _missing(tables, name, "leads.mql_at")
    ends = {"ended_at", "discard_reason", "first_contacted_at"} & set(leads.columns)
    if not ends:
        return _missing(tables, name, "leads.first_contacted_at, leads.discard_reason")
    old = (leads["mql_at"] <= tables.as_of - tables.follow_days * _DAY).to_numpy(dtype=bool)
    mqls = leads[old].reset_index(drop=True)
    taken = _column(mqls, "sql_at").notna().to_numpy(dtype=bool) | _dealt(tables, mqls)
    why = _column(mqls, "discard_reason", "str")
    given = filled(why)
    discarded = given | _column(mqls, "ended_at").notna().to_numpy(dtype=bool)
    silent = np.zeros(len(mqls), dtype=bool)
    if "first_contacted_at" in mqls.columns:
        silent = mqls["first_contacted_at"].isna().to_numpy(dtype=bool) & ~discarded
    bad = ~taken & (discarded | silent)
    label = np.where(silent, "never contacted", np.where(given, why.fillna(""), "no reason given"))
    evidence = pd.DataFrame(
        {
            "lead_id": mqls["lead_id"],
            "channel": _channel(mqls),
            "mql_at": mqls["mql_at"],
            "reason": pd.Series(label, dtype="str"),
        }
    )[bad].reset_index(drop=True)
    euros, how = _lead_cost(tables, len(evidence))
    facts = {**_commonest(evidence, "channel"), **_commonest(evidence, "reason")}
    return _judged(tables, name, evidence, len(mqls), mqls["mql_at"], euros, how, facts)


def _commonest(evidence: pd.DataFrame, column: str) -> dict[str, object]:
    if evidence.empty:
        return {column: "(not set)", f"{column}_n": 0}
    counts = evidence[column].value_counts()
    top = min(counts[counts == counts.max()].index)
    return {column: str(top), f"{column}_n": int(counts.max())}


def _missing_origin(tables: AlignmentTables) -> WarningSign:
    """Find closed contracts of which nobody knows where they came from."""
    name = "missing_origin"
    known = origins(tables.deals, tables.leads, tables.touches)
    if known is None:
        return _missing(tables, name, "leads.source")
    won = tables.deals["won"].fillna(False).to_numpy(dtype=bool)
    bad = won & ~known
    columns = ["deal_id", "closed_at", *(["owner"] if "owner" in tables.deals.columns else [])]
    evidence = tables.deals.loc[bad, columns].reset_index(drop=True)
    euros = None
    if tables.value is not None:
        evidence["value"] = pd.Series(tables.value[bad], dtype=object)
        euros = total(tables.value[bad])
    closed = tables.deals["closed_at"][won]
    return _judged(tables, name, evidence, int(won.sum()), closed, euros, "alignment.how_value")


def _unused_content(tables: AlignmentTables) -> WarningSign:
    """Find content that no journey of a deal ever touched."""
    name, touches = "unused_content", tables.touches
    if touches is None or "content" not in touches.columns:
        return _missing(tables, name, "touches.content")
    named = touches[filled(touches["content"])].reset_index(drop=True)
    who = named["person_id"] if "person_id" in named.columns else pd.Series(index=named.index)
    table = pd.DataFrame(
        {"content": named["content"], "person": who, "at": named["touched_at"], "touches": 1}
    )
    pieces = table.groupby("content").agg(
        first=("at", "min"), touches=("touches", "sum"), people=("person", "nunique")
    )
    old = pieces["first"] <= tables.as_of - tables.follow_days * _DAY
    used = _content_of_deals(tables, named)
    unused = pieces[old & ~pieces.index.isin(used)].reset_index()
    euros = None
    if "cost" in named.columns:
        paid = named["content"].isin(unused["content"]).to_numpy(dtype=bool)
        euros = total(amounts(named["cost"])[paid])
    people = {"people": int(unused["people"].sum()), "touches": int(unused["touches"].sum())}
    return _judged(
        tables,
        name,
        unused,
        int(old.sum()),
        pieces["first"][old],
        euros,
        "alignment.how_cost",
        people,
    )


def _content_of_deals(tables: AlignmentTables, named: pd.DataFrame) -> set[str]:
    """Return the content touched by the person or account of a deal up to its close."""
    met = events(named, "touched_at").rename(columns={"row": "touch"})
    deals = owners(tables.deals)
    ends = tables.deals["closed_at"].fillna(tables.as_of).reset_index(drop=True)
    deals["ends"] = ends.reindex(deals["row"]).array
    last = deals.groupby("key")["ends"].max()
    before = met["at"] <= pd.Series(last.reindex(met["key"]).array, index=met.index)
    return set(named["content"].iloc[met["touch"][before]])


def _not_nurtured(tables: AlignmentTables) -> WarningSign:
    """Find leads that are not ready, and hear nothing."""
    name, leads, touches = "not_nurtured", tables.leads, tables.touches
    if leads is None or not {"mql_at", "discard_reason"} & set(leads.columns):
        return _missing(tables, name, "leads.mql_at, leads.discard_reason")
    if touches is None or touches.empty:
        return _missing(tables, name, "touches")
    ended = _column(leads, "ended_at")
    why = _column(leads, "discard_reason", "str")
    wait = why.str.contains(_TIMING, case=False, na=False).to_numpy(dtype=bool)
    alive = (ended.isna() & why.isna()).to_numpy(dtype=bool) & ~_dealt(tables, leads)
    young = alive & ("mql_at" in leads.columns) & _column(leads, "mql_at").isna().to_numpy(bool)
    anchor = ended.where(wait, leads["created_at"].where(young))
    span = tables.follow_days * _DAY
    seen = (anchor + span <= tables.as_of) & (anchor >= touches["touched_at"].min())
    waiting = leads[seen.to_numpy(dtype=bool)].reset_index(drop=True)
    since = anchor[seen.to_numpy(dtype=bool)].reset_index(drop=True)
    touches = touches[near(touches, waiting)]
    touched = next_after(waiting, since, events(touches, "touched_at"))
    bad = ~(touched <= since + span).to_numpy(dtype=bool)
    evidence = pd.DataFrame(
        {
            "lead_id": waiting["lead_id"],
            "channel": _channel(waiting),
            "since": since,
            "reason": _column(waiting, "discard_reason", "str"),
        }
    )[bad].reset_index(drop=True)
    euros, how = _lead_cost(tables, len(evidence))
    return _judged(tables, name, evidence, len(waiting), since, euros, how)


def _diverging(tables: AlignmentTables) -> WarningSign:
    """See whether marketing brings more leads while fewer of them are any good.

    The leads old enough to have been qualified, in the two halves of their period: the ratio of
    their numbers (exact for Poisson counts) and the difference of the shares qualified (Newcombe
    1998, Stat. Med. 17, 873-890, method 10).
    """
    name, leads = "diverging_goals", tables.leads
    if leads is None:
        return _missing(tables, name, "leads")
    qualified, kind = _qualified_at(tables, leads)
    waits = (qualified - leads["created_at"]).dt.total_seconds() / 86_400
    known = waits[waits >= 0].to_numpy(dtype=np.float64)
    days = float(np.quantile(known, 0.9)) if len(known) >= _FEW else _USUAL_DAYS
    end = tables.as_of - days * _DAY
    old = (leads["created_at"] <= end).to_numpy(dtype=bool)
    mature = leads[old].reset_index(drop=True)
    good = waits[old].between(0, days).to_numpy(dtype=bool)
    start = mature["created_at"].min() if len(mature) else end
    if (end - start) / _DAY < _SHORT_DAYS:
        return _cannot(tables, name, "too_short", days=float(_SHORT_DAYS))
    late = (mature["created_at"] > start + (end - start) / 2).to_numpy(dtype=bool)
    n, m = int((~late).sum()), int(late.sum())
    if min(n, m) < _FEW:
        return _cannot(tables, name, "few_leads", n=min(n, m), need=_FEW)
    return _two_halves(tables, mature, good, late, kind, days)


def _qualified_at(
    tables: AlignmentTables, leads: pd.DataFrame
) -> tuple["pd.Series[pd.Timestamp]", str]:
    """Return when each lead became an SQL, or where that is not recorded, won."""
    if "sql_at" in leads.columns:
        return leads["sql_at"], "kind_sql"
    won = tables.deals["won"].fillna(False).to_numpy(dtype=bool)
    return next_after(
        leads, leads["created_at"], events(tables.deals, "closed_at", won)
    ), "kind_won"


def _two_halves(
    tables: AlignmentTables, leads: pd.DataFrame, good: Flags, late: Flags, kind: str, days: float
) -> WarningSign:
    n, m = int((~late).sum()), int(late.sum())
    before, after = float(good[~late].mean()), float(good[late].mean())
    (low1, high1), (low2, high2) = (
        share_interval(before, n, tables.level),
        share_interval(after, m, tables.level),
    )
    change = after - before
    lower = change - float(np.hypot(after - low2, high1 - before))
    upper = change + float(np.hypot(high2 - after, before - low1))
    growth, _ = count_ratio_interval(m, n, tables.level)
    cohort = (leads["created_at"].min().date(), leads["created_at"].max().date())
    kpi = Kpi("diverging_goals", change, "share", n + m, lower, upper, tables.level, cohort, days)
    months = pd.DataFrame(
        {
            "month": leads["created_at"].dt.tz_localize(None).dt.to_period("M").dt.to_timestamp(),
            "leads": 1,
            "qualified": good.astype(np.int64),
        }
    )
    evidence = months.groupby("month", as_index=False).sum()
    evidence["share"] = evidence["qualified"] / evidence["leads"]
    facts = {"n": n, "m": m, "before": before, "after": after, "kind": kind, **_shift(leads, late)}
    state: State = "cannot tell"
    reason = None
    if m <= n or change >= 0:
        state = "absent"
    elif growth > 1 and upper < 0:
        state = "present"
    else:
        reason = Finding("alignment.within_variation", change, facts=facts)
    return WarningSign("diverging_goals", state, kpi, None, "", evidence, reason, facts)


def _shift(leads: pd.DataFrame, late: Flags) -> dict[str, object]:
    """Return the channel whose share of the leads grew most."""
    channel = _channel(leads)
    first = channel[~late].value_counts(normalize=True)
    then = channel[late].value_counts(normalize=True)
    growth = then.sub(first, fill_value=0.0).drop(UNMATCHED, errors="ignore").sort_index()
    top = str(growth.idxmax()) if len(growth) else "(not set)"
    return {
        "channel": top,
        "first": float(first.get(top, 0.0)),
        "then": float(then.get(top, 0.0)),
    }
