"""Average precision over all orders inside ties, and its bounds."""

import warnings

import numpy as np

from dlchkit.errors import DataError
from dlchkit.metrics.histograms import check_k, distance_histograms


def average_precision(n_items, n_relevant, *, k=None, ties="average"):
    """Tie-aware average precision of each query, from `distance_histograms`.

    With n_d items and r_d relevant at distance d, N, R the counts before d, H harmonic
    numbers, m = min(n_d, k - N) and h = H[N+m] - H[N], the mean over all orders inside ties is

    .. math:: AP = \\frac{1}{den} \\sum_d \\frac{r_d}{n_d}
              \\Big[ (R+1) h + \\frac{r_d-1}{n_d-1} (m - (N+1) h) \\Big]

    For the bounds, the relevant items of a tie stand together after A others, the last of
    it (pessimistic, A = N + n_d - r_d) or the first (optimistic, A = N); J of them within k:

    .. math:: AP = \\frac{1}{den} \\sum_d \\sum_{j=1}^{J} \\frac{R+j}{A+j}
                 = \\frac{1}{den} \\sum_d \\Big[ J + (R-A) (H[A+J] - H[A]) \\Big]

    Parameters
    ----------
    n_items, n_relevant : int64 arrays of shape (n, n_bits + 1)
    k : int or None; None ranks everything, else only the first k
    ties : "average", the mean over all orders inside ties; "pessimistic" or "optimistic",
        the lowest or highest value that any order gives

    Returns
    -------
    float64 array of shape (n,), values in [0, 1]; NaN for a query with nothing relevant.
    den is the number relevant, or min(number relevant, k).

    Raises
    ------
    DataError
        if k is below 1 or ``ties`` is none of the three

    References
    ----------
    McSherry and Najork, ECIR 2008; He, Cakir, Bargal and Sclaroff, CVPR 2018.

    Examples
    --------
    Two items at one distance, one of them relevant: it comes first or second.

    >>> for ties in ("pessimistic", "average", "optimistic"):
    ...     print(average_precision(np.array([[2, 0]]), np.array([[1, 0]]), ties=ties))
    [0.5]
    [0.75]
    [1.]
    """
    if k is not None:
        check_k(k, "average precision")
    before = np.cumsum(n_items, axis=1) - n_items
    relevant_before = np.cumsum(n_relevant, axis=1) - n_relevant
    cutoff = before[:, -1:] + n_items[:, -1:] if k is None else np.full((len(n_items), 1), k)
    taken = np.clip(cutoff - before, 0, n_items)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n_items.sum(1).max(initial=0) + 1))])
    if ties == "average":
        h = harmonic[before + taken] - harmonic[before]
        density = n_relevant / np.maximum(n_items, 1)
        slope = (n_relevant - 1) / np.maximum(n_items - 1, 1)
        gain = density * ((relevant_before + 1) * h + slope * (taken - (before + 1) * h))
    elif ties in ("pessimistic", "optimistic"):
        others = before + (n_items - n_relevant if ties == "pessimistic" else 0)
        within = np.clip(before + taken - others, 0, n_relevant)
        gain = within + (relevant_before - others) * (harmonic[others + within] - harmonic[others])
    else:
        raise DataError(f"ties is {ties!r}; it must be 'average', 'pessimistic' or 'optimistic'")
    denominator = np.minimum(n_relevant.sum(1), cutoff[:, 0])
    return np.divide(gain.sum(1), denominator, out=np.full(len(gain), np.nan), where=denominator > 0)


def mean_average_precision(query_codes, database_codes, query_labels, database_labels, *, k=None, ties="average"):
    """Tie-aware mAP: the mean of `average_precision` over the queries that have something relevant.

    Parameters
    ----------
    query_codes, database_codes : int8 arrays (n, n_bits), (m, n_bits) in {-1, +1}
    query_labels, database_labels : arrays (n, n_classes), (m, n_classes) in {0, 1}
    k : int or None; mAP@k divides by min(relevant, k)
    ties : "average"; "pessimistic" and "optimistic" bound what any order inside the ties can give

    Returns
    -------
    float in [0, 1], higher is better; NaN, with a warning, if no query has a relevant item.
    A warning also says how many queries were left out for that reason.

    Notes
    -----
    Released codes differ: see `legacy_dcmh_map` and `legacy_topk_map`.

    Examples
    --------
    Four items at distance 0, two of them relevant: the mean over the 24 orders.

    >>> one = np.ones((1, 8), np.int8)
    >>> score = mean_average_precision(one, one.repeat(4, 0), np.eye(1, 2), np.eye(2).repeat(2, 0))
    >>> round(score, 4) == round((1 + 5/6 + 3/4 + 7/12 + 1/2 + 5/12) / 6, 4)
    True
    """
    histograms = distance_histograms(query_codes, database_codes, query_labels, database_labels)
    return mean_of_defined(average_precision(*histograms, k=k, ties=ties))


def mean_of_defined(scores):
    """Mean over the queries that have something relevant; a warning counts those left out."""
    undefined = int(np.isnan(scores).sum())
    if len(scores) == 0:
        warnings.warn("there is no query: the mean is undefined (NaN)", stacklevel=3)
    if undefined:
        warnings.warn(f"{undefined} of {len(scores)} queries have no relevant item; they are left out of the mean", stacklevel=3)
    return float(np.nanmean(scores)) if undefined < len(scores) else float("nan")


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
