"""Figures of the marketing mix, from frames and arrays alone.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; what is estimated
always carries its interval.
"""

from mmm.drawing import save_figure
from mmm.mix.plots.fit import (
    autocorrelation,
    plot_contributions,
    plot_curves,
    plot_fit,
    plot_prior_posterior,
    plot_residuals,
)
from mmm.mix.plots.plan import (
    gain_density,
    plot_budget,
    plot_frontier,
    plot_gain,
    plot_marginal,
    plot_plan,
)
from mmm.mix.plots.prior import plot_prior

__all__ = [
    "autocorrelation",
    "gain_density",
    "plot_budget",
    "plot_contributions",
    "plot_curves",
    "plot_fit",
    "plot_frontier",
    "plot_gain",
    "plot_marginal",
    "plot_plan",
    "plot_prior",
    "plot_prior_posterior",
    "plot_residuals",
    "save_figure",
]
