"""Figures of the funnel: frames and arrays in, axes out."""

from mmm.funnel.plots.outlook import plot_fan, plot_waterfall
from mmm.funnel.plots.stages import plot_cohorts, plot_funnel, plot_incidence

__all__ = ["plot_cohorts", "plot_fan", "plot_funnel", "plot_incidence", "plot_waterfall"]
