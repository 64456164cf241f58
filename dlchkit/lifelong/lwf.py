"""Learning without forgetting: on new data, answer as the old towers did."""

from dlchkit.data import PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.first_stage import outputs, tower_inputs, train_original_stage
from dlchkit.lifelong.towers import TowerLearner
from dlchkit.losses import quantization

DISTILLED = ("image", "text")


class LearningWithoutForgetting(TowerLearner):
    """Fine-tuning that holds the towers' outputs on the new data near what they were (Li and Hoiem, 2016).

    Before a stage, the outputs :math:`\\bar F, \\bar G` of the old towers for the new items
    are recorded once. Each batch then adds

    .. math:: \\lambda \\sum_{u \\in \\{f, g\\}} \\mathrm{mean} (u - \\bar u)^2

    Parameters
    ----------
    n_bits : code length, a multiple of 8
    distillation : lambda, 0 or more; the default was chosen on database items
    **training : see `TowerLearner`

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

    def __init__(self, n_bits: int = 64, *, distillation: float = 3.0, **training):
        super().__init__(n_bits, **training)
        if not distillation >= 0:
            raise DataError(f"distillation is {distillation}; it is the weight of a loss term, 0 or more")
        self.distillation = distillation

    def learn(self, stage: Stage) -> None:
        """Train on the new data only; stored codes stay as they are."""
        data, penalty = stage.database, None
        if self.towers is None:
            self.towers = self.new_towers(data)
        else:
            penalty = self._hold_outputs(data)
        codes = train_original_stage(self, data, penalty=penalty)
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=stage.index)

    def _hold_outputs(self, data: PairedFeatures):
        recorded = outputs(self.towers, tower_inputs(self, data))
        return lambda rows, out: self.distillation * sum(quantization(out[name], recorded[name][rows]) for name in DISTILLED)
