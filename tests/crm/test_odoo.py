"""Scores in Odoo, against a local server that keeps its documented contract."""

import logging

import pytest

from mmm import read_deals, read_leads, read_touches
from mmm.crm.odoo.session import connect
from mmm.crm.odoo.target import OdooTarget, open_source, open_target
from mmm.crm.source import Mark
from mmm.crm.target import FIELDS, Record
from mmm.errors import ConfigError, TargetBusy, TargetError, TargetUnsure
from tests.crm.faulty_server import Answer, Fault, FaultyServer
from tests.crm.odoo_server import DATABASE, KEY, USER, Odoo, Raised

EMPTY = dict.fromkeys(FIELDS)
ENVIRON = {"ODOO_USER": USER, "ODOO_API_KEY": KEY, "ODOO_DB": DATABASE}
HOSTILE = [
    '=HYPERLINK("http://example.com")',
    "<script>alert(1)</script> & 'x'; DROP TABLE crm_lead; --",
    'two\nlines, "quoted"; and\ttab',
    "Łódź 日本 \u202eright to left\u200f é e\u0301 😀",
]


@pytest.fixture
def odoo():
    odoo = Odoo()
    for n in range(1, 6):
        odoo.add(n)
    return odoo


@pytest.fixture
def server(odoo):
    with FaultyServer(odoo).running() as server:
        yield server


@pytest.fixture
def target(server):
    target = open_target(server.url, environ=ENVIRON)
    target.prepare()
    server.calls.clear()
    return target


@pytest.fixture
def source(server):
    return open_source(f"{server.url}/{DATABASE}", environ=ENVIRON)


def hasty(server):
    target = OdooTarget(connect(server.url, ENVIRON))
    target.prepare()
    target._connection._timeout = 0.3
    return target


def record(lead_id, k=0, **more):
    fields = {
        "mmm_probability": (k * 7919 % 1000 + 1) / 1001,
        "mmm_grade": "ABCD"[k % 4],
        "mmm_reason_1": f"reason {k}",
        "mmm_reason_2": None,
        "mmm_model": "m-1",
        "mmm_scored_at": "2026-11-23T01:02:03+00:00",
    }
    return Record(str(lead_id), {**fields, **more})


def whole(record):
    return {**EMPTY, **record.fields}


def test_a_thousand_with_distinct_values_and_unknown_ids_between(odoo, server, target):
    ids = [odoo.add(n) for n in range(1, 1001)]
    records = [record(lead_id, k) for k, lead_id in enumerate(ids)]
    strangers = ["99999", "0", "no such", "1;DROP TABLE x", "9" * 30, "١", "a.b.c"]
    before = {n: dict(lead) for n, lead in odoo.leads.items()}
    refused = list(target.write([record(s) for s in strangers] + records[:493]))
    refused += target.write(records[493:993])
    refused += target.write(records[993:])
    assert sorted(r.lead_id for r in refused) == sorted(strangers)
    assert target.read([*ids, *strangers]) == {r.lead_id: whole(r) for r in records}
    theirs = {"name", "stage_id", "probability", "active", "create_date"}
    assert all(odoo.leads[n][k] == before[n][k] for n in odoo.leads for k in theirs)
    assert len(odoo.leads) == 1000  # none created
    assert odoo.written == {f"x_{name}" for name in FIELDS} - {"x_mmm_reason_3"}


def test_a_chunk_is_one_call(odoo, server, target):
    target.write([record(1)])
    server.calls.clear()
    target.write([record(n, n) for n in odoo.leads])
    assert len(server.calls) == 1


def test_written_twice_is_as_written_once(odoo, target):
    records = [record(n, n) for n in odoo.leads]
    target.write(records)
    stands = target.read([r.lead_id for r in records])
    assert target.write(records) == ()
    assert target.read([r.lead_id for r in records]) == stands


def test_undo_brings_back_what_was_there(target):
    target.write([record(2, 1)])
    before = target.read(["1", "2"])
    assert before == {"1": EMPTY, "2": whole(record(2, 1))}
    target.write([record(1, 2), record(2, 3, mmm_reason_1=None)])
    assert target.read(["1", "2"]) != before
    assert target.write([Record(lead_id, fields) for lead_id, fields in before.items()]) == ()
    assert target.read(["1", "2"]) == before


def test_a_probability_of_nothing_is_kept_beside_another_field(target):
    target.write([record(1, mmm_probability=0.0), Record("2", {"mmm_probability": 0.0})])
    read = target.read(["1", "2"])
    assert read["1"]["mmm_probability"] == 0.0
    assert read["2"] == EMPTY


def test_some_fields_leave_the_others_as_they_are(target):
    target.write([record(1, 5), record(2, 6)])
    refused = target.write([Record("1", {"mmm_grade": "D", "mmm_model": None}), record(2, 7)])
    assert refused == ()
    changed = {"mmm_grade": "D", "mmm_model": None}
    assert target.read(["1"])["1"] == {**whole(record(1, 5)), **changed}
    assert target.read(["2"])["2"] == whole(record(2, 7))


def test_what_people_change_meanwhile_stays(odoo, target):
    target.read(["1"])
    odoo.edit(1, name="Bigger", stage_id=[2, "Qualified"])
    assert target.write([record(1)]) == ()
    assert (odoo.leads[1]["name"], odoo.leads[1]["stage_id"]) == ("Bigger", [2, "Qualified"])


def test_archived_leads_are_leads(odoo, target):
    odoo.edit(3, active=False)
    assert target.write([record(3, 1)]) == ()
    assert target.read(["3"])["3"] == whole(record(3, 1))


def test_external_ids_name_leads(odoo, target):
    odoo.external[("website", "lead_17")] = 4
    odoo.external[("website", "a.b")] = 5
    refused = target.write([record("website.lead_17", 1), record("website.a.b", 2), record("x.y")])
    assert [r.lead_id for r in refused] == ["x.y"]
    assert target.read(["4"])["4"] == whole(record(4, 1))
    assert target.read(["website.a.b", "5"])["website.a.b"] == whole(record(5, 2))


def test_the_zone_of_the_user_moves_no_instant(odoo, target):
    target.write([record(1, mmm_scored_at="2026-07-01T09:00:00+02:00")])
    assert odoo.leads[1]["x_mmm_scored_at"] == "2026-07-01 07:00:00"
    assert target.read(["1"])["1"]["mmm_scored_at"] == "2026-07-01T07:00:00+00:00"


@pytest.mark.parametrize("name", HOSTILE)
def test_bad_input_35_hostile_text_comes_back_as_it_was(target, name):
    hostile = record(1, mmm_reason_1=name, mmm_model=name)
    assert target.write([hostile]) == ()
    assert target.read(["1"])["1"] == whole(hostile)


def test_rows_that_odoo_names_are_left_out_and_the_others_sent(odoo, server, target):
    odoo.refuse = {3: "Lead of ann@acme.com is locked by a rule"}
    target.write([record(1)])
    server.calls.clear()
    refused = target.write([record(n, n) for n in odoo.leads])
    assert [(r.lead_id, r.passing) for r in refused] == [("3", False)]
    assert "locked by a rule" in refused[0].reason
    assert "ann@acme.com" not in refused[0].reason
    assert len(server.calls) == 2
    read = target.read([str(n) for n in odoo.leads])
    assert read.pop("3") == EMPTY
    assert read == {str(n): whole(record(n, n)) for n in (1, 2, 4, 5)}


def test_more_errors_than_odoo_shows_at_once(odoo, target):
    for n in range(1, 101):
        odoo.add(n)
    odoo.refuse = {n: "no" for n in range(20, 55)}
    refused = target.write([record(n, n) for n in odoo.leads])
    assert sorted(int(r.lead_id) for r in refused) == list(range(20, 55))
    assert len([f for f in target.read([str(n) for n in odoo.leads]).values() if f != EMPTY]) == 65


def test_prepare_creates_what_is_missing_and_once(odoo, server):
    target = open_target(server.url, environ=ENVIRON)
    odoo.types["x_mmm_grade"] = "char"
    missing = tuple(f"x_{name}" for name in FIELDS if name != "mmm_grade")
    assert target.prepare(dry_run=True) == missing
    assert "x_mmm_probability" not in odoo.types
    assert target.prepare() == missing
    assert target.prepare() == ()
    assert odoo.types["x_mmm_probability"] == "float"
    assert odoo.types["x_mmm_scored_at"] == "datetime"


def test_a_field_of_another_type_is_not_written_over(odoo, server):
    odoo.types["x_mmm_probability"] = "char"
    with pytest.raises(TargetError, match="x_mmm_probability"):
        open_target(server.url, environ=ENVIRON).prepare()


def test_who_may_not_change_settings_is_told(odoo, server):
    odoo.may_change_settings = False
    with pytest.raises(TargetError, match="may change settings"):
        open_target(server.url, environ=ENVIRON).prepare()


def test_writing_without_the_fields_is_told(server):
    target = open_target(server.url, environ=ENVIRON)
    for call in (lambda: target.read(["1"]), lambda: target.write([record(1)])):
        with pytest.raises(TargetError, match="Create them first") as caught:
            call()
        assert "Traceback" not in str(caught.value)


def test_a_time_out_is_unsure_and_reading_back_tells(odoo, server, target):
    quick = hasty(server)
    server.faults = [Fault("stall", "/jsonrpc")]
    with pytest.raises(TargetUnsure, match=r"TimeoutError.*read back"):
        quick.write([record(1, 1)])
    assert target.read(["1"])["1"] == whole(record(1, 1))


@pytest.mark.parametrize("kind", ["cut", "cut after", "torn"])
def test_a_cut_connection_is_unsure(server, target, kind):
    target.read(["1"])
    server.faults = [Fault(kind, "/jsonrpc")]
    with pytest.raises(TargetUnsure):
        target.write([record(1, 1)])
    assert (target.read(["1"])["1"] == EMPTY) == (kind == "cut")
    assert target.write([record(1, 1)]) == ()
    assert target.read(["1"])["1"] == whole(record(1, 1))


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_failure_behind_the_work_is_unsure(server, target, status):
    target.read(["1"])
    server.faults = [Fault("after", "/jsonrpc", Answer(status, "sorry"))]
    with pytest.raises(TargetUnsure, match=str(status)):
        target.write([record(1, 1)])


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_system_says_how_long_to_wait(server, target, status):
    target.read(["1"])
    server.faults = [Fault("instead", "/jsonrpc", Answer(status, "", {"Retry-After": "7"}))]
    with pytest.raises(TargetBusy) as caught:
        target.write([record(1, 1)])
    assert caught.value.retry_after == 7.0
    assert target.read(["1"])["1"] == EMPTY


def test_a_call_that_only_reads_is_never_unsure(server, target):
    server.faults = [Fault("cut", "/jsonrpc")]
    with pytest.raises(TargetBusy):
        target.read(["1"])


def test_a_lock_is_busy(odoo, target):
    lock = "could not serialize access due to concurrent update"
    odoo.raises = [Raised("psycopg2.errors.SerializationFailure", lock)]
    with pytest.raises(TargetBusy):
        target.write([record(1)])
    assert target.write([record(1)]) == ()


def test_busy_behind_a_part_is_unsure(server, target):
    target.read(["1"])
    answer, n = server.vendor.answer, iter(range(9))

    def second(request):
        return Answer(429, "") if next(n) else answer(request)

    server.vendor.answer = second
    with pytest.raises(TargetUnsure, match="before"):
        target.write([Record("1", {"mmm_grade": "A"}), Record("2", {"mmm_model": "m"})])


def test_a_session_that_ended_is_begun_again(odoo, target):
    target.read(["1"])
    odoo.signed_out = True
    assert target.write([record(1, 1)]) == ()
    assert target.read(["1"])["1"] == whole(record(1, 1))


def test_a_wrong_key_is_told_without_it(server, caplog):
    caplog.set_level(logging.DEBUG)
    word = "hunter2-secret"
    target = open_target(server.url, environ={**ENVIRON, "ODOO_API_KEY": word})
    with pytest.raises(TargetError, match="ODOO_API_KEY") as caught:
        target.prepare()
    assert not isinstance(caught.value, (TargetBusy, TargetUnsure))
    connection = target._connection
    shown = f"{caught.value!r} {caught.value.__cause__} {target!r} {vars(connection)} {caplog.text}"
    assert word not in shown


def test_a_key_that_was_withdrawn_is_told_without_the_trace(odoo, target):
    denied = Raised("odoo.exceptions.AccessDenied", "Access Denied")
    odoo.raises = [denied, denied]
    with pytest.raises(TargetError, match="ODOO_API_KEY") as caught:
        target.write([record(1)])
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Raised("odoo.exceptions.AccessError", "No access for ann@acme.com"), "refuses"),
        (Raised("builtins.ZeroDivisionError", "division by zero"), "ZeroDivisionError"),
    ],
)
def test_an_error_in_the_body_is_told_without_persons_and_trace(odoo, target, error, said):
    odoo.raises = [error]
    with pytest.raises(TargetError, match=said) as caught:
        target.write([record(1)])
    assert not isinstance(caught.value, (TargetBusy, TargetUnsure))
    assert "ann@acme.com" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_an_unknown_database(server):
    target = open_target(f"{server.url}/other", environ=ENVIRON)
    with pytest.raises(TargetError, match="ODOO_DB"):
        target.prepare()


@pytest.mark.parametrize("body", [[1], {"hello": 1}])
def test_what_is_no_odoo(server, body):
    server.faults = [Fault("instead", "/jsonrpc", Answer(200, body))]
    with pytest.raises(TargetError, match="no Odoo"):
        open_target(server.url, environ=ENVIRON).prepare()


@pytest.mark.parametrize(
    "address",
    [
        "http://crm.example.com/crm",
        "https://ann:hunter2@crm.example.com/crm",
        "https://crm.example.com/a/b",
        "https://crm.example.com/crm?stage=won",
    ],
)
def test_an_address_that_cannot_be_used(address):
    with pytest.raises(ConfigError) as caught:
        open_target(address, environ=ENVIRON)
    assert "hunter2" not in str(caught.value)


def test_what_the_environment_lacks_is_told(server):
    for name in ("ODOO_USER", "ODOO_API_KEY", "ODOO_DB"):
        environ = {k: v for k, v in ENVIRON.items() if k != name}
        with pytest.raises(ConfigError, match=name):
            open_target(server.url, environ=environ)
    with pytest.raises(ConfigError, match="ODOO_URL"):
        open_target("", environ=ENVIRON)
    environ = {**ENVIRON, "ODOO_URL": server.url}
    assert open_target("", environ=environ).name == f"odoo:{server.url}/{DATABASE}"


def company(odoo):
    ann, acme = [11, "Acme, Ann"], [10, "Acme"]
    odoo.add(6, partner_id=ann, commercial_partner_id=acme, source_id=[1, "google"],
             medium_id=[2, "cpc"], campaign_id=[3, "=spring"], user_id=[5, "Bob"],
             is_blacklisted=True)  # fmt: skip
    odoo.add(7, type="opportunity", partner_id=ann, commercial_partner_id=acme, probability=100.0,
             expected_revenue=1234.5, date_closed="2026-02-28 10:00:00",
             date_conversion="2026-02-01 10:00:00", create_date="2026-01-01 10:00:00")  # fmt: skip
    odoo.add(8, type="opportunity", active=False, probability=0.0, lost_reason_id=[1, "too dear"],
             date_closed="2026-02-28 10:00:00", create_date="2026-01-01 10:00:00")  # fmt: skip
    odoo.add(9, type="opportunity", date_deadline="2026-06-01")


def test_reading_leads_touches_and_deals(odoo, target, source):
    company(odoo)
    target.write([record(6)])
    leads = source.read_leads().frame
    assert len(leads) == 9
    assert not set(leads) & {*FIELDS, *(f"x_{n}" for n in FIELDS), "probability", "updated_at"}
    ours = leads.set_index("lead_id")
    assert ours.loc["6", ["person_id", "account_id", "source", "owner"]].tolist() == [
        "11", "10", "google", "Bob",
    ]  # fmt: skip
    assert ours.loc["6", "opted_out"] is True
    assert ours.loc["1", "person_id"] == "lead-1"
    assert ours.loc["8", "discard_reason"] == "too dear"
    assert ours.loc["7", "sql_at"] == "2026-02-01T10:00:00+00:00"
    touches = source.read_touches().frame
    assert touches["touch_id"].tolist() == ["lead-6"]
    assert touches.loc[0, "campaign"] == "=spring"
    deals = source.read_deals().frame.set_index("deal_id")
    assert deals["won"].tolist() == [True, False, None]
    assert deals.loc["7", ["value", "currency"]].tolist() == ["1234.5", "EUR"]
    assert deals.loc["9", "expected_on"] == "2026-06-01"
    assert len(read_leads(leads)) == 9
    assert len(read_touches(touches)) == 1
    assert len(read_deals(deals.reset_index())) == 3


def test_only_what_changed_is_read_again(odoo, server, source):
    mark = Mark.from_text(source.read_leads().mark.to_text())
    assert source.read_leads(mark).frame.empty
    # Odoo is asked for what changed, and does not hand over everything.
    asked = server.calls[-1].json["params"]["args"][5][0]
    assert ["write_date", ">=", mark.floor.strftime("%Y-%m-%d %H:%M:%S")] in asked
    odoo.edit(2, name="Changed")
    odoo.add(6)
    again = source.read_leads(mark)
    assert again.frame["lead_id"].tolist() == ["2", "6"]
    assert source.read_leads(again.mark).frame.empty


def test_pages_lose_nothing(odoo, source, monkeypatch):
    monkeypatch.setattr("mmm.crm.odoo.source.PAGE", 7)
    for n in range(1, 30):
        odoo.add(n * 3)
    assert source.read_leads().frame["lead_id"].tolist() == [str(n) for n in sorted(odoo.leads)]


def test_reading_goes_on_behind_a_limit(odoo, server, source):
    server.faults = [Fault("instead", "/jsonrpc", Answer(429, "", {"Retry-After": "0"}), times=2)]
    assert len(source.read_leads().frame) == 5


def test_an_older_odoo_lacks_some_fields(odoo, source):
    for name in ("is_blacklisted", "commercial_partner_id", "date_conversion"):
        del odoo.types[name]
    assert len(source.read_leads().frame) == 5
