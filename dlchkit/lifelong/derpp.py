"""Dark experience replay: kept items must also go on being answered as they were."""

import torch

from dlchkit.data import Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.first_stage import outputs, tower_inputs, train_original_stage
from dlchkit.lifelong.rehearsal import RehearsalSample
from dlchkit.lifelong.towers import TowerLearner


class DarkExperienceReplay(TowerLearner):
    """`ExperienceReplay` that holds kept items at the outputs they had when they came (DER++, Buzzega et al., 2020).

    With :math:`\\bar F, \\bar G, \\bar H` the outputs of image, text and label tower at the end of the stage in which
    an item came, a batch of m items adds, over the kept items in it,

    .. math:: \\frac{\\alpha}{m K} \\sum_{i\\ kept} |f_i - \\bar f_i|^2 + |g_i - \\bar g_i|^2 + |h_i - \\bar h_i|^2

    Parameters
    ----------
    n_bits : code length, a multiple of 8
    rehearsal : how many old items (features, labels, codes and outputs) are kept, a uniform
        sample of all seen
    alpha : 0 or more; the default was chosen on database items
    **training : see `TowerLearner`

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

    def __init__(self, n_bits: int = 64, *, rehearsal: int = 500, alpha: float = 10.0, **training):
        super().__init__(n_bits, **training)
        if not alpha >= 0:
            raise DataError(f"alpha is {alpha}; it is the weight of a loss term, 0 or more")
        self.alpha, self.rehearsed = alpha, RehearsalSample(rehearsal, self.seed)

    def learn(self, stage: Stage) -> None:
        """Train on the new data and the kept items; stored codes stay as they are."""
        data = stage.database
        if self.towers is None:
            self.towers = self.new_towers(data)
            codes = train_original_stage(self, data)
        else:
            codes = train_original_stage(self, data, rehearsed=self.rehearsed, penalty=self._hold_outputs(len(data)))
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=stage.index)
        relaxed = {name: u.cpu().numpy() for name, u in outputs(self.towers, tower_inputs(self, data)).items()}
        self.rehearsed.add(data, codes, **relaxed)

    def _hold_outputs(self, n_new: int):
        recorded = {name: self.tensor(rows) for name, rows in self.rehearsed.extra.items()}

        def penalty(rows: torch.Tensor, out: dict[str, torch.Tensor]) -> torch.Tensor:
            kept = rows >= n_new
            squared = sum((u[kept] - recorded[name][rows[kept] - n_new]).square().sum() for name, u in out.items())
            return self.alpha * squared / (len(rows) * self.bank.n_bits)

        return penalty
