"""Coordinates in which a log density is close to standard normal, so that few steps cross it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmm.mix.transforms import Floats

Density = Callable[[Floats], tuple[Floats, Floats]]

_BLOCK = 8  # rows of one evaluation; more leave the cache
_DEPENDENT = 2.0  # positions of a warm-up that tell as much as one independent one


@dataclass(frozen=True, eq=False)
class Whitening:
    """An affine map under which the density is close to standard normal: z = centre + q root'.

    Attributes
    ----------
    centre : ndarray, shape (n_parameters,)
    root : ndarray, shape (n_parameters, n_parameters)
    """

    centre: Floats
    root: Floats


def whiten(density: Density, mode: Floats, floor: float = 0.5) -> Whitening:
    """Whiten by the curvature at the mode.

    Parameters
    ----------
    density : callable
    mode : ndarray, shape (n_parameters,)
    floor : float
        Least curvature, so that flat or saddle directions stay finite.

    Returns
    -------
    Whitening
    """
    n_parameters, width = len(mode), 1e-4
    steps = np.vstack([np.eye(n_parameters), -np.eye(n_parameters)]) * width
    slopes = np.vstack(
        [density(mode + steps[i : i + _BLOCK])[1] for i in range(0, len(steps), _BLOCK)]
    )
    hessian = (slopes[n_parameters:] - slopes[:n_parameters]) / (2 * width)
    values, vectors = np.linalg.eigh(0.5 * (hessian + hessian.T))
    return Whitening(mode, vectors / np.sqrt(np.maximum(values, floor)))


def whitened(density: Density, whitening: Whitening) -> Density:
    """Return the density in whitened coordinates."""

    def moved(q: Floats) -> tuple[Floats, Floats]:
        value, gradient = density(whitening.centre + q @ whitening.root.T)
        return value, gradient @ whitening.root

    return moved


def rescale(whitening: Whitening, path: Floats) -> Whitening:
    """Whiten anew by the covariance of what the chains passed through.

    Parameters
    ----------
    whitening : Whitening
    path : ndarray, shape (n_iterations, n_chains, n_parameters)

    Returns
    -------
    Whitening
    """
    seen = path.reshape(-1, path.shape[-1])
    centre = seen.mean(axis=0)
    values, vectors = np.linalg.eigh(shrunk_covariance(seen - centre, _DEPENDENT))
    root = vectors * np.sqrt(values)
    return Whitening(whitening.centre + whitening.root @ centre, whitening.root @ root)


def shrunk_covariance(seen: Floats, dependent: float = 1.0) -> Floats:
    """Return the covariance of few positions, drawn towards its diagonal, and that towards 1.

    Parameters
    ----------
    seen : ndarray, shape (n, n_parameters)
        With mean 0.
    dependent : float
        Positions that tell as much as one independent one.

    Returns
    -------
    ndarray, shape (n_parameters, n_parameters)
        Positive definite.

    References
    ----------
    Ledoit and Wolf 2004, Journal of Multivariate Analysis 88(2), 365-411: how far.

    Examples
    --------
    >>> seen = np.array([[2.0, 1.0], [-2.0, -1.0], [1.0, 2.0], [-1.0, -2.0]])
    >>> shrunk_covariance(seen).round(2).tolist()
    [[2.14, 1.5], [1.5, 2.14]]
    """
    n, n_parameters = seen.shape
    found = seen.T @ seen / n
    away = ((found - found.trace() / n_parameters * np.eye(n_parameters)) ** 2).sum()
    error = (((seen**2).sum(axis=1) ** 2).mean() - (found**2).sum()) * dependent / n
    towards = float(np.clip(error / away, dependent / n, 1.0)) if away > 0 else 1.0
    weight = n / (n + 100.0)
    plain = np.diag(weight * np.diagonal(found) + (1.0 - weight))
    return np.asarray((1.0 - towards) * found + towards * plain)
