"""Whether a channel has any effect: the odds of the model without it against the model with it.

With u all that is sampled, and p(y | u) the density with baseline and noise integrated out,

    p(y | without c) / p(y | with c) = E[ p(y | u, without c) / p(y | u) ],  u from the posterior,

an identity where, without c, its response is 0 and all else keeps its prior. The density needs no
new fit: taking a channel away changes one quadratic form. Of counts the baseline is part of u, and
moves with what is taken away, which leaves the identity as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.special
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mmm.errors import ConfigError
from mmm.mix.calibration import company_lifts, place_together
from mmm.mix.fitted import Fitted, panels_of
from mmm.mix.inference.draws import blocks_of
from mmm.mix.inference.full_vector import counts_change, place
from mmm.mix.inference.lifts import predicted_lifts
from mmm.mix.inference.media import Response, channel_media
from mmm.mix.inference.noise import draw_weights, with_weights
from mmm.mix.inference.posterior import Problem, collapse, innovations, log_density_change
from mmm.mix.transforms import Floats

_KEPT = 500  # draws of the posterior that are looked at


@dataclass(frozen=True, eq=False)
class EffectEvidence:
    """What the outcome says about whether each channel has an effect.

    Attributes
    ----------
    log_odds : ndarray, shape (n_channels + 1,)
        Natural logarithm of p(outcome | without the channel) / p(outcome | with it), and last for
        all media; 0 where the data say nothing, below 0 where they speak for an effect. 0 for
        channels without spend.
    n_effective : ndarray, shape (n_channels + 1,)
        Draws that the figure rests on. Few of them, together with log odds far below 0, mean
        that no draw came near to doing without the channel: the odds are small, their size is not
        known.
    """

    log_odds: Floats
    n_effective: Floats

    def probability_of_effect(self, no_effect: float = 0.5) -> Floats:
        """Return the probability that each channel, and last that any of them, has an effect.

        Parameters
        ----------
        no_effect : float
            Prior probability of none. At 0.5 one is as likely as the other, and 0.5 is what data
            leave that say nothing of the channel.

        Returns
        -------
        ndarray, shape (n_channels + 1,)

        Raises
        ------
        ConfigError
            If `no_effect` is not between 0 and 1.

        Examples
        --------
        >>> evidence = EffectEvidence(np.log([1.0, 3.0, 0.01]), np.full(3, 100.0))
        >>> evidence.probability_of_effect().round(2).tolist()
        [0.5, 0.25, 0.99]
        """
        if not 0 < no_effect < 1:
            raise ConfigError(f"no_effect is {no_effect}; pass a probability between 0 and 1.")
        prior = np.log(no_effect) - np.log1p(-no_effect)
        return np.asarray(scipy.special.expit(-(self.log_odds + prior)))


def effect_evidence(model: Fitted) -> EffectEvidence:
    """Compare, for each channel, the fitted model with the one where it brings nothing.

    What the channel brought is handed to no other: the baseline and the noise may take its place.
    Where channels move together, draws in which one of them brings next to nothing are rare, and
    the odds of having no effect read too low.

    Parameters
    ----------
    model : Fitted

    Returns
    -------
    EffectEvidence

    References
    ----------
    Kass and Raftery 1995, Bayes factors, JASA 90(430), 773-795.

    Examples
    --------
    >>> from mmm.mix import MixModel
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (80, 1))
    >>> quick = Sampling(n_warmup=150, n_draws=200)
    >>> model = MixModel(sampler=quick, on_nonconvergence="warn")
    >>> _ = model.fit(spend, 900 + 3 * spend[:, 0] + rng.normal(0, 30, 80))
    >>> bool(effect_evidence(model).probability_of_effect()[0] > 0.999)
    True
    """
    rng = np.random.default_rng(0)  # for heavy tails: the same answer at every call
    panels = panels_of(model)
    n_draws, n_channels = len(panels[0].posterior_.z), len(model.channels_)
    kept = np.arange(0, n_draws, max(n_draws // _KEPT, 1))
    change = np.zeros((len(kept), n_channels + 1))
    with threadpool_limits(limits=1):  # small matrices: threads would wait for each other
        for panel in panels:
            own = np.append(np.flatnonzero(panel.active_), n_channels)
            for block in blocks_of(len(kept)):
                problem = _with_drawn_weights(panel, kept[block], rng)
                change[block, own] += log_without(problem, panel.posterior_.z[kept[block]])
        change += _tests_without(model, kept)
    log_odds, n_effective = average(change)
    spent = np.append(np.any([panel.active_ for panel in panels], axis=0), True)
    n_effective[~spent] = 0.0
    return EffectEvidence(log_odds, n_effective)


def _tests_without(model: Fitted, kept: npt.NDArray[np.intp]) -> Floats:
    """Return the same of tests of all panels together, shape (n_kept, n_channels + 1)."""
    change = np.zeros((len(kept), len(model.channels_) + 1))
    together = [test for test in getattr(model, "tests", None) or () if test.panel is None]
    if together and getattr(model, "panels_", None):
        placed = place_together(together, panels_of(model))
        lifts = company_lifts(placed, panels_of(model), kept)
        for test, lift in zip(together, lifts.T, strict=True):
            fit, none = (lift - test.lift) / test.standard_error, test.lift / test.standard_error
            at = [model.channels_.index(test.channel), -1]
            change[:, at] += 0.5 * (fit**2 - none**2)[:, None]
    return change


def average(change: Floats) -> tuple[Floats, Floats]:
    """Return the logarithm of the mean of exp(change) over draws, and how many draws carry it.

    Parameters
    ----------
    change : ndarray, shape (n_draws, n_columns)

    Returns
    -------
    log_mean, n_effective : ndarray, shape (n_columns,)

    Examples
    --------
    >>> log_mean, n_effective = average(np.log([[1.0], [3.0]]))
    >>> log_mean.round(3).tolist(), n_effective.round(3).tolist()
    ([0.693], [1.6])
    """
    most = change.max(axis=0)
    weight = np.exp(change - most)
    log_mean = most + np.log(weight.mean(axis=0))
    return log_mean, weight.sum(axis=0) ** 2 / (weight**2).sum(axis=0)


def log_without(problem: Problem, z: Floats) -> Floats:
    """Return the change of the log density without each channel, and last without any.

    Parameters
    ----------
    problem : Problem
    z : ndarray, shape (n_draws, n_parameters)

    Returns
    -------
    ndarray, shape (n_draws, n_channels + 1)
    """
    response, density_change = density_changes(problem, z)
    parts = channel_media(problem.media, response)
    each = [density_change(part) for part in parts.swapaxes(0, 1)]
    change = np.stack([*each, density_change(response.media)], axis=1)
    lifts = predicted_lifts(problem.media, problem.lifts, response)
    for term, lift in zip(problem.lifts, lifts.T, strict=True):
        fit, none = (lift - term.lift) / term.standard_error, term.lift / term.standard_error
        change[:, [term.channel, -1]] += 0.5 * (fit**2 - none**2)[:, None]
    return change


def density_changes(problem: Problem, z: Floats) -> tuple[Response, Callable[[Floats], Floats]]:
    """Return media, and how the log density changes where they bring less by so much.

    Parameters
    ----------
    problem : Problem
    z : ndarray, shape (n_draws, n_parameters)

    Returns
    -------
    response : Response
    change : callable
        From what is taken off media, shape (n_draws, n_periods), to the change, shape (n_draws,).
    """
    if problem.counts is not None:
        full = place(problem, z)
        return full.response, lambda part: counts_change(problem, z, full, part)
    at = collapse(problem, z)
    return at.response, lambda part: log_density_change(problem, at, part)


def _with_drawn_weights(
    model: Fitted, rows: npt.NDArray[np.intp], rng: np.random.Generator
) -> Problem:
    """Return the problem given the weights of heavy-tailed noise, drawn given all else."""
    posterior, scaled = model.posterior_, model.scaled_
    problem = scaled.problem
    if np.isinf(posterior.freedom[rows]).all():
        return problem
    at = collapse(problem, posterior.z[rows])
    fitted = posterior.coefficient[rows] / scaled.outcome_scale @ problem.linear.design.T
    error = problem.outcome - at.response.media - fitted
    sigma = posterior.sigma[rows, None] / scaled.outcome_scale
    new = innovations(error, at.rho) / sigma
    return with_weights(problem, draw_weights(new, posterior.freedom[rows, None], rng))
