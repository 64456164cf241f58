"""Deep Lifelong Cross-modal Hashing: old codes stay, new data alone is trained."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlchkit.codes import binarize
from dlchkit.data import SIDES, PairedFeatures
from dlchkit.errors import DataError
from dlchkit.lifelong.rehearsal import RehearsalSample
from dlchkit.lifelong.stage_by_stage import StepwiseLearner
from dlchkit.lifelong.tower_training import TowerLearner, outputs, rows_of, signs, store_rows, summed
from dlchkit.losses import CodeSums, bit_balance, quantization, summed_inner_product_fit

TUNED: dict[str, Any] = {
    "rehearsal": 500,
    "alpha": 0.01,
    "beta": 0.1,
    "class_balance": 0.5,
    "old_weights": 0.15,
    "increment_epochs": 0.7,
    "increment_rate": 1.5,
}
# The demo's settings as far as DLCH has them: its sample of 2,000 holds old and new items, and its weights
# 10 and 100 stand beside sums of squares, which for MIRFlickr's 18,015 codes of 64 bits are these.
RELEASED: dict[str, Any] = {
    "rehearsal": 2000,
    "alpha": 8.7e-6,
    "beta": 0.011,
    "class_balance": 0.0,
    "old_weights": 0.0,
    "increment_epochs": 1.0,
    "increment_rate": 1e-4,
    "epochs": 200,
    "batch_size": 128,
}
SWEEPS = 3  # passes over all bits at most, each time the new codes are solved for


class DLCH(StepwiseLearner):
    """Deep Lifelong Cross-modal Hashing (Xu et al., 2023).

    The first stage is `train_together`. Every later stage minimises over the towers
    and over B_new in {-1, +1}, with B_old fixed, for U = image outputs and U = text
    outputs of the training sample Omega:

    .. math:: |K S_{old} - U B_{old}^T|^2 + |K S_{new} - U B_{new}^T|^2
              + \\alpha |B_\\Omega - U|^2 + \\beta |U^T 1|^2

    and solves B_new bit by bit, once per epoch, with `solve_new_codes`. Each term is a mean
    over its entries, which for N stored codes is the objective above over :math:`m N K^2`.

    Parameters
    ----------
    n_bits : int
        Code length.
    rehearsal : int
        Number of old items (features and labels) that are kept and trained on again, a uniform
        sample of all seen; 0 is the strict reading "new data only".
    alpha : float
        Weight of the quantization term.
    beta : float
        Weight of the bit balance term.
    class_balance : float
        How far frequent classes of the training sample are held back, in [0, 1]: a class of m
        items weighs m to the power of 1 minus this. 0 counts all items alike.
    old_weights : float
        Share of the towers' weights before the increment that stays in them after it, in
        [0, 1): the average of both remembers more than the newer alone. 0 keeps nothing; with
        ``rehearsal`` 0 it is the only memory.
    increment_epochs : float
        Epochs of an increment as a share of the first stage's, above 0.
    increment_rate : float
        Learning rate of an increment as a multiple of the first stage's, above 0.
    **training
        See `TowerLearner`.

    Notes
    -----
    Stored codes enter through sums alone (`summed_inner_product_fit`), so an increment
    costs the same however many items are stored. Differences from the released demo: the
    new-code term is added (the demo computes it and leaves it out), rows keep their
    order, quantization pulls an item to its own code, new codes begin at `start_codes`,
    the balance term is quadratic, codes are binary, each term is a mean.

    ``class_balance``, ``old_weights`` and a shorter schedule for increments are the kit's. Defaults are those
    of `TUNED`, chosen on splits inside a database, never on the queries of a table;
    ``DLCH(**RELEASED)`` takes the demo's settings. `ReleasedDemo` with every bug fixed
    takes its optimisers, rates and loss weights too.

    References
    ----------
    arXiv 2304.13357; the discrete step as in ADSH/DIHN; the average of weights as in
    Wortsman et al. (WiSE-FT), CVPR 2022.
    """

    name = "dlch"
    settings = (*TUNED, *TowerLearner.settings)

    def __init__(
        self,
        n_bits: int = 64,
        *,
        rehearsal: int = TUNED["rehearsal"],
        alpha: float = TUNED["alpha"],
        beta: float = TUNED["beta"],
        class_balance: float = TUNED["class_balance"],
        old_weights: float = TUNED["old_weights"],
        increment_epochs: float = TUNED["increment_epochs"],
        increment_rate: float = TUNED["increment_rate"],
        **training,
    ):
        super().__init__(n_bits, **training)
        if not 0 <= class_balance <= 1:
            raise DataError(f"class_balance is {class_balance}; it lies in [0, 1], 0 counts all items alike")
        if not 0 <= old_weights < 1:
            raise DataError(f"old_weights is {old_weights}; it is the share of the old towers that stays, in [0, 1)")
        for name, value in (("increment_epochs", increment_epochs), ("increment_rate", increment_rate)):
            if not value > 0:
                raise DataError(f"{name} is {value}; it is a multiple of the first stage's, above 0")
        self.rehearsal = rehearsal
        self.alpha = alpha
        self.beta = beta
        self.class_balance = class_balance
        self.old_weights = old_weights
        self.increment_epochs = increment_epochs
        self.increment_rate = increment_rate
        self.rehearsed = RehearsalSample(rehearsal, self.seed)
        self.past: CodeSums | None = None

    def keep(self, data: PairedFeatures, codes: np.ndarray) -> None:
        """Add the new codes to the sums over all stored ones, and let the items compete for a place in the sample."""
        new = CodeSums(self.unit_labels(data.labels), self.tensor(codes))
        self.past = new if self.past is None else self.past + new
        self.rehearsed.add(data, codes)

    def learn_increment(self, data: PairedFeatures) -> np.ndarray:
        """Train both towers on the new data and the kept items, and solve for the new codes between epochs."""
        assert self.past is not None  # the first stage has left its sums
        sample = self.rehearsed.after(data)
        n_new = len(data)
        inputs = {side: self.tensor(getattr(sample, side)) for side in SIDES}
        unit = self.unit_labels(sample.labels)  # E of the sample, (m, n_classes)
        weights = balanced_weights(self.tensor(sample.labels), self.class_balance)
        weights_before = {name: value.clone() for name, value in self.towers.state_dict().items()}
        relaxed = outputs(self.towers, inputs)  # U of both sides, (m, n_bits); every batch renews its rows
        codes = IncrementCodes(
            start_codes(unit[:n_new], self.past), unit[:n_new], self.tensor(self.rehearsed.codes), self.past
        )
        similarity = unit @ unit[:n_new].T
        omega = self.alpha * codes.stored.count * self.bank.n_bits

        def batch_loss(rows: Tensor) -> Tensor:
            out = self.towers(rows_of(inputs, rows))
            losses = [
                summed_inner_product_fit(u, unit[rows], codes.stored, weights[rows])
                + self.alpha * quantization(u, codes.sample[rows], weights[rows])
                + self.beta * bit_balance(u)
                for u in out.values()
            ]
            store_rows(relaxed, rows, out)
            return summed(losses)

        def solved_codes() -> Tensor:
            return solve_new_codes(codes.new, list(relaxed.values()), similarity, omega)

        new_rows = self.training_rows(data)
        old_rows = torch.arange(n_new, len(sample), device=self.device)
        self.fit(
            torch.cat([new_rows, old_rows]),
            [*self.towers.image.parameters(), *self.towers.text.parameters()],
            batch_loss,
            between_epochs=lambda: codes.renew(solved_codes()),
            score=self.held_out_score(data, new_rows, lambda: binarize(codes.new.cpu().numpy())),
            epochs=max(1, round(self.increment_epochs * self.epochs)),
            rate=self.increment_rate,
        )
        self._keep_share_of(weights_before)
        relaxed.update(outputs(self.towers, inputs))
        return binarize(solved_codes().cpu().numpy())

    @torch.no_grad()
    def _keep_share_of(self, weights_before: dict[str, Tensor]) -> None:
        for name, value in self.towers.state_dict().items():
            value.lerp_(weights_before[name], self.old_weights)


class StrictDLCH(DLCH):
    """`DLCH` in the strict reading of "new data only": no old item is kept, ``rehearsal`` is 0."""

    name = "dlch-strict"
    settings = tuple(name for name in DLCH.settings if name != "rehearsal")

    def __init__(self, n_bits: int = 64, **training):
        super().__init__(n_bits, rehearsal=0, **training)


class IncrementCodes:
    """The codes that an increment's loss refers to; those of the new items are renewed between epochs.

    Attributes
    ----------
    new : tensor (n_new, n_bits)
        B_new, codes of the new items.
    sample : tensor (m, n_bits)
        B_Omega, codes of the training sample: new items, then kept ones.
    stored : CodeSums
        Sums over [B_old; B_new], all stored items and the new ones.
    """

    def __init__(self, new: Tensor, unit_labels: Tensor, kept: Tensor, past: CodeSums):
        self.unit_labels = unit_labels
        self.kept = kept
        self.past = past
        self.renew(new)

    def renew(self, new: Tensor) -> None:
        """Put other codes in place of those of the new items."""
        self.new = new
        self.sample = torch.cat([new, self.kept])
        self.stored = self.past + CodeSums(self.unit_labels, new)


def balanced_weights(labels: Tensor, power: float) -> Tensor:
    """Weights of items whose classes, of m items each, weigh m to the power of 1 - ``power`` in all.

    An item of several classes takes the mean of their weights. The mean weight is 1.

    Parameters
    ----------
    labels : tensor (n, n_classes), values in {0, 1}
        A 1 in every row.
    power : float
        In [0, 1]; 0 gives ones, 1 gives every class the same weight.

    Returns
    -------
    tensor (n,) > 0
    """
    of_class = labels.sum(0).clamp(min=1) ** -power
    weights = (labels @ of_class) / labels.sum(1)
    return weights / weights.mean()


def start_codes(unit_labels: Tensor, past: CodeSums) -> Tensor:
    """Codes for new items before their towers know them: as near to and far from the stored codes as labels say.

    A class stored before starts from the sign of its summed codes, a new one from random
    signs, an item from the sign of its classes' sum; then :math:`|K S - B_{new} B_{old}^T|^2`
    is descended. Towers alone would start a new class on the code of the old class that
    looks most like it, and the two rarely part again.

    Parameters
    ----------
    unit_labels : tensor (n_new, n_classes)
        Rows of length one.
    past : CodeSums
        Over the stored items.

    Returns
    -------
    tensor (n_new, n_bits), values in {-1, +1}
    """
    centres = past.label_code.sign()  # (n_classes, n_bits)
    random = torch.where(torch.rand(centres.shape) < 0.5, -1.0, 1.0).to(centres)
    centres = torch.where(centres == 0, random, centres)
    start = signs(unit_labels @ centres).to(centres)
    return descend(start, centres.shape[1] * unit_labels @ past.label_code, past.code_gram)


def solve_new_codes(codes: Tensor, outputs: list[Tensor], similarity: Tensor, omega: float) -> Tensor:
    """Minimise :math:`|K S_{new} - U B_{new}^T|^2 + \\omega |B_{new} - U_{new}|^2` over the new items' codes.

    Summed over both modalities' U; see `descend`, with
    :math:`P = K S_{new}^T U + \\omega U_{new}` and :math:`G = U^T U`.

    Parameters
    ----------
    codes : tensor (n_new, n_bits), values in {-1, +1}
        Where to start.
    outputs : list of tensor (m, n_bits)
        Relaxed codes of the sample, new items first, for each modality.
    similarity : tensor (m, n_new)
        Label cosine of sample and new items.
    omega : float

    Returns
    -------
    tensor (n_new, n_bits), values in {-1, +1}
        The objective is never higher than at the start.
    """
    n_new, n_bits = codes.shape
    pull = summed(n_bits * similarity.T @ u + omega * u[:n_new] for u in outputs)
    return descend(codes, pull, summed(u.T @ u for u in outputs))


def descend(codes: Tensor, pull: Tensor, gram: Tensor) -> Tensor:
    """Discrete cyclic coordinate descent on :math:`\\mathrm{tr}(B G B^T) - 2\\,\\mathrm{tr}(P^T B)`.

    Each bit in turn takes the sign that is best with all others fixed,
    :math:`b_k = \\mathrm{sign}(p_k - B'_k g_k)`; the prime leaves bit k out.

    Parameters
    ----------
    codes : tensor (n, n_bits), values in {-1, +1}
        Where to start.
    pull : tensor (n, n_bits)
        P, the values that each code is drawn to.
    gram : tensor (n_bits, n_bits)
        G.
    """
    codes = codes.clone()
    weighed = codes @ gram  # B G, brought up to date bit by bit below
    for _ in range(SWEEPS):
        before = codes.clone()
        for k in range(codes.shape[1]):
            others = weighed[:, k] - codes[:, k] * gram[k, k]
            change = torch.where(pull[:, k] >= others, 1.0, -1.0) - codes[:, k]
            if change.any():
                codes[:, k] += change
                weighed += change[:, None] * gram[k]
        if torch.equal(codes, before):
            break
    return codes
