"""Figures of methods on one stream, drawn from their `MethodRecord`."""

import numpy as np
from matplotlib.figure import Figure

from dlchkit.data import DIRECTIONS
from dlchkit.metrics import time_reduction
from dlchkit.metrics.words import in_words, joined
from dlchkit.plotting.sentences import drop_split, stage_means
from dlchkit.plotting.style import INK, PAPER, hide, legend_of_first, looks, new_figure, styled
from dlchkit.records import MethodRecord

_MOST_NUMBERED = 10  # stages; beyond it the numbers in the cells would be too small to read


@styled
def plot_R(methods: dict[str, MethodRecord], direction: str) -> Figure:
    """Draw R of each method as a heat map, all on one scale, with the numbers in the cells.

    Parameters
    ----------
    methods : dict
        name -> `MethodRecord`, all of one stream
    direction : str
        "image_to_text" or "text_to_image"
    """
    columns = min(3, len(methods))
    n_lines = -(-len(methods) // columns)
    side = min(2.4, 6.6 / columns)
    figure, all_axes = new_figure(0.3 + n_lines * (side + 0.4), n_lines, columns, sharey=True)
    values = np.concatenate([method.R[direction].ravel() for method in methods.values()])
    values = values[np.isfinite(values)]
    low = np.floor(values.min() * 10) / 10 if len(values) else 0
    high = np.ceil(values.max() * 10) / 10 if len(values) else 1
    for axes, (name, method) in zip(all_axes.flat, methods.items(), strict=False):
        _draw_R(axes, method.R[direction], low, max(high, low + 0.1))
        axes.set_title(name, weight="bold")
        axes.set_xlabel("queries of stage")
    for axes in all_axes[:, 0]:
        axes.set_ylabel("after stage")
    hide(all_axes.flat[len(methods) :])
    bar = figure.colorbar(all_axes[0, 0].images[0], ax=all_axes, shrink=0.8, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=9)
    bar.set_label(f"mAP, {in_words(direction)}")
    return figure


def _draw_R(axes, R, low, high):
    n = len(R)
    shown = np.ma.masked_where(np.triu(np.ones_like(R, dtype=bool), 1) | np.isnan(R), R)
    image = axes.imshow(shown, cmap="cividis", vmin=low, vmax=high)
    axes.spines[:].set_visible(False)
    axes.set(xticks=range(n), yticks=range(n))
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=PAPER, linewidth=1.2)
    axes.tick_params(which="minor", length=0)
    if n <= _MOST_NUMBERED:
        for i, j in zip(*np.tril_indices(n), strict=True):
            text = "–" if np.isnan(R[i, j]) else f"{R[i, j]:.2f}"
            on_dark = image.norm(R[i, j]) < 0.47  # where black and white stand out equally on cividis
            axes.text(
                j, i, text, ha="center", va="center", fontsize=min(10, 48 / n), color=PAPER if on_dark else "black"
            )


@styled
def plot_stages(methods: dict[str, MethodRecord]) -> Figure:
    """Draw the mean mAP over the queries of all stages seen so far, after each stage."""
    figure, all_axes = new_figure(3.4, 1, len(DIRECTIONS), sharey=True)
    for axes, direction in zip(all_axes[0], DIRECTIONS, strict=True):
        for name, look in looks(methods).items():
            means = stage_means(methods[name], direction)
            axes.plot(range(len(means)), means, linewidth=1.8, label=name, **look.of_line)
            axes.set_xticks(range(len(means)))
        axes.grid(axis="y")
        axes.set_title(in_words(direction))
        axes.set_xlabel("after stage")
    all_axes[0, 0].set_ylabel("mean mAP, all queries so far")
    legend_of_first(figure, all_axes, ncols=5)
    return figure


@styled
def plot_forgetting(methods: dict[str, MethodRecord], *, joint: str = "joint") -> Figure:
    """Draw the fall of earlier stages' scores, split into the growing database and forgetting.

    Joint retraining forgets nothing, so its own drop from first to last score is the cost of
    the growing database; a method's further drop is its forgetting. A negative part is a
    gain and is drawn to the left of zero.
    """
    figure, all_axes = new_figure(1.5 + 0.5 * len(methods), 1, len(DIRECTIONS), sharex=True, sharey=True)
    for axes, direction in zip(all_axes[0], DIRECTIONS, strict=True):
        split = [drop_split(methods, name, direction, joint=joint) for name in methods]
        _draw_drops(axes, *np.array(split).T)
        axes.set_title(in_words(direction))
        axes.set_yticks(range(len(methods)), list(methods))
        axes.set_xlabel("drop in mAP, first to last")
    all_axes[0, 0].invert_yaxis()
    low, high = all_axes[0, 0].get_xlim()
    all_axes[0, 0].set_xlim(low, high + 0.42 * (high - low))  # room for the numbers
    legend_of_first(figure, all_axes, below=True)
    return figure


def _draw_drops(axes, harder, forgot):
    rows = np.arange(len(harder))
    known = np.nan_to_num(harder)
    split = np.isfinite(harder).any()
    start = np.where(known * forgot > 0, known, 0.0)  # parts of opposite sign both grow from zero
    if split:
        axes.barh(rows, known, 0.5, color="#B9C4CE", label="database grew harder")
    label = "forgot" if split else "whole drop (no joint retraining to split it)"
    axes.barh(rows, np.nan_to_num(forgot), 0.5, left=start, color="#C8501E", hatch="////", edgecolor=PAPER, label=label)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.grid(axis="x")
    beside = {"xytext": (5, 0), "textcoords": "offset points", "va": "center", "fontsize": 9}
    for row, parts in enumerate(zip(harder, forgot, strict=True)):
        right = max(0.0, *np.nan_to_num([*parts, sum(parts)]))
        axes.annotate(_sum_in_words(*parts), (right, row), **beside).set_in_layout(False)


def _sum_in_words(harder, forgot):
    if np.isnan(forgot):
        return "–"
    parts = [part for part in (harder, forgot) if not np.isnan(part)]
    if len(parts) == 2 and forgot == 0:
        parts = [harder]
    text = " + ".join(f"{part:.3f}" for part in parts)
    return text.replace("+ -", "− ").replace("-", "−")


@styled
def plot_seconds(methods: dict[str, MethodRecord]) -> Figure:
    """Draw the training seconds of each stage and method; the legend gives the time saved against joint."""
    figure, all_axes = new_figure(3.2)
    axes = all_axes[0, 0]
    width = 0.8 / len(methods)
    joint = methods.get("joint")
    for position, (name, look) in enumerate(looks(methods).items()):
        seconds = methods[name].seconds
        offset = (position - (len(methods) - 1) / 2) * width
        label = _with_saving(name, methods[name], joint)
        axes.bar(np.arange(len(seconds)) + offset, seconds, width, label=label, **look.of_bar)
        axes.set_xticks(range(len(seconds)))
    axes.grid(axis="y")
    clocks = joined(sorted({method.clock for method in methods.values()}))
    axes.set(xlabel="stage", ylabel=f"training, {clocks} seconds")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def _with_saving(name, method, joint):
    if name == "joint" or joint is None or len(method.seconds) < 2 or len(method.seconds) != len(joint.seconds):
        return name
    if method.learned_at_once:
        return f"{name}: all at once"
    if method.clock != joint.clock:
        return name
    saved = time_reduction(method.seconds, joint.seconds)
    return f"{name}: {abs(saved):.0%} {'less' if saved >= 0 else 'more'} than joint"
