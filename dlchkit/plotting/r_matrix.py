"""Figures of methods on one stream, drawn from their `MethodRecord`."""

import numpy as np

from dlchkit.metrics import time_reduction
from dlchkit.plotting.sentences import drop_split, stage_means
from dlchkit.plotting.style import INK, PAPER, in_words, looks, new_figure, styled
from dlchkit.records import DIRECTIONS, MethodRecord

_MOST_NUMBERED = 10  # stages; beyond it the numbers in the cells would be too small to read


@styled
def plot_R(methods: dict[str, MethodRecord], direction: str):
    """Draw R of each method as a heat map, all on one scale, the numbers in the cells.

    Parameters
    ----------
    methods : name -> MethodRecord, all of one stream
    direction : "image_to_text" or "text_to_image"
    """
    columns = min(3, len(methods))
    n_lines = -(-len(methods) // columns)
    side = min(2.4, 6.6 / columns)
    figure, all_axes = new_figure(0.3 + n_lines * (side + 0.4), n_lines, columns, sharey=True)
    values = np.concatenate([method.R[direction].ravel() for method in methods.values()])
    low, high = (np.floor(np.nanmin(values) * 10) / 10, np.ceil(np.nanmax(values) * 10) / 10) if np.isfinite(values).any() else (0, 1)
    for axes, (name, method) in zip(all_axes.flat, methods.items()):
        image = _draw_R(axes, method.R[direction], low, max(high, low + 0.1))
        axes.set_title(name, weight="bold")
        axes.set_xlabel("queries of stage")
    for axes in all_axes[:, 0]:
        axes.set_ylabel("after stage")
    for axes in all_axes.flat[len(methods) :]:
        axes.set_visible(False)
    bar = figure.colorbar(image, ax=all_axes, shrink=0.8, pad=0.02)
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
        for i, j in zip(*np.tril_indices(n)):
            text = "–" if np.isnan(R[i, j]) else f"{R[i, j]:.2f}"
            on_dark = image.norm(R[i, j]) < 0.47  # where black and white stand out equally on cividis
            axes.text(j, i, text, ha="center", va="center", fontsize=min(10, 48 / n), color=PAPER if on_dark else "black")
    return image


@styled
def plot_stages(methods: dict[str, MethodRecord]):
    """Draw the mean mAP over the queries of all stages seen so far, after each stage."""
    figure, all_axes = new_figure(3.4, 1, len(DIRECTIONS), sharey=True)
    for axes, direction in zip(all_axes[0], DIRECTIONS):
        for name, look in looks(methods).items():
            means = stage_means(methods[name], direction)
            axes.plot(range(len(means)), means, color=look.colour, marker=look.marker, linestyle=look.line, linewidth=1.8, label=name)
        axes.grid(axis="y")
        axes.set_title(in_words(direction))
        axes.set_xticks(range(len(means)))
        axes.set_xlabel("after stage")
    all_axes[0, 0].set_ylabel("mean mAP, all queries so far")
    figure.legend(*all_axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=5)
    return figure


@styled
def plot_forgetting(methods: dict[str, MethodRecord], *, joint: str = "joint"):
    """Draw how far earlier stages' scores fell, split into the growing database and forgetting.

    Joint retraining forgets nothing, so its own drop from first to last score is what the
    growing database costs; what a method drops beyond that is what it forgot. A negative
    part is a gain and is drawn to the left of zero.
    """
    figure, all_axes = new_figure(1.5 + 0.5 * len(methods), 1, len(DIRECTIONS), sharex=True, sharey=True)
    for axes, direction in zip(all_axes[0], DIRECTIONS):
        split = [drop_split(methods, name, direction, joint=joint) for name in methods]
        _draw_drops(axes, *np.array(split).T)
        axes.set_title(in_words(direction))
        axes.set_yticks(range(len(methods)), list(methods))
        axes.set_xlabel("drop in mAP, first to last")
    all_axes[0, 0].invert_yaxis()
    low, high = all_axes[0, 0].get_xlim()
    all_axes[0, 0].set_xlim(low, high + 0.42 * (high - low))  # room for the numbers
    figure.legend(*all_axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw_drops(axes, harder, forgot):
    rows, known = np.arange(len(harder)), np.nan_to_num(harder)
    split = np.isfinite(harder).any()
    start = np.where(known * forgot > 0, known, 0.0)  # parts of opposite sign both grow from zero
    if split:
        axes.barh(rows, known, 0.5, color="#B9C4CE", label="database grew harder")
    label = "forgot" if split else "whole drop (no joint retraining to split it)"
    axes.barh(rows, np.nan_to_num(forgot), 0.5, left=start, color="#C8501E", hatch="////", edgecolor=PAPER, label=label)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.grid(axis="x")
    for row, parts in enumerate(zip(harder, forgot)):
        right = max(0.0, *np.nan_to_num([*parts, sum(parts)]))
        axes.annotate(_sum_in_words(*parts), (right, row), (5, 0), textcoords="offset points", va="center", fontsize=9).set_in_layout(False)


def _sum_in_words(harder, forgot):
    if np.isnan(forgot):
        return "–"
    parts = [forgot] if np.isnan(harder) else [harder] if forgot == 0 else [harder, forgot]
    text = " + ".join(f"{part:.3f}" for part in parts)
    return text.replace("+ -", "− ").replace("-", "−")


@styled
def plot_seconds(methods: dict[str, MethodRecord]):
    """Draw training seconds of each stage and method; the legend gives the time saved against joint."""
    figure, all_axes = new_figure(3.2)
    axes = all_axes[0, 0]
    width = 0.8 / len(methods)
    joint = methods.get("joint")
    for position, (name, look) in enumerate(looks(methods).items()):
        seconds = methods[name].seconds
        offset = (position - (len(methods) - 1) / 2) * width
        label = _with_saving(name, methods[name], joint)
        axes.bar(np.arange(len(seconds)) + offset, seconds, width, color=look.colour, hatch=look.hatch, edgecolor=PAPER, label=label)
    axes.set_xticks(range(len(seconds)))
    axes.grid(axis="y")
    axes.set(xlabel="stage", ylabel="training seconds")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def _with_saving(name, method, joint):
    if name == "joint" or joint is None or len(method.seconds) < 2 or len(method.seconds) != len(joint.seconds):
        return name
    if method.learned_at_once:
        return f"{name}: all at once"
    saved = time_reduction(method.seconds, joint.seconds)
    return f"{name}: {abs(saved):.0%} {'less' if saved >= 0 else 'more'} than joint"
