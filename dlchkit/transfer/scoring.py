"""Retrieval by real-valued representations: class posteriors of CHTN, canonical variates of CCA."""

import numpy as np

from dlchkit.codes import shares_label
from dlchkit.data import DIRECTIONS, PairedFeatures
from dlchkit.metrics import mean_of_defined, ranked_average_precision
from dlchkit.transfer.correlation import CorrelationModel
from dlchkit.transfer.network import HybridTransferNetwork


def evaluate_posteriors(
    network: HybridTransferNetwork, query: PairedFeatures, database: PairedFeatures
) -> dict[str, float]:
    """Score CHTN's common representation: class posteriors compared by cosine, as in the paper.

    Returns
    -------
    dict of str to float
        Direction -> mAP over the whole database; relevance is a shared label.
    """
    return _ranked_by_cosine(network.posteriors, query, database)


def evaluate_correlation(model: CorrelationModel, query: PairedFeatures, database: PairedFeatures) -> dict[str, float]:
    """Score canonical variates compared by cosine, as `evaluate_posteriors` scores CHTN.

    Returns
    -------
    dict of str to float
        Direction -> mAP over the whole database; relevance is a shared label.
    """
    return _ranked_by_cosine(model.representations, query, database)


def _ranked_by_cosine(represent, query: PairedFeatures, database: PairedFeatures) -> dict[str, float]:
    asked = {side: _unit(rows) for side, rows in represent(query).items()}
    stored = {side: _unit(rows) for side, rows in represent(database).items()}
    relevant = shares_label(query.labels, database.labels)
    return {
        direction: mean_of_defined(ranked_average_precision(asked[asking] @ stored[found].T, relevant))
        for direction, (asking, found) in DIRECTIONS.items()
    }


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
