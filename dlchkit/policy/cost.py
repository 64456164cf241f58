"""Cost of a year of increments, in seconds, bytes, memory and money: incremental learning against full retraining."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls

from dlchkit.errors import DataError

_MONTHS = 12
_GIB = 2**30


@dataclass(frozen=True)
class CostOfWay:
    """Costs of one way of learning, one value for each increment of the year.

    Attributes
    ----------
    seconds : tuple of float
        of training
    bytes_kept : tuple of int
        on disk after the increment
    memory_bytes : tuple of int
        data and state that training holds at once, without the program and its intermediate results
    money : tuple of float
        for training, and for storage until the next increment
    """

    seconds: tuple[float, ...]
    bytes_kept: tuple[int, ...]
    memory_bytes: tuple[int, ...]
    money: tuple[float, ...]


@dataclass(frozen=True)
class YearlyCost:
    """Both ways of learning side by side, and the basis of the numbers.

    Attributes
    ----------
    incremental, retraining : CostOfWay
        costs of each way
    items : tuple of int
        in the bank after each increment
    items_per_increment : int
        new items of each increment
    price_per_hour, storage_price, currency
        the prices used
    incremental_seconds_per_item : float
        measured mean of the stages after the first
    retraining_seconds_fixed, retraining_seconds_per_item : float
        the line fitted to the measured stages
    worst_fit : float
        largest deviation of a measured stage from that line, relative to the measured seconds
    extrapolation : float
        items of the year's last retraining / items of the largest measured retraining
    """

    incremental: CostOfWay
    retraining: CostOfWay
    items: tuple[int, ...]
    items_per_increment: int
    price_per_hour: float
    storage_price: float
    currency: str
    incremental_seconds_per_item: float
    retraining_seconds_fixed: float
    retraining_seconds_per_item: float
    worst_fit: float
    extrapolation: float


def fit_seconds(items: ArrayLike, seconds: ArrayLike) -> tuple[float, float]:
    """Fit the least squares line seconds = a + b * items with a, b >= 0, so that no extrapolation is negative.

    Parameters
    ----------
    items, seconds : array_like
        (n_stages,), of at least two different numbers of items

    Returns
    -------
    a, b : float

    Examples
    --------
    >>> a, b = fit_seconds([100, 200, 300], [3.0, 5.0, 7.0])
    >>> round(a, 6), round(b, 6)
    (1.0, 0.02)
    """
    items = np.asarray(items, dtype=float)
    seconds = np.asarray(seconds, dtype=float)
    measured = np.isfinite(seconds).all() and (seconds >= 0).all()
    if items.shape != seconds.shape or len(np.unique(items)) < 2 or not measured:
        raise DataError(
            f"seconds {seconds.tolist()} for {items.tolist()} items give no line; "
            "it needs finite seconds of stages of two sizes or more"
        )
    scale = items.max()
    (a, b), _ = nnls(np.column_stack([np.ones_like(items), items / scale]), seconds)
    return float(a), float(b / scale)


def yearly_cost(
    stage_items: Sequence[int],
    incremental_seconds: Sequence[float],
    retraining_seconds: Sequence[float],
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
    """Extrapolate measured seconds to a year of equal increments, for incremental learning and for full retraining.

    Retraining at an increment trains on all items so far, so its seconds follow the line
    `fit_seconds` through the measured stages, at the number of items then held: an
    extrapolation, whose extent is ``extrapolation``. An increment's seconds are proportional
    to its own items, at the measured mean of the stages after the first; the time a method
    needs for each old item (rehearsal) is in that mean only as far as it was measured.

    Parameters
    ----------
    stage_items : sequence of int
        new items of each measured stage; the year begins with all of them stored
    incremental_seconds, retraining_seconds : sequence of float
        `MethodRecord.seconds` of both on that stream
    items_per_increment, increments : int
        new items of each increment, and increments in a year
    price_per_hour : float
        of the machine
    bytes_per_code : int
        of one stored item, with its label and id; both ways keep these
    bytes_per_raw_item : int
        of one item's training data: pictures and texts, or features. Retraining keeps it for
        every item, the incremental way for ``rehearsed_items``
    state_bytes : int
        of the incremental learner's other state: weights, sums, memory
    rehearsed_items : int
        old items whose training data the incremental way keeps
    storage_price : float
        per GiB and month
    currency : str
        of both prices

    Returns
    -------
    YearlyCost
        `CostOfWay.money` is in ``currency`` for each increment

    Examples
    --------
    >>> sizes = {"bytes_per_code": 10, "bytes_per_raw_item": 1000, "state_bytes": 5000}
    >>> future = {"items_per_increment": 100, "increments": 3, "price_per_hour": 3600.0}
    >>> year = yearly_cost([100, 100], [1.0, 0.5], [1.0, 2.0], **future, **sizes)
    >>> year.incremental.seconds, [round(seconds, 6) for seconds in year.retraining.seconds]
    ((0.5, 0.5, 0.5), [3.0, 4.0, 5.0])
    >>> [round(money, 6) for money in year.retraining.money]
    [3.0, 4.0, 5.0]
    """
    _check(stage_items, incremental_seconds, retraining_seconds, items_per_increment, increments)
    measured = np.cumsum(stage_items)
    fixed, per_item = fit_seconds(measured, retraining_seconds)
    pace = float(np.sum(incremental_seconds[1:]) / np.sum(stage_items[1:]))
    items = measured[-1] + items_per_increment * np.arange(1, increments + 1)
    bank = items * bytes_per_code
    raw = items * bytes_per_raw_item
    kept = bank + state_bytes + rehearsed_items * bytes_per_raw_item

    def cost_of(seconds, bytes_kept, memory_bytes):
        storage = bytes_kept / _GIB * storage_price * _MONTHS / increments
        money = seconds / 3600 * price_per_hour + storage
        return CostOfWay(
            seconds=tuple(seconds.tolist()),
            bytes_kept=tuple(bytes_kept.tolist()),
            memory_bytes=tuple(memory_bytes.tolist()),
            money=tuple(money.tolist()),
        )

    line = fixed + per_item * measured
    observed = np.asarray(retraining_seconds, dtype=float)
    return YearlyCost(
        incremental=cost_of(
            np.full(increments, pace * items_per_increment), kept, kept + items_per_increment * bytes_per_raw_item
        ),
        retraining=cost_of(fixed + per_item * items, bank + raw, bank + raw),
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
        raise DataError(
            f"items, incremental and retraining seconds of {lengths} stages; "
            "give those of one stream of two stages or more"
        )
    if min(stage_items) < 1 or not np.isfinite(incremental_seconds).all() or min(incremental_seconds) < 0:
        raise DataError(
            "a measured stage has no item, or its seconds are negative or not finite; "
            "a method that learns all at once has no increments"
        )
    if items_per_increment < 1 or increments < 1:
        raise DataError(f"items_per_increment {items_per_increment} and increments {increments} must be 1 or more")
