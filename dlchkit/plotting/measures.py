"""Figures of numbers that need no stream: scores, curves, training histories, codes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from dlchkit.data import DIRECTIONS
from dlchkit.metrics.words import in_words
from dlchkit.plotting.style import BITS, INK, PAPER, QUIET, hide, looks, new_figure, styled

_BY_DIRECTION = {"image_to_text": ("#0072B2", ""), "text_to_image": ("#9AC7E2", "////")}


@styled
def plot_scores(scores: Mapping[str, Mapping[str, float]], *, title: str, chance: float | None = None) -> Figure:
    """Draw horizontal bars, a pair for each name, with their numbers.

    Parameters
    ----------
    scores : mapping
        name -> {"image_to_text": score, "text_to_image": score}; NaN draws no bar
    title : str
        of the figure
    chance : float or None
        score of random codes, drawn as a dashed line
    """
    figure, all_axes = new_figure(1.1 + 0.55 * len(scores))
    axes = all_axes[0, 0]
    for offset, direction in zip((-0.19, 0.19), DIRECTIONS, strict=True):
        colour, hatch = _BY_DIRECTION[direction]
        values = np.array([row.get(direction, np.nan) for row in scores.values()], dtype=float)
        look = {"color": colour, "hatch": hatch, "edgecolor": PAPER, "label": in_words(direction)}
        bars = axes.barh(np.arange(len(scores)) + offset, np.nan_to_num(values), 0.34, **look)
        axes.bar_label(bars, ["–" if np.isnan(value) else f"{value:.3f}" for value in values], padding=3, fontsize=9)
    if chance is not None:
        axes.axvline(chance, color=INK, linestyle="--", linewidth=1, label=f"chance ({chance:.3f})")
    axes.set_yticks(range(len(scores)), list(scores))
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlim(left=0)
    axes.set_xlabel("mAP (higher is better)")
    axes.set_title(title)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


@styled
def plot_curve(x: Sequence[float], ys: Mapping[str, Sequence[float]], *, x_label: str, y_label: str) -> Figure:
    """Draw one line for each name of ``ys`` against ``x``."""
    figure, all_axes = new_figure(3.4)
    axes = all_axes[0, 0]
    for name, look in looks(ys).items():
        axes.plot(x, ys[name], label=in_words(name), **look.of_line)
    axes.grid(axis="y")
    axes.set(xlabel=x_label, ylabel=y_label)
    if len(x) <= 10:
        axes.set_xticks(x, [f"{value:g}" for value in x])
    if len(ys) > 1:
        figure.legend(loc="outside upper left", ncols=4)
    return figure


@styled
def plot_history(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draw each training quantity over the epochs in a small panel of its own.

    Parameters
    ----------
    history : mapping
        name -> values, one per epoch
    """
    columns = min(3, len(history))
    n_lines = -(-len(history) // columns)
    figure, all_axes = new_figure(0.3 + 1.9 * n_lines, n_lines, columns)
    for axes, (name, values) in zip(all_axes.flat, history.items(), strict=False):
        epochs = np.arange(1, len(values) + 1)
        axes.plot(epochs, values, color="#0072B2", marker="o" if len(values) < 15 else None, markersize=3.5)
        axes.grid(axis="y")
        axes.set_title(in_words(name))
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=6)
        axes.yaxis.get_major_locator().set_params(nbins=5)
    hide(all_axes.flat[len(history) :])
    figure.supxlabel("epoch", fontsize=10)
    return figure


@styled
def plot_codes(codes: np.ndarray, *, rows: int = 24) -> Figure:
    """Draw the first codes: one line for each item, one column for each bit, +1 dark and -1 light.

    Parameters
    ----------
    codes : np.ndarray
        int8 (n, n_bits), values in {-1, +1}
    rows : int
        largest number of codes drawn
    """
    codes = np.asarray(codes)[:rows]
    square = min(0.24, 7.2 / codes.shape[1])  # inches
    figure, all_axes = new_figure(0.85 + max(0.24, square) * len(codes))
    axes = all_axes[0, 0]
    axes.pcolormesh(codes > 0, cmap=BITS, vmin=0, vmax=1, edgecolor="white", linewidth=0.6)
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.set(xlabel=f"bit (1 to {codes.shape[1]})", ylabel="item")
    axes.set(xticks=[0.5, codes.shape[1] - 0.5], xticklabels=[1, codes.shape[1]], yticks=[])
    axes.set_title("hash codes: dark is +1, light is −1", color=QUIET)
    return figure
