"""The official client against a local server that keeps HubSpot's documented contract."""

import logging
import random
import socket
import sys
from collections.abc import Iterator

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import read_deals, read_leads, read_touches
from mmm.crm.hubspot import session as hubspot_session
from mmm.crm.hubspot.source import HubSpotSource
from mmm.crm.hubspot.target import HubSpotTarget, open_source, open_target
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
from tests.crm.hubspot_server import TOKEN, HubSpot, limited
from tests.crm.records import lead_records, merged

SCORED = "2025-03-01T06:30:00+00:00"


@pytest.fixture
def account() -> HubSpot:
    account = HubSpot()
    for number in range(1, 6):
        account.add("contacts", str(number), email=f"p{number}@acme.com", lifecyclestage="lead")
    return account


@pytest.fixture
def server(account: HubSpot) -> Iterator[FaultyServer]:
    with FaultyServer(account).running() as server:
        yield server


@pytest.fixture
def target(server: FaultyServer) -> Iterator[HubSpotTarget]:
    target = opened(server)
    target.prepare()
    yield target
    target.close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("mmm.crm.http.patiently.__defaults__", (waited.append,))
    return waited


def opened(server: FaultyServer, address: str = "", token: str = TOKEN) -> HubSpotTarget:
    return open_target(address, environ={"HUBSPOT_TOKEN": token, "HUBSPOT_API_URL": server.url})


def source(server: FaultyServer, address: str = "") -> HubSpotSource:
    return open_source(address, environ={"HUBSPOT_TOKEN": TOKEN, "HUBSPOT_API_URL": server.url})


def record(lead_id: str, probability: float = 0.25) -> Record:
    fields = {"mmm_probability": probability, "mmm_grade": "B", "mmm_scored_at": SCORED}
    return Record(lead_id, fields)


def test_prepare_names_what_is_missing_and_creates_it_once(
    server: FaultyServer, account: HubSpot
) -> None:
    target = opened(server)
    account.properties["contacts"]["mmm_grade"] = {"name": "mmm_grade", "type": "string"}
    missing = tuple(name for name in FIELDS if name != "mmm_grade")
    assert target.prepare(dry_run=True) == missing
    assert "mmm_model" not in account.properties["contacts"]
    assert target.prepare() == missing
    assert target.prepare() == ()
    kinds = {name: account.properties["contacts"][name]["type"] for name in FIELDS}
    assert kinds["mmm_probability"] == "number"
    assert kinds["mmm_scored_at"] == "datetime"


def test_the_client_itself_does_not_wait_or_repeat(
    server: FaultyServer, target: HubSpotTarget, no_waiting: list[float]
) -> None:
    server.faults.append(Fault("instead", "GET", limited(Retry_After="3")))
    assert target.prepare() == ()
    assert len(no_waiting) == 1
    assert 3.0 <= no_waiting[0] <= 3.75


def test_what_is_written_is_read_back(target: HubSpotTarget) -> None:
    fields = dict(
        zip(FIELDS, [0.123456789, "A", "è «x»", 'a"b\\c', "=1+1", "m1", SCORED], strict=True)
    )
    assert target.write([Record("1", fields), Record("2", {"mmm_grade": "C"})]) == ()
    read = target.read(["1", "2", "3", "77"])
    assert read["1"] == fields
    assert read["2"] == {**dict.fromkeys(FIELDS), "mmm_grade": "C"}
    assert list(read) == ["1", "2", "3"]  # 77 is unknown
    target.write([Record("1", {"mmm_grade": None})])
    assert target.read(["1"])["1"] == {**fields, "mmm_grade": None}


def test_nothing_but_its_own_properties_is_written(target: HubSpotTarget, account: HubSpot) -> None:
    before = {key: dict(row) for key, row in account.records["contacts"].items()}
    target.write([record("1"), record("2")])
    for key, row in account.records["contacts"].items():
        assert {n: v for n, v in row.items() if n not in FIELDS} == before[key]
    with pytest.raises(ConfigError, match="lifecyclestage"):
        target.write([Record("1", {"lifecyclestage": "customer"})])


def test_of_207_the_errors_are_refusals_and_the_others_are_written(
    target: HubSpotTarget, account: HubSpot
) -> None:
    account.refuse = {
        "2": ("VALIDATION_ERROR", "p2@acme.com is not valid"),
        "4": ("RATE_LIMITS", "later"),
    }
    refused = {one.lead_id: one for one in target.write([record(i) for i in "123459"])}
    assert set(refused) == {"2", "4", "9"}
    assert refused["2"].reason == "VALIDATION_ERROR: ... is not valid"
    assert (refused["2"].passing, refused["4"].passing) == (False, True)
    assert refused["9"].reason.startswith("OBJECT_NOT_FOUND")
    assert {key for key, _ in account.writes} == {"1", "3", "5"}


def test_an_answer_that_leaves_out_a_lead_is_unsure(
    server: FaultyServer, target: HubSpotTarget
) -> None:
    short = Answer(200, {"status": "COMPLETE", "results": [{"id": "1"}]})
    server.faults.append(Fault("after", "batch/update", short))
    with pytest.raises(TargetUnsure, match="every lead"):
        target.write([record("1"), record("2")])


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (limited(Retry_After="7"), 7.0),
        (limited(X_HubSpot_RateLimit_Interval_Milliseconds="10000"), 10.0),
        (limited("DAILY", X_HubSpot_RateLimit_Interval_Milliseconds="10000"), None),
        (Answer(423, {"category": "LOCKED"}), 2.0),
        (Answer(503, {"category": "SERVICE_UNAVAILABLE"}, {"Retry-After": "3"}), 3.0),
        (Answer(477, {"category": "MIGRATION"}, {"Retry-After": "86400"}), 86400.0),
    ],
)
def test_busy_says_how_long_and_nothing_is_sent_twice(
    server: FaultyServer, target: HubSpotTarget, answer: Answer, wait: float | None
) -> None:
    server.faults.append(Fault("instead", "batch/update", answer))
    with pytest.raises(TargetBusy) as caught:
        target.write([record("1")])
    assert caught.value.retry_after == wait
    assert server.count("batch/update") == 1
    assert target.write([record("1")]) == ()


@pytest.mark.parametrize("kind", ["500", "502", "cut", "cut after", "stall", "torn"])
def test_no_answer_is_unsure_and_the_same_again_has_no_second_effect(
    server: FaultyServer,
    target: HubSpotTarget,
    account: HubSpot,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hubspot_session, "TIMEOUTS", (1.0, 0.2))
    fault = Fault("after", "batch/update", Answer(int(kind), {})) if kind.isdecimal() else None
    server.faults.append(fault or Fault(kind, "batch/update"))
    with pytest.raises(TargetUnsure):
        target.write([record("1")])
    assert server.count("batch/update") == 1
    assert ("1" in {key for key, _ in account.writes}) == (kind != "cut")
    assert target.write([record("1")]) == ()
    assert target.read(["1"])["1"]["mmm_probability"] == 0.25
    assert len(account.records["contacts"]) == 5


def test_an_address_where_nobody_listens_is_busy() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    target = open_target("", environ={"HUBSPOT_TOKEN": TOKEN, "HUBSPOT_API_URL": url})
    with pytest.raises(TargetBusy, match="cannot be reached"):
        target.write([record("1")])


def test_the_token_is_never_shown(
    server: FaultyServer, target: HubSpotTarget, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = opened(server, token="pat-wrong-secret")
    with pytest.raises(TargetError, match="HUBSPOT_TOKEN") as caught:
        wrong.write([record("1")])
    assert type(caught.value) is TargetError
    echo = Answer(400, {"category": "X", "message": f"no use of {TOKEN} for ann@acme.com"})
    server.faults.append(Fault("instead", "batch/update", echo))
    with pytest.raises(TargetError, match="no use of") as echoed:
        target.write([record("1")])
    target.read(["1"])
    shown = f"{caught.value}{echoed.value}{vars(wrong)}{vars(wrong._account)}{target.name}"
    for text in (shown, caplog.text):
        assert "secret" not in text
        assert "ann@acme.com" not in text
    assert "mmm_probability" not in caplog.text


def test_missing_properties_are_named_with_the_cure(server: FaultyServer) -> None:
    with pytest.raises(TargetError, match="Create the properties"):
        opened(server).write([record("1")])


@pytest.mark.parametrize("name", ["mmm_probability", "mmm_scored_at"])
def test_a_property_of_another_kind_is_an_error(
    target: HubSpotTarget, account: HubSpot, name: str
) -> None:
    account.properties["contacts"][name] = {"name": name, "type": "string"}
    account.records["contacts"]["1"][name] = "hot"
    with pytest.raises(TargetError, match=name):
        target.read(["1"])


@pytest.mark.parametrize("lead_id", ["abc", "1' OR '1'='1", "../2", "0", "１２", "1\n2", " 1", ""])
def test_bad_input_35_an_id_that_is_none_of_hubspot_goes_nowhere(
    server: FaultyServer, target: HubSpotTarget, account: HubSpot, lead_id: str
) -> None:
    (refused,) = target.write([record(lead_id), record("1")])
    assert refused.lead_id == lead_id
    assert not refused.passing
    assert [key for key, _ in account.writes] == ["1"]
    assert set(target.read([lead_id, "1"])) == {"1"}


def test_a_unique_property_upserts_and_hostile_ids_are_only_text(
    server: FaultyServer, target: HubSpotTarget, account: HubSpot
) -> None:
    keys = ["a'; DROP TABLE x", 'b"c', "../d?e=f&g", "è€", "P1", "p1"]
    for place, key in enumerate(keys[:4]):
        account.add("contacts", str(10 + place), crm_key=key)
    keyed = opened(server, "contacts?id=crm_key")
    refused = keyed.write([record(key) for key in keys])
    assert [one.lead_id for one in refused] == ["p1"]  # HubSpot would take it for P1
    assert server.count("batch/upsert") == 1
    assert set(keyed.read([*keys[:5], "none"])) == set(keys[:5])
    written = sorted(key for key, _ in account.writes)
    assert written == ["10", "11", "12", "13", "14"]  # P1 is created


def test_three_percent_of_a_hundred_thousand_are_thirty_calls(
    server: FaultyServer, target: HubSpotTarget, account: HubSpot
) -> None:
    for number in range(6, 3001):
        account.add("contacts", str(number))
    server.calls.clear()
    records = [record(str(number), number / 3000) for number in range(1, 3001)]
    for start in range(0, len(records), target.chunk_size):
        assert target.write(records[start : start + target.chunk_size]) == ()
    assert len(server.calls) == 30
    assert len(account.writes) == 3000
    with pytest.raises(TargetError, match="at most 100"):
        target.write(records[:101])
    server.calls.clear()
    assert len(target.read([one.lead_id for one in records])) == 3000
    assert len(server.calls) == 30


def test_reading_waits_as_it_is_told_and_stays_near_the_fewest_calls(
    server: FaultyServer, target: HubSpotTarget, account: HubSpot, no_waiting: list[float]
) -> None:
    for number in range(6, 5001):
        account.add("contacts", str(number))
    server.calls.clear()
    wrong = [Fault("instead", "", limited(Retry_After="40")), Fault("cut"), Fault("torn")]
    server.chaos = (random.Random(5), 0.2, [*wrong, Fault("instead", "", Answer(500, {}))])
    assert len(target.read([str(number) for number in range(1, 5001)])) == 5000
    assert 50 < len(server.calls) <= 75
    assert any(40.0 <= wait <= 50.0 for wait in no_waiting)


def test_reading_gives_up_after_six_tries(server: FaultyServer, target: HubSpotTarget) -> None:
    server.faults.append(Fault("instead", "batch/read", limited(Retry_After="1"), times=99))
    with pytest.raises(TargetBusy):
        target.read(["1"])
    assert server.count("batch/read") == 6


def test_whatever_is_written_twice_is_read_as_written_once(
    server: FaultyServer, target: HubSpotTarget
) -> None:
    held = target.read(list("12345"))

    @given(lead_records(ids=st.sampled_from([*"123456789", "x", ""])))
    def check(records: list[Record]) -> None:
        nonlocal held
        first = target.write(records)
        assert target.write(records) == first
        refused = {one.lead_id for one in first}
        told = {one.lead_id for one in records if one.fields}
        assert told - set("12345") <= refused
        assert not refused & set("12345")
        held = merged(held, [one for one in records if one.lead_id not in refused])
        assert target.read(list("123456789")) == held

    check()


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("body", [b"<p>\xe8</p>", b"[1", b"\xff"])
def test_an_answer_that_cannot_be_read_is_unsure(
    server: FaultyServer, target: HubSpotTarget, status: int, body: bytes
) -> None:
    server.faults.append(Fault("after", "batch/update", Answer(status, body)))
    with pytest.raises(TargetUnsure):
        target.write([record("1")])


def test_a_server_that_speaks_no_tls_is_no_success(server: FaultyServer) -> None:
    url = server.url.replace("http:", "https:")
    target = open_target("", environ={"HUBSPOT_TOKEN": TOKEN, "HUBSPOT_API_URL": url})
    with pytest.raises(TargetUnsure, match="without an answer"):
        target.write([record("1")])
    assert not server.calls


def stocked(account: HubSpot) -> None:
    account.records["contacts"].clear()
    account.add(
        "contacts",
        "11",
        email="ann@acme.com",
        createdate="2025-01-01T08:00:00Z",
        associatedcompanyid="901",
        hs_analytics_source="PAID_SEARCH",
        hs_analytics_source_data_1="google",
        hs_analytics_first_timestamp="2025-01-01T07:59:00Z",
        hs_latest_source="EMAIL_MARKETING",
        hs_latest_source_timestamp="2025-02-01T10:00:00Z",
        lifecyclestage="lead",
        hs_email_optout="true",
        industry="steel",
    )
    account.add("contacts", "12", createdate="2025-01-02T08:00:00Z")
    deal = {"createdate": "2025-01-05T00:00:00Z", "amount": "1000.50", "dealstage": "s1"}
    close = {"closedate": "2025-02-20T00:00:00Z", "dealtype": "newbusiness"}
    ended = {"hs_is_closed": "true", "hs_is_closed_won": "true"}
    account.add("deals", "21", **deal, **close, **ended)
    account.add("deals", "22", **deal, **close, hs_is_closed="false", hs_is_closed_won="false")
    account.add("deals", "23", **deal, **close, hs_is_closed="true", hs_is_closed_won="false")
    account.ends["21", "contacts"] = [(12, None), (11, None)]
    account.ends["21", "companies"] = [(900, None), (901, "Primary")]


def test_tables_come_out_as_the_vocabulary_has_them(server: FaultyServer, account: HubSpot) -> None:
    stocked(account)
    reader = source(server, "contacts?columns=industry")
    leads = read_leads(reader.read_leads().frame)
    assert leads["lead_id"].tolist() == ["11", "12"]
    assert leads["account_id"].tolist()[0] == "901"
    assert leads["opted_out"].tolist() == [True, False]
    assert leads["industry"].tolist()[0] == "steel"
    assert not {"email", *FIELDS} & set(leads.columns)
    touches = read_touches(reader.read_touches().frame)
    assert touches["source"].tolist() == ["PAID_SEARCH", "EMAIL_MARKETING"]
    assert touches["touched_at"].iloc[1] == pd.Timestamp("2025-02-01T10:00:00Z")
    deals = read_deals(reader.read_deals().frame).set_index("deal_id")
    assert deals.loc["21", ["person_id", "account_id"]].tolist() == ["11", "901"]
    assert deals["won"].isna().to_dict() == {"21": False, "22": True, "23": False}
    assert bool(deals["won"]["21"])
    assert not deals["won"]["23"]
    assert str(deals["value"]["21"]) == "1000.50"
    assert deals["kind"]["21"] == "new"
    assert pd.isna(deals["closed_at"]["22"])
    assert str(deals["expected_on"]["22"])[:10] == "2025-02-20"
    assert source(server, "contacts?id=email").read_leads().frame["lead_id"].tolist() == [
        "ann@acme.com"
    ]


def test_only_what_changed_is_read_again(server: FaultyServer, account: HubSpot) -> None:
    stocked(account)
    reader = source(server)
    mark = Mark.from_text(reader.read_leads().mark.to_text())  # type: ignore[union-attr]
    assert reader.read_leads(mark).frame.empty
    assert reader.read_deals(reader.read_deals().mark).frame.empty
    account.clock = "2025-03-02T09:00:00Z"
    account.add("contacts", "13", createdate="2025-03-02T08:00:00Z")
    again = reader.read_leads(mark)
    assert again.frame["lead_id"].tolist() == ["13"]
    # Seen late: the search lags behind the records by up to the overlap.
    account.clock = "2025-03-02T08:55:00Z"
    account.add("contacts", "14", createdate="2025-03-02T08:00:00Z")
    assert reader.read_leads(again.mark).frame["lead_id"].tolist() == ["14"]


def test_more_than_ten_thousand_results_are_read(server: FaultyServer, account: HubSpot) -> None:
    for number in range(1000, 11_500):
        account.add("contacts", str(number), createdate="2025-01-01T00:00:00Z")
    frame = source(server).read_leads().frame
    assert len(frame) == len(account.records["contacts"])
    assert frame["lead_id"].is_unique
    assert server.count("search") == 53


def test_no_contact_at_all_is_an_empty_table(server: FaultyServer, account: HubSpot) -> None:
    account.records["contacts"].clear()
    reader = source(server)
    assert reader.read_leads().frame.empty
    assert reader.read_touches().frame.empty
    assert reader.read_deals().frame.empty


@pytest.mark.parametrize(
    ("address", "environ", "match"),
    [
        ("people", {}, "people"),
        ("contacts?key=email", {}, "key"),
        ("contacts?id=a;b", {}, "name of a field"),
        ("", {"HUBSPOT_TOKEN": ""}, "HUBSPOT_TOKEN"),
        ("", {"HUBSPOT_API_URL": "http://evil.example"}, "HUBSPOT_API_URL"),
        ("", {"HUBSPOT_API_URL": "https://me:secret@evil.example"}, "HUBSPOT_API_URL"),
    ],
)
def test_what_cannot_be_opened(address: str, environ: dict[str, str], match: str) -> None:
    with pytest.raises(ConfigError, match=match) as caught:
        open_target(address, environ={"HUBSPOT_TOKEN": TOKEN, **environ})
    assert "secret" not in str(caught.value)


def test_without_the_library_the_error_holds_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hubspot", None)
    with pytest.raises(MissingLibraryError, match=r"pip install hubspot-api-client"):
        open_target("", environ={"HUBSPOT_TOKEN": TOKEN})
