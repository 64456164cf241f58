"""The two ends between which a lifelong method is judged: retrain everything, or just go on."""

from dlchkit.bank import CodeBank
from dlchkit.data import PairedFeatures, Stage
from dlchkit.lifelong.learner import TowerLearner
from dlchkit.lifelong.original import train_original_stage


class JointRetraining(TowerLearner):
    """Keep all data and train anew on all of it at every stage: the costly upper reference.

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
        codes = train_original_stage(self, everything)
        self.bank, start = CodeBank(self.bank.n_bits), 0
        for index, data in enumerate(self.seen):
            self.bank.append(codes[start : start + len(data)], labels=data.labels, ids=data.ids, stage=index)
            start += len(data)


class FineTuning(TowerLearner):
    """Go on training the same towers with the new data alone: shows what forgetting costs."""

    name = "finetune"

    def learn(self, stage: Stage) -> None:
        """Train on the new data only; stored codes stay as they are."""
        if self.towers is None:
            self.towers = self.new_towers(stage.database)
        codes = train_original_stage(self, stage.database)
        self.bank.append(codes, labels=stage.database.labels, ids=stage.database.ids, stage=stage.index)
