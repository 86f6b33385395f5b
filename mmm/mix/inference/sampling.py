"""Which density is sampled: normal noise, or noise with heavy tails where the data ask for it."""

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mmm.errors import ConfigError
from mmm.mix.inference.diagnostics import has_converged
from mmm.mix.inference.draws import Posterior, draw_posterior, restore_units
from mmm.mix.inference.noise import downweighted, excess_kurtosis, is_heavy, renewing
from mmm.mix.inference.posterior import log_posterior
from mmm.mix.inference.problem import Scaled
from mmm.mix.inference.sampler import Draws, Sampling, find_mode, sample
from mmm.mix.transforms import Floats

LIKELIHOODS = ("auto", "normal", "student_t")
_KEPT = 2000  # draws that answers are made from


def sample_mix(
    scaled: Scaled, likelihood: str, sampling: Sampling, seed: int
) -> tuple[Draws, Posterior]:
    """Sample the posterior.

    Parameters
    ----------
    scaled : Scaled
    likelihood : {"auto", "normal", "student_t"}
    sampling : Sampling
    seed : int

    Returns
    -------
    draws : Draws
        Of all chains, for diagnosis.
    posterior : Posterior
        In the units of the data.

    Raises
    ------
    ConfigError
        If the likelihood is unknown.
    """
    if likelihood not in LIKELIHOODS:
        raise ConfigError(f"likelihood is {likelihood!r}; pass one of {', '.join(LIKELIHOODS)}.")
    rng, problem = np.random.default_rng(seed), scaled.problem
    # The matrices are small: threads of the linear algebra would only wait for each other.
    with threadpool_limits(limits=1):
        mode = find_mode(
            lambda z: log_posterior(problem, z), problem.n_parameters, sampling.n_starts, rng
        )
        heavy = likelihood == "student_t" or (
            likelihood == "auto"
            and is_heavy(excess_kurtosis(problem, mode[None]), len(problem.outcome))
        )
        if heavy:
            return _sample_heavy(scaled, mode, sampling, rng)
        return _sample_normal(scaled, mode, sampling, rng)


def _sample_normal(
    scaled: Scaled, mode: Floats, sampling: Sampling, rng: np.random.Generator
) -> tuple[Draws, Posterior]:
    problem = scaled.problem
    draws = sample(
        lambda z: log_posterior(problem, z),
        problem.n_parameters,
        sampling,
        rng,
        has_converged,
        mode=mode,
    )
    flat = draws.z.reshape(-1, problem.n_parameters)
    return draws, draw_posterior(scaled, flat[:: max(len(flat) // _KEPT, 1)], rng)


def _sample_heavy(
    scaled: Scaled, mode: Floats, sampling: Sampling, rng: np.random.Generator
) -> tuple[Draws, Posterior]:
    start = downweighted(scaled.problem, mode[None])
    draws = sample(
        lambda z: log_posterior(start, z),
        start.n_parameters,
        sampling,
        rng,
        has_converged,
        renewing(start),
    )
    kept = slice(None, None, max(len(draws.records) // _KEPT, 1))
    z, record = draws.renewed_z[kept], draws.records[kept]
    return draws, restore_units(scaled, z, record[:, :-2], record[:, -2], record[:, -1])
