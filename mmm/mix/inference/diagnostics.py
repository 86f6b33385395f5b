"""After the fit: whether chains agree and noise is as assumed, and what rests on the data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mmm.errors import quoted
from mmm.mix.inference.convergence import ess_bulk, ess_tail, r_hat
from mmm.mix.inference.counts import normal_scores, spread_ratio
from mmm.mix.inference.draws import Posterior, bent
from mmm.mix.inference.full_vector import place
from mmm.mix.inference.media import Media, mean_contribution
from mmm.mix.inference.noise import is_heavy
from mmm.mix.inference.posterior import collapse
from mmm.mix.inference.problem import Scaled
from mmm.mix.inference.sampler import Draws
from mmm.mix.inference.stated import draw_media
from mmm.mix.table.adequacy import constant, groups_together
from mmm.mix.transforms import Floats
from mmm.showing import Shown

if TYPE_CHECKING:
    import pandas as pd

R_HAT = 1.01
ESS = 400.0
_FAR = 2.5  # prior standard deviations


@dataclass(frozen=True, repr=False)
class Diagnostics(Shown):
    """Whether the posterior can be trusted.

    Attributes
    ----------
    r_hat : float
        Worst rank-normalised split r-hat of all parameters; below 1.01 where chains agree.
    ess_bulk, ess_tail : float
        Smallest effective numbers of draws.
    divergences : int
    n_draws : int
        Draws of all chains.
    seconds : float
        Of the fit.
    residual_kurtosis : float
        Excess kurtosis of the innovations; 0 where noise is normal.
    residual_autocorrelation : float
        Correlation of an innovation with the one before; near 0 where the noise is described.
    warnings : tuple of str
        What the reader has to know.
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float
    divergences: int
    n_draws: int
    seconds: float
    residual_kurtosis: float
    residual_autocorrelation: float
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        agree = "The chains agree" if self.converged else "The chains do not agree: use no result"
        n = min(self.ess_bulk, self.ess_tail)
        first = f"{agree} (worst r-hat {self.r_hat:.3f}, {n:,.0f} effective draws at least)."
        warned = f"{len(self.warnings)} warnings" if len(self.warnings) != 1 else "1 warning"
        kind = f"Diagnostics: {self.n_draws:,} draws, {self.divergences} divergences, {warned}"
        return "\n".join([first, *(f"  {text}" for text in self.warnings), f"<{kind}>"])

    def _small_table(self) -> "pd.DataFrame | None":
        import pandas as pd

        return pd.DataFrame({"warning": list(self.warnings)}) if self.warnings else None

    @property
    def converged(self) -> bool:
        """Whether r-hat and effective sizes are as they should be."""
        return bool(
            (np.isnan(self.r_hat) or self.r_hat < R_HAT) and min(self.ess_bulk, self.ess_tail) > ESS
        )

    def with_notes(self, notes: Sequence[str], seconds: float) -> "Diagnostics":
        """Return the same with warnings put before its own, and the time taken."""
        return replace(self, warnings=(*notes, *self.warnings), seconds=seconds)


def has_converged(z: Floats) -> bool:
    """Tell whether chains agree.

    Parameters
    ----------
    z : ndarray, shape (n_chains, n_draws, n_parameters)
    """
    return bool(np.nanmax(r_hat(z)) < R_HAT and min(ess_bulk(z).min(), ess_tail(z).min()) > ESS)


def diagnose(
    panels: Sequence[Scaled], draws: Draws, posteriors: Sequence[Posterior]
) -> Diagnostics:
    """Judge chains and residuals, those of the panel with the heaviest tails.

    Parameters
    ----------
    panels : sequence of Scaled
    draws : Draws
    posteriors : sequence of Posterior

    Returns
    -------
    Diagnostics
    """
    (kurtosis, autocorrelation), scaled, posterior = max(
        (
            (_residuals(scaled, posterior), scaled, posterior)
            for scaled, posterior in zip(panels, posteriors, strict=True)
        ),
        key=lambda found: found[0],
    )
    counted = [_count_notes(*panel) for panel in zip(panels, posteriors, strict=True)]
    notes = list(dict.fromkeys(note for of_panel in counted for note in of_panel))
    if is_heavy(kurtosis, len(scaled.problem.outcome)):
        notes.append(
            f"Some periods lie far outside the noise (excess kurtosis {kurtosis:.1f}); "
            f"{_treated(posterior)} Check the outcome there, or name them as events."
        )
    return Diagnostics(
        r_hat=float(np.nanmax(r_hat(draws.z))),
        ess_bulk=float(ess_bulk(draws.z).min()),
        ess_tail=float(ess_tail(draws.z).min()),
        divergences=draws.divergences,
        n_draws=draws.z.shape[0] * draws.z.shape[1],
        seconds=0.0,
        residual_kurtosis=kurtosis,
        residual_autocorrelation=autocorrelation,
        warnings=tuple(notes),
    )


def _count_notes(scaled: Scaled, posterior: Posterior) -> list[str]:
    """Say where counts are not as their likelihood has them."""
    problem = scaled.problem
    if problem.counts is None:
        return []
    notes, mean = [], _fitted_counts(scaled, posterior)[0]
    ratio = spread_ratio(problem.counts, mean)
    if not problem.counts.dispersed and ratio > 1.0:
        notes.append(
            f"The counts vary {ratio:.1f} times as much as Poisson counts do, so that intervals "
            "are too narrow; pass likelihood='negative_binomial'."
        )
    lasting = _residuals(scaled, posterior)[1]
    if lasting > 3.0 / np.sqrt(len(problem.outcome)):
        notes.append(
            f"What is left of one period tells of the next (correlation {lasting:.2f}), which "
            "counts have no noise for: intervals are too narrow. Name what lasts as an event or a "
            "control, or pass likelihood='normal' where few periods are 0."
        )
    return notes


def _fitted_counts(scaled: Scaled, posterior: Posterior) -> tuple[Floats, Floats]:
    """Return expected counts and dispersion of some draws."""
    some = slice(None, None, max(len(posterior.z) // 50, 1))
    eta = place(scaled.problem, posterior.z[some]).eta
    assert posterior.dispersion is not None
    return bent(scaled, eta), posterior.dispersion[some]


def _treated(posterior: Posterior) -> str:
    if posterior.dispersion is not None:
        return "counts have no other likelihood for them."
    if np.isinf(posterior.freedom).all():
        return "normal noise gives them full weight, likelihood='student_t' would not."
    return "they count less."


def _residuals(scaled: Scaled, posterior: Posterior) -> tuple[float, float]:
    """Return excess kurtosis and lag-1 correlation of the mean innovation, of counts its score."""
    if scaled.problem.counts is not None:
        found = _fitted_counts(scaled, posterior)
        new = normal_scores(scaled.problem.counts.outcome, *found)
    else:
        at = collapse(scaled.problem, posterior.z[:: max(len(posterior.z) // 50, 1)])
        new = (at.residual[:, 1:] - at.rho * at.residual[:, :-1]).mean(axis=0)
    new = new - new.mean()
    spread = float(np.mean(new**2))
    if not spread > 0:
        return 0.0, 0.0
    return float(np.mean(new**4) / spread**2 - 3.0), float(np.mean(new[1:] * new[:-1]) / spread)


def likely_cause(found: Diagnostics, notes: Sequence[str]) -> str:
    """Say why chains do not agree, and what mends it."""
    facts = (
        f"The chains do not agree (r-hat {found.r_hat:.3f}, effective draws "
        f"{found.ess_bulk:.0f} and {found.ess_tail:.0f}, {found.divergences} divergences)"
    )
    cause = notes[0] if notes else "the curves of some channels may fit in two ways."
    return (
        f"{facts}. Likely cause: {cause} Otherwise sample longer with "
        "sampler=Sampling(n_draws=4000), or pass on_nonconvergence='warn' to look at it."
    )


def far_from_prior(
    media: Media, posterior: Posterior, channels: Sequence[str]
) -> tuple[float, list[str]]:
    """Return how far out in the prior all media lie, and which channels lie far out.

    Every parameter is about standard normal a priori, so that its posterior mean says how far.

    Parameters
    ----------
    media : Media
    posterior : Posterior
    channels : sequence of str
        With spend.

    Returns
    -------
    total : float
        Standard deviations of the prior; 0 where they are not far.
    far : list of str
    """
    centre = posterior.z.mean(axis=0)
    total, deviation = float(centre[media.n_parameters - 1]), centre[media.deviations]
    far = [channels[c] for c in media.shared if abs(deviation[c]) > _FAR]
    return total if abs(total) > _FAR else 0.0, far


def prior_conflicts(media: Media, posterior: Posterior, channels: Sequence[str]) -> list[str]:
    """Say where the posterior lies far out in the prior: one of them is wrong."""
    total, far = far_from_prior(media, posterior, channels)
    notes = []
    if total:
        side = "larger" if total > 0 else "smaller"
        notes.append(
            f"The data put media far {side} than the prior expects; pass "
            "priors=Priors(media_share=...) with what is known, or look for what moves spend and "
            "outcome alike."
        )
    if far:
        notes.append(
            f"The data put {quoted(far)} far from its share of spend; check the units and the "
            "timing of that spend, or pass priors=Priors(channel_spread=...) wider."
        )
    return notes


def contraction(media: Media, posterior: Posterior) -> Floats:
    """Return how much narrower the data made each channel's log contribution, 0-1.

    1 - posterior variance / prior variance, cut at 0.

    Parameters
    ----------
    media : Media
    posterior : Posterior

    Returns
    -------
    ndarray, shape (n_channels,)
    """
    prior = np.log(mean_contribution(media, draw_media(media, 4000, np.random.default_rng(0))))
    seen = np.log(posterior.contribution)
    return np.asarray(np.clip(1.0 - seen.var(axis=0) / prior.var(axis=0), 0.0, 1.0))


def identified(
    media: Media, posterior: Posterior, spend: Floats, active: npt.NDArray[np.bool_]
) -> list[str]:
    """Say what the contribution of each channel rests on.

    Parameters
    ----------
    media : Media
    posterior : Posterior
    spend : ndarray, shape (n_channels, n_periods)
        All channels.
    active : ndarray of bool, shape (n_channels,)

    Returns
    -------
    list of {"data", "prior", "not identified"}
        "not identified" where spend is constant, absent, or moves with that of another channel;
        otherwise "data" where at least half of the variance of the prior is gone.
    """
    data = np.zeros(len(spend))
    data[active] = contraction(media, posterior)
    blind = {i for group in groups_together(spend) for i in group}
    blind |= {i for i, row in enumerate(spend) if constant(row)}
    return [
        "not identified" if i in blind else "data" if data[i] >= 0.5 else "prior"
        for i in range(len(spend))
    ]
