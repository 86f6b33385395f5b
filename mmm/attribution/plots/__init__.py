"""Figures of attribution, from frames alone."""

from mmm.attribution.plots.chain import plot_graph, plot_transitions
from mmm.attribution.plots.journeys import plot_path_lengths, plot_time_lags, plot_top_paths
from mmm.attribution.plots.shares import plot_comparison, plot_robustness, plot_shares

__all__ = [
    "plot_comparison",
    "plot_graph",
    "plot_path_lengths",
    "plot_robustness",
    "plot_shares",
    "plot_time_lags",
    "plot_top_paths",
    "plot_transitions",
]
