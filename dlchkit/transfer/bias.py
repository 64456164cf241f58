"""Bias that the source carries over: recall per class before and after transfer, against the distance to the source."""

import numpy as np
from scipy.stats import spearmanr

from dlchkit.codes import binary_labels
from dlchkit.data import SIDES, PairedFeatures, SourceFeatures
from dlchkit.errors import DataError
from dlchkit.transfer import HybridTransferNetwork


def class_recall(posteriors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each class, the share of its items that name it among their most probable classes.

    Parameters
    ----------
    posteriors : float array (n, n_classes)
    labels : bool array (n, n_classes)

    Returns
    -------
    float64 array (n_classes,), values in [0, 1]
        NaN for a class without an item. An item with l labels names l classes, so that for
        single labels this is the usual recall.

    Examples
    --------
    >>> class_recall(np.array([[.9, .1, 0], [.6, .4, 0], [.2, .5, .3]]), np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1]]))
    array([1. , 0.5, 1. ])
    """
    labels = binary_labels(labels)
    rank = np.argsort(np.argsort(-posteriors, axis=1, kind="stable"), axis=1)
    named = rank < labels.sum(1, keepdims=True)
    n_items = labels.sum(0)
    undefined = np.full(labels.shape[1], np.nan)
    return np.divide((named & labels).sum(0), n_items, out=undefined, where=n_items > 0)


def distance_to_source(target: PairedFeatures, source: SourceFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each target class's mean image feature to the nearest source class's, in source class radii.

    .. math:: \\min_s |\\mu_c - \\mu_s| / r, \\quad r^2 = \\tfrac{1}{n} \\sum_i |x_i - \\mu_{s(i)}|^2

    Parameters
    ----------
    target : PairedFeatures
        Pairs whose labels may be used.
    source : SourceFeatures

    Returns
    -------
    distance : float64 array (n_classes,)
        1 is as far as a source image typically lies from its own class's mean; NaN for a class
        without an item.
    nearest : int64 array (n_classes,)
        Position of that source class; -1 for a class without an item.
    """
    if source.image.shape[1] != target.image.shape[1]:
        raise DataError(
            f"source features have {source.image.shape[1]} columns, target images {target.image.shape[1]}; "
            f"both must come from one encoder"
        )
    seen = np.unique(source.labels)
    source_means = np.stack([source.image[source.labels == s].mean(0, dtype=np.float64) for s in seen])
    own_means = source_means[np.searchsorted(seen, source.labels)]
    radius = np.sqrt(np.square(source.image - own_means).sum(1).mean())
    distance = np.full(len(target.class_names), np.nan)
    nearest = np.full(len(target.class_names), -1)
    for c in np.flatnonzero(target.labels.any(0)):
        mean = target.image[target.labels[:, c]].mean(0, dtype=np.float64)
        apart = np.linalg.norm(source_means - mean, axis=1)
        distance[c] = apart.min() / radius
        nearest[c] = seen[apart.argmin()]
    return distance, nearest


def source_bias(
    before: HybridTransferNetwork,
    after: HybridTransferNetwork,
    query: PairedFeatures,
    database: PairedFeatures,
    source: SourceFeatures,
) -> dict:
    """Recall of each class before and after transfer, beside its distance to the nearest source class.

    Parameters
    ----------
    before, after : HybridTransferNetwork
        Trained without and with transfer.
    query : PairedFeatures
        Items whose classes are to be named.
    database : PairedFeatures
        Items that give the class means; all their labels are used, since this is a look at a
        method and not a part of it.
    source : SourceFeatures

    Returns
    -------
    dict
        Plain values, ready for a record. "class_names", "nearest_source" and "distance" hold a
        value per class, see `distance_to_source`. "before" and "after" hold side -> recall per
        class; NaN where a class has no query. "rank_correlation" holds side -> Spearman's
        correlation of distance and gain in recall over the classes where both are defined; NaN
        for fewer than three. Negative means that classes near to the source gain more.
    """
    distance, nearest = distance_to_source(database, source)
    recall_before = _recalls(before, query)
    recall_after = _recalls(after, query)
    gains = {side: recall_after[side] - recall_before[side] for side in SIDES}
    return {
        "class_names": list(database.class_names),
        "nearest_source": [source.class_names[s] if s >= 0 else "" for s in nearest],
        "distance": distance.tolist(),
        "before": {side: recall.tolist() for side, recall in recall_before.items()},
        "after": {side: recall.tolist() for side, recall in recall_after.items()},
        "rank_correlation": {side: _rank_correlation(distance, gain) for side, gain in gains.items()},
    }


def _recalls(network: HybridTransferNetwork, query: PairedFeatures) -> dict[str, np.ndarray]:
    return {side: class_recall(posteriors, query.labels) for side, posteriors in network.posteriors(query).items()}


def _rank_correlation(distance: np.ndarray, gain: np.ndarray) -> float:
    known = np.isfinite(distance) & np.isfinite(gain)
    if known.sum() < 3 or np.ptp(distance[known]) == 0 or np.ptp(gain[known]) == 0:
        return float("nan")
    return float(spearmanr(distance[known], gain[known])[0])  # pyright: ignore[reportArgumentType]
