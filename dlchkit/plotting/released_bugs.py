"""A figure of what mending each defect does to a score, alone and among all others."""

import numpy as np

from dlchkit.plotting.style import INK, in_words, new_figure, styled
from dlchkit.records import DIRECTIONS

_ONE, _REST = "only this one mended", "all mended but this one"


@styled
def plot_defects(only: dict, all_but: dict, *, released: dict, mended: dict):
    """Draw, for each defect, the score with only it mended and with only it left; lines mark none and all mended.

    Parameters
    ----------
    only, all_but : defect -> {"image_to_text": mAP, "text_to_image": mAP}, the same defects in both
    released, mended : direction -> mAP with no defect mended, and with all
    """
    figure, all_axes = new_figure(1.5 + 0.38 * len(only), 1, len(DIRECTIONS), sharey=True)
    rows = np.arange(len(only))
    for axes, direction in zip(all_axes[0], DIRECTIONS):
        axes.axvline(released[direction], color="#C8501E", linestyle="--", linewidth=1.2, label="as released")
        axes.axvline(mended[direction], color=INK, linewidth=1.2, label="all mended")
        axes.plot([only[name][direction] for name in only], rows - 0.13, "o", color="#0072B2", label=_ONE)
        axes.plot([all_but[name][direction] for name in only], rows + 0.13, "D", markerfacecolor="none", color="#8A4B00", label=_REST)
        axes.grid(axis="x")
        axes.margins(x=0.08)
        axes.set_title(in_words(direction))
        axes.set_yticks(rows, [in_words(name) for name in only])
        axes.set_xlabel("mAP (higher is better)")
    all_axes[0, 0].invert_yaxis()
    figure.legend(*all_axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def describe_defects(only: dict, all_but: dict, *, released: dict, mended: dict) -> str:
    """One sentence a direction: from released to mended, and the defect whose mending alone or whose staying matters most."""
    return " ".join(_sentence(only, all_but, released, mended, direction) for direction in DIRECTIONS)


def _sentence(only, all_but, released, mended, direction):
    gains = {name: only[name][direction] - released[direction] for name in only}
    losses = {name: mended[direction] - all_but[name][direction] for name in only}
    helps, costs = max(gains, key=gains.get), max(losses, key=losses.get)
    return (
        f"{in_words(direction).capitalize()}: mAP {released[direction]:.3f} as released, {mended[direction]:.3f} with all mended; "
        f"mending {in_words(helps)} alone changes it most ({gains[helps]:+.3f}), and with all others mended, "
        f"leaving {in_words(costs)} in costs most ({-losses[costs]:+.3f})."
    )
