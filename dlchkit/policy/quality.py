"""Changes of retrieval quality: differences of per-query average precisions, with their intervals."""

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from dlchkit.errors import DataError
from dlchkit.metrics import Interval, paired_difference


def paired_gain(
    now: ArrayLike, instead: ArrayLike, *, groups: ArrayLike | None = None, level: float = 0.95
) -> Interval:
    """Compute the gain of other codes or encoders on the same queries: mean of instead - now, query by query.

    Parameters
    ----------
    now, instead : array_like
        average precisions (n,); queries that are NaN in either (without relevant items) are
        left out, with a warning that counts them
    groups : array_like or None
        (n,), the group of each query; None makes each its own. Queries of one group
        (near-duplicates) count as one, by their mean: taken one by one they would make
        intervals too short
    level : float
        of the interval

    Returns
    -------
    Interval
        n is the number of groups

    Examples
    --------
    >>> gain = paired_gain([.5, .6, .7], [.6, .7, .8])
    >>> round(gain.mean, 3), gain.n
    (0.1, 3)
    """
    now = np.asarray(now, dtype=float)
    instead = np.asarray(instead, dtype=float)
    if now.shape != instead.shape:
        raise DataError(
            f"{now.shape} against {instead.shape} average precisions; "
            "a paired gain needs the same queries on both sides"
        )
    groups = _groups_of(now, groups)
    defined = np.isfinite(now) & np.isfinite(instead)
    _warn_left_out(defined)
    one_class = np.zeros(int(defined.sum()))
    means_now, _ = _group_means(now[defined], one_class, groups[defined])
    means_instead, _ = _group_means(instead[defined], one_class, groups[defined])
    return paired_difference(means_instead, means_now, level=level)


def quality_change(
    before: ArrayLike,
    now: ArrayLike,
    *,
    before_classes: ArrayLike,
    now_classes: ArrayLike,
    before_groups: ArrayLike | None = None,
    now_groups: ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    """Compute the change of average precision of the same classes between two sets of queries: now - before.

    .. math:: \\sum_c w_c (\\bar{y}_c - \\bar{x}_c), \\quad w_c \\propto n_c m_c / (n_c + m_c)

    over classes with two queries on both sides, so that another mix of classes is no
    change; the interval is Welch's, over all classes' variances.

    Parameters
    ----------
    before, now : array_like
        average precisions (n,) and (m,) of queries of the time before and of new items of
        classes known then, **both searched in one database on one day**: a database that has
        grown since makes every query harder and is no change of quality
    before_classes, now_classes : array_like
        the class of each query, comparable values
    before_groups, now_groups : array_like or None
        as ``groups`` of `paired_gain`
    level : float
        of the interval

    Returns
    -------
    Interval
        n is the number of new queries (groups) compared; NaN, with a warning, where no class
        has two queries on both sides

    References
    ----------
    Welch, Biometrika 34 (1947), for the degrees of freedom.

    Examples
    --------
    >>> change = quality_change([.8, .9, .7], [.5, .6], before_classes=["a", "a", "a"], now_classes=["a", "a"])
    >>> round(change.mean, 3), change.high < 0, change.n
    (-0.25, True, 2)
    """
    means_before, classes_before = _defined(before, before_classes, before_groups)
    means_now, classes_now = _defined(now, now_classes, now_groups)
    sides = []
    for c in np.intersect1d(classes_before, classes_now):
        x = means_before[classes_before == c]
        y = means_now[classes_now == c]
        if min(len(x), len(y)) >= 2:
            sides.append((x, y))
    if not sides:
        warnings.warn("no class has two queries on both sides: the change of quality is undefined (NaN)", stacklevel=2)
        return Interval(math.nan, math.nan, math.nan, 0)
    weights = np.array([len(x) * len(y) / (len(x) + len(y)) for x, y in sides])
    weights = weights / sum(weights)
    mean = float(weights @ [y.mean() - x.mean() for x, y in sides])
    half = _welch_half_width(weights, sides, level)
    return Interval(mean, mean - half, mean + half, sum(len(y) for _, y in sides))


def _welch_half_width(weights, sides, level):
    terms = []  # the part of each class and side in the variance, and its degrees of freedom
    for weight, classes in zip(weights, sides, strict=True):
        terms += [(weight**2 * side.var(ddof=1) / len(side), len(side) - 1) for side in classes]
    variance = sum(term for term, _ in terms)
    if variance == 0:
        return 0.0
    freedom = variance**2 / sum(term**2 / n for term, n in terms)
    return float(stdtrit(freedom, (1 + level) / 2) * math.sqrt(variance))


def _defined(values, classes, groups):
    """Group means of the defined values, and their classes."""
    values = np.asarray(values, dtype=float)
    classes = np.asarray(classes)
    _check_lengths(values, classes, "classes")
    groups = _groups_of(values, groups)
    defined = np.isfinite(values)
    _warn_left_out(defined)
    return _group_means(values[defined], classes[defined], groups[defined])


def _groups_of(values, groups):
    groups = np.arange(len(values)) if groups is None else np.asarray(groups)
    _check_lengths(values, groups, "groups")
    return groups


def _check_lengths(values, others, what):
    if values.ndim != 1 or others.shape != values.shape:
        raise DataError(
            f"average precisions {values.shape} and {what} {others.shape} do not fit; give one of each per query"
        )


def _group_means(values, classes, groups):
    """Average each group within each class; return the means and their classes."""
    names, which = np.unique(classes, return_inverse=True)
    group = np.unique(groups, return_inverse=True)[1]
    pairs, place = np.unique(np.column_stack([which, group]), axis=0, return_inverse=True)
    means = np.bincount(place.ravel(), values, len(pairs)) / np.bincount(place.ravel(), minlength=len(pairs))
    return means, names[pairs[:, 0]]


def _warn_left_out(defined):
    if not defined.all():
        warnings.warn(f"{(~defined).sum()} queries without a defined average precision are left out", stacklevel=3)
