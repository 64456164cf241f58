"""Elastic weight consolidation: weights that mattered for old data move least."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from dlchkit.data import PairedFeatures
from dlchkit.lifelong.first_stage import ANCHORS, Penalty, stage_loss, tower_inputs, train_together
from dlchkit.lifelong.learner import check_weight
from dlchkit.lifelong.stage_by_stage import StepwiseLearner
from dlchkit.lifelong.tower_training import TowerLearner, Towers, outputs, rows_of, summed

CHUNK = 1024  # items whose activations are held at once


class ElasticWeightConsolidation(StepwiseLearner):
    """Fine-tuning that holds each weight near its old value, as firmly as old data needs it (Kirkpatrick et al., 2017).

    Each batch of a later stage adds, with :math:`\\theta^*` the weights after the stage before,

    .. math:: \\frac{\\lambda}{2} \\sum_i F_i (\\theta_i - \\theta^*_i)^2

    F is the diagonal Fisher information: the mean over a stage's items of the squared
    gradient of `stage_loss`, added up over stages.

    Parameters
    ----------
    n_bits : int
        Code length.
    importance : float
        Lambda, 0 or more; the default was chosen on database items.
    **training
        See `TowerLearner`.

    Notes
    -----
    One penalty around the latest weights in place of one for every stage: online EWC with
    gamma = 1, so that memory and time do not grow with the stages. The loss is no
    likelihood; its gradient takes the place of the score, with items compared to a
    sample of `ANCHORS` others and dropout off. All three towers are held.

    References
    ----------
    Kirkpatrick et al., Overcoming catastrophic forgetting in neural networks, PNAS 114
    (2017), arXiv 1612.00796, equation 3; online: Schwarz et al., Progress & Compress, ICML
    2018, arXiv 1805.06370.
    """

    name = "ewc"
    settings = ("importance", *TowerLearner.settings)

    def __init__(self, n_bits: int = 64, *, importance: float = 1e4, **training):
        super().__init__(n_bits, **training)
        self.importance = check_weight("importance", importance)
        self.fisher: dict[Tensor, Tensor] = {}  # by weight

    def learn_increment(self, data: PairedFeatures) -> np.ndarray:
        """Train on the new data only, with the penalty above."""
        return train_together(self, data, penalty=self._hold_weights())

    def keep(self, data: PairedFeatures, codes: np.ndarray) -> None:
        """Add the stage's Fisher information: how much its items need each weight."""
        inputs = tower_inputs(self, data)
        unit_labels = inputs["label"]
        hash_codes = self.tensor(codes)
        chosen = torch.randperm(len(data))[:ANCHORS].to(self.device)
        anchors = outputs(self.towers, rows_of(inputs, chosen))
        for rows in torch.arange(len(data), device=self.device).split(CHUNK):
            similarity = unit_labels[rows] @ unit_labels[chosen].T

            def loss(out: dict[str, Tensor], codes=hash_codes[rows], similarity=similarity) -> Tensor:
                return stage_loss(out, anchors, codes, similarity)

            for weight, squared in squared_gradients(self.towers, rows_of(inputs, rows), loss).items():
                self.fisher[weight] = self.fisher.get(weight, 0) + squared / len(data)

    def _hold_weights(self) -> Penalty:
        held = [(weight, weight.detach().clone(), fisher) for weight, fisher in self.fisher.items()]

        def penalty(rows: Tensor, out: dict[str, Tensor]) -> Tensor:
            moved = [(fisher * (weight - old).square()).sum() for weight, old, fisher in held]
            return self.importance / 2 * summed(moved)

        return penalty


def squared_gradients(
    towers: Towers, inputs: dict[str, Tensor], loss: Callable[[dict[str, Tensor]], Tensor]
) -> dict[Tensor, Tensor]:
    """The squared gradient of each item's loss, summed over the items, for every weight of the towers.

    One backward pass serves all items: at a linear layer with input x and gradient
    :math:`\\delta` at its output, an item's gradient is :math:`\\delta x^T`, so the
    sum of squares is :math:`(\\delta^2)^T x^2`.

    Parameters
    ----------
    towers : Towers
        In evaluation mode; every layer treats each item by itself.
    inputs : dict of str to tensor (n, in_features)
        By tower name.
    loss : callable
        Takes the outputs by tower name; a mean over items that do not depend on each other.
    """
    linear: list[nn.Linear] = []
    entering: list[Tensor] = []  # (n, in_features) of each linear layer
    leaving: list[Tensor] = []  # (n, out_features)
    out = {}
    for name, x in inputs.items():
        for layer in getattr(towers, name).layers:
            before = x
            x = layer(x)
            if isinstance(layer, nn.Linear):
                linear.append(layer)
                entering.append(before.detach())
                leaving.append(x)
        out[name] = x
    n = len(next(iter(out.values())))
    gradients = torch.autograd.grad(n * loss(out), leaving)
    squared: dict[Tensor, Tensor] = {}
    for layer, x, gradient in zip(linear, entering, gradients, strict=True):
        squared[layer.weight] = gradient.square().T @ x.square()
        squared[layer.bias] = gradient.square().sum(0)
    return squared
