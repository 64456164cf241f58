"""Figures of exact lifelong hashing: how well codes keep to what labels ask for."""

import numpy as np

from dlchkit.plotting.style import INK, new_figure, styled

_SPREAD = 0.012  # sideways, of dots that would hide each other


@styled
def plot_code_fit(similarity: np.ndarray, products: dict[str, np.ndarray], *, margin: float = 0.0):
    """Draw inner products of codes against label similarity, a panel for each name; dashed is what the labels ask for.

    Parameters
    ----------
    similarity : label cosines of pairs, float (n,), values in [0, 1]
    products : name -> inner products of the same pairs' codes over n_bits, float (n,), values in [-1, 1]
    margin : :math:`\\delta` of the target :math:`(1 + \\delta) s - \\delta`
    """
    figure, all_axes = new_figure(3.5, 1, len(products), sharey=True)
    aside = np.random.default_rng(0).uniform(-_SPREAD, _SPREAD, len(similarity))
    for axes, (name, product) in zip(all_axes[0], products.items()):
        axes.plot([0, 1], [-margin, 1], color=INK, linestyle="--", linewidth=1, label="asked for")
        axes.plot(similarity + aside, product, "o", markersize=3.5, color="#0072B2", alpha=0.35, markeredgewidth=0, label="a pair of codes")
        axes.set_title(f"{name}: mean squared gap {_gap(similarity, product, margin):.4f}")
        axes.set_xlabel("similarity of the labels")
        axes.grid(axis="y")
    all_axes[0, 0].set_ylabel("inner product / bits")
    figure.legend(*all_axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def describe_code_fit(similarity: np.ndarray, products: dict[str, np.ndarray], *, margin: float = 0.0) -> str:
    """Say how far each name's inner products are from what the labels ask for."""
    parts = [
        f"{_gap(similarity, product, margin):.4f} in the mean square and {np.abs(product - _asked(similarity, margin)).max():.2f} at worst ({name})"
        for name, product in products.items()
    ]
    return f"Over {len(similarity)} pairs of label vectors, inner products of codes miss what the labels ask for by {', '.join(parts)}."


def _asked(similarity, margin):
    return (1 + margin) * similarity - margin


def _gap(similarity, product, margin):
    return float(np.mean((product - _asked(similarity, margin)) ** 2))
