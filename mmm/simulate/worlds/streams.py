"""Independent random numbers for each part of a simulated company."""

from zlib import crc32

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Streams:
    """Random generators by name: a change of one part leaves the other parts as they were.

    Parameters
    ----------
    seed : int
        Seed of the company, 0 or more.
    making : str
        Its making; the same seed in another making is another company.
    """

    def __init__(self, seed: int, making: str) -> None:
        self._key = (seed, crc32(making.encode()))

    def __call__(self, part: str) -> np.random.Generator:
        """Return the generator of `part`, at its beginning."""
        return np.random.default_rng([*self._key, crc32(part.encode())])


def standardised(values: Floats) -> Floats:
    """Return `values` with mean 0 and standard deviation 1; constants become 0."""
    spread = float(values.std())
    centred = values - values.mean()
    return np.asarray(centred / spread if spread > 0 else centred)


def autoregressive(rng: np.random.Generator, n: int, memory: float) -> Floats:
    """Return a stationary first-order autoregression with variance 1, shape (n,)."""
    values = np.empty(n)
    state = rng.standard_normal()
    for position in range(n):
        values[position] = state
        state = memory * state + np.sqrt(1 - memory**2) * rng.standard_normal()
    return values
