"""Learning without forgetting: on new data, answer as the old towers did."""

import numpy as np
from torch import Tensor

from dlchkit.data import PairedFeatures
from dlchkit.lifelong.first_stage import Penalty, tower_inputs, train_together
from dlchkit.lifelong.learner import check_weight
from dlchkit.lifelong.stage_by_stage import StepwiseLearner
from dlchkit.lifelong.tower_training import TowerLearner, outputs
from dlchkit.losses import quantization


class LearningWithoutForgetting(StepwiseLearner):
    """Fine-tuning that holds the towers' outputs on the new data near what they were (Li and Hoiem, 2016).

    Before a stage, the outputs :math:`\\bar F, \\bar G` of the old towers for the new items
    are recorded once. Each batch then adds

    .. math:: \\lambda \\sum_{u \\in \\{f, g\\}} \\mathrm{mean} (u - \\bar u)^2

    Parameters
    ----------
    n_bits : int
        Code length.
    distillation : float
        Lambda, 0 or more; the default was chosen on database items.
    **training
        See `TowerLearner`.

    Notes
    -----
    The paper distils class probabilities by cross-entropy at temperature 2; codes have no
    classes, so that relaxed codes are held by their squared distance (holding the cosines of
    pairs instead did worse on held-out database items). The label tower is left free: it has
    no answer yet for a class it never saw.

    References
    ----------
    Li and Hoiem, Learning without Forgetting, ECCV 2016, arXiv 1606.09282, section 3.
    """

    name = "lwf"
    settings = ("distillation", *TowerLearner.settings)

    def __init__(self, n_bits: int = 64, *, distillation: float = 3.0, **training):
        super().__init__(n_bits, **training)
        self.distillation = check_weight("distillation", distillation)

    def learn_increment(self, data: PairedFeatures) -> np.ndarray:
        """Train on the new data only, with the penalty above."""
        return train_together(self, data, penalty=self._hold_outputs(data))

    def _hold_outputs(self, data: PairedFeatures) -> Penalty:
        recorded = outputs(self.towers, tower_inputs(self, data))

        def penalty(rows: Tensor, out: dict[str, Tensor]) -> Tensor:
            image = quantization(out["image"], recorded["image"][rows])
            text = quantization(out["text"], recorded["text"][rows])
            return self.distillation * (image + text)

        return penalty
