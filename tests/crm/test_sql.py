"""Databases: SQLite, and a real PostgreSQL."""

import re
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmm.crm import FIELDS, Record
from mmm.crm.open import open_source, open_target
from mmm.crm.sql import target as sql
from mmm.errors import ConfigError, TargetBusy, TargetError, TargetUnsure
from mmm.tables import read_leads
from tests.crm.conftest import engine_for
from tests.crm.killing import IDS, killed_in_the_middle
from tests.crm.records import lead_records, merged, record, with_values

HOSTILE = ['le"ads; drop table x; --', "l'%s :id {}", "Sèmi\u202eקו"]


def ask(url, *statements, **values):
    """Run statements and return the rows of the last one."""
    engine = engine_for(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                result = connection.execute(sa.text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else None
    finally:
        engine.dispose()


def leads_table(url, kind="text", more=""):
    ask(
        url,
        f"CREATE TABLE leads (id {kind} PRIMARY KEY, company text, stage text {more})",
        "INSERT INTO leads (id, company, stage) "
        "VALUES ('1', 'Rossi', 'new'), ('2', 'Verdi', 'won')",
    )


@pytest.fixture
def scores(database):
    """Return a target whose table of scores is there, and how to empty it."""
    target = open_target(database, environ={})
    target.prepare()
    engine = engine_for(database)

    def emptied():
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM mmm_scores")
        return target

    yield emptied
    engine.dispose()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(lead_records(), min_size=1, max_size=3))
def test_what_is_written_is_read(scores, calls):
    target = scores()
    model = {}
    for records in calls:
        refused = {refusal.lead_id for refusal in target.write(records)}
        assert refused <= {""}
        model = with_values(merged(model, records))
    assert target.read([r.lead_id for records in calls for r in records] + ["\x00"]) == model


def test_fields_are_made_once_and_a_dry_run_makes_nothing(database, tmp_path):
    target = open_target(database, environ={})
    assert target.prepare(dry_run=True) == FIELDS
    assert target.adds_leads
    assert not target.read(["a"])
    assert not list(tmp_path.iterdir())
    with pytest.raises(TargetError, match="Create the fields first"):
        target.write([record("a")])
    assert not list(tmp_path.iterdir())
    assert (target.prepare(), target.prepare(), target.prepare(dry_run=True)) == (FIELDS, (), ())
    assert target.write([record("a"), record("a")]) == target.write([record("a")]) == ()
    assert target.read(["a"]) == {"a": record("a").fields}
    assert ask(database, "SELECT count(*) FROM mmm_scores") == [(1,)]


@pytest.mark.parametrize("kind", ["text", "integer", "varchar(40)", "char(3)"])
def test_a_table_of_leads_keeps_what_is_not_ours(database, kind):
    leads_table(database, kind)
    target = open_target(f"{database}#table=leads&key=id", environ={})
    assert target.read(["1"]) == {"1": dict.fromkeys(FIELDS)}
    assert not target.adds_leads
    assert target.prepare() == FIELDS
    refused = target.write([record("1", 0.75), record("3"), record("x'; drop table leads")])
    assert [(r.lead_id, r.reason, r.passing) for r in refused] == [
        ("3", "no such lead in 'leads'", False),
        ("x'; drop table leads", "no such lead in 'leads'", False),
    ]
    assert target.read(["1", "2", "3"]) == {
        "1": record("1", 0.75).fields,
        "2": dict.fromkeys(FIELDS),
    }
    rows = ask(database, "SELECT company, stage, mmm_probability FROM leads ORDER BY id")
    assert rows == [("Rossi", "new", 0.75), ("Verdi", "won", None)]


def test_keys_may_be_uuids(postgres_database):
    lead = str(uuid.UUID(int=7))
    ask(postgres_database, "CREATE TABLE leads (id uuid PRIMARY KEY, name text)")
    ask(postgres_database, f"INSERT INTO leads VALUES ('{lead}', 'x')")
    target = open_target(f"{postgres_database}#table=leads&key=id", environ={})
    target.prepare()
    assert [r.lead_id for r in target.write([record(lead), record("no uuid")])] == ["no uuid"]
    assert set(target.read([lead, "no uuid"])) == {lead}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_bad_input_35_names_and_ids_are_inert(database, hostile):
    engine = engine_for(database)
    table = sa.Table(
        hostile,
        sa.MetaData(),
        sa.Column(f"k{hostile}", sa.Text, primary_key=True),
        sa.Column(f"c{hostile}", sa.Text),
    )
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert().values([[hostile, "mine"]]))
    quoted_name, quoted_key = (sa.engine.url.quote(n, safe="") for n in (hostile, f"k{hostile}"))
    target = open_target(f"{database}#table={quoted_name}&key={quoted_key}", environ={})
    assert target.prepare() == FIELDS
    assert target.write([Record(hostile, {"mmm_reason_1": hostile})]) == ()
    assert target.read([hostile])[hostile]["mmm_reason_1"] == hostile
    with engine.connect() as connection:
        assert connection.scalar(sa.select(table.c[f"c{hostile}"])) == "mine"
    made = open_target(f"{database}#mmm_{quoted_name}", environ={})
    assert made.prepare() == FIELDS
    assert made.write([record(hostile)]) == ()
    assert made.read([hostile]) == {hostile: record(hostile).fields}
    assert set(sa.inspect(engine).get_table_names()) == {hostile, f"mmm_{hostile}"}
    engine.dispose()


def test_a_table_in_another_schema(postgres_database):
    ask(postgres_database, "CREATE SCHEMA crm", "CREATE TABLE crm.leads (lead_id text, name text)")
    ask(postgres_database, "INSERT INTO crm.leads VALUES ('a', 'x')")
    target = open_target(f"{postgres_database}#crm.leads", environ={})
    target.prepare()
    assert target.write([record("a")]) == ()
    assert open_source(f"{postgres_database}#crm.leads").read_leads().frame["name"].tolist() == [
        "x"
    ]


def test_columns_of_other_types_read_back_the_same(database):
    ask(
        database,
        "CREATE TABLE mmm_scores (lead_id varchar(20) PRIMARY KEY, mmm_probability real, "
        "mmm_grade char(1), mmm_reason_1 varchar(99), mmm_reason_2 text, mmm_reason_3 text, "
        "mmm_model text, mmm_scored_at timestamp)",
    )
    target = open_target(database, environ={})
    assert target.prepare() == ()
    target.write([record("a", 0.25)])
    assert target.read(["a"]) == {"a": record("a", 0.25).fields}


def test_unknown_tables_keys_and_fields_are_named(database):
    leads_table(database)
    with pytest.raises(TargetError, match=r"no table 'laeds'; found 'leads'"):
        open_target(f"{database}#laeds", environ={}).prepare()
    with pytest.raises(TargetError, match=r"no column 'lead_id'; found 'id', 'company', 'stage'"):
        open_target(f"{database}#leads", environ={}).prepare()
    target = open_target(f"{database}#table=leads&key=id", environ={})
    with pytest.raises(TargetError, match="has no 'mmm_probability'"):
        target.write([record("1")])
    with pytest.raises(ConfigError, match="'stage' are no fields of ours"):
        target.write([Record("1", {"stage": "won"})])
    with pytest.raises(TargetError, match="Write at most"):
        target.write([record("1")] * (target.chunk_size + 1))


def test_what_no_database_keeps_is_refused_and_the_rest_is_taken(database):
    target = open_target(database, environ={})
    target.prepare()
    bad = [
        Record("zero", {"mmm_reason_1": "a\x00b"}),
        Record("half", {"mmm_model": "\ud800"}),
        Record("nan", {"mmm_probability": float("nan")}),
        Record("when", {"mmm_scored_at": "yesterday"}),
        Record("naive", {"mmm_scored_at": "2025-03-01T05:30:00"}),
        Record("number", {"mmm_grade": 3.0}),
        Record("", {"mmm_grade": "A"}),
    ]
    assert [r.lead_id for r in target.write([record("a"), *bad])] == [r.lead_id for r in bad]
    assert set(target.read([r.lead_id for r in bad] + ["a"])) == {"a"}


def test_letters_that_a_database_lacks_are_refused_for_their_lead(quick_postgres):
    engine = engine_for(quick_postgres).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        )
    engine.dispose()
    target = open_target(quick_postgres.replace("/postgres?", "/latin?"), environ={})
    target.prepare()
    refused = target.write([record("è"), record("a"), record("קו")])
    assert [r.lead_id for r in refused] == ["קו"]
    assert set(target.read(["a", "è"])) == {"a", "è"}


def test_one_lead_that_the_table_refuses_does_not_keep_the_others_out(database, monkeypatch):
    monkeypatch.setattr(sql, "MOST_REFUSED", 20)
    ask(
        database,
        "CREATE TABLE mmm_scores (lead_id text PRIMARY KEY CHECK (lead_id <> 'L13'), "
        "mmm_probability float CHECK (mmm_probability < 0.9), mmm_grade text, mmm_reason_1 text, "
        "mmm_reason_2 text, mmm_reason_3 text, mmm_model text, mmm_scored_at text)",
    )
    target = open_target(database, environ={})
    records = [record(f"L{n}", 0.95 if n == 77 else 0.5) for n in range(100)]
    refused = target.write(records)
    assert {r.lead_id for r in refused} == {"L13", "L77"}
    assert all(re.search("(?i)check constraint", r.reason) for r in refused)
    assert len(target.read([r.lead_id for r in records])) == 98
    with pytest.raises(TargetError, match="more than 20 leads"):
        target.write([record(f"M{n}", 0.95) for n in range(60)] + [record("M", 0.5)])
    assert not target.read(["M"])


def test_a_locked_database_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(sql, "LOCK_SECONDS", 0.1)
    url = f"sqlite:///{tmp_path}/crm.db"
    target = open_target(url, environ={})
    target.prepare()
    engine = sa.create_engine(url)
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(TargetBusy, match="locked") as caught:
            target.write([record("a")])
        other.rollback()
    assert caught.value.retry_after > 0
    assert target.write([record("a")]) == ()
    engine.dispose()


def test_a_locked_row_is_busy(postgres_database, monkeypatch):
    monkeypatch.setattr(sql, "LOCK_SECONDS", 1)
    leads_table(postgres_database)
    target = open_target(f"{postgres_database}#table=leads&key=id", environ={})
    target.prepare()
    engine = engine_for(postgres_database)
    with engine.connect() as other:
        other.exec_driver_sql("UPDATE leads SET stage = 'x' WHERE id = '2'")
        with pytest.raises(TargetBusy, match="lock timeout"):
            target.write([record("1"), record("2")])
        other.rollback()
    assert target.read(["1"])["1"]["mmm_grade"] is None
    assert target.write([record("1"), record("2")]) == ()
    engine.dispose()


@pytest.mark.parametrize(
    ("event", "expected"), [("rollback", None), ("before", TargetBusy), ("commit", TargetUnsure)]
)
def test_a_cut_connection(postgres_database, event, expected):
    target = open_target(postgres_database, environ={})
    target.prepare()
    target.write([record("a", 0.1)])
    armed = [True]

    def cut(connection, *rest):
        if armed and armed.pop():
            pid = connection.connection.driver_connection.info.backend_pid
            ask(postgres_database, f"SELECT pg_terminate_backend({pid})")
            time.sleep(0.05)

    if expected is not None:
        name = "commit" if event == "commit" else "savepoint"
        sa.event.listen(target._engine, name, cut)
        with pytest.raises(expected):
            target.write([record("a", 0.2)])
        assert target.read(["a"])["a"]["mmm_probability"] == 0.1
    assert target.write([record("a", 0.2)]) == ()
    assert target.read(["a"])["a"]["mmm_probability"] == 0.2


def test_a_password_is_asked_for_and_never_told(postgres_database, monkeypatch):
    (hba,) = ask(postgres_database, "SHOW hba_file")[0]
    name = f"anna_{uuid.uuid4().hex[:8]}"
    ask(postgres_database, f"CREATE ROLE {name} LOGIN PASSWORD 'p@ss#w/ord'")
    schema = postgres_database.rpartition("%3D")[2]
    ask(postgres_database, f"GRANT CREATE, USAGE ON SCHEMA {schema} TO {name}")
    with open(hba, "r+") as stream:
        rules = stream.read()
        stream.seek(0)
        stream.write(f"local all {name} scram-sha-256\n{rules}")
    ask(postgres_database, "SELECT pg_reload_conf()")
    address = postgres_database.replace("postgres:@", f"{name}@")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:  # until the server has read its rules again
        try:
            open_target(address, environ={}).prepare(dry_run=True)
        except TargetError:
            break
    wrong = open_target(address, environ={"MMM_DATABASE_PASSWORD": "hunter2-wrong"})
    with pytest.raises(TargetError, match="password authentication failed") as caught:
        wrong.prepare()
    assert type(caught.value) is TargetError
    shown = (
        f"{caught.value!r} {caught.value.__cause__!r} {wrong.name} {wrong._place!r} {vars(wrong)}"
    )
    assert "hunter2" not in shown
    assert name not in wrong.name
    right = open_target(address, environ={"MMM_DATABASE_PASSWORD": "p@ss#w/ord"})
    assert right.prepare() == FIELDS
    ask(postgres_database, f"REVOKE UPDATE, INSERT ON mmm_scores FROM {name}")
    ask(postgres_database, "ALTER TABLE mmm_scores OWNER TO postgres")
    with pytest.raises(TargetError, match="permission denied for table mmm_scores"):
        right.write([record("a")])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda url: re.sub(r"postgres:@", "nobody@", url), TargetError),
        (lambda url: url.replace("/postgres?", "/no_crm?"), TargetError),
        (lambda url: "postgresql://u:secret@127.0.0.1:9/crm", TargetBusy),
    ],
)
def test_a_server_that_cannot_be_reached(postgres_database, change, expected):
    with pytest.raises(TargetError) as caught:
        open_target(change(postgres_database), environ={}).prepare()
    assert type(caught.value) is expected
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("schema", ["missing/folder/crm.db", "file.txt"])
def test_a_file_that_is_no_database(tmp_path, schema):
    (tmp_path / "file.txt").write_text("no database" * 1000)
    with pytest.raises(TargetError, match=r"unable to open|not a database") as caught:
        open_target(f"sqlite:///{tmp_path}/{schema}", environ={}).prepare()
    assert type(caught.value) is TargetError


def test_writers_at_once_lose_nothing(database):
    open_target(database, environ={}).prepare()

    def work(number):
        target = open_target(database, environ={})
        mine = [record(f"{number}-{n}") for n in range(50)]
        shared = [record(f"s{n}") for n in range(50)]
        for turn in range(4):
            while True:
                try:
                    target.write([*mine, *(shared if turn % 2 else reversed(shared))])
                    break
                except TargetBusy:
                    time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ask(database, "SELECT count(*), count(mmm_grade) FROM mmm_scores") == [(200, 200)]


def test_a_kill_leaves_all_or_nothing(database):
    for turns in killed_in_the_middle(database, n_kills=3):
        assert len(turns) == 1
    assert ask(database, "SELECT count(*) FROM mmm_scores") == [(len(IDS),)]


def test_more_leads_than_one_query_asks_for(database, monkeypatch):
    monkeypatch.setattr(sql, "_ASKED", 7)
    target = open_target(database, environ={})
    target.prepare()
    records = [record(f"L{n}", n / 50) for n in range(50)]
    target.write(records)
    assert target.read([r.lead_id for r in records]) == {r.lead_id: r.fields for r in records}


START = datetime(2025, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["timestamp with time zone", "timestamp", "text", "date"])
def test_only_what_changed_is_read(database, kind):
    lite = database.startswith("sqlite")
    ask(
        database,
        f"CREATE TABLE leads (lead_id text, created_at text, size integer, updated_at {kind}, "
        "mmm_grade text)",
    )

    def put(lead, at, size=1):
        given = str(at) if lite or kind == "text" else at
        given = at.date() if kind == "date" and at is not None else given
        given = at if at is None else str(given) if lite else given
        if kind == "timestamp" and at is not None and not lite:
            given = at.replace(tzinfo=None)
        ask(database, "DELETE FROM leads WHERE lead_id = :lead", lead=lead)
        ask(
            database,
            "INSERT INTO leads VALUES (:lead, '2025-01-01', :size, :at, 'A')",
            lead=lead, at=given, size=size,
        )  # fmt: skip

    put("old", START - timedelta(days=9))
    put("a", START)
    put("never told", None)
    source = open_source(database, environ={})
    first = source.read_leads()
    assert sorted(first.frame["lead_id"]) == ["a", "never told", "old"]
    assert list(first.frame.columns) == ["lead_id", "created_at", "size"]
    assert read_leads(first.frame)["size"].tolist() == [1, 1, 1]
    put("same instant", START)
    put("late commit", START - timedelta(minutes=5))
    put("a", START, size=2)
    second = source.read_leads(first.mark)
    changed = ["a", "late commit", "never told", "same instant"]
    assert sorted(second.frame["lead_id"]) == changed
    assert source.read_leads(second.mark).frame["lead_id"].tolist() == ["never told"]
    put("old", START + timedelta(days=1))
    fourth = source.read_leads(second.mark)
    assert sorted(fourth.frame["lead_id"]) == ["never told", "old"]
    assert fourth.mark.at >= (START + timedelta(days=1)).replace(hour=0)


def test_a_table_that_does_not_say_when_is_read_whole(database):
    ask(database, "CREATE TABLE deals (deal_id text)", "INSERT INTO deals VALUES ('d')")
    first = open_source(database, environ={}).read_deals()
    assert (first.mark, len(first.frame)) == (None, 1)
    assert len(open_source(database, environ={}).read_deals(first.mark).frame) == 1
    with pytest.raises(ConfigError, match="no column 'changed'; found 'deal_id'"):
        open_source(f"{database}#updated=changed", environ={}).read_deals()
    with pytest.raises(ConfigError, match="options are 'table', 'key'"):
        open_source(f"{database}#changed=x", environ={})


def test_two_hundred_thousand_cells_of_nothing_new(database):
    frame = pd.DataFrame(
        {"lead_id": [str(n) for n in range(2000)], "created_at": "2025-01-01", "updated_at": START}
    )
    engine = engine_for(database)
    frame.to_sql("leads", engine, index=False)
    engine.dispose()
    source = open_source(database, environ={})
    mark = source.read_leads().mark
    assert len(mark.seen) == 2000
    assert len(source.read_leads(mark).frame) == 0


@pytest.mark.parametrize(
    "address", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"]
)
def test_a_sqlite_address_names_a_file(address):
    with pytest.raises(ConfigError, match="names no file"):
        open_target(address, environ={})


def test_nothing_is_left_behind(tmp_path):
    url = f"sqlite:///{tmp_path}/crm.db"
    target = open_target(url, environ={})
    target.prepare()
    target.write([record("a")])
    assert [p.name for p in Path(tmp_path).iterdir()] == ["crm.db"]
    assert ask(url, "SELECT name FROM sqlite_master WHERE type = 'table'") == [("mmm_scores",)]


def test_new_leads_go_straight_in_and_one_that_came_meanwhile_is_merged(postgres_database):
    target = open_target(postgres_database, environ={})
    target.prepare()
    leads = [f"L{number}" for number in range(50)]
    assert target.read(leads) == {}
    ask(postgres_database, "INSERT INTO mmm_scores (lead_id, mmm_grade) VALUES ('L7', 'D')")
    assert target.write([record(lead, 0.5, "A") for lead in leads]) == ()
    assert target.read(leads) == {lead: record(lead, 0.5, "A").fields for lead in leads}


def test_a_table_without_a_primary_key_takes_none_that_could_not_be_replaced(postgres_database):
    names = ", ".join(f"{name} text" for name in FIELDS)
    ask(postgres_database, f"CREATE TABLE mmm_scores (lead_id text, {names})")
    target = open_target(postgres_database, environ={})
    target.read(["a"])
    with pytest.raises(TargetError, match="no unique or exclusion constraint"):
        target.write([record("a")])


def test_all_of_a_small_table_is_read_as_leads_are_by_key(database, monkeypatch):
    target = open_target(database, environ={})
    target.prepare()
    target.write([record(f"L{number}") for number in range(30)])
    asked = [f"L{number}" for number in range(10, 50)]
    by_key = target.read(asked)
    assert sorted(by_key) == sorted(asked[:20])
    monkeypatch.setattr(sql, "_ASKED", 5)
    assert target.read(asked) == by_key  # 30 rows, 40 asked for: read whole
    assert target.read(asked[:12]) == {lead: by_key[lead] for lead in asked[:12]}


def test_a_row_that_loses_its_last_value_goes_and_a_lead_stays(database):
    leads_table(database)
    for address, stays in ((database, set()), (f"{database}#table=leads&key=id", {"1", "2"})):
        target = open_target(address, environ={})
        target.prepare()
        target.write([record("1"), record("2")])
        half = dict.fromkeys(FIELDS[:3])
        target.write([Record("1", half), Record("2", half)])
        assert set(target.read(["1", "2"])) == {"1", "2"}
        none = dict.fromkeys(FIELDS)
        assert target.write([Record("1", none), Record("2", none)]) == ()
        found = target.read(["1", "2"])
        assert set(found) == stays
        assert all(fields == none for fields in found.values())
    assert ask(database, "SELECT id, company FROM leads ORDER BY id") == [
        ("1", "Rossi"), ("2", "Verdi"),
    ]  # fmt: skip


def test_a_row_that_something_hangs_on_stays_empty(postgres_database):
    target = open_target(postgres_database, environ={})
    target.prepare()
    target.write([record("1"), record("2")])
    ask(
        postgres_database,
        "CREATE TABLE notes (lead text REFERENCES mmm_scores (lead_id))",
        "INSERT INTO notes VALUES ('1')",
    )
    none = dict.fromkeys(FIELDS)
    assert target.write([Record("1", none), Record("2", none)]) == ()
    assert all(fields == none for fields in target.read(["1", "2"]).values())
