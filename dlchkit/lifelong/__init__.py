"""Lifelong hashing methods, one file each; `learner` holds what they have in common."""

from dlchkit.lifelong.dcmh import DCMH
from dlchkit.lifelong.derpp import DarkExperienceReplay
from dlchkit.lifelong.dlch import DLCH, StrictDLCH
from dlchkit.lifelong.ewc import ElasticWeightConsolidation
from dlchkit.lifelong.exact import ExactHashing, ExactLearner, load_exact, save_exact
from dlchkit.lifelong.finetune import FineTuning
from dlchkit.lifelong.frozen import FrozenFirstStage
from dlchkit.lifelong.itq import IterativeQuantization
from dlchkit.lifelong.joint import JointRetraining
from dlchkit.lifelong.lsh import RandomHyperplanes
from dlchkit.lifelong.lwf import LearningWithoutForgetting
from dlchkit.lifelong.memory import kept_bytes
from dlchkit.lifelong.registry import METHODS, make_learners
from dlchkit.lifelong.released.demo import ReleasedDemo
from dlchkit.lifelong.replay import ExperienceReplay
from dlchkit.lifelong.towers import Learner

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
