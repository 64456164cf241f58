"""Instance retrieval: the rank of each query's one true partner."""

import numpy as np

from dlchkit.codes import Codes, as_words, differing_bits, pack_codes
from dlchkit.errors import DataError
from dlchkit.metrics.histograms import PAIRS, check_k, check_ranking
from dlchkit.metrics.retrieval import mean_of_defined


def instance_ranks(query_codes: Codes, database_codes: Codes, partners: np.ndarray) -> np.ndarray:
    """Compute the expected rank of each query's true partner over all orders within ties; 1 is best.

    .. math:: rank = N + (n_d + 1) / 2

    with N database items nearer than the partner and n_d at its distance, itself included.

    Parameters
    ----------
    query_codes, database_codes : np.ndarray
        codes as in `dlchkit.metrics.mean_average_precision`
    partners : np.ndarray
        int (n,), the database row of each query's partner; ``np.arange(n)`` where both are
        stored in one order

    Returns
    -------
    np.ndarray
        float64 (n,), values in [1, m]

    Raises
    ------
    DataError
        if there is not one partner for each query, or a partner is no row of the database

    Examples
    --------
    The partner shares the nearest distance with one other item: rank 1 or 2.

    >>> one = np.ones((1, 8), np.int8)
    >>> instance_ranks(one, np.vstack([one, -one, one]), np.array([2]))
    array([1.5])
    """
    nearer, tied = _nearer_and_tied(query_codes, database_codes, partners)
    return nearer + (tied + 1) / 2


def mean_rank(query_codes: Codes, database_codes: Codes, partners: np.ndarray) -> float:
    """Average `instance_ranks` over the queries: the exact expectation. Lower is better, 1 is best."""
    return mean_of_defined(instance_ranks(query_codes, database_codes, partners))


def median_rank(query_codes: Codes, database_codes: Codes, partners: np.ndarray) -> float:
    """Compute the median of `instance_ranks`, that is of expected ranks. Lower is better, 1 is best."""
    ranks = instance_ranks(query_codes, database_codes, partners)
    return float(np.median(ranks)) if len(ranks) else mean_of_defined(ranks)


def instance_recall_at_k(query_codes: Codes, database_codes: Codes, partners: np.ndarray, *, k: int) -> float:
    """Compute R@k: the mean probability that the true partner is among the first k, over all orders within ties.

    .. math:: P(rank \\le k) = \\min(1, \\max(0, (k - N) / n_d))

    Returns
    -------
    float
        in [0, 1], higher is better

    Examples
    --------
    >>> one = np.ones((1, 8), np.int8)
    >>> instance_recall_at_k(one, np.vstack([one, -one, one]), np.array([2]), k=1)
    0.5
    """
    check_k(k, "R@k")
    nearer, tied = _nearer_and_tied(query_codes, database_codes, partners)
    return mean_of_defined(np.clip((k - nearer) / tied, 0, 1))


def _nearer_and_tied(query_codes, database_codes, partners):
    check_ranking(query_codes, database_codes)
    partners = _checked_partners(partners, len(query_codes), len(database_codes))
    query, database = as_words(pack_codes(query_codes)), as_words(pack_codes(database_codes))
    counts = np.empty((2, len(partners)), dtype=np.int64)
    n_rows = max(1, PAIRS // len(database_codes))
    for start in range(0, len(partners), n_rows):
        rows = slice(start, start + n_rows)
        distance = differing_bits(query[:, rows], database, np.min_scalar_type(query_codes.shape[1]))
        own = np.take_along_axis(distance, partners[rows, None], axis=1)
        counts[0, rows] = np.count_nonzero(distance < own, axis=1)
        counts[1, rows] = np.count_nonzero(distance == own, axis=1)
    return counts


def _checked_partners(partners, n_queries, n_items):
    partners = np.asarray(partners)
    if partners.shape != (n_queries,) or (partners.dtype.kind not in "iu" and n_queries):
        raise DataError(
            f"partners are {partners.dtype} of shape {partners.shape}; "
            f"they must be {n_queries} whole numbers, one for each query"
        )
    outside = np.flatnonzero((partners < 0) | (partners >= n_items))
    if len(outside):
        first = outside[0]
        raise DataError(
            f"the partner of query {first} is row {partners[first]}; the database has rows 0 to {n_items - 1}"
        )
    return partners.astype(np.intp)
