"""CHTN: knowledge of a single-modal source reaches image and text at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dlchkit.data import PairedFeatures, SourceFeatures
from dlchkit.errors import DataError
from dlchkit.losses import pair_distance, soft_cross_entropy, squared_mmd
from dlchkit.runtime import choose_device, seeded

TERMS = ("source", "mmd", "pair")
BATCH = 64


class Branch(nn.Module):
    """fc6 and fc7 of one modality: Linear, batch normalisation without scale and shift, ReLU."""

    def __init__(self, in_features: int, width: int):
        super().__init__()
        self.fc6 = _layer(in_features, width)
        self.fc7 = _layer(width, width)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Activations (n, width) after fc6 and after fc7."""
        six = self.fc6(features)
        return six, self.fc7(six)


def _layer(in_features, width):
    return nn.Sequential(nn.Linear(in_features, width), nn.BatchNorm1d(width, affine=False), nn.ReLU())


class HybridTransferNetwork(nn.Module):
    """The two subnetworks of CHTN on frozen features.

    Modal-sharing transfer: branches for source image, target image and target text, of
    one shape with separate weights. Layer-sharing correlation: fc8, fc9 and fc10, one set
    of weights that image and text both pass through.

    Parameters
    ----------
    image_features, text_features : feature widths of image (source and target) and text
    n_source_classes, n_classes : classes of the source and of the target
    width : units per layer; 4096 in the paper

    References
    ----------
    Huang, Peng and Yuan, Cross-modal Common Representation Learning by Hybrid Transfer
    Network, IJCAI 2017, arXiv 1706.00153, section 3.
    """

    def __init__(self, image_features: int, text_features: int, n_source_classes: int, n_classes: int, *, width: int = 512, seed: int = 0):
        super().__init__()
        with seeded(seed):
            self.source = Branch(image_features, width)
            self.image = Branch(image_features, width)
            self.text = Branch(text_features, width)
            self.source_classes = nn.Linear(width, n_source_classes)
            self.shared = nn.Sequential(
                nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, n_classes)
            )

    @torch.no_grad()
    def posteriors(self, features: PairedFeatures) -> dict[str, np.ndarray]:
        """The common representation: softmax of fc10, float32 (n, n_classes), for image and text."""
        return {side: self.shared(self._layers(side, features)[1]).softmax(1).cpu().numpy() for side in ("image", "text")}

    @torch.no_grad()
    def transferred(self, features: PairedFeatures) -> PairedFeatures:
        """The same items with fc7 activations, float32 (n, width), in place of their features."""
        seven = {side: self._layers(side, features)[1].cpu().numpy() for side in ("image", "text")}
        return PairedFeatures(**{**vars(features), **seven})

    def _layers(self, side, features):
        self.eval()
        device = self.source_classes.weight.device
        return getattr(self, side)(torch.as_tensor(getattr(features, side), device=device))


@dataclass(frozen=True)
class TransferResult:
    """A trained network and how each unweighted loss term went, one value per epoch."""

    network: HybridTransferNetwork
    history: dict[str, list[float]]


def train_transfer(
    target: PairedFeatures,
    source: SourceFeatures | None,
    *,
    labelled: np.ndarray,
    unlabelled: np.ndarray | None = None,
    terms: tuple[str, ...] = TERMS,
    pair_weight: float = 0.001,
    epochs: int = 40,
    width: int = 512,
    learning_rate: float = 0.01,
    seed: int = 0,
    device: str = "auto",
) -> TransferResult:
    """Train CHTN on a labelled source and a few labelled pairs.

    .. math:: CE_{source} + CE_{image} + CE_{text} + \\sum_{l=6,7} MMD^2(source_l, image_l)
              + \\lambda \\sum_{l=6,7} \\tfrac{1}{2B} \\sum_b |image_{l,b} - text_{l,b}|^2

    Parameters
    ----------
    target : pairs whose features are trained on
    source : the source domain; None leaves the terms "source" and "mmd" out
    labelled : positions (m,) of the pairs whose labels may be seen; only these are used
    unlabelled : positions of further pairs for the pair term, without their labels. Not in
        the paper, whose pairs are all labelled; None trains as the paper does
    terms : which of "source", "mmd" and "pair" are in the loss; () is the same network
        without any transfer
    pair_weight : lambda; 0.001 in the paper. With unlabelled pairs 0.01 served better on our data
    epochs : an epoch is one pass over the labelled pairs, at least 10 batches

    Notes
    -----
    With a source, its branch learns first, by itself, for a fifth of the epochs, and the
    image branch starts from its weights. SGD, momentum 0.9, weight decay 5e-4 as in the
    released files; a batch is 64 without accumulation. Several labels of one pair enter
    the cross-entropy as a distribution. MMD is the unbiased quadratic estimate.

    References
    ----------
    arXiv 1706.00153, equations of section 3, and the released prototxt files.
    """
    unknown = next((term for term in terms if term not in TERMS), None)
    if unknown:
        raise DataError(f"transfer has no term {unknown!r}; it has {', '.join(TERMS)}")
    if len(labelled) < 2:
        raise DataError(f"{len(labelled)} labelled pairs; transfer needs two at least")
    if source is not None and len(source) < 2:
        raise DataError(f"the source has {len(source)} items; transfer needs two at least")
    if source is None:
        terms = tuple(term for term in terms if term == "pair")
    elif source.image.shape[1] != target.image.shape[1]:
        raise DataError(f"source features have {source.image.shape[1]} columns, target images {target.image.shape[1]}; both must come from one encoder")
    network = HybridTransferNetwork(
        target.image.shape[1], target.text.shape[1], len(source.class_names) if source is not None else 1, len(target.class_names), width=width, seed=seed
    ).to(choose_device(device))
    pairs = target[np.asarray(labelled)]
    all_pairs = None if unlabelled is None else target[np.concatenate([labelled, unlabelled])]
    if "source" in terms:
        _fit(network, pairs, all_pairs, source, ("source",), pair_weight, max(1, epochs // 5), learning_rate, seed, with_target=False)
        network.image.load_state_dict(network.source.state_dict())
    history = _fit(network, pairs, all_pairs, source, terms, pair_weight, epochs, learning_rate, seed, with_target=True)
    return TransferResult(network, history)


def _fit(network, pairs, all_pairs, source, terms, pair_weight, epochs, learning_rate, seed, *, with_target):
    device = network.source_classes.weight.device
    image, text, labels = (torch.as_tensor(x, device=device) for x in (pairs.image, pairs.text, pairs.labels))
    if source is not None:
        source_image, source_labels = (torch.as_tensor(x, device=device) for x in (source.image, source.labels))
        source_batches = _batches(len(source), min(BATCH, len(source)), seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9, weight_decay=5e-4)
    size = min(BATCH, len(pairs))
    target_batches = _batches(len(pairs), size, seed)
    if all_pairs is not None:
        all_image, all_text = (torch.as_tensor(x, device=device) for x in (all_pairs.image, all_pairs.text))
        pair_batches = _batches(len(all_pairs), min(BATCH, len(all_pairs)), seed)
    history: dict[str, list[float]] = {}
    network.train()
    for _ in range(epochs):
        values: dict[str, list[float]] = {}
        for _ in range(max(10, len(pairs) // size)):
            losses, source_layers = {}, None
            if "source" in terms or "mmd" in terms:
                rows = next(source_batches)
                source_layers = network.source(source_image[rows])
            if "source" in terms:
                losses["source"] = nn.functional.cross_entropy(network.source_classes(source_layers[1]), source_labels[rows])
            if with_target:
                rows = next(target_batches)
                losses |= _target_losses(network, image[rows], text[rows], labels[rows], source_layers, terms)
                if "pair" in terms and all_pairs is not None:
                    rows = next(pair_batches)
                    losses["pair"] = _pair_loss(network.image(all_image[rows]), network.text(all_text[rows]))
            optimizer.zero_grad()
            sum(value * (pair_weight if name == "pair" else 1.0) for name, value in losses.items()).backward()
            optimizer.step()
            for name, value in losses.items():
                values.setdefault(name, []).append(value.item())
        for name, epoch_values in values.items():
            history.setdefault(name, []).append(float(np.mean(epoch_values)))
    return history


def _target_losses(network, image, text, labels, source_layers, terms):
    image_layers, text_layers = network.image(image), network.text(text)
    losses = {
        "image": soft_cross_entropy(network.shared(image_layers[1]), labels),
        "text": soft_cross_entropy(network.shared(text_layers[1]), labels),
    }
    if "mmd" in terms:
        losses["mmd"] = sum(squared_mmd(s, t) for s, t in zip(source_layers, image_layers))
    if "pair" in terms:
        losses["pair"] = _pair_loss(image_layers, text_layers)
    return losses


def _pair_loss(image_layers, text_layers):
    return sum(pair_distance(i, t) for i, t in zip(image_layers, text_layers))


def _batches(n: int, size: int, seed: int) -> Iterator[Tensor]:
    """Rows of full batches, reshuffled at every pass, without end (a batch of one breaks batch normalisation).

    Each stream of batches draws for itself, so that switching a term off leaves the others' batches as they were.
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(n, generator=generator).split(size):
            if len(rows) == size:
                yield rows
