"""Figures of `dlchkit.transfer`: scores against label budgets, and the gain of each class from transfer."""

import warnings
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from dlchkit.data import DIRECTIONS
from dlchkit.metrics.budgets import budget_in_words, budget_intervals, flat_from, gain_over, mean_of_directions
from dlchkit.metrics.words import in_words, joined, number_in_words
from dlchkit.plotting.style import INK, QUIET, Look, legend_of_first, new_figure, styled

_LOOKS = [
    Look("#767676", "o", "--", ""),
    Look("#0072B2", "s", "-", ""),
    Look("#D55E00", "^", "-.", ""),
    Look("#009E73", "D", "-", ""),
    Look("#CC79A7", "v", ":", ""),
    Look("#B07A00", "P", (0, (5, 1)), ""),
]
_REFERENCE_LINES = [(0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 3))]
_NAMED = 2  # classes named in the scatter: those with the largest and smallest gain


@styled
def plot_label_budget(result: dict) -> Figure:
    """Draw mAP against labelled pairs per class: one line for each variant, with 95% intervals, for each direction.

    Parameters
    ----------
    result : dict
        from `dlchkit.transfer.label_budgets.label_budget`. References are drawn as level lines,
        since they use no labels. Intervals need two seeds; those that reach beyond mAP's range
        [0, 1] are cut there
    """
    figure, all_axes = new_figure(3.9, 1, len(DIRECTIONS), sharey=True)
    places = np.arange(len(result["budgets"]), dtype=float)
    for axes, direction in zip(all_axes[0], DIRECTIONS, strict=True):
        _draw_variants(axes, places, result, direction)
        for (name, scores), style in zip(result["references"].items(), cycle(_REFERENCE_LINES), strict=False):
            level = np.mean(scores[direction])
            axes.axhline(level, color=INK, linestyle=style, linewidth=1.1, label=f"{name} (no labels)")
        axes.grid(axis="y")
        axes.set_title(in_words(direction))
        axes.set_xticks(places, [budget_in_words(budget) for budget in result["budgets"]])
        axes.set_xlabel("labelled pairs per class")
        axes.set_xlim(-0.5, len(places) - 0.5)
    all_axes[0, 0].set_ylabel("mAP of class posteriors")
    legend_of_first(figure, all_axes)
    return figure


def _draw_variants(axes, places, result, direction):
    n = len(result["variants"])
    shifts = (np.arange(n) - (n - 1) / 2) * 0.06  # sideways, so that intervals do not hide each other
    bars = {"capsize": 2.5, "elinewidth": 1, "linewidth": 1.7, "markersize": 5}
    for shift, name, look in zip(shifts, result["variants"], cycle(_LOOKS), strict=False):
        means, reach = _means_and_reach(result, name, direction)
        axes.errorbar(places + shift, means, reach, label=name, **bars, **look.of_line)


def _means_and_reach(result, name, direction):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one seed has no interval, as the figure shows
        intervals = budget_intervals(result, name, direction)
    means = np.array([interval.mean for interval in intervals])
    if len(result["seeds"]) < 2:
        return means, None
    low = np.clip([interval.low for interval in intervals], 0, 1)
    high = np.clip([interval.high for interval in intervals], 0, 1)
    return means, np.maximum([means - low, high - means], 0)  # rounding can put a mean of ones above 1


def describe_label_budget(result: dict, *, baseline: str = "no transfer") -> str:
    """State where each variant's curve begins, ends and flattens, and the largest gain over ``baseline``."""
    budgets = result["budgets"]
    first, last = budget_in_words(budgets[0]), budget_in_words(budgets[-1])
    parts = []
    for name in result["variants"]:
        means = mean_of_directions(result, name)
        flat = budget_in_words(flat_from(result, name))
        shape = "still rising" if flat == last else f"flat from {flat}"
        several = f"from {means[0]:.2f} to {means[-1]:.2f} ({name}, {shape})"
        parts.append(several if len(budgets) > 1 else f"{means[0]:.2f} ({name})")
    if len(budgets) > 1:
        sentence = f"From {first} to {last} labelled pairs per class the mean mAP of both directions goes "
    else:
        sentence = f"With {first} labelled pairs per class the mean mAP of both directions is "
    sentence += f"{joined(parts)}."
    for name, scores in result["references"].items():
        sentence += f" {name}, without labels, stands at {np.mean([np.mean(row) for row in scores.values()]):.2f}."
    return sentence + _best_gain(result, baseline)


def _best_gain(result, baseline):
    others = [name for name in result["variants"] if name != baseline]
    if baseline not in result["variants"] or not others:
        return ""
    gains = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one seed has no interval; the sentence then gives none
        for name in others:
            for budget in result["budgets"]:
                gains[name, budget] = gain_over(result, name, baseline, budget=budget)
    name, budget = max(gains, key=lambda place: gains[place].mean)
    gain = gains[name, budget]
    ends = f" (95% interval {number_in_words(gain.low)} to {number_in_words(gain.high)})" if gain.n > 1 else ""
    mean = number_in_words(gain.mean)
    return f" The largest gain over {baseline} is {mean}{ends}, with {name} at {budget_in_words(budget)}."


@styled
def plot_source_bias(result: dict) -> Figure:
    """Draw each class's gain in recall against its distance to the nearest source class, one panel for each side.

    Parameters
    ----------
    result : dict
        from `dlchkit.transfer.bias.source_bias`; classes without a query are left out
    """
    sides = list(result["before"])
    figure, all_axes = new_figure(3.6, 1, len(sides), sharey=True)
    for axes, side in zip(all_axes[0], sides, strict=True):
        _draw_gains(axes, result, side)
        axes.grid(axis="y")
        axes.margins(x=0.12, y=0.12)
        axes.set_title(f"{side} queries (rank correlation {number_in_words(result['rank_correlation'][side])})")
        axes.set_xlabel("distance to the source (class radii)")
    all_axes[0, 0].set_ylabel("gain in recall by transfer")
    bar = figure.colorbar(all_axes[0, 0].collections[0], ax=all_axes, pad=0.02, label="recall before")
    bar.outline.set_visible(False)
    return figure


def _draw_gains(axes, result, side):
    distance = np.array(result["distance"], dtype=float)
    before = np.array(result["before"][side], dtype=float)
    gain = _gain_in_recall(result, side)
    colours = {"cmap": "cividis", "vmin": 0, "vmax": 1, "edgecolor": INK}
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.scatter(distance, gain, c=before, s=34, linewidth=0.5, **colours)
    order = [i for i in np.argsort(gain) if np.isfinite(gain[i] + distance[i])]
    beside = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": 8, "color": QUIET}
    for i in dict.fromkeys([*order[:_NAMED], *order[-_NAMED:]]):
        axes.annotate(result["class_names"][i], (distance[i], gain[i]), **beside)


def _gain_in_recall(result, side):
    return np.array(result["after"][side], dtype=float) - np.array(result["before"][side], dtype=float)


def describe_source_bias(result: dict) -> str:
    """State how the gain in recall depends on the distance to the source, and which classes gain most and least."""
    parts = []
    for side in result["before"]:
        gain = _gain_in_recall(result, side)
        if not np.isfinite(gain).any():
            continue
        ends = [
            f"{result['class_names'][i]} ({number_in_words(gain[i], sign='+')})"
            for i in (np.nanargmax(gain), np.nanargmin(gain))
        ]
        rank = number_in_words(result["rank_correlation"][side])
        parts.append(
            f"For {side} queries the rank correlation of distance and gain in recall is {rank}; "
            f"the gains lie between those of {joined(ends)}."
        )
    return " ".join(parts) if parts else "No class has a query."
