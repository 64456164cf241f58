"""Deep Cross-Modal Hashing: a likelihood of pairs, the classical single-stage reference."""

import numpy as np
import torch
from torch import Tensor

from dlchkit.codes import binarize, shares_label
from dlchkit.data import DIRECTIONS, PairedFeatures, Stage
from dlchkit.lifelong.first_stage import ANCHORS
from dlchkit.lifelong.learner import check_weight
from dlchkit.lifelong.retraining import rebuilt_bank
from dlchkit.lifelong.tower_training import TowerLearner, outputs, rows_of, signs, store_rows, summed
from dlchkit.losses import bit_balance, negative_log_likelihood, quantization


class DCMH(TowerLearner):
    """Deep Cross-Modal Hashing on everything seen, from the start at every stage (Jiang and Li, 2017).

    Minimises over image and text tower, with outputs F and G, and over B

    .. math:: -\\sum_{ij} (s_{ij} \\theta_{ij} - \\log(1 + e^{\\theta_{ij}})) + \\gamma (|B - F|^2 + |B - G|^2)
              + \\eta (|F^T 1|^2 + |G^T 1|^2), \\quad \\theta_{ij} = \\tfrac{1}{2} \\langle f_i, g_j \\rangle

    s is 1 where two items share a label, else 0; B = sign(F + G), once per epoch.

    Parameters
    ----------
    n_bits : int
        Code length.
    gamma, eta : float
        Weights of quantization and bit balance, 0 or more; the paper has 1 for both, the
        default of eta was chosen on database items.
    **training
        See `TowerLearner`.

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
    settings = ("gamma", "eta", *TowerLearner.settings)
    single_stage = True

    def __init__(self, n_bits: int = 64, *, gamma: float = 1.0, eta: float = 0.01, **training):
        super().__init__(n_bits, **training)
        self.gamma = check_weight("gamma", gamma)
        self.eta = check_weight("eta", eta)
        self.seen: list[PairedFeatures] = []

    def learn(self, stage: Stage) -> None:
        """Start from new weights and learn everything seen so far."""
        self.seen.append(stage.database)
        everything = PairedFeatures.concatenate(*self.seen)
        self.towers = self.new_towers(everything)
        self.bank = rebuilt_bank(self.seen, self._train(everything))

    def _train(self, data: PairedFeatures) -> np.ndarray:
        inputs = {"image": self.tensor(data.image), "text": self.tensor(data.text)}
        labels = self.tensor(data.labels)
        trained = self.training_rows(data)
        stored = outputs(self.towers, inputs)  # F and G, (n, n_bits); every batch renews its rows
        codes = torch.empty_like(stored["image"])  # B

        def renew_codes() -> None:
            codes[:] = signs(stored["image"] + stored["text"])

        def batch_loss(rows: Tensor) -> Tensor:
            anchors = trained[torch.randperm(len(trained))[:ANCHORS].to(self.device)]
            similar = shares_label(labels[rows], labels[anchors]).float()
            out = self.towers(rows_of(inputs, rows))
            losses = [
                negative_log_likelihood(out[side], stored[other][anchors], similar)
                + self._code_terms(out[side], codes[rows], len(trained))
                for side, other in DIRECTIONS.values()
            ]
            store_rows(stored, rows, out)
            return summed(losses)

        def present_codes() -> np.ndarray:
            now = outputs(self.towers, inputs)
            return binarize((now["image"] + now["text"]).cpu().numpy())

        renew_codes()
        parameters = [*self.towers.image.parameters(), *self.towers.text.parameters()]
        score = self.held_out_score(data, trained, present_codes)
        self.fit(trained, parameters, batch_loss, between_epochs=renew_codes, score=score)
        return present_codes()

    def _code_terms(self, u: Tensor, codes: Tensor, n: int) -> Tensor:
        return u.shape[1] * (self.gamma / n * quantization(u, codes) + self.eta * bit_balance(u))
