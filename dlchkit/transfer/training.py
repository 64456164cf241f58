"""Training of CHTN: its loss terms, the batches of each, and the loop."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dlchkit.data import SIDES, PairedFeatures, SourceFeatures
from dlchkit.errors import DataError
from dlchkit.losses import agreement, contrastive, linear_squared_mmd, pair_distance, soft_cross_entropy, squared_mmd
from dlchkit.runtime import choose_device
from dlchkit.transfer.network import HybridTransferNetwork

CHTN_TERMS = ("source", "mmd6", "mmd7", "pair6", "pair7")
MHTN_TERMS = (*CHTN_TERMS, "adversarial")
KIT_TERMS = ("contrastive", "agreement")  # in neither paper
WEIGHTS = {
    "source": 1.0,
    "mmd6": 1.0,
    "mmd7": 1.0,
    "pair6": 0.001,
    "pair7": 0.001,
    "adversarial": 0.1,
    "contrastive": 1.0,
    "agreement": 0.3,
}
NEED_SOURCE = {"source", "mmd6", "mmd7"}
NEED_PAIRS = WEIGHTS.keys() - {"source"}
MMD_ESTIMATES = {"quadratic": squared_mmd, "linear": linear_squared_mmd}
BATCH = 64  # items
STEPS = 10  # batches per epoch


@dataclass(frozen=True)
class TransferResult:
    """A trained network and the course of each unweighted loss term, one value per epoch."""

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
    target : PairedFeatures
        Pairs whose features are trained on.
    source : SourceFeatures or None
        The source domain; None leaves the terms "source", "mmd6" and "mmd7" out.
    labelled : int array (m,)
        Positions of the pairs whose labels may be seen.
    unlabelled : int array, optional
        Positions of further pairs. Their labels are never read; every term of the target that
        needs no label then sees all pairs, labelled or not. Not in the paper, whose pairs are all
        labelled; None trains as the paper does.
    terms : tuple of str
        Terms of the loss beside the cross-entropies of image and text; () is the same network
        without any transfer. `CHTN_TERMS` are the paper's: "source", "mmd6" and "mmd7", "pair6"
        and "pair7", the digit being the layer. `MHTN_TERMS` add "adversarial". `KIT_TERMS` are
        this kit's own: "contrastive" lets image and text of a pair find each other at fc7,
        "agreement" sharpens the class that both name.
    weights : mapping of str to float, optional
        Term -> weight, in place of those in `WEIGHTS`; lambda is "pair6" and "pair7".
    start_from_source : bool
        Let the source branch learn first, by itself, for a fifth of the epochs, and the image
        branch start from its weights. Without the term "source" there is nothing to start from,
        and this has no effect.
    share_layers : bool
        One fc8 to fc10 for image and text; False gives each its own.
    mmd_estimate : {"quadratic", "linear"}
        The unbiased estimate, or that of the released files.
    epochs : int
        Of `STEPS` batches each, however many pairs there are, so that few labels and many are
        trained equally long.
    width, learning_rate, seed, device
        Units per layer, of SGD, of weights and batches, and "auto" or a torch device.

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
    wanted = {term for term in terms if source is not None or term not in NEED_SOURCE}
    network = HybridTransferNetwork(
        image_features=target.image.shape[1],
        text_features=target.text.shape[1],
        n_source_classes=1 if source is None else len(source.class_names),
        n_classes=len(target.class_names),
        width=width,
        share_layers=share_layers,
        seed=seed,
    ).to(choose_device(device))
    batches = _all_batches(network, target, source, labelled, unlabelled if wanted & NEED_PAIRS else None, seed)

    def source_alone() -> dict[str, Tensor]:
        layers, labels = _source_pass(network, batches)
        return {"source": _source_loss(network, layers, labels)}

    def every_term() -> dict[str, Tensor]:
        return _losses(network, batches, wanted, MMD_ESTIMATES[mmd_estimate])

    if start_from_source and "source" in wanted:
        _descend(network, source_alone, weights, max(1, epochs // 5), learning_rate)
        network.image.load_state_dict(network.source.state_dict())
    return TransferResult(network, _descend(network, every_term, weights, epochs, learning_rate))


def _check(target, source, labelled, terms, mmd_estimate) -> None:
    for term in terms:
        if term not in WEIGHTS:
            raise DataError(f"transfer has no term {term!r}; it has {', '.join(WEIGHTS)}")
    if mmd_estimate not in MMD_ESTIMATES:
        raise DataError(f"mmd_estimate is {mmd_estimate!r}; it must be {' or '.join(map(repr, MMD_ESTIMATES))}")
    if len(labelled) < 2:
        raise DataError(f"{len(labelled)} labelled pairs; transfer needs two at least")
    if source is not None and len(source) < 2:
        raise DataError(f"the source has {len(source)} items; transfer needs two at least")
    if source is not None and source.image.shape[1] != target.image.shape[1]:
        raise DataError(
            f"source features have {source.image.shape[1]} columns, target images {target.image.shape[1]}; "
            f"both must come from one encoder"
        )


def _all_batches(network, target, source, labelled, unlabelled, seed) -> dict[str, Iterator[list[Tensor]]]:
    device = network.source_classes.weight.device
    known = target[np.asarray(labelled)]
    batches = {"labelled": _batches(known.image, known.text, known.labels, seed=seed, device=device)}
    if unlabelled is not None:
        every = target[np.concatenate([labelled, unlabelled])]
        batches["every"] = _batches(every.image, every.text, seed=seed, device=device)
    if source is not None:
        batches["source"] = _batches(source.image, source.labels, seed=seed, device=device)
    return batches


def _batches(*arrays: np.ndarray, seed: int, device: torch.device) -> Iterator[list[Tensor]]:
    """The same rows of each array in full batches, reshuffled at every pass, without end.

    Batches are full because a batch of one breaks batch normalisation. Each stream of batches
    draws for itself, so that switching a term off leaves the others' batches as they were.
    """
    tensors = [torch.as_tensor(array, device=device) for array in arrays]
    n = len(tensors[0])
    size = min(BATCH, n)
    n_used = n // size * size
    generator = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(n, generator=generator)[:n_used].to(device).split(size):
            yield [tensor[rows] for tensor in tensors]


def _descend(
    network: HybridTransferNetwork,
    losses: Callable[[], dict[str, Tensor]],
    weights: Mapping[str, float],
    epochs: int,
    learning_rate: float,
) -> dict[str, list[float]]:
    """Take SGD steps on the weighted sum of the losses; return each one's mean per epoch."""
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9, weight_decay=5e-4, fused=True)
    history: dict[str, list[float]] = {}
    network.train()
    for _ in range(epochs):
        of_epoch: dict[str, list[Tensor]] = {}
        for _ in range(STEPS):
            terms = losses()
            loss = torch.zeros((), device=network.source_classes.weight.device)
            for name, value in terms.items():
                loss = loss + weights.get(name, 1.0) * value
                of_epoch.setdefault(name, []).append(value.detach())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for name, values in of_epoch.items():
            history.setdefault(name, []).append(torch.stack(values).mean().item())
    return history


def _losses(network: HybridTransferNetwork, batches, wanted: Collection[str], mmd: Callable) -> dict[str, Tensor]:
    """The terms of one step, unweighted: the source's, those of the labels, and those that need no label."""
    losses: dict[str, Tensor] = {}
    source: dict[str, Tensor] = {}
    if NEED_SOURCE & set(wanted):
        layers, source_labels = _source_pass(network, batches)
        source = {"fc6": layers[0], "fc7": layers[1]}
        if "source" in wanted:
            losses["source"] = _source_loss(network, layers, source_labels)
    image, text, labels = next(batches["labelled"])
    n_labelled = len(labels)
    every = slice(None)  # rows of the pairs that terms without labels see
    if "every" in batches:
        more_image, more_text = next(batches["every"])
        image = torch.cat([image, more_image])
        text = torch.cat([text, more_text])
        every = slice(n_labelled, None)
    six: dict[str, Tensor] = {}
    seven: dict[str, Tensor] = {}
    nine: dict[str, Tensor] = {}
    logits: dict[str, Tensor] = {}
    for side, features in {"image": image, "text": text}.items():
        layer_6, layer_7 = getattr(network, side)(features)
        layer_9, layer_10 = network.correlation[side](layer_7)
        losses[side] = soft_cross_entropy(layer_10[:n_labelled], labels)
        six[side] = layer_6[every]
        seven[side] = layer_7[every]
        nine[side] = layer_9[every]
        logits[side] = layer_10[every]
    without_labels = {
        "mmd6": lambda: mmd(source["fc6"], six["image"]),
        "mmd7": lambda: mmd(source["fc7"], seven["image"]),
        "pair6": lambda: pair_distance(six["image"], six["text"]),
        "pair7": lambda: pair_distance(seven["image"], seven["text"]),
        "adversarial": lambda: _modality_loss(network, nine),
        "contrastive": lambda: contrastive(seven["image"], seven["text"]),
        "agreement": lambda: agreement(logits["image"], logits["text"]),
    }
    return losses | {term: value() for term, value in without_labels.items() if term in wanted}


def _source_pass(network: HybridTransferNetwork, batches) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """fc6 and fc7 of the next source batch, and its labels."""
    image, labels = next(batches["source"])
    return network.source(image), labels


def _source_loss(network: HybridTransferNetwork, layers: tuple[Tensor, ...], labels: Tensor) -> Tensor:
    return F.cross_entropy(network.source_classes(layers[1]), labels)


def _modality_loss(network: HybridTransferNetwork, nine: dict[str, Tensor]) -> Tensor:
    predicted = network.modality(torch.cat([nine[side] for side in SIDES]))
    true = torch.arange(len(SIDES), device=predicted.device).repeat_interleave(len(nine["image"]))
    return F.cross_entropy(predicted, true)
