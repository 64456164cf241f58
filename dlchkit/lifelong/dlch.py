"""Deep Lifelong Cross-modal Hashing: old codes stay, new data alone is trained."""

import numpy as np
import torch

from dlchkit.codes import binarize
from dlchkit.data import PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.learner import TowerLearner
from dlchkit.lifelong.original import train_original_stage
from dlchkit.losses import CodeSums, bit_balance, quantization, summed_inner_product_fit

SWEEPS = 3  # passes over all bits at most, each time the new codes are solved for


class DLCH(TowerLearner):
    """Deep Lifelong Cross-modal Hashing (Xu et al., 2023).

    The first stage is `train_original_stage`. Every later stage minimises over the towers
    and over B_new in {-1, +1}, with B_old fixed, for U = image outputs and U = text
    outputs of the training sample Omega:

    .. math:: |K S_{old} - U B_{old}^T|^2 + |K S_{new} - U B_{new}^T|^2
              + \\alpha |B_\\Omega - U|^2 + \\beta |U^T 1|^2

    and solves B_new bit by bit, once per epoch, with `solve_new_codes`. Each term is a mean
    over its entries, which for N stored codes is the objective above over :math:`m N K^2`.

    Parameters
    ----------
    n_bits : code length, a multiple of 8
    rehearsal : how many old items (features and labels) are kept and trained on again,
        a uniform sample of all seen; 0 is the strict reading "new data only"
    alpha : weight of the quantization term; the default was chosen on database items
    beta : weight of the bit balance term
    **training : see `TowerLearner`

    Notes
    -----
    Stored codes enter through sums alone (`summed_inner_product_fit`), so an increment
    costs the same however many items are stored. Differences from the released demo: the
    new-code term is added (the demo computes it and leaves it out), rows keep their
    order, quantization pulls an item to its own code, new codes begin at `start_codes`, the balance term is quadratic,
    codes are binary, each term is a mean.

    References
    ----------
    arXiv 2304.13357; the discrete step as in ADSH/DIHN.
    """

    name = "dlch"

    def __init__(self, n_bits: int = 64, *, rehearsal: int = 500, alpha: float = 0.01, beta: float = 0.1, **training):
        super().__init__(n_bits, **training)
        if rehearsal < 0:
            raise DataError(f"rehearsal is {rehearsal}; it is a number of old items, 0 or more")
        self.rehearsal, self.alpha, self.beta = rehearsal, alpha, beta
        self.past: CodeSums | None = None
        self.rehearsed = RehearsalSample(rehearsal, self.seed)

    def learn(self, stage: Stage) -> None:
        """Learn the stage's new data and append its codes; nothing stored before changes."""
        data = stage.database
        if self.towers is None:
            self.towers = self.new_towers(data)
            codes = train_original_stage(self, data)
        else:
            codes = self._train_increment(data)
        new = CodeSums(self.unit_labels(data.labels), self.tensor(codes))
        self.past = new if self.past is None else self.past + new
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=stage.index)
        self.rehearsed.add(data, codes)

    def _train_increment(self, data: PairedFeatures) -> np.ndarray:
        sample, n_new = self.rehearsed.after(data), len(data)
        image, text, unit = self.tensor(sample.image), self.tensor(sample.text), self.unit_labels(sample.labels)
        towers = {self.towers.image: image, self.towers.text: text}
        with torch.no_grad():
            outputs = [tower(x) for tower, x in towers.items()]
        new_codes, solved_epoch = start_codes(unit[:n_new], self.past), 0
        old_codes = self.tensor(self.rehearsed.codes)
        similarity = unit @ unit[:n_new].T
        weight = self.alpha * (self.past.count + n_new) * self.bank.n_bits
        codes, stored = torch.cat([new_codes, old_codes]), self.past + CodeSums(unit[:n_new], new_codes)
        for epoch, rows in self.training_steps(len(sample), [p for tower in towers for p in tower.parameters()]):
            if epoch != solved_epoch:
                new_codes, solved_epoch = solve_new_codes(new_codes, outputs, similarity, weight), epoch
                codes, stored = torch.cat([new_codes, old_codes]), self.past + CodeSums(unit[:n_new], new_codes)
            batch = [tower(x[rows]) for tower, x in towers.items()]
            sum(
                summed_inner_product_fit(u, unit[rows], stored) + self.alpha * quantization(u, codes[rows]) + self.beta * bit_balance(u)
                for u in batch
            ).backward()
            for output, u in zip(outputs, batch):
                output[rows] = u.detach()
        with torch.no_grad():
            outputs = [tower(x) for tower, x in towers.items()]
        return binarize(solve_new_codes(new_codes, outputs, similarity, weight).cpu().numpy())


def start_codes(unit_labels: torch.Tensor, past: CodeSums) -> torch.Tensor:
    """Codes for new items before their towers know them: as near to and far from the stored codes as labels say.

    A class stored before starts from the sign of its summed codes, a new one from random
    signs, an item from the sign of its classes' sum; then :math:`|K S - B_{new} B_{old}^T|^2`
    is descended. Towers alone would start a new class on the code of the old class that
    looks most like it, and the two rarely part again.

    Parameters
    ----------
    unit_labels : (n_new, n_classes), rows of length one
    past : sums over the stored items

    Returns
    -------
    (n_new, n_bits) in {-1, +1}
    """
    centres = past.label_code.sign()
    random = torch.where(torch.rand(centres.shape) < 0.5, -1.0, 1.0).to(centres)
    centres = torch.where(centres == 0, random, centres)
    start = torch.where(unit_labels @ centres >= 0, 1.0, -1.0).to(centres)
    return descend(start, centres.shape[1] * unit_labels @ past.label_code, past.code_gram)


def solve_new_codes(codes: torch.Tensor, outputs: list[torch.Tensor], similarity: torch.Tensor, weight: float) -> torch.Tensor:
    """Minimise :math:`|K S_{new} - U B_{new}^T|^2 + \\omega |B_{new} - U_{new}|^2` over the new items' codes.

    Summed over both modalities' U; see `descend`, with
    :math:`P = K S_{new}^T U + \\omega U_{new}` and :math:`G = U^T U`.

    Parameters
    ----------
    codes : (n_new, n_bits) in {-1, +1}, where to start
    outputs : one (m, n_bits) per modality, relaxed codes of the sample, new items first
    similarity : (m, n_new) label cosine of sample and new items
    weight : omega

    Returns
    -------
    (n_new, n_bits) in {-1, +1}; the objective is never higher than at the start
    """
    n_new, n_bits = codes.shape
    pull = sum(n_bits * similarity.T @ u + weight * u[:n_new] for u in outputs)
    return descend(codes, pull, sum(u.T @ u for u in outputs))


def descend(codes: torch.Tensor, pull: torch.Tensor, gram: torch.Tensor) -> torch.Tensor:
    """Discrete cyclic coordinate descent on :math:`\\mathrm{tr}(B G B^T) - 2\\,\\mathrm{tr}(P^T B)`.

    Each bit in turn takes the sign that is best with all others fixed,
    :math:`b_k = \\mathrm{sign}(p_k - B'_k g_k)`; the prime leaves bit k out.

    Parameters
    ----------
    codes : (n, n_bits) in {-1, +1}, where to start
    pull : P, (n, n_bits); gram : G, (n_bits, n_bits)
    """
    codes = codes.clone()
    weighed = codes @ gram  # kept up to date below, bit by bit, instead of being computed anew for each
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


class RehearsalSample:
    """A uniform sample of at most ``size`` items of all that was ever added, with their codes.

    Every item draws a random key once, and the smallest keys stay.
    """

    def __init__(self, size: int, seed: int):
        self.size, self.random = size, np.random.default_rng(seed)
        self.data: PairedFeatures | None = None
        self.codes = self.keys = None

    def add(self, data: PairedFeatures, codes: np.ndarray) -> None:
        keys = self.random.random(len(data))
        if self.data is not None:
            data, codes, keys = self.data.concatenate(data), np.concatenate([self.codes, codes]), np.concatenate([self.keys, keys])
        kept = np.sort(np.argsort(keys)[: self.size])
        self.data, self.codes, self.keys = data[kept], codes[kept], keys[kept]

    def after(self, data: PairedFeatures) -> PairedFeatures:
        """``data`` followed by the rehearsed items."""
        return data.concatenate(self.data)
