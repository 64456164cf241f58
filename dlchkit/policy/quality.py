"""Has retrieval become better or worse? Differences of per-query average precisions, with their intervals."""

import math
import warnings

import numpy as np
from scipy.special import stdtrit

from dlchkit.errors import DataError
from dlchkit.metrics import Interval, paired_difference


def paired_gain(now, instead, *, groups=None, level: float = 0.95) -> Interval:
    """What another set of codes or encoders brings on the same queries: mean of instead - now, query by query.

    Parameters
    ----------
    now, instead : average precision per query; queries that are NaN in either (nothing
        relevant) are left out, with a warning that counts them
    groups : the group of each query; None makes each its own. Queries of one group
        (near-duplicates) count as one, by their mean: taken one by one they would make
        intervals too short

    Returns
    -------
    `Interval` whose n is the number of groups

    Examples
    --------
    >>> gain = paired_gain([.5, .6, .7], [.6, .7, .8])
    >>> round(gain.mean, 3), gain.n
    (0.1, 3)
    """
    now, instead = np.asarray(now, dtype=float), np.asarray(instead, dtype=float)
    if now.shape != instead.shape:
        raise DataError(f"{now.shape} against {instead.shape} average precisions; a paired gain needs the same queries on both sides")
    defined = np.isfinite(now) & np.isfinite(instead)
    _warn_left_out(len(now) - int(defined.sum()))
    groups = np.arange(len(now)) if groups is None else np.asarray(groups)
    _check_lengths(now, groups, "groups")
    (now, _), (instead, _) = (_group_means(side[defined], np.zeros(int(defined.sum())), groups[defined]) for side in (now, instead))
    return paired_difference(instead, now, level=level)


def quality_change(before, now, *, before_classes, now_classes, before_groups=None, now_groups=None, level: float = 0.95) -> Interval:
    """How the average precision of the same classes differs between two sets of queries: now - before.

    .. math:: \\sum_c w_c (\\bar{y}_c - \\bar{x}_c), \\quad w_c \\propto n_c m_c / (n_c + m_c)

    over classes with two queries on both sides, so that another mix of classes is no
    change; the interval is Welch's, over all classes' variances.

    Parameters
    ----------
    before, now : average precision per query, queries of the time before and new items of
        classes known then, **both asked of one database on one day**: a database that has
        grown since makes every query harder and is no change of quality
    before_classes, now_classes : the class of each query, comparable values
    before_groups, now_groups : see `paired_gain`
    level : of the interval

    Returns
    -------
    `Interval` whose n is the number of new queries (groups) compared; NaN, with a warning, where no
    class has two queries on both sides

    References
    ----------
    Welch, Biometrika 34 (1947), for the degrees of freedom.

    Examples
    --------
    >>> change = quality_change([.8, .9, .7], [.5, .6], before_classes=["a", "a", "a"], now_classes=["a", "a"])
    >>> round(change.mean, 3), change.high < 0, change.n
    (-0.25, True, 2)
    """
    before, before_classes = _defined(before, before_classes, before_groups)
    now, now_classes = _defined(now, now_classes, now_groups)
    parts = []
    for c in np.intersect1d(before_classes, now_classes):
        x, y = before[before_classes == c], now[now_classes == c]
        if min(len(x), len(y)) >= 2:
            parts.append((len(x) * len(y) / (len(x) + len(y)), y.mean() - x.mean(), x, y))
    if not parts:
        warnings.warn("no class has two queries on both sides: the change of quality is undefined (NaN)", stacklevel=2)
        return Interval(math.nan, math.nan, math.nan, 0)
    weights = np.array([weight for weight, *_ in parts]) / sum(weight for weight, *_ in parts)
    mean = float(weights @ [difference for _, difference, *_ in parts])
    terms = [(w**2 * side.var(ddof=1) / len(side), len(side) - 1) for w, (*_, x, y) in zip(weights, parts) for side in (x, y)]
    variance = sum(term for term, _ in terms)
    freedom = variance**2 / sum(term**2 / n for term, n in terms) if variance > 0 else math.inf
    half = float(stdtrit(freedom, (1 + level) / 2) * math.sqrt(variance)) if variance > 0 else 0.0
    return Interval(mean, mean - half, mean + half, sum(len(y) for *_, y in parts))


def _defined(values, classes, groups):
    values, classes = np.asarray(values, dtype=float), np.asarray(classes)
    groups = np.arange(len(values)) if groups is None else np.asarray(groups)
    _check_lengths(values, classes, "classes")
    _check_lengths(values, groups, "groups")
    defined = np.isfinite(values)
    _warn_left_out(int((~defined).sum()))
    return _group_means(values[defined], classes[defined], groups[defined])


def _check_lengths(values, others, what):
    if values.ndim != 1 or others.shape != values.shape:
        raise DataError(f"average precisions {values.shape} and {what} {others.shape} do not fit; give one of each per query")


def _group_means(values, classes, groups):
    """The mean of each group within each class, and its class."""
    names, which = np.unique(classes, return_inverse=True)
    pairs, place = np.unique(np.column_stack([which, np.unique(groups, return_inverse=True)[1]]), axis=0, return_inverse=True)
    return np.bincount(place.ravel(), values, len(pairs)) / np.bincount(place.ravel(), minlength=len(pairs)), names[pairs[:, 0]]


def _warn_left_out(n):
    if n:
        warnings.warn(f"{n} queries without a defined average precision are left out", stacklevel=3)
