"""Random draws built on uniform numbers alone, so that a seed means the same everywhere."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def categories(rng: np.random.Generator, weights: Sequence[float], size: int) -> Ints:
    """Draw category codes with the given weights.

    Examples
    --------
    >>> categories(np.random.default_rng(0), [0.0, 1.0], 3).tolist()
    [1, 1, 1]
    """
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    codes = np.searchsorted(edges / edges[-1], rng.random(size), side="right")
    return np.asarray(codes, dtype=np.int64)


def waiting(rng: np.random.Generator, mean: float, size: int) -> Floats:
    """Draw exponential waiting times."""
    return np.asarray(-mean * np.log1p(-rng.random(size)), dtype=np.float64)


def spread(rng: np.random.Generator, median: float, sigma: float, size: int) -> Floats:
    """Draw positive numbers around a median, log-normally."""
    return np.asarray(median * np.exp(sigma * rng.standard_normal(size)), dtype=np.float64)


def between(rng: np.random.Generator, low: float, high: float, size: int) -> Floats:
    """Draw numbers evenly between two bounds."""
    return np.asarray(low + (high - low) * rng.random(size), dtype=np.float64)


def sigmoid(logit: Floats) -> Floats:
    """Probability of a logit.

    Examples
    --------
    >>> sigmoid(np.array([0.0])).tolist()
    [0.5]
    """
    return np.asarray(1.0 / (1.0 + np.exp(-logit)), dtype=np.float64)
