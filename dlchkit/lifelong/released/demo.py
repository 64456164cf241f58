"""DLCH as its authors' released demo trains it; each of the demo's bugs can be fixed by name."""

from collections.abc import Callable, Collection, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dlchkit.bank import CodeBank
from dlchkit.codes import binarize, shares_label
from dlchkit.data import DIRECTIONS, SIDES, PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.dlch import descend
from dlchkit.lifelong.released.bugs import increment_loss, known_defects, new_code_pull, sample_rows, target_rows
from dlchkit.lifelong.tower_training import TowerLearner, signs, summed
from dlchkit.losses import cosine_fit, quantization
from dlchkit.metrics import average_precision, mean_of_defined

# settings of the demo that every tower learner has
DEMO_SETTINGS: dict[str, Any] = {"n_bits": 64, "epochs": 200, "batch_size": 128, "learning_rate": 1e-3}
FIT_WEIGHTS = {
    "label": {"label": 10, "image": 1, "text": 10},
    "image": {"image": 10, "label": 1},
    "text": {"text": 10, "label": 1},
}
INCREMENT_RATE = 1e-7
FIXED_RATE = 1e-3
RATE_DECAY = 0.95
CHUNK = 64  # queries ranked at once: bounds memory to CHUNK x database


class ReleasedDemo(TowerLearner):
    """Deep Lifelong Cross-modal Hashing as the authors' released demo computes it.

    Written from the demo's computations, to show the effect of each of its bugs on the
    numbers; for work, use `DLCH`. A bug is fixed by naming it in ``mend``:

    - ``new_code_term``: the fit to the new codes is computed and never added to the loss
    - ``row_order``: items are shuffled, yet row numbers are read as rows of [old; new]
    - ``new_rows``: the list of new items in the sample comes back empty, so that the new
      codes are solved for without their quantization term
    - ``quantization_target``: the sample's r-th item is pulled to the code in row r of the store
    - ``balance``: :math:`\\sum_{ik} u_{ik}` in place of :math:`|U^T 1|^2`: unbounded below
    - ``ternary_codes``: an item has an image code and a text code, and their sum's sign is
      searched, which is 0 where they differ; fixed, an item has one code
    - ``learning_rate``: increments are trained at 1e-7; fixed, at 1e-3

    Parameters
    ----------
    n_bits : int
        Code length.
    mend : collection of str
        Bugs to fix, from `dlchkit.lifelong.released.bugs.DEFECTS`.
    sample : int
        Items, old and new alike, that an increment is trained on; at most all there are.
    alpha, beta : float
        Weights of quantization and balance beside a sum of squares over all codes.
    epochs, batch_size : int
        Of both stages.
    learning_rate : float
        Of SGD in the first stage, falling linearly to zero.
    hidden, seed, device
        See `TowerLearner`.
    on_epoch : callable, optional
        Called with the learner after each epoch of an increment.

    Defaults are the demo's, except for ``hidden``, ``seed`` and ``device``.

    Attributes
    ----------
    data : PairedFeatures
        Everything seen, in the order [old; new].
    codes : dict of str to tensor (n, n_bits), values in {-1, +1}
        By side, the codes that training keeps.
    bank : CodeBank
        The searched codes as bits, where a zero cannot be kept and becomes +1; the zeros
        themselves are in `stored_codes`, and `scores` searches those.

    Notes
    -----
    Differences from the demo that are no bugs: the kit's towers in place of CNN-F and its
    text network, whose outputs in (-1, 1) stand for the tanh the demo takes before the
    discrete step; up to three passes over the bits there, where the demo makes one; any
    number of increments; a seed. Two bugs that lie outside training, the epoch chosen
    on test queries and no seed, are left to notebook 09.

    References
    ----------
    The authors' released demo, github.com/HqiLi/DLCH; objective: arXiv 2304.13357.
    """

    name = "released_demo"
    settings = (
        *("mend", "sample", "alpha", "beta"),
        *("epochs", "batch_size", "learning_rate", "hidden", "seed", "device"),
    )

    def __init__(
        self,
        n_bits: int = DEMO_SETTINGS["n_bits"],
        *,
        mend: Collection[str] = (),
        sample: int = 2000,
        alpha: float = 10.0,
        beta: float = 100.0,
        epochs: int = DEMO_SETTINGS["epochs"],
        batch_size: int = DEMO_SETTINGS["batch_size"],
        learning_rate: float = DEMO_SETTINGS["learning_rate"],
        hidden: int = 512,
        seed: int = 0,
        device: str = "auto",
        on_epoch: Callable[["ReleasedDemo"], object] | None = None,
    ):
        super().__init__(
            n_bits,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            hidden=hidden,
            seed=seed,
            device=device,
        )
        if sample < 1:
            raise DataError(f"sample is {sample}; an increment is trained on 1 item at least")
        self.mend = known_defects(mend)
        self.sample = sample
        self.alpha = alpha
        self.beta = beta
        self.on_epoch = on_epoch
        self._data: PairedFeatures | None = None
        self.codes: dict[str, Tensor] = {}

    @property
    def data(self) -> PairedFeatures:
        """Everything seen; `DataError` before the first stage."""
        if self._data is None:
            raise DataError("this ReleasedDemo has observed no stage yet; call observe(stage) first")
        return self._data

    def mended(self, *names: str) -> "ReleasedDemo":
        """A copy with these bugs fixed too; both go on from the same first stage.

        Raises
        ------
        DataError
            After an increment: the effect of its bugs cannot be undone.
        """
        if self.bank.n_stages > 1:
            raise DataError(f"{self.bank.n_stages - 1} increments are trained already; fix bugs before the first one")
        copy = deepcopy(self)
        copy.mend = self.mend | known_defects(names)
        if copy.started:
            copy.codes = copy._codes_of_first_stage()
            copy.bank = CodeBank(self.bank.n_bits)
            copy._fill_bank(copy.data, 0)
        return copy

    @property
    def stored_codes(self) -> np.ndarray:
        """The searched codes: sign of image code plus text code, int8 (n, n_bits) in {-1, 0, +1}."""
        return torch.sign(self.codes["image"] + self.codes["text"]).cpu().numpy().astype(np.int8)

    def average_precision(self, query: PairedFeatures) -> dict[str, np.ndarray]:
        """Direction -> average precision of each query against `stored_codes`, zeros and all."""
        stored = self.stored_codes
        labels = self.data.labels
        return {
            direction: ternary_average_precision(
                self.encode(asking, getattr(query, asking)), stored, query.labels, labels
            )
            for direction, (asking, _) in DIRECTIONS.items()
        }

    def scores(self, query: PairedFeatures) -> dict[str, float]:
        """Direction -> mAP, the mean of `average_precision`."""
        return {direction: mean_of_defined(values) for direction, values in self.average_precision(query).items()}

    def learn(self, stage: Stage) -> None:
        """Train as the demo does and store the stage's codes."""
        data = stage.database
        if self.started:
            self._train_increment(data)
        else:
            self.towers = self.new_towers(data)
            self._data = data
            self._relaxed = self._train_first_stage(data)
            self.codes = self._codes_of_first_stage()
        self._fill_bank(data, stage.index)

    def _fill_bank(self, data: PairedFeatures, index: int) -> None:
        codes = binarize(self.stored_codes[-len(data) :] + 0.5)  # 0, the demo's third value, becomes +1
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=index)

    def _codes_of_first_stage(self) -> dict[str, Tensor]:
        image, text, label = (self._relaxed[name] for name in ("image", "text", "label"))
        if "ternary_codes" in self.mend:
            one = signs(image + text + label)
            return {"image": one, "text": one}
        return {"image": signs(2 * image + label), "text": signs(2 * text + label)}

    def _train_first_stage(self, data: PairedFeatures) -> dict[str, Tensor]:
        """Label, image and text tower in turn, an epoch each; returns the outputs last seen of every item."""
        inputs = {
            "image": self.tensor(data.image),
            "text": self.tensor(data.text),
            "label": self.tensor(data.labels),
        }
        unit = self.unit_labels(data.labels)
        n = len(data)
        stored = {name: self._normal(n) for name in FIT_WEIGHTS}
        codes = {side: signs(stored[side] + stored["label"]) for side in SIDES}
        towers = {name: getattr(self.towers, name) for name in FIT_WEIGHTS}
        optimizers = {
            name: torch.optim.SGD(tower.parameters(), lr=self.learning_rate, fused=True)
            for name, tower in towers.items()
        }
        self.towers.train()
        for epoch in range(self.epochs):
            for name, weights in FIT_WEIGHTS.items():
                optimizer = optimizers[name]
                optimizer.param_groups[0]["lr"] = self.learning_rate * (1 - epoch / self.epochs)
                targets = [codes[side] for side in (SIDES if name == "label" else [name])]
                self.item_passes += n / len(FIT_WEIGHTS)
                for rows in self._batches(n):
                    u = towers[name](inputs[name][rows])
                    stored[name][rows] = u.detach()
                    similarity = unit[rows] @ unit.T
                    fits = [weight * cosine_fit(u, stored[other], similarity) for other, weight in weights.items()]
                    distances = [quantization(u, target[rows]) for target in targets]
                    loss = summed(fits) + summed(distances) / len(targets)
                    loss.backward()
                    optimizer.step()
                    optimizer.zero_grad()
            codes = {side: signs(2 * stored[side] + stored["label"]) for side in SIDES}
        self.towers.eval()
        return stored

    def _train_increment(self, new: PairedFeatures) -> None:
        """Image and text tower in turn, an epoch each, on one sample; then the new codes are solved for."""
        n_old = len(self.data)
        old = self.codes
        self._data = self.data.concatenate(new)
        items, rows = sample_rows(len(self.data), self.sample, self.mend)
        rows = rows.to(self.device)
        sampled = self.data[items.numpy()]
        unit = self.unit_labels(self.data.labels)
        similarity = unit[items] @ unit.T  # (m, n_old + n_new), m items in the sample
        to_new = similarity[:, n_old:]
        inputs = {side: self.tensor(getattr(sampled, side)) for side in SIDES}
        outputs = {side: self._normal(len(rows)) for side in SIDES}
        fresh: dict[str, Tensor] = {side: signs(self._normal(len(new))) for side in SIDES}
        one_code = "ternary_codes" in self.mend
        if one_code:
            fresh = dict.fromkeys(SIDES, fresh["image"])
        rate = FIXED_RATE if "learning_rate" in self.mend else INCREMENT_RATE
        towers = {side: getattr(self.towers, side) for side in SIDES}
        optimizers = {side: torch.optim.Adam(towers[side].parameters(), lr=rate, fused=True) for side in SIDES}
        for _ in range(self.epochs):
            for side in SIDES:
                codes = torch.cat([old[side], fresh[side]])
                self._train_epoch(
                    optimizers[side], towers[side], inputs[side], outputs[side], codes, rows, similarity, n_old
                )
                optimizers[side].param_groups[0]["lr"] *= RATE_DECAY
                if not one_code:
                    fresh[side] = self._solve(fresh[side], [outputs[side]], rows - n_old, to_new)
            if one_code:
                one = self._solve(fresh["image"], list(outputs.values()), rows - n_old, to_new)
                fresh = dict.fromkeys(SIDES, one)
            self.codes = {side: torch.cat([old[side], fresh[side]]) for side in SIDES}
            if self.on_epoch is not None:
                self.on_epoch(self)

    def _train_epoch(
        self,
        optimizer: torch.optim.Optimizer,
        tower: nn.Module,
        x: Tensor,
        outputs: Tensor,
        codes: Tensor,
        rows: Tensor,
        similarity: Tensor,
        n_old: int,
    ) -> None:
        targets = codes[target_rows(rows, self.mend)]
        terms = {"n_old": n_old, "alpha": self.alpha, "beta": self.beta, "mend": self.mend}
        tower.train()
        self.item_passes += len(x) / len(SIDES)
        for batch in self._batches(len(x)):
            u = tower(x[batch])
            outputs[batch] = u.detach()
            increment_loss(u, codes, targets[batch], similarity[batch], **terms).backward()
            optimizer.step()
            optimizer.zero_grad()
        tower.eval()

    def _solve(self, fresh: Tensor, outputs: list[Tensor], rows: Tensor, similarity: Tensor) -> Tensor:
        pull = new_code_pull(outputs, rows, similarity, alpha=self.alpha, mend=self.mend)
        return descend(fresh, pull, summed(u.T @ u for u in outputs))

    def _batches(self, n: int) -> Iterator[Tensor]:
        """An epoch as the demo counts it: n / batch_size batches, each drawn from all items."""
        for _ in range(max(1, n // self.batch_size)):
            yield torch.randperm(n)[: self.batch_size].to(self.device)

    def _normal(self, n: int) -> Tensor:
        return torch.randn(n, self.bank.n_bits).to(self.device)


def ternary_average_precision(
    query_codes: np.ndarray, stored_codes: np.ndarray, query_labels: np.ndarray, stored_labels: np.ndarray
) -> np.ndarray:
    """Tie-aware average precision where stored codes may hold zeros.

    The demo's distance :math:`K/2 - \\langle b, b' \\rangle / 2` then takes the 2K + 1 values
    0, 1/2, ..., K; without zeros this is `dlchkit.metrics.average_precision`.

    Parameters
    ----------
    query_codes : int8 array (n, n_bits), values in {-1, +1}
    stored_codes : int8 array (m, n_bits), values in {-1, 0, +1}
    query_labels, stored_labels : array (n, n_classes), (m, n_classes), values in {0, 1}

    Returns
    -------
    float64 array (n,)
        NaN for a query with nothing relevant.

    Examples
    --------
    A zero counts half a bit: the first stored code is nearer than the second.

    >>> stored = np.array([[1, 0], [1, -1]], np.int8)
    >>> ternary_average_precision(np.ones((1, 2), np.int8), stored, np.eye(2)[:1], np.eye(2))
    array([1.])
    """
    n_levels = 2 * query_codes.shape[1] + 1
    stored = stored_codes.T.astype(np.float32)
    n_relevant = np.zeros((len(query_codes), n_levels), dtype=np.int64)
    n_stored = np.zeros_like(n_relevant)
    for start in range(0, len(query_codes), CHUNK):
        rows = slice(start, start + CHUNK)
        level = query_codes.shape[1] - (query_codes[rows].astype(np.float32) @ stored).astype(np.int64)
        relevant = shares_label(query_labels[rows], stored_labels)
        bins = level + np.arange(len(level))[:, None] * n_levels  # each query counts in bins of its own
        n_stored[rows] = np.bincount(bins.ravel(), minlength=len(level) * n_levels).reshape(-1, n_levels)
        n_relevant[rows] = np.bincount(bins[relevant], minlength=len(level) * n_levels).reshape(-1, n_levels)
    return average_precision(n_stored, n_relevant)
