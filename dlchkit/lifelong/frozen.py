"""Frozen towers: trained once, never again."""

import numpy as np

from dlchkit.codes import binarize
from dlchkit.data import PairedFeatures
from dlchkit.lifelong.first_stage import tower_inputs
from dlchkit.lifelong.stage_by_stage import StepwiseLearner
from dlchkit.lifelong.tower_training import outputs


class FrozenFirstStage(StepwiseLearner):
    """Train on the first stage only; later items are stored with the codes its towers give them.

    It forgets nothing and learns nothing: the gain of another method over it is the value of
    learning new classes. A later item's code is sign(F + G); its labels play no part, since
    the label tower never saw their classes.
    """

    name = "frozen"

    def learn_increment(self, data: PairedFeatures) -> np.ndarray:
        """Encode the new data; nothing is trained."""
        out = outputs(self.towers, tower_inputs(self, data))
        return binarize((out["image"] + out["text"]).cpu().numpy())
