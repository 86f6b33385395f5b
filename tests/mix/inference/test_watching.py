"""The line for who waits: silent where nobody does, right where somebody does."""

import io
import sys

import numpy as np
import pytest

from mmm.mix.inference.sampler import Sampling, sample
from mmm.mix.inference.watching import Watch, line_in_terminal


def run(total, seconds, show=True):
    """Step through all iterations, each of which takes so many seconds."""
    lines, now = [], iter(seconds * np.arange(total + 2))
    watch = Watch(total, show, lines.append, lambda: float(next(now)))
    for _ in range(total):
        watch.step()
    watch.close()
    return lines


def test_a_long_fit_counts_down_and_leaves_nothing():
    lines = run(100, 0.1)
    left = [int(line.split()[3]) for line in lines[:-1]]
    assert left == sorted(left, reverse=True)
    assert lines[0].startswith("fitting: 5%, about 10 s")
    assert lines[-1] == ""
    assert len(lines) < 60


@pytest.mark.parametrize(("seconds", "show"), [(0.01, True), (1.0, False)])
def test_a_short_fit_and_one_that_nobody_watches_say_nothing(seconds, show):
    assert run(100, seconds, show) == []


def test_chains_that_run_on_take_longer():
    lines, now = [], iter(np.arange(9.0))
    watch = Watch(4, True, lines.append, lambda: float(next(now)))
    watch.step()
    watch.more(4)
    watch.step()
    assert lines == ["fitting: 25%, about 3 s left", "fitting: 25%, about 6 s left"]


def test_a_line_in_a_terminal_covers_the_one_before():
    stream = io.StringIO()
    write = line_in_terminal(stream)
    for line in ("fitting: 9%, about 10 s left", "fitting: 99%", ""):
        write(line)
    assert stream.getvalue().split("\r")[2] == "fitting: 99%" + 16 * " "
    assert stream.getvalue().endswith(12 * " " + "\r")


@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_is_written_to(terminal, monkeypatch):
    class Stream(io.StringIO):
        def isatty(self):
            return terminal

    monkeypatch.setattr(sys, "stderr", stream := Stream())
    monkeypatch.setattr("mmm.mix.inference.watching.in_notebook", lambda: False)
    monkeypatch.setattr("mmm.mix.inference.watching._LONG", 0.0)
    monkeypatch.setattr("mmm.mix.inference.watching._SURE", 0.0)
    monkeypatch.setattr("mmm.mix.inference.watching._EVERY", 0.0)
    draws = sample(
        lambda z: (-0.5 * (z**2).sum(axis=1), -z), 2, Sampling(n_warmup=20, n_draws=20),
        np.random.default_rng(0), lambda z: True,
    )  # fmt: skip
    assert draws.z.shape == (4, 20, 2)
    assert ("fitting" in stream.getvalue()) == terminal
