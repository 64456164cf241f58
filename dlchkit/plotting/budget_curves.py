"""Figures of `dlchkit.transfer.label_budgets` and `dlchkit.transfer.bias`: what labels bring, and to which classes transfer brings it."""

import warnings
from itertools import cycle

import numpy as np

from dlchkit.metrics.budgets import budget_intervals, flat_from, gain_over
from dlchkit.plotting.sentences import joined
from dlchkit.plotting.style import INK, QUIET, Look, in_words, new_figure, styled
from dlchkit.records import DIRECTIONS

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
def plot_label_budget(result: dict):
    """Draw mAP against labelled pairs per class: a line for each variant with its 95% intervals, a panel per direction.

    Parameters
    ----------
    result : from `dlchkit.transfer.label_budgets.label_budget`; references are drawn as level lines, since
        they see no label. With one seed there are no intervals; those of few can reach
        beyond mAP's range [0, 1] and are drawn up to its ends
    """
    figure, all_axes = new_figure(3.9, 1, len(DIRECTIONS), sharey=True)
    places = np.arange(len(result["budgets"]), dtype=float)
    for axes, direction in zip(all_axes[0], DIRECTIONS):
        for shift, name, look in zip(_spread(len(result["variants"])), result["variants"], cycle(_LOOKS)):
            means, reach = _means_and_reach(result, name, direction)
            line = {"color": look.colour, "marker": look.marker, "linestyle": look.line, "linewidth": 1.7, "markersize": 5}
            axes.errorbar(places + shift, means, reach, capsize=2.5, elinewidth=1, label=name, **line)
        for (name, scores), style in zip(result["references"].items(), cycle(_REFERENCE_LINES)):
            axes.axhline(np.mean(scores[direction]), color=INK, linestyle=style, linewidth=1.1, label=f"{name} (no labels)")
        axes.grid(axis="y")
        axes.set_title(in_words(direction))
        axes.set_xticks(places, [_in_words(budget) for budget in result["budgets"]])
        axes.set_xlabel("labelled pairs per class")
        axes.set_xlim(-0.5, len(places) - 0.5)
    all_axes[0, 0].set_ylabel("mAP of class posteriors")
    figure.legend(*all_axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


def _spread(n):
    return (np.arange(n) - (n - 1) / 2) * 0.06


def _means_and_reach(result, name, direction):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one seed has no interval, which the figure shows
        intervals = budget_intervals(result, name, direction)
    means = np.array([interval.mean for interval in intervals])
    if len(result["seeds"]) < 2:
        return means, None
    low, high = (np.clip([getattr(interval, end) for interval in intervals], 0, 1) for end in ("low", "high"))
    return means, np.maximum([means - low, high - means], 0)  # a mean of ones can lie a rounding above 1


def describe_label_budget(result: dict, *, baseline: str = "no transfer") -> str:
    """Say where each variant's curve begins and ends, where it flattens, and the best gain over ``baseline``."""
    first, last = (_in_words(result["budgets"][i]) for i in (0, -1))
    parts = []
    for name, rows in result["variants"].items():
        begin, end = (f"{np.mean([np.mean(rows[direction][i]) for direction in DIRECTIONS]):.2f}" for i in (0, -1))
        flat = _in_words(flat_from(result, name))
        curve = f"from {begin} to {end} ({name}, {'still rising' if flat == last else f'flat from {flat}'})"
        parts.append(curve if len(result["budgets"]) > 1 else f"{begin} ({name})")
    if len(result["budgets"]) > 1:
        sentence = f"From {first} to {last} labelled pairs per class the mean mAP of both directions goes {joined(parts)}."
    else:
        sentence = f"With {first} labelled pairs per class the mean mAP of both directions is {joined(parts)}."
    for name, scores in result["references"].items():
        sentence += f" {name}, without labels, stands at {np.mean([np.mean(row) for row in scores.values()]):.2f}."
    return sentence + _best_gain(result, baseline)


def _best_gain(result, baseline):
    others = [name for name in result["variants"] if name != baseline]
    if baseline not in result["variants"] or not others:
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one seed has no interval; the sentence then gives none
        gains = {(name, budget): gain_over(result, name, baseline, budget=budget) for name in others for budget in result["budgets"]}
    (name, budget), gain = max(gains.items(), key=lambda item: item[1].mean)
    within = f" (95% interval {gain.low:.2f} to {gain.high:.2f})" if gain.n > 1 else ""
    return f" The largest gain over {baseline} is {gain.mean:.2f}{within}, with {name} at {_in_words(budget)}.".replace("-", "−")


def _in_words(budget):
    return "all" if budget is None else str(budget)


@styled
def plot_source_bias(result: dict):
    """Draw each class's gain in recall against its distance to the nearest source class, a panel for each side.

    Parameters
    ----------
    result : from `dlchkit.transfer.bias.source_bias`; classes without a query are left out
    """
    sides = list(result["before"])
    figure, all_axes = new_figure(3.6, 1, len(sides), sharey=True)
    for axes, side in zip(all_axes[0], sides):
        distance, before, after = (np.array(x, dtype=float) for x in (result["distance"], result["before"][side], result["after"][side]))
        gain = after - before
        axes.axhline(0, color=INK, linewidth=0.8)
        dots = axes.scatter(distance, gain, c=before, cmap="cividis", vmin=0, vmax=1, s=34, edgecolor=INK, linewidth=0.5)
        order = [i for i in np.argsort(gain) if np.isfinite(gain[i] + distance[i])]
        for i in dict.fromkeys([*order[:_NAMED], *order[-_NAMED:]]):
            axes.annotate(result["class_names"][i], (distance[i], gain[i]), (4, 4), textcoords="offset points", fontsize=8, color=QUIET)
        axes.grid(axis="y")
        axes.margins(x=0.12, y=0.12)
        axes.set_title(f"{side} queries (rank correlation {result['rank_correlation'][side]:.2f})".replace("-", "−"))
        axes.set_xlabel("distance to the source (class radii)")
    all_axes[0, 0].set_ylabel("gain in recall by transfer")
    bar = figure.colorbar(dots, ax=all_axes, pad=0.02, label="recall before")
    bar.outline.set_visible(False)
    return figure


def describe_source_bias(result: dict) -> str:
    """Say how the gain in recall goes with the distance to the source, and which class gains and loses most."""
    parts = []
    for side in result["before"]:
        gain = np.array(result["after"][side], dtype=float) - np.array(result["before"][side], dtype=float)
        if not np.isfinite(gain).any():
            continue
        best, worst = int(np.nanargmax(gain)), int(np.nanargmin(gain))
        ends = f"{result['class_names'][best]} ({gain[best]:+.2f}) and {result['class_names'][worst]} ({gain[worst]:+.2f})"
        rank = result["rank_correlation"][side]
        going = "is not defined" if np.isnan(rank) else f"is {rank:.2f}"
        parts.append(f"For {side} queries the rank correlation of distance and gain in recall {going}; the gains lie between those of {ends}.")
    return " ".join(parts).replace("-", "−") if parts else "No class has a query."
