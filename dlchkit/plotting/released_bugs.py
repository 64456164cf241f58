"""Figure of the effect of each bug of the released demo on a score, fixed alone and left alone."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from dlchkit.data import DIRECTIONS
from dlchkit.metrics.words import in_words, number_in_words
from dlchkit.plotting.style import INK, legend_of_first, new_figure, styled

_ONE, _REST = "only this one mended", "all mended but this one"
Scores = Mapping[str, float]


@styled
def plot_defects(
    only: Mapping[str, Scores], all_but: Mapping[str, Scores], *, released: Scores, mended: Scores
) -> Figure:
    """Draw, for each defect, the score with only it mended and with only it left; lines mark none and all mended.

    Parameters
    ----------
    only, all_but : mapping
        defect -> {"image_to_text": mAP, "text_to_image": mAP}, the same defects in both
    released, mended : mapping
        direction -> mAP with no defect mended, and with all
    """
    figure, all_axes = new_figure(1.5 + 0.38 * len(only), 1, len(DIRECTIONS), sharey=True)
    rows = np.arange(len(only))
    others = {"linestyle": "", "marker": "D", "markerfacecolor": "none", "color": "#8A4B00"}
    for axes, direction in zip(all_axes[0], DIRECTIONS, strict=True):
        axes.axvline(released[direction], color="#C8501E", linestyle="--", linewidth=1.2, label="as released")
        axes.axvline(mended[direction], color=INK, linewidth=1.2, label="all mended")
        axes.plot([only[name][direction] for name in only], rows - 0.13, "o", color="#0072B2", label=_ONE)
        axes.plot([all_but[name][direction] for name in only], rows + 0.13, label=_REST, **others)
        axes.grid(axis="x")
        axes.margins(x=0.08)
        axes.set_title(in_words(direction))
        axes.set_yticks(rows, [in_words(name) for name in only])
        axes.set_xlabel("mAP (higher is better)")
    all_axes[0, 0].invert_yaxis()
    legend_of_first(figure, all_axes, ncols=4, below=True)
    return figure


def describe_defects(
    only: Mapping[str, Scores], all_but: Mapping[str, Scores], *, released: Scores, mended: Scores
) -> str:
    """State, for each direction, the scores as released and mended, and the most important defects."""
    return " ".join(_sentence(only, all_but, released, mended, direction) for direction in DIRECTIONS)


def _sentence(only, all_but, released, mended, direction):
    gains = {name: only[name][direction] - released[direction] for name in only}
    losses = {name: mended[direction] - all_but[name][direction] for name in only}
    helps = max(gains, key=gains.__getitem__)
    costs = max(losses, key=losses.__getitem__)
    return (
        f"{in_words(direction).capitalize()}: mAP {released[direction]:.3f} as released, {mended[direction]:.3f} with "
        f"all mended; mending {in_words(helps)} alone changes it most ({number_in_words(gains[helps], 3, sign='+')}), "
        f"and with all others mended, leaving {in_words(costs)} in costs most "
        f"({number_in_words(-losses[costs], 3, sign='+')})."
    )
