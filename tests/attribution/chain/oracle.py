"""Absorbing chains of any order by plain dictionaries: one linear system a removed channel."""

from collections import defaultdict
from itertools import pairwise

import numpy as np


class Oracle:
    """Chain of order k straight from its definition.

    A state is a tuple of the last k channels; a journey of fewer touches is one state. Equal
    states in a row count once.
    """

    def __init__(self, rows, order):
        self.moves, self.out = defaultdict(float), defaultdict(float)
        self.payoff, self.first = defaultdict(float), defaultdict(float)
        self.weight = 0.0
        for path, weight, amount in rows:
            grams = [tuple(path[i : i + order]) for i in range(max(1, len(path) - order + 1))]
            walk = [g for i, g in enumerate(grams) if i == 0 or grams[i - 1] != g]
            self.weight += weight
            self.first[walk[0]] += weight
            for here, there in pairwise(walk):
                self.moves[here, there] += weight
            for state in walk:
                self.out[state] += weight
            self.payoff[walk[-1]] += amount
        self.states = [state for state, out in self.out.items() if out]

    def expected(self, kept, rerouted=frozenset()):
        """Expected amount per journey where only some states are kept.

        What leads to a rerouted state is left out of the rows of others, and of the start.
        """
        out = {
            i: self.out[i] - sum(self.moves.get((i, j), 0.0) for j in rerouted) for i in self.out
        }
        live = {i for i in self.states if kept(i) and self.payoff[i] > 0 and out[i] > 1e-12}
        # A state that no payoff can be reached from is worth nothing.
        while more := {
            i for (i, j), n in self.moves.items() if n and j in live and i not in live and kept(i)
        }:
            live |= more
        known = sorted(live)
        if not known:
            return 0.0
        q = np.array([[self.moves.get((i, j), 0.0) / out[i] for j in known] for i in known])
        r = np.array([self.payoff[i] / out[i] for i in known])
        s = np.array([self.first[i] for i in known])
        begun = self.weight - sum(self.first[i] for i in rerouted)
        return float(s @ np.linalg.solve(np.eye(len(known)) - q, r)) / begun if begun else 0.0

    def effect(self, channel, reroute=False):
        """Removal effect of a channel, by solving the chain with and without it."""
        holds = frozenset(state for state in self.states if channel in state)
        whole = self.expected(lambda state: True)
        if not holds:
            return 0.0
        without = self.expected(lambda state: state not in holds, holds if reroute else frozenset())
        return 1 - without / whole
