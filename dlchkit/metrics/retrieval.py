"""Average precision over all orders within ties, and its bounds."""

import warnings

import numpy as np

from dlchkit.codes import Codes, Labels, binary_labels
from dlchkit.errors import DataError
from dlchkit.metrics.histograms import check_k, distance_histograms


def average_precision(
    n_items: np.ndarray, n_relevant: np.ndarray, *, k: int | None = None, ties: str = "average"
) -> np.ndarray:
    """Compute the tie-aware average precision of each query from `distance_histograms`.

    With n_d items and r_d relevant at distance d, N, R the counts before d, H harmonic
    numbers, m = min(n_d, k - N) and h = H[N+m] - H[N], the mean over all orders within ties is

    .. math:: AP = \\frac{1}{den} \\sum_d \\frac{r_d}{n_d}
              \\Big[ (R+1) h + \\frac{r_d-1}{n_d-1} (m - (N+1) h) \\Big]

    For the bounds, the relevant items of a tie stand together after A others, at the end of
    the tie (pessimistic, A = N + n_d - r_d) or at its start (optimistic, A = N); J of them within k:

    .. math:: AP = \\frac{1}{den} \\sum_d \\sum_{j=1}^{J} \\frac{R+j}{A+j}
                 = \\frac{1}{den} \\sum_d \\Big[ J + (R-A) (H[A+J] - H[A]) \\Big]

    Parameters
    ----------
    n_items, n_relevant : np.ndarray
        int64 (n, n_bits + 1)
    k : int or None
        rank only the first k items; None ranks everything
    ties : str
        "average", the mean over all orders within ties; "pessimistic" or "optimistic",
        the lowest or highest value that any order gives

    Returns
    -------
    np.ndarray
        float64 (n,), values in [0, 1]; NaN for a query without relevant items. den is the
        number of relevant items, or min(that number, k)

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
    return divided(gain.sum(1), np.minimum(n_relevant.sum(1), cutoff[:, 0]))


def mean_average_precision(
    query_codes: Codes,
    database_codes: Codes,
    query_labels: Labels,
    database_labels: Labels,
    *,
    k: int | None = None,
    ties: str = "average",
) -> float:
    """Compute the tie-aware mAP: the mean of `average_precision` over the queries with a relevant item.

    Parameters
    ----------
    query_codes, database_codes : np.ndarray
        int8 (n, n_bits) and (m, n_bits), values in {-1, +1}
    query_labels, database_labels : np.ndarray
        (n, n_classes) and (m, n_classes), values in {0, 1}; an item is relevant if it
        shares at least one label with the query
    k : int or None
        mAP@k divides by min(number of relevant items, k); None ranks everything
    ties : str
        "average"; "pessimistic" and "optimistic" are the bounds over all orders within ties

    Returns
    -------
    float
        in [0, 1], higher is better; NaN, with a warning, if no query has a relevant item.
        A warning counts the queries left out for that reason

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
    n_items, n_relevant = distance_histograms(query_codes, database_codes, query_labels, database_labels)
    return mean_of_defined(average_precision(n_items, n_relevant, k=k, ties=ties))


def mean_of_defined(scores: np.ndarray) -> float:
    """Average over the queries with a defined score; a warning counts the others, and NaN if there is none."""
    undefined = int(np.isnan(scores).sum())
    if len(scores) == 0:
        warnings.warn("there is no query: the mean is undefined (NaN)", stacklevel=3)
    if undefined:
        warnings.warn(
            f"{undefined} of {len(scores)} queries have no relevant item; they are left out of the mean", stacklevel=3
        )
    return float(np.nanmean(scores)) if undefined < len(scores) else float("nan")


def divided(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Divide element by element; NaN where the divisor is 0."""
    return np.divide(values, by, out=np.full(len(values), np.nan), where=by > 0)


def ranked_average_precision(scores: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Compute the average precision of each query for real-valued scores, where higher means nearer.

    For representations that are not codes, such as CHTN's class posteriors. Equal scores
    are rare there; they are ranked pessimistically, items that are not relevant first.

    Parameters
    ----------
    scores : np.ndarray
        float (n, m)
    relevant : np.ndarray
        bool (n, m)

    Returns
    -------
    np.ndarray
        float64 (n,); NaN for a query without relevant items

    Raises
    ------
    DataError
        if shapes differ, a score is NaN, or ``relevant`` holds another value than 0 and 1

    Examples
    --------
    >>> ranked_average_precision(np.array([[.9, .5, .1]]), np.array([[True, False, True]])).round(3)
    array([0.833])
    """
    relevant = binary_labels(relevant, "relevances")
    if np.shape(scores) != relevant.shape or np.isnan(scores).any():
        raise DataError(
            f"scores {np.shape(scores)} of {relevant.shape} relevances; one number is needed for each, and none is NaN"
        )
    order = np.lexsort((relevant, -scores), axis=1)
    hit = np.take_along_axis(relevant, order, axis=1)
    precision = np.cumsum(hit, axis=1) / np.arange(1, hit.shape[1] + 1)
    return divided((precision * hit).sum(1), hit.sum(1))
