"""A process that writes scores and is killed: started quickly, from a server that forks."""

import multiprocessing
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from mmm.crm.open import open_target
from mmm.errors import TargetBusy
from mmm.prediction.writeback import Guards, Pace
from mmm.run.writing import Job, undo, write_scores
from tests.prediction.writeback.fakes import CHUNK, LiteTarget, make_scores

N_LEADS = 60
_HOME = "tests.prediction.writeback.kills"


def opened(text):
    """Open a target with small chunks."""
    target = LiteTarget(text[5:]) if text.startswith("lite:") else open_target(text)
    target.chunk_size = CHUNK
    return target


def job_of(ledger):
    return Job(Path(ledger), guards=Guards(insist=True), step=0.0, pace=Pace(first_seconds=0.01))


def write(text, ledger, seed):
    return write_scores(make_scores(N_LEADS, seed=seed), opened(text), job_of(ledger))


def take_back(text, ledger, batch):
    return undo(opened(text), batch, job_of(ledger))


def tell(results, text, ledger):
    """Write, and put what came of it into a queue."""
    try:
        results.put(write(text, ledger, 0).did)
    except TargetBusy:
        results.put("busy")


def _child(pipe, work, arguments):
    pipe.send("begun")
    work(*arguments)
    pipe.send("done")


def server():
    """A context whose processes start within milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_HOME])
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
