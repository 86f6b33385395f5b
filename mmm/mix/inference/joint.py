"""One density for several panels: curves in common, sizes partially pooled.

Each panel has a problem of its own, with its baseline and noise integrated out. Its parameters are
read off joint ones: those of the curves are common; the others are

    z_panel = sqrt(1 - w) z_common + sqrt(w) z_own,  logit w ~ N(-0.85, 1),

distributed as they would be alone whatever w is, which says how much panels differ, and is learnt.
Deviations of shares, common and own, stand in units of their common scale k, log k ~ N(0,
spread_scale): with many of them, chains that see k by their sizes alone would hardly move it.
Of counts the baseline does not integrate out: it is that of each panel, and not pooled. A test of
all panels together is a normal term in the sum of what each of them would show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.special

from mmm.mix.inference.full_vector import log_density_counts
from mmm.mix.inference.lifts import LiftTerm, lift_density, predicted_lifts
from mmm.mix.inference.media import Media, Response, pull_back, respond
from mmm.mix.inference.posterior import Problem, log_density
from mmm.mix.inference.prior import draw_prior, log_prior
from mmm.mix.transforms import Floats

_POOLING = (-0.85, 1.0)  # of logit w: a median of 0.3

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Part:
    """Where the parameters of one panel stand among the joint ones.

    Attributes
    ----------
    common : ndarray of intp, shape (n_panel,)
        Of the baseline of counts, the place of its own.
    pooled : ndarray of bool, shape (n_panel,)
        Those that have a part of their own.
    own : ndarray of intp, shape (n_pooled,)
    """

    common: Positions
    pooled: npt.NDArray[np.bool_]
    own: Positions


@dataclass(frozen=True, eq=False)
class CompanyTest:
    """A test whose lift is that of several panels together.

    Attributes
    ----------
    terms : mapping of int to LiftTerm
        What each panel that took part has to do with it, by its position.
    units : mapping of int to float
        Scale of the outcome of each.
    lift, standard_error : float
        In units of the outcome.
    """

    terms: Mapping[int, LiftTerm]
    units: Mapping[int, float]
    lift: float
    standard_error: float


@dataclass(frozen=True, eq=False)
class Joint:
    """What the parameters of all panels have in common.

    Attributes
    ----------
    parts : tuple of Part
    n_parameters : int
    deviations : ndarray of intp
        Where the deviations of shares stand, common ones and those of panels.
    spread_scale : float
        Standard deviation of log k.
    pooling : int or None
        Where w stands, and log k after it; None for one panel, whose parameters are the joint ones.
    tests : tuple of CompanyTest
    """

    parts: tuple[Part, ...]
    n_parameters: int
    deviations: Positions
    spread_scale: float
    pooling: int | None = None
    tests: tuple[CompanyTest, ...] = ()

    def draw_prior(self, n_draws: int, rng: np.random.Generator) -> Floats:
        """Draw joint parameters from the prior, shape (n_draws, n_parameters)."""
        shape = (n_draws, self.n_parameters)
        if self.pooling is not None:
            return rng.standard_normal(shape)
        return draw_prior(shape, self.deviations, self.spread_scale, rng)

    def log_prior(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the log prior density, up to a constant, and its gradient."""
        if self.pooling is not None:
            return -0.5 * (z * z).sum(axis=1), -z
        return log_prior(z, self.deviations, self.spread_scale)

    def log_spread(self, z: Floats) -> Floats:
        """Return log k of several panels, shape (n_draws, 1)."""
        at = 1 + (self.pooling or 0)
        return self.spread_scale * z[:, at : at + 1]

    def scaled(self, z: Floats) -> Floats:
        """Return the parameters with deviations in units of their own."""
        if self.pooling is None:
            return z
        result = z.copy()
        result[:, self.deviations] *= np.exp(self.log_spread(z))
        return result

    def own_share(self, z: Floats) -> Floats:
        """Return w, shape (n_draws, 1)."""
        loc, scale = _POOLING
        at = slice(self.pooling, None if self.pooling is None else self.pooling + 1)
        return np.asarray(scipy.special.expit(loc + scale * z[:, at]))

    def read(self, part: Part, z: Floats) -> Floats:
        """Return the parameters of a panel, shape (n_draws, n_panel)."""
        return self.pooled(part, self.scaled(z))

    def pooled(self, part: Part, scaled: Floats) -> Floats:
        """Return the parameters of a panel, given scaled ones."""
        if self.pooling is None:
            return scaled
        share, own = self.own_share(scaled), scaled[:, part.common]
        own[:, part.pooled] *= np.sqrt(1.0 - share)
        own[:, part.pooled] += np.sqrt(share) * scaled[:, part.own]
        return own

    def pull_back(self, part: Part, scaled: Floats, gradient: Floats) -> Floats:
        """Turn a gradient in the parameters of a panel into one in the scaled ones."""
        if self.pooling is None:
            return gradient
        result, share = np.zeros_like(scaled), self.own_share(scaled)
        pooled = gradient[:, part.pooled]
        result[:, part.common] = gradient
        result[:, part.common[part.pooled]] = np.sqrt(1.0 - share) * pooled
        result[:, part.own] = np.sqrt(share) * pooled
        common, own = scaled[:, part.common[part.pooled]], scaled[:, part.own]
        turn = own * np.sqrt(1.0 - share) - common * np.sqrt(share)
        by_logit = 0.5 * np.sqrt(share * (1.0 - share)) * (pooled * turn).sum(1, keepdims=True)
        result[:, self.pooling] = _POOLING[1] * by_logit[:, 0]
        return result

    def unscaled(self, scaled: Floats, gradient: Floats) -> Floats:
        """Turn a gradient in scaled parameters into one in the joint ones."""
        if self.pooling is None:
            return gradient
        result, at = gradient.copy(), self.deviations
        result[:, at] *= np.exp(self.log_spread(scaled))
        moved = (gradient[:, at] * scaled[:, at]).sum(axis=1)
        result[:, self.pooling + 1] += self.spread_scale * moved
        return result


def join_panels(
    problems: Sequence[Problem],
    channels: Sequence[Sequence[str]],
    tests: Sequence[CompanyTest] = (),
) -> Joint:
    """Lay out the joint parameters.

    Parameters
    ----------
    problems : sequence of Problem
        One a panel; a channel has the same families in all of them.
    channels : sequence of sequence of str
        Channels of each.
    tests : sequence of CompanyTest

    Returns
    -------
    Joint
    """
    if len(problems) == 1:
        n = problems[0].n_parameters
        every = np.arange(n)
        part = Part(every, np.zeros(n, dtype=bool), every[:0])
        media = problems[0].media
        return Joint((part,), n, every[media.spread_at], media.spread_scale, tests=tuple(tests))
    curve: dict[str, int] = {}
    stop = 0
    for problem, names in zip(problems, channels, strict=True):
        for name, length in _lengths(problem.media, names).items():
            if name not in curve:
                curve[name], stop = stop, stop + length
    size = {name: stop + k for k, name in enumerate(curve)}
    after = stop + len(size)  # total, trend, correlation, pooling and spread
    believed = {
        names[c]
        for problem, names in zip(problems, channels, strict=True)
        for c in (() if problem.media.own is None else problem.media.own.channels)
    }
    shared = [place for name, place in size.items() if name not in believed]
    parts, stop, deviations = [], after + 5, [np.array(shared, dtype=np.intp)]
    for problem, names in zip(problems, channels, strict=True):
        at = np.arange(problem.n_parameters)
        pooled = (at >= problem.media.n_curve) & (at < problem.n_shared)
        own = np.arange(stop, stop + pooled.sum())
        baseline = own[-1] + 1 + np.arange(len(at) - problem.n_shared)
        common = np.append(_common(problem, names, curve, size, after), baseline)
        stop += len(own) + len(baseline)
        parts.append(Part(common, pooled, own))
        deviations.append(own[problem.media.shared])
    spread_scale = problems[0].media.spread_scale
    at = np.concatenate(deviations)
    return Joint(tuple(parts), stop, at, spread_scale, after + 3, tuple(tests))


def _lengths(media: Media, names: Sequence[str]) -> dict[str, int]:
    length: dict[str, int] = {}
    for group in media.groups:
        length |= {names[k]: len(group.parameters) for k in group.channels}
    return {name: length[name] for name in names}


def _common(
    problem: Problem,
    names: Sequence[str],
    curve: Mapping[str, int],
    size: Mapping[str, int],
    after: int,
) -> Positions:
    """Return where each parameter of a panel but those of its baseline stands in common."""
    at = []
    for group in problem.media.groups:
        for k in group.channels:
            at += [curve[names[k]] + j for j in range(len(group.parameters))]
    at += [size[name] for name in names]
    return np.array([*at, *range(after, after + 3)], dtype=np.intp)


def log_joint(joint: Joint, problems: Sequence[Problem], z: Floats) -> tuple[Floats, Floats]:
    """Return the log posterior of the joint parameters, up to a constant, and its gradient.

    Parameters
    ----------
    joint : Joint
    problems : sequence of Problem
    z : ndarray, shape (n_draws, joint.n_parameters)

    Returns
    -------
    density : ndarray, shape (n_draws,)
    gradient : ndarray, shape (n_draws, joint.n_parameters)
    """
    with np.errstate(all="ignore"):  # as the density of each panel
        density, prior = joint.log_prior(z)
        scaled, gradient = joint.scaled(z), np.zeros_like(z)
        own = [joint.pooled(part, scaled) for part in joint.parts]
    slopes: dict[int, Floats] = {}
    if joint.tests:
        tested, slopes = _log_tests(joint, problems, own)
        density = density + tested
    for i, (part, problem) in enumerate(zip(joint.parts, problems, strict=True)):
        of_panel = log_density if problem.counts is None else log_density_counts
        found, slope = of_panel(problem, own[i])
        if i in slopes:
            slope[:, : problem.media.n_parameters] += slopes[i]
        density, gradient = density + found, gradient + joint.pull_back(part, scaled, slope)
    return density, prior + joint.unscaled(scaled, gradient)


def _log_tests(
    joint: Joint, problems: Sequence[Problem], own: Sequence[Floats]
) -> tuple[Floats, dict[int, Floats]]:
    """Return the log density of tests of the company, and its gradient in media of each panel."""
    density, slopes = np.zeros(len(own[0])), dict[int, Floats]()
    with np.errstate(all="ignore"):  # as the density of each panel
        members = {i for test in joint.tests for i in test.terms}
        responses = {i: respond(problems[i].media, own[i]) for i in members}
        for test in joint.tests:
            lifts = company_lift(test, [problem.media for problem in problems], responses)
            missing = test.lift - sum(lifts.values())
            density -= 0.5 * (missing / test.standard_error) ** 2
            for i, term in test.terms.items():
                slope = _slope(test, i, lifts[i] + missing, term, problems[i].media, responses[i])
                slopes[i] = slopes[i] + slope if i in slopes else slope
    return density, slopes


def company_lift(
    test: CompanyTest, media: Sequence[Media], responses: Mapping[int, Response]
) -> dict[int, Floats]:
    """Return what each panel adds to the lift of a test, shapes (n_draws,)."""
    return {
        i: test.units[i] * predicted_lifts(media[i], [term], responses[i])[:, 0]
        for i, term in test.terms.items()
    }


def _slope(
    test: CompanyTest, i: int, share: Floats, term: LiftTerm, media: Media, response: Response
) -> Floats:
    """Return the gradient in the media of a panel.

    Given what the others show, it is that of a test of this panel alone, of the lift `share`.
    """
    unit = test.units[i]
    alone = replace(term, lift=share / unit, standard_error=test.standard_error / unit)
    _, bend, by_curve = lift_density(media, [alone], response)
    slope = pull_back(media, response, 0.0 * response.media, bend)
    slope[:, : media.n_curve] += by_curve
    return slope
