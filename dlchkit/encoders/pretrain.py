"""A small image network, trained from scratch on a labelled source domain."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from dlchkit.data import SourceDataset
from dlchkit.data.content import content_digest
from dlchkit.data.picture_file import READING
from dlchkit.encoders.images import ImageEncoder, as_pixels, normalise, small_network
from dlchkit.encoders.torchvision_networks import without_classifier
from dlchkit.errors import DataError
from dlchkit.storage import data_home, digest, made_once

TRAIN_SIZE = 32  # pixels
SIZE = 64  # in use: the objects of a scene are half as wide as those of the source
BATCH = 64
SHIFT = 4  # pixels
OnEpoch = Callable[[int, int, dict[str, float]], None]


@dataclass(frozen=True)
class Pretrained:
    """A trained network, and per epoch its loss and its accuracy on held-out source pictures."""

    network: nn.Module
    history: dict[str, list[float]]


def pretrain_small_network(
    source: SourceDataset, *, epochs: int = 6, seed: int = 0, on_epoch: OnEpoch | None = None
) -> Pretrained:
    """Train `small_network` to name the classes of the source pictures.

    A tenth of the pictures is held out to measure accuracy. Pictures are shifted by up to 4 pixels and mirrored
    at random; AdamW, weight decay 0.05, one-cycle learning rate up to 0.003, batches of 64.

    Parameters
    ----------
    source : SourceDataset
        At least 20 pictures.
    epochs : int
        Passes over the pictures.
    seed : int
        Fixes initial weights, held-out pictures, order and shifts.
    on_epoch : callable or None
        Called after each epoch with (epoch, epochs, {"loss": x, "accuracy": y}).
    """
    pictures = _pictures(source)
    if len(source) < 20:
        raise DataError(f"the source has {len(source)} pictures; training a network needs 20 at least")
    generator = torch.Generator().manual_seed(seed)
    pixels = normalise(as_pixels(pictures, TRAIN_SIZE))
    labels = torch.as_tensor(source.labels)
    n_held_out = len(source) // 10
    order = torch.randperm(len(source), generator=generator)
    held_out = order[:n_held_out]
    rows = order[n_held_out:]
    network = small_network(len(source.class_names), seed=seed).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    steps = epochs * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    history = {"loss": [], "accuracy": []}
    for epoch in range(epochs):
        network.train()
        losses = []
        shuffled = rows[torch.randperm(len(rows), generator=generator)]
        for batch in shuffled.tensor_split(steps // epochs):  # of nearly equal sizes: never a batch of one
            loss = nn.functional.cross_entropy(network(_jitter(pixels[batch], generator)), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        history["loss"].append(float(np.mean(losses)))
        history["accuracy"].append(_accuracy(network, pixels[held_out], labels[held_out]))
        if on_epoch is not None:
            on_epoch(epoch, epochs, {name: values[-1] for name, values in history.items()})
    return Pretrained(network, history)


def pretrained_network(
    source: SourceDataset, *, seed: int = 0, on_epoch: OnEpoch | None = None
) -> tuple[Path, dict[str, list[float]]]:
    """Train the small network on a source once; afterwards read the weights that were kept.

    Returns
    -------
    path : Path
        The weights file below `data_home`.
    history : dict
        Loss and accuracy, one value per epoch.
    """
    key = digest("small network 1", READING, content_digest(_pictures(source)), source.labels.tobytes(), str(seed))[:32]
    path = data_home() / "networks" / f"{key}.safetensors"

    def train():
        trained = pretrain_small_network(source, seed=seed, on_epoch=on_epoch)
        state = {name: value.contiguous() for name, value in trained.network.state_dict().items()}
        metadata = {"history": json.dumps(trained.history)}
        return trained.history, lambda temporary: save_file(state, temporary, metadata=metadata)

    return path, made_once(path, _history, train)


def _pictures(source: SourceDataset) -> np.ndarray:
    if source.images is None:
        raise DataError("this source holds features, no pictures; a network is trained on pictures")
    return source.images


def _history(path: Path) -> dict[str, list[float]] | None:
    """Read the history that a weights file keeps; None if the file is absent or damaged, and is to be trained again."""
    try:
        with safe_open(path, framework="pt") as file:
            return json.loads(file.metadata()["history"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def small_encoder(weights: str | Path, *, device: str = "auto") -> ImageEncoder:
    """Load the frozen small network with the weights that `pretrained_network` kept."""
    trunk = without_classifier(small_network(2))
    return ImageEncoder.from_state(trunk, weights, name="small", size=SIZE, source_size=TRAIN_SIZE, device=device)


def _jitter(batch, generator):
    """Shift each picture (n, 3, height, width) by up to SHIFT pixels, and mirror half of them."""
    n, _, height, width = batch.shape
    padded = nn.functional.pad(batch, (SHIFT,) * 4, mode="replicate")
    down, right = torch.randint(0, 2 * SHIFT + 1, (2, n), generator=generator)
    rows = (down[:, None] + torch.arange(height))[:, None, :, None]
    columns = (right[:, None] + torch.arange(width))[:, None, None, :]
    shifted = padded[torch.arange(n)[:, None, None, None], torch.arange(3)[None, :, None, None], rows, columns]
    mirrored = (torch.rand(n, generator=generator) < 0.5)[:, None, None, None]
    return torch.where(mirrored, shifted.flip(3), shifted).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _accuracy(network, pixels, labels):
    network.eval()
    return (network(pixels).argmax(1) == labels).float().mean().item()
