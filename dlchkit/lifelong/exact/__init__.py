"""Exact lifelong hashing: ridge regression onto fixed codes, kept as sums that never need an old item again.

One file per thing::

    random_features   phi: frozen features beside a fixed random ReLU layer
    sums              sums over items, per modality and label vector
    label_codes       one code per label vector; old ones stay, new ones are found beside them
    ridge_choice      the strength of the ridge, by closed form on held-out items
    class_columns     columns of labels, matched by the names of their classes
    seen_items        digests of what was learned, to find what comes twice
    inputs            checks of items and of learners to merge
    estimator         `ExactHashing`: partial_fit, add, merge, recode
    state_file        the estimator on disk
    exact_learner     `ExactLearner`, the estimator with a code bank
"""

from dlchkit.lifelong.exact.estimator import ExactHashing, Recoding
from dlchkit.lifelong.exact.exact_learner import ExactLearner
from dlchkit.lifelong.exact.label_codes import LabelCodes, code_objective
from dlchkit.lifelong.exact.random_features import RandomFeatures
from dlchkit.lifelong.exact.ridge_choice import RidgeChoice, left_out_error
from dlchkit.lifelong.exact.seen_items import SeenItems
from dlchkit.lifelong.exact.state_file import load_exact, save_exact
from dlchkit.lifelong.exact.sums import LabelSums, ModalitySums

__all__ = [
    "ExactHashing",
    "ExactLearner",
    "LabelCodes",
    "LabelSums",
    "ModalitySums",
    "RandomFeatures",
    "Recoding",
    "RidgeChoice",
    "SeenItems",
    "code_objective",
    "left_out_error",
    "load_exact",
    "save_exact",
]
