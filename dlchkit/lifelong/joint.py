"""Joint retraining: every stage learns everything seen from the start."""

from dlchkit.data import PairedFeatures, Stage
from dlchkit.lifelong.first_stage import train_together
from dlchkit.lifelong.retraining import rebuilt_bank
from dlchkit.lifelong.tower_training import TowerLearner


class JointRetraining(TowerLearner):
    """Keep all data and train from the start on all of it at every stage: the costly upper reference.

    Every code changes with every stage; the bank is rebuilt.
    """

    name = "joint"

    def __init__(self, n_bits: int = 64, **training):
        super().__init__(n_bits, **training)
        self.seen: list[PairedFeatures] = []

    def learn(self, stage: Stage) -> None:
        """Start from new weights and learn everything seen so far."""
        self.seen.append(stage.database)
        everything = PairedFeatures.concatenate(*self.seen)
        self.towers = self.new_towers(everything)
        self.bank = rebuilt_bank(self.seen, train_together(self, everything))
