"""Sentences about the figures of a stream, used as alternative text and as caption."""

from collections.abc import Iterable

import numpy as np

from dlchkit.data import DIRECTIONS
from dlchkit.metrics import final_performance, forgetting_from_first, time_reduction
from dlchkit.metrics.words import in_words, joined, number_in_words, seconds_in_words
from dlchkit.records import MethodRecord

BUSY = 0.15  # part of the wall time of training beyond which other programs took the processor


def describe_R(methods: dict[str, MethodRecord], direction: str) -> str:
    """State the mean of each method's last row of R, and the largest fall of the first stage's queries."""
    final = {name: final_performance(method.R[direction]) for name, method in methods.items()}
    sentence = f"After the last stage the mean mAP for {in_words(direction)} is {_listed(final)}"
    fallen = {name: method.R[direction][0, 0] - method.R[direction][-1, 0] for name, method in methods.items()}
    fallen = {name: drop for name, drop in fallen.items() if drop > 0}
    if not fallen:
        return sentence + "."
    worst = max(fallen, key=fallen.__getitem__)
    R = methods[worst].R[direction]
    return f"{sentence}; the first stage's queries fell furthest with {worst}, from {R[0, 0]:.2f} to {R[-1, 0]:.2f}."


def describe_stages(methods: dict[str, MethodRecord]) -> str:
    """State each method's mean mAP over all queries so far, after the first and the last stage."""
    parts = []
    for direction in DIRECTIONS:
        means = {name: stage_means(method, direction) for name, method in methods.items()}
        moves = [
            f"from {number_in_words(m[0])} to {number_in_words(m[-1])} ({name})"
            for name, m in means.items()
            if not np.isnan(m[0])
        ]
        parts.append(f"for {in_words(direction)} {joined(moves)}")
    return f"Between the first and the last stage the mean mAP over all queries so far went {'; '.join(parts)}."


def describe_forgetting(methods: dict[str, MethodRecord], *, joint: str = "joint") -> str:
    """State the part of the drop that the growing database explains, and the part that each method forgot."""
    parts = []
    for direction in DIRECTIONS:
        split = {name: drop_split(methods, name, direction, joint=joint) for name in methods}
        verb = "forgot" if joint in methods else "dropped"
        rest = [
            f"{name} {_lost(forgot, verb)}"
            for name, (_, forgot) in split.items()
            if name != joint and not np.isnan(forgot)
        ]
        words = f"for {in_words(direction)} "
        if joint in methods:
            harder = split[joint][0]
            words += f"joint retraining {_lost(harder, 'dropped')} as the database grew"
            words += ", and beyond that " if rest else ""
        parts.append(words + joined(rest))
    ending = "" if joint in methods else " in all, which cannot be split without joint retraining"
    return f"On earlier stages' queries, {'; '.join(parts)}{ending}."


def _lost(drop: float, verb: str) -> str:
    return f"{'gained' if drop < 0 else verb} {number_in_words(abs(drop), 3)}"


def describe_seconds(methods: dict[str, MethodRecord]) -> str:
    """State the training time of the stages after the first, against joint retraining."""
    several = all(len(method.seconds) > 1 for method in methods.values())
    joint = methods.get("joint")
    parts = []
    for name, method in methods.items():
        if method.learned_at_once:
            parts.append(f"{seconds_in_words(method.seconds[-1])} ({name}, everything at once)")
            continue
        words = f"{seconds_in_words(sum(method.seconds[1:] if several else method.seconds))} ({name}"
        if joint is not None and name != "joint" and several and _same_time(method, joint):
            words += f", {_less_or_more(time_reduction(method.seconds, joint.seconds))} than joint"
        parts.append(words + ")")
    which = "stages after the first" if several else "only stage"
    clocks = joined(sorted({method.clock for method in methods.values()}))
    words = [f"Training on the {which} took {joined(parts)}, by the {clocks} clock."]
    return " ".join(words + describe_waiting(methods.values()))


def _same_time(method: MethodRecord, other: MethodRecord) -> bool:
    """Whether the seconds of two methods are of the same stages and clock."""
    return len(method.seconds) == len(other.seconds) and method.clock == other.clock


def describe_waiting(methods: Iterable[MethodRecord]) -> list[str]:
    """Say in one sentence that other programs held up the training; nothing where hardly any did."""
    measured = [method for method in methods if np.isfinite(method.waiting).any()]
    waited = sum(np.nansum(np.multiply(method.waiting, method.wall_seconds)) for method in measured)
    wall = sum(np.nansum(method.wall_seconds) for method in measured)
    if waited <= BUSY * wall:
        return []
    share = f"training waited {waited / wall:.0%} of its wall time for a processor"
    return [f"The machine was busy: {share}; processor time and passes stay comparable, wall time does not."]


def describe_scores(scores: dict[str, dict[str, float]]) -> str:
    """State the name with the highest score in each direction; ``scores`` as in `plot_scores`."""
    parts = []
    for direction in DIRECTIONS:
        defined = {name: row[direction] for name, row in scores.items() if not np.isnan(row.get(direction, np.nan))}
        if defined:
            best = max(defined, key=defined.__getitem__)
            parts.append(f"for {in_words(direction)} with {best} ({defined[best]:.3f})")
    return f"The mAP is highest {joined(parts)}." if parts else "No score is defined."


def _less_or_more(saved: float) -> str:
    return f"{abs(saved):.0%} {'less' if saved >= 0 else 'more'}"


def stage_means(method: MethodRecord, direction: str) -> list[float]:
    """Average R[i, :i + 1] for each stage i: the queries of all stages seen so far."""
    return [float(row[: i + 1].mean()) for i, row in enumerate(method.R[direction])]


def drop_split(
    methods: dict[str, MethodRecord], name: str, direction: str, *, joint: str = "joint"
) -> tuple[float, float]:
    """Split a method's mean drop from first to last score into (database grew harder, forgot).

    The first part is joint retraining's own drop, NaN without joint retraining; the second is
    the rest. With one stage alone both are NaN.
    """
    if len(methods[name].R[direction]) < 2:
        return float("nan"), float("nan")
    drop = forgetting_from_first(methods[name].R[direction])
    if joint not in methods:
        return float("nan"), drop
    harder = forgetting_from_first(methods[joint].R[direction])
    return harder, drop - harder


def _listed(values: dict[str, float], digits: int = 2) -> str:
    return joined([f"{number_in_words(value, digits)} ({name})" for name, value in values.items()])
