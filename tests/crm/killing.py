"""A process that writes without end, and is killed at a random moment."""

import random
import signal
import subprocess
import sys
import time

from mmm.crm.open import open_target

IDS = [f"L{number}" for number in range(400)]
PROGRAM = """
import itertools, sys
from mmm.crm import Record
from mmm.crm.open import open_target
from tests.crm.killing import IDS
target = open_target(sys.argv[1], environ={})
target.prepare()
for turn in itertools.count():
    target.write([Record(lead, {"mmm_model": f"{sys.argv[2]}-{turn}"}) for lead in IDS])
    if turn == 0:
        print("writing", flush=True)
"""


def killed_in_the_middle(address, n_kills):
    """Yield, after each kill, the values that the last batch left in the system."""
    rng = random.Random(0)
    for number in range(n_kills):
        command = [sys.executable, "-c", PROGRAM, address, f"run-{number}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "writing\n"
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        target = open_target(address, environ={})
        found = target.read(IDS)
        target.close()
        assert set(found) == set(IDS)
        yield {fields["mmm_model"] for fields in found.values()}
