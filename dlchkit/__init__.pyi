"""The public names, each from its room; everything else is imported from the room itself."""

from .bank import CodeBank
from .data import PairedDataset, PairedFeatures, Stage
from .data.catalog import load, load_source
from .data.streams import class_incremental_stream
from .encoders import make_image_encoder, make_text_encoder, paired_features
from .encoders.prepared_data import open_data
from .errors import DataError
from .evaluation import compare, evaluate, find_examples, run_stream
from .lifelong import (
    DCMH,
    DLCH,
    DarkExperienceReplay,
    ElasticWeightConsolidation,
    ExactHashing,
    ExactLearner,
    ExperienceReplay,
    FineTuning,
    FrozenFirstStage,
    IterativeQuantization,
    JointRetraining,
    LearningWithoutForgetting,
    RandomHyperplanes,
    ReleasedDemo,
    StrictDLCH,
    load_exact,
    make_learners,
    save_exact,
)
from .metrics import (
    backward_transfer,
    final_performance,
    forgetting_from_best,
    forgetting_from_first,
    forgetting_from_joint,
    mean_average_precision,
    precision_at_k,
    time_reduction,
)
from .metrics.summary import summarise
from .records import MethodRecord, RunRecord
from .reports import write_report
from .transfer import HybridTransferNetwork, train_transfer

__version__: str

__all__ = [
    "DCMH",
    "DLCH",
    "CodeBank",
    "DarkExperienceReplay",
    "DataError",
    "ElasticWeightConsolidation",
    "ExactHashing",
    "ExactLearner",
    "ExperienceReplay",
    "FineTuning",
    "FrozenFirstStage",
    "HybridTransferNetwork",
    "IterativeQuantization",
    "JointRetraining",
    "LearningWithoutForgetting",
    "MethodRecord",
    "PairedDataset",
    "PairedFeatures",
    "RandomHyperplanes",
    "ReleasedDemo",
    "RunRecord",
    "Stage",
    "StrictDLCH",
    "backward_transfer",
    "class_incremental_stream",
    "compare",
    "evaluate",
    "final_performance",
    "find_examples",
    "forgetting_from_best",
    "forgetting_from_first",
    "forgetting_from_joint",
    "load",
    "load_exact",
    "load_source",
    "make_image_encoder",
    "make_learners",
    "make_text_encoder",
    "mean_average_precision",
    "open_data",
    "paired_features",
    "precision_at_k",
    "run_stream",
    "save_exact",
    "summarise",
    "time_reduction",
    "train_transfer",
    "write_report",
]
