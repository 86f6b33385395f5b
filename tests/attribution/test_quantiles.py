"""Quantiles of t against SciPy, on either side of where the expansion takes over."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtrit

from mmm.attribution.quantiles import EXPANDED, t_quantile


@given(st.floats(1.0, 1e12), st.floats(1e-9, 0.5))
def test_it_is_the_quantile_of_scipy(freedom, tail):
    # SciPy itself is off by some 1e-13 in far tails.
    assert t_quantile(freedom, 1 - tail) == pytest.approx(stdtrit(freedom, 1 - tail), rel=1e-11)


@pytest.mark.parametrize("chance", [0.6, 0.9, 0.95, 0.9995])
def test_both_ways_meet(chance):
    either = t_quantile(EXPANDED * (1 - 1e-12), chance), t_quantile(EXPANDED, chance)
    assert either[0] == pytest.approx(either[1], rel=1e-12)


def test_a_chain_of_many_deals_needs_no_scipy():
    """It would take longer to load than the chain takes to solve."""
    program = """
import sys
from mmm.attribution import first_touch, markov
from mmm.journeys import Journeys

journeys = Journeys.from_paths(["a > b", "b", "b > a"], [400, 300, 0], nulls=[0, 10, 800])
for result in (first_touch(journeys), markov(journeys)):
    assert (result.lower < result.share).all() and (result.share < result.upper).all()
print(sorted(name for name in sys.modules if name.startswith("scipy")))
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == "[]"
