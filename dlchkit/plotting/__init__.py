"""Figures from data and records, each a pure function to a matplotlib Figure; `show` displays one with its alt text."""

from dlchkit.plotting.measures import plot_codes, plot_curve, plot_history, plot_scores
from dlchkit.plotting.pictures import show_pairs, show_retrieval, show_source
from dlchkit.plotting.sentences import describe_forgetting, describe_R, describe_scores, describe_seconds, describe_stages, describe_verdict
from dlchkit.plotting.streams import plot_forgetting, plot_R, plot_seconds, plot_stages
from dlchkit.plotting.style import png, save_figure, show

__all__ = [
    "describe_R",
    "describe_forgetting",
    "describe_scores",
    "describe_seconds",
    "describe_stages",
    "describe_verdict",
    "plot_R",
    "plot_codes",
    "plot_curve",
    "plot_forgetting",
    "plot_history",
    "plot_scores",
    "plot_seconds",
    "plot_stages",
    "png",
    "save_figure",
    "show",
    "show_pairs",
    "show_retrieval",
    "show_source",
]
