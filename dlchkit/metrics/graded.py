"""NDCG: with several labels per item, two shared labels are worth more than one."""

import numpy as np

from dlchkit.metrics.histograms import check_k, check_retrieval, histogram_chunks
from dlchkit.metrics.retrieval import mean_of_defined


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
