"""A process that writes scores and is killed: started quickly, from a server that forks."""

import multiprocessing
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mmm.crm.open import open_target
from mmm.errors import TargetBusy
from mmm.prediction.writeback import Guards, Pace
from mmm.run.writing import Job, undo, write_scores
from tests.prediction.writeback.fakes import CHUNK, LiteTarget, make_scores

N_LEADS = 60
LEADS = tuple(f"L{number:05d}" for number in range(N_LEADS))
_HOME = "tests.prediction.writeback.kills"
_CLIENTS = ("tests.prediction.writeback.warm", "psycopg")


@dataclass(frozen=True)
class Place:
    """A system, as a process of its own can open it, and the leads in it."""

    address: str
    leads: tuple[str, ...] = LEADS
    environ: Mapping[str, str] = field(default_factory=dict)

    def opened(self):
        """Open a target with small chunks."""
        lite = self.address.startswith("lite:")
        target = (
            LiteTarget(self.address[5:])
            if lite
            else open_target(self.address, environ={**os.environ, **self.environ})
        )
        target.chunk_size = CHUNK
        return target

    def scores(self, seed):
        return make_scores(seed=seed, leads=list(self.leads))


def job_of(ledger):
    return Job(Path(ledger), guards=Guards(insist=True), step=0.0, pace=Pace(first_seconds=0.01))


def write(place, ledger, seed):
    return write_scores(place.scores(seed), place.opened(), job_of(ledger))


def take_back(place, ledger, batch):
    return undo(place.opened(), batch, job_of(ledger))


def tell(results, place, ledger):
    """Write, and put what came of it into a queue."""
    try:
        results.put(write(place, ledger, 0).did)
    except TargetBusy:
        results.put("busy")


def _child(pipe, work, arguments):
    pipe.send("begun")
    work(*arguments)
    pipe.send("done")


def server():
    """A context whose processes start within milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_HOME, *_CLIENTS])
    return context


def killed(context, work, arguments, seconds):
    """Run a piece of work and kill -9 it after so long; whether that came before its end."""
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(theirs, work, arguments))
    process.start()
    assert ours.recv() == "begun"
    time.sleep(seconds)
    with suppress(ProcessLookupError):  # it has come to its end
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return not ours.poll()
