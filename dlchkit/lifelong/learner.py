"""What every lifelong method offers, and the towers that the trained ones share."""

from typing import Protocol

import numpy as np
import torch
from torch import nn

from dlchkit.bank import CodeBank
from dlchkit.codes import binarize, check_n_bits
from dlchkit.data import PairedFeatures, Stage
from dlchkit.encoders.heads import HashHead
from dlchkit.errors import DataError
from dlchkit.runtime import choose_device, seeded
from dlchkit.similarity import unit_labels


class Learner(Protocol):
    """The protocol that `dlchkit.evaluation` asks for."""

    name: str
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
    seed : fixes initial weights and batches
    device : "auto", or a torch device
    """

    def __init__(
        self,
        n_bits: int = 64,
        *,
        epochs: int = 10,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        hidden: int = 512,
        seed: int = 0,
        device: str = "auto",
    ):
        self.bank = CodeBank(check_n_bits(n_bits))
        self.epochs, self.batch_size, self.learning_rate, self.hidden = epochs, batch_size, learning_rate, hidden
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

    def training_steps(self, n: int, parameters):
        """Yield the rows of each batch of every epoch; after each, take one Adam step.

        The caller adds gradients to ``parameters`` before asking for the next batch.
        """
        self.towers.train()
        steps = self.epochs * -(-n // self.batch_size)
        optimizer = torch.optim.Adam(parameters, lr=self.learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=steps)
        for epoch in range(self.epochs):
            for rows in torch.randperm(n).to(self.device).split(self.batch_size):
                optimizer.zero_grad()
                yield epoch, rows
                optimizer.step()
                schedule.step()
        self.towers.eval()

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
