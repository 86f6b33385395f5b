"""Kill -9 at random moments, for real: nothing lost, nothing doubled, nothing torn."""

import os
import random
import time

import pytest

from mmm.crm.target import FIELDS
from mmm.prediction.writeback.values import same, values_of
from mmm.run.writing import resume
from tests.prediction.writeback.fakes import LiteTarget, make_scores
from tests.prediction.writeback.kills import (
    N_LEADS,
    job_of,
    killed,
    opened,
    server,
    take_back,
    tell,
    write,
)

N_KILLS = int(os.environ.get("MMM_KILLS", "10"))

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a server that forks")


@pytest.fixture(scope="module")
def context():
    return server()


@pytest.fixture(params=["lite", "file", "sqlite", "postgresql"])
def place(request, tmp_path):
    leads = [f"L{i:05d}" for i in range(N_LEADS)]
    if request.param == "lite":
        LiteTarget.make(tmp_path / "crm.sqlite", leads)
        return f"lite:{tmp_path / 'crm.sqlite'}"
    if request.param == "file":
        return str(tmp_path / "scores.csv")
    text = f"sqlite:///{tmp_path / 'scores.db'}"
    if request.param == "postgresql":
        text = request.getfixturevalue("postgres_database")
    target = opened(text)
    target.prepare()
    target.close()
    return text


def wanted(seed):
    scores = make_scores(N_LEADS, seed=seed)
    values = values_of(scores, FIELDS)
    return {str(lead): values(row) for row, lead in enumerate(scores.lead_id)}


def there(place):
    target = opened(place)
    found = target.read(list(wanted(0)))
    target.close()
    return found


def agrees(place, seed):
    found, right = there(place), wanted(seed)
    return found.keys() == right.keys() and all(same(found[lead], right[lead]) for lead in right)


def test_bad_input_41_kill_9_then_resume(place, tmp_path, context):
    ledger = str(tmp_path / "ledger.sqlite")
    begun = time.perf_counter()
    write(place, ledger, 0)
    longest = time.perf_counter() - begun
    draw, cut, seed = random.Random(7), 0, 0
    while cut < N_KILLS:
        seed += 1
        assert seed <= 6 * N_KILLS
        hit = killed(context, write, (place, ledger, seed), draw.uniform(0.0, longest))
        cut, longest = cut + hit, longest if hit else 0.7 * longest
        before = changes(place)
        done = resume(opened(place), job_of(ledger))
        if done.did == "nothing":  # killed before the plan stood, or behind the end
            done = write(place, ledger, seed)
        assert agrees(place, seed)
        assert changes(place) - before <= N_LEADS
        again = write(place, ledger, seed)
        assert (again.did, again.n_writes, again.n_reads) == ("nothing", 0, 0)
    if place.startswith("lite:"):  # each of the batches had one effect on each lead
        assert {row[0] for row in LiteTarget(place[5:]).rows().values()} == {seed + 1}


def test_bad_input_41_kill_9_in_the_middle_of_an_undo(place, tmp_path, context):
    ledger = str(tmp_path / "ledger.sqlite")
    write(place, ledger, 0)
    begun = time.perf_counter()
    write(place, ledger, 100)
    longest = time.perf_counter() - begun
    draw = random.Random(8)
    for seed in range(1, max(N_KILLS // 3, 1) + 1):
        kept = there(place)
        batch = write(place, ledger, seed).batch
        killed(context, take_back, (place, ledger, batch), draw.uniform(0.0, longest))
        take_back(place, ledger, batch)
        assert there(place) == kept
        assert take_back(place, ledger, batch).did == "nothing"


def changes(place):
    if not place.startswith("lite:"):
        return 0
    return sum(row[0] for row in LiteTarget(place[5:]).rows().values())


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
