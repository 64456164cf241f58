"""Figures from data and records, each a pure function to a matplotlib Figure; `show` displays one with its alt text."""

from dlchkit.plotting.budget import describe_label_budget, describe_source_bias, plot_label_budget, plot_source_bias
from dlchkit.plotting.defects import describe_defects, plot_defects
from dlchkit.plotting.measures import plot_codes, plot_curve, plot_history, plot_scores
from dlchkit.plotting.pictures import show_pairs, show_retrieval, show_source
from dlchkit.plotting.sentences import describe_forgetting, describe_R, describe_scores, describe_seconds, describe_stages, describe_verdict
from dlchkit.plotting.streams import plot_forgetting, plot_R, plot_seconds, plot_stages
from dlchkit.plotting.style import png, save_figure, show

__all__ = [
    "describe_R",
    "describe_defects",
    "describe_forgetting",
    "describe_label_budget",
    "describe_scores",
    "describe_seconds",
    "describe_source_bias",
    "describe_stages",
    "describe_verdict",
    "plot_R",
    "plot_codes",
    "plot_curve",
    "plot_defects",
    "plot_forgetting",
    "plot_history",
    "plot_label_budget",
    "plot_scores",
    "plot_seconds",
    "plot_source_bias",
    "plot_stages",
    "png",
    "save_figure",
    "show",
    "show_pairs",
    "show_retrieval",
    "show_source",
]
