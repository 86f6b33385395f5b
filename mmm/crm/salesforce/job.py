"""One job of Salesforce's Bulk API 2.0: begun, followed to its end, and asked for every row."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmm.crm.http import patiently, plain
from mmm.crm.salesforce.session import Org
from mmm.crm.target import Refusal
from mmm.errors import TargetBusy, TargetError, TargetUnsure

_PATIENCE = 3600.0  # seconds that a job may take
_POLLS = (1.0, 10.0)  # seconds between looks at a job: first, longest
_DONE = {"JobComplete", "Failed", "Aborted"}
_PASSING = re.compile(
    "UNABLE_TO_LOCK_ROW|TooManyLockFailure|SERVER_UNAVAILABLE|REQUEST_RUNNING_TOO_LONG"
)
_Table = Sequence[Mapping[str, str]]


@dataclass(frozen=True, eq=False)
class Job:
    """What a job is to write.

    Attributes
    ----------
    kind : str
        The object.
    key : str or None
        External id field, to upsert by; None to update by record id.
    fields : tuple of str
        Columns behind the id.
    cells : sequence of sequences
        One row a lead, its id first. An empty cell leaves a field as it is, ``#N/A`` empties it.
    """

    kind: str
    key: str | None
    fields: tuple[str, ...]
    cells: Sequence[Sequence[str | float]]

    @property
    def order(self) -> dict[str, str]:
        """What the job is created with."""
        how = {"operation": "upsert", "externalIdFieldName": self.key} if self.key else {}
        fixed = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "CRLF"}
        return {"object": self.kind, "operation": "update", **fixed, **how}

    def to_csv(self) -> str:
        """Return the rows as they are sent."""
        text = io.StringIO(newline="")
        # The writer puts into quotes what holds a character of its line ending: both, so.
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([self.key or "Id", *self.fields])
        writer.writerows(self.cells)
        return text.getvalue()


def run_job(org: Org, job: Job, sleep: Callable[[float], None]) -> list[Refusal]:
    """Write, wait for the end, and return the rows that were not written.

    Raises
    ------
    TargetBusy
        If Salesforce did not begin the job.
    TargetUnsure
        If what became of it is not known; it is stopped where that is possible.
    TargetError
        If it failed as a whole.
    """
    path = f"jobs/ingest/{org.json('POST', 'jobs/ingest', json=job.order)['id']}"
    try:
        org.put_csv(f"{path}/batches", job.to_csv())
    except TargetError:
        _abort(org, path)  # it was not closed, so that nothing was written
        raise
    try:
        org.json("PATCH", path, json={"state": "UploadComplete"})
    except TargetUnsure:
        pass  # the state of the job tells whether it was closed
    except TargetError:
        _abort(org, path)
        raise
    try:
        told = _wait(org, path, sleep)
        failed = _rows(org, f"{path}/failedResults", sleep)
        left = _rows(org, f"{path}/unprocessedrecords", sleep)
    except TargetError as error:
        if _abort(org, path) == "Open":
            raise TargetBusy("Salesforce did not begin the job; nothing was written.") from None
        raise TargetUnsure(f"A job was begun whose end is not known. {error}") from None
    return _outcome(job, told, failed, left)


def refuse(lead_id: str, said: str) -> Refusal:
    """Return the refusal of a lead, by what Salesforce said of it."""
    return Refusal(lead_id, plain(said, hide=[lead_id]), _PASSING.search(said) is not None)


def _wait(org: Org, path: str, sleep: Callable[[float], None]) -> Mapping[str, Any]:
    pause, waited = _POLLS[0], 0.0
    while True:
        told: Mapping[str, Any] = patiently(lambda: org.json("GET", path), sleep)
        if told["state"] in _DONE:
            return told
        if told["state"] == "Open" or waited > _PATIENCE:
            raise TargetError(f"It is {told['state']} after {waited:.0f} seconds.")
        sleep(pause)
        pause, waited = min(1.5 * pause, _POLLS[1]), waited + pause


def _abort(org: Org, path: str) -> str:
    """Stop a job where that is still possible, and return the state it was in, if known."""
    try:
        state = str(org.json("GET", path)["state"])
        if state not in _DONE:
            org.json("PATCH", path, json={"state": "Aborted"})
    except TargetError:
        return ""
    return state


def _rows(org: Org, path: str, sleep: Callable[[float], None]) -> list[dict[str, str]]:
    text = patiently(lambda: org.text(path), sleep)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _outcome(job: Job, told: Mapping[str, Any], failed: _Table, left: _Table) -> list[Refusal]:
    """Return the rows that a job did not write.

    Raises
    ------
    TargetError
        If the job did not begin with any row.
    TargetUnsure
        If its rows do not add up: then nobody knows.
    """
    field, sent = job.key or "Id", {str(row[0]) for row in job.cells}
    processed, wrong = (
        int(told.get(name) or 0) for name in ("numberRecordsProcessed", "numberRecordsFailed")
    )
    message = plain(told.get("errorMessage") or f"The job ended as {told['state']}.")
    if told["state"] != "JobComplete" and not processed and not failed:
        cure = " Check the fields: mmm score prepare." if "ield name" in message else ""
        raise TargetError(f"Salesforce gave up a job of {len(sent)} leads: {message}{cure}")
    refused = [refuse(row[field], row["sf__Error"]) for row in failed]
    refused += [Refusal(row[field], f"not processed: {message}", passing=True) for row in left]
    named = {one.lead_id for one in refused}
    if not (
        len(failed) == wrong
        and processed + len(left) == len(sent)
        and len(named) == len(refused)
        and named <= sent
    ):
        raise TargetUnsure("The rows of the job do not add up to the leads that were sent.")
    return refused
