"""Figures of data and records: pure functions to a matplotlib Figure; `show` displays one with its alt text."""

from dlchkit.plotting.budget_curves import (
    describe_label_budget,
    describe_source_bias,
    plot_label_budget,
    plot_source_bias,
)
from dlchkit.plotting.code_fit import describe_code_fit, plot_code_fit
from dlchkit.plotting.decisions import (
    describe_code_health,
    describe_detection,
    describe_drift,
    describe_recommendation,
    describe_yearly_cost,
    plot_code_health,
    plot_detection,
    plot_drift,
    plot_recommendation,
    plot_yearly_cost,
)
from dlchkit.plotting.explanations import (
    describe_moving_words,
    describe_suspicion,
    describe_why,
    plot_moving_words,
    plot_suspicion,
    plot_why,
)
from dlchkit.plotting.measures import plot_codes, plot_curve, plot_history, plot_scores
from dlchkit.plotting.pictures import describe_found, show_found, show_pairs, show_retrieval, show_source
from dlchkit.plotting.progress_line import show_progress
from dlchkit.plotting.r_matrix import plot_forgetting, plot_R, plot_seconds, plot_stages
from dlchkit.plotting.released_bugs import describe_defects, plot_defects
from dlchkit.plotting.sentences import (
    describe_forgetting,
    describe_R,
    describe_scores,
    describe_seconds,
    describe_stages,
)
from dlchkit.plotting.style import png, save_figure, show
from dlchkit.plotting.verdict import describe_verdict

__all__ = [
    "describe_R",
    "describe_code_fit",
    "describe_code_health",
    "describe_defects",
    "describe_detection",
    "describe_drift",
    "describe_forgetting",
    "describe_found",
    "describe_label_budget",
    "describe_moving_words",
    "describe_recommendation",
    "describe_scores",
    "describe_seconds",
    "describe_source_bias",
    "describe_stages",
    "describe_suspicion",
    "describe_verdict",
    "describe_why",
    "describe_yearly_cost",
    "plot_R",
    "plot_code_fit",
    "plot_code_health",
    "plot_codes",
    "plot_curve",
    "plot_defects",
    "plot_detection",
    "plot_drift",
    "plot_forgetting",
    "plot_history",
    "plot_label_budget",
    "plot_moving_words",
    "plot_recommendation",
    "plot_scores",
    "plot_seconds",
    "plot_source_bias",
    "plot_stages",
    "plot_suspicion",
    "plot_why",
    "plot_yearly_cost",
    "png",
    "save_figure",
    "show",
    "show_found",
    "show_pairs",
    "show_progress",
    "show_retrieval",
    "show_source",
]
