"""dlchkit: a Jupyter-first experiment kit for lifelong cross-modal hashing.

The way of the data, one room each::

    catalog      labelled source images and image-text pairs
    encoders     frozen features
    transfer     transferred features (CHTN)
    lifelong     relaxed codes -> hash codes, class by class (DLCH and its references)
    bank         append-only code bank
    evaluation   Hamming ranking -> R matrix
    records      result.json
    plotting, reports   figures and the page someone decides by

Names below are imported when first used, so that ``import dlchkit`` is instant.
"""

import importlib

__version__ = "0.1.0"

_ROOMS = {
    "bank": ["CodeBank"],
    "transfer.bias": ["source_bias"],
    "metrics.budgets": ["budget_intervals", "flat_from", "gain_over", "mean_scores", "score_table"],
    "data.catalog": ["load", "load_source", "locate"],
    "codes": ["binarize", "hamming_distance", "label_cosine", "pack_codes", "shares_label", "unit_labels", "unpack_codes"],
    "transfer.correlation": ["fit_cca", "fit_kernel_cca"],
    "data": ["PairedDataset", "PairedFeatures", "SourceDataset", "SourceFeatures", "Stage", "choose_labelled"],
    "encoders": [
        "HashHead",
        "make_image_encoder",
        "make_text_encoder",
        "paired_features",
        "pretrained_network",
        "small_encoder",
        "source_features",
        "typed_features",
    ],
    "encoders.prepared_data": ["PreparedData", "open_data"],
    "errors": ["DataError"],
    "evaluation": ["compare", "evaluate", "evaluate_encoded", "find_examples", "run_once", "run_stream", "typed_example"],
    "index": ["CodeIndex", "FaissIndex", "MilvusIndex", "Neighbours", "load_index"],
    "lifelong": [
        "DCMH",
        "DLCH",
        "DarkExperienceReplay",
        "ElasticWeightConsolidation",
        "ExactHashing",
        "ExactLearner",
        "ExperienceReplay",
        "FineTuning",
        "FrozenFirstStage",
        "IterativeQuantization",
        "JointRetraining",
        "Learner",
        "LearningWithoutForgetting",
        "METHODS",
        "RandomHyperplanes",
        "ReleasedDemo",
        "StrictDLCH",
        "kept_bytes",
        "load_exact",
        "make_learners",
        "save_exact",
    ],
    "metrics": [
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
    ],
    "policy": [
        "DriftMonitor",
        "LabelledCodes",
        "Thresholds",
        "capacity",
        "code_health",
        "known_codes",
        "majority_codes",
        "measure_drift_detection",
        "moving_words",
        "noise_rate",
        "paired_gain",
        "quality_change",
        "recommend",
        "suspicious_labels",
        "threshold_for",
        "why",
        "yearly_cost",
    ],
    "plotting.progress_line": ["show_progress"],
    "records": ["MethodRecord", "RunRecord"],
    "reports": ["write_folder_report", "write_report"],
    "runs.shards": ["fit_shards"],
    "data.streams": ["class_incremental_stream", "load_stream", "retrieval_split", "save_stream", "split_rows", "stage_sizes", "stream_digest"],
    "metrics.summary": ["summarise"],
    "transfer": ["CHTN_TERMS", "HybridTransferNetwork", "KIT_TERMS", "MHTN_TERMS", "evaluate_correlation", "evaluate_posteriors", "train_transfer"],
    "transfer.label_budgets": ["ablation_variants", "label_budget"],
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
__all__ = sorted(_ROOM_OF)


def __getattr__(name: str):
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'dlchkit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dlchkit.{_ROOM_OF[name]}"), name)


def __dir__():
    return sorted([*globals(), *_ROOM_OF])
