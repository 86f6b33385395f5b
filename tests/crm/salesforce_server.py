"""Salesforce's REST, Bulk 2.0 and login interfaces as their references describe them.

Kept: sessions that expire (401 ``INVALID_SESSION_ID``); logins by SOAP and by client credentials;
addresses of 16,384 characters; pages of 2,000 records; fields that must exist; 200 records a
collection, answered in their order; ingest jobs that go from Open by UploadComplete and InProgress
to their end, upsert by external id, take an empty cell as "leave" and ``#N/A`` as "empty", and work
on internal batches at once, so that two batches with rows of one account lock each other out.
"""

import base64
import csv
import io
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.crm.faulty_server import Answer, Request

TOKEN = "00Ds3cr3t!session"
USER, PASSWORD, SECURITY = "ann@acme.com", "pass<&>s3cr3t", "s3cr3ttoken"
DATA = "/services/data/v59.0/"
PAGE = 2000
_SOQL = re.compile(
    r"SELECT (?P<names>[\w., ]+) FROM (?P<kind>\w+)"
    r"(?: WHERE (?P<field>\w+) (?:IN \((?P<ids>.*)\)|>= (?P<floor>[\dTZ:-]+)))?",
    re.DOTALL,
)
_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


@dataclass
class Job:
    """An ingest job."""

    wanted: dict[str, str]
    state: str = "Open"
    text: str = ""
    failed: list[dict[str, str]] = field(default_factory=list)
    done: list[dict[str, str]] = field(default_factory=list)
    left: list[dict[str, str]] = field(default_factory=list)
    message: str = ""
    looks: int = 0


@dataclass
class Salesforce:
    """State of an organisation: records by object and id, fields, sessions and jobs."""

    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    fields: dict[str, set[str]] = field(default_factory=dict)
    external: set[str] = field(default_factory=lambda: {"mmm_lead_id__c"})
    sessions: set[str] = field(default_factory=lambda: {TOKEN})
    logins: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)
    refuse: dict[str, str] = field(default_factory=dict)
    batch: int = 10_000
    fails: str = ""
    leaves: int = 0
    clock: str = "2025-03-01T12:00:00.000+0000"
    cursors: dict[str, list[Any]] = field(default_factory=dict)
    url: str = ""

    def add(self, kind: str, record_id: str, **values: Any) -> str:
        full = record_id if len(record_id) == 18 else f"{record_id:0<15}"[:15] + "AAA"
        row = {"Id": full, "SystemModstamp": self.clock, **values}
        self.fields.setdefault(kind, set()).update(row)
        self.records.setdefault(kind, {})[full] = row
        return full

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/services/Soap/"):
            return self._soap(request.body.decode())
        if request.path == "/services/oauth2/token":
            return self._oauth(request)
        session = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if session not in self.sessions:
            return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        assert request.path.startswith(DATA)
        steps = request.path.removeprefix(DATA).strip("/").split("/")
        if steps[0] == "query":
            return self._query(steps[1:], request)
        if steps[0] == "sobjects":
            names = sorted(self.fields.get(steps[1], ()))
            shown = [
                {"name": n, "updateable": True, "externalId": n in self.external} for n in names
            ]
            return Answer(200, {"fields": shown})
        if steps[0] == "composite":
            return self._collection(steps[2:], request.json)
        assert steps[:2] == ["jobs", "ingest"]
        return self._ingest(request, steps[2:])

    def _soap(self, body: str) -> Answer:
        user = re.search(r"<n1:username>(.*)</n1:username>", body)
        word = re.search(r"<n1:password>(.*)</n1:password>", body)
        good = PASSWORD.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") + SECURITY
        xml = {"Content-Type": "text/xml"}
        if not (user and word and user[1] == USER and word[1] == good):
            code = "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"
            said = f"<sf:exceptionMessage>no {word and word[1]}</sf:exceptionMessage>"
            return Answer(500, f'<e xmlns:sf="urn:fault">{code}{said}</e>', xml)
        url = f"<serverUrl>{self.url}/services/Soap/u/59.0/00D</serverUrl>"
        return Answer(200, f"<e><sessionId>{self._session()}</sessionId>{url}</e>", xml)

    def _oauth(self, request: Request) -> Answer:
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        if base64.b64decode(given).decode() != "key:s3cr3tword":
            return Answer(400, {"error": "invalid_client", "error_description": "no"})
        return Answer(200, {"access_token": self._session(), "instance_url": self.url})

    def _session(self) -> str:
        self.logins += 1
        self.sessions.add(f"00Ds3cr3t!{self.logins}")
        return f"00Ds3cr3t!{self.logins}"

    def _query(self, rest: list[str], request: Request) -> Answer:
        if rest:
            rows = self.cursors.pop(rest[0])
        else:
            soql = request.query["q"]
            if len(quote(soql, safe="")) + len(request.path) > 16_384:
                return Answer(414, "URI Too Long", {"Content-Type": "text/html"})
            match = _SOQL.fullmatch(soql)
            if match is None:
                return _error(400, "MALFORMED_QUERY", "unexpected token")
            known = self.fields.get(match["kind"], set())
            names = match["names"].split(", ")
            missing = [n for n in names if n.partition(".")[0] not in known]
            if missing or len(set(names)) < len(names):
                return _error(400, "INVALID_FIELD", f"No such column {missing}")
            rows = [_shown(row, names) for row in self._chosen(match)]
        page, left = rows[:PAGE], rows[PAGE:]
        body: dict[str, Any] = {"totalSize": len(rows), "done": not left, "records": page}
        if left:
            locator = f"01g{len(self.cursors)}-{len(left)}"
            self.cursors[locator] = left
            body["nextRecordsUrl"] = f"{DATA}query/{locator}"
        return Answer(200, body)

    def _chosen(self, match: re.Match[str]) -> list[dict[str, Any]]:
        rows = list(self.records.get(match["kind"], {}).values())
        if match["floor"]:
            return [row for row in rows if row["SystemModstamp"][:19] >= match["floor"][:19]]
        if match["ids"] is None:
            return rows
        texts = [_unescape(text) for text in _LITERAL.findall(match["ids"])]
        assert match["ids"] == ",".join(m[0] for m in _LITERAL.finditer(match["ids"]))
        if match["field"] == "Id":
            wanted = {text[:15] for text in texts}
            return [row for row in rows if row["Id"][:15] in wanted]
        wanted = {text.casefold() for text in texts}
        return [row for row in rows if str(row.get(match["field"])).casefold() in wanted]

    def _collection(self, rest: list[str], body: Any) -> Answer:
        if len(body["records"]) > 200:
            return _error(400, "INVALID_NUMBER_OF_RECORDS", "at most 200")
        told: list[dict[str, Any]] = []
        for entry in body["records"]:
            kind, key = entry["attributes"]["type"], rest[1] if rest else "id"
            given = entry[key]
            cells = {n: v for n, v in entry.items() if n not in {"attributes", key}}
            problem = self._write(kind, None if key == "id" else key, given, cells)
            errors = [dict(zip(("statusCode", "message"), problem, strict=True))] if problem else []
            told.append({"success": not problem, "errors": errors})
        return Answer(200, told)

    def _write(
        self, kind: str, key: str | None, given: str, cells: dict[str, Any]
    ) -> tuple[str, str] | None:
        if given in self.refuse:
            code, _, message = self.refuse[given].partition(":")
            return code, message
        unknown = set(cells) - self.fields[kind]
        if unknown:
            return "INVALID_FIELD", f"No such column {sorted(unknown)}"
        found = self._find(kind, key, given)
        if found is None and key is None:
            return "INVALID_CROSS_REFERENCE_KEY", f"invalid cross reference id {given}"
        if found is None:
            return "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]"
        if any(isinstance(v, str) and len(v) > 255 for v in cells.values()):
            return "STRING_TOO_LONG", "data value too large"
        self.records[kind][found].update(cells)
        return None

    def _find(self, kind: str, key: str | None, given: str) -> str | None:
        rows = self.records.get(kind, {})
        if key is None:
            return next((i for i in (given, f"{given}AAA") if i in rows), None)
        match = (i for i, row in rows.items() if str(row.get(key)).casefold() == given.casefold())
        return next(match, None)

    def _ingest(self, request: Request, rest: list[str]) -> Answer:
        if not rest:
            wanted = request.json
            assert wanted["contentType"] == "CSV"
            assert wanted["lineEnding"] == "CRLF"
            name = f"750{len(self.jobs):012d}AAA"
            self.jobs[name] = Job(wanted)
            return Answer(200, {"id": name, "state": "Open"})
        job = self.jobs[rest[0]]
        if rest[1:] == ["batches"]:
            assert request.headers["Content-Type"].startswith("text/csv")
            job.text = request.body.decode("utf-8")
            assert job.text.endswith("\r\n")
            return Answer(201)
        if rest[1:]:
            rows = {"failedResults": job.failed, "unprocessedrecords": job.left}[rest[1]]
            extra = {"failedResults": ["sf__Id", "sf__Error"]}.get(rest[1], [])
            return Answer(200, _csv(rows, extra, job.text), {"Content-Type": "text/csv"})
        if request.method == "PATCH":
            job.state = request.json["state"]
            if job.state == "UploadComplete":
                self._run(job)
        elif job.state in {"UploadComplete", "InProgress"}:
            job.looks += 1
            end = "Failed" if self.fails else "JobComplete"
            job.state = "InProgress" if job.looks < 3 else end
        counts = {
            "numberRecordsProcessed": len(job.done) + len(job.failed),
            "numberRecordsFailed": len(job.failed),
        }
        return Answer(
            200, {"id": rest[0], "state": job.state, "errorMessage": job.message, **counts}
        )

    def _run(self, job: Job) -> None:
        rows = list(csv.DictReader(io.StringIO(job.text, newline="")))
        kind, key = job.wanted["object"], job.wanted.get("externalIdFieldName")
        unknown = set(rows[0]) - self.fields[kind]
        if unknown or self.fails:
            job.message = self.fails or f"InvalidBatch : Field name not found : {min(unknown)}"
            self.fails = job.message
        kept = 0 if unknown else len(rows) - self.leaves
        held: dict[str, int] = {}
        for place, row in enumerate(rows[:kept]):
            given = row[key or "Id"]
            cells = {n: None if v == "#N/A" else v for n, v in row.items() if v != ""}
            cells.pop(key or "Id")
            found = self._find(kind, key, given)
            account = (self.records[kind][found].get("AccountId") or "") if found else ""
            first = (
                held.setdefault(account, place // self.batch) if account else place // self.batch
            )
            locked = ("UNABLE_TO_LOCK_ROW", f"unable to obtain exclusive access: {account}:--")
            problem = (
                locked if first != place // self.batch else self._write(kind, key, given, cells)
            )
            if problem:
                job.failed.append({"sf__Id": "", "sf__Error": ":".join(problem), **row})
            else:
                job.done.append(row)
        job.left = rows[kept:]


def _csv(rows: list[dict[str, str]], extra: list[str], sent: str) -> str:
    header = next(csv.reader(io.StringIO(sent, newline="")))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*extra, *header], quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _shown(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {"attributes": {"type": "x"}}
    for name in names:
        first, _, second = name.partition(".")
        if second:
            inner = row.get(first)
            shown.setdefault(first, None if inner is None else {})
            if inner is not None:
                shown[first][second] = inner.get(second)
        else:
            shown[first] = row.get(first)
    for name, value in shown.items():
        if name == "mmm_scored_at__c" and isinstance(value, str):
            shown[name] = value.replace("Z", ".000+0000")
        if name == "mmm_probability__c" and value is not None:
            shown[name] = float(value)
    return shown


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text, flags=re.DOTALL)


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, [{"errorCode": code, "message": message}])
