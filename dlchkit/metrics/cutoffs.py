"""Precision and recall at k, within a Hamming radius and over all radii; NDCG, where two shared labels count more than one."""

import warnings

import numpy as np

from dlchkit.errors import DataError
from dlchkit.metrics.histograms import check_k, check_retrieval, distance_histograms, histogram_chunks
from dlchkit.metrics.retrieval import mean_of_defined


def precision_at_k(query_codes, database_codes, query_labels, database_labels, *, k):
    """Tie-aware precision@k: expected share of relevant items among the first k.

    Returns
    -------
    float in [0, 1], higher is better. Divided by min(k, database size), so that a
    database smaller than k does not lower it. A query with nothing relevant scores 0.

    Examples
    --------
    >>> one = np.ones((1, 8), np.int8)
    >>> precision_at_k(one, one.repeat(4, 0), np.eye(1, 2), np.eye(2).repeat(2, 0), k=1)
    0.5
    """
    check_k(k, "precision@k")
    n_items, n_relevant = distance_histograms(query_codes, database_codes, query_labels, database_labels)
    return mean_of_defined(_expected_hits(n_items, n_relevant, k) / min(k, len(database_codes)))


def recall_at_k(query_codes, database_codes, query_labels, database_labels, *, k):
    """Tie-aware recall@k: expected share of a query's relevant items that are among the first k.

    .. math:: recall@k = \\frac{1}{R_{total}} \\sum_d \\frac{r_d}{n_d} \\min(n_d, \\max(k - N, 0))

    Returns
    -------
    float in [0, 1], higher is better, mean over the queries that have something relevant;
    a warning counts those left out, and NaN if that is all of them.

    Notes
    -----
    Not the R@k of instance retrieval, which asks for one true partner: see `instance_recall_at_k`.

    Examples
    --------
    >>> one = np.ones((1, 8), np.int8)
    >>> recall_at_k(one, one.repeat(4, 0), np.eye(1, 2), np.eye(2).repeat(2, 0), k=1)
    0.25
    """
    check_k(k, "recall@k")
    n_items, n_relevant = distance_histograms(query_codes, database_codes, query_labels, database_labels)
    return mean_of_defined(_divide(_expected_hits(n_items, n_relevant, k), n_relevant.sum(1)))


def precision_within_radius(query_codes, database_codes, query_labels, database_labels, *, radius=2):
    """Share of relevant items among all within a Hamming radius: what a hash-table lookup returns.

    Parameters
    ----------
    radius : int in 0..n_bits

    Returns
    -------
    float in [0, 1], higher is better, mean over all queries. A query with nothing within
    the radius scores 0, the field's convention (``calc_precisions_hamming_radius`` of DCHMT):
    its lookup failed. `precision_recall_curve` leaves such queries out instead.

    Examples
    --------
    The first query finds two items within radius 2, one of them relevant; the second finds none.

    >>> one = np.ones((1, 8), np.int8)
    >>> precision_within_radius(np.vstack([one, -one]), one.repeat(2, 0), np.eye(2), np.eye(2))
    0.25
    """
    n_items, n_relevant = distance_histograms(query_codes, database_codes, query_labels, database_labels)
    _check_radius(radius, n_items.shape[1] - 1)
    found = n_items[:, : radius + 1].sum(1)
    return mean_of_defined(n_relevant[:, : radius + 1].sum(1) / np.maximum(found, 1))


def precision_recall_curve(query_codes, database_codes, query_labels, database_labels):
    """Precision and recall within each Hamming radius 0..n_bits, mean over queries.

    A radius takes whole ties, so no order inside them can matter; points between radii
    would depend on it.

    Returns
    -------
    precision, recall : float64 arrays (n_bits + 1,), entry d for radius d
        precision is the mean over the queries with anything within the radius, NaN with
        a warning where there are none; recall over the queries with something relevant

    Notes
    -----
    DCMH's own ``calcPreRecRadiusLabel.m`` and DCHMT's ``calc_precisions_hash`` pool the pairs of
    all queries instead, so that queries with many neighbours weigh more.

    Examples
    --------
    >>> one = np.ones((1, 8), np.int8)
    >>> precision, recall = precision_recall_curve(one, np.vstack([one, one, -one]), np.eye(1, 2), np.eye(2)[[0, 1, 0]])
    >>> precision[[0, 8]].round(3), recall[[0, 8]]
    (array([0.5  , 0.667]), array([0.5, 1. ]))
    """
    n_items, n_relevant = (counts.cumsum(1) for counts in distance_histograms(query_codes, database_codes, query_labels, database_labels))
    empty = int((n_items == 0).all(0).sum())
    if empty:
        warnings.warn(f"no query finds anything within a Hamming radius below {empty}: precision is undefined (NaN) there", stacklevel=2)
    precision = _mean_where(n_relevant / np.maximum(n_items, 1), n_items > 0)
    with_relevant = n_relevant[:, -1] > 0
    if not with_relevant.all():
        warnings.warn(f"{(~with_relevant).sum()} of {len(n_items)} queries have no relevant item; they are left out of recall", stacklevel=2)
    recall = _mean_where(n_relevant / np.maximum(n_relevant[:, -1:], 1), np.broadcast_to(with_relevant[:, None], n_items.shape))
    return precision, recall


def _expected_hits(n_items, n_relevant, k):
    before = np.cumsum(n_items, axis=1) - n_items
    taken = np.clip(k - before, 0, n_items)
    return (taken * n_relevant / np.maximum(n_items, 1)).sum(1)


def _divide(values, by):
    return np.divide(values, by, out=np.full(len(values), np.nan), where=by > 0)


def _mean_where(values, where):
    return _divide((values * where).sum(0), where.sum(0))


def _check_radius(radius, n_bits):
    if not 0 <= radius <= n_bits:
        raise DataError(f"radius is {radius}; codes of {n_bits} bits have Hamming distances 0 to {n_bits}")


def ndcg(query_codes, database_codes, query_labels, database_labels, *, k=None):
    """Tie-aware normalised discounted cumulative gain, graded by the number of shared labels.

    With g_i = 2^{s_i} - 1 the gain of an item sharing s_i labels, D[p] = sum_{i=1}^{p} 1/log2(i+1),
    N items before distance d and m = min(n_d, max(k - N, 0)), the mean over all orders inside ties is

    .. math:: DCG = \\sum_d \\Big( \\frac{1}{n_d} \\sum_{i \\in d} g_i \\Big) (D[N+m] - D[N]),
              \\qquad NDCG = DCG / DCG_{ideal}

    where the ideal ranking puts more shared labels first.

    Parameters
    ----------
    query_codes, database_codes : int8 arrays (n, n_bits), (m, n_bits) in {-1, +1}
    query_labels, database_labels : arrays (n, n_classes), (m, n_classes) in {0, 1}
    k : int or None; None ranks everything, else only the first k

    Returns
    -------
    float in [0, 1], higher is better, mean over the queries that have something relevant;
    a warning counts those left out, and NaN if that is all of them.

    References
    ----------
    Jarvelin and Kekalainen, TOIS 2002; gain and grade as in Zhao, Huang, Wang and Tan, CVPR
    2015; ties as in McSherry and Najork, ECIR 2008.

    Examples
    --------
    Two items at distance 0, sharing two labels and none: the first is first or second.

    >>> one = np.ones((1, 8), np.int8)
    >>> score = ndcg(one, one.repeat(2, 0), np.array([[1, 1, 0]]), np.array([[1, 1, 0], [0, 0, 1]]))
    >>> round(score, 4), round(float(1 + 1 / np.log2(3)) / 2, 4)
    (0.8155, 0.8155)
    """
    if k is not None:
        check_k(k, "NDCG")
    check_retrieval(query_codes, database_codes, query_labels, database_labels)
    cutoff = len(database_codes) if k is None else min(k, len(database_codes))
    discounts = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, cutoff + 2)))])
    scores = np.empty(len(query_codes))
    for rows, counts in histogram_chunks(query_codes, database_codes, query_labels, database_labels, graded=True):
        scores[rows] = _normalised(counts, discounts, cutoff)
    return mean_of_defined(scores)


def _normalised(counts, discounts, cutoff):
    gains = 2.0 ** np.arange(counts.shape[2]) - 1
    n_items = counts.sum(2)
    gained = (counts @ gains / np.maximum(n_items, 1) * _discounts_of(n_items, discounts, cutoff)).sum(1)
    best_first = counts.sum(1)[:, ::-1]
    ideal = (gains[::-1] * _discounts_of(best_first, discounts, cutoff)).sum(1)
    return np.divide(gained, ideal, out=np.full(len(gained), np.nan), where=ideal > 0)


def _discounts_of(n_items, discounts, cutoff):
    last = np.minimum(np.cumsum(n_items, axis=1), cutoff)
    return discounts[last] - discounts[np.minimum(np.cumsum(n_items, axis=1) - n_items, cutoff)]
