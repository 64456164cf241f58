"""Figures of single items: the reasons for a result, the effect of words on it, labels in doubt."""

import numpy as np
from matplotlib.figure import Figure

from dlchkit.metrics.words import joined, number_in_words
from dlchkit.plotting.style import BITS, INK, PAPER, QUIET, new_figure, styled
from dlchkit.policy.explanation import Why, WordMove
from dlchkit.policy.label_noise import NoiseRate, Suspicion

_MOST_CLASSES = 4  # rows of class codes below query and item


@styled
def plot_why(why: Why) -> Figure:
    """Draw the bits of query and item above the codes of the classes nearest to the query; crosses where they differ.

    Dark is +1, light is −1; bits stand in order of agreement, those that separate the two
    nearest classes first.
    """
    classes = why.query_classes[:_MOST_CLASSES]
    separating = set(why.separating_bits)
    bits = sorted(why.bits, key=lambda bit: (bit.position not in separating, bit.query != bit.item, bit.position))
    rows = [[bit.query > 0 for bit in bits], [bit.item > 0 for bit in bits]]
    rows += [[name in bit.plus for bit in bits] for name, _ in classes]
    figure, all_axes = new_figure(1.5 + 0.32 * len(rows))
    axes = all_axes[0, 0]
    axes.pcolormesh(np.array(rows), cmap=BITS, vmin=0, vmax=1, edgecolor="white", linewidth=0.6)
    for place, bit in enumerate(bits):
        if bit.query != bit.item:
            axes.plot(place + 0.5, 1, "X", color="#C8501E", markersize=9, markeredgecolor=PAPER)
    axes.axvline(len(separating), color="#C8501E", linewidth=1.6)
    axes.axhline(2, color=PAPER, linewidth=5)
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    names = ["query", "item", *(f"{name} ({distance} bits away)" for name, distance in classes)]
    axes.set(yticks=np.arange(len(rows)) + 0.5, yticklabels=names, xticks=[])
    first, second = (name for name, _ in why.query_classes[:2])
    axes.set_xlabel(f"left of the line: the {len(separating)} bits that separate {first} from {second}")
    axes.set_title("dark is +1, light is −1; crosses: query and item differ", color=QUIET)
    return figure


def describe_why(why: Why) -> str:
    """State the number of agreeing bits, the class that shares most of them, and the nearest classes."""
    owner, owned = why.ownership[0]
    agree = why.n_bits - why.distance
    query_class, query_distance = why.query_classes[0]
    item_class, item_distance = why.item_classes[0]
    second = why.query_classes[1][0]
    return (
        f"Query and item agree on {agree} of {why.n_bits} bits; the class {owner} shares {owned} of these. "
        f"The query is nearest to {query_class} ({query_distance} bits), the item to {item_class} ({item_distance} "
        f"bits). Of the {len(why.separating_bits)} bits that separate {query_class} from {second} they share "
        f"{why.separating_agree}."
    )


@styled
def plot_moving_words(moves: tuple[WordMove, ...]) -> Figure:
    """Draw, for each word, the number of bits that flip without it, with the change of distance to the result."""
    figure, all_axes = new_figure(1.0 + 0.36 * len(moves))
    axes = all_axes[0, 0]
    bars = axes.barh(range(len(moves)), [move.flipped_bits for move in moves], 0.6, color="#0072B2")
    axes.bar_label(bars, [_change(move) for move in moves], padding=4, fontsize=9)
    axes.set_yticks(range(len(moves)), [move.word for move in moves])
    axes.invert_yaxis()
    axes.margins(x=0.3)
    axes.set_xlim(left=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("bits of the query's code that flip without the word")
    return figure


def _change(move):
    if np.isnan(move.distance_change):
        return f"{move.flipped_bits}"
    if move.distance_change == 0:
        return f"{move.flipped_bits}, result the same"
    way = "farther" if move.distance_change > 0 else "nearer"
    return f"{move.flipped_bits}, result {abs(move.distance_change):.0f} {way}"


def describe_moving_words(moves: tuple[WordMove, ...]) -> str:
    """Name the word that moves most bits, and the words that move none."""
    most = moves[0]
    if not most.flipped_bits:
        return "No word moves a bit."
    sentence = f"Leaving out “{most.word}” moves most bits ({most.flipped_bits})"
    if not np.isnan(most.distance_change):
        sentence += f" and changes the distance to the result by {number_in_words(most.distance_change, 0, sign='+')}"
    idle = [f"“{move.word}”" for move in moves if move.flipped_bits == 0]
    if idle:
        sentence += f"; {joined(idle)} {'moves' if len(idle) == 1 else 'move'} none"
    return sentence + "."


@styled
def plot_suspicion(suspicion: Suspicion) -> Figure:
    """Draw a histogram of the margins; items right of the threshold, hatched, are suspicious."""
    figure, all_axes = new_figure(3.2)
    axes = all_axes[0, 0]
    margin = np.array(suspicion.margin)
    doubted = np.array(suspicion.suspicious, dtype=bool)
    step = max(1.0, np.ceil(np.ptp(margin) / 40))
    first = np.floor((margin.min() - suspicion.threshold) / step) - 1
    last = np.ceil((margin.max() - suspicion.threshold) / step)
    edges = suspicion.threshold + step * np.arange(first, last + 1) + 1e-9  # a margin at the threshold is left of it
    kinds = {"not suspicious": (~doubted, "#B9C4CE", ""), "suspicious": (doubted, "#C8501E", "////")}
    for label, (rows, colour, hatch) in kinds.items():
        axes.hist(margin[rows], edges, color=colour, hatch=hatch, edgecolor=PAPER, label=f"{label} ({int(rows.sum())})")
    axes.axvline(suspicion.threshold, color=INK, linestyle="--", linewidth=1)
    axes.set(xlabel="margin: bits nearer to another label's code than to the item's own", ylabel="items")
    axes.grid(axis="y")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def describe_suspicion(suspicion: Suspicion, rate: NoiseRate | None = None) -> str:
    """State the number of labels in doubt and, where estimated, the share of wrong labels."""
    sentence = (
        f"{sum(suspicion.suspicious)} of {len(suspicion.margin)} labels are suspicious: both codes together lie more "
        f"than {suspicion.threshold:g} bits nearer to another label's code."
    )
    if rate is None or np.isnan(rate.rate):
        return sentence
    return (
        f"{sentence} The share of wrong labels is estimated at {rate.rate:.1%} (95% interval {rate.low:.1%} to "
        f"{rate.high:.1%}), since flags catch {rate.caught:.0%} of wrong labels and "
        f"{rate.false_flags:.1%} of right ones."
    )
