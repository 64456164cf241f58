"""Frozen image encoders: any torchvision classification network without its classifier."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision import models
from torchvision.transforms import v2

from dlchkit.errors import DataError
from dlchkit.runtime import choose_device, seeded
from dlchkit.storage import digest

IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]
BATCH = 64


class ImageEncoder:
    """A frozen trunk and the preprocessing that belongs to it.

    Parameters
    ----------
    trunk : torch.nn.Module
        From float (n, 3, size, size), normalised as for ImageNet, to (n, d).
    size : int
        Side of the square that the network sees, in pixels.
    name : str
        Part of the fingerprint, with the weights.
    source_size : int or None
        The same for pictures of the source domain, where objects are larger; None for no difference.
    device : str
        See `dlchkit.runtime.choose_device`.
    """

    def __init__(self, trunk: nn.Module, *, size: int, name: str, source_size: int | None = None, device: str = "auto"):
        self.device = choose_device(device)
        self.trunk = trunk.eval().requires_grad_(False).to(self.device)
        self.size = size
        self.source_size = source_size or size
        self.name = name
        weights = (value.cpu().numpy().tobytes() for value in trunk.state_dict().values())
        self.fingerprint = digest(f"{name} {size}px", *weights)

    @classmethod
    def from_torchvision(
        cls, name: str, *, weights: str | Path | None = None, size: int = 224, device: str = "auto"
    ) -> "ImageEncoder":
        """Load a torchvision classification model by name.

        Parameters
        ----------
        name : str
            For example "resnet18", "mobilenet_v2", "squeezenet1_1", "vit_b_16".
        weights : str, Path or None
            None fetches torchvision's published weights; a path to a local state file (.safetensors, or .pth read
            without pickle) needs no connection. A state file may leave out the classifier.
        size : int
            Side in pixels of the square that the network sees.
        device : str
            See `dlchkit.runtime.choose_device`.
        """
        try:
            network = models.get_model(name, weights=None)
        except ValueError:
            raise DataError(
                f"image encoder {name!r} is no torchvision classification model; "
                "for example resnet18, mobilenet_v2 or squeezenet1_1"
            ) from None
        if weights is None:
            network.load_state_dict(_published_weights(name))
            return cls(without_classifier(network), size=size, name=name, device=device)
        return cls.from_state(without_classifier(network), weights, name=name, size=size, device=device)

    @classmethod
    def from_state(cls, trunk: nn.Module, weights: str | Path, **settings) -> "ImageEncoder":
        """Load the weights of a trunk from a local state file; every weight must be there and fit."""
        _load_trunk(trunk, read_state(weights), weights)
        return cls(trunk, **settings)

    def for_source(self) -> "ImageEncoder":
        """Return an encoder of the same network for pictures of the source domain."""
        return ImageEncoder(self.trunk, size=self.source_size, name=self.name, device=str(self.device))

    @torch.no_grad()
    def encode(self, images: np.ndarray) -> np.ndarray:
        """Compute features float32 (n, d) of uint8 pixels (n, height, width, 3) or of image files (n,)."""
        batches = []
        for start in range(0, len(images), BATCH):
            pixels = as_pixels(images[start : start + BATCH], self.size)
            batches.append(self.trunk(normalise(pixels).to(self.device)).float().cpu())
        return torch.cat(batches).numpy()


def without_classifier(network: nn.Module) -> nn.Module:
    """Cut a network off at the input of its last linear layer, SqueezeNet at its average pool."""
    if isinstance(network, models.SqueezeNet):
        network.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1))
        return network
    last = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
    parent, _, child = last.rpartition(".")
    setattr(network.get_submodule(parent), child, nn.Identity())
    return network


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a state file of tensors; .safetensors, or .pth/.pt with torch's weights-only reader."""
    path = Path(path)
    if not os.path.isfile(path):
        raise DataError(f"weights file {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(
            f"weights file {path} is not a readable state file of tensors ({type(error).__name__}); "
            ".safetensors is best"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise DataError(
            f"weights file {path} is not a readable state file of tensors (it holds something else); "
            ".safetensors is best"
        )
    return state


def open_image(item: np.ndarray | str) -> Image.Image:
    """Open an RGB picture, from uint8 pixels (height, width, 3) or from a file's path."""
    if isinstance(item, np.ndarray):
        return Image.fromarray(item)
    try:
        with Image.open(item) as picture:
            return picture.convert("RGB")
    except OSError as error:
        raise DataError(
            f"image file {item} cannot be read ({error}); replace it, or leave its row out with --skip-bad-rows"
        ) from None


def small_network(n_classes: int, *, seed: int = 0) -> nn.Module:
    """Make a torchvision ResNet with one block per stage (4.9 million weights), which trains on a laptop."""
    with seeded(seed):
        return models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=n_classes)


def as_pixels(images: np.ndarray, size: int) -> torch.Tensor:
    """Resize the shorter side of pictures or files and crop the centre: uint8 (n, 3, size, size)."""
    fit = v2.Compose([v2.Resize(size, antialias=True), v2.CenterCrop(size)])
    return torch.stack([fit(torch.from_numpy(np.array(open_image(item))).permute(2, 0, 1)) for item in images])


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Turn uint8 pixels (n, 3, h, w) into float32, normalised by the mean and deviation of ImageNet."""
    return v2.functional.normalize(pixels.float() / 255, IMAGENET_MEAN, IMAGENET_STD)


def _published_weights(name: str) -> dict:
    try:
        weights = models.get_model_weights(name)["DEFAULT"]
        return weights.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"the published weights of {name} could not be fetched ({reason}); give a local state file as image_weights"
        ) from None


def _load_trunk(trunk: nn.Module, state: dict, path: str | Path) -> None:
    wanted = trunk.state_dict()
    missing = [key for key in wanted if key not in state]
    if missing:
        raise DataError(
            f"weights file {path} lacks {missing[0]!r} and {len(missing) - 1} more; it belongs to another network"
        )
    for key in wanted:
        given = tuple(state[key].shape)
        needed = tuple(wanted[key].shape)
        if given != needed:
            raise DataError(f"weights file {path} has {key!r} of shape {given}, the network needs {needed}")
    trunk.load_state_dict({key: state[key] for key in wanted})
