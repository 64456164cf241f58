"""What every lifelong method offers, and the towers that the trained ones share."""

from typing import Protocol

import numpy as np
import torch
from torch import nn

from dlchkit.bank import CodeBank
from dlchkit.codes import binarize, check_n_bits, unit_labels
from dlchkit.data import PairedFeatures, Stage
from dlchkit.data.streams import retrieval_split
from dlchkit.encoders.heads import HashHead
from dlchkit.errors import DataError
from dlchkit.metrics import mean_average_precision
from dlchkit.runtime import choose_device, seeded


class Learner(Protocol):
    """The protocol that `dlchkit.evaluation` asks for."""

    name: str
    single_stage: bool  # learns everything at once: stages before the last teach it nothing
    bank: CodeBank

    def observe(self, stage: Stage) -> None:
        """Train on the data of a stage and store its codes in the bank."""

    def encode_image(self, image: np.ndarray) -> np.ndarray:
        """Hash codes int8 (n, n_bits) in {-1, +1} of image features float32 (n, d_image)."""

    def encode_text(self, text: np.ndarray) -> np.ndarray:
        """Hash codes int8 (n, n_bits) in {-1, +1} of text features float32 (n, d_text)."""


class Towers(nn.Module):
    """Image tower, text tower and the label tower that guides both while classes are learned."""

    def __init__(self, data: PairedFeatures, n_bits: int, hidden: int, seed: int):
        super().__init__()
        with seeded(seed):
            self.image = HashHead(data.image.shape[1], n_bits, hidden)
            self.text = HashHead(data.text.shape[1], n_bits, hidden)
            self.label = HashHead(len(data.class_names), n_bits, hidden)
        self.eval()


class TowerLearner:
    """Base of the learners that train `Towers` by gradient descent.

    Parameters
    ----------
    n_bits : code length, a multiple of 8
    epochs : passes over the training data of each stage; fixed, so that no test query
        ever chooses one
    hidden : width of each tower's hidden layer
    learning_rate : of Adam, falling linearly to a hundredth
    validation : share of a stage's groups held out from its training steps, in [0, 1). With
        0, the default, all items train and the last epoch's towers stay; else those of the
        epoch with the best mAP of held-out items in both directions, and training ends when
        it has not risen for ``patience`` epochs. Held-out items are stored like all others.
    seed : fixes initial weights and batches
    device : "auto", or a torch device
    """

    single_stage = False

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
        self.epochs, self.batch_size, self.learning_rate, self.hidden = epochs, batch_size, learning_rate, hidden
        self.validation, self.patience = validation, patience
        self.seed, self.device = seed, choose_device(device)
        self.towers: Towers | None = None

    def observe(self, stage: Stage) -> None:
        """Train on the data of a stage and store its codes in the bank."""
        with seeded(int(np.random.SeedSequence([self.seed, stage.index]).generate_state(1)[0])):
            self.learn(stage)

    def learn(self, stage: Stage) -> None:
        """What `observe` does once random numbers are seeded; each method's own."""
        raise NotImplementedError

    def new_towers(self, data: PairedFeatures) -> Towers:
        return Towers(data, self.bank.n_bits, self.hidden, self.seed).to(self.device)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self.device)

    def unit_labels(self, labels: np.ndarray) -> torch.Tensor:
        return unit_labels(self.tensor(labels))

    def training_rows(self, data: PairedFeatures) -> torch.Tensor:
        """Positions in ``data`` that take part in training steps: all but those held out for validation."""
        held = held_out(data, self.validation, self.seed) if self.validation else np.zeros(len(data), dtype=bool)
        return torch.as_tensor(np.flatnonzero(~held), device=self.device)

    def held_out_score(self, data: PairedFeatures, rows: torch.Tensor, codes):
        """A function for `training_steps` that scores the items of ``data`` outside ``rows``; None where there are none.

        Parameters
        ----------
        codes : a function that returns the present hash codes of ``data``
        """
        kept = rows.cpu().numpy()
        if len(kept) == len(data):
            return None
        query, database = data[np.setdiff1d(np.arange(len(data)), kept)], data[kept]

        def score() -> float:
            stored = codes()[kept]
            asked = self.encode_image(query.image), self.encode_text(query.text)
            return float(np.mean([mean_average_precision(side, stored, query.labels, database.labels) for side in asked]))

        return score

    def training_steps(self, rows: torch.Tensor, parameters, score=None, *, epochs: int | None = None, rate: float = 1.0):
        """Yield (epoch, batch of ``rows``) over every epoch; after each batch, take one Adam step.

        The caller adds gradients to ``parameters`` before asking for the next batch.

        Parameters
        ----------
        score : from `held_out_score`; the epoch where it is best wins
        epochs : passes over ``rows``; None for the learner's own number
        rate : multiple of the learner's learning rate
        """
        epochs = self.epochs if epochs is None else epochs
        best, steps = BestEpoch(self.towers, self.patience), epochs * -(-len(rows) // self.batch_size)
        optimizer = torch.optim.Adam(parameters, lr=rate * self.learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=steps)
        for epoch in range(epochs):
            self.towers.train()
            for batch in rows[torch.randperm(len(rows)).to(self.device)].split(self.batch_size):
                yield epoch, batch
                optimizer.step()
                optimizer.zero_grad()  # here, so that no gradient outlives the stage: they are as large as the weights
                schedule.step()
            self.towers.eval()
            if score is not None and not best.goes_on(epoch, score()):
                break
        best.restore()

    @torch.no_grad()
    def encode_image(self, image: np.ndarray) -> np.ndarray:
        """Hash codes int8 (n, n_bits) in {-1, +1} of image features float32 (n, d_image)."""
        return binarize(self._trained().image(self.tensor(image)).cpu().numpy())

    @torch.no_grad()
    def encode_text(self, text: np.ndarray) -> np.ndarray:
        """Hash codes int8 (n, n_bits) in {-1, +1} of text features float32 (n, d_text)."""
        return binarize(self._trained().text(self.tensor(text)).cpu().numpy())

    def _trained(self) -> Towers:
        if self.towers is None:
            raise DataError(f"this {type(self).__name__} has observed no stage yet; call observe(stage) first")
        return self.towers


def held_out(data: PairedFeatures, fraction: float, seed: int) -> np.ndarray:
    """Which rows are kept for validation, bool (n,): whole groups, and none whose label no other row has."""
    query, database = retrieval_split(data.groups, query_fraction=fraction, seed=seed)
    mask = np.zeros(len(data), dtype=bool)
    mask[query] = data.labels[query] @ data.labels[database].any(0) > 0
    return mask


class BestEpoch:
    """Keeps the weights of the best epoch by validation score, and says when to stop."""

    def __init__(self, towers: nn.Module, patience: int):
        self.towers, self.patience = towers, patience
        self.score, self.epoch, self.weights = -np.inf, 0, None

    def goes_on(self, epoch: int, score: float) -> bool:
        """Note an epoch's score; False once it has not risen for ``patience`` epochs."""
        if score > self.score:
            self.score, self.epoch = score, epoch
            self.weights = {name: value.clone() for name, value in self.towers.state_dict().items()}
        return epoch - self.epoch < self.patience

    def restore(self) -> None:
        """Put the best weights back; nothing where no score was ever noted."""
        if self.weights is not None:
            self.towers.load_state_dict(self.weights)
