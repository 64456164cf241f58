"""Fine-tuning: the same towers go on with the new data alone."""

import numpy as np

from dlchkit.data import PairedFeatures
from dlchkit.lifelong.first_stage import train_together
from dlchkit.lifelong.stage_by_stage import StepwiseLearner


class FineTuning(StepwiseLearner):
    """Go on training the same towers with the new data alone: shows what forgetting costs."""

    name = "finetune"

    def learn_increment(self, data: PairedFeatures) -> np.ndarray:
        """Train on the new data only."""
        return train_together(self, data)
