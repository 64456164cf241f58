"""The mAP of the field's released codes, for comparison with old tables; use `mean_average_precision` for new ones.

Both are loops over queries with a sort in each, as released. They differ from ours in
three ways: the order within ties is the order in which the database is stored; a query
without relevant items counts as 0, not as undefined; and they cut at k differently.
"""

import warnings

import numpy as np

from dlchkit.codes import Codes, Labels, check_codes
from dlchkit.metrics.histograms import check_k, check_retrieval


def legacy_dcmh_map(
    query_codes: Codes, database_codes: Codes, query_labels: Labels, database_labels: Labels, *, k: int | None = None
) -> float:
    """Compute mAP as the DCMH family's ``calc_map_k``: precision at the first min(k, relevant) relevant items.

    .. math:: AP = \\frac{1}{T} \\sum_{j=1}^{T} \\frac{j}{rank_j}, \\qquad T = \\min(k, R_{total})

    where rank_j is the rank of the j-th relevant item, however large. With k this is not
    mAP@k: the ranking is never cut, so relevant items far behind k still count.

    Parameters
    ----------
    query_codes, database_codes, query_labels, database_labels : np.ndarray
        codes and labels as in `mean_average_precision`
    k : int or None
        number of relevant items that count; None for all

    Returns
    -------
    float
        in [0, 1]; NaN, with a warning, without a query

    Notes
    -----
    As in ``utils.py`` of DCMH for PyTorch (WendellGul/DCMH) and ``utils/calc_utils.py`` of DCHMT
    (kalenforn/DCHMT) and MITH (DarrenZZhang/MM23-MITH), down to torch's float32. A query with
    no relevant item is skipped there and the sum still divided by the number of all queries: it
    counts as 0, while `mean_average_precision` leaves it out (DCHMT's ``calc_map_k_matrix`` gives
    NaN for all as soon as there is one). Their sort leaves the order within ties open; here it is
    stable, the database's own order.

    Examples
    --------
    One tie of two items: stored first, the relevant one ranks first.

    >>> one = np.ones((1, 8), np.int8)
    >>> [legacy_dcmh_map(one, one.repeat(2, 0), np.eye(1, 2), np.eye(2)[order]) for order in ([0, 1], [1, 0])]
    [1.0, 0.5]
    """
    import torch  # here, so that reading a record does not wait for torch

    check_k(k, "calc_map_k")
    query, database, query_sets, database_sets = map(
        torch.from_numpy, _as_float32(query_codes, database_codes, query_labels, database_labels)
    )
    total = 0.0
    for code, labels in zip(query, query_sets, strict=True):
        relevant = (labels[None] @ database_sets.T > 0).float().squeeze(0)
        n_relevant = int(relevant.sum())
        if n_relevant == 0:
            continue
        distance = 0.5 * (database.shape[1] - code[None] @ database.T)
        order = torch.sort(distance, stable=True).indices.squeeze(0)
        ranks = torch.nonzero(relevant[order])[:k].squeeze(1).float() + 1
        total += float((torch.arange(1, len(ranks) + 1).float() / ranks).mean())
    return _mean(total, len(query))


def _as_float32(*retrieval):
    check_retrieval(*retrieval)
    for codes in retrieval[:2]:
        check_codes(np.asarray(codes))
    return [np.array(rows, dtype=np.float32) for rows in retrieval]


def _mean(total, n_queries):
    if n_queries == 0:
        warnings.warn("there is no query: the mean is undefined (NaN)", stacklevel=3)
        return float("nan")
    return total / n_queries


def legacy_topk_map(
    query_codes: Codes, database_codes: Codes, query_labels: Labels, database_labels: Labels, *, k: int | None = None
) -> float:
    """Compute mAP as ``CalcTopMap``: cut the ranking at k and divide by the number of relevant items found there.

    .. math:: AP = \\frac{1}{T} \\sum_{j=1}^{T} \\frac{j}{rank_j}, \\qquad T = \\text{relevant among the first } k

    Relevant items not found within k cost nothing: one relevant item at rank 1 and none after
    it scores 1, whatever the number missed. `mean_average_precision` divides by min(relevant, k).

    Parameters
    ----------
    query_codes, database_codes, query_labels, database_labels : np.ndarray
        codes and labels as in `mean_average_precision`
    k : int or None
        length of the ranking; None for the whole database, where both legacy measures agree

    Returns
    -------
    float
        in [0, 1]; NaN, with a warning, without a query

    Notes
    -----
    As in ``utils/tools.py`` of swuxyj/DeepHash-pytorch, ``calculate_top_map`` in ``metric.py`` of
    DJSRH (zs-zhong/DJSRH), ``utils/evaluate.py`` of DLCH (HqiLi/DLCH) and ``topkMap`` in
    ``calcMapTopkMapTopkPreTopkRecLabel.m`` of DCMH (jiangqy/DCMH-CVPR2017). A query that finds
    no relevant item within k counts as 0 there and here. NumPy's default sort leaves the order within
    ties to the processor; here it is stable. ``topK = -1`` there means "all", but as a slice it
    drops the last item; ``k=None`` keeps it.

    Examples
    --------
    Two relevant items at ranks 1 and 3: the second is beyond k = 2 and costs nothing.

    >>> query, database = np.ones((1, 8), np.int8), 1 - 2 * np.tri(3, 8, -1, dtype=np.int8)
    >>> legacy_topk_map(query, database, np.eye(1, 2), np.eye(2)[[0, 1, 0]], k=2)
    1.0
    """
    check_k(k, "CalcTopMap")
    query, database, query_sets, database_sets = _as_float32(query_codes, database_codes, query_labels, database_labels)
    total = 0.0
    for code, labels in zip(query, query_sets, strict=True):
        relevant = labels @ database_sets.T > 0
        distance = 0.5 * (database.shape[1] - code @ database.T)
        ranks = np.flatnonzero(relevant[np.argsort(distance, kind="stable")][:k]) + 1.0
        if len(ranks):
            total += float((np.arange(1, len(ranks) + 1) / ranks).mean())
    return _mean(total, len(query))
