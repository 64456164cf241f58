"""Mean and confidence interval over several seeds."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from dlchkit.errors import DataError


@dataclass(frozen=True)
class Interval:
    """A mean over ``n`` seeds and the bounds of its confidence interval."""

    mean: float
    low: float
    high: float
    n: int


def confidence_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """Compute Student's t interval for the mean of one number per seed.

    .. math:: \\bar{x} \\pm t_{(1+level)/2,\\, n-1} \\cdot s / \\sqrt{n}

    with s the standard deviation of the values (n - 1 in its denominator).

    Parameters
    ----------
    values : array_like
        (n,), finite, one number per seed
    level : float
        in (0, 1)

    Returns
    -------
    Interval
        low and high are NaN, with a warning, for a single value

    Raises
    ------
    DataError
        if there is no value, one is not finite, or level is outside (0, 1)

    Examples
    --------
    t for 95% and 4 degrees of freedom is 2.776, s = 1.581.

    >>> interval = confidence_interval([1, 2, 3, 4, 5])
    >>> interval.mean, round(interval.low, 3), round(interval.high, 3), interval.n
    (3.0, 1.037, 4.963, 5)
    """
    values = _checked_values(values)
    if not 0 < level < 1:
        raise DataError(f"level is {level}; it must lie between 0 and 1, e.g. 0.95")
    mean = float(values.mean())
    if len(values) == 1:
        warnings.warn("one value alone has no interval: its bounds are undefined (NaN)", stacklevel=2)
        return Interval(mean, math.nan, math.nan, 1)
    half = float(stdtrit(len(values) - 1, (1 + level) / 2) * values.std(ddof=1) / math.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half, len(values))


def paired_difference(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> Interval:
    """Compute the `confidence_interval` of a - b, seed by seed: the gain of one method over another.

    The effect of a seed on both methods cancels, so differences can be clear where the two
    intervals overlap. A difference is claimed where the interval excludes 0.

    Examples
    --------
    >>> difference = paired_difference([.51, .62, .73], [.50, .60, .70])
    >>> round(difference.mean, 3), round(difference.low, 4), round(difference.high, 4)
    (0.02, -0.0048, 0.0448)
    """
    a = _checked_values(a)
    b = _checked_values(b)
    if len(a) != len(b):
        raise DataError(f"{len(a)} against {len(b)} values; a paired difference needs the same seeds on both sides")
    return confidence_interval(a - b, level=level)


def _checked_values(values):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0:
        raise DataError(f"values have shape {values.shape}; an interval needs a list with one number per seed")
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError(
            f"value {first} is {values[first]}; an interval needs finite numbers: leave that seed out and report it"
        )
    return values
