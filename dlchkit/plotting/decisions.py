"""Figures for an operator's decisions: code health, drift, cost, and the evidence of a recommendation."""

import itertools

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from dlchkit.metrics.words import bytes_in_words, joined, money_in_words, seconds_in_words
from dlchkit.plotting.style import INK, PAPER, QUIET, Look, legend_of_first, new_figure, styled
from dlchkit.policy.cost import YearlyCost
from dlchkit.policy.detection import DetectionRecord
from dlchkit.policy.drift import MODALITIES, DriftRecord
from dlchkit.policy.health import CodeHealth
from dlchkit.policy.recommendation import Recommendation

_LOOKS = {"image": Look("#0072B2", "o", "-", ""), "text": Look("#D55E00", "s", "--", "")}
_WAYS = {"incremental": Look("#009E73", "^", "-", ""), "retraining": Look("#0072B2", "o", "--", "")}
_KINDS = [
    Look("#767676", "o", "-", ""),
    Look("#0072B2", "s", "--", ""),
    Look("#D55E00", "^", "-.", ""),
    Look("#009E73", "D", ":", ""),
    Look("#CC79A7", "v", (0, (5, 1)), ""),
]
_MOST_NAMED = 26  # classes; names of more would be too small to read
_MOST_NUMBERED = 12  # classes; the distances between more would be too small to read


@styled
def plot_code_health(health: CodeHealth) -> Figure:
    """Draw each bit's share of +1 and the distances between class codes; constant bits hatched, nearest pair ringed."""
    figure, all_axes = new_figure(3.9, 1, 2)
    left, right = all_axes[0]
    _draw_balance(left, health)
    image = _draw_distances(right, health)
    figure.colorbar(image, ax=right, shrink=0.85, pad=0.02).outline.set_visible(False)
    return figure


def _draw_balance(axes, health):
    constant = len(health.constant_bits)
    bars = axes.bar(range(health.n_bits), np.array(health.balance) - 0.5, 0.8, bottom=0.5, color="#17456b")
    for k in health.constant_bits:
        bars[k].set(color="#C8501E", hatch="////", edgecolor=PAPER)
    axes.axhline(0.5, color=INK, linewidth=0.8)
    axes.set(ylim=(0, 1), xlabel="bit", ylabel="share of +1")
    axes.set_title(f"{constant} constant, {len(health.duplicated_bits)} duplicated")


def _draw_distances(axes, health):
    distance = np.array(health.class_distance)
    n = len(distance)
    # The scale spans the distances between classes only, since a scale of all bits would hide their differences.
    between = distance[~np.eye(n, dtype=bool)] if health.nearest_pair else distance
    limits = {"vmin": between.min(), "vmax": max(between.max(), between.min() + 1)}
    image = axes.imshow(distance, cmap=colormaps["cividis"].with_extremes(under=PAPER), **limits)
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[], title="bits between class codes")
    if n <= _MOST_NAMED:
        size = min(9, 180 / n)
        axes.set_xticks(range(n), health.class_names, fontsize=size, rotation=90)
        axes.set_yticks(range(n), health.class_names, fontsize=size)
    if n <= _MOST_NUMBERED:
        for i, j in itertools.permutations(range(n), 2):
            colour = PAPER if image.norm(distance[i, j]) < 0.47 else "black"
            axes.text(j, i, str(distance[i, j]), ha="center", va="center", fontsize=8, color=colour)
    if health.nearest_pair:
        i, j = sorted(health.class_names.index(name) for name in health.nearest_pair)
        axes.plot(i, j, markersize=min(22, 190 / n), **_ring("#D55E00", 2))
    return image


def _ring(colour, width):
    return {"marker": "o", "linestyle": "", "mfc": "none", "mec": colour, "mew": width}


def describe_code_health(health: CodeHealth) -> str:
    """State the content of the bits and the nearest classes."""
    low, high = min(health.balance), max(health.balance)
    bits = (
        f"Of {health.n_bits} bits {len(health.constant_bits)} are constant, {len(health.duplicated_bits)} pairs are "
        f"redundant, and the share of +1 lies between {low:.2f} and {high:.2f}; they carry "
        f"{health.effective_bits:.1f} effective bits of at most {health.effective_bits_limit}."
    )
    if not health.nearest_pair:
        return f"{bits} One class alone has no distance."
    nearest = f" The nearest classes, {joined(list(health.nearest_pair))}, differ in {health.nearest_distance} bits"
    return f"{bits}{nearest}; {health.confused:.1%} of the codes are no nearer to their own class than to another."


@styled
def plot_drift(history: list[dict[str, DriftRecord]], *, first: int = 1) -> Figure:
    """Draw the p-value of each test on a logarithmic axis, one line for each modality; drift is ringed.

    Parameters
    ----------
    history : list of dict
        results of `DriftMonitor.test`, stage by stage
    first : int
        number of the first stage tested
    """
    figure, all_axes = new_figure(3.3)
    axes = all_axes[0, 0]
    stages = np.arange(first, first + len(history))
    for side in MODALITIES:
        look = _LOOKS[side]
        p = np.array([tests[side].p_value for tests in history])
        drifted = np.array([tests[side].drifted for tests in history])
        axes.plot(stages, p, label=f"{side} features", **look.of_line)
        axes.plot(stages[drifted], p[drifted], markersize=14, **_ring(look.colour, 1.6))
    for stage in _untested(history, first):
        axes.text(stage, 1, "not tested", rotation=90, ha="center", va="top", fontsize=9, color=QUIET)
    threshold = history[0][MODALITIES[0]].threshold
    axes.axhline(threshold, color=INK, linestyle="--", linewidth=1, label=f"drift at p ≤ {threshold:.3g} (ringed)")
    axes.set_yscale("log")
    axes.set_ylim(axes.get_ylim()[0] / 1.3, 1.4)
    axes.set(xlabel="stage", ylabel="p-value", xticks=stages, xlim=(stages[0] - 0.5, stages[-1] + 0.5))
    axes.grid(axis="y")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def _untested(history, first):
    return [
        stage
        for stage, tests in enumerate(history, first)
        if all(np.isnan(record.p_value) for record in tests.values())
    ]


def describe_drift(history: list[dict[str, DriftRecord]], *, first: int = 1) -> str:
    """State the stages at which features drifted, and the size of the shift; parameters as in `plot_drift`."""
    found = [
        f"{side} features at stage {stage} (p = {tests[side].p_value:.3g}, {tests[side].shift:.2f} class radii)"
        for stage, tests in enumerate(history, first)
        for side in MODALITIES
        if tests[side].drifted
    ]
    untested = [str(stage) for stage in _untested(history, first)]
    sentence = "No stage shows drift within known classes."
    if found:
        sentence = f"Drift within known classes is reported for {joined(found)}."
    if not untested:
        return sentence
    stages = "Stage" if len(untested) == 1 else "Stages"
    return f"{sentence} {stages} {joined(untested)} brought no labels like those in memory and could not be tested."


@styled
def plot_detection(records: list[DetectionRecord]) -> Figure:
    """Draw the share of streams with an alarm at each stage, one line a kind; a vertical line marks the shift."""
    figure, all_axes = new_figure(3.3)
    axes = all_axes[0, 0]
    for record, look in zip(records, itertools.cycle(_KINDS), strict=False):
        axes.plot(range(1, record.n_stages), record.per_stage, label=record.kind, **look.of_line)
    axes.axvline(records[0].shift_at - 0.5, color=INK, linewidth=0.8)
    axes.set(xlabel="stage", ylabel="share of streams with an alarm", ylim=(-0.03, 1.03))
    axes.set_xticks(range(1, max(record.n_stages for record in records)))
    axes.grid(axis="y")
    figure.legend(loc="outside upper left", ncols=4)
    return figure


def describe_detection(records: list[DetectionRecord]) -> str:
    """State the rate of false alarms, and the delay of true ones."""
    return " ".join(_detection_in_words(record) for record in records)


def _detection_in_words(record):
    interval = f"95% interval {record.low:.3f} to {record.high:.3f}"
    quiet = f"{record.kind}: {record.false_alarm_rate:.3f} false alarms per test ({interval})"
    if not record.delays:
        return quiet + "."
    delays = [delay for delay in record.delays if delay is not None]
    delay = f", {np.mean(delays):.1f} stages after their start in the mean" if delays else ""
    return f"{quiet}; {record.detected:.0%} of the shifts were found{delay}."


@styled
def plot_yearly_cost(cost: YearlyCost) -> Figure:
    """Draw hours of training, money and bytes kept over the year, one panel each, for both ways of learning."""
    figure, all_axes = new_figure(3.3, 1, 3)
    panels = {
        "hours of training, summed": lambda way: np.cumsum(way.seconds) / 3600,
        f"{cost.currency}, summed": lambda way: np.cumsum(way.money),
        "MiB kept": lambda way: np.array(way.bytes_kept) / 2**20,
    }
    for axes, (title, values) in zip(all_axes[0], panels.items(), strict=True):
        for name, look in _WAYS.items():
            shown = values(getattr(cost, name))
            axes.plot(range(1, len(shown) + 1), shown, label=name, markersize=4, **look.of_line)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.set_title(title)
        axes.set_xlabel("increment")
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=6)
    legend_of_first(figure, all_axes, ncols=2)
    return figure


def describe_yearly_cost(cost: YearlyCost) -> str:
    """State the year's cost of both ways of learning, and the extent of the extrapolation."""
    parts = []
    for name in _WAYS:
        way = getattr(cost, name)
        money = money_in_words(sum(way.money), cost.currency)
        parts.append(
            f"{name} takes {seconds_in_words(sum(way.seconds))}, costs {money}, keeps "
            f"{bytes_in_words(way.bytes_kept[-1])} and holds {bytes_in_words(max(way.memory_bytes))} in memory"
        )
    return (
        f"Over {len(cost.items)} increments of {cost.items_per_increment} items, {'; '.join(parts)}. "
        f"The cost of retraining follows a line through the measured stages (worst deviation {cost.worst_fit:.0%}), "
        f"extrapolated to {cost.extrapolation:.1f} times the items measured."
    )


@styled
def plot_recommendation(recommendation: Recommendation) -> Figure:
    """Draw the measured evidence as intervals, each with the threshold it has to pass; the title is the action."""
    evidence = recommendation.evidence
    figure, all_axes = new_figure(1.5 + 0.5 * max(1, len(evidence)))
    axes = all_axes[0, 0]
    for row, (mean, low, high, threshold) in enumerate(evidence.values()):
        passes = high < threshold if threshold < 0 else low > threshold
        axes.plot([low, high], [row, row], color=INK, linewidth=2)
        axes.plot(mean, row, "D" if passes else "o", color="#C8501E" if passes else "#0072B2", markersize=8)
        axes.plot([threshold, threshold], [row - 0.3, row + 0.3], color=QUIET, linestyle="--", linewidth=1.4)
        beside = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "fontsize": 9}
        axes.annotate("passes" if passes else "does not pass", (high, row), **beside)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(evidence)), list(evidence))
    axes.set_ylim(len(evidence) - 0.4, -0.6)
    axes.margins(x=0.25)
    axes.set_xlabel(
        "difference in average precision, 95% interval; dashed: threshold" if evidence else "nothing was measured"
    )
    axes.set_title(f"recommended: {recommendation.action}", weight="bold")
    return figure


def describe_recommendation(recommendation: Recommendation) -> str:
    """Join the recommendation's reasons to one paragraph."""
    return " ".join(recommendation.reasons)
