"""DLCH as its authors' released demo trains it, with each of the demo's slips mendable by name."""

from copy import deepcopy

import numpy as np
import torch

from dlchkit.bank import CodeBank
from dlchkit.codes import binarize, shares_label
from dlchkit.data import PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.dlch import descend
from dlchkit.lifelong.released.bugs import increment_loss, known_defects, new_code_pull, sample_rows, target_rows
from dlchkit.lifelong.towers import TowerLearner
from dlchkit.losses import cosine_fit, quantization
from dlchkit.metrics import average_precision, mean_of_defined

DEMO_SETTINGS = {"n_bits": 64, "epochs": 200, "batch_size": 128, "learning_rate": 1e-3}  # what the demo sets and every tower learner has
FIT_WEIGHTS = {"label": {"label": 10, "image": 1, "text": 10}, "image": {"image": 10, "label": 1}, "text": {"text": 10, "label": 1}}
INCREMENT_RATE, MENDED_RATE, RATE_DECAY = 1e-7, 1e-3, 0.95
SIDES = ("image", "text")
CHUNK = 64  # queries ranked at once: bounds memory to CHUNK x database


class ReleasedDemo(TowerLearner):
    """Deep Lifelong Cross-modal Hashing as the authors' released demo computes it.

    Written anew from what the demo computes, to show what each of its slips does to the
    numbers; for work, use `DLCH`. Each slip is mended by naming it:

    - ``new_code_term``: the fit to the new codes is computed and never added to the loss
    - ``row_order``: items are shuffled, yet row numbers are read as rows of [old; new]
    - ``new_rows``: the list of new items in the sample comes back empty, so that the new
      codes are solved for without their quantization term
    - ``quantization_target``: the sample's r-th item is pulled to the code in row r of the store
    - ``balance``: :math:`\\sum_{ik} u_{ik}` in place of :math:`|U^T 1|^2`: unbounded below
    - ``ternary_codes``: an item has an image code and a text code, and their sum's sign is
      searched, which is 0 where they differ; mended, an item has one code
    - ``learning_rate``: increments are trained at 1e-7; mended, at 1e-3

    Parameters
    ----------
    n_bits : code length, a multiple of 8
    mend : names from `dlchkit.lifelong.released.bugs.DEFECTS`
    sample : items, old and new alike, that an increment is trained on; at most all there are
    alpha, beta : weights of quantization and balance beside a sum of squares over all codes
    epochs, batch_size : of both stages
    learning_rate : of SGD in the first stage, falling linearly to zero
    hidden, seed, device : see `TowerLearner`
    on_epoch : called with the learner after each epoch of an increment

    Defaults are the demo's, except for ``hidden``, ``seed`` and ``device``.

    Attributes
    ----------
    data : PairedFeatures of everything seen, in the order [old; new]
    codes : "image" and "text" -> (n, n_bits) tensor in {-1, +1}: the codes that training keeps
    bank : the searched codes as bits, where a zero cannot be kept and becomes +1; the
        zeros themselves are in `stored_codes`, and `scores` searches those

    Notes
    -----
    Differences from the demo that are no slips: the kit's towers in place of CNN-F and its
    text network, whose outputs in (-1, 1) stand for the tanh the demo takes before the
    discrete step; up to three passes over the bits there, where the demo makes one; any
    number of increments; a seed; two defects that lie outside training, the epoch chosen
    on test queries and no seed, are left to notebook 09.

    References
    ----------
    The authors' released demo, github.com/HqiLi/DLCH; objective: arXiv 2304.13357.
    """

    name = "released_demo"

    def __init__(
        self,
        n_bits: int = DEMO_SETTINGS["n_bits"],
        *,
        mend=(),
        sample: int = 2000,
        alpha: float = 10.0,
        beta: float = 100.0,
        epochs: int = DEMO_SETTINGS["epochs"],
        batch_size: int = DEMO_SETTINGS["batch_size"],
        learning_rate: float = DEMO_SETTINGS["learning_rate"],
        hidden: int = 512,
        seed: int = 0,
        device: str = "auto",
        on_epoch=None,
    ):
        super().__init__(n_bits, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, hidden=hidden, seed=seed, device=device)
        if sample < 1:
            raise DataError(f"sample is {sample}; an increment is trained on 1 item at least")
        self.mend, self.sample, self.alpha, self.beta, self.on_epoch = known_defects(mend), sample, alpha, beta, on_epoch
        self.data: PairedFeatures | None = None
        self.codes: dict[str, torch.Tensor] = {}

    def mended(self, *names: str) -> "ReleasedDemo":
        """A copy with these defects mended too; both go on from the same first stage.

        Raises
        ------
        DataError
            after an increment: what its defects did cannot be undone
        """
        if self.bank.n_stages > 1:
            raise DataError(f"{self.bank.n_stages - 1} increments are trained already; mend defects before the first one")
        copy = deepcopy(self)
        copy.mend = self.mend | known_defects(names)
        if copy.towers is not None:
            copy.codes, copy.bank = copy._codes_of_first_stage(), CodeBank(self.bank.n_bits)
            copy._fill_bank(copy.data, 0)
        return copy

    @property
    def stored_codes(self) -> np.ndarray:
        """What is searched: sign of image code plus text code, int8 (n, n_bits) in {-1, 0, +1}."""
        return torch.sign(self.codes["image"] + self.codes["text"]).cpu().numpy().astype(np.int8)

    def average_precision(self, query: PairedFeatures) -> dict[str, np.ndarray]:
        """Direction -> average precision of each query against `stored_codes`, zeros and all."""
        asked = {"image_to_text": self.encode_image(query.image), "text_to_image": self.encode_text(query.text)}
        stored, labels = self.stored_codes, self.data.labels
        return {direction: ternary_average_precision(codes, stored, query.labels, labels) for direction, codes in asked.items()}

    def scores(self, query: PairedFeatures) -> dict[str, float]:
        """Direction -> mAP, the mean of `average_precision`."""
        return {direction: mean_of_defined(values) for direction, values in self.average_precision(query).items()}

    def learn(self, stage: Stage) -> None:
        """Train as the demo does and store the stage's codes."""
        data = stage.database
        if self.towers is None:
            self.towers, self.data = self.new_towers(data), data
            self._relaxed = self._train_first_stage(data)
            self.codes = self._codes_of_first_stage()
        else:
            self._train_increment(data)
        self._fill_bank(data, stage.index)

    def _fill_bank(self, data, index):
        self.bank.append(binarize(self.stored_codes[-len(data) :]), labels=data.labels, ids=data.ids, stage=index)

    def _codes_of_first_stage(self):
        image, text, label = (self._relaxed[name] for name in ("image", "text", "label"))
        if "ternary_codes" in self.mend:
            return dict.fromkeys(SIDES, _signs(image + text + label))
        return {"image": _signs(2 * image + label), "text": _signs(2 * text + label)}

    def _train_first_stage(self, data):
        """Label, image and text tower in turn, an epoch each; returns the outputs last seen of every item."""
        inputs = {"image": self.tensor(data.image), "text": self.tensor(data.text), "label": self.tensor(data.labels)}
        n, unit = len(data), self.unit_labels(data.labels)
        stored = {name: self._normal(n) for name in FIT_WEIGHTS}
        codes = {side: _signs(stored[side] + stored["label"]) for side in SIDES}
        optimizers = {name: torch.optim.SGD(getattr(self.towers, name).parameters(), lr=self.learning_rate, fused=True) for name in FIT_WEIGHTS}
        self.towers.train()
        for epoch in range(self.epochs):
            for name, weights in FIT_WEIGHTS.items():
                optimizers[name].param_groups[0]["lr"] = self.learning_rate * (1 - epoch / self.epochs)
                targets = [codes[side] for side in (SIDES if name == "label" else [name])]
                for rows in self._batches(n):
                    u = getattr(self.towers, name)(inputs[name][rows])
                    stored[name][rows] = u.detach()
                    fits = (weight * cosine_fit(u, stored[other], unit[rows] @ unit.T) for other, weight in weights.items())
                    loss = sum(fits) + sum(quantization(u, target[rows]) for target in targets) / len(targets)
                    _step(optimizers[name], loss)
            codes = {side: _signs(2 * stored[side] + stored["label"]) for side in SIDES}
        self.towers.eval()
        return stored

    def _train_increment(self, new):
        n_old, n_new, old = len(self.data), len(new), self.codes
        self.data = self.data.concatenate(new)
        items, rows = sample_rows(len(self.data), self.sample, self.mend)
        sampled, rows, unit = self.data[items.numpy()], rows.to(self.device), self.unit_labels(self.data.labels)
        inputs = {"image": self.tensor(sampled.image), "text": self.tensor(sampled.text)}
        similarity = unit[items] @ unit.T
        outputs = {side: self._normal(len(rows)) for side in SIDES}
        fresh, one_code = {side: _signs(self._normal(n_new)) for side in SIDES}, "ternary_codes" in self.mend
        if one_code:
            fresh = dict.fromkeys(SIDES, fresh["image"])
        rate = MENDED_RATE if "learning_rate" in self.mend else INCREMENT_RATE
        optimizers = {side: torch.optim.Adam(getattr(self.towers, side).parameters(), lr=rate, fused=True) for side in SIDES}
        for _ in range(self.epochs):
            for side in SIDES:
                codes = torch.cat([old[side], fresh[side]])
                self._train_epoch(optimizers[side], getattr(self.towers, side), inputs[side], outputs[side], codes, rows, similarity, n_old)
                optimizers[side].param_groups[0]["lr"] *= RATE_DECAY
                if not one_code:
                    fresh[side] = self._solve(fresh[side], [outputs[side]], rows - n_old, similarity[:, n_old:])
            if one_code:
                fresh = dict.fromkeys(SIDES, self._solve(fresh["image"], list(outputs.values()), rows - n_old, similarity[:, n_old:]))
            self.codes = {side: torch.cat([old[side], fresh[side]]) for side in SIDES}
            if self.on_epoch is not None:
                self.on_epoch(self)

    def _train_epoch(self, optimizer, tower, x, outputs, codes, rows, similarity, n_old):
        targets = codes[target_rows(rows, self.mend)]
        tower.train()
        for batch in self._batches(len(x)):
            u = tower(x[batch])
            outputs[batch] = u.detach()
            terms = {"n_old": n_old, "alpha": self.alpha, "beta": self.beta, "mend": self.mend}
            _step(optimizer, increment_loss(u, codes, targets[batch], similarity[batch], **terms))
        tower.eval()

    def _solve(self, fresh, outputs, rows, similarity):
        pull = new_code_pull(outputs, rows, similarity, alpha=self.alpha, mend=self.mend)
        return descend(fresh, pull, sum(u.T @ u for u in outputs))

    def _batches(self, n):
        """An epoch as the demo counts it: n / batch_size batches, each drawn anew from all."""
        for _ in range(max(1, n // self.batch_size)):
            yield torch.randperm(n)[: self.batch_size].to(self.device)

    def _normal(self, n):
        return torch.randn(n, self.bank.n_bits).to(self.device)


def ternary_average_precision(query_codes, stored_codes, query_labels, stored_labels) -> np.ndarray:
    """Tie-aware average precision where stored codes may hold zeros.

    The demo's distance :math:`K/2 - \\langle b, b' \\rangle / 2` then takes the 2K + 1 values
    0, 1/2, ..., K; without zeros this is `dlchkit.metrics.average_precision`.

    Parameters
    ----------
    query_codes : int8 (n, n_bits) in {-1, +1}; stored_codes : int8 (m, n_bits) in {-1, 0, +1}
    query_labels, stored_labels : (n, n_classes), (m, n_classes) in {0, 1}

    Returns
    -------
    float64 (n,), NaN for a query with nothing relevant

    Examples
    --------
    A zero counts half a bit: the first stored code is nearer than the second.

    >>> stored = np.array([[1, 0], [1, -1]], np.int8)
    >>> ternary_average_precision(np.ones((1, 2), np.int8), stored, np.eye(2)[:1], np.eye(2))
    array([1.])
    """
    n_levels = 2 * query_codes.shape[1] + 1
    counts = np.zeros((2, len(query_codes), n_levels), dtype=np.int64)
    stored = stored_codes.T.astype(np.float32)
    for start in range(0, len(query_codes), CHUNK):
        rows = slice(start, start + CHUNK)
        level = query_codes.shape[1] - (query_codes[rows].astype(np.float32) @ stored).astype(np.int64)
        relevant = shares_label(query_labels[rows], stored_labels)
        bins, shape = level + np.arange(len(level))[:, None] * n_levels, (len(level), n_levels)
        for count, chosen in zip(counts, (bins.ravel(), bins[relevant])):
            count[rows] = np.bincount(chosen, minlength=shape[0] * shape[1]).reshape(shape)
    return average_precision(*counts)


def _signs(x):
    return torch.where(x >= 0, 1.0, -1.0)


def _step(optimizer, loss):
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
