"""Image, text and label tower, and the training loop of all methods that have them."""

import math
from collections.abc import Callable, Iterable
from functools import reduce

import numpy as np
import torch
from torch import Tensor, nn

from dlchkit.bank import CodeBank
from dlchkit.codes import binarize, check_n_bits, unit_labels
from dlchkit.data import SIDES, PairedFeatures, Stage
from dlchkit.data.streams import retrieval_split
from dlchkit.encoders.heads import HashHead
from dlchkit.errors import DataError
from dlchkit.lifelong.learner import Method, check_side
from dlchkit.metrics import mean_average_precision
from dlchkit.runtime import choose_device, seeded


class Towers(nn.Module):
    """Image tower, text tower and the label tower that guides both while classes are learned."""

    def __init__(self, data: PairedFeatures, n_bits: int, hidden: int, seed: int):
        super().__init__()
        with seeded(seed):
            self.image = HashHead(data.image.shape[1], n_bits, hidden)
            self.text = HashHead(data.text.shape[1], n_bits, hidden)
            self.label = HashHead(len(data.class_names), n_bits, hidden)
        self.eval()

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Relaxed codes (n, n_bits) in (-1, 1) of each tower that is given an input (n, d), by tower name."""
        return {name: getattr(self, name)(x) for name, x in inputs.items()}


class TowerLearner(Method):
    """Base of the learners that train `Towers` by gradient descent.

    Parameters
    ----------
    n_bits : int
        Code length.
    epochs : int
        Passes over the training data of each stage; fixed, so that no test query ever chooses one.
    batch_size : int
    learning_rate : float
        Of Adam, falling linearly to a hundredth.
    hidden : int
        Width of each tower's hidden layer.
    validation : float
        Share of a stage's groups held out from its training steps, in [0, 1). With 0, the
        default, all items train and the last epoch's towers stay; else those of the epoch with
        the best mAP of held-out items in both directions, and training ends when it has not
        risen for ``patience`` epochs. Held-out items are stored like all others.
    patience : int
    seed : int
        Fixes initial weights and batches.
    device : str
        "auto", or a torch device.
    """

    settings = ("epochs", "batch_size", "learning_rate", "hidden", "validation", "patience", "seed", "device")

    def __init__(
        self,
        n_bits: int = 64,
        *,
        epochs: int = 10,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        hidden: int = 512,
        validation: float = 0.0,
        patience: int = 3,
        seed: int = 0,
        device: str = "auto",
    ):
        if not 0 <= validation < 1:
            raise DataError(f"validation is {validation}; it is a share of the new items in [0, 1), 0 for none")
        self.bank = CodeBank(check_n_bits(n_bits))
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.hidden = hidden
        self.validation = validation
        self.patience = patience
        self.seed = seed
        self.device = choose_device(device)
        self._towers: Towers | None = None

    @property
    def started(self) -> bool:
        """Whether a stage has been observed."""
        return self._towers is not None

    @property
    def towers(self) -> Towers:
        """The towers; `DataError` before the first stage."""
        if self._towers is None:
            raise DataError(f"this {type(self).__name__} has observed no stage yet; call observe(stage) first")
        return self._towers

    @towers.setter
    def towers(self, towers: Towers) -> None:
        self._towers = towers

    def observe(self, stage: Stage) -> None:
        """Train on the data of a stage and store its codes in the bank."""
        with seeded(int(np.random.SeedSequence([self.seed, stage.index]).generate_state(1)[0])):
            self.learn(stage)

    def learn(self, stage: Stage) -> None:
        """The work of `observe` once random numbers are seeded; each method's own."""
        raise NotImplementedError

    def fit(
        self,
        rows: Tensor,
        parameters: Iterable[nn.Parameter],
        batch_loss: Callable[[Tensor], Tensor],
        *,
        between_epochs: Callable[[], object] | None = None,
        score: Callable[[], float] | None = None,
        epochs: int | None = None,
        rate: float = 1.0,
    ) -> None:
        """Minimise a loss over batches of rows by Adam: the training loop of every method with towers.

        Parameters
        ----------
        rows : int64 tensor (n,)
            Positions of the items to train on.
        parameters : iterable of nn.Parameter
            The weights that move.
        batch_loss : callable
            Takes the rows of a batch and returns its loss, a scalar.
        between_epochs : callable, optional
            Called between two epochs.
        score : callable, optional
            From `held_out_score`; the epoch where it is best wins.
        epochs : int, optional
            Passes over ``rows``; None for the learner's own number.
        rate : float
            Multiple of the learner's learning rate.
        """
        epochs = self.epochs if epochs is None else epochs
        best = BestEpoch(self.towers, self.patience)
        n_steps = epochs * math.ceil(len(rows) / self.batch_size)
        optimizer = torch.optim.Adam(parameters, lr=rate * self.learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=n_steps)
        for epoch in range(epochs):
            if between_epochs is not None and epoch > 0:
                between_epochs()
            self.towers.train()
            for batch in rows[torch.randperm(len(rows)).to(self.device)].split(self.batch_size):
                batch_loss(batch).backward()
                optimizer.step()
                optimizer.zero_grad()  # last, so that no gradient outlives the stage: they are as large as the weights
                schedule.step()
            self.item_passes += len(rows)
            self.towers.eval()
            if score is not None and not best.goes_on(epoch, score()):
                break
        best.restore()

    def held_out_score(
        self, data: PairedFeatures, rows: Tensor, codes: Callable[[], np.ndarray]
    ) -> Callable[[], float] | None:
        """A function for `fit` that scores the items of ``data`` outside ``rows``; None where there are none.

        Parameters
        ----------
        data : PairedFeatures
        rows : int64 tensor
            Positions of the items that are trained on.
        codes : callable
            Returns the present hash codes of ``data``.
        """
        kept = rows.cpu().numpy()
        if len(kept) == len(data):
            return None
        query = data[np.setdiff1d(np.arange(len(data)), kept)]
        database = data[kept]

        def score() -> float:
            stored = codes()[kept]
            asked = [self.encode(side, getattr(query, side)) for side in SIDES]
            return float(np.mean([mean_average_precision(one, stored, query.labels, database.labels) for one in asked]))

        return score

    @torch.no_grad()
    def encode(self, side: str, features: np.ndarray) -> np.ndarray:
        """Hash codes int8 (n, n_bits) in {-1, +1} of one side's features, float32 (n, d)."""
        tower = getattr(self.towers, check_side(side))
        return binarize(tower(self.tensor(features)).cpu().numpy())

    def new_towers(self, data: PairedFeatures) -> Towers:
        """Towers for features like these, with the seed's initial weights."""
        return Towers(data, self.bank.n_bits, self.hidden, self.seed).to(self.device)

    def tensor(self, array: np.ndarray) -> Tensor:
        """The array as float32 on the learner's device."""
        return torch.as_tensor(array, dtype=torch.float32, device=self.device)

    def unit_labels(self, labels: np.ndarray) -> Tensor:
        """Label vectors of length one, on the learner's device."""
        return unit_labels(self.tensor(labels))

    def training_rows(self, data: PairedFeatures) -> Tensor:
        """Positions in ``data`` that take part in training steps: all but those held out for validation."""
        if self.validation:
            held = held_out(data, self.validation, self.seed)
        else:
            held = np.zeros(len(data), dtype=bool)
        return torch.as_tensor(np.flatnonzero(~held), device=self.device)


@torch.no_grad()
def outputs(towers: Towers, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Relaxed codes (n, n_bits) in (-1, 1) of each tower, by tower name; nothing is learned from them."""
    return towers(inputs)


def rows_of(inputs: dict[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """The same rows of every tensor."""
    return {name: x[rows] for name, x in inputs.items()}


def store_rows(stored: dict[str, Tensor], rows: Tensor, out: dict[str, Tensor]) -> None:
    """Write a batch's outputs into those stored of all items, as constants."""
    for name, u in out.items():
        stored[name][rows] = u.detach()


def summed(tensors: Iterable[Tensor]) -> Tensor:
    """The sum of one tensor or more of one shape."""
    return reduce(torch.add, tensors)


def signs(relaxed: Tensor) -> Tensor:
    """Signs as float32, with 0 mapped to +1."""
    return torch.where(relaxed >= 0, 1.0, -1.0)


def held_out(data: PairedFeatures, fraction: float, seed: int) -> np.ndarray:
    """Which rows are kept for validation, bool (n,): whole groups, and none whose label no other row has."""
    query, database = retrieval_split(data.groups, query_fraction=fraction, seed=seed)
    mask = np.zeros(len(data), dtype=bool)
    mask[query] = data.labels[query] @ data.labels[database].any(0) > 0
    return mask


class BestEpoch:
    """The weights of the best epoch by validation score, and when to stop."""

    def __init__(self, towers: nn.Module, patience: int):
        self.towers = towers
        self.patience = patience
        self.score = -np.inf
        self.epoch = 0
        self.weights: dict[str, Tensor] | None = None

    def goes_on(self, epoch: int, score: float) -> bool:
        """Note an epoch's score; False once it has not risen for ``patience`` epochs."""
        if score > self.score:
            self.score = score
            self.epoch = epoch
            self.weights = {name: value.clone() for name, value in self.towers.state_dict().items()}
        return epoch - self.epoch < self.patience

    def restore(self) -> None:
        """Put the best weights back; nothing where no score was ever noted."""
        if self.weights is not None:
            self.towers.load_state_dict(self.weights)
