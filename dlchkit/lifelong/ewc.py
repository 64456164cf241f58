"""Elastic weight consolidation: weights that mattered for old data move least."""

from functools import partial

import torch
from torch import nn

from dlchkit.data import PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.first_stage import ANCHORS, outputs, stage_loss, tower_inputs, train_original_stage
from dlchkit.lifelong.towers import TowerLearner, Towers

CHUNK = 1024  # items whose activations are held at once


class ElasticWeightConsolidation(TowerLearner):
    """Fine-tuning that holds each weight near its old value, as firmly as old data needs it (Kirkpatrick et al., 2017).

    Each batch of a later stage adds, with :math:`\\theta^*` the weights after the stage before,

    .. math:: \\frac{\\lambda}{2} \\sum_i F_i (\\theta_i - \\theta^*_i)^2

    F is the diagonal Fisher information: the mean over a stage's items of the squared
    gradient of `stage_loss`, added up over stages.

    Parameters
    ----------
    n_bits : code length, a multiple of 8
    importance : lambda, 0 or more; the default was chosen on database items
    **training : see `TowerLearner`

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

    def __init__(self, n_bits: int = 64, *, importance: float = 1e4, **training):
        super().__init__(n_bits, **training)
        if not importance >= 0:
            raise DataError(f"importance is {importance}; it is the weight of a loss term, 0 or more")
        self.importance = importance
        self.fisher: dict[nn.Parameter, torch.Tensor] = {}

    def learn(self, stage: Stage) -> None:
        """Train on the new data only, then see which weights it needs; stored codes stay as they are."""
        data, penalty = stage.database, None
        if self.towers is None:
            self.towers = self.new_towers(data)
        else:
            penalty = self._hold_weights()
        codes = train_original_stage(self, data, penalty=penalty)
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=stage.index)
        self._add_fisher(data, self.tensor(codes))

    def _hold_weights(self):
        held = [(weight, weight.detach().clone(), fisher) for weight, fisher in self.fisher.items()]
        return lambda rows, out: self.importance / 2 * sum((fisher * (weight - old).square()).sum() for weight, old, fisher in held)

    def _add_fisher(self, data: PairedFeatures, codes: torch.Tensor) -> None:
        inputs, n = tower_inputs(self, data), len(data)
        chosen, unit = torch.randperm(n)[:ANCHORS].to(self.device), inputs["label"]
        anchors = outputs(self.towers, {name: x[chosen] for name, x in inputs.items()})
        for rows in torch.arange(n, device=self.device).split(CHUNK):
            compared = partial(stage_loss, anchors=anchors, codes=codes[rows], similarity=unit[rows] @ unit[chosen].T)
            batch = {name: x[rows] for name, x in inputs.items()}
            for weight, squared in squared_gradients(self.towers, batch, compared).items():
                self.fisher[weight] = self.fisher.get(weight, 0) + squared / n


def squared_gradients(towers: Towers, inputs: dict[str, torch.Tensor], loss) -> dict[nn.Parameter, torch.Tensor]:
    """The squared gradient of each item's loss, summed over the items, for every weight of the towers.

    One backward pass serves all items: at a linear layer with input x and gradient
    :math:`\\delta` at its output, an item's gradient is :math:`\\delta x^T`, so the
    sum of squares is :math:`(\\delta^2)^T x^2`.

    Parameters
    ----------
    towers : in evaluation mode; every layer treats each item by itself
    inputs : tower name -> (n, in_features)
    loss : called with the outputs by tower name; a mean over items that depend on nothing of each other
    """
    passed, out = [], {}
    for name, x in inputs.items():
        for layer in getattr(towers, name).layers:
            entering, x = x, layer(x)
            if isinstance(layer, nn.Linear):
                passed.append((layer, entering.detach(), x))
        out[name] = x
    gradients = torch.autograd.grad(len(x) * loss(out), [leaving for _, _, leaving in passed])
    squared = {}
    for (layer, entering, _), gradient in zip(passed, gradients):
        squared[layer.weight] = gradient.square().T @ entering.square()
        squared[layer.bias] = gradient.square().sum(0)
    return squared
