"""Shrinkage: where deals are few, a model is drawn towards the rule that has to estimate less."""

from dataclasses import replace
from functools import partial

import numpy as np

from mmm.attribution.measure import Floats, Integers
from mmm.attribution.result import AttributionResult
from mmm.attribution.rules import linear
from mmm.attribution.uncertainty import (
    Influence,
    Sampling,
    logit_interval,
    refusal,
    share_covariance,
    signed_interval,
    won_clusters,
)
from mmm.errors import ConfigError

_DEFINITION = "{definition} Shrunk {weight:.0%} of the way to {toward}."
_NOTE = (
    "Shrunk {weight:.0%} of the way to {toward}, which is what lowers the expected error most with "
    "this number of deals."
)


def shrink(result: AttributionResult, toward: AttributionResult | None = None) -> AttributionResult:
    """Draw the shares of a model towards those of a simpler one, where that lowers their error.

    With d = s - s_0 the difference of the shares, the shrunk shares are s - w d. Of all w,
    w = tr Cov(s, d) / ||d||^2 has the smallest expected squared error; it is held to 0-1. Where
    the rule errs less than the model, deals are few and the two are close, w is near 1; with more
    deals it goes to 0. It is 0 as well where the model errs less than the rule: removal effects
    of a Markov chain often do, and then nothing is gained by shrinking.

    Parameters
    ----------
    result : AttributionResult
        Of any model on journeys.
    toward : AttributionResult, optional
        Of the same journeys and measure; `linear` by default.

    Returns
    -------
    AttributionResult
        Intervals are as wide as those of the model and lie around the shrunk shares (recentring,
        Hwang and Casella 1982). That of a single channel whose model and rule differ much may
        hold the share of the model a little less often than its level says. Without a credit per
        deal.

    Raises
    ------
    ConfigError
        If the results do not belong together, or the deals carry no standard error.

    Notes
    -----
    tr Cov(s, d) = (tr V_s + tr V_d - tr V_0) / 2, V the covariances over independent accounts.
    Where the rule has the smallest error possible, as when it is uncorrelated with d, this is
    tr(V_d), the weight of Green and Strawderman; rules of attribution have not, and with that
    weight the error of Markov shares grew by half on simulated chains.

    References
    ----------
    Judge and Mittelhammer 2004, A semiparametric basis for combining estimation problems under
    quadratic loss, JASA 99(466), 479-487. Green and Strawderman 1991, A James-Stein type estimator
    for combining unbiased and possibly biased estimators, JASA 86(416), 1001-1006. Hwang and
    Casella 1982, Minimax confidence sets for the mean of a multivariate normal distribution,
    Annals of Statistics 10(3), 868-881.

    Examples
    --------
    >>> from mmm.attribution import last_touch
    >>> from mmm.journeys import Journeys
    >>> few = Journeys.from_paths(["a > b", "b > a", "c > b"], conversions=[3, 2, 1])
    >>> shrink(last_touch(few)).share.round(2).tolist()
    [0.42, 0.5, 0.08]
    """
    sampling, rule = _together(result, toward)
    difference = result.share - rule.share
    weight = shrinkage_weight(result, rule)
    share = result.share - weight * difference
    lower, upper = _interval(result, sampling, share)
    return replace(
        result,
        model=f"{result.model}_shrunk",
        definition=_DEFINITION.format(
            definition=result.definition, weight=weight, toward=rule.model
        ),
        credit=share * sampling.of.whole,
        share=share,
        lower=lower,
        upper=upper,
        notes=(*result.notes, _NOTE.format(weight=weight, toward=rule.model)),
        deal_credit=None,
        sampling=replace(sampling, influence=_blend(result, rule, 1 - weight, weight)),
    )


def shrinkage_weight(result: AttributionResult, rule: AttributionResult) -> float:
    """Return how far to go from a model to a rule: tr Cov(s, d) / ||d||^2, held to 0-1.

    Parameters
    ----------
    result, rule : AttributionResult
        Of the same journeys and measure.

    Returns
    -------
    float

    Examples
    --------
    >>> from mmm.attribution import first_touch, last_touch
    >>> from mmm.journeys import Journeys
    >>> many = Journeys.from_paths(["a > b", "b > a"], conversions=[3000, 2000])
    >>> round(shrinkage_weight(first_touch(many), last_touch(many)), 3)
    0.002
    """
    assert result.sampling is not None
    difference = result.share - rule.share
    squared = float(difference @ difference)
    if squared == 0:
        return 0.0
    apart = replace(result.sampling, influence=_blend(result, rule, 1.0, -1.0))
    of_model, of_rule, of_both = (
        np.trace(share_covariance(sampling, share))
        for sampling, share in (
            (result.sampling, result.share),
            (replace(apart, influence=_blend(result, rule, 0.0, 1.0)), rule.share),
            (apart, difference),
        )
    )
    return float(np.clip((of_model + of_both - of_rule) / 2 / squared, 0.0, 1.0))


def _together(
    result: AttributionResult, toward: AttributionResult | None
) -> tuple[Sampling, AttributionResult]:
    sampling = result.sampling
    if sampling is None:
        raise ConfigError(
            f"{result.model} does not say what its sampling error follows from, so it cannot be "
            "shrunk. Pass the result of a model on journeys."
        )
    reason = refusal(sampling.journeys, sampling.of)
    if reason:
        raise ConfigError(f"{result.model} cannot be shrunk without a standard error. {reason}")
    rule = toward
    if rule is None:
        rule = linear(sampling.journeys, measure=result.measure, level=result.level)
    fits = rule.measure == result.measure and rule.channels == result.channels
    if not fits or rule.sampling is None:
        raise ConfigError(
            f"toward is {rule.model} of other channels or another measure than {result.model}. "
            "Pass results on the same journeys."
        )
    return sampling, rule


def _blend(
    model: AttributionResult, rule: AttributionResult, of_model: float, of_rule: float
) -> Influence:
    assert model.sampling is not None
    assert rule.sampling is not None
    return partial(_blended, model.sampling.influence, rule.sampling.influence, of_model, of_rule)


def _blended(
    left: Influence, right: Influence, of_left: float, of_right: float, rows: Integers
) -> tuple[Floats, Floats]:
    pairs = zip(left(rows), right(rows), strict=True)
    null, won = (of_left * own + of_right * other for own, other in pairs)
    return null, won


def _interval(
    result: AttributionResult, sampling: Sampling, share: Floats
) -> tuple[Floats, Floats]:
    if np.isnan(result.upper).all():
        return result.lower, result.upper
    error = np.sqrt(np.diag(share_covariance(sampling, result.share)))
    won = won_clusters(sampling.journeys, sampling.of)
    inside = ((result.share >= 0) & (result.share <= 1)).all()
    scale = logit_interval if inside else signed_interval
    return scale(share, error, result.level, won)
