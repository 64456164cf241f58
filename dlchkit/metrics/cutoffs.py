"""Precision and recall at k, within a Hamming radius and over all radii; NDCG, where each shared label counts.

Codes and labels, in all of them, as in `dlchkit.metrics.mean_average_precision`.
"""

import warnings

import numpy as np

from dlchkit.codes import Codes, Labels
from dlchkit.errors import DataError
from dlchkit.metrics.histograms import check_k, check_retrieval, distance_histograms, histogram_chunks
from dlchkit.metrics.retrieval import divided, mean_of_defined


def precision_at_k(
    query_codes: Codes, database_codes: Codes, query_labels: Labels, database_labels: Labels, *, k: int
) -> float:
    """Compute the tie-aware precision@k: the expected share of relevant items among the first k.

    Returns
    -------
    float
        in [0, 1], higher is better. The divisor is min(k, database size), so that a database
        smaller than k does not lower it. A query without relevant items scores 0

    Examples
    --------
    >>> one = np.ones((1, 8), np.int8)
    >>> precision_at_k(one, one.repeat(4, 0), np.eye(1, 2), np.eye(2).repeat(2, 0), k=1)
    0.5
    """
    check_k(k, "precision@k")
    n_items, n_relevant = distance_histograms(query_codes, database_codes, query_labels, database_labels)
    return mean_of_defined(_expected_hits(n_items, n_relevant, k) / min(k, len(database_codes)))


def recall_at_k(
    query_codes: Codes, database_codes: Codes, query_labels: Labels, database_labels: Labels, *, k: int
) -> float:
    """Compute the tie-aware recall@k: the expected share of a query's relevant items among the first k.

    .. math:: recall@k = \\frac{1}{R_{total}} \\sum_d \\frac{r_d}{n_d} \\min(n_d, \\max(k - N, 0))

    Returns
    -------
    float
        in [0, 1], higher is better, mean over the queries with a relevant item; a warning
        counts the others, and NaN if there is none

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
    return mean_of_defined(divided(_expected_hits(n_items, n_relevant, k), n_relevant.sum(1)))


def precision_within_radius(
    query_codes: Codes, database_codes: Codes, query_labels: Labels, database_labels: Labels, *, radius: int = 2
) -> float:
    """Compute the share of relevant items among all within a Hamming radius, the result of a hash-table lookup.

    Parameters
    ----------
    radius : int
        in 0..n_bits

    Returns
    -------
    float
        in [0, 1], higher is better, mean over all queries. A query with no item within the
        radius scores 0, the field's convention (``calc_precisions_hamming_radius`` of DCHMT):
        its lookup failed. `precision_recall_curve` leaves such queries out instead

    Examples
    --------
    The first query finds two items within radius 2, one of them relevant; the second finds none.

    >>> one = np.ones((1, 8), np.int8)
    >>> precision_within_radius(np.vstack([one, -one]), one.repeat(2, 0), np.eye(2), np.eye(2))
    0.25
    """
    n_items, n_relevant = distance_histograms(query_codes, database_codes, query_labels, database_labels)
    n_bits = n_items.shape[1] - 1
    if not 0 <= radius <= n_bits:
        raise DataError(f"radius is {radius}; codes of {n_bits} bits have Hamming distances 0 to {n_bits}")
    found = n_items[:, : radius + 1].sum(1)
    return mean_of_defined(n_relevant[:, : radius + 1].sum(1) / np.maximum(found, 1))


def precision_recall_curve(
    query_codes: Codes, database_codes: Codes, query_labels: Labels, database_labels: Labels
) -> tuple[np.ndarray, np.ndarray]:
    """Compute precision and recall within each Hamming radius 0..n_bits, as means over queries.

    A radius takes whole ties, so no order within them can matter; points between radii
    would depend on it.

    Returns
    -------
    precision : np.ndarray
        float64 (n_bits + 1,), entry d for radius d: mean over the queries with an item
        within the radius; NaN, with a warning, where there is none
    recall : np.ndarray
        float64 (n_bits + 1,): mean over the queries with a relevant item

    Notes
    -----
    DCMH's own ``calcPreRecRadiusLabel.m`` and DCHMT's ``calc_precisions_hash`` pool the pairs of
    all queries instead, so that queries with many neighbours weigh more.

    Examples
    --------
    >>> one = np.ones((1, 8), np.int8)
    >>> database, labels = np.vstack([one, one, -one]), np.eye(2)[[0, 1, 0]]
    >>> precision, recall = precision_recall_curve(one, database, np.eye(1, 2), labels)
    >>> precision[[0, 8]].round(3), recall[[0, 8]]
    (array([0.5  , 0.667]), array([0.5, 1. ]))
    """
    counts = distance_histograms(query_codes, database_codes, query_labels, database_labels)
    n_items, n_relevant = counts[0].cumsum(1), counts[1].cumsum(1)
    empty = int((n_items == 0).all(0).sum())
    if empty:
        warnings.warn(
            f"no query finds anything within a Hamming radius below {empty}: precision is undefined (NaN) there",
            stacklevel=2,
        )
    with_relevant = n_relevant[:, -1] > 0
    if not with_relevant.all():
        warnings.warn(
            f"{(~with_relevant).sum()} of {len(n_items)} queries have no relevant item; they are left out of recall",
            stacklevel=2,
        )
    precision = _mean_where(n_relevant / np.maximum(n_items, 1), n_items > 0)
    recall = _mean_where(n_relevant / np.maximum(n_relevant[:, -1:], 1), with_relevant[:, None])
    return precision, recall


def _expected_hits(n_items, n_relevant, k):
    before = np.cumsum(n_items, axis=1) - n_items
    taken = np.clip(k - before, 0, n_items)
    return (taken * n_relevant / np.maximum(n_items, 1)).sum(1)


def _mean_where(values, where):
    where = np.broadcast_to(where, values.shape)
    return divided((values * where).sum(0), where.sum(0))


def ndcg(
    query_codes: Codes, database_codes: Codes, query_labels: Labels, database_labels: Labels, *, k: int | None = None
) -> float:
    """Compute the tie-aware normalised discounted cumulative gain, graded by the number of shared labels.

    With g_i = 2^{s_i} - 1 the gain of an item sharing s_i labels, D[p] = sum_{i=1}^{p} 1/log2(i+1),
    N items before distance d and m = min(n_d, max(k - N, 0)), the mean over all orders within ties is

    .. math:: DCG = \\sum_d \\Big( \\frac{1}{n_d} \\sum_{i \\in d} g_i \\Big) (D[N+m] - D[N]),
              \\qquad NDCG = DCG / DCG_{ideal}

    where the ideal ranking puts items with more shared labels first.

    Parameters
    ----------
    k : int or None
        rank only the first k items; None ranks everything

    Returns
    -------
    float
        in [0, 1], higher is better, mean over the queries with a relevant item; a warning
        counts the others, and NaN if there is none

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
    check_k(k, "NDCG")
    check_retrieval(query_codes, database_codes, query_labels, database_labels)
    cutoff = len(database_codes) if k is None else min(k, len(database_codes))
    discounts = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, cutoff + 2)))])
    scores = np.empty(len(query_codes))
    for rows, counts in histogram_chunks(query_codes, database_codes, query_labels, database_labels, graded=True):
        scores[rows] = _normalised(counts, discounts, cutoff)
    return mean_of_defined(scores)


def _normalised(counts, discounts, cutoff):
    """NDCG of a few queries from their counts (queries, distances, grades)."""
    gains = 2.0 ** np.arange(counts.shape[2]) - 1
    n_items = counts.sum(2)
    gained = (counts @ gains / np.maximum(n_items, 1) * _discounts_of(n_items, discounts, cutoff)).sum(1)
    best_first = counts.sum(1)[:, ::-1]
    ideal = (gains[::-1] * _discounts_of(best_first, discounts, cutoff)).sum(1)
    return divided(gained, ideal)


def _discounts_of(n_items, discounts, cutoff):
    last = np.cumsum(n_items, axis=1)
    return discounts[np.minimum(last, cutoff)] - discounts[np.minimum(last - n_items, cutoff)]
