"""Average precision for real-valued scores, where codes are not what is compared."""

import numpy as np


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
