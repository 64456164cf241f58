"""dlchkit: a Jupyter-first experiment kit for lifelong cross-modal hashing.

The way of the data, one room each::

    catalog      labelled source images and image-text pairs
    encoders     frozen features
    transfer     transferred features (CHTN)
    lifelong     relaxed codes -> hash codes, class by class (DLCH and its references)
    bank         append-only code bank
    evaluation   Hamming ranking -> R matrix
    records      result.json
    plotting, report   figures and the page someone decides by

Names below are imported when first used, so that ``import dlchkit`` is instant.
"""

import importlib

__version__ = "0.1.0"

_ROOMS = {
    "bank": ["CodeBank"],
    "catalog": ["load", "load_source"],
    "codes": ["binarize", "hamming_distance", "pack_codes", "unpack_codes"],
    "data": ["PairedDataset", "PairedFeatures", "SourceDataset", "SourceFeatures", "Stage", "choose_labelled", "class_incremental_stream", "retrieval_split", "stage_sizes"],
    "encoders": ["HashHead", "make_image_encoder", "make_text_encoder", "paired_features", "pretrained_network", "small_encoder", "source_features"],
    "errors": ["DataError"],
    "evaluation": ["evaluate", "evaluate_encoded", "evaluate_posteriors", "run_stream", "summarise"],
    "lifelong": ["DLCH", "FineTuning", "JointRetraining", "Learner"],
    "metrics": [
        "average_precision",
        "backward_transfer",
        "distance_histograms",
        "final_performance",
        "forgetting_from_best",
        "forgetting_from_first",
        "forgetting_from_joint",
        "mean_average_precision",
        "precision_at_k",
        "ranked_average_precision",
        "time_reduction",
    ],
    "status": ["progress"],
    "records": ["MethodRecord", "RunRecord"],
    "report": ["write_report"],
    "similarity": ["label_cosine", "shares_label", "unit_labels"],
    "transfer": ["HybridTransferNetwork", "train_transfer"],
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
__all__ = sorted(_ROOM_OF)


def __getattr__(name: str):
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'dlchkit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dlchkit.{_ROOM_OF[name]}"), name)


def __dir__():
    return sorted([*globals(), *_ROOM_OF])
