"""Figures of what an operator decides by: code health, drift, cost, and the recommendation's evidence."""

import itertools

import numpy as np
from matplotlib import colormaps

from dlchkit.plotting.sentences import joined
from dlchkit.plotting.style import INK, PAPER, QUIET, Look, new_figure, styled
from dlchkit.policy.cost import YearlyCost
from dlchkit.policy.detection import DetectionRecord
from dlchkit.policy.drift import MODALITIES, DriftRecord
from dlchkit.policy.health import CodeHealth
from dlchkit.policy.recommendation import Recommendation

_LOOKS = {"image": Look("#0072B2", "o", "-", ""), "text": Look("#D55E00", "s", "--", "")}
_WAYS = {"incremental": Look("#009E73", "^", "-", ""), "retraining": Look("#0072B2", "o", "--", "")}
_MOST_NAMED, _MOST_NUMBERED = 26, 12  # classes; beyond these the words in the figure would be too small to read


@styled
def plot_code_health(health: CodeHealth):
    """Draw each bit's share of +1, constant bits hatched, beside the distances between class codes, the nearest pair ringed."""
    figure, (left, right) = _two_panels(3.9)
    balance, constant = np.array(health.balance), set(health.constant_bits)
    bars = left.bar(range(health.n_bits), balance - 0.5, 0.8, bottom=0.5, color="#17456b")
    for k in constant:
        bars[k].set(color="#C8501E", hatch="////", edgecolor=PAPER)
    left.axhline(0.5, color=INK, linewidth=0.8)
    left.set(ylim=(0, 1), xlabel="bit", ylabel="share of +1", title=f"{len(constant)} constant, {len(health.duplicated_bits)} duplicated")
    distance = np.array(health.class_distance)
    between = distance[~np.eye(len(distance), dtype=bool)] if health.nearest_pair else distance
    limits = {"vmin": between.min(), "vmax": max(between.max(), between.min() + 1)}  # of all bits, differences between classes would not be seen
    image = right.imshow(distance, cmap=colormaps["cividis"].with_extremes(under=PAPER), **limits)
    right.spines[:].set_visible(False)
    n = len(distance)
    ticks = {"ticks": range(n), "labels": health.class_names, "fontsize": min(9, 180 / n)} if n <= _MOST_NAMED else {"ticks": []}
    right.set_xticks(**ticks, rotation=90) if n <= _MOST_NAMED else right.set_xticks([])
    right.set_yticks(**ticks)
    for i, j in itertools.permutations(range(n), 2) if n <= _MOST_NUMBERED else ():
        right.text(j, i, str(distance[i, j]), ha="center", va="center", fontsize=8, color=PAPER if image.norm(distance[i, j]) < 0.47 else "black")
    if health.nearest_pair:
        i, j = sorted(health.class_names.index(name) for name in health.nearest_pair)
        right.plot(i, j, "o", markersize=min(22, 190 / n), markerfacecolor="none", markeredgecolor="#D55E00", markeredgewidth=2)
    right.set_title("bits between class codes")
    figure.colorbar(image, ax=right, shrink=0.85, pad=0.02).outline.set_visible(False)
    return figure


def _two_panels(height):
    figure, all_axes = new_figure(height, 1, 2)
    return figure, all_axes[0]


def describe_code_health(health: CodeHealth) -> str:
    """Say what the bits carry and which classes stand nearest."""
    low, high = min(health.balance), max(health.balance)
    bits = (
        f"Of {health.n_bits} bits {len(health.constant_bits)} are constant, {len(health.duplicated_bits)} pairs say the same, and the share of +1 "
        f"lies between {low:.2f} and {high:.2f}; they carry {health.effective_bits:.1f} effective bits of at most {health.effective_bits_limit}."
    )
    if not health.nearest_pair:
        return f"{bits} One class alone has no distance."
    nearest = f" The nearest classes, {joined(list(health.nearest_pair))}, differ in {health.nearest_distance} bits"
    return f"{bits}{nearest}; {health.confused:.1%} of the codes are no nearer to their own class than to another."


@styled
def plot_drift(history: list[dict[str, DriftRecord]], *, first: int = 1):
    """Draw the p-value of each test on a logarithmic axis, a line a modality; drift is ringed, below the dashed threshold.

    Parameters
    ----------
    history : what `DriftMonitor.test` returned, stage by stage
    first : the number of the first stage tested
    """
    figure, all_axes = new_figure(3.3)
    axes = all_axes[0, 0]
    stages = np.arange(first, first + len(history))
    for side in MODALITIES:
        records, look = [tests[side] for tests in history], _LOOKS[side]
        p = np.array([record.p_value for record in records])
        axes.plot(stages, p, color=look.colour, marker=look.marker, linestyle=look.line, label=f"{side} features")
        alarm = np.array([record.drifted for record in records])
        axes.plot(stages[alarm], p[alarm], "o", markersize=14, markerfacecolor="none", markeredgecolor=look.colour, markeredgewidth=1.6)
        threshold = records[0].threshold
    untested = stages[[all(np.isnan(record.p_value) for record in tests.values()) for tests in history]]
    for stage in untested:
        axes.text(stage, 1, "not tested", rotation=90, ha="center", va="top", fontsize=9, color=QUIET)
    axes.axhline(threshold, color=INK, linestyle="--", linewidth=1, label=f"drift at p ≤ {threshold:.3g} (ringed)")
    axes.set_yscale("log")
    axes.set_ylim(axes.get_ylim()[0] / 1.3, 1.4)
    axes.set(xlabel="stage", ylabel="p-value", xticks=stages, xlim=(stages[0] - 0.5, stages[-1] + 0.5))
    axes.grid(axis="y")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def describe_drift(history: list[dict[str, DriftRecord]], *, first: int = 1) -> str:
    """Say at which stages which features drifted, and how far."""
    found = [
        f"{side} features at stage {stage} (p = {tests[side].p_value:.3g}, {tests[side].shift:.2f} class radii)"
        for stage, tests in enumerate(history, first)
        for side in MODALITIES
        if tests[side].drifted
    ]
    untested = [str(stage) for stage, tests in enumerate(history, first) if all(np.isnan(record.p_value) for record in tests.values())]
    sentence = f"Drift within known classes is reported for {joined(found)}." if found else "No stage shows drift within known classes."
    if not untested:
        return sentence
    stages = "Stage" if len(untested) == 1 else "Stages"
    return f"{sentence} {stages} {joined(untested)} brought no labels like those in memory and could not be tested."


@styled
def plot_detection(records: list[DetectionRecord]):
    """Draw the share of streams with an alarm at each stage, a line for each kind; the vertical line is where a shift begins."""
    figure, all_axes = new_figure(3.3)
    axes = all_axes[0, 0]
    looks = zip(("#767676", "#0072B2", "#D55E00", "#009E73", "#CC79A7"), "os^Dv", ("-", "--", "-.", ":", (0, (5, 1))))
    for record, (colour, marker, line) in zip(records, looks):
        axes.plot(range(1, record.n_stages), record.per_stage, color=colour, marker=marker, linestyle=line, label=record.kind)
    axes.axvline(records[0].shift_at - 0.5, color=INK, linewidth=0.8)
    axes.set(xlabel="stage", ylabel="share of streams with an alarm", ylim=(-0.03, 1.03), xticks=range(1, max(r.n_stages for r in records)))
    axes.grid(axis="y")
    figure.legend(loc="outside upper left", ncols=4)
    return figure


def describe_detection(records: list[DetectionRecord]) -> str:
    """Say how often an alarm is false, and how soon a true one comes."""
    return " ".join(_detection_said(record) for record in records)


def _detection_said(record):
    quiet = f"{record.kind}: {record.false_alarm_rate:.3f} false alarms per test (95% interval {record.low:.3f} to {record.high:.3f})"
    if not record.delays:
        return quiet + "."
    delays = [delay for delay in record.delays if delay is not None]
    soon = f", {np.mean(delays):.1f} stages after it began in the mean" if delays else ""
    return f"{quiet}; {record.detected:.0%} of the shifts were found{soon}."


@styled
def plot_yearly_cost(cost: YearlyCost):
    """Draw hours of training and money, summed over the year, and bytes kept, one panel each, both ways in each."""
    figure, all_axes = new_figure(3.3, 1, 3)
    panels = {
        "hours of training, summed": lambda way: np.cumsum(way.seconds) / 3600,
        f"{cost.currency}, summed": lambda way: np.cumsum(way.money),
        "MiB kept": lambda way: np.array(way.bytes_kept) / 2**20,
    }
    for axes, (title, values) in zip(all_axes[0], panels.items()):
        for name, look in _WAYS.items():
            shown = values(getattr(cost, name))
            line = {"color": look.colour, "marker": look.marker, "linestyle": look.line, "markersize": 4}
            axes.plot(range(1, len(shown) + 1), shown, label=name, **line)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.set_title(title)
        axes.set_xlabel("increment")
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=6)
    figure.legend(*all_axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def describe_yearly_cost(cost: YearlyCost) -> str:
    """Say what the year costs either way, and how far the numbers are carried beyond what was measured."""
    parts = []
    for name in _WAYS:
        way = getattr(cost, name)
        money = f"{sum(way.money):.2f} {cost.currency}"
        parts.append(
            f"{name} takes {_duration(sum(way.seconds))}, costs {money}, keeps {_size(way.bytes_kept[-1])} and holds {_size(max(way.memory_bytes))}"
        )
    return (
        f"Over {len(cost.items)} increments of {cost.items_per_increment} items, {'; '.join(parts)}. Retraining is read off a line through the measured "
        f"stages (worst deviation {cost.worst_fit:.0%}), carried to {cost.extrapolation:.1f} times the items measured."
    )


def _duration(seconds):
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(n_bytes):
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if n_bytes < 1024 or unit == "GiB":
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1024


@styled
def plot_recommendation(recommendation: Recommendation):
    """Draw the measured evidence as intervals, each with the threshold it has to pass; the title is the action."""
    evidence = recommendation.evidence
    figure, all_axes = new_figure(1.5 + 0.5 * max(1, len(evidence)))
    axes = all_axes[0, 0]
    for row, (mean, low, high, threshold) in enumerate(evidence.values()):
        passes = high < threshold if threshold < 0 else low > threshold
        axes.plot([low, high], [row, row], color=INK, linewidth=2)
        axes.plot(mean, row, "D" if passes else "o", color="#C8501E" if passes else "#0072B2", markersize=8)
        axes.plot([threshold, threshold], [row - 0.3, row + 0.3], color=QUIET, linestyle="--", linewidth=1.4)
        axes.annotate("passes" if passes else "does not pass", (high, row), (8, 0), textcoords="offset points", va="center", fontsize=9)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(evidence)), list(evidence))
    axes.set_ylim(len(evidence) - 0.4, -0.6)
    axes.margins(x=0.25)
    axes.set_xlabel("difference in average precision, 95% interval; dashed: threshold" if evidence else "nothing was measured")
    axes.set_title(f"recommended: {recommendation.action}", weight="bold")
    return figure


def describe_recommendation(recommendation: Recommendation) -> str:
    """The recommendation's reasons, as one paragraph."""
    return " ".join(recommendation.reasons)
