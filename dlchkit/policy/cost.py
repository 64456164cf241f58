"""What a year of increments costs: seconds, bytes, memory and money, learning what is new against retraining on everything."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from dlchkit.errors import DataError

_MONTHS, _GIB = 12, 2**30


@dataclass(frozen=True)
class CostOfWay:
    """One way's costs, one value per increment of the year.

    Attributes
    ----------
    seconds : of training
    bytes_kept : on disk after the increment
    memory_bytes : data and state that training holds at once; the program and its
        intermediate results come on top
    money : training, and keeping the bytes until the next increment
    """

    seconds: tuple
    bytes_kept: tuple
    memory_bytes: tuple
    money: tuple


@dataclass(frozen=True)
class YearlyCost:
    """Both ways side by side, and what the numbers rest on.

    Attributes
    ----------
    incremental, retraining : `CostOfWay`
    items : in the bank after each increment
    items_per_increment : new each time
    price_per_hour, storage_price, currency : what money rests on
    incremental_seconds_per_item : measured mean of the stages after the first
    retraining_seconds_fixed, retraining_seconds_per_item : the line fitted to the measured stages
    worst_fit : largest deviation of a measured stage from that line, as a share of what was measured
    extrapolation : the year's last retraining holds so many times the items of the largest measured
    """

    incremental: CostOfWay
    retraining: CostOfWay
    items: tuple
    items_per_increment: int
    price_per_hour: float
    storage_price: float
    currency: str
    incremental_seconds_per_item: float
    retraining_seconds_fixed: float
    retraining_seconds_per_item: float
    worst_fit: float
    extrapolation: float


def fit_seconds(items, seconds) -> tuple[float, float]:
    """Least squares line seconds = a + b * items with a, b >= 0, so that no extrapolation is negative.

    Parameters
    ----------
    items, seconds : two stages or more, of at least two sizes

    Returns
    -------
    a, b

    Examples
    --------
    >>> a, b = fit_seconds([100, 200, 300], [3.0, 5.0, 7.0])
    >>> round(a, 6), round(b, 6)
    (1.0, 0.02)
    """
    items, seconds = np.asarray(items, dtype=float), np.asarray(seconds, dtype=float)
    if items.shape != seconds.shape or len(np.unique(items)) < 2 or not (np.isfinite(seconds).all() and (seconds >= 0).all()):
        raise DataError(f"seconds {seconds.tolist()} for {items.tolist()} items give no line; it needs finite seconds of stages of two sizes or more")
    scale = items.max()
    (a, b), _ = nnls(np.column_stack([np.ones_like(items), items / scale]), seconds)
    return float(a), float(b / scale)


def yearly_cost(
    stage_items: list[int],
    incremental_seconds: list[float],
    retraining_seconds: list[float],
    *,
    items_per_increment: int,
    increments: int = 12,
    price_per_hour: float,
    bytes_per_code: int,
    bytes_per_raw_item: int,
    state_bytes: int,
    rehearsed_items: int = 0,
    storage_price: float = 0.0,
    currency: str = "EUR",
) -> YearlyCost:
    """Carry measured seconds over a year of equal increments, learned one by one or by retraining on everything.

    Retraining at an increment trains on all items so far, so its seconds are the line
    `fit_seconds` through the measured stages, each with all its and earlier items, read
    off at the items then held: an extrapolation, and ``extrapolation`` says how far. An
    increment's seconds are proportional to its own items, at the measured mean of the
    stages after the first; what a method needs per old item (rehearsal) is in that mean
    only as far as it was measured.

    Parameters
    ----------
    stage_items : new items of each measured stage; the year begins with all of them stored
    incremental_seconds, retraining_seconds : `MethodRecord.seconds` of both on that stream
    items_per_increment, increments : what arrives, how often a year
    price_per_hour : of the machine
    bytes_per_code : of one stored item, with its label and id; both ways keep these
    bytes_per_raw_item : what training needs of one item: pictures and texts, or features.
        Retraining keeps it of every item, the incremental way of ``rehearsed_items``
    state_bytes : what the incremental learner keeps besides: weights, sums, memory
    storage_price : per GiB and month

    Returns
    -------
    `YearlyCost`; its `CostOfWay.money` is in ``currency`` per increment

    Examples
    --------
    >>> bytes_ = {"bytes_per_code": 10, "bytes_per_raw_item": 1000, "state_bytes": 5000}
    >>> year = yearly_cost([100, 100], [1., .5], [1., 2.], items_per_increment=100, increments=3, price_per_hour=3600., **bytes_)
    >>> year.incremental.seconds, [round(s, 6) for s in year.retraining.seconds], [round(m, 6) for m in year.retraining.money]
    ((0.5, 0.5, 0.5), [3.0, 4.0, 5.0], [3.0, 4.0, 5.0])
    """
    _check(stage_items, incremental_seconds, retraining_seconds, items_per_increment, increments)
    measured = np.cumsum(stage_items)
    fixed, per_item = fit_seconds(measured, retraining_seconds)
    pace = float(np.sum(incremental_seconds[1:]) / np.sum(stage_items[1:]))
    items = measured[-1] + items_per_increment * np.arange(1, increments + 1)
    bank, batch = items * bytes_per_code, items_per_increment * bytes_per_raw_item
    kept = state_bytes + rehearsed_items * bytes_per_raw_item
    seconds = {"incremental": np.full(increments, pace * items_per_increment), "retraining": fixed + per_item * items}
    bytes_kept = {"incremental": bank + kept, "retraining": bank + items * bytes_per_raw_item}
    memory = {"incremental": bank + kept + batch, "retraining": bank + items * bytes_per_raw_item}
    ways = {}
    for way, trained in seconds.items():
        money = trained / 3600 * price_per_hour + bytes_kept[way] / _GIB * storage_price * _MONTHS / increments
        ways[way] = CostOfWay(*(tuple(values.tolist()) for values in (trained, bytes_kept[way], memory[way], money)))
    line, observed = fixed + per_item * measured, np.asarray(retraining_seconds, dtype=float)
    return YearlyCost(
        **ways,
        items=tuple(items.tolist()),
        items_per_increment=items_per_increment,
        price_per_hour=price_per_hour,
        storage_price=storage_price,
        currency=currency,
        incremental_seconds_per_item=pace,
        retraining_seconds_fixed=fixed,
        retraining_seconds_per_item=per_item,
        worst_fit=float(np.max(np.abs(line - observed) / np.maximum(observed, 1e-12))),
        extrapolation=float(items[-1] / measured[-1]),
    )


def _check(stage_items, incremental_seconds, retraining_seconds, items_per_increment, increments):
    lengths = [len(stage_items), len(incremental_seconds), len(retraining_seconds)]
    if len(set(lengths)) > 1 or lengths[0] < 2:
        raise DataError(f"items, incremental and retraining seconds of {lengths} stages; give those of one stream with two stages or more")
    if min(stage_items) < 1 or not np.isfinite(incremental_seconds).all() or min(incremental_seconds) < 0:
        raise DataError("a measured stage has no item, or its seconds are negative or not finite; a method that learns all at once has no increments")
    if items_per_increment < 1 or increments < 1:
        raise DataError(f"items_per_increment {items_per_increment} and increments {increments} must be 1 or more")
