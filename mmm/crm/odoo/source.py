"""Leads, touches and deals from the leads of Odoo."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd

from mmm.crm.http import patiently
from mmm.crm.odoo.session import LEAD, Connection
from mmm.crm.source import Extract, Mark, extract

PAGE = 1000  # records a call
_CLOCK = "%Y-%m-%d %H:%M:%S"
_COLUMNS = (
    "type", "active", "probability", "partner_id", "commercial_partner_id", "create_date",
    "write_date", "date_closed", "date_deadline", "date_conversion", "stage_id", "lost_reason_id",
    "user_id", "source_id", "medium_id", "campaign_id", "expected_revenue", "company_currency",
    "is_blacklisted",
)  # fmt: skip
_LEAD = (
    "lead_id", "person_id", "account_id", "created_at", "source", "medium", "campaign", "stage",
    "sql_at", "ended_at", "discard_reason", "owner", "opted_out", "updated_at",
)  # fmt: skip
_TOUCH = (
    "touch_id", "person_id", "account_id", "touched_at", "source", "medium", "campaign",
    "updated_at",
)  # fmt: skip
_DEAL = (
    "deal_id", "person_id", "account_id", "created_at", "closed_at", "expected_on", "won", "value",
    "currency", "stage", "owner", "updated_at",
)  # fmt: skip


class OdooSource:
    """Records of ``crm.lead`` as leads, touches and deals; see `mmm.crm.odoo.target`.

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
        self._columns: list[str] | None = None

    def read_leads(self, since: Mark | None = None) -> Extract:
        """Read every record as a lead."""
        return self._read([], since, _LEAD, _lead)

    def read_touches(self, since: Mark | None = None) -> Extract:
        """Read source, medium and campaign of the records that have one of them."""
        some = [[f"{name}_id", "!=", False] for name in ("source", "medium", "campaign")]
        return self._read(["|", "|", *some], since, _TOUCH, _touch)

    def read_deals(self, since: Mark | None = None) -> Extract:
        """Read the records that are opportunities."""
        return self._read([["type", "=", "opportunity"]], since, _DEAL, _deal)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"OdooSource({self.name!r})"

    def _read(
        self,
        domain: list[object],
        since: Mark | None,
        columns: Sequence[str],
        made: Callable[[Mapping[str, Any]], dict[str, object]],
    ) -> Extract:
        rows = [made(row) for row in self._rows(domain, since)]
        frame = pd.DataFrame(rows, columns=list(columns), dtype=object)
        return extract(frame, since, key=columns[0])

    def _rows(self, domain: list[object], since: Mark | None) -> Iterator[dict[str, Any]]:
        """Yield records in pages of rising ids, so that a change meanwhile moves none."""
        if since is not None:
            floor = since.floor.astimezone(UTC).strftime(_CLOCK)
            domain = [*domain, ["write_date", ">=", floor]]
        last = 0
        while True:
            page = patiently(partial(self._page, [*domain, ["id", ">", last]]))
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1]["id"]

    def _page(self, domain: list[object]) -> list[dict[str, Any]]:
        if self._columns is None:  # not every version has all of them
            there = self._connection.call(LEAD, "fields_get", list(_COLUMNS), ["type"])
            self._columns = [name for name in _COLUMNS if name in there]
        found = self._connection.call(
            LEAD, "search_read", domain, self._columns, limit=PAGE, order="id asc"
        )
        return list(found)


def instant(value: object) -> datetime | None:
    """Return an instant as Odoo writes it, in UTC; False is none.

    Examples
    --------
    >>> instant("2025-03-01 06:30:00").isoformat()
    '2025-03-01T06:30:00+00:00'
    """
    return datetime.strptime(str(value)[:19], _CLOCK).replace(tzinfo=UTC) if value else None


def _iso(value: object) -> str | None:
    moment = instant(value)
    return None if moment is None else moment.isoformat()


def _label(row: Mapping[str, Any], name: str) -> str | None:
    """Return the name of a linked record, which comes as a number and a name."""
    pair = row.get(name)
    return str(pair[1]) if pair else None


def _who(row: Mapping[str, Any]) -> dict[str, object]:
    contact, company = row.get("partner_id"), row.get("commercial_partner_id")
    return {
        "person_id": str(contact[0]) if contact else f"lead-{row['id']}",
        "account_id": str(company[0]) if company else None,
        "updated_at": _iso(row["write_date"]),
    }


def _origin(row: Mapping[str, Any]) -> dict[str, object]:
    return {name: _label(row, f"{name}_id") for name in ("source", "medium", "campaign")}


def _lead(row: Mapping[str, Any]) -> dict[str, object]:
    return {
        **_who(row),
        **_origin(row),
        "lead_id": str(row["id"]),
        "created_at": _iso(row["create_date"]),
        "stage": _label(row, "stage_id"),
        "sql_at": _iso(row.get("date_conversion")),
        "ended_at": None if row["active"] else _iso(row["date_closed"]),
        "discard_reason": _label(row, "lost_reason_id"),
        "owner": _label(row, "user_id"),
        "opted_out": row.get("is_blacklisted"),
    }


def _touch(row: Mapping[str, Any]) -> dict[str, object]:
    moment = _iso(row["create_date"])
    return {**_who(row), **_origin(row), "touch_id": f"lead-{row['id']}", "touched_at": moment}


def _deal(row: Mapping[str, Any]) -> dict[str, object]:
    won = False if not row["active"] else True if row["probability"] >= 100 else None
    return {
        **_who(row),
        "deal_id": str(row["id"]),
        "created_at": _iso(row["create_date"]),
        "closed_at": None if won is None else _iso(row["date_closed"]),
        "expected_on": row.get("date_deadline") or None if won is None else None,
        "won": won,
        "value": repr(row["expected_revenue"]),
        "currency": _label(row, "company_currency"),
        "stage": _label(row, "stage_id"),
        "owner": _label(row, "user_id"),
    }
