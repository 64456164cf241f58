"""Training CHTN: which terms there are, what feeds each of them, and the loop."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dlchkit.data import PairedFeatures, SourceFeatures
from dlchkit.errors import DataError
from dlchkit.losses import agreement, contrastive, linear_squared_mmd, pair_distance, soft_cross_entropy, squared_mmd
from dlchkit.runtime import choose_device
from dlchkit.transfer.network import SIDES, HybridTransferNetwork

CHTN_TERMS = ("source", "mmd6", "mmd7", "pair6", "pair7")
MHTN_TERMS = (*CHTN_TERMS, "adversarial")
KIT_TERMS = ("contrastive", "agreement")  # in neither paper
WEIGHTS = {"source": 1.0, "mmd6": 1.0, "mmd7": 1.0, "pair6": 0.001, "pair7": 0.001, "adversarial": 0.1, "contrastive": 1.0, "agreement": 0.3}
NEED_SOURCE = {"source", "mmd6", "mmd7"}
NEED_PAIRS = WEIGHTS.keys() - {"source"}
MMD_ESTIMATES = {"quadratic": squared_mmd, "linear": linear_squared_mmd}
BATCH, STEPS = 64, 10  # items per batch, batches per epoch


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
    terms: tuple[str, ...] = CHTN_TERMS,
    weights: Mapping[str, float] | None = None,
    start_from_source: bool = True,
    share_layers: bool = True,
    mmd_estimate: str = "quadratic",
    epochs: int = 40,
    width: int = 512,
    learning_rate: float = 0.01,
    seed: int = 0,
    device: str = "auto",
) -> TransferResult:
    """Train CHTN, or any part of it, on a labelled source and a few labelled pairs.

    .. math:: CE_{source} + CE_{image} + CE_{text} + \\sum_{l=6,7} MMD^2(source_l, image_l)
              + \\lambda \\sum_{l=6,7} \\tfrac{1}{2B} \\sum_b |image_{l,b} - text_{l,b}|^2

    Parameters
    ----------
    target : pairs whose features are trained on
    source : the source domain; None leaves the terms "source", "mmd6" and "mmd7" out
    labelled : positions (m,) of the pairs whose labels may be seen
    unlabelled : positions of further pairs. Their labels are never read; every term of the
        target that needs no label then sees all pairs, labelled or not. Not in the paper,
        whose pairs are all labelled; None trains as the paper does
    terms : what is in the loss beside the cross-entropies of image and text; () is the same
        network without any transfer. `CHTN_TERMS` are the paper's: "source", "mmd6" and
        "mmd7", "pair6" and "pair7", the digit being the layer. `MHTN_TERMS` add
        "adversarial". `KIT_TERMS` are this kit's own: "contrastive" lets image and text of
        a pair find each other at fc7, "agreement" sharpens what both say of its class
    weights : term -> weight, in place of those in `WEIGHTS`; lambda is "pair6" and "pair7"
    start_from_source : let the source branch learn first, by itself, for a fifth of the
        epochs, and the image branch start from its weights. Without the term "source"
        there is nothing to start from, and this has no effect
    share_layers : one fc8 to fc10 for image and text; False gives each its own
    mmd_estimate : "quadratic", the unbiased one, or "linear", that of the released files
    epochs : of `STEPS` batches each, however many pairs there are, so that few labels and
        many are trained equally long

    Notes
    -----
    SGD, momentum 0.9, weight decay 5e-4 as in the released files, which take 500 steps of
    16 batches; a batch is `BATCH` items here, without accumulation. Labelled and further
    pairs pass the network together, so that one batch normalisation sees both. Several
    labels of one pair enter the cross-entropy as a distribution. The kit's weights were
    chosen on database items of real data, never on queries.

    References
    ----------
    CHTN: arXiv 1706.00153, equations of section 3, and the released prototxt files. MHTN:
    arXiv 1708.04308; its pair weight is 1e-4.
    """
    weights = WEIGHTS | dict(weights or {})
    _check(target, source, labelled, (*terms, *weights), mmd_estimate)
    terms = {term for term in terms if source is not None or term not in NEED_SOURCE}
    n_source_classes = 1 if source is None else len(source.class_names)
    sizes = target.image.shape[1], target.text.shape[1], n_source_classes, len(target.class_names)
    network = HybridTransferNetwork(*sizes, width=width, share_layers=share_layers, seed=seed).to(choose_device(device))
    batches = _all_batches(network, target, source, labelled, unlabelled if terms & NEED_PAIRS else None, seed)
    if start_from_source and "source" in terms:
        _descend(network, lambda: _source_losses(network, batches, {"source"})[0], weights, max(1, epochs // 5), learning_rate)
        network.image.load_state_dict(network.source.state_dict())
    estimate = MMD_ESTIMATES[mmd_estimate]
    return TransferResult(network, _descend(network, lambda: _losses(network, batches, terms, estimate), weights, epochs, learning_rate))


def _check(target, source, labelled, terms, mmd_estimate):
    unknown = next((term for term in terms if term not in WEIGHTS), None)
    if unknown:
        raise DataError(f"transfer has no term {unknown!r}; it has {', '.join(WEIGHTS)}")
    if mmd_estimate not in MMD_ESTIMATES:
        raise DataError(f"mmd_estimate is {mmd_estimate!r}; it must be {' or '.join(map(repr, MMD_ESTIMATES))}")
    if len(labelled) < 2:
        raise DataError(f"{len(labelled)} labelled pairs; transfer needs two at least")
    if source is not None and len(source) < 2:
        raise DataError(f"the source has {len(source)} items; transfer needs two at least")
    if source is not None and source.image.shape[1] != target.image.shape[1]:
        raise DataError(
            f"source features have {source.image.shape[1]} columns, target images {target.image.shape[1]}; both must come from one encoder"
        )


def _all_batches(network, target, source, labelled, unlabelled, seed):
    device = network.source_classes.weight.device
    batches = {"labelled": _batches(*_columns(target[np.asarray(labelled)], "image", "text", "labels"), seed=seed, device=device)}
    if unlabelled is not None:
        every = target[np.concatenate([labelled, unlabelled])]
        batches["every"] = _batches(*_columns(every, "image", "text"), seed=seed, device=device)
    if source is not None:
        batches["source"] = _batches(*_columns(source, "image", "labels"), seed=seed, device=device)
    return batches


def _columns(data, *names):
    return [getattr(data, name) for name in names]


def _batches(*arrays: np.ndarray, seed: int, device) -> Iterator[list[Tensor]]:
    """The same rows of each array in full batches, reshuffled at every pass, without end (a batch of one breaks batch normalisation).

    Each stream of batches draws for itself, so that switching a term off leaves the others' batches as they were.
    """
    tensors = [torch.as_tensor(array, device=device) for array in arrays]
    n, generator = len(tensors[0]), torch.Generator().manual_seed(seed)
    size = min(BATCH, n)
    while True:
        for rows in torch.randperm(n, generator=generator)[: n // size * size].to(device).split(size):
            yield [tensor[rows] for tensor in tensors]


def _descend(network, losses: Callable[[], dict[str, Tensor]], weights, epochs, learning_rate) -> dict[str, list[float]]:
    """Take SGD steps on the weighted sum of the losses; return each one's mean per epoch."""
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9, weight_decay=5e-4, fused=True)
    history: dict[str, list[float]] = {}
    network.train()
    for _ in range(epochs):
        values: dict[str, list[Tensor]] = {}
        for _ in range(STEPS):
            terms = losses()
            optimizer.zero_grad()
            sum(weights.get(name, 1.0) * value for name, value in terms.items()).backward()
            optimizer.step()
            for name, value in terms.items():
                values.setdefault(name, []).append(value.detach())
        for name, of_epoch in values.items():
            history.setdefault(name, []).append(torch.stack(of_epoch).mean().item())
    return history


def _losses(network, batches, terms, mmd) -> dict[str, Tensor]:
    """The terms of one step, unweighted: the source's, those of the labels, and those that need no label."""
    losses, source = _source_losses(network, batches, terms)
    image, text, labels = next(batches["labelled"])
    n, every = len(labels), slice(None)
    if "every" in batches:
        more_image, more_text = next(batches["every"])
        image, text, every = torch.cat([image, more_image]), torch.cat([text, more_text]), slice(n, None)
    six, seven, nine, logits = {}, {}, {}, {}
    for side, features in zip(SIDES, (image, text)):
        layer_6, layer_7 = getattr(network, side)(features)
        layer_9, layer_10 = network.correlation[side](layer_7)
        losses[side] = soft_cross_entropy(layer_10[:n], labels)
        six[side], seven[side], nine[side], logits[side] = (layer[every] for layer in (layer_6, layer_7, layer_9, layer_10))
    without_labels = {
        "mmd6": lambda: mmd(source[0], six["image"]),
        "mmd7": lambda: mmd(source[1], seven["image"]),
        "pair6": lambda: pair_distance(six["image"], six["text"]),
        "pair7": lambda: pair_distance(seven["image"], seven["text"]),
        "adversarial": lambda: _modality_loss(network, nine),
        "contrastive": lambda: contrastive(seven["image"], seven["text"]),
        "agreement": lambda: agreement(logits["image"], logits["text"]),
    }
    return losses | {term: value() for term, value in without_labels.items() if term in terms}


def _source_losses(network, batches, terms):
    if not terms & NEED_SOURCE:
        return {}, None
    image, labels = next(batches["source"])
    layers = network.source(image)
    return ({"source": F.cross_entropy(network.source_classes(layers[1]), labels)} if "source" in terms else {}), layers


def _modality_loss(network, nine):
    told = network.modality(torch.cat([nine[side] for side in SIDES]))
    truth = torch.arange(len(SIDES), device=told.device).repeat_interleave(len(nine["image"]))
    return F.cross_entropy(told, truth)
