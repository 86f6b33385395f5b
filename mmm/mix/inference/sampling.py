"""Which density is sampled: normal noise, heavy tails where the data ask for it, or counts."""

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mmm.mix.inference.diagnostics import has_converged
from mmm.mix.inference.draws import Posterior, draw_posterior, restore_units
from mmm.mix.inference.interweaving import interweave
from mmm.mix.inference.joint import Joint, log_joint
from mmm.mix.inference.noise import (
    START,
    downweighted,
    excess_kurtosis,
    is_heavy,
    renew_weights,
)
from mmm.mix.inference.posterior import Problem
from mmm.mix.inference.problem import Scaled
from mmm.mix.inference.sampler import Draws, Renew, Sampling, Stir, find_mode, sample
from mmm.mix.inference.whitening import Density
from mmm.mix.transforms import Floats

_KEPT = 2000  # draws that answers are made from


def sample_mix(
    panels: Sequence[Scaled], joint: Joint, likelihood: str, sampling: Sampling, seed: int
) -> tuple[Draws, tuple[Posterior, ...]]:
    """Sample the posterior.

    Parameters
    ----------
    panels : sequence of Scaled
        One problem a panel; one, where there are none.
    joint : Joint
        What they have in common.
    likelihood : one of `mmm.mix.inference.problem.LIKELIHOODS`
        As the panels were set up for.
    sampling : Sampling
    seed : int

    Returns
    -------
    draws : Draws
        Of all chains, for diagnosis.
    posteriors : tuple of Posterior
        One a panel, in the units of the data, of the same joint draws.

    """
    rng, problems = np.random.default_rng(seed), [scaled.problem for scaled in panels]
    # The matrices are small: threads of the linear algebra would only wait for each other.
    with threadpool_limits(limits=1):
        density = _density(joint, problems)
        mode = _mode(joint, problems, sampling, rng)
        at = [joint.read(part, mode[None]) for part in joint.parts]
        heavy = likelihood == "student_t" or (
            likelihood == "auto"
            and any(
                is_heavy(excess_kurtosis(problem, z), len(problem.outcome))
                for problem, z in zip(problems, at, strict=True)
            )
        )
        if heavy:
            start = [downweighted(problem, z) for problem, z in zip(problems, at, strict=True)]
            return _sample_heavy(panels, start, joint, sampling, rng)
        draws = sample(
            density, joint.n_parameters, sampling, rng, has_converged,
            stir=_stirring(joint), mode=mode,
        )  # fmt: skip
        flat = draws.z.reshape(-1, joint.n_parameters)
        kept = flat[:: max(len(flat) // _KEPT, 1)]
        return draws, tuple(
            draw_posterior(scaled, joint.read(part, kept), rng)
            for scaled, part in zip(panels, joint.parts, strict=True)
        )


def _density(joint: Joint, problems: Sequence[Problem]) -> Density:
    return lambda z: log_joint(joint, problems, z)


def _mode(
    joint: Joint, problems: Sequence[Problem], sampling: Sampling, rng: np.random.Generator
) -> Floats:
    """Find the mode, of panels with the scale of deviations held at its prior median.

    Beside many deviations the scale has its mode far from where it has its mass.
    """
    density = _density(joint, problems)
    if joint.pooling is None:
        return find_mode(density, joint.n_parameters, sampling.n_starts, rng)
    at = joint.pooling + 1

    def held(z: Floats) -> tuple[Floats, Floats]:
        z = z.copy()
        z[:, at] = 0.0
        value, gradient = density(z)
        gradient[:, at] = 0.0
        return value, gradient

    mode = find_mode(held, joint.n_parameters, sampling.n_starts, rng)
    mode[at] = 0.0
    return mode


def _stirring(joint: Joint) -> Stir | None:
    """Return what moves the parts that panels have in common; None for one panel."""
    return None if joint.pooling is None else lambda z, rng: interweave(joint, z, rng)


def _sample_heavy(
    panels: Sequence[Scaled],
    start: Sequence[Problem],
    joint: Joint,
    sampling: Sampling,
    rng: np.random.Generator,
) -> tuple[Draws, tuple[Posterior, ...]]:
    mode = _mode(joint, start, sampling, rng)
    draws = sample(
        _density(joint, start), joint.n_parameters, sampling, rng, has_converged,
        _renewing(joint, start), _stirring(joint), mode,
    )  # fmt: skip
    kept = slice(None, None, max(len(draws.records) // _KEPT, 1))
    z, record = draws.renewed_z[kept], draws.records[kept]
    posteriors, first = [], 0
    for scaled, part in zip(panels, joint.parts, strict=True):
        stop = first + scaled.problem.linear.design.shape[1]
        sigma, freedom = record[:, stop], record[:, stop + 1]
        own = joint.read(part, z)
        posteriors.append(restore_units(scaled, own, record[:, first:stop], sigma, freedom))
        first = stop + 2
    return draws, tuple(posteriors)


def _renewing(joint: Joint, start: Sequence[Problem]) -> Renew:
    """Return the Gibbs step of all panels; a record is theirs, side by side."""
    now, freedom = list(start), [np.full(1, START)] * len(start)

    def renew(z: Floats, rng: np.random.Generator) -> tuple[Density, Floats]:
        records = []
        for i, part in enumerate(joint.parts):
            old = np.resize(freedom[i], len(z))
            now[i], record = renew_weights(now[i], joint.read(part, z), old, rng)
            freedom[i] = record[:, -1]
            # Kept is what the weights so far were drawn with.
            records.append(np.column_stack([record[:, :-1], old]))
        return _density(joint, list(now)), np.hstack(records)

    return renew
