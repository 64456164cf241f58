"""Dark experience replay: kept items must also go on being answered as they were."""

import numpy as np
from torch import Tensor

from dlchkit.data import PairedFeatures
from dlchkit.lifelong.first_stage import Penalty, tower_inputs, train_together
from dlchkit.lifelong.learner import check_weight
from dlchkit.lifelong.rehearsal import RehearsalSample
from dlchkit.lifelong.stage_by_stage import StepwiseLearner
from dlchkit.lifelong.tower_training import TowerLearner, outputs, summed


class DarkExperienceReplay(StepwiseLearner):
    """`ExperienceReplay` that holds kept items at the outputs they had when they came (DER++, Buzzega et al., 2020).

    With :math:`\\bar F, \\bar G, \\bar H` the outputs of image, text and label tower at the end of the stage in which
    an item came, a batch of m items adds, over the kept items in it,

    .. math:: \\frac{\\alpha}{m K} \\sum_{i\\ kept} |f_i - \\bar f_i|^2 + |g_i - \\bar g_i|^2 + |h_i - \\bar h_i|^2

    Parameters
    ----------
    n_bits : int
        Code length.
    rehearsal : int
        Number of old items (features, labels, codes and outputs) that are kept, a uniform
        sample of all seen.
    alpha : float
        0 or more; the default was chosen on database items.
    **training
        See `TowerLearner`.

    Notes
    -----
    The paper's beta, the weight of a kept item's label loss, is 1: new and kept items form one
    training set, as in `ExperienceReplay`, where the paper draws two batches of kept items
    beside each new one. Outputs are those at the end of an item's stage, where the
    paper, which sees each item once, stores them on the way.

    References
    ----------
    Buzzega et al., Dark Experience for General Continual Learning, NeurIPS 2020,
    arXiv 2004.07211, equation 6.
    """

    name = "der++"
    settings = ("rehearsal", "alpha", *TowerLearner.settings)

    def __init__(self, n_bits: int = 64, *, rehearsal: int = 500, alpha: float = 10.0, **training):
        super().__init__(n_bits, **training)
        self.alpha = check_weight("alpha", alpha)
        self.rehearsal = rehearsal
        self.rehearsed = RehearsalSample(rehearsal, self.seed)

    def learn_increment(self, data: PairedFeatures) -> np.ndarray:
        """Train on the new data and the kept items, with the penalty above."""
        return train_together(self, data, rehearsed=self.rehearsed, penalty=self._hold_outputs(len(data)))

    def keep(self, data: PairedFeatures, codes: np.ndarray) -> None:
        """Let the new items compete for a place in the sample, each with its outputs of now."""
        relaxed = outputs(self.towers, tower_inputs(self, data))
        self.rehearsed.add(data, codes, **{name: u.cpu().numpy() for name, u in relaxed.items()})

    def _hold_outputs(self, n_new: int) -> Penalty:
        recorded = {name: self.tensor(rows) for name, rows in self.rehearsed.extra.items()}

        def penalty(rows: Tensor, out: dict[str, Tensor]) -> Tensor:
            kept = rows >= n_new  # bool (m,): kept items stand behind the new ones
            places = rows[kept] - n_new
            distances = [(u[kept] - recorded[name][places]).square().sum() for name, u in out.items()]
            return self.alpha * summed(distances) / (len(rows) * self.bank.n_bits)

        return penalty
