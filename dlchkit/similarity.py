"""How alike two items are by their labels: the supervision of every method in the kit.

Both functions take NumPy arrays or torch tensors and return the same kind.
"""


def unit_labels(labels):
    """Scale each label vector to length one: e = l / |l|; a row without labels stays zero.

    Parameters
    ----------
    labels : bool, int or float array of shape (n, n_classes), values in {0, 1}

    Returns
    -------
    float array of shape (n, n_classes)
    """
    labels = labels * 1.0
    squared_length = labels.sum(1)[:, None]
    return labels / (squared_length + (squared_length == 0)) ** 0.5


def label_cosine(a, b):
    """Multi-label similarity: the cosine between label vectors.

    .. math:: s_{ij} = \\langle e_i, e_j \\rangle, \\qquad e_i = l_i / |l_i|

    Parameters
    ----------
    a, b : arrays of shape (n, n_classes) and (m, n_classes), values in {0, 1}

    Returns
    -------
    float array of shape (n, m), values in [0, 1]; 0, never NaN, where an item has no label

    References
    ----------
    Xu et al., Deep Lifelong Cross-modal Hashing, arXiv 2304.13357 (multi-label similarity).

    Examples
    --------
    >>> import numpy as np
    >>> label_cosine(np.array([[1, 1, 0]]), np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]])).round(3)
    array([[1.   , 0.707, 0.   ]])
    """
    return unit_labels(a) @ unit_labels(b).T


def shares_label(a, b):
    """Relevance for retrieval: True where two items share at least one label.

    Examples
    --------
    >>> import numpy as np
    >>> shares_label(np.array([[1, 1, 0]]), np.array([[0, 1, 1], [0, 0, 1]]))
    array([[ True, False]])
    """
    return (a * 1.0) @ (b * 1.0).T > 0
