"""Deep Cross-Modal Hashing: a likelihood of pairs, the classical single-stage reference."""

import numpy as np
import torch

from dlchkit.codes import binarize, shares_label
from dlchkit.data import PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.first_stage import ANCHORS
from dlchkit.lifelong.retraining import rebuilt_bank
from dlchkit.lifelong.towers import TowerLearner
from dlchkit.losses import bit_balance, negative_log_likelihood, quantization


class DCMH(TowerLearner):
    """Deep Cross-Modal Hashing on everything seen, anew at every stage (Jiang and Li, 2017).

    Minimises over image and text tower, with outputs F and G, and over B

    .. math:: -\\sum_{ij} (s_{ij} \\theta_{ij} - \\log(1 + e^{\\theta_{ij}})) + \\gamma (|B - F|^2 + |B - G|^2)
              + \\eta (|F^T 1|^2 + |G^T 1|^2), \\quad \\theta_{ij} = \\tfrac{1}{2} \\langle f_i, g_j \\rangle

    s is 1 where two items share a label, else 0; B = sign(F + G), once per epoch.

    Parameters
    ----------
    n_bits : code length, a multiple of 8
    gamma, eta : weights of quantization and bit balance, 0 or more; the paper has 1 for both, the
        default of eta was chosen on database items
    **training : see `TowerLearner`

    Notes
    -----
    The terms keep the paper's proportions: all are over n^2. Differences: the kit's towers
    in place of the paper's networks, so that outputs lie in (-1, 1); both towers step
    together, each against a sample of `ANCHORS` of the other's stored outputs; Adam in place
    of SGD; epochs and batch as for every method of the kit. Balance is that of the
    batch: stored outputs are up to an epoch old, and within ten epochs their sum is chased
    past zero until a bit is the same for all items. A batch's mean is never quite 0, so
    that with eta = 1 this would press all outputs to 0.

    References
    ----------
    Jiang and Li, Deep Cross-Modal Hashing, CVPR 2017, arXiv 1602.02255, equation 1.
    """

    name = "dcmh"
    single_stage = True

    def __init__(self, n_bits: int = 64, *, gamma: float = 1.0, eta: float = 0.01, **training):
        super().__init__(n_bits, **training)
        for name, weight in (("gamma", gamma), ("eta", eta)):
            if not weight >= 0:
                raise DataError(f"{name} is {weight}; it is the weight of a loss term, 0 or more")
        self.gamma, self.eta = gamma, eta
        self.seen: list[PairedFeatures] = []

    def learn(self, stage: Stage) -> None:
        """Start from new weights and learn everything seen so far."""
        self.seen.append(stage.database)
        everything = PairedFeatures.concatenate(*self.seen)
        self.towers = self.new_towers(everything)
        self.bank = rebuilt_bank(self.seen, self._train(everything))

    def _train(self, data: PairedFeatures) -> np.ndarray:
        towers = {"image": self.towers.image, "text": self.towers.text}
        inputs, labels = {"image": self.tensor(data.image), "text": self.tensor(data.text)}, self.tensor(data.labels)
        trained = self.training_rows(data)

        def present_codes() -> np.ndarray:
            return binarize(sum(_outputs(towers, inputs).values()).cpu().numpy())

        stored, codes, coded_epoch = _outputs(towers, inputs), None, None
        parameters = [p for tower in towers.values() for p in tower.parameters()]
        for epoch, rows in self.training_steps(trained, parameters, self.held_out_score(data, trained, present_codes)):
            if epoch != coded_epoch:
                codes, coded_epoch = torch.where(sum(stored.values()) >= 0, 1.0, -1.0), epoch
            anchors = trained[torch.randperm(len(trained))[:ANCHORS].to(self.device)]
            similar = shares_label(labels[rows], labels[anchors]).float()
            out = {side: tower(inputs[side][rows]) for side, tower in towers.items()}
            sum(
                negative_log_likelihood(out[side], stored[other][anchors], similar) + self._code_terms(out[side], codes[rows], len(trained))
                for side, other in (("image", "text"), ("text", "image"))
            ).backward()
            for side, u in out.items():
                stored[side][rows] = u.detach()
        return present_codes()

    def _code_terms(self, u: torch.Tensor, codes: torch.Tensor, n: int) -> torch.Tensor:
        return u.shape[1] * (self.gamma / n * quantization(u, codes) + self.eta * bit_balance(u))


@torch.no_grad()
def _outputs(towers, inputs):
    return {side: tower(inputs[side]) for side, tower in towers.items()}
