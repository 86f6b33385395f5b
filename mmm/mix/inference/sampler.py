"""Draws from a log density: mode, whitening, and lock-step Hamiltonian Monte Carlo.

Knows a density and its gradient, and nothing of what they describe. All chains take the same
number of steps, so that every evaluation serves all of them (lock step); the length of the
trajectory is jittered, and adapted by the ChEES criterion (Hoffman, Radul and Sountsov 2021,
AISTATS 130), the step by dual averaging (Hoffman and Gelman 2014, JMLR 15, 1593-1623).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.optimize

from mmm.errors import ConfigError
from mmm.mix.inference.watching import Watch
from mmm.mix.inference.whitening import Density, Whitening, rescale, whiten, whitened
from mmm.mix.transforms import Floats

Renew = Callable[[Floats, np.random.Generator], tuple[Density, Floats]]
Stir = Callable[[Floats, np.random.Generator], Floats]

_MOST_STEPS = 64  # leapfrog steps of one trajectory
_LONGEST = 6.0  # trajectory, where the density is standard normal after whitening
_DIVERGED = 1000.0  # error in energy
_RENEWED = 3  # trajectories between two renewals
_STUCK = 0.05  # of the trajectories lost: a chain stands still
_CAREFUL = 0.95  # acceptance to aim at from then on


@dataclass(frozen=True)
class Sampling:
    """How long and how carefully to sample.

    Attributes
    ----------
    n_chains, n_warmup, n_draws : int
        Chains; iterations a chain to adapt, and to keep.
    n_starts : int
        Starts of the search for the mode.
    acceptance : float
        Mean acceptance that the step size aims at.
    max_rounds : int
        Times `n_draws` that chains may run until they converge, by half as much again each time.
    progress : bool, optional
        Whether to write a line with the time that is left, of fits over two seconds; by default
        where a person watches: a terminal, or a notebook.

    Examples
    --------
    >>> Sampling(n_draws=500).n_draws
    500
    """

    n_chains: int = 4
    n_warmup: int = 300
    n_draws: int = 600
    n_starts: int = 4
    acceptance: float = 0.87
    max_rounds: int = 5
    progress: bool | None = None

    def __post_init__(self) -> None:
        counts = (self.n_chains, self.n_warmup, self.n_draws, self.n_starts, self.max_rounds)
        if min(counts) < 1 or self.n_chains < 2 or not 0 < self.acceptance < 1:
            raise ConfigError(
                f"{self} cannot run; pass at least 2 chains, counts of at least 1 and an "
                "acceptance between 0 and 1."
            )


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of all chains.

    Attributes
    ----------
    z : ndarray, shape (n_chains, n_draws, n_parameters)
    renewed_z, records : ndarray, shape (n_renewed, n_parameters), (n_renewed, n_recorded)
        Positions at which the density was renewed, and what was drawn there; empty without.
    divergences : int
        Trajectories whose energy was lost, after the warm-up.
    acceptance : float
        Mean acceptance.
    n_steps : float
        Mean leapfrog steps of a trajectory.
    """

    z: Floats
    renewed_z: Floats
    records: Floats
    divergences: int
    acceptance: float
    n_steps: float


@dataclass(eq=False)
class Chains:
    """State of all chains in lock step; `q` is whitened.

    Attributes
    ----------
    q, gradient : ndarray, shape (n_chains, n_parameters)
    energy : ndarray, shape (n_chains,)
        Log density.
    step, length : float
        Size of a step, and longest trajectory.
    iteration : int
        Counts the jitter.
    """

    q: Floats
    gradient: Floats
    energy: Floats
    step: float
    length: float
    iteration: int = 0


@dataclass(frozen=True, eq=False)
class Move:
    """What one trajectory did, for adaptation and diagnosis.

    Attributes
    ----------
    acceptance : ndarray, shape (n_chains,)
    stretch : ndarray, shape (n_chains,)
        Gradient of the ChEES criterion in the log length.
    diverged : int
    n_steps : int
    """

    acceptance: Floats
    stretch: Floats
    diverged: int
    n_steps: int


def find_mode(
    density: Density, n_parameters: int, n_starts: int, rng: np.random.Generator
) -> Floats:
    """Maximise a log density by L-BFGS, from 0 and from random starts.

    Parameters
    ----------
    density : callable
        From (n, n_parameters) to densities (n,) and gradients.
    n_parameters, n_starts : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_parameters,)

    Examples
    --------
    >>> normal = lambda z: (-0.5 * ((z - 1) ** 2).sum(axis=1), 1 - z)
    >>> find_mode(normal, 2, 2, np.random.default_rng(0)).round(4).tolist()
    [1.0, 1.0]
    """
    starts = 0.7 * rng.standard_normal((n_starts, n_parameters))
    starts[0] = 0.0

    def loss(z: Floats) -> tuple[float, Floats]:
        value, gradient = density(z[None])
        if not np.isfinite(value[0]):
            return 1e300, np.zeros_like(z)
        return -float(value[0]), -gradient[0]

    found = [
        scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
        for start in starts
    ]
    return np.asarray(min(found, key=lambda result: float(result.fun)).x, dtype=np.float64)


def start_chains(
    density: Density, n_chains: int, n_parameters: int, rng: np.random.Generator
) -> Chains:
    """Start chains around the whitened mode, wide enough to disagree at first."""
    q = rng.standard_normal((n_chains, n_parameters))
    energy, gradient = density(q)
    for _ in range(20):
        lost = ~np.isfinite(energy)
        if not lost.any():
            break
        q[lost] *= 0.5
        energy, gradient = density(q)
    return Chains(q, gradient, energy, step=0.5, length=2.0)


def halton(index: int) -> float:
    """Return the base-2 van der Corput number of an index, in (0, 1).

    Examples
    --------
    >>> [halton(i) for i in range(4)]
    [0.5, 0.25, 0.75, 0.125]
    """
    index, value, part = index + 1, 0.0, 0.5
    while index:
        value += part * (index & 1)
        index >>= 1
        part *= 0.5
    return value


def move(density: Density, chains: Chains, rng: np.random.Generator) -> Move:
    """Move all chains along one trajectory, in place.

    Parameters
    ----------
    density : callable
        Whitened.
    chains : Chains
    rng : numpy.random.Generator

    Returns
    -------
    Move
    """
    n_chains = len(chains.q)
    jitter = halton(chains.iteration)
    chains.iteration += 1
    duration = jitter * chains.length
    n_steps = int(min(max(np.ceil(duration / chains.step), 1), _MOST_STEPS))
    momentum = rng.standard_normal(chains.q.shape)
    before = chains.energy - 0.5 * (momentum**2).sum(axis=1)
    q, p, gradient, energy = chains.q, momentum, chains.gradient, chains.energy
    with np.errstate(all="ignore"):  # a wild trajectory is rejected, and counted
        p = p + 0.5 * chains.step * gradient
        for i in range(n_steps):
            q = q + chains.step * p
            energy, gradient = density(q)
            p = p + (chains.step if i < n_steps - 1 else 0.5 * chains.step) * gradient
        change = energy - 0.5 * (p**2).sum(axis=1) - before
        change = np.where(np.isfinite(change), change, -np.inf)
        acceptance = np.exp(np.minimum(change, 0.0))
        stretch = _stretch(chains.q, q, p, acceptance) * duration
    accept = rng.random(n_chains) < acceptance
    chains.q = np.where(accept[:, None], q, chains.q)
    chains.gradient = np.where(accept[:, None], gradient, chains.gradient)
    chains.energy = np.where(accept, energy, chains.energy)
    return Move(acceptance, stretch, int((change < -_DIVERGED).sum()), n_steps)


def _stretch(start: Floats, end: Floats, momentum: Floats, acceptance: Floats) -> Floats:
    """Return the gradient of the ChEES criterion in the duration, shape (n_chains,)."""
    end = np.where(acceptance[:, None] > 0, end, start)
    momentum = np.where(acceptance[:, None] > 0, momentum, 0.0)
    from_centre = end - np.average(end, axis=0, weights=acceptance + 1e-12)
    before = start - start.mean(axis=0)
    gain = (from_centre**2).sum(axis=1) - (before**2).sum(axis=1)
    return np.asarray(acceptance * gain * (from_centre * momentum).sum(axis=1))


def _warm_up(run: "_Run", chains: Chains, acceptance: float, n_iterations: int) -> Floats:
    """Adapt step and length, in place; return the positions passed.

    Parameters
    ----------
    run : _Run
    chains : Chains
    acceptance : float
        Mean acceptance to aim at.
    n_iterations : int

    Returns
    -------
    ndarray, shape (n_iterations, n_chains, n_parameters)
    """
    centre, error, mean_step = np.log(2 * chains.step), 0.0, 0.0
    log_length, first, second = np.log(chains.length), 0.0, 0.0
    path = np.empty((n_iterations, *chains.q.shape))
    for i in range(1, n_iterations + 1):
        moved = move(run.current, chains, run.rng)
        path[i - 1] = chains.q
        run.advance(chains)
        error += (acceptance - moved.acceptance.mean() - error) / (i + 10)
        log_step = centre - np.sqrt(i) / 0.05 * error
        mean_step += i**-0.75 * (log_step - mean_step)
        chains.step = float(np.exp(log_step))
        slope = moved.stretch.sum() / (moved.acceptance.sum() + 1e-12)
        first, second = 0.9 * first + 0.1 * slope, 0.95 * second + 0.05 * slope**2
        rate = first / (1 - 0.9**i) / (np.sqrt(second / (1 - 0.95**i)) + 1e-12)
        log_length = float(np.clip(log_length + 0.03 * rate, np.log(1.0), np.log(_LONGEST)))
        chains.length = float(np.exp(log_length))
    chains.step = float(np.exp(mean_step))
    return path


def sample(
    density: Density,
    n_parameters: int,
    sampling: Sampling,
    rng: np.random.Generator,
    converged: Callable[[Floats], bool],
    renew: Renew | None = None,
    stir: Stir | None = None,
    mode: Floats | None = None,
) -> Draws:
    """Draw from a log density, longer where the chains do not agree yet.

    Where a chain stands still, all start anew, with smaller steps.

    Parameters
    ----------
    density : callable
        From (n, n_parameters) to log densities (n,) and gradients (n, n_parameters).
    n_parameters : int
    sampling : Sampling
    rng : numpy.random.Generator
    converged : callable
        Judges draws of shape (n_chains, n_draws, n_parameters).
    renew : callable, optional
        Draws what the density is conditioned on, given z of all chains, and returns the density
        given that, and a record of what was drawn: a Gibbs step between trajectories.
    stir : callable, optional
        Moves z of all chains after each trajectory, and leaves the density as it is.
    mode : ndarray, shape (n_parameters,), optional
        Where it was found already.

    Returns
    -------
    Draws
    """
    if mode is None:
        mode = find_mode(density, n_parameters, sampling.n_starts, rng)
    watch = Watch(sampling.n_warmup + sampling.n_draws, sampling.progress)
    run = _Run(density, whiten(density, mode), renew, stir, rng, watch)
    chains = start_chains(run.current, sampling.n_chains, n_parameters, rng)
    first = max(2 * sampling.n_warmup // 5, 1)
    path = _warm_up(run, chains, sampling.acceptance, first)
    run.rewhiten(chains, path[len(path) // 3 :])
    _warm_up(run, chains, sampling.acceptance, max(sampling.n_warmup - first, 1))
    moves: list[Move] = []
    run.renewed.clear()
    kept = run.keep(chains, sampling.n_draws, moves)
    lost = sum(moved.diverged for moved in moves) / kept[..., 0].size
    if lost > _STUCK and sampling.acceptance < _CAREFUL and not converged(kept):
        watch.close()
        careful = replace(sampling, acceptance=_CAREFUL)
        return sample(density, n_parameters, careful, rng, converged, renew, stir, mode)
    most = sampling.max_rounds * sampling.n_draws
    while kept.shape[1] < most and not converged(kept):
        more = min((kept.shape[1] + 1) // 2, most - kept.shape[1])
        watch.more(more)
        kept = np.concatenate([kept, run.keep(chains, more, moves)], axis=1)
    watch.close()
    positions, records = run.recorded()
    return Draws(
        z=kept,
        renewed_z=positions,
        records=records,
        divergences=sum(moved.diverged for moved in moves),
        acceptance=float(np.mean([moved.acceptance.mean() for moved in moves])),
        n_steps=float(np.mean([moved.n_steps for moved in moves])),
    )


class _Run:
    """A density in whitened coordinates, renewed after each trajectory where it asks for it."""

    def __init__(
        self,
        density: Density,
        whitening: Whitening,
        renew: Renew | None,
        stir: Stir | None,
        rng: np.random.Generator,
        watch: Watch,
    ) -> None:
        self.watch = watch
        self.density, self.whitening, self.rng = density, whitening, rng
        self.renew, self.stir = renew, stir
        self.current = whitened(density, whitening)
        self.renewed: list[tuple[Floats, Floats]] = []

    def position(self, q: Floats) -> Floats:
        return self.whitening.centre + q @ self.whitening.root.T

    def rewhiten(self, chains: Chains, path: Floats) -> None:
        z = self.position(chains.q)
        self.whitening = rescale(self.whitening, path)
        self._refresh(chains, z)

    def advance(self, chains: Chains) -> None:
        self.watch.step()
        renewed = self.renew is not None and chains.iteration % _RENEWED == 0
        if not renewed and self.stir is None:
            return
        z = self.position(chains.q)
        if self.stir is not None:
            z = self.stir(z, self.rng)
        if renewed and self.renew is not None:
            self.density, record = self.renew(z, self.rng)
            self.renewed.append((z, record))
        self._refresh(chains, z)

    def recorded(self) -> tuple[Floats, Floats]:
        if not self.renewed:
            return np.empty((0, len(self.whitening.centre))), np.empty((0, 0))
        positions, records = zip(*self.renewed, strict=True)
        return np.concatenate(positions), np.concatenate(records)

    def _refresh(self, chains: Chains, z: Floats) -> None:
        self.current = whitened(self.density, self.whitening)
        chains.q = np.asarray(np.linalg.solve(self.whitening.root, (z - self.whitening.centre).T)).T
        chains.energy, chains.gradient = self.current(chains.q)

    def keep(self, chains: Chains, n_draws: int, moves: list[Move]) -> Floats:
        kept = np.empty((len(chains.q), n_draws, chains.q.shape[1]))
        for i in range(n_draws):
            moves.append(move(self.current, chains, self.rng))
            kept[:, i] = self.position(chains.q)
            self.advance(chains)
        return kept
