"""Measures: retrieval measures on hash codes, continual measures on the R matrix, intervals over seeds.

Hamming distances take only n_bits + 1 values, so most of a ranking is ties. Every
retrieval measure here, except the legacy ones, is the exact mean over all orders within
the ties: it depends on the codes alone, not on the order in which a database is stored.
A measure without a defined value is NaN, with a warning, never 0.

    histograms   number of items, and of relevant items, at each Hamming distance
    retrieval    average precision and its bounds
    cutoffs      precision and recall at k, within a radius, over all radii; NDCG
    instances    rank of the one true partner
    legacy       mAP as in the released codes of the field, for comparison with old tables
    continual    forgetting, transfer and averages on R; time reduction
    intervals    means and confidence intervals over seeds
    budgets      intervals, gains and flat points of label-budget runs
    summary      R matrices as the flat measures of tables
    words        seconds, bytes, money and names as a reader writes them
"""

from dlchkit.metrics.continual import (
    average_over_stages,
    backward_transfer,
    final_performance,
    forgetting_from_best,
    forgetting_from_first,
    forgetting_from_joint,
    forward_transfer,
    time_reduction,
)
from dlchkit.metrics.cutoffs import ndcg, precision_at_k, precision_recall_curve, precision_within_radius, recall_at_k
from dlchkit.metrics.histograms import distance_histograms
from dlchkit.metrics.instances import instance_ranks, instance_recall_at_k, mean_rank, median_rank
from dlchkit.metrics.intervals import Interval, confidence_interval, paired_difference
from dlchkit.metrics.legacy import legacy_dcmh_map, legacy_topk_map
from dlchkit.metrics.retrieval import (
    average_precision,
    mean_average_precision,
    mean_of_defined,
    ranked_average_precision,
)

__all__ = [
    "Interval",
    "average_over_stages",
    "average_precision",
    "backward_transfer",
    "confidence_interval",
    "distance_histograms",
    "final_performance",
    "forgetting_from_best",
    "forgetting_from_first",
    "forgetting_from_joint",
    "forward_transfer",
    "instance_ranks",
    "instance_recall_at_k",
    "legacy_dcmh_map",
    "legacy_topk_map",
    "mean_average_precision",
    "mean_of_defined",
    "mean_rank",
    "median_rank",
    "ndcg",
    "paired_difference",
    "precision_at_k",
    "precision_recall_curve",
    "precision_within_radius",
    "ranked_average_precision",
    "recall_at_k",
    "time_reduction",
]
