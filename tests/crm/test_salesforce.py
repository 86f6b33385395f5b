"""The usual client against a local server that keeps Salesforce's documented contract."""

import logging
import random
import socket
import sys
from collections.abc import Iterator
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import read_deals, read_leads, read_touches
from mmm.crm.salesforce import job as salesforce_job
from mmm.crm.salesforce import session as salesforce_session
from mmm.crm.salesforce import target as salesforce
from mmm.crm.salesforce.source import SalesforceSource
from mmm.crm.salesforce.target import SalesforceTarget, open_source, open_target
from mmm.crm.source import Mark
from mmm.crm.target import FIELDS, Record
from mmm.errors import (
    ConfigError,
    MissingLibraryError,
    TargetBusy,
    TargetError,
    TargetUnsure,
)
from tests.crm.faulty_server import Answer, Fault, FaultyServer
from tests.crm.records import lead_records, merged
from tests.crm.salesforce_server import PASSWORD, SECURITY, TOKEN, USER, Salesforce

SCORED = "2025-03-01T06:30:00+00:00"
MINE = [f"{name}__c" for name in FIELDS]
LIMIT = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]


def lead(number: int) -> str:
    return f"00Q{number:012d}AAA"


@pytest.fixture
def org() -> Salesforce:
    org = Salesforce()
    for kind in ("Lead", "Contact"):
        org.fields[kind] = {*MINE, "Id", "SystemModstamp", "AccountId", "mmm_lead_id__c", "Status"}
    for number in range(1, 6):
        org.add("Lead", lead(number), mmm_lead_id__c=f"L{number}", Status="Open")
    return org


@pytest.fixture
def server(org: Salesforce) -> Iterator[FaultyServer]:
    with FaultyServer(org).running() as server:
        org.url = server.url
        yield server


@pytest.fixture
def target(server: FaultyServer) -> Iterator[SalesforceTarget]:
    target = opened(server)
    yield target
    target.close()


@pytest.fixture(autouse=True)
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("mmm.crm.http.patiently.__defaults__", (waited.append,))
    return waited


def environ(server: FaultyServer, **others: str) -> dict[str, str]:
    return {"SALESFORCE_INSTANCE_URL": server.url, "SALESFORCE_ACCESS_TOKEN": TOKEN, **others}


def opened(server: FaultyServer, address: str = "", **others: str) -> SalesforceTarget:
    target = open_target(address, environ=environ(server, **others))
    target._sleep = lambda _: None
    return target


def source(server: FaultyServer, address: str = "") -> SalesforceSource:
    return open_source(address, environ=environ(server))


def record(lead_id: str, probability: float = 0.25) -> Record:
    fields = {"mmm_probability": probability, "mmm_grade": "B", "mmm_scored_at": SCORED}
    return Record(lead_id, fields)


def many(org: Salesforce, count: int, kind: str = "Lead", **values: str) -> list[Record]:
    ids = [org.add(kind, lead(number), **values) for number in range(1, count + 1)]
    return [record(lead_id, place / count) for place, lead_id in enumerate(ids)]


def written(org: Salesforce, kind: str = "Lead") -> set[str]:
    return {i for i, row in org.records[kind].items() if row.get("mmm_grade__c") == "B"}


def test_prepare_names_the_fields_and_how_to_make_them(
    server: FaultyServer, target: SalesforceTarget, org: Salesforce
) -> None:
    assert target.prepare() == ()
    org.fields["Lead"] -= {"mmm_grade__c", "mmm_probability__c"}
    assert target.prepare(dry_run=True) == ("mmm_probability", "mmm_grade")
    with pytest.raises(TargetError, match=r"mmm_probability__c: number.*mmm_grade__c: text of 255"):
        target.prepare()
    org.external.clear()
    with pytest.raises(TargetError, match="mmm_lead_id__c: text of 255, external id"):
        opened(server, "Lead?id=mmm_lead_id__c").prepare()


def test_what_is_written_is_read_back(target: SalesforceTarget) -> None:
    texts = ["A", "è «x»\rx", 'a"b\\c', "=1+1\nline, two", "m1", SCORED]
    fields = dict(zip(FIELDS, [0.123456, *texts], strict=True))
    assert target.write([Record(lead(1), fields), Record(lead(2), {"mmm_grade": "C"})]) == ()
    read = target.read([lead(1), lead(2), lead(3), lead(77)])
    assert read[lead(1)] == fields
    assert read[lead(2)] == {**dict.fromkeys(FIELDS), "mmm_grade": "C"}
    assert list(read) == [lead(1), lead(2), lead(3)]  # the last is unknown
    target.write([Record(lead(1), {"mmm_grade": None})])
    assert target.read([lead(1)])[lead(1)] == {**fields, "mmm_grade": None}


def test_a_job_writes_the_same_as_a_collection(target: SalesforceTarget, org: Salesforce) -> None:
    texts = ["A", "è «x»\rx", 'a"b\\c', "=1+1\nline, two", "m1", SCORED]
    fields = dict(zip(FIELDS, [0.123456, *texts], strict=True))
    many(org, 300)
    target.write([Record(lead(n), fields) for n in range(1, 301)])
    emptied = [Record(lead(n), {"mmm_reason_1": None} if n % 2 else {}) for n in range(1, 301)]
    assert target.write([*emptied, Record(lead(2), {"mmm_model": "m2"})]) == ()
    read = target.read([lead(n) for n in range(1, 301)])
    assert read[lead(1)] == {**fields, "mmm_reason_1": None}
    assert read[lead(2)] == {**fields, "mmm_model": "m2"}
    assert read[lead(4)] == fields


def test_nothing_but_its_own_fields_is_written(target: SalesforceTarget, org: Salesforce) -> None:
    for count in (5, 201):
        records = many(org, count, Status="Open", Rating="Hot")
        before = {key: dict(row) for key, row in org.records["Lead"].items()}
        target.write(records)
        for key, row in org.records["Lead"].items():
            assert {n: v for n, v in row.items() if n not in MINE} == before[key]
    with pytest.raises(ConfigError, match="Status"):
        target.write([Record(lead(1), {"Status": "Qualified"})])


def test_of_a_collection_the_failures_are_refusals_and_the_others_are_written(
    target: SalesforceTarget, org: Salesforce
) -> None:
    org.refuse = {
        lead(2): f"UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to {lead(2)}",
        lead(4): "FIELD_CUSTOM_VALIDATION_EXCEPTION:ann@acme.com is wrong",
    }
    told = {one.lead_id: one for one in target.write([record(lead(n)) for n in (1, 2, 3, 4, 5, 9)])}
    assert set(told) == {lead(2), lead(4), lead(9)}
    assert [told[lead(n)].passing for n in (2, 4, 9)] == [True, False, False]
    assert told[lead(4)].reason == "FIELD_CUSTOM_VALIDATION_EXCEPTION: ... is wrong"
    assert lead(2) not in told[lead(2)].reason
    assert written(org) == {lead(1), lead(3), lead(5)}


def test_a_complete_job_hides_rows_that_are_told(target: SalesforceTarget, org: Salesforce) -> None:
    records = many(org, 300)
    org.refuse = {lead(7): "INVALID:no", lead(8): "UNABLE_TO_LOCK_ROW:wait"}
    org.leaves = 2
    told = {one.lead_id: one for one in target.write([*records, record(lead(999))])}
    assert next(iter(org.jobs.values())).state == "JobComplete"
    assert set(told) == {lead(7), lead(8), lead(300), lead(999)}
    assert [told[lead(n)].passing for n in (7, 8, 300, 999)] == [False, True, True, True]
    assert told[lead(300)].reason.startswith("not processed")
    assert written(org) == {one.lead_id for one in records} - set(told)


def test_a_job_that_fails_as_a_whole(target: SalesforceTarget, org: Salesforce) -> None:
    records = many(org, 300)
    org.fields["Lead"].discard("mmm_grade__c")
    with pytest.raises(TargetError, match=r"Field name not found.*prepare") as caught:
        target.write(records)
    assert type(caught.value) is TargetError
    org.fields["Lead"].add("mmm_grade__c")
    org.fails, org.leaves = "TooManyRetries : ten times", 100
    told = target.write(records)
    assert len(told) == 100
    assert all(one.passing and "TooManyRetries" in one.reason for one in told)
    assert len(written(org)) == 200


def test_rows_are_sorted_by_account_so_that_few_wait_for_a_lock(
    server: FaultyServer, org: Salesforce
) -> None:
    chance = random.Random(3)
    ids = [
        org.add("Contact", lead(n), AccountId=f"001{chance.randrange(60):012d}AAA")
        for n in range(1, 601)
    ]
    org.batch = 100  # batches that work at once
    target = opened(server, "Contact")
    refused = target.write([record(lead_id) for lead_id in ids])
    held = {org.records["Contact"][one.lead_id]["AccountId"] for one in refused}
    assert 0 < len(held) <= 5  # only where a batch ends within an account
    assert all(one.passing for one in refused)
    assert len(written(org, "Contact")) == 600 - len(refused)
    again = [record(one.lead_id) for one in refused]
    assert target.write(again) == ()
    assert len(written(org, "Contact")) == 600
    # What was read before is not asked again.
    server.calls.clear()
    target.write([record(lead_id) for lead_id in ids])
    assert server.count("query") == 0


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (Answer(403, LIMIT), None),
        (Answer(403, LIMIT, {"Retry-After": "30"}), 30.0),
        (Answer(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "x"}]), None),
        (Answer(429, "slow down", {"Retry-After": "5"}), 5.0),
    ],
)
@pytest.mark.parametrize("where", ["PATCH", "POST", "batches"])
def test_busy_says_how_long_and_nothing_is_sent_twice(
    server: FaultyServer,
    target: SalesforceTarget,
    org: Salesforce,
    answer: Answer,
    wait: float | None,
    where: str,
) -> None:
    records = many(org, 5 if where == "PATCH" else 201)
    server.faults.append(Fault("instead", where, answer))
    with pytest.raises(TargetBusy) as caught:
        target.write(records)
    assert caught.value.retry_after == wait
    assert not written(org)
    assert server.count(where) == 1
    assert not {"Open", "InProgress"} & {job.state for job in org.jobs.values()}
    assert target.write(records) == ()


@pytest.mark.parametrize("kind", ["500", "502", "cut", "cut after", "stall", "torn"])
def test_no_answer_is_unsure_and_the_same_again_has_no_second_effect(
    server: FaultyServer,
    target: SalesforceTarget,
    org: Salesforce,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(salesforce_session, "TIMEOUTS", (1.0, 0.2))
    fault = Fault("after", "composite", Answer(int(kind), "oh")) if kind.isdecimal() else None
    server.faults.append(fault or Fault(kind, "composite"))
    with pytest.raises(TargetUnsure):
        target.write([record(lead(1))])
    assert server.count("composite") == 1
    assert (lead(1) in written(org)) == (kind != "cut")
    assert target.write([record(lead(1))]) == ()
    assert target.read([lead(1)])[lead(1)]["mmm_probability"] == 0.25


@pytest.mark.parametrize(
    ("kind", "where"),
    [(kind, where) for kind in ("cut", "cut after") for where in ("POST", "batches")]
    + [("torn", "POST")],
)
def test_a_job_cut_before_it_begins_is_unsure_and_writes_nothing(
    server: FaultyServer, target: SalesforceTarget, org: Salesforce, kind: str, where: str
) -> None:
    records = many(org, 300)
    server.faults.append(Fault(kind, where))
    with pytest.raises(TargetUnsure):
        target.write(records)
    assert not written(org)
    assert target.write(records) == ()
    assert len(written(org)) == 300


def test_a_job_cut_when_it_begins_is_followed_to_its_end(
    server: FaultyServer, target: SalesforceTarget, org: Salesforce
) -> None:
    records = many(org, 300)
    server.faults.append(Fault("cut after", "PATCH"))
    assert target.write(records) == ()
    assert len(org.jobs) == 1
    server.faults.append(Fault("cut", "PATCH"))  # never closed: it is seen to be open
    with pytest.raises(TargetBusy, match="nothing was written"):
        target.write(records)
    assert [job.state for job in org.jobs.values()] == ["JobComplete", "Aborted"]


def test_a_job_that_is_lost_from_sight_is_unsure(
    server: FaultyServer, target: SalesforceTarget, org: Salesforce
) -> None:
    records = many(org, 300)
    server.faults.append(Fault("cut", "GET /services/data/v59.0/jobs", times=99))
    with pytest.raises(TargetUnsure, match="end is not known"):
        target.write(records)
    server.faults.clear()
    server.faults.append(Fault("instead", "failedResults", Answer(404, []), times=99))
    with pytest.raises(TargetUnsure, match="end is not known"):
        target.write(records)


def test_rows_that_do_not_add_up_are_unsure(
    server: FaultyServer, target: SalesforceTarget, org: Salesforce
) -> None:
    records = many(org, 300)
    org.refuse = {lead(7): "INVALID:no"}
    server.faults.append(
        Fault("after", "failedResults", Answer(200, '"sf__Id","sf__Error","Id"\n'))
    )
    with pytest.raises(TargetUnsure, match="add up"):
        target.write(records)


def test_a_job_that_never_ends_is_given_up(
    server: FaultyServer,
    target: SalesforceTarget,
    org: Salesforce,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Answer(200, {"state": "InProgress"})
    records = many(org, 300)
    server.faults.append(Fault("instead", "GET /services/data/v59.0/jobs", slow, times=10_000))
    monkeypatch.setattr(salesforce_job, "_PATIENCE", 60.0)
    with pytest.raises(TargetUnsure, match="InProgress"):
        target.write(records)
    assert [job.state for job in org.jobs.values()] == ["Aborted"]


def test_an_expired_session_logs_in_again_once(server: FaultyServer, org: Salesforce) -> None:
    words = {"SALESFORCE_USERNAME": USER, "SALESFORCE_PASSWORD": PASSWORD}
    target = opened(server, SALESFORCE_ACCESS_TOKEN="", SALESFORCE_SECURITY_TOKEN=SECURITY, **words)
    assert target.write([record(lead(1))]) == ()
    assert org.logins == 1
    org.sessions.clear()
    assert target.write([record(lead(2))]) == ()
    assert org.logins == 2
    expired = Answer(401, [{"errorCode": "INVALID_SESSION_ID", "message": "expired"}])
    server.faults.append(Fault("instead", "composite", expired, times=99))
    with pytest.raises(TargetError, match="refuses the session"):
        target.write([record(lead(3))])
    assert org.logins == 3


def test_a_session_that_expires_within_a_job_costs_nothing(
    server: FaultyServer, org: Salesforce
) -> None:
    target = opened(
        server,
        SALESFORCE_ACCESS_TOKEN="",
        SALESFORCE_CONSUMER_KEY="key",
        SALESFORCE_CONSUMER_SECRET="s3cr3tword",
    )
    records = many(org, 300)
    expired = Answer(401, [{"errorCode": "INVALID_SESSION_ID", "message": "expired"}])
    for where in ("batches", "PATCH", "GET", "failedResults"):
        server.faults.append(Fault("instead", where, expired))
    assert target.write(records) == ()
    assert len(org.jobs) == 1
    assert len(written(org)) == 300


def test_no_secret_is_ever_shown(
    server: FaultyServer, target: SalesforceTarget, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = []
    stale = opened(server, SALESFORCE_ACCESS_TOKEN="00Dstale!s3cr3t")
    with pytest.raises(TargetError, match="SALESFORCE_ACCESS_TOKEN") as caught:
        stale.write([record(lead(1))])
    shown += [str(caught.value), str(vars(stale)), str(vars(stale._org))]
    wrong = opened(
        server,
        SALESFORCE_ACCESS_TOKEN="",
        SALESFORCE_USERNAME=USER,
        SALESFORCE_PASSWORD="wrongs3cr3t",
        SALESFORCE_SECURITY_TOKEN=SECURITY,
    )
    with pytest.raises(TargetError, match="INVALID_LOGIN") as caught:
        wrong.read([lead(1)])
    shown += [str(caught.value), str(vars(wrong._org))]
    echo = Answer(400, [{"errorCode": "X", "message": f"{TOKEN} of ann@acme.com"}])
    server.faults.append(Fault("instead", "composite", echo))
    with pytest.raises(TargetError, match="says 400: X") as caught:
        target.write([record(lead(1))])
    for text in (*shown, str(caught.value), target.name, caplog.text):
        assert "s3cr3t" not in text
        assert "acme.com" not in text


def test_missing_fields_are_named_with_the_cure(target: SalesforceTarget, org: Salesforce) -> None:
    org.fields["Lead"].discard("mmm_grade__c")
    with pytest.raises(TargetError, match="Create the fields"):
        target.read([lead(1)])
    (refused,) = target.write([record(lead(1))])
    assert refused.reason.startswith("INVALID_FIELD")


def test_a_field_of_another_kind_is_an_error(target: SalesforceTarget, org: Salesforce) -> None:
    org.records["Lead"][lead(1)]["mmm_scored_at__c"] = 7
    with pytest.raises(TargetError, match="mmm_scored_at__c holds something else"):
        target.read([lead(1)])


@pytest.mark.parametrize(
    "lead_id", ["abc", "') OR (Id != '", "../00Q", "00Q00000000000１", "00Q 0", lead(1) + "A", ""]
)
def test_bad_input_35_an_id_that_is_none_of_salesforce_goes_nowhere(
    target: SalesforceTarget, org: Salesforce, lead_id: str
) -> None:
    (refused,) = target.write([record(lead_id), record(lead(1))])
    assert refused.lead_id == lead_id
    assert not refused.passing
    assert written(org) == {lead(1)}
    assert set(target.read([lead_id, lead(1)])) == {lead(1)}


HOSTILE = ["a'; DROP", "b\\", "c\\'d", '"e,"', "\n\tf", "%20&q=", "è€", "#N/A", "') OR ('' = '"]


@pytest.mark.parametrize("more", [0, 250])
def test_an_external_id_upserts_and_hostile_ids_are_only_text(
    server: FaultyServer, org: Salesforce, more: int
) -> None:
    keys = [*HOSTILE, *(f"key{n}" for n in range(more))]
    for place, key in enumerate(keys):
        org.add("Lead", lead(100 + place), mmm_lead_id__c=key)
    target = opened(server, "Lead?id=mmm_lead_id__c")
    told = target.write([record(key) for key in [*keys, "none", "NONE"]])
    assert {one.lead_id for one in told} == {"none", "NONE"}
    assert {one.reason.partition(":")[0] for one in told} == {
        "REQUIRED_FIELD_MISSING",
        "is the id of another lead of this call",
    }
    assert written(org) == {lead(100 + place) for place in range(len(keys))}
    assert set(target.read([*keys, "none"])) == set(keys)


def test_fifteen_and_eighteen_characters_are_one_id(
    target: SalesforceTarget, org: Salesforce
) -> None:
    short = lead(1)[:15]
    (refused,) = target.write([record(short), record(lead(1))])
    assert "another lead" in refused.reason
    assert set(target.read([short, lead(1)])) == {short, lead(1)}


def test_no_limit_is_ever_passed(
    server: FaultyServer, target: SalesforceTarget, org: Salesforce
) -> None:
    records = many(org, 3000)
    server.calls.clear()
    assert target.write(records) == ()
    assert server.count("jobs/ingest") <= 10
    assert server.count("batches") == 1
    assert server.count("query") == 0
    server.calls.clear()
    assert len(target.read([one.lead_id for one in records])) == 3000
    assert server.count("query") == len(server.calls) == 11
    keyed = opened(server, "Lead?id=mmm_lead_id__c")
    assert keyed.read(["€" * 255] * 3 + [f"{n}" + "€'" * 120 for n in range(60)]) == {}
    with pytest.raises(TargetError, match="at most 10000"):
        target.write([record(lead(n)) for n in range(10_001)])


def test_reading_waits_as_it_is_told_and_stays_near_the_fewest_calls(
    server: FaultyServer, target: SalesforceTarget, org: Salesforce, waited: list[float]
) -> None:
    ids = [one.lead_id for one in many(org, 15_000)]
    server.calls.clear()
    busy = Fault("instead", "", Answer(403, LIMIT, {"Retry-After": "40"}))
    wrong = [busy, Fault("cut"), Fault("torn"), Fault("instead", "", Answer(500))]
    server.chaos = (random.Random(5), 0.2, wrong)
    assert len(target.read(ids)) == 15_000
    assert 51 < len(server.calls) <= 77
    assert any(40.0 <= wait <= 50.0 for wait in waited)


def test_an_address_where_nobody_listens_is_busy() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    words = {"SALESFORCE_INSTANCE_URL": url, "SALESFORCE_ACCESS_TOKEN": TOKEN}
    with pytest.raises(TargetBusy, match="cannot be reached"):
        open_target("", environ=words).write([record(lead(1))])


@pytest.mark.parametrize("collection", [200, 0])
def test_whatever_is_written_twice_is_read_as_written_once(
    target: SalesforceTarget, collection: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(salesforce, "COLLECTION", collection)
    known = [lead(n) for n in range(1, 6)]
    held = target.read(known)

    @given(lead_records(ids=st.sampled_from([*known, lead(8), lead(9), "x", ""])))
    def check(records: list[Record]) -> None:
        nonlocal held
        first = target.write(records)
        assert target.write(records) == first
        refused = {one.lead_id for one in first}
        told = {one.lead_id for one in records if one.fields}
        assert told - set(known) <= refused
        assert not refused & set(known)
        held = merged(held, [one for one in records if one.lead_id not in refused])
        rounded = {
            i: {n: round(v, 6) if isinstance(v, float) else v for n, v in row.items()}
            for i, row in held.items()
        }
        assert target.read([*known, lead(8)]) == rounded

    check()


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("body", [b"<p>\xe8</p>", b"[1", b"\xff"])
def test_an_answer_that_cannot_be_read_is_unsure(
    server: FaultyServer, target: SalesforceTarget, status: int, body: bytes
) -> None:
    server.faults.append(Fault("after", "composite", Answer(status, body)))
    with pytest.raises(TargetUnsure):
        target.write([record(lead(1))])


def test_a_server_that_speaks_no_tls_is_no_success(server: FaultyServer) -> None:
    words = environ(server, SALESFORCE_INSTANCE_URL=server.url.replace("http:", "https:"))
    with pytest.raises(TargetUnsure, match="without an answer"):
        open_target("", environ=words).write([record(lead(1))])
    assert not server.calls


def stocked(org: Salesforce) -> None:
    org.records["Lead"].clear()
    made = {"CreatedDate": "2025-01-01T08:00:00.000+0000", "OwnerId": "005A", "LeadSource": "Web"}
    free = {"HasOptedOutOfEmail": False, "ConvertedContactId": None, "ConvertedAccountId": None}
    org.add("Lead", lead(1), **made, **free, Industry="steel")
    became = {"ConvertedContactId": "003X", "ConvertedAccountId": "001X"}
    org.add("Lead", lead(2), **made, **became, HasOptedOutOfEmail=True, Email="ann@acme.com")
    member = {"CreatedDate": made["CreatedDate"], "Campaign": {"Name": "Fair", "Type": "Event"}}
    on = {"FirstRespondedDate": None}
    org.add("CampaignMember", "00v1", LeadId=lead(1), ContactId=None, Contact=None, **member, **on)
    on = {"FirstRespondedDate": "2025-01-09"}
    contact = {"ContactId": "003X", "Contact": {"AccountId": "001X"}}
    org.add("CampaignMember", "00v2", LeadId=lead(2), **contact, **member, **on)
    deal = {
        "AccountId": "001X", "ContactId": "003X", "CreatedDate": made["CreatedDate"],
        "CloseDate": "2025-02-20", "OwnerId": "005A", "StageName": "x",
    }  # fmt: skip
    org.add("Opportunity", "0061", **deal, IsWon=True, IsClosed=True, Amount=10.5, Type="New")
    org.add("Opportunity", "0062", **deal, IsWon=False, IsClosed=False, Amount=None, Type=None)
    upgrade = {"Amount": 7, "Type": "Existing Customer - Upgrade"}
    org.add("Opportunity", "0063", **deal, IsWon=False, IsClosed=True, **upgrade)


def test_tables_come_out_as_the_vocabulary_has_them(server: FaultyServer, org: Salesforce) -> None:
    stocked(org)
    reader = source(server, "Lead?columns=Industry")
    leads = read_leads(reader.read_leads().frame)
    assert leads["lead_id"].tolist() == [lead(1), lead(2)]
    assert leads["person_id"].tolist() == [lead(1), "003X"]
    assert leads["opted_out"].tolist() == [False, True]
    assert leads["Industry"].tolist()[0] == "steel"
    assert not {"Email", *FIELDS, *MINE} & set(leads.columns)
    touches = read_touches(reader.read_touches().frame)
    assert touches["person_id"].tolist() == [lead(1), "003X"]
    assert touches["campaign"].tolist() == ["Fair", "Fair"]
    assert touches["touched_at"].iloc[1] == pd.Timestamp("2025-01-09", tz="UTC")
    deals = read_deals(reader.read_deals().frame)
    assert deals["person_id"].tolist() == ["003X"] * 3
    assert deals["won"].isna().tolist() == [False, True, False]
    assert bool(deals["won"].iloc[0])
    assert deals["value"].iloc[0] == Decimal("10.5")
    assert deals["kind"].iloc[[0, 2]].tolist() == ["new", "expansion"]
    assert str(deals["expected_on"].iloc[1])[:10] == "2025-02-20"


def test_only_what_changed_is_read_again(server: FaultyServer, org: Salesforce) -> None:
    stocked(org)
    reader = source(server)
    mark = Mark.from_text(reader.read_leads().mark.to_text())  # type: ignore[union-attr]
    assert reader.read_leads(mark).frame.empty
    assert reader.read_touches(reader.read_touches().mark).frame.empty
    org.clock = "2025-03-02T09:00:00.000+0000"
    org.add("Lead", lead(3), CreatedDate=org.clock)
    assert reader.read_leads(mark).frame["lead_id"].tolist() == [lead(3)]


def test_more_than_a_page_is_read(server: FaultyServer, org: Salesforce) -> None:
    stocked(org)
    for number in range(1, 4501):
        org.add("Lead", lead(number), CreatedDate=org.clock)
    frame = source(server).read_leads().frame
    assert len(frame) == 4500
    assert frame["lead_id"].is_unique
    assert server.count("query") == 3


@pytest.mark.parametrize(
    ("address", "change", "match"),
    [
        ("Task", {}, "Task"),
        ("Lead?id=a'b", {}, "name of a field"),
        ("", {"SALESFORCE_ACCESS_TOKEN": ""}, "incomplete"),
        ("", {"SALESFORCE_INSTANCE_URL": ""}, "incomplete"),
        ("", {"SALESFORCE_INSTANCE_URL": "http://evil.example"}, "SALESFORCE_INSTANCE_URL"),
        ("", {"SALESFORCE_DOMAIN": "evil.example/"}, "SALESFORCE_DOMAIN"),
    ],
)
def test_what_cannot_be_opened(address: str, change: dict[str, str], match: str) -> None:
    words = {"SALESFORCE_INSTANCE_URL": "https://a.my.salesforce.com"}
    with pytest.raises(ConfigError, match=match) as caught:
        open_target(address, environ={**words, "SALESFORCE_ACCESS_TOKEN": TOKEN, **change})
    assert "s3cr3t" not in str(caught.value)


def test_without_the_library_the_error_holds_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simple_salesforce", None)
    words = {"SALESFORCE_INSTANCE_URL": "https://a.my.salesforce.com"}
    with pytest.raises(MissingLibraryError, match=r"pip install simple-salesforce"):
        open_target("", environ={**words, "SALESFORCE_ACCESS_TOKEN": TOKEN})
