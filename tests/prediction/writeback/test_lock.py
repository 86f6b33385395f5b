"""Of those who want to write at the same instant, one may."""

import multiprocessing
from pathlib import Path

import pytest

from mmm.errors import TargetBusy
from mmm.prediction.writeback.lock import locked

ROUNDS = 300


def ask(barrier, results, folder):
    """Ask for each lock at the instant the other process does, and hold it until both know."""
    got = []
    for number in range(ROUNDS):
        barrier.wait(30)
        try:
            with locked(Path(folder) / f"{number}.sqlite"):
                got.append(True)
                barrier.wait(30)
        except TargetBusy:
            got.append(False)
            barrier.wait(30)
    results.put(got)


def test_one_of_two_at_the_same_instant_holds_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    asking = (barrier, results, str(tmp_path))
    processes = [context.Process(target=ask, args=asking) for _ in range(2)]
    for process in processes:
        process.start()
    first, second = (results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    assert [a + b for a, b in zip(first, second, strict=True)] == [1] * ROUNDS


def test_it_is_free_again_when_its_holder_is_done(tmp_path):
    ledger = tmp_path / "ledger.sqlite"
    refused = pytest.raises(TargetBusy, match="Wait until it has ended")
    with locked(ledger), refused, locked(ledger):
        pass
    with locked(ledger):
        pass
