"""Figure of exact lifelong hashing: the fit between inner products of codes and label similarity."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from dlchkit.plotting.style import INK, legend_of_first, new_figure, styled

_SPREAD = 0.012  # sideways, so that dots do not hide each other


@styled
def plot_code_fit(similarity: np.ndarray, products: Mapping[str, np.ndarray], *, margin: float = 0.0) -> Figure:
    """Draw inner products of codes against label similarity, one panel for each name; the target is dashed.

    Parameters
    ----------
    similarity : np.ndarray
        label cosines of pairs, float (n,), values in [0, 1]
    products : mapping
        name -> inner products of the same pairs' codes over n_bits, float (n,), values in [-1, 1]
    margin : float
        :math:`\\delta` of the target :math:`(1 + \\delta) s - \\delta`
    """
    figure, all_axes = new_figure(3.5, 1, len(products), sharey=True)
    places = similarity + np.random.default_rng(0).uniform(-_SPREAD, _SPREAD, len(similarity))
    dots = {"linestyle": "", "marker": "o", "markersize": 3.5, "color": "#0072B2", "alpha": 0.35, "markeredgewidth": 0}
    for axes, (name, product) in zip(all_axes[0], products.items(), strict=True):
        axes.plot([0, 1], [-margin, 1], color=INK, linestyle="--", linewidth=1, label="target")
        axes.plot(places, product, label="a pair of codes", **dots)
        gap = _gap(similarity, product, margin)
        axes.set_title(f"{name}: mean squared gap {np.mean(gap**2):.4f}")
        axes.set_xlabel("similarity of the labels")
        axes.grid(axis="y")
    all_axes[0, 0].set_ylabel("inner product / bits")
    legend_of_first(figure, all_axes, ncols=2)
    return figure


def describe_code_fit(similarity: np.ndarray, products: Mapping[str, np.ndarray], *, margin: float = 0.0) -> str:
    """State the distance of each name's inner products from their target; parameters as in `plot_code_fit`."""
    parts = []
    for name, product in products.items():
        gap = _gap(similarity, product, margin)
        parts.append(f"{np.mean(gap**2):.4f} in the mean square and {np.abs(gap).max():.2f} at worst ({name})")
    return (
        f"Over {len(similarity)} pairs of label vectors, inner products of codes differ from the target "
        f"that the labels set by {', '.join(parts)}."
    )


def _gap(similarity, product, margin):
    return product - ((1 + margin) * similarity - margin)
