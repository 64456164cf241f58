"""A small image network, trained from scratch on a labelled source domain."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from dlchkit.data import SourceDataset
from dlchkit.encoders.cache import content_digest
from dlchkit.encoders.images import ImageEncoder, as_pixels, normalise, small_network, without_classifier
from dlchkit.errors import DataError
from dlchkit.storage import atomic_path, data_home, digest, one_at_a_time

TRAIN_SIZE, SIZE = 32, 64  # trained on 32 px, used at 64: objects of a scene are half as wide as those of the source
BATCH, SHIFT = 64, 4


@dataclass(frozen=True)
class Pretrained:
    """A trained network, its loss and its accuracy on held-out source pictures, one value per epoch."""

    network: nn.Module
    history: dict[str, list[float]]


def pretrain_small_network(source: SourceDataset, *, epochs: int = 6, seed: int = 0, on_epoch=None) -> Pretrained:
    """Train `small_network` to name the classes of the source pictures.

    A tenth of the pictures is held out to measure accuracy. Pictures are shifted by up to
    4 pixels and mirrored at random; AdamW, weight decay 0.05, one-cycle learning rate up
    to 0.003, batches of 64.

    Parameters
    ----------
    source : with images; at least 20
    on_epoch : called after each epoch with (epoch, epochs, {"loss": x, "accuracy": y})
    """
    if source.images is None:
        raise DataError("this source holds features, no pictures; a network is trained on pictures")
    if len(source) < 20:
        raise DataError(f"the source has {len(source)} pictures; training a network needs 20 at least")
    generator = torch.Generator().manual_seed(seed)
    pixels = normalise(as_pixels(source.images, TRAIN_SIZE))
    labels = torch.as_tensor(source.labels)
    held_out, rows = torch.randperm(len(source), generator=generator).split([len(source) // 10, len(source) - len(source) // 10])
    network = small_network(len(source.class_names), seed=seed).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    steps = epochs * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    history = {"loss": [], "accuracy": []}
    for epoch in range(epochs):
        network.train()
        losses = []
        for batch in rows[torch.randperm(len(rows), generator=generator)].tensor_split(steps // epochs):  # never a batch of one
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


def pretrained_network(source: SourceDataset, *, seed: int = 0, on_epoch=None) -> tuple[Path, dict]:
    """Train the small network on a source once; afterwards read what was kept.

    Returns
    -------
    path of the weights file below `data_home`, and the history of its training
    """
    key = digest("small network 1", content_digest(source.images), source.labels.tobytes(), str(seed))[:32]
    path = data_home() / "networks" / f"{key}.safetensors"
    history = _history(path)
    if history is None:
        with one_at_a_time(path):  # of several processes that ask at once one trains, the others wait and read
            history = _history(path)
            if history is None:
                history = _train_and_keep(source, path, seed, on_epoch)
    return path, history


def _train_and_keep(source, path, seed, on_epoch) -> dict:
    trained = pretrain_small_network(source, seed=seed, on_epoch=on_epoch)
    state = {name: value.contiguous() for name, value in trained.network.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(state, temporary, metadata={"history": json.dumps(trained.history)})
    return trained.history


def _history(path) -> dict | None:
    """The history that a weights file keeps; None if the file is absent, or damaged from outside: then it is trained again."""
    try:
        with safe_open(path, framework="pt") as file:
            return json.loads(file.metadata()["history"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def small_encoder(weights: str | Path, *, device: str = "auto") -> ImageEncoder:
    """The frozen small network with the weights that `pretrained_network` kept."""
    return ImageEncoder.from_state(without_classifier(small_network(2)), weights, name="small", size=SIZE, source_size=TRAIN_SIZE, device=device)


def _jitter(batch, generator):
    """Shift each picture by up to SHIFT pixels and mirror it or not."""
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
