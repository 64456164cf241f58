"""The steps that methods share which learn stage by stage and never change a stored code."""

import numpy as np

from dlchkit.data import PairedFeatures, Stage
from dlchkit.lifelong.first_stage import train_together
from dlchkit.lifelong.tower_training import TowerLearner


class StepwiseLearner(TowerLearner):
    """Base of the methods that learn one stage after the other and append its codes to the bank.

    The first stage is `train_together`. A method defines `learn_increment`, its way to learn a
    later stage, and `keep` if it keeps anything for the next one.
    """

    def learn(self, stage: Stage) -> None:
        """Learn the stage's new data and append its codes; nothing stored before changes."""
        data = stage.database
        if self.started:
            codes = self.learn_increment(data)
        else:
            self.towers = self.new_towers(data)
            codes = train_together(self, data)
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=stage.index)
        self.keep(data, codes)

    def learn_increment(self, data: PairedFeatures) -> np.ndarray:
        """Learn the new data of a later stage and return its codes, int8 (n, n_bits)."""
        raise NotImplementedError

    def keep(self, data: PairedFeatures, codes: np.ndarray) -> None:
        """Keep a part of this stage's items and codes for the next one; here nothing."""
