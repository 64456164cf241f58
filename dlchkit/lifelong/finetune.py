"""Fine-tuning: the same towers go on with the new data alone."""

from dlchkit.data import Stage
from dlchkit.lifelong.first_stage import train_original_stage
from dlchkit.lifelong.towers import TowerLearner


class FineTuning(TowerLearner):
    """Go on training the same towers with the new data alone: shows what forgetting costs."""

    name = "finetune"

    def learn(self, stage: Stage) -> None:
        """Train on the new data only; stored codes stay as they are."""
        data = stage.database
        if self.towers is None:
            self.towers = self.new_towers(data)
        codes = train_original_stage(self, data)
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=stage.index)
