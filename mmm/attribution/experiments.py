"""Calibration by experiments: how much of the credit would not have come anyway."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmm.attribution.measure import Floats
from mmm.attribution.result import AttributionResult
from mmm.attribution.uncertainty import refusal, share_covariance
from mmm.errors import ConfigError, check_level, quoted
from mmm.showing import Shown, as_text
from mmm.wording import format_share

if TYPE_CHECKING:
    import pandas as pd

BASELINE = "(baseline)"
EXPERIMENT, CALIBRATED, CORRELATIONAL = "experiment", "calibrated", "correlational"
N_DRAWS = 4000


@dataclass(frozen=True)
class Lift:
    """What an experiment found a channel to bring.

    Attributes
    ----------
    lift : float
        Conversions or value that would not have come without the channel; may be negative.
    standard_error : float
        Of the lift, above 0.
    credited : float or None
        What the model credits to the channel within the experiment; None where it covers all that
        the result covers.
    """

    lift: float
    standard_error: float
    credited: float | None = None


@dataclass(frozen=True)
class IotaPrior:
    """What is believed of incrementality before any experiment.

    iota is the part of a channel's credit that would not have come anyway, log iota ~ N(mu, tau^2)
    over channels, mu ~ N(mean, sd^2), tau ~ half-normal(spread).

    Attributes
    ----------
    mean, sd : float
        The defaults have mean and standard deviation of the log of Beta(2, 4): a third of the
        credit, give or take a factor of two.
    spread : float
        How much channels may differ.
    """

    mean: float = -1.283
    sd: float = 0.681
    spread: float = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Shown):
    """Credit scaled to what experiments found, and how far it can be relied on.

    Attributes
    ----------
    model, measure : str
        Of the result that was calibrated.
    channels : tuple of str
        Names; the arrays are in this order.
    credit : ndarray of float64, shape (n_channels,)
        Of the model, in the unit of the measure.
    iota : ndarray of float64, shape (n_channels,)
        Part of the credit that would not have come anyway, posterior mean.
    calibrated, lower, upper : ndarray of float64, shape (n_channels,)
        iota x credit, posterior mean and equal-tailed interval.
    evidence : tuple of str
        "experiment" (the channel was tested), "calibrated" (others were), or "correlational" (none
        was: the prior alone).
    baseline, baseline_lower, baseline_upper : float
        What would have come anyway: the total less all calibrated credit.
    total : float
        In the unit of the measure, deals without a touch included.
    level : float
        Coverage of the intervals.
    notes : tuple of str
        What has to be known of these figures.
    """

    model: str
    measure: str
    channels: tuple[str, ...]
    credit: Floats
    iota: Floats
    calibrated: Floats
    lower: Floats
    upper: Floats
    evidence: tuple[str, ...]
    baseline: float
    baseline_lower: float
    baseline_upper: float
    total: float
    level: float
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        n_tested = self.evidence.count(EXPERIMENT)
        kind = f"Calibration: {self.model}, {self.measure}, {n_tested} channels tested"
        return as_text(self._sentence(), self.to_frame(), kind)

    def _sentence(self) -> str:
        if not self.total:
            return "Nothing was won, so there is nothing to calibrate."
        ends = (self.baseline, self.baseline_lower, self.baseline_upper)
        part, low, high = (format_share(end / self.total) for end in ends)
        by = "" if EXPERIMENT in self.evidence else "By what is believed before any experiment, "
        said = f"{by}{part} of what was won would have come anyway "
        return said + f"({format_share(self.level)} interval: {low} to {high})."

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a channel, and a last one for what would have come anyway.

        Returns
        -------
        pandas.DataFrame
            Columns channel, credit (of the model; missing for "(baseline)"), iota, calibrated,
            lower, upper (unit of the measure), evidence. `calibrated` sums to the total.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "channel": pd.Series([*self.channels, BASELINE], dtype="str"),
                "credit": np.append(self.credit, np.nan),
                "iota": np.append(self.iota, np.nan),
                "calibrated": np.append(self.calibrated, self.baseline),
                "lower": np.append(self.lower, self.baseline_lower),
                "upper": np.append(self.upper, self.baseline_upper),
                "evidence": pd.Series([*self.evidence, ""], dtype="str"),
            }
        )


def calibrate(
    result: AttributionResult,
    lifts: Mapping[str, Lift],
    *,
    prior: IotaPrior | None = None,
    level: float | None = None,
    seed: int = 0,
) -> Calibration:
    """Scale credit to what experiments found, and the rest to "(baseline)".

    iota_c = lift_c / credited_c, log iota_c ~ N(mu, tau^2) over channels; a test gives
    lift_c ~ N(iota_c credited_c, se_c^2), which holds lifts of 0 and below as well. Calibrated
    credit is iota_c x credit_c, and what is left of the total would have come anyway. What tests of
    some channels say of others rests on their being alike: it is weak after one test and for
    channels of another kind, such as brand search among displays.

    Parameters
    ----------
    result : AttributionResult
        Of any model with credit of at least 0.
    lifts : mapping of str to Lift
        By channel, in the unit of the result. Empty: the prior alone.
    prior : IotaPrior, optional
        A third of the credit, give or take a factor of two, by default.
    level : float, optional
        Coverage of the intervals; that of the result by default.
    seed : int, default 0
        Of the 4,000 draws from the posterior.

    Returns
    -------
    Calibration

    Raises
    ------
    ConfigError
        If a channel is unknown or has no credit, or a figure is out of range.

    References
    ----------
    Gelman, Carlin, Stern, Dunson, Vehtari and Rubin 2013, Bayesian Data Analysis, ch. 5 (means of
    related experiments).

    Examples
    --------
    >>> from mmm.attribution import linear
    >>> from mmm.journeys import Journeys
    >>> journeys = Journeys.from_paths(["Display", "Search"], conversions=[100, 100])
    >>> found = calibrate(linear(journeys), {"Display": Lift(50.0, 5.0)}).to_frame()
    >>> found[["channel", "credit", "calibrated"]].round(-1)
          channel  credit  calibrated
    0     Display   100.0        50.0
    1      Search   100.0        50.0
    2  (baseline)     NaN       100.0
    >>> found["evidence"].tolist()
    ['experiment', 'calibrated', '']
    """
    level = result.level if level is None else check_level(level)
    prior = IotaPrior() if prior is None else prior
    tested = _check(result, lifts, prior)
    rng = np.random.default_rng(seed)
    log_iota = draw_log_iota(tested, len(result.channels), prior, rng)
    iota = np.exp(log_iota)
    untested = np.array([c not in tested for c in range(len(result.channels))])
    drawn = iota * result.credit
    # What a test measures holds the error of the credit already.
    noise = rng.normal(size=drawn.shape) * _relative_error(result)
    drawn[:, untested] *= np.exp(noise - noise.var(axis=0) / 2)[:, untested]
    total = float(result.total)
    rest = total - drawn.sum(axis=1)
    tails = [(1 - level) / 2, (1 + level) / 2]
    lower, upper = np.quantile(drawn, tails, axis=0)
    below, above = np.quantile(rest, tails)
    of_others = CALIBRATED if tested else CORRELATIONAL
    return Calibration(
        model=result.model,
        measure=result.measure,
        channels=result.channels,
        credit=result.credit,
        iota=iota.mean(axis=0),
        calibrated=drawn.mean(axis=0),
        lower=lower,
        upper=upper,
        evidence=tuple(EXPERIMENT if c in tested else of_others for c in range(len(untested))),
        baseline=float(rest.mean()),
        baseline_lower=float(below),
        baseline_upper=float(above),
        total=total,
        level=level,
        notes=_notes(len(tested), float(rest.mean())),
    )


Tested = Mapping[int, tuple[float, float]]


def draw_log_iota(
    tested: Tested, n_channels: int, prior: IotaPrior, rng: "np.random.Generator"
) -> Floats:
    """Draw log iota of every channel from the posterior, by quadrature over mu, tau and iota.

    Parameters
    ----------
    tested : mapping of int to (float, float)
        Channel to lift and standard error, both over what was credited.
    n_channels : int
    prior : IotaPrior
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (4000, n_channels)

    Examples
    --------
    >>> drawn = draw_log_iota({0: (0.5, 0.01)}, 2, IotaPrior(), np.random.default_rng(0))
    >>> np.exp(drawn.mean(axis=0)).round(1).tolist()
    [0.5, 0.4]
    """
    mu = prior.mean + prior.sd * np.linspace(-4, 4, 65)
    tau = prior.spread * (np.arange(40) + 0.5) / 10
    z = np.linspace(mu[0] - 4 * prior.spread, max(mu[-1], 1.0) + 4 * prior.spread, 801)
    step = z[1] - z[0]
    tau = np.maximum(tau, step)
    log_post = -0.5 * ((mu[:, None] - prior.mean) / prior.sd) ** 2 - 0.5 * (tau / prior.spread) ** 2
    density = np.exp(-0.5 * ((z - mu[:, None, None]) / tau[:, None]) ** 2)
    density /= density.sum(axis=2, keepdims=True)
    likelihood = {c: _likelihood(z, *test) for c, test in tested.items()}
    for one in likelihood.values():
        log_post = log_post + np.log(np.maximum(density @ one, 1e-300))
    mass = np.exp(log_post - log_post.max()).ravel()
    cell = rng.choice(len(mass), size=N_DRAWS, p=mass / mass.sum())
    at_mu, at_tau = np.unravel_index(cell, log_post.shape)
    drawn = mu[at_mu, None] + tau[at_tau, None] * rng.normal(size=(N_DRAWS, n_channels))
    for c, one in likelihood.items():
        chances = np.cumsum(density[at_mu, at_tau] * one, axis=1)
        picked = rng.random((N_DRAWS, 1)) * chances[:, -1:]
        drawn[:, c] = z[(chances < picked).sum(axis=1)] + step * (rng.random(N_DRAWS) - 0.5)
    log_iota: Floats = drawn
    return log_iota


def _likelihood(z: Floats, lift: float, error: float) -> Floats:
    log = -0.5 * ((lift - np.exp(z)) / error) ** 2
    weights: Floats = np.exp(log - log.max())
    return weights


def _relative_error(result: AttributionResult) -> Floats:
    """Return the standard error of each credit over the credit; 0 where the result has none."""
    sampling = result.sampling
    if sampling is None or refusal(sampling.journeys, sampling.of):
        return np.zeros(len(result.channels))
    error = np.sqrt(np.diag(share_covariance(sampling, result.share)))
    # Beyond a factor of e a first-order error says nothing more.
    relative = np.divide(error, result.share, out=np.zeros_like(error), where=result.share > 0)
    capped: Floats = np.minimum(relative, 1.0)
    return capped


def _check(result: AttributionResult, lifts: Mapping[str, Lift], prior: IotaPrior) -> Tested:
    unknown = [name for name in lifts if name not in result.channels]
    if unknown:
        raise ConfigError(
            f"lifts name {quoted(unknown)}, which {result.model} does not know. "
            f"Its channels are {quoted(result.channels)}."
        )
    if (result.credit < 0).any():
        raise ConfigError(
            f"{result.model} has negative credit, which cannot be scaled to a lift. Calibrate a "
            "model whose credit is at least 0, such as markov."
        )
    if not (prior.sd > 0 and prior.spread > 0):
        raise ConfigError("sd and spread of the prior have to be above 0.")
    tested = {}
    for name, test in lifts.items():
        channel = result.channels.index(name)
        credited = float(result.credit[channel]) if test.credited is None else test.credited
        if not credited > 0:
            raise ConfigError(
                f"{name} has no credit to calibrate ({credited:g}). Leave its experiment out: its "
                "lift is what counts."
            )
        if not (np.isfinite(test.lift) and 0 < test.standard_error < np.inf):
            raise ConfigError(
                f"The experiment on {name} has lift {test.lift!r} and standard error "
                f"{test.standard_error!r}. Pass numbers, the error above 0."
            )
        tested[channel] = (test.lift / credited, test.standard_error / credited)
    return tested


def _notes(n_tested: int, baseline: float) -> tuple[str, ...]:
    notes = [
        "Credit of channels that were not tested is scaled by what is known of others; only an "
        "experiment of their own says what they bring."
    ]
    if n_tested == 0:
        notes = ["No experiment: the prior alone scales the credit. Test a channel."]
    if baseline < 0:
        notes.append(
            "More is credited than was won: the experiments found more than the model credits. "
            "Check that lifts and credit cover the same weeks and the same deals."
        )
    return tuple(notes)
