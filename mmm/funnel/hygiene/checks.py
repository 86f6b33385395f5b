"""The checks of the state of a CRM, one function each."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import InputError, quoted
from mmm.funnel.hygiene.check import (
    CrmTables,
    Euros,
    HygieneCheck,
    counted,
    failed_to_run,
    ids_of,
)
from mmm.funnel.hygiene.duplicates import Entity, find_duplicates
from mmm.funnel.hygiene.names import is_free_mail, mail_key, unify
from mmm.funnel.records.columns import Amounts, Flags, amounts, filled, total
from mmm.funnel.records.links import events, extreme, extreme_of, origins
from mmm.funnel.records.outcomes import customer_of

_DAY = pd.Timedelta(days=1)
_NO_HISTORY_DAYS = 180.0  # without enough closed records to know the own cycle
_ENOUGH = 20
_TWICE_DAYS = 3  # the same deal typed twice is typed within days; renewals lie months apart
_LATE_DAYS = 30
_IMPORTANT = {
    "deals": ("deal_id", ("account_id", "created_at", "value", "kind", "stage", "owner")),
    "leads": ("lead_id", ("account_id", "source", "stage", "owner")),
    "contacts": ("person_id", ("account_id", "email", "name", "role")),
}
_SPELLED = ("source", "medium", "product", "owner", "kind", "discard_reason")
_DATES = (
    ("closed_before_created", "deals", "created_at", "closed_at"),
    ("mql_before_lead", "leads", "created_at", "mql_at"),
    ("sql_before_mql", "leads", "mql_at", "sql_at"),
    ("contacted_before_lead", "leads", "created_at", "first_contacted_at"),
    ("ended_before_lead", "leads", "created_at", "ended_at"),
)


def run_checks(tables: CrmTables) -> Iterator[HygieneCheck]:
    """Yield every check; one that lacks its column says so."""
    for check in (
        _people_twice,
        _companies_twice,
        _deals_twice,
        _without_source,
        _half_filled,
        _stale_deals,
        _stale_leads,
        _impossible_dates,
        _overdue,
        _spellings,
        _invoiced,
        _without_value,
        _without_kind,
    ):
        yield from check(tables)


def _instant(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name in frame.columns:
        return frame[name]
    return pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")


def _deal_value(tables: CrmTables, keep: Flags) -> Amounts | None:
    return None if tables.value is None else tables.value[keep]


def _euros_of(tables: CrmTables, column: str, ids: set[str]) -> Euros | None:
    """Return the value of the won deals of these people or accounts, and of all won deals."""
    if tables.value is None:
        return None
    concerned = np.zeros(len(tables.deals), dtype=bool)
    if column in tables.deals.columns:
        concerned = tables.deals[column].isin(ids).to_numpy(dtype=bool)
    return total(tables.value[tables.won & concerned]), total(tables.value[tables.won])


def _twice(
    tables: CrmTables, name: str, frame: pd.DataFrame, id_column: str, entity: Entity
) -> HygieneCheck:
    frame = frame[frame[id_column].notna() & ~frame[id_column].duplicated()]
    same = find_duplicates(frame, entity=entity, columns={"id": id_column})
    extra = same.mend().set_index("id")
    ids = frame[id_column].astype("str")
    at = None
    if tables.leads is not None and id_column in tables.leads.columns:
        first = tables.leads.groupby(id_column)["created_at"].min()
        at = first.reindex(ids)
    return counted(
        name,
        "contacts" if entity == "people" else "accounts",
        frame,
        id_column,
        at,
        ids.isin(extra.index).to_numpy(dtype=bool),
        euros=_euros_of(tables, id_column, set(same.groups["id"])),
        found=extra["what"].reindex(ids).tolist(),
        suggested=extra["suggested"].reindex(ids).tolist(),
    )


def _people_twice(tables: CrmTables) -> Iterator[HygieneCheck]:
    for frame in (tables.contacts, tables.leads):
        if frame is None or not {"name", "email", "phone"} & set(frame.columns):
            continue
        id_column = "person_id" if "person_id" in frame.columns else "lead_id"
        yield _twice(tables, "duplicate_people", frame, id_column, "people")
        return
    yield failed_to_run("duplicate_people", "contacts.email")


def _companies_twice(tables: CrmTables) -> Iterator[HygieneCheck]:
    name = "duplicate_companies"
    parts = [_companies(frame) for frame in (tables.contacts, tables.leads) if frame is not None]
    known = [part for part in parts if part is not None]
    if not known:
        yield failed_to_run(name, "contacts.account_id, contacts.company (contacts.email)")
        return
    joined = pd.concat(known).groupby("account_id", as_index=False).first()
    yield _twice(tables, name, joined, "account_id", "companies")


def _companies(frame: pd.DataFrame) -> pd.DataFrame | None:
    """Return account_id, company and domain, one row an account; None where nothing names one."""
    if "account_id" not in frame.columns:
        return None
    table = pd.DataFrame({"account_id": frame["account_id"]})
    named = next((c for c in ("company", "account_name") if c in frame.columns), None)
    if named:
        table["company"] = frame[named]
    if "email" in frame.columns:
        domains = pd.Series([mail_key(mail)[1] for mail in frame["email"]], frame.index)
        shared = table["account_id"].groupby(domains).nunique()
        public = {d for d in domains.unique() if not d or is_free_mail(d) or shared[d] > 5}
        table["domain"] = domains.mask(domains.isin(public)).astype(object)
    if table.shape[1] == 1:
        return None
    table = table.dropna(subset=["account_id"])
    companies = pd.DataFrame(index=pd.Index(table["account_id"].unique(), name="account_id"))
    for column in table.columns[1:]:
        companies[column] = _commonest(table, column)
    return companies.reset_index()


def _commonest(table: pd.DataFrame, column: str) -> "pd.Series[str]":
    """Return, for each account, what most of its rows say; the first of the alphabet in a tie."""
    counts = table.groupby(["account_id", column]).size().reset_index(name="n")
    counts = counts.sort_values(["n", column], ascending=[False, True])
    said: pd.Series[str] = counts.drop_duplicates("account_id").set_index("account_id")[column]
    return said


def _deals_twice(tables: CrmTables) -> Iterator[HygieneCheck]:
    name, deals = "duplicate_deals", tables.deals
    if tables.value is None:
        yield failed_to_run(name, "deals.value")
        return
    created = _instant(deals, "created_at")
    at = created.where(created.notna(), deals["closed_at"])
    table = pd.DataFrame({"who": customer_of(deals), "value": tables.value, "at": at})
    table["kind"] = deals["kind"].fillna("") if "kind" in deals.columns else ""
    table["id"] = deals["deal_id"].astype("str")
    known = table[table["value"].notna() & table["at"].notna() & (table["value"] != 0)]
    known = known.sort_values(["who", "kind", "value", "at", "id"])
    before = known.shift()
    same = (known[["who", "kind", "value"]] == before[["who", "kind", "value"]]).all(axis=1)
    again = same & (known["at"] - before["at"] <= _TWICE_DAYS * _DAY)
    twin = before["id"][again]
    bad = deals.index.isin(twin.index)
    yield counted(
        name,
        "deals",
        deals,
        "deal_id",
        at,
        bad,
        value=tables.value,
        suggested=twin.reindex(deals.index).tolist(),
    )


def _without_source(tables: CrmTables) -> Iterator[HygieneCheck]:
    known = origins(tables.deals, tables.leads, tables.touches)
    if known is None:
        yield failed_to_run("missing_source", "leads.source")
        return
    won = tables.won
    frame = tables.deals[won]
    yield counted(
        "missing_source",
        "deals",
        frame,
        "deal_id",
        frame["closed_at"],
        ~known[won],
        value=_deal_value(tables, won),
    )


def _half_filled(tables: CrmTables) -> Iterator[HygieneCheck]:
    for table, (id_column, important) in _IMPORTANT.items():
        name, frame = f"half_filled_{table}", getattr(tables, table)
        present = [c for c in important if frame is not None and c in frame.columns]
        if len(present) < 2:
            yield failed_to_run(name, ", ".join(f"{table}.{c}" for c in important))
            continue
        empty = np.column_stack([~filled(frame[c]) for c in present])
        columns = np.array(present, dtype=object)
        yield counted(
            name,
            table,
            frame,
            id_column,
            _instant(frame, "created_at"),
            empty.sum(axis=1) >= 2,
            value=tables.value if table == "deals" else None,
            found=[", ".join(columns[row]) for row in empty],
        )


def _days(spans: "pd.Series[Any]") -> "pd.Series[float]":
    days: pd.Series[float] = spans.dt.total_seconds() / 86_400
    return days


def _minutes(instants: "pd.Series[Any]") -> "pd.Series[str]":
    written: pd.Series[str] = instants.dt.strftime("%Y-%m-%d %H:%M")
    return written


def _patience(tables: CrmTables, spans: "pd.Series[Any]") -> float:
    """Return the days that are long here: nine in ten of the ended records took less."""
    if tables.stale_days is not None:
        return tables.stale_days
    days = _days(spans[spans >= pd.Timedelta(0)]).to_numpy()
    return float(np.quantile(days, 0.9)) if len(days) >= _ENOUGH else _NO_HISTORY_DAYS


def _last_change(tables: CrmTables, frame: pd.DataFrame, own: list[str]) -> "pd.Series[Any]":
    """Return the last thing known to have happened to each row, up to as_of."""
    changes = [_instant(frame, name) for name in own]
    if tables.touches is not None:
        past = (tables.touches["touched_at"] <= tables.as_of).to_numpy(dtype=bool)
        changes.append(extreme_of(frame, tables.touches, "touched_at", "last", past))
    return pd.concat(changes, axis=1).max(axis=1)


def _stale(
    tables: CrmTables,
    name: str,
    frame: pd.DataFrame,
    own: list[str],
    days: float,
    value: Amounts | None,
) -> HygieneCheck:
    table, id_column = ("deals", "deal_id") if name == "stale_deals" else ("leads", "lead_id")
    still = _days(tables.as_of - _last_change(tables, frame, own))
    return counted(
        name,
        table,
        frame,
        id_column,
        frame["created_at"],
        (still > days).to_numpy(dtype=bool),
        value=value,
        found=still.round().tolist(),
        facts={"days": days},
    )


def _stale_deals(tables: CrmTables) -> Iterator[HygieneCheck]:
    deals = tables.deals
    if "created_at" not in deals.columns:
        yield failed_to_run("stale_deals", "deals.created_at")
        return
    is_open = deals["won"].isna().to_numpy(dtype=bool)
    days = _patience(tables, (deals["closed_at"] - deals["created_at"])[~is_open])
    frame = deals[is_open]
    value = _deal_value(tables, is_open)
    yield _stale(tables, "stale_deals", frame, ["created_at"], days, value)


def _stale_leads(tables: CrmTables) -> Iterator[HygieneCheck]:
    leads = tables.leads
    if leads is None or "ended_at" not in leads.columns:
        yield failed_to_run("stale_leads", "leads.ended_at")
        return
    born = _instant(tables.deals, "created_at")
    born = born.where(born.notna(), tables.deals["closed_at"])
    dealt = extreme(leads, events(tables.deals.assign(born=born), "born"), "last").notna()
    alive = (leads["ended_at"].isna() & ~dealt).to_numpy(dtype=bool)
    days = _patience(tables, leads["ended_at"] - leads["created_at"])
    own = ["created_at", "mql_at", "sql_at", "first_contacted_at"]
    frame = leads[alive]
    yield _stale(tables, "stale_leads", frame, own, days, None)


def _impossible_dates(tables: CrmTables) -> Iterator[HygieneCheck]:
    for name, table, first, then in _DATES:
        frame = getattr(tables, table)
        if frame is None or not {first, then} <= set(frame.columns):
            yield failed_to_run(name, f"{table}.{first}, {table}.{then}")
            continue
        both = (frame[first].notna() & frame[then].notna()).to_numpy(dtype=bool)
        known = frame[both]
        last = known[then]
        if then in frame.attrs.get("days", ()):  # days without a time: nothing tells the hour
            last = last + _DAY - pd.Timedelta(microseconds=1)
        bad = (last < known[first]).to_numpy(dtype=bool)
        found = np.full(len(known), None, dtype=object)
        found[bad] = (_minutes(known[then][bad]) + " < " + _minutes(known[first][bad])).to_numpy()
        yield counted(
            name,
            table,
            known,
            f"{table[:-1]}_id",
            known[first],
            bad,
            value=_deal_value(tables, both) if table == "deals" else None,
            found=found.tolist(),
        )


def _overdue(tables: CrmTables) -> Iterator[HygieneCheck]:
    if "expected_on" not in tables.deals.columns:
        yield failed_to_run("overdue_close", "deals.expected_on")
        return
    is_open = tables.deals["won"].isna().to_numpy(dtype=bool)
    frame = tables.deals[is_open]
    day = tables.as_of.tz_localize(None).normalize()
    late = _days(day - frame["expected_on"])
    yield counted(
        "overdue_close",
        "deals",
        frame,
        "deal_id",
        _instant(frame, "created_at"),
        (late > _LATE_DAYS).to_numpy(dtype=bool),
        value=_deal_value(tables, is_open),
        found=late.tolist(),
        facts={"days": _LATE_DAYS},
    )


def _spellings(tables: CrmTables) -> Iterator[HygieneCheck]:
    for column in _SPELLED:
        parts = []
        for table, id_column, at in (
            ("deals", "deal_id", "closed_at"),
            ("leads", "lead_id", "created_at"),
            ("touches", "touch_id", "touched_at"),
        ):
            frame = getattr(tables, table)
            if frame is None or column not in frame.columns:
                continue
            parts.append(
                pd.DataFrame(
                    {
                        "table": table,
                        "id": ids_of(frame, id_column).astype("str"),
                        "at": frame[at],
                        "name": frame[column],
                        "row": frame.index,
                    }
                )[filled(frame[column])]
            )
        if parts:
            yield _spelling(tables, column, pd.concat(parts, ignore_index=True))


def _spelling(tables: CrmTables, column: str, written: pd.DataFrame) -> HygieneCheck:
    names = written["name"].astype("str").str.strip()
    better = unify({str(name): int(n) for name, n in names.value_counts().items()})
    bad = names.isin(list(better)).to_numpy(dtype=bool)
    value = None
    of_deals = (written["table"] == "deals").to_numpy(dtype=bool)
    if of_deals.any() and tables.value is not None:
        value = np.full(len(written), None, dtype=object)
        value[of_deals] = tables.value[written["row"][of_deals].to_numpy(dtype=np.int64)]
    found, suggested = np.full((2, len(written)), None, dtype=object)
    found[bad] = names[bad].tolist()  # a touch log is long, and few of its rows are listed
    suggested[bad] = [better[name] for name in found[bad]]
    return counted(
        f"spelling_{column}",
        written["table"],
        written,
        "id",
        written["at"],
        bad,
        value=value,
        found=found,
        suggested=suggested,
        facts={
            "column": f"column_{column}",
            "spellings": len(better),
            "found": next(iter(better), ""),
            "suggested": next(iter(better.values()), ""),
        },
    )


def _invoiced(tables: CrmTables) -> Iterator[HygieneCheck]:
    name, invoices = "invoices_differ", tables.invoices
    if invoices is None or tables.value is None:
        yield failed_to_run(name, "invoices" if tables.value is not None else "deals.value")
        return
    per_deal = invoiced(invoices)
    ids = tables.deals["deal_id"].astype("str")
    known = np.array([value is not None for value in tables.value], dtype=bool)
    both = tables.won & ids.isin(list(per_deal)).to_numpy(dtype=bool) & known
    frame, value = tables.deals[both], tables.value[both]
    billed = np.array([per_deal[str(i)] for i in frame["deal_id"]], dtype=object)
    gaps = np.abs(billed - value)
    bad = (gaps > tables.tolerance).astype(bool)
    yield counted(
        name,
        "deals",
        frame,
        "deal_id",
        frame["closed_at"],
        bad,
        euros=(total(gaps[bad]), total(value)),
        found=value.tolist(),
        suggested=billed,
    )


def invoiced(invoices: pd.DataFrame) -> dict[str, Decimal]:
    """Add up the invoices of each deal, exactly.

    Examples
    --------
    >>> rows = pd.DataFrame({"deal_id": ["d1", "d1"], "amount": [Decimal("1.10"), Decimal("2.20")]})
    >>> invoiced(rows)
    {'d1': Decimal('3.30')}
    """
    money = next((c for c in ("amount", "value", "invoiced") if c in invoices.columns), None)
    if money is None or "deal_id" not in invoices.columns:
        raise InputError(
            f"invoices need deal_id and amount; found {quoted(invoices.columns)}. Rename those."
        )
    summed: dict[str, Decimal] = {}
    for deal, amount in zip(invoices["deal_id"], amounts(invoices[money]), strict=True):
        if amount is not None and not pd.isna(deal):
            summed[str(deal)] = summed.get(str(deal), Decimal(0)) + amount
    return summed


def _without_value(tables: CrmTables) -> Iterator[HygieneCheck]:
    won = tables.won
    frame = tables.deals[won]
    value = _deal_value(tables, won)
    if value is None:
        yield failed_to_run("zero_value", "deals.value")
        return
    billed = invoiced(tables.invoices) if tables.invoices is not None else {}
    yield counted(
        "zero_value",
        "deals",
        frame,
        "deal_id",
        frame["closed_at"],
        np.array([not v for v in value], dtype=bool),
        found=value.tolist(),
        suggested=[billed.get(str(deal)) for deal in frame["deal_id"]],
    )


def _without_kind(tables: CrmTables) -> Iterator[HygieneCheck]:
    deals = tables.deals
    if "kind" not in deals.columns:
        yield failed_to_run("kind_missing", "deals.kind")
        return
    yield counted(
        "kind_missing",
        "deals",
        deals,
        "deal_id",
        _instant(deals, "created_at"),
        ~filled(deals["kind"]),
        value=tables.value,
    )
