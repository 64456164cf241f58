"""Lifelong hashing methods, one file each.

Methods of towers that learn by gradient descent::

    dlch           DLCH, and its strict reading "new data only"
    finetune       the new data alone
    frozen         trained once, on the first stage
    lwf            learning without forgetting
    ewc            elastic weight consolidation
    replay, derpp  experience replay, and dark experience replay (DER++)
    joint          everything seen, from the start at every stage
    dcmh           deep cross-modal hashing, a single-stage reference
    released/      DLCH as its authors' released demo trains it, bugs and all

Methods in closed form::

    exact/         exact lifelong hashing: sums that never need an old item again
    itq, lsh       iterative quantization and random hyperplanes, single-stage references

Helpers::

    registry       `METHODS` and `make_learners`: a new method is one file and one line there
    learner        the protocol of a learner, and the settings that a method declares
    tower_training image, text and label tower, and the one training loop (`TowerLearner.fit`)
    first_stage    DLCH's first stage, with which most methods begin
    stage_by_stage stages one after the other, codes appended to the bank
    rehearsal      the sample of old items that some methods keep
    retraining     the bank of methods that start again at every stage
    cca_hashing    the space common to images and texts, for `itq` and `lsh`
    bytes_kept     the bytes that a learner keeps between stages
"""

from dlchkit.lifelong.bytes_kept import kept_bytes
from dlchkit.lifelong.dcmh import DCMH
from dlchkit.lifelong.derpp import DarkExperienceReplay
from dlchkit.lifelong.dlch import DLCH, StrictDLCH
from dlchkit.lifelong.ewc import ElasticWeightConsolidation
from dlchkit.lifelong.exact import ExactHashing, ExactLearner, load_exact, save_exact
from dlchkit.lifelong.finetune import FineTuning
from dlchkit.lifelong.frozen import FrozenFirstStage
from dlchkit.lifelong.itq import IterativeQuantization
from dlchkit.lifelong.joint import JointRetraining
from dlchkit.lifelong.learner import Learner
from dlchkit.lifelong.lsh import RandomHyperplanes
from dlchkit.lifelong.lwf import LearningWithoutForgetting
from dlchkit.lifelong.registry import METHODS, make_learners
from dlchkit.lifelong.released.demo import ReleasedDemo
from dlchkit.lifelong.replay import ExperienceReplay

__all__ = [
    "DCMH",
    "DLCH",
    "METHODS",
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
    "RandomHyperplanes",
    "ReleasedDemo",
    "StrictDLCH",
    "kept_bytes",
    "load_exact",
    "make_learners",
    "save_exact",
]
