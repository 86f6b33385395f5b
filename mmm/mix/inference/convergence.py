"""Do the chains agree? Rank-normalised split r-hat and effective sample sizes, on arrays."""

import numpy as np
import scipy.fft
import scipy.special
import scipy.stats

from mmm.mix.transforms import Floats


def split_chains(draws: Floats) -> Floats:
    """Cut each chain in two halves.

    Parameters
    ----------
    draws : ndarray, shape (n_chains, n_draws, n_quantities)

    Returns
    -------
    ndarray, shape (2 n_chains, n_draws // 2, n_quantities)
    """
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, draws.shape[1] - half :]])


def rank_normal(draws: Floats) -> Floats:
    """Replace draws by the normal scores of their ranks over all chains, shape kept."""
    flat = draws.reshape(-1, draws.shape[-1])
    rank = scipy.stats.rankdata(flat, axis=0)
    return np.asarray(scipy.special.ndtri((rank - 0.375) / (len(flat) + 0.25))).reshape(draws.shape)


def r_hat(draws: Floats) -> Floats:
    """Return the worse of bulk and tail rank-normalised split r-hat.

    Parameters
    ----------
    draws : ndarray, shape (n_chains, n_draws, n_quantities)

    Returns
    -------
    ndarray, shape (n_quantities,)
        Near 1 where chains agree; NaN where nothing varies.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021, Bayesian Analysis 16(2), 667-718.
    """
    halves = split_chains(draws)
    folded = np.abs(halves - np.median(halves, axis=(0, 1)))
    return np.maximum(_potential(rank_normal(halves)), _potential(rank_normal(folded)))


def _potential(chains: Floats) -> Floats:
    n_draws = chains.shape[1]
    within = chains.var(axis=1, ddof=1).mean(axis=0)
    between = n_draws * chains.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(((n_draws - 1) / n_draws * within + between / n_draws) / within))


def effective_size(chains: Floats) -> Floats:
    """Return the effective number of draws of the mean, by Geyer's initial monotone sequence.

    Parameters
    ----------
    chains : ndarray, shape (n_chains, n_draws, n_quantities)
        Already split.

    Returns
    -------
    ndarray, shape (n_quantities,)

    References
    ----------
    Geyer 1992, Statistical Science 7(4), 473-483; Vehtari et al. 2021 as in `r_hat`.
    """
    n_chains, n_draws, _ = chains.shape
    centred = chains - chains.mean(axis=1, keepdims=True)
    spectrum = scipy.fft.rfft(centred, n=scipy.fft.next_fast_len(2 * n_draws, real=True), axis=1)
    size = scipy.fft.next_fast_len(2 * n_draws, real=True)
    covariance = scipy.fft.irfft(np.abs(spectrum) ** 2, n=size, axis=1)[:, :n_draws] / n_draws
    within = covariance[:, 0].mean(axis=0) * n_draws / (n_draws - 1)
    total = within * (n_draws - 1) / n_draws + chains.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = 1.0 - (within - covariance.mean(axis=0)) / total
    rho[0] = 1.0
    pairs = rho[: n_draws // 2 * 2].reshape(-1, 2, rho.shape[1]).sum(axis=1)
    positive = np.logical_and.accumulate(pairs > 0, axis=0)
    monotone = np.minimum.accumulate(np.where(positive, pairs, 0.0), axis=0)
    time = -1.0 + 2.0 * monotone.sum(axis=0)
    n_all = n_chains * n_draws
    return np.asarray(n_all / np.maximum(time, 1.0 / np.log10(n_all)))


def ess_bulk(draws: Floats) -> Floats:
    """Return the effective number of draws for the middle, shape (n_quantities,)."""
    return effective_size(rank_normal(split_chains(draws)))


def ess_tail(draws: Floats) -> Floats:
    """Return the effective number of draws of the 5% and 95% quantiles, the smaller of both."""
    halves = split_chains(draws)
    ends = np.quantile(halves, (0.05, 0.95), axis=(0, 1))
    return np.minimum(
        effective_size((halves <= ends[0]).astype(np.float64)),
        effective_size((halves <= ends[1]).astype(np.float64)),
    )
