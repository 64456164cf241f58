"""Frozen image encoders: any torchvision classification network without its classifier."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision import models
from torchvision.transforms import v2

from dlchkit.data.picture_file import READING, open_picture
from dlchkit.encoders.state_files import fill, fitting_weights, read_state
from dlchkit.encoders.torchvision_networks import fetch_weights, published_network
from dlchkit.errors import DataError
from dlchkit.runtime import choose_device, seeded
from dlchkit.storage import digest

IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]
BATCH = 64
LONGEST = 20  # times the shorter side: what lies farther from the centre of a picture is cut off before resizing


class ImageEncoder:
    """A frozen trunk and the preprocessing that belongs to it.

    Parameters
    ----------
    trunk : torch.nn.Module
        From float (n, 3, size, size) to (n, d).
    size : int
        Side of the square that the network sees, in pixels.
    name : str
        Part of the fingerprint, with the weights, the network's settings and the preprocessing.
    source_size : int or None
        The same for pictures of the source domain, where objects are larger; None for no difference.
    preparation : torch.nn.Module or None
        From a PIL picture in RGB to float (3, size, size); its ``repr`` says all that it does. None resizes the
        shorter side to ``size``, crops the centre and normalises as for ImageNet.
    device : str
        See `dlchkit.runtime.choose_device`.
    """

    def __init__(
        self,
        trunk: nn.Module,
        *,
        size: int,
        name: str,
        source_size: int | None = None,
        preparation: nn.Module | None = None,
        device: str = "auto",
    ):
        if preparation is not None and source_size not in (None, size):
            raise DataError("source_size is for the kit's own preprocessing; give a preparation for each size")
        self.device = choose_device(device)
        self.trunk = trunk.eval().requires_grad_(False).to(self.device)
        self.size = size
        self.source_size = source_size or size
        self.name = name
        self.preparation = preparation

    @property
    def fingerprint(self) -> str:
        """Of the network and its weights as they are now, the preprocessing, and how pictures are read."""
        settings = f"{self.name} {self.size}px {READING} {self.preparation!r}"
        return digest(settings, *_structure(self.trunk), *_weights(self.trunk))

    @classmethod
    def from_torchvision(
        cls, name: str, *, weights: str | Path | None = None, size: int = 0, device: str = "auto"
    ) -> "ImageEncoder":
        """Load a torchvision classification model by name, with the preprocessing of its published weights.

        Parameters
        ----------
        name : str
            For example "resnet18", "mobilenet_v2", "squeezenet1_1", "vit_b_16".
        weights : str, Path or None
            None fetches torchvision's published weights; a path to a local state file (.safetensors, or .pth read
            without pickle) needs no connection. See `dlchkit.encoders.state_files` for the forms that are read, and
            `dlchkit.encoders.torchvision_networks.published_network` for the preprocessing that is taken.
        size : int
            Side in pixels of the square that the network sees; 0 for that of the published weights.
        device : str
            See `dlchkit.runtime.choose_device`.
        """
        network = published_network(name, weights=weights, size=size)
        fill(network.trunk, fetch_weights(network) if network.weights is None else network.weights)
        return cls(network.trunk, size=network.size, name=name, preparation=network.preparation, device=device)

    @classmethod
    def from_state(cls, trunk: nn.Module, weights: str | Path, **settings) -> "ImageEncoder":
        """Load the weights of a trunk from a local state file; every weight must be there and fit."""
        fill(trunk, fitting_weights(trunk, read_state(weights), weights))
        return cls(trunk, **settings)

    def for_source(self) -> "ImageEncoder":
        """Return an encoder of the same network for pictures of the source domain."""
        if self.source_size == self.size:
            return self
        return ImageEncoder(self.trunk, size=self.source_size, name=self.name, device=str(self.device))

    @torch.no_grad()
    def encode(self, images: np.ndarray) -> np.ndarray:
        """Compute features float32 (n, d) of uint8 pixels (n, height, width, 3) or of image files (n,)."""
        batches = []
        for start in range(0, len(images), BATCH):
            prepared = self._prepared(images[start : start + BATCH])
            batches.append(self.trunk(prepared.to(self.device)).float().cpu())
        return torch.cat(batches).numpy()

    def _prepared(self, images: np.ndarray) -> torch.Tensor:
        if self.preparation is None:
            return normalise(as_pixels(images, self.size))
        return torch.stack([self.preparation(_centre(open_picture(item))) for item in images])


def _structure(trunk: nn.Module) -> list[str]:
    """Say of every module its kind and those of its settings that are plain values."""
    plain = (bool, int, float, str, tuple, type(None))
    return [
        f"{name} {type(module).__qualname__} "
        f"{sorted((key, repr(value)) for key, value in vars(module).items() if isinstance(value, plain))}"
        for name, module in trunk.named_modules()
    ]


def _weights(trunk: nn.Module) -> list[str]:
    """Compute a digest of each weight, in the order of the state."""
    tensors = ((name, value.cpu().contiguous()) for name, value in trunk.state_dict().items())
    return [
        digest(f"{name} {value.dtype} {tuple(value.shape)}", value.reshape(-1).view(torch.uint8).numpy().tobytes())
        for name, value in tensors
    ]


def _centre(picture: Image.Image) -> Image.Image:
    """Cut the ends off a very long picture, of which the network sees the centre alone."""
    width, height = picture.size
    most = LONGEST * min(width, height)
    left, top = max(0, width - most) // 2, max(0, height - most) // 2
    return picture.crop((left, top, width - left, height - top)) if left or top else picture


def small_network(n_classes: int, *, seed: int = 0) -> nn.Module:
    """Make a torchvision ResNet with one block per stage (4.9 million weights), which trains on a laptop."""
    with seeded(seed):
        return models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=n_classes)


def as_pixels(images: np.ndarray, size: int) -> torch.Tensor:
    """Resize the shorter side of pictures or files and crop the centre: uint8 (n, 3, size, size)."""
    fit = v2.Compose([v2.Resize(size, antialias=True), v2.CenterCrop(size)])
    pictures = (np.array(_centre(open_picture(item))) for item in images)
    return torch.stack([fit(torch.from_numpy(picture).permute(2, 0, 1)) for picture in pictures])


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Turn uint8 pixels (n, 3, h, w) into float32, normalised by the mean and deviation of ImageNet."""
    return v2.functional.normalize(pixels.float() / 255, IMAGENET_MEAN, IMAGENET_STD)
