"""Lifelong hashing methods, one file each; `learner` holds what they have in common."""

from dlchkit.lifelong.baselines import FineTuning, JointRetraining
from dlchkit.lifelong.dlch import DLCH
from dlchkit.lifelong.learner import Learner

__all__ = ["DLCH", "FineTuning", "JointRetraining", "Learner"]
