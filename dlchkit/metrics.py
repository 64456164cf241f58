"""Measures: retrieval measures on hash codes, continual measures on the R matrix.

Hamming distances take only n_bits + 1 values, so most of a ranking is ties. Every
retrieval measure here is the exact mean over all orders inside the ties: it depends on
the codes alone, not on the order in which a database happens to be stored.
"""

import warnings

import numpy as np

from dlchkit.codes import as_words, pack_codes, packed_hamming_distance
from dlchkit.errors import DataError

CHUNK = 64  # queries ranked at once: bounds memory to CHUNK x database x 8 bytes


def distance_histograms(query_codes, database_codes, query_labels, database_labels):
    """Count, for every query and Hamming distance, the database items and the relevant ones.

    Parameters
    ----------
    query_codes, database_codes : int8 arrays (n, n_bits), (m, n_bits) in {-1, +1}
    query_labels, database_labels : arrays (n, n_classes), (m, n_classes) in {0, 1};
        an item is relevant if it shares at least one label with the query

    Returns
    -------
    n_items, n_relevant : int64 arrays of shape (n, n_bits + 1)
    """
    _check_same_width(query_codes, database_codes, "bits")
    _check_same_width(query_labels, database_labels, "classes")
    if len(query_codes) != len(query_labels) or len(database_codes) != len(database_labels):
        raise DataError(
            f"{len(query_codes)} query codes with {len(query_labels)} label rows and {len(database_codes)} database codes "
            f"with {len(database_labels)}; every code needs its labels"
        )
    n_distances = query_codes.shape[1] + 1
    query, database = as_words(pack_codes(query_codes)), as_words(pack_codes(database_codes))
    query_sets, database_sets = as_words(_pack_labels(query_labels)), as_words(_pack_labels(database_labels))
    counts = np.empty((2, len(query), n_distances), dtype=np.int64)
    for start in range(0, len(query), CHUNK):
        rows = slice(start, start + CHUNK)
        distance = packed_hamming_distance(query[rows], database)
        relevant = _sets_meet(query_sets[rows], database_sets)
        bins = distance + np.arange(len(distance))[:, None] * n_distances
        shape = (len(distance), n_distances)
        counts[0, rows] = np.bincount(bins.ravel(), minlength=shape[0] * shape[1]).reshape(shape)
        counts[1, rows] = np.bincount(bins[relevant], minlength=shape[0] * shape[1]).reshape(shape)
    return counts[0], counts[1]


def _check_same_width(a, b, what):
    if a.shape[1] != b.shape[1]:
        raise DataError(f"queries have {a.shape[1]} {what}, the database {b.shape[1]}; both must have the same")


def _pack_labels(labels):
    return np.packbits(np.asarray(labels) > 0, axis=1)


def _sets_meet(a, b):
    meet = np.zeros((len(a), len(b)), dtype=bool)
    for word in range(a.shape[1]):
        meet |= (a[:, word, None] & b[None, :, word]) != 0
    return meet


def average_precision(n_items, n_relevant, *, k=None):
    """Tie-aware average precision of each query, from `distance_histograms`.

    With N, R the counts before distance d, H harmonic numbers, h = H[N+m] - H[N] and
    m = min(n_d, k - N):

    .. math:: AP = \\frac{1}{den} \\sum_d \\frac{r_d}{n_d}
              \\Big[ (R+1) h + \\frac{r_d-1}{n_d-1} (m - (N+1) h) \\Big]

    Parameters
    ----------
    n_items, n_relevant : int64 arrays of shape (n, n_bits + 1)
    k : int or None; None ranks everything, else only the first k

    Returns
    -------
    float64 array of shape (n,), values in [0, 1]; NaN for a query with nothing relevant.
    den is the number relevant, or min(number relevant, k).

    References
    ----------
    McSherry and Najork, ECIR 2008; He, Cakir, Bargal and Sclaroff, CVPR 2018.
    """
    if k is not None and k < 1:
        raise DataError(f"k is {k}; average precision needs k of at least 1, or None for the whole ranking")
    before = np.cumsum(n_items, axis=1) - n_items
    relevant_before = np.cumsum(n_relevant, axis=1) - n_relevant
    cutoff = before[:, -1:] + n_items[:, -1:] if k is None else np.full((len(n_items), 1), k)
    taken = np.clip(cutoff - before, 0, n_items)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n_items.sum(1).max(initial=0) + 1))])
    h = harmonic[before + taken] - harmonic[before]
    density = n_relevant / np.maximum(n_items, 1)
    slope = (n_relevant - 1) / np.maximum(n_items - 1, 1)
    gain = density * ((relevant_before + 1) * h + slope * (taken - (before + 1) * h))
    denominator = np.minimum(n_relevant.sum(1), cutoff[:, 0])
    return np.divide(gain.sum(1), denominator, out=np.full(len(gain), np.nan), where=denominator > 0)


def mean_average_precision(query_codes, database_codes, query_labels, database_labels, *, k=None):
    """Tie-aware mAP: the mean of `average_precision` over the queries that have something relevant.

    Parameters
    ----------
    query_codes, database_codes : int8 arrays (n, n_bits), (m, n_bits) in {-1, +1}
    query_labels, database_labels : arrays (n, n_classes), (m, n_classes) in {0, 1}
    k : int or None; mAP@k divides by min(relevant, k)

    Returns
    -------
    float in [0, 1], higher is better; NaN, with a warning, if no query has a relevant item.
    A warning also says how many queries were left out for that reason.

    Examples
    --------
    Four items at distance 0, two of them relevant: the mean over the 24 orders.

    >>> one = np.ones((1, 8), np.int8)
    >>> score = mean_average_precision(one, one.repeat(4, 0), np.eye(1, 2), np.eye(2).repeat(2, 0))
    >>> round(score, 4) == round((1 + 5/6 + 3/4 + 7/12 + 1/2 + 5/12) / 6, 4)
    True
    """
    scores = average_precision(*distance_histograms(query_codes, database_codes, query_labels, database_labels), k=k)
    return mean_of_defined(scores)


def precision_at_k(query_codes, database_codes, query_labels, database_labels, *, k):
    """Tie-aware precision@k: expected share of relevant items among the first k.

    Returns
    -------
    float in [0, 1], higher is better. Divided by min(k, database size), so that a
    database smaller than k does not lower it.

    Examples
    --------
    >>> one = np.ones((1, 8), np.int8)
    >>> precision_at_k(one, one.repeat(4, 0), np.eye(1, 2), np.eye(2).repeat(2, 0), k=1)
    0.5
    """
    if k < 1:
        raise DataError(f"k is {k}; precision@k needs k of at least 1")
    n_items, n_relevant = distance_histograms(query_codes, database_codes, query_labels, database_labels)
    before = np.cumsum(n_items, axis=1) - n_items
    taken = np.clip(k - before, 0, n_items)
    found = (taken * n_relevant / np.maximum(n_items, 1)).sum(1)
    return float(np.mean(found / min(k, len(database_codes))))


def ranked_average_precision(scores, relevant):
    """Average precision of each query for real-valued scores, higher meaning nearer.

    For representations that are not codes, such as CHTN's class posteriors. Equal scores
    are rare there; they are ranked pessimistically, what is not relevant first.

    Parameters
    ----------
    scores : float (n, m); relevant : bool (n, m)

    Returns
    -------
    float64 (n,), NaN for a query with nothing relevant

    Examples
    --------
    >>> ranked_average_precision(np.array([[.9, .5, .1]]), np.array([[True, False, True]])).round(3)
    array([0.833])
    """
    order = np.lexsort((relevant, -scores), axis=1)
    hit = np.take_along_axis(relevant, order, axis=1)
    precision = np.cumsum(hit, axis=1) / np.arange(1, hit.shape[1] + 1)
    n_relevant = hit.sum(1)
    return np.divide((precision * hit).sum(1), n_relevant, out=np.full(len(hit), np.nan), where=n_relevant > 0)


def mean_of_defined(scores):
    """Mean over the queries that have something relevant; a warning counts those left out."""
    undefined = int(np.isnan(scores).sum())
    if undefined:
        warnings.warn(f"{undefined} of {len(scores)} queries have no relevant item; they are left out of the mean", stacklevel=3)
    return float(np.nanmean(scores)) if undefined < len(scores) else float("nan")


# --- on R: R[i, j] is the mAP on stage-j queries after stage i, NaN above the diagonal ---


def _checked(R):
    R = np.asarray(R, dtype=float)
    if R.ndim != 2 or R.shape[0] != R.shape[1]:
        raise DataError(f"R has shape {R.shape}; it must be square, a row and a column for each stage")
    return R


def final_performance(R):
    """Mean over the stages' queries after the last stage: the last row's mean."""
    return float(_checked(R)[-1].mean())


def forgetting_from_best(R):
    """Mean over earlier stages of best minus last score (Chaudhry et al., ECCV 2018). Lower is better.

    Examples
    --------
    >>> nan = float("nan")
    >>> R = [[.8, nan, nan], [.9, .7, nan], [.6, .6, .5]]
    >>> round(forgetting_from_best(R), 3), round(forgetting_from_first(R), 3)
    (0.2, 0.15)
    """
    R = _checked(R)
    return _mean_over_earlier([R[j:-1, j].max() - R[-1, j] for j in range(len(R) - 1)])


def forgetting_from_first(R):
    """Mean over earlier stages of first minus last score: minus backward transfer. Lower is better."""
    R = _checked(R)
    return _mean_over_earlier([R[j, j] - R[-1, j] for j in range(len(R) - 1)])


def forgetting_from_joint(R, R_joint):
    """Mean over earlier stages of joint retraining's last score minus the learner's.

    A score also falls because the database grows harder; joint retraining shows that
    part. What is left is what the learner itself forgot. Lower is better.

    Examples
    --------
    >>> nan = float("nan")
    >>> round(forgetting_from_joint([[.8, nan], [.5, .7]], [[.8, nan], [.7, .7]]), 3)
    0.2
    """
    R, R_joint = _checked(R), _checked(R_joint)
    if R.shape != R_joint.shape:
        raise DataError(f"R has {len(R)} stages and the joint one {len(R_joint)}; they must come from one stream")
    return _mean_over_earlier(R_joint[-1, :-1] - R[-1, :-1])


def backward_transfer(R):
    """Mean over earlier stages of last minus first score (Lopez-Paz and Ranzato, NeurIPS 2017). Higher is better."""
    return -forgetting_from_first(R)


def _mean_over_earlier(values):
    if len(values) == 0:
        warnings.warn("one stage alone has no earlier stage: forgetting is undefined (NaN)", stacklevel=3)
        return float("nan")
    return float(np.mean(values))


def time_reduction(seconds, joint_seconds):
    """1 - time of the increments / time of joint retraining at the same stages, stage 0 left out.

    Parameters
    ----------
    seconds, joint_seconds : sequences of training seconds, one per stage, evaluation excluded
    """
    if len(seconds) != len(joint_seconds):
        raise DataError(f"{len(seconds)} against {len(joint_seconds)} stages of seconds; both must come from one stream")
    return _mean_over_earlier([]) if len(seconds) < 2 else float(1 - sum(seconds[1:]) / sum(joint_seconds[1:]))
