"""Exact lifelong hashing: ridge regression onto fixed codes, kept as sums that never need an old item again.

One file per thing:

    features     phi: frozen features beside a fixed random ReLU layer
    sums         what is kept of the items: sums per modality and label vector
    codes        one code per label vector; old ones stay, new ones are found beside them
    validation   how strong the ridge is, by closed form on held-out items
    checks       what can be learned from and merged
    hashing      `ExactHashing`, the estimator: partial_fit, merge, recode
    stored       the estimator on disk
    learner      `ExactLearner`, the estimator with a code bank
"""

from dlchkit.lifelong.exact.estimator import ExactHashing, Recoding
from dlchkit.lifelong.exact.label_codes import LabelCodes, code_objective
from dlchkit.lifelong.exact.learner import ExactLearner
from dlchkit.lifelong.exact.random_features import RandomFeatures
from dlchkit.lifelong.exact.ridge_choice import RidgeChoice, left_out_error
from dlchkit.lifelong.exact.state_file import load_exact, save_exact
from dlchkit.lifelong.exact.sums import ModalitySums

__all__ = [
    "ExactHashing",
    "ExactLearner",
    "LabelCodes",
    "ModalitySums",
    "RandomFeatures",
    "Recoding",
    "RidgeChoice",
    "code_objective",
    "left_out_error",
    "load_exact",
    "save_exact",
]
