"""Figures of single items: why a result was found, which words moved it, which labels are in doubt."""

import numpy as np
from matplotlib.colors import ListedColormap

from dlchkit.plotting.sentences import joined
from dlchkit.plotting.style import INK, PAPER, QUIET, new_figure, styled
from dlchkit.policy.explanation import Why, WordMove
from dlchkit.policy.label_noise import NoiseRate, Suspicion

_BITS = ListedColormap(["#dfe8ef", "#17456b"])
_MOST_CLASSES = 4  # rows of class codes below query and item


@styled
def plot_why(why: Why):
    """Draw the bits of query and item, crosses where they differ, above the codes of the classes nearest to the query.

    Dark is +1, light is −1; bits stand in order of agreement, those that separate the two
    nearest classes first.
    """
    classes = why.query_classes[:_MOST_CLASSES]
    separating = set(why.separating_bits)
    bits = sorted(why.bits, key=lambda bit: (bit.position not in separating, bit.query != bit.item, bit.position))
    rows = [[bit.query for bit in bits], [bit.item for bit in bits], *([1 if name in bit.plus else -1 for bit in bits] for name, _ in classes)]
    figure, all_axes = new_figure(1.5 + 0.32 * len(rows))
    axes = all_axes[0, 0]
    axes.pcolormesh(np.array(rows) > 0, cmap=_BITS, vmin=0, vmax=1, edgecolor="white", linewidth=0.6)
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
    axes.set_xlabel(f"left of the line: the {len(separating)} bits that tell {first} from {second}")
    axes.set_title("dark is +1, light is −1; crosses: query and item differ", color=QUIET)
    return figure


def describe_why(why: Why) -> str:
    """Say on how many bits query and item agree, which class owns most of them, and what both are nearest to."""
    (owner, owned), agree = why.ownership[0], why.n_bits - why.distance
    (query_class, query_distance), (item_class, item_distance) = why.query_classes[0], why.item_classes[0]
    second = why.query_classes[1][0]
    return (
        f"Query and item agree on {agree} of {why.n_bits} bits; the class {owner} has {owned} of these as they are. "
        f"The query is nearest to {query_class} ({query_distance} bits), the item to {item_class} ({item_distance} bits). "
        f"Of the {len(why.separating_bits)} bits that tell {query_class} from {second} they share {why.separating_agree}."
    )


@styled
def plot_moving_words(moves: tuple[WordMove, ...]):
    """Draw for each word the bits that flip when it is left out, with the change of distance to the result in words."""
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
    way = "the same" if move.distance_change == 0 else f"{abs(move.distance_change):.0f} {'farther' if move.distance_change > 0 else 'nearer'}"
    return f"{move.flipped_bits}, result {way}"


def describe_moving_words(moves: tuple[WordMove, ...]) -> str:
    """Say which word moves most bits, and which none."""
    idle = [f"“{move.word}”" for move in moves if move.flipped_bits == 0]
    sentence = f"Leaving out “{moves[0].word}” moves most bits ({moves[0].flipped_bits})" if moves[0].flipped_bits else "No word moves a bit"
    if moves[0].flipped_bits and not np.isnan(moves[0].distance_change):
        sentence += f" and changes the distance to the result by {moves[0].distance_change:+.0f}".replace("-", "−")
    return sentence + (f"; {joined(idle)} {'moves' if len(idle) == 1 else 'move'} none." if idle and moves[0].flipped_bits else ".")


@styled
def plot_suspicion(suspicion: Suspicion):
    """Draw how many items have which margin; those right of the threshold, hatched, are suspicious."""
    figure, all_axes = new_figure(3.2)
    axes = all_axes[0, 0]
    margin, doubted = np.array(suspicion.margin), np.array(suspicion.suspicious, dtype=bool)
    step = max(1.0, np.ceil(np.ptp(margin) / 40))
    first, last = np.floor((margin.min() - suspicion.threshold) / step) - 1, np.ceil((margin.max() - suspicion.threshold) / step)
    edges = suspicion.threshold + step * np.arange(first, last + 1) + 1e-9  # a margin equal to the threshold stands left of it
    kinds = {"not suspicious": (~doubted, "#B9C4CE", ""), "suspicious": (doubted, "#C8501E", "////")}
    for label, (rows, colour, hatch) in kinds.items():
        axes.hist(margin[rows], edges, color=colour, hatch=hatch, edgecolor=PAPER, label=f"{label} ({int(rows.sum())})")
    axes.axvline(suspicion.threshold, color=INK, linestyle="--", linewidth=1)
    axes.set(xlabel="margin: bits nearer to another label's code than to the own", ylabel="items")
    axes.grid(axis="y")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def describe_suspicion(suspicion: Suspicion, rate: NoiseRate | None = None) -> str:
    """Say how many labels are in doubt and, where estimated, what share is wrong."""
    n, doubted = len(suspicion.margin), sum(suspicion.suspicious)
    sentence = (
        f"{doubted} of {n} labels are suspicious: both codes together lie more than {suspicion.threshold:g} bits nearer to another label's code."
    )
    if rate is None or np.isnan(rate.rate):
        return sentence
    return (
        f"{sentence} The share of wrong labels is estimated at {rate.rate:.1%} (95% interval {rate.low:.1%} to {rate.high:.1%}), "
        f"since flags catch {rate.caught:.0%} of wrong labels and {rate.false_flags:.1%} of right ones."
    )
