"""Numbers that records hold, one for each seed, and what the seeds say together."""

import math
from collections.abc import Iterable
from typing import TypeGuard

from dlchkit.metrics.intervals import Interval, confidence_interval, paired_difference
from dlchkit.records import RunRecord


def is_number(value: object) -> TypeGuard[float]:
    """Whether a recorded value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def recorded(records: dict[int, RunRecord], method: str, measure: str) -> dict[int, float]:
    """Seed -> a measure of a method, where it is a finite number; other seeds are left out."""
    found = {seed: record.metrics.get(method, {}).get(measure) for seed, record in records.items()}
    return {seed: float(value) for seed, value in found.items() if is_number(value)}


def over_seeds(values: Iterable[float]) -> Interval | None:
    """Mean and 95% interval of the finite numbers; None without any, no bounds for one alone.

    >>> over_seeds([0.5, math.nan]), over_seeds([])
    (Interval(mean=0.5, low=nan, high=nan, n=1), None)
    """
    finite = [float(value) for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return Interval(finite[0], math.nan, math.nan, 1) if finite else None
    return confidence_interval(finite)


def paired_over_seeds(ours: dict[int, float], theirs: dict[int, float]) -> Interval | None:
    """`over_seeds` of ours - theirs, on the seeds that both have."""
    seeds = [seed for seed in ours if seed in theirs]
    if len(seeds) < 2:
        return over_seeds(ours[seed] - theirs[seed] for seed in seeds)
    return paired_difference([ours[seed] for seed in seeds], [theirs[seed] for seed in seeds])
