"""Leads and deals from the opportunities of Tryton."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any

import pandas as pd

from mmm.crm.http import patiently
from mmm.crm.source import Extract, Mark, extract
from mmm.crm.tryton.session import OPPORTUNITY, Connection

PAGE = 1000  # records a call
_COLUMNS = (
    "party", "state", "start_date", "end_date", "amount", "currency", "employee",
    "lost_reason", "create_date", "write_date",
)  # fmt: skip
_LEAD = (
    "lead_id", "account_id", "created_at", "stage", "ended_at", "discard_reason", "owner",
    "updated_at",
)  # fmt: skip
_TOUCH = ("touch_id", "account_id", "touched_at", "source", "medium", "campaign")
_DEAL = (
    "deal_id", "account_id", "created_at", "closed_at", "expected_on", "won", "value", "currency",
    "stage", "owner", "updated_at",
)  # fmt: skip


class TrytonSource:
    """Opportunities of Tryton as leads and deals; see `mmm.crm.tryton.target`.

    Parameters
    ----------
    connection : Connection

    Attributes
    ----------
    name : str
    """

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self._connection = connection
        self._names: dict[tuple[str, int], str] = {}

    def read_leads(self, since: Mark | None = None) -> Extract:
        """Read every opportunity as a lead."""
        rows = [_lead(row) for row in self._rows([], since)]
        return extract(_frame(rows, _LEAD), since, key="lead_id")

    def read_touches(self, since: Mark | None = None) -> Extract:
        """Return no touches, as Tryton keeps none."""
        return extract(_frame([], _TOUCH), since)

    def read_deals(self, since: Mark | None = None) -> Extract:
        """Read the opportunities beyond the state ``lead``."""
        rows = [_deal(row) for row in self._rows([["state", "!=", "lead"]], since)]
        return extract(_frame(rows, _DEAL), since, key="deal_id")

    def close(self) -> None:
        """Log out."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"TrytonSource({self.name!r})"

    def _rows(self, domain: list[object], since: Mark | None) -> Iterator[dict[str, Any]]:
        """Yield records in pages of rising ids, so that a change meanwhile moves none."""
        if since is not None:
            domain = [*domain, _changed_since(since.floor)]
        last = 0
        while True:
            page = patiently(partial(self._page, [*domain, ["id", ">", last]]))
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1]["id"]

    def _page(self, domain: list[object]) -> list[dict[str, Any]]:
        asked = (domain, 0, PAGE, [["id", "ASC"]], list(_COLUMNS))
        rows = list(self._connection.call(f"{OPPORTUNITY}.search_read", *asked))
        self._name(rows, "employee", "company.employee", "rec_name")
        self._name(rows, "currency", "currency.currency", "code")
        return rows

    def _name(self, rows: list[dict[str, Any]], column: str, model: str, label: str) -> None:
        """Put names for numbers; to ask Tryton for them row by row takes twice as long."""
        wanted = {row[column] for row in rows} - {None}
        unknown = sorted(n for n in wanted if (model, n) not in self._names)
        if unknown:
            for item in self._connection.call(f"{model}.read", unknown, [label]):
                self._names[model, item["id"]] = item[label]
        for row in rows:
            row[column] = self._names.get((model, row[column]))


def _changed_since(floor: datetime) -> list[object]:
    instant = floor.astimezone(UTC)
    parts_of = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    moment = {"__class__": "datetime", **{name: getattr(instant, name) for name in parts_of}}
    never = [["write_date", "=", None], ["create_date", ">=", moment]]
    return ["OR", ["write_date", ">=", moment], never]


def _frame(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns), dtype=object)


def _common(row: Mapping[str, Any]) -> dict[str, object]:
    return {
        "account_id": None if row["party"] is None else str(row["party"]),
        "created_at": _day(row["start_date"]),
        "stage": row["state"],
        "owner": row["employee"],
        "updated_at": _instant(row["write_date"] or row["create_date"]),
    }


def _lead(row: Mapping[str, Any]) -> dict[str, object]:
    ended = row["state"] in {"lost", "cancelled"}
    return {
        **_common(row),
        "lead_id": str(row["id"]),
        "ended_at": _day(row["end_date"]) if ended else None,
        "discard_reason": (row["lost_reason"] or None) if ended else None,
    }


def _deal(row: Mapping[str, Any]) -> dict[str, object]:
    won = {"won": True, "lost": False, "cancelled": False}.get(row["state"])
    end = _day(row["end_date"])
    return {
        **_common(row),
        "deal_id": str(row["id"]),
        "closed_at": None if won is None else end,
        "expected_on": end if won is None else None,
        "won": won,
        "value": None if row["amount"] is None else row["amount"]["decimal"],
        "currency": row["currency"],
    }


def _day(value: Mapping[str, int] | None) -> str | None:
    return (
        None if value is None else date(*(value[k] for k in ("year", "month", "day"))).isoformat()
    )


def _instant(value: Mapping[str, int]) -> str:
    day = date(value["year"], value["month"], value["day"])
    clock = time(value["hour"], value["minute"], value["second"], value["microsecond"], UTC)
    return datetime.combine(day, clock).isoformat()
