"""Kill -9 at random moments, for real: nothing lost, nothing doubled, nothing torn."""

import os
import random
import sqlite3
import time
from contextlib import closing

import pytest

from mmm.crm.target import FIELDS
from mmm.prediction.writeback import same
from mmm.run.writing import resume
from tests.crm.conftest import engine_for
from tests.crm.hubspot_server import TOKEN
from tests.prediction.writeback import fakes
from tests.prediction.writeback.fakes import LiteTarget
from tests.prediction.writeback.kills import (
    LEADS,
    N_LEADS,
    Place,
    job_of,
    killed,
    server,
    take_back,
    tell,
    write,
)

AT_REST = 0.05  # seconds until a server has done what a killed client had asked for
N_KILLS = int(os.environ.get("MMM_KILLS", "10"))
SEED = int(os.environ.get("MMM_KILLS_SEED", "7"))  # of the moments: a hundred kills in five parts

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a server that forks")


@pytest.fixture(scope="module")
def context():
    return server()


@pytest.fixture(
    params=[
        "lite",
        "file",
        "sqlite",
        "postgresql",
        "hubspot",
        pytest.param("tryton", marks=pytest.mark.slow),
    ]
)
def place(request, tmp_path):
    kind = request.param
    if kind == "lite":
        LiteTarget.make(tmp_path / "crm.sqlite", LEADS)
        return Place(f"lite:{tmp_path / 'crm.sqlite'}")
    if kind == "file":
        return Place(str(tmp_path / "scores.csv"))
    if kind == "sqlite":
        return watched(Place(f"sqlite:///{tmp_path / 'scores.db'}"))
    if kind == "postgresql":
        return watched(Place(request.getfixturevalue("postgres_database")))
    server = request.getfixturevalue(kind)
    if kind == "tryton":
        count_attachments(server)
        leads = tuple(server.create(N_LEADS))
        return Place(f"tryton:{server.address}", leads, server.environ)
    environ = {"HUBSPOT_TOKEN": TOKEN, "HUBSPOT_API_URL": server.url}
    here = Place("hubspot:", tuple(server.vendor.records["contacts"]), environ)
    here.opened().prepare()
    return here


def watched(place):
    """Let a database count the rows that are written as they were."""
    place.opened().prepare()
    same = " AND ".join(f"OLD.{name} IS NOT DISTINCT FROM NEW.{name}" for name in FIELDS)
    counted = "INSERT INTO doubled VALUES (NEW.lead_id)"
    made = ["CREATE TABLE doubled(lead_id text)"]
    if place.address.startswith("sqlite"):
        made.append(f"CREATE TRIGGER t AFTER UPDATE ON mmm_scores WHEN {same} BEGIN {counted}; END")
    else:
        made += [
            f"CREATE FUNCTION note() RETURNS trigger AS $$ BEGIN {counted}; RETURN NEW; END $$ "
            "LANGUAGE plpgsql",
            f"CREATE TRIGGER t AFTER UPDATE ON mmm_scores FOR EACH ROW WHEN ({same}) "
            "EXECUTE FUNCTION note()",
        ]
    engine = engine_for(place.address)
    with engine.begin() as connection:
        for statement in made:
            connection.exec_driver_sql(statement)
    engine.dispose()
    return place


def count_attachments(server):
    """Let the database of Tryton count texts written as they were, and second attachments."""
    there = "SELECT 1 FROM ir_attachment WHERE resource = NEW.resource AND name = NEW.name"
    made = "TRIGGER IF NOT EXISTS"
    counted = "BEGIN INSERT INTO doubled VALUES (NEW.resource); END"
    with closing(sqlite3.connect(server.folder / "crm.sqlite", timeout=30)) as raw:
        raw.executescript(
            "CREATE TABLE IF NOT EXISTS doubled(lead TEXT); DELETE FROM doubled;"
            f"CREATE {made} same AFTER UPDATE ON ir_attachment "
            f"WHEN OLD.description IS NEW.description {counted};"
            f"CREATE {made} second AFTER INSERT ON ir_attachment "
            f"WHEN EXISTS ({there} AND id <> NEW.id) {counted};"
        )


def doubled(place, request):
    """How often a lead was given what it had; None where the system does not tell."""
    if place.address.startswith("tryton"):
        folder = request.getfixturevalue("tryton").folder
        with closing(sqlite3.connect(folder / "crm.sqlite", timeout=30)) as raw:
            return raw.execute("SELECT count(*) FROM doubled").fetchone()[0]
    if place.address.startswith(("sqlite", "postgresql")):
        engine = engine_for(place.address)
        with engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT count(*) FROM doubled").scalar()
        engine.dispose()
        return found
    if place.address != "hubspot:":
        return None
    last, n = {}, 0
    for lead, properties in request.getfixturevalue("hubspot").vendor.writes:
        n += last.get(lead) == properties
        last[lead] = properties
    return n


def wanted(place, seed):
    return fakes.wanted(place.scores(seed))


def there(place):
    target = place.opened()
    found = target.read(list(place.leads))
    target.close()
    return found


def agrees(place, seed):
    found, right = there(place), wanted(place, seed)
    return found.keys() == right.keys() and all(same(found[lead], right[lead]) for lead in right)


def test_bad_input_41_kill_9_then_resume(place, tmp_path, context, request):
    ledger = str(tmp_path / "ledger.sqlite")
    begun = time.perf_counter()
    write(place, ledger, 0)
    longest = time.perf_counter() - begun
    draw, cut, seed, middle = random.Random(SEED), 0, 0, 0
    while cut < N_KILLS:
        seed += 1
        assert seed <= 6 * N_KILLS
        hit = killed(context, write, (place, ledger, seed), draw.uniform(0.0, longest))
        cut, longest = cut + hit, longest if hit else 0.7 * longest
        time.sleep(AT_REST)
        before = changes(place)
        done = resume(place.opened(), job_of(ledger))
        middle += hit and done.did == "resumed"
        if done.did == "nothing":  # killed before the plan stood, or behind the end
            done = write(place, ledger, seed)
        assert agrees(place, seed)
        assert changes(place) - before <= N_LEADS
        again = write(place, ledger, seed)
        assert (again.did, again.n_writes, again.n_reads) == ("nothing", 0, 0)
    if place.address.startswith("lite:"):  # each of the batches had one effect on each lead
        assert {row[0] for row in place.opened().rows().values()} == {seed + 1}
    assert not doubled(place, request)
    print(f"{place.address.partition(':')[0]}: {cut} kills of {seed} runs, {middle} inside a batch")


def test_bad_input_41_kill_9_in_the_middle_of_an_undo(place, tmp_path, context, request):
    ledger = str(tmp_path / "ledger.sqlite")
    write(place, ledger, 0)
    begun = time.perf_counter()
    write(place, ledger, 100)
    longest = time.perf_counter() - begun
    draw = random.Random(SEED + 1)
    for seed in range(1, max(N_KILLS // 3, 1) + 1):
        kept = there(place)
        batch = write(place, ledger, seed).batch
        killed(context, take_back, (place, ledger, batch), draw.uniform(0.0, longest))
        time.sleep(AT_REST)
        take_back(place, ledger, batch)
        assert there(place) == kept
        assert take_back(place, ledger, batch).did == "nothing"
    assert not doubled(place, request)


def changes(place):
    if not place.address.startswith("lite:"):
        return 0
    return sum(row[0] for row in place.opened().rows().values())


def test_of_two_processes_at_once_one_is_told_to_wait(place, tmp_path, context):
    ledger = str(tmp_path / "ledger.sqlite")
    results = context.Queue()
    processes = [context.Process(target=tell, args=(results, place, ledger)) for _ in range(2)]
    for process in processes:
        process.start()
    said = {results.get(timeout=30) for _ in processes}
    for process in processes:
        process.join()
    assert said in ({"wrote", "busy"}, {"wrote", "nothing"})  # the second may come after the first
    assert agrees(place, 0)
