"""Odoo's JSON-RPC as its manual describes it, with made-up leads.

Kept: every call names database, user and key; errors come in the body with HTTP 200, with the
name of the exception and a trace; ``False`` stands for what is empty, save numbers, which are 0;
archived records are found only where the context says so; ``load`` takes text, reads instants in
the zone of the context or else of the user, names the rows that are wrong, gives up behind ten of
them, and takes all rows or none; custom fields are made by those who may change settings, and begin
with ``x_``. Which columns were written is kept: whoever writes ``probability`` switches its
computation off.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.crm.faulty_server import Answer, Request

DATABASE, USER, KEY = "example", "scores@example.com", "0f3c-secret-api-key"
CLOCK = "%Y-%m-%d %H:%M:%S"
LINKS = {"partner_id", "stage_id", "user_id", "source_id", "medium_id", "campaign_id",
         "lost_reason_id", "company_currency", "commercial_partner_id"}  # fmt: skip
TYPES = {
    "name": "char", "type": "char", "active": "boolean", "probability": "float",
    "expected_revenue": "float", "create_date": "datetime", "write_date": "datetime",
    "date_closed": "datetime", "date_deadline": "date", "date_conversion": "datetime",
    "is_blacklisted": "boolean", **dict.fromkeys(LINKS, "many2one"),
}  # fmt: skip


class Raised(Exception):
    """An exception inside Odoo: its name and its message."""


@dataclass
class Odoo:
    """State of a database: leads by id, types of their fields, external ids."""

    leads: dict[int, dict[str, Any]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=lambda: dict(TYPES))
    external: dict[tuple[str, str], int] = field(default_factory=dict)
    may_change_settings: bool = True
    signed_out: bool = False
    refuse: dict[int, str] = field(default_factory=dict)
    raises: list[Raised] = field(default_factory=list)
    now: datetime = datetime(2026, 3, 1, 12)
    written: set[str] = field(default_factory=set)
    zone: str = "Europe/Rome"

    def add(self, lead_id: int, **values: Any) -> str:
        stamp = self.now.strftime(CLOCK)
        blank = {
            "id": lead_id, "name": f"Lead {lead_id}", "type": "lead", "active": True,
            "stage_id": [1, "New"], "probability": 12.5, "expected_revenue": 0.0,
            "create_date": stamp, "write_date": stamp, "company_currency": [1, "EUR"],
        }  # fmt: skip
        self.leads[lead_id] = {**blank, **values}
        return str(lead_id)

    def edit(self, lead_id: int, **values: Any) -> None:
        self.now += timedelta(hours=1)
        self.leads[lead_id].update(values, write_date=self.now.strftime(CLOCK))

    def answer(self, request: Request) -> Answer:
        if request.path != "/jsonrpc" or request.method != "POST":
            return Answer(404, "<h1>Not Found</h1>")
        call = request.json["params"]
        try:
            result = getattr(self, f"_{call['service']}_{call['method']}")(*call["args"])
        except Raised as error:
            name, message = error.args
            data = {"name": name, "message": message, "arguments": [message],
                    "debug": f"Traceback (most recent call last): {KEY} {message}"}  # fmt: skip
            code = 100 if name.endswith("SessionExpiredException") else 200
            fault = {"code": code, "message": "Odoo Server Error", "data": data}
            return Answer(200, {"jsonrpc": "2.0", "id": 1, "error": fault})
        return Answer(200, {"jsonrpc": "2.0", "id": 1, "result": result})

    def _common_authenticate(self, database: str, user: str, key: str, _: object) -> Any:
        if database != DATABASE:
            raise Raised("psycopg2.OperationalError", f'database "{database}" does not exist')
        self.signed_out = False
        return 7 if (user, key) == (USER, KEY) else False

    def _object_execute_kw(
        self, database: str, uid: int, key: str, model: str, method: str, args: Any, named: Any
    ) -> Any:
        if self.signed_out:
            raise Raised("odoo.http.SessionExpiredException", "Session expired")
        if (database, uid, key) != (DATABASE, 7, KEY):
            raise Raised("odoo.exceptions.AccessDenied", "Access Denied")
        if self.raises:
            raise self.raises.pop(0)
        named = dict(named)
        context = named.pop("context", {})
        way = getattr(self, f"_{model}_{method}".replace(".", "_"))
        return way(context, *args, **named)

    def _crm_lead_fields_get(self, _: Any, names: list[str], attributes: list[str]) -> Any:
        return {name: {"type": self.types[name]} for name in names if name in self.types}

    def _crm_lead_search_read(
        self, context: Any, domain: Any, fields: Any, limit: int | None = None, order: str = ""
    ) -> Any:
        if unknown := set(fields) - set(self.types) - {"id"}:
            raise Raised("builtins.ValueError", f"Invalid field {min(unknown)!r} on 'crm.lead'")
        shown = [
            lead for _, lead in sorted(self.leads.items())
            if (lead["active"] or not context.get("active_test", True)) and _fits(lead, domain)
        ]  # fmt: skip
        return [{"id": lead["id"], **{n: self._value(lead, n) for n in fields}}
                for lead in shown[:limit]]  # fmt: skip

    def _value(self, lead: dict[str, Any], name: str) -> Any:
        return lead.get(name, 0.0 if self.types[name] == "float" else False)

    def _crm_lead_load(self, context: Any, fields: list[str], data: list[list[str]]) -> Any:
        messages: list[dict[str, Any]] = []
        rows = []
        for n, row in enumerate(data):
            if not all(isinstance(cell, str) for cell in row):
                raise Raised("builtins.TypeError", "expected str")
            said, values = self._converted(context, dict(zip(fields, row, strict=True)))
            place = {"type": "error", "record": n, "rows": {"from": n, "to": n}}
            messages += [{**place, "field": name, "message": text} for name, text in said]
            rows.append((place, values))
        errors = 0
        for place, values in rows if not messages else []:
            if text := self.refuse.get(values[".id"]):
                messages.append({**place, "message": text})
                errors += 1
            if errors >= 10:
                messages.append({"type": "warning", "message": "Found more than 10 errors"})
                break
        if messages:
            return {"ids": False, "messages": messages, "nextrow": 0}
        for _, values in rows:
            number = values.pop(".id")
            self.written |= set(values)
            self.edit(number, **values)
        return {"ids": [int(row[0]) for row in data], "messages": messages, "nextrow": 0}

    def _converted(self, context: Any, row: dict[str, str]) -> tuple[list[Any], dict[str, Any]]:
        said, values = [], {}
        for name, text in row.items():
            if name == ".id":
                values[name] = int(text)
                lead = self.leads.get(values[name])
                if lead is None or not (lead["active"] or not context.get("active_test", True)):
                    said.append((name, f"Unknown database identifier '{text}'"))
                continue
            if name not in self.types:
                raise Raised("builtins.KeyError", repr(name))
            try:
                values[name] = self._cell(context, self.types[name], text)
            except ValueError:
                said.append((name, f"'{text}' does not seem to be a {self.types[name]}"))
        return said, values

    def _cell(self, context: Any, kind: str, text: str) -> Any:
        if not text:
            return 0.0 if kind == "float" else False
        if kind == "datetime":
            zone = ZoneInfo(context.get("tz") or self.zone)
            here = datetime.strptime(text, CLOCK).replace(tzinfo=zone)
            return here.astimezone(ZoneInfo("UTC")).strftime(CLOCK)
        return float(text) if kind == "float" else text

    def _ir_model_search(self, _: Any, domain: Any) -> list[int]:
        return [81] if domain == [["model", "=", "crm.lead"]] else []

    def _ir_model_fields_create(self, _: Any, wanted: list[dict[str, Any]]) -> list[int]:
        if not self.may_change_settings:
            text = "You are not allowed to create 'Fields' (ir.model.fields) records."
            raise Raised("odoo.exceptions.AccessError", text)
        for one in wanted:
            if not one["name"].startswith("x_") or one["state"] != "manual":
                text = "Custom fields must have a name that starts with 'x_'!"
                raise Raised("odoo.exceptions.ValidationError", text)
            assert one["model_id"] == 81
            self.types[one["name"]] = one["ttype"]
        return list(range(len(wanted)))

    def _ir_model_data_search_read(self, _: Any, domain: Any, fields: Any) -> Any:
        rows = [{"model": "crm.lead", "module": module, "name": name, "res_id": number}
                for (module, name), number in self.external.items()]  # fmt: skip
        return [{n: row[n] for n in fields} for row in rows if _fits(row, domain)]


def _fits(row: dict[str, Any], domain: Any) -> bool:
    """Evaluate a domain in prefix notation, whose terms are joined by "and"."""
    rest = list(domain)

    def term() -> bool:
        head = rest.pop(0)
        if head == "|":
            left, right = term(), term()
            return left or right
        name, sign, wanted = head
        value = row.get(name, False)
        if sign == "in":
            return value in wanted
        if sign in {">", ">="}:
            return bool(value > wanted or (sign == ">=" and value == wanted))
        return bool((value == wanted) == (sign == "="))

    fits = True
    while rest:
        fits = term() and fits
    return fits
