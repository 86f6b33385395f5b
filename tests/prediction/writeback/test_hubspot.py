"""A night through HubSpot's official client, against its documented contract: how many calls."""

import random

import numpy as np
import pytest

from mmm.crm.hubspot.target import open_target
from mmm.prediction.writeback import Guards, Pace, same
from mmm.run.writing import Job, write_scores
from tests.crm.faulty_server import Answer, Fault, FaultyServer
from tests.crm.hubspot_server import TOKEN, HubSpot, limited
from tests.prediction.writeback.fakes import changed, make_scores, wanted

N_LEADS = 2_000
LEADS = [str(number) for number in range(1, N_LEADS + 1)]


@pytest.fixture
def server():
    account = HubSpot()
    for lead in LEADS:
        account.add("contacts", lead, lifecyclestage="lead")
    with FaultyServer(account).running() as server:
        opened(server).prepare()
        server.calls.clear()
        yield server


def opened(server):
    return open_target("", environ={"HUBSPOT_TOKEN": TOKEN, "HUBSPOT_API_URL": server.url})


def job_of(folder):
    pace = Pace(n_attempts=20, sleep=lambda seconds: None)
    return Job(folder / "ledger.sqlite", guards=Guards(insist=True), pace=pace)


def holds(server, scores):
    found = opened(server).read(LEADS)
    return all(same(found[lead], fields) for lead, fields in wanted(scores).items())


def test_three_percent_changed_are_as_many_calls_as_hundreds_of_leads(server, tmp_path):
    scores, job = make_scores(leads=LEADS), job_of(tmp_path)
    first = write_scores(scores, opened(server), job)
    assert (first.n_written, first.n_writes) == (N_LEADS, N_LEADS // 100)
    some = np.random.default_rng(0).permutation(N_LEADS)[: N_LEADS * 3 // 100]
    server.calls.clear()
    later = changed(scores, some)
    done = write_scores(later, opened(server), job)
    assert (done.n_written, len(server.calls)) == (60, 1)  # of 100,000 leads 30 calls
    assert holds(server, later)
    server.calls.clear()
    assert write_scores(later, opened(server), job).did == "nothing"
    assert server.calls == []


def test_a_fifth_of_the_calls_goes_wrong_and_all_arrive_in_few_more(server, tmp_path):
    kinds = [
        Fault("instead", answer=limited(Retry_After="1")),
        Fault("instead", answer=Answer(500, "sorry")),
        Fault("after", answer=Answer(502, "sorry")),
        Fault("cut"),
        Fault("cut after"),
    ]
    server.chaos = (random.Random(3), 0.2, kinds)
    scores = make_scores(leads=LEADS)
    done = write_scores(scores, opened(server), job_of(tmp_path))
    n_calls = len(server.calls)
    server.chaos = None
    assert (done.n_written, done.n_refused) == (N_LEADS, 0)
    assert holds(server, scores)
    assert n_calls <= 1.5 * 2 * N_LEADS / 100  # each lead is read once, to be able to undo
    seen = set()
    for lead, properties in server.vendor.writes:
        assert (lead, str(properties)) not in seen  # written once, whatever was cut
        seen.add((lead, str(properties)))
