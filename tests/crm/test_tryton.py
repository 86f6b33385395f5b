"""Scores in a real Tryton 8, started by the tests; faults come from a proxy before it."""

import json
import logging
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm import read_deals, read_leads
from mmm.crm.source import Mark
from mmm.crm.target import FIELDS, Record
from mmm.crm.tryton.session import CHANGED, Connection, Refused, connect
from mmm.crm.tryton.target import (
    TrytonTarget,
    _fields,
    _text,
    open_source,
    open_target,
    send_in_halves,
)
from mmm.errors import ConfigError, TargetBusy, TargetError, TargetUnsure
from tests.crm.faulty_server import Answer, Fault, FaultyServer
from tests.crm.tryton_server import PASSWORD, USER, running

NATIVE = "?probability=conversion_probability"
EMPTY = dict.fromkeys(FIELDS)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
HOSTILE = [
    '=HYPERLINK("http://example.com")',
    "<script>alert(1)</script> & 'x'; DROP TABLE sale_opportunity; --",
    'mmm_grade: "Z"\nmmm_probability: 1.0\r\n\x85\u2028mmm_model: "y"',
    "Łódź 日本 \u202eright to left\u200f é e\u0301 😀 \x07",
]


@pytest.fixture(scope="session")
def tryton(tmp_path_factory):
    with running(tmp_path_factory.mktemp("tryton")) as server:
        yield server


@pytest.fixture
def target(tryton):
    target = open_target(tryton.address, environ=tryton.environ)
    yield target
    target.close()


@pytest.fixture
def native(tryton):
    target = open_target(tryton.address + NATIVE, environ=tryton.environ)
    yield target
    target.close()


class Before:
    """Stands before the real Tryton and hands calls on, so that they can go wrong on the way."""

    def __init__(self, tryton):
        self.tryton = tryton
        self.sees = lambda method: None

    def answer(self, request):
        self.sees(json.loads(request.body)["method"])
        headers = {k: request.headers[k] for k in ("Content-Type", "Authorization")
                   if k in request.headers}  # fmt: skip
        onward = urllib.request.Request(self.tryton.url + request.path, request.body, headers)
        try:
            with urllib.request.urlopen(onward, timeout=60) as answer:
                return Answer(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode())


@pytest.fixture
def proxy(tryton):
    with FaultyServer(Before(tryton)).running() as server:
        yield server


def through(proxy, tryton, query=""):
    """Open a target through the proxy, logged in, so that the next calls are those that count."""
    connection, _ = connect(proxy.url + "/crm" + query, tryton.environ, ["probability"])
    target = TrytonTarget(connection, native=bool(query))
    target.prepare()
    return target


def record(lead_id, k=0, **more):
    fields = {
        "mmm_probability": (k * 7919 % 1000) / 1000 + k * 1e-9,
        "mmm_grade": "ABCD"[k % 4],
        "mmm_reason_1": f"reason {k}",
        "mmm_reason_2": None,
        "mmm_model": "m-1",
        "mmm_scored_at": "2026-11-23T01:02:03+00:00",
    }
    return Record(lead_id, {**fields, **more})


def whole(record):
    return {**EMPTY, **record.fields}


def test_written_twice_is_as_written_once(tryton, target):
    ids = tryton.create(3)
    records = [record(lead_id, k) for k, lead_id in enumerate(ids)]
    assert target.write(records) == ()
    stands = [tryton.attachments(lead_id) for lead_id in ids]
    n_changes = target._connection.n_changes
    assert target.write(records) == ()
    assert target._connection.n_changes == n_changes
    assert [tryton.attachments(lead_id) for lead_id in ids] == stands
    assert [len(s) for s in stands] == [1, 1, 1]


def test_undo_brings_back_what_was_there(tryton, target):
    new, scored = tryton.create(2)
    target.write([record(scored, 1)])
    before = target.read([new, scored])
    assert before == {new: EMPTY, scored: whole(record(scored, 1))}
    target.write([record(new, 2), record(scored, 3, mmm_reason_1=None)])
    assert target.read([new, scored]) != before
    assert target.write([Record(lead_id, fields) for lead_id, fields in before.items()]) == ()
    assert target.read([new, scored]) == before
    assert tryton.attachments(new) == []


def test_undo_brings_back_the_probability_that_people_entered(tryton, native):
    lead_id, untouched = tryton.create(2, conversion_probability=0.3)
    before = native.read([lead_id])
    assert before == {lead_id: {**EMPTY, "mmm_probability": 0.3}}
    assert native.write([record(lead_id, 0, mmm_probability=0.123456789)]) == ()
    assert tryton.fields(lead_id, "conversion_probability", "state") == {
        "id": int(lead_id), "conversion_probability": 0.1235, "state": "lead",
    }  # fmt: skip
    assert native.read([lead_id])[lead_id]["mmm_probability"] == 0.123456789
    assert native.write([Record(lead_id, before[lead_id])]) == ()
    assert native.read([lead_id]) == before
    assert tryton.attachments(lead_id) == []
    assert tryton.fields(untouched, "conversion_probability")["conversion_probability"] == 0.3


def test_some_fields_leave_the_others_as_they_are(tryton, target):
    (lead_id,) = tryton.create(1)
    target.write([record(lead_id, 5)])
    target.write([Record(lead_id, {"mmm_grade": "D", "mmm_model": None})])
    changed = {"mmm_grade": "D", "mmm_model": None}
    assert target.read([lead_id])[lead_id] == {**whole(record(lead_id, 5)), **changed}


def test_what_people_wrote_stays(tryton, target, native):
    comment = "mmm_probability: 0.9\nCall back on Monday"
    (lead_id,) = tryton.create(1, comment=comment, description="Big one", amount=None)
    theirs = {"resource": f"sale.opportunity,{lead_id}", "name": "offer", "type": "link"}
    tryton.rpc("ir.attachment.create", [{**theirs, "description": "theirs"}])
    target.write([record(lead_id, 1)])
    target.read([lead_id])
    tryton.rpc("sale.opportunity.write", [int(lead_id)], {"description": "Bigger"})
    # Scores beside the opportunity do not meet an edit of it.
    assert target.write([record(lead_id, 2)]) == ()
    native.write([record(lead_id, 3)])
    row = tryton.fields(lead_id, "comment", "description", "state")
    assert (row["comment"], row["description"], row["state"]) == (comment, "Bigger", "lead")
    assert [a["name"] for a in tryton.attachments(lead_id)] == ["offer", "mmm score"]
    assert tryton.attachments(lead_id)[0]["description"] == "theirs"


def test_what_somebody_changed_since_it_was_read_is_left_until_read_again(tryton, native):
    ids = tryton.create(20)
    edited = ids[7]
    native.read(ids)
    tryton.rpc("sale.opportunity.write", [int(edited)], {"conversion_probability": 0.8})
    for _ in range(2):
        refused = native.write([record(lead_id, k) for k, lead_id in enumerate(ids)])
        assert [(r.lead_id, r.reason, r.passing) for r in refused] == [(edited, CHANGED, False)]
        assert tryton.fields(edited, "conversion_probability")["conversion_probability"] == 0.8
    written = native.read(ids)
    assert written.pop(edited) == {**EMPTY, "mmm_probability": 0.8}
    assert written == {i: whole(record(i, k)) for k, i in enumerate(ids) if i != edited}
    assert native.write([record(edited, 7)]) == ()


def test_an_edit_between_our_reading_and_our_writing_is_seen(tryton, proxy):
    target = through(proxy, tryton, NATIVE)
    (lead_id,) = tryton.create(1)

    def edit(method):
        if method.endswith("opportunity.write"):
            proxy.vendor.sees = lambda method: None
            tryton.rpc("sale.opportunity.write", [int(lead_id)], {"conversion_probability": 0.9})

    proxy.vendor.sees = edit
    refused = target.write([record(lead_id, 1)])
    assert [(r.lead_id, r.reason, r.passing) for r in refused] == [(lead_id, CHANGED, False)]
    assert tryton.fields(lead_id, "conversion_probability")["conversion_probability"] == 0.9
    assert tryton.attachments(lead_id) == []


def test_lost_opportunities_keep_their_probability(tryton, target, native):
    open_one, lost = tryton.create(2)
    tryton.rpc("sale.opportunity.lost", [int(lost)])
    refused = native.write([record(open_one, 1), record(lost, 2)])
    assert [(r.lead_id, r.passing) for r in refused] == [(lost, False)]
    assert native.read([open_one])[open_one] == whole(record(open_one, 1))
    assert target.write([record(lost, 2)]) == ()
    assert tryton.fields(lost, "state")["state"] == "lost"


def test_tryton_refuses_one_of_many(tryton, native):
    ids = tryton.create(9)
    records = [record(lead_id, k) for k, lead_id in enumerate(ids)]
    records[4] = record(ids[4], mmm_probability=1.5)
    refused = native.write(records)
    assert [r.lead_id for r in refused] == [ids[4]]
    assert "Conversion Probability" in refused[0].reason
    assert len(native.read(ids)) == 9
    assert native.read(ids)[ids[8]] == whole(records[8])
    assert native.read(ids)[ids[4]] == {**EMPTY, "mmm_probability": 0.5}


@pytest.mark.parametrize("name", HOSTILE)
def test_bad_input_35_hostile_text_comes_back_as_it_was(tryton, target, name):
    (lead_id,) = tryton.create(1)
    hostile = record(lead_id, mmm_reason_1=name, mmm_model=name)
    assert target.write([hostile]) == ()
    assert target.read([lead_id])[lead_id] == whole(hostile)
    assert len(tryton.attachments(lead_id)) == 1


def test_a_zero_byte_is_refused_and_the_others_are_written(tryton, target):
    one, other = tryton.create(2)
    refused = target.write([record(one, mmm_model="a\x00b"), record(other, 1)])
    assert [r.lead_id for r in refused] == [one]
    assert target.read([one, other]) == {one: EMPTY, other: whole(record(other, 1))}


@given(
    st.fixed_dictionaries(
        {
            "mmm_probability": st.none() | st.floats(0, 1),
            "mmm_grade": st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            "mmm_reason_3": st.none()
            | st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        }
    )
)
@settings(max_examples=200)
def test_the_text_holds_the_fields_exactly(fields):
    assert _fields(_text(fields) or "") == {**EMPTY, **fields}


@given(st.sets(st.integers(0, 99)), st.integers(0, 100))
def test_halves_find_what_is_refused_and_send_the_rest(bad, n):
    sent = []

    def send(leads):
        if any(int(lead) in bad for lead in leads):
            raise Refused("no")
        sent.extend(leads)

    leads = [str(k) for k in range(n)]
    if n > 60 and not set(range(n)) - bad:
        with pytest.raises(TargetError, match="every lead"):
            send_in_halves(leads, send)
        return
    try:
        refused = send_in_halves(leads, send)
    except TargetError:
        assert set(range(60)) <= bad
        return
    assert sorted(sent + [r.lead_id for r in refused]) == sorted(leads)
    assert {int(r.lead_id) for r in refused} == bad & set(range(n))


def test_a_time_out_is_unsure_and_reading_back_tells(tryton, proxy, target):
    slow = through(proxy, tryton)
    (lead_id,) = tryton.create(1)
    slow.read([lead_id])
    proxy.faults = [Fault("stall", "/rpc/")]
    patience, slow._connection._timeout = slow._connection._timeout, 0.3
    with pytest.raises(TargetUnsure, match=r"TimeoutError.*read back"):
        slow.write([record(lead_id, 1)])
    slow._connection._timeout = patience
    assert target.read([lead_id])[lead_id] == whole(record(lead_id, 1))
    # What was sent is not taken as seen: to send again makes no second attachment.
    assert slow.write([record(lead_id, 1)]) == ()
    assert len(tryton.attachments(lead_id)) == 1


@pytest.mark.parametrize("kind", ["cut", "cut after", "torn"])
def test_a_cut_connection_is_unsure(tryton, proxy, kind):
    target = through(proxy, tryton)
    (lead_id,) = tryton.create(1)
    target.read([lead_id])
    proxy.faults = [Fault(kind, "/rpc/")]
    with pytest.raises(TargetUnsure):
        target.write([record(lead_id, 1)])
    assert bool(tryton.attachments(lead_id)) == (kind != "cut")
    assert target.write([record(lead_id, 1)]) == ()
    assert target.read([lead_id])[lead_id] == whole(record(lead_id, 1))
    assert len(tryton.attachments(lead_id)) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_failure_behind_the_work_is_unsure(tryton, proxy, status):
    target = through(proxy, tryton)
    (lead_id,) = tryton.create(1)
    target.read([lead_id])
    proxy.faults = [Fault("after", "/rpc/", Answer(status, "sorry"))]
    with pytest.raises(TargetUnsure, match=str(status)):
        target.write([record(lead_id, 1)])


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_system_says_how_long_to_wait(tryton, proxy, status):
    target = through(proxy, tryton)
    (lead_id,) = tryton.create(1)
    target.read([lead_id])
    proxy.faults = [Fault("instead", "/rpc/", Answer(status, "", {"Retry-After": "7"}))]
    with pytest.raises(TargetBusy) as caught:
        target.write([record(lead_id, 1)])
    assert caught.value.retry_after == 7.0
    assert tryton.attachments(lead_id) == []


def test_a_call_that_only_reads_is_never_unsure(tryton, proxy):
    target = through(proxy, tryton)
    (lead_id,) = tryton.create(1)
    proxy.faults = [Fault("cut", "/rpc/")]
    with pytest.raises(TargetBusy):
        target.write([record(lead_id, 1)])
    assert tryton.attachments(lead_id) == []


def test_busy_behind_a_part_is_unsure(tryton, proxy):
    target = through(proxy, tryton, NATIVE)
    (lead_id,) = tryton.create(1)

    def then(method):
        if method.endswith("opportunity.write"):
            proxy.faults = [Fault("instead", "/rpc/", Answer(429, ""))]

    proxy.vendor.sees = then
    with pytest.raises(TargetUnsure, match="before"):
        target.write([record(lead_id, 1)])
    assert target.write([record(lead_id, 1)]) == ()
    assert target.read([lead_id])[lead_id] == whole(record(lead_id, 1))


def test_two_attachments_become_one(tryton, target):
    (lead_id,) = tryton.create(1)
    target.write([record(lead_id, 1)])
    twin = {"resource": f"sale.opportunity,{lead_id}", "name": "mmm score", "type": "link"}
    tryton.rpc("ir.attachment.create", [{**twin, "description": 'mmm_grade: "A"'}])
    assert target.read([lead_id])[lead_id] == whole(record(lead_id, 1))
    assert target.write([record(lead_id, 2)]) == ()
    assert len(tryton.attachments(lead_id)) == 1
    assert target.read([lead_id])[lead_id] == whole(record(lead_id, 2))


WRITER = """
import os, sys
from mmm.crm import Record
from mmm.crm.tryton.target import open_target
target, ids = open_target(sys.argv[1], environ=os.environ), sys.argv[3].split(",")
for turn in range(10**6):
    fields = {"mmm_model": f"{sys.argv[2]}-{turn}", "mmm_probability": turn % 1000 / 1000}
    target.write([Record(lead, fields) for lead in ids])
    print("written", flush=True)
"""


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_each_lead_written_once(tryton, target):
    ids, rng = tryton.create(20), random.Random(0)
    address = tryton.address + NATIVE
    for number in range(10):
        command = [sys.executable, "-c", WRITER, address, f"run{number}", ",".join(ids)]
        environ = {**os.environ, **tryton.environ}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as writer:
            assert writer.stdout.readline() == "written\n"
            time.sleep(rng.uniform(0, 0.3))
            writer.kill()
        models = {fields["mmm_model"] for fields in target.read(ids).values()}
        assert len(models) == 1  # a chunk of attachments is there or not
        assert models.pop().startswith(f"run{number}-")
    records = [record(lead_id, k) for k, lead_id in enumerate(ids)]
    time.sleep(1.0)  # Tryton may still be at what the last one asked for
    target.read(ids)
    assert target.write(records) == ()
    assert target.read(ids) == {r.lead_id: whole(r) for r in records}
    assert [len(tryton.attachments(lead_id)) for lead_id in ids] == [1] * 20


def test_a_session_that_ended_is_begun_again(tryton, target):
    (lead_id,) = tryton.create(1)
    target.read([lead_id])
    begun = target._connection._session
    user = tryton.rpc("res.user.search", [["login", "=", USER]], 0, 1, None)
    tryton.rpc("res.user.write", user, {"password": PASSWORD})  # ends every session of theirs
    assert target.write([record(lead_id, 1)]) == ()
    assert target._connection._session != begun
    assert target.read([lead_id])[lead_id] == whole(record(lead_id, 1))


def test_a_wrong_password_is_told_without_it(tryton, caplog):
    caplog.set_level(logging.DEBUG)
    word = "hunter2-secret"
    target = open_target(tryton.address, environ={**tryton.environ, "TRYTON_PASSWORD": word})
    with pytest.raises(TargetError, match="TRYTON_PASSWORD") as caught:
        target.prepare()
    assert not isinstance(caught.value, (TargetBusy, TargetUnsure))
    shown = f"{caught.value!r} {caught.value.__cause__} {target!r} {target._connection!r}"
    assert word not in shown + caplog.text
    assert PASSWORD not in repr(vars(open_target(tryton.address, environ=tryton.environ)))


def test_nothing_is_logged(tryton, target, caplog):
    caplog.set_level(logging.DEBUG)
    (lead_id,) = tryton.create(1)
    target.write([record(lead_id, 1)])
    assert PASSWORD not in caplog.text
    assert "reason" not in caplog.text


def test_there_is_nothing_to_prepare(target):
    assert target.prepare() == target.prepare(dry_run=True) == ()


def test_who_may_not_write_is_told_before(tryton):
    word = {"name": "Guest", "login": "guest", "password": PASSWORD}
    tryton.rpc("res.user.create", [word])
    target = open_target(tryton.address, environ={**tryton.environ, "TRYTON_USER": "guest"})
    with pytest.raises(TargetError, match="may not write"):
        target.prepare()


def test_a_place_without_tryton():
    environ = {"TRYTON_USER": "a", "TRYTON_PASSWORD": "b"}
    target = open_target("http://127.0.0.1:9/crm", environ=environ)
    with pytest.raises(TargetBusy, match="cannot be reached"):
        target.prepare()


def test_an_unknown_database(tryton):
    target = open_target(f"{tryton.url}/other", environ=tryton.environ)
    with pytest.raises(TargetError, match="name of the database"):
        target.prepare()


@pytest.mark.parametrize(
    "address",
    [
        "http://crm.example.com/crm",
        "https://ann:hunter2@crm.example.com/crm",
        "https://crm.example.com/a/b",
        "https://crm.example.com",
        "crm.example.com/crm",
        "https://crm.example.com/crm?probability=stage",
        "https://crm.example.com/crm?stage=won",
    ],
)
def test_an_address_that_cannot_be_used(address):
    environ = {"TRYTON_USER": "ann", "TRYTON_PASSWORD": "secret"}
    with pytest.raises(ConfigError) as caught:
        open_target(address, environ=environ)
    assert "hunter2" not in str(caught.value)


def test_the_address_may_stand_in_the_environment(tryton):
    environ = {**tryton.environ, "TRYTON_URL": tryton.address}
    assert open_target("", environ=environ).name == f"tryton:{tryton.address}"
    with pytest.raises(ConfigError, match="TRYTON_URL"):
        open_target("", environ=tryton.environ)


def test_a_redirect_is_not_followed_with_a_password(tryton, proxy):
    proxy.faults = [Fault("instead", "/rpc/", Answer(302, "", {"Location": tryton.url}))]
    target = open_target(proxy.url + "/crm", environ=tryton.environ)
    with pytest.raises(TargetError, match="another address"):
        target.prepare()
    assert len(proxy.calls) == 1


def test_reading_leads_and_deals(tryton):
    first = {"__class__": "Decimal", "decimal": "1234.50"}
    lead, won, lost, sold = tryton.create(4, amount=first)
    opportunity = [int(won), int(sold)]
    tryton.rpc("sale.opportunity.opportunity", opportunity)
    tryton.rpc("sale.opportunity.write", [int(lost)], {"lost_reason": "too dear"})
    tryton.rpc("sale.opportunity.lost", [int(lost)])
    source = open_source(tryton.address, environ=tryton.environ)
    leads = source.read_leads()
    ours = leads.frame.set_index("lead_id").loc[[lead, won, lost, sold]]
    assert ours["stage"].tolist() == ["lead", "opportunity", "lost", "opportunity"]
    assert ours.loc[lost, "discard_reason"] == "too dear"
    assert ours["created_at"].tolist() == ["2026-01-02"] * 4
    assert ours["owner"].tolist() == ["Ann Example"] * 4
    assert not set(leads.frame) & {*FIELDS, "conversion_probability", "updated_at"}
    read_leads(leads.frame)
    deals = source.read_deals()
    ours = deals.frame.set_index("deal_id")
    assert lead not in ours.index
    assert ours.loc[lost, "won"] is False
    assert ours.loc[won, "won"] is None
    assert (ours.loc[won, "value"], ours.loc[won, "currency"]) == ("1234.50", "EUR")
    read_deals(deals.frame)
    assert source.read_touches().frame.empty
    assert source.read_touches().mark is None
    source.close()


def test_only_what_changed_is_read_again(tryton):
    source = open_source(tryton.address, environ=tryton.environ)
    ids = tryton.create(3)
    mark = source.read_leads().mark
    mark = Mark.from_text(mark.to_text())
    assert source.read_leads(mark).frame.empty
    time.sleep(0.01)
    tryton.rpc("sale.opportunity.opportunity", [int(ids[1])])
    (new,) = tryton.create(1)
    again = source.read_leads(mark)
    assert sorted(again.frame["lead_id"]) == sorted([ids[1], new])
    assert source.read_leads(again.mark).frame.empty


def test_pages_lose_nothing(tryton, monkeypatch):
    monkeypatch.setattr("mmm.crm.tryton.source.PAGE", 7)
    tryton.create(15)
    source = open_source(tryton.address, environ=tryton.environ)
    everyone = tryton.rpc("sale.opportunity.search", [], 0, None, None)
    assert sorted(map(int, source.read_leads().frame["lead_id"])) == sorted(everyone)


def test_a_connection_does_not_show_its_user(tryton):
    connection = open_target(tryton.address, environ=tryton.environ)._connection
    assert isinstance(connection, Connection)
    assert PASSWORD not in str(vars(connection))


def test_a_thousand_with_distinct_values_and_unknown_ids_between(tryton, target):
    ids = tryton.create(1000)
    records = [record(lead_id, k) for k, lead_id in enumerate(ids)]
    strangers = ["999999", "0", "no such", "1;DROP TABLE x", "9" * 30, "١"]
    refused = list(target.write([record(s) for s in strangers] + records[:494]))
    refused += target.write(records[494:994])
    refused += target.write(records[994:])
    assert sorted(r.lead_id for r in refused) == sorted(strangers)
    assert not any(r.passing for r in refused)
    assert target.read([*ids, *strangers]) == {r.lead_id: whole(r) for r in records}
    states = tryton.rpc("sale.opportunity.read", [int(i) for i in ids], ["state", NATIVE[13:]])
    assert {(s["state"], s["conversion_probability"]) for s in states} == {("lead", 0.5)}
