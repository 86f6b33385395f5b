"""HubSpot's CRM interface as its reference describes it, with made-up contacts and deals.

Kept: the bearer token; 100 inputs a batch, without duplicates; record ids that are numbers;
properties that must exist and fit their type; 207 with ``errors[].context`` for what was not found
(``ids``) or not valid (``objectWriteTraceId``); upserts that want a unique property and create what
is missing; searches of 200 results a page and 10,000 in all, five filters a group; 1,000 inputs for
associations.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.crm.faulty_server import Answer, Request

TOKEN = "pat-eu1-secret-0000"
STANDARD = {
    "createdate": "datetime",
    "closedate": "datetime",
    "lastmodifieddate": "datetime",
    "hs_lastmodifieddate": "datetime",
    "hs_object_id": "number",
    "amount": "number",
}


@dataclass
class HubSpot:
    """State of an account: records of each object by id, properties and groups."""

    records: dict[str, dict[str, dict[str, str]]] = field(
        default_factory=lambda: {"contacts": {}, "deals": {}}
    )
    properties: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {"contacts": {}, "deals": {}}
    )
    unique: set[str] = field(default_factory=lambda: {"email", "crm_key"})
    groups: list[str] = field(default_factory=lambda: ["contactinformation"])
    ends: dict[tuple[str, str], list[tuple[int, str | None]]] = field(default_factory=dict)
    refuse: dict[str, tuple[str, str]] = field(default_factory=dict)
    clock: str = "2025-03-01T12:00:00Z"
    writes: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def add(self, kind: str, record_id: str, **properties: str) -> None:
        for name in properties:
            self.properties[kind].setdefault(name, {"name": name, "type": "string"})
        changed = {"lastmodifieddate": self.clock, "hs_lastmodifieddate": self.clock}
        self.records[kind][record_id] = {**changed, **properties, "hs_object_id": record_id}

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        steps = request.path.strip("/").split("/")
        if steps[:3] == ["crm", "v3", "objects"]:
            ways: dict[str, Callable[[str, Any], Answer]] = {
                "batch/read": self._read,
                "batch/update": self._update,
                "batch/upsert": self._upsert,
                "search": self._search,
            }
            return ways["/".join(steps[4:])](steps[3], request.json)
        if steps[:3] == ["crm", "v3", "properties"]:
            return self._properties(request.method, steps[3], steps[4:], request.json)
        if steps[:3] == ["crm", "v4", "associations"]:
            return self._associations(steps[4], request.json)
        return _error(404, "OBJECT_NOT_FOUND", "no such path")

    def _read(self, kind: str, body: Any) -> Answer:
        wrong = _wrong_batch(body["inputs"], 100)
        if wrong:
            return wrong
        key = body.get("idProperty")
        found, missing = [], []
        for entry in body["inputs"]:
            record_id = self._find(kind, entry["id"], key)
            if record_id is None:
                missing.append(entry["id"])
            else:
                found.append(self._shown(kind, record_id, body["properties"]))
        return _multi(found, [_not_found(missing)] if missing else [])

    def _update(self, kind: str, body: Any) -> Answer:
        inputs = body["inputs"]
        if any(entry.get("idProperty") for entry in inputs):
            return _error(400, "VALIDATION_ERROR", "Unable to perform update/upsert")
        if not all(entry["id"].isdecimal() for entry in inputs):
            return _error(400, "VALIDATION_ERROR", "Invalid input JSON: id is not a number")
        return self._write(kind, inputs, create=False)

    def _upsert(self, kind: str, body: Any) -> Answer:
        if any(entry.get("idProperty") not in self.unique for entry in body["inputs"]):
            return _error(400, "VALIDATION_ERROR", "idProperty is not a unique property")
        return self._write(kind, body["inputs"], create=True)

    def _write(self, kind: str, inputs: list[Any], create: bool) -> Answer:
        known = {*self.properties[kind], *STANDARD}
        names = {name for entry in inputs for name in entry["properties"]}
        wrong = _wrong_batch(inputs, 100) or (
            _error(400, "VALIDATION_ERROR", f"PROPERTY_DOESNT_EXIST {sorted(names - known)}")
            if names - known
            else None
        )
        if wrong:
            return wrong
        done, missing, errors = [], [], []
        for entry in inputs:
            record_id = self._find(kind, entry["id"], entry.get("idProperty"))
            refused = self.refuse.get(entry["id"]) or self._invalid(kind, entry["properties"])
            if refused:
                errors.append(_invalid_entry(entry["objectWriteTraceId"], *refused))
                continue
            if record_id is None and not create:
                missing.append(entry["id"])
                continue
            new = record_id is None
            if record_id is None:
                record_id = str(max(map(int, self.records[kind]), default=0) + 1)
                self.add(kind, record_id, **{entry["idProperty"]: entry["id"]})
            self.records[kind][record_id].update(entry["properties"])
            self.writes.append((record_id, entry["properties"]))
            trace = {"objectWriteTraceId": entry["objectWriteTraceId"], "new": new}
            done.append({**self._shown(kind, record_id, list(names)), **trace})
        return _multi(done, errors + ([_not_found(missing)] if missing else []))

    def _invalid(self, kind: str, properties: dict[str, str]) -> tuple[str, str] | None:
        for name, value in properties.items():
            shape = self.properties[kind].get(name, {}).get("type")
            try:
                if value and shape == "number":
                    float(value)
                if value and shape == "datetime" and not value.isdecimal():
                    datetime.fromisoformat(value)
            except ValueError:
                return "VALIDATION_ERROR", f"{value} was not a valid {shape}."
        return None

    def _search(self, kind: str, body: Any) -> Answer:
        limit, after = body.get("limit", 10), int(body.get("after", 0))
        filters = body["filterGroups"][0]["filters"]
        if limit > 200 or after + limit > 10_000 or len(filters) > 6:
            return _error(400, "VALIDATION_ERROR", "the search asks for too much")
        rows = sorted(self.records[kind].items(), key=lambda item: int(item[0]))
        kept = [key for key, row in rows if all(_passes(row, one) for one in filters)]
        assert body["sorts"] == [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
        page = kept[after : after + limit]
        shown = [self._shown(kind, key, body["properties"]) for key in page]
        return Answer(200, {"total": len(kept), "results": shown})

    def _properties(self, method: str, kind: str, rest: list[str], body: Any) -> Answer:
        if rest == ["groups"] and method == "GET":
            return Answer(200, {"results": [{"name": n, "label": n} for n in self.groups]})
        if rest == ["groups"]:
            self.groups.append(body["name"])
            return Answer(201, body)
        if rest == ["batch", "create"]:
            if any(one["groupName"] not in self.groups for one in body["inputs"]):
                return _error(400, "VALIDATION_ERROR", "the group does not exist")
            self.properties[kind] |= {one["name"]: one for one in body["inputs"]}
            return Answer(201, {"status": "COMPLETE", "results": body["inputs"]})
        standard = [{"name": name, "type": kind} for name, kind in STANDARD.items()]
        return Answer(200, {"results": [*standard, *self.properties[kind].values()]})

    def _associations(self, kind: str, body: Any) -> Answer:
        if len(body["inputs"]) > 1000:
            return _error(400, "VALIDATION_ERROR", "too many inputs")
        results = [
            {
                "from": {"id": entry["id"]},
                "to": [
                    {"toObjectId": end, "associationTypes": [{"label": label, "typeId": 5}]}
                    for end, label in self.ends[entry["id"], kind]
                ],
            }
            for entry in body["inputs"]
            if (entry["id"], kind) in self.ends
        ]
        return Answer(200 if len(results) == len(body["inputs"]) else 207, {"results": results})

    def _find(self, kind: str, given: str, key: str | None) -> str | None:
        if key is None:
            return given if given in self.records[kind] else None
        rows = self.records[kind].items()
        return next((i for i, row in rows if row.get(key, "").lower() == given.lower()), None)

    def _shown(self, kind: str, record_id: str, names: list[str]) -> dict[str, Any]:
        row = self.records[kind][record_id]
        shown = {name: self._stored(kind, name, row.get(name)) for name in names}
        return {"id": record_id, "properties": shown, "archived": False, "updatedAt": self.clock}

    def _stored(self, kind: str, name: str, value: str | None) -> str | None:
        if value and self.properties[kind].get(name, {}).get("type") == "datetime":
            shown = datetime.fromisoformat(value).isoformat(timespec="milliseconds")
            return shown.replace("+00:00", "Z")
        return value or None


def _passes(row: dict[str, str], one: dict[str, str]) -> bool:
    value = row[one["propertyName"]]
    if one["operator"] == "GT":
        return int(value) > int(one["value"])
    assert one["operator"] == "GTE"
    return datetime.fromisoformat(value).timestamp() * 1000 >= int(one["value"])


def _wrong_batch(inputs: list[Any], most: int) -> Answer | None:
    ids = [entry["id"].lower() for entry in inputs]
    if len(ids) > most:
        return _error(400, "VALIDATION_ERROR", f"the limit is {most} inputs a batch")
    if not ids or len(set(ids)) < len(ids):
        return _error(400, "VALIDATION_ERROR", "Duplicate or no ids in the batch")
    return None


def _multi(results: list[Any], errors: list[Any]) -> Answer:
    body: dict[str, Any] = {"status": "COMPLETE", "results": results}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return Answer(207 if errors else 200, body)


def _not_found(ids: list[str]) -> dict[str, Any]:
    message = f"Could not get some CONTACT objects, they may be deleted: {json.dumps(ids)}"
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": message,
        "context": {"ids": ids},
    }


def _invalid_entry(trace: str, category: str, message: str) -> dict[str, Any]:
    context = {"objectWriteTraceId": [trace]}
    return {"status": "error", "category": category, "message": message, "context": context}


def _error(status: int, category: str, message: str) -> Answer:
    return Answer(status, {"status": "error", "category": category, "message": message})


def limited(policy: str = "TEN_SECONDLY_ROLLING", **headers: str) -> Answer:
    """The answer to a call too many."""
    body = {"status": "error", "category": "RATE_LIMITS", "policyName": policy, "message": "wait"}
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(429, body, {"X-HubSpot-RateLimit-Remaining": "0", **shown})
