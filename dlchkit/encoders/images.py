"""Frozen image encoders: any torchvision classification network without its classifier."""

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

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH = 64


class ImageEncoder:
    """A frozen trunk and the preprocessing that belongs to it.

    Parameters
    ----------
    trunk : module from float (n, 3, size, size), ImageNet-normalised, to (n, d)
    size : side of the square the network sees, in pixels
    name : part of the fingerprint, with the weights
    source_size : the same for pictures of the source domain, where objects are larger;
        None for no difference
    """

    def __init__(self, trunk: nn.Module, *, size: int, name: str, source_size: int | None = None, device: str = "auto"):
        self.device = choose_device(device)
        self.trunk = trunk.eval().requires_grad_(False).to(self.device)
        self.size, self.source_size, self.name = size, source_size or size, name
        weights = (value.cpu().numpy().tobytes() for value in trunk.state_dict().values())
        self.fingerprint = digest(f"{name} {size}px", *weights)

    @classmethod
    def from_torchvision(cls, name: str, *, weights: str | Path | None = None, size: int = 224, device: str = "auto") -> "ImageEncoder":
        """Load a torchvision classification model by name.

        Parameters
        ----------
        name : for example "resnet18", "mobilenet_v2", "squeezenet1_1", "vit_b_16"
        weights : None fetches torchvision's published weights; a path to a local state
            file (.safetensors, or .pth read without pickle) needs no connection. A state
            file may leave out the classifier.
        size : side in pixels of the square that the network sees
        """
        try:
            network = models.get_model(name, weights=None)
        except ValueError:
            raise DataError(
                f"image encoder {name!r} is no torchvision classification model; for example resnet18, mobilenet_v2 or squeezenet1_1"
            ) from None
        if weights is None:
            network.load_state_dict(_published_weights(name))
            return cls(without_classifier(network), size=size, name=name, device=device)
        return cls.from_state(without_classifier(network), weights, name=name, size=size, device=device)

    @classmethod
    def from_state(cls, trunk: nn.Module, weights: str | Path, **settings) -> "ImageEncoder":
        """A trunk with weights from a local state file; every weight must be there and fit."""
        _load_trunk(trunk, read_state(weights), weights)
        return cls(trunk, **settings)

    def for_source(self) -> "ImageEncoder":
        """The same network, looking at pictures of the source domain."""
        return ImageEncoder(self.trunk, size=self.source_size, name=self.name, device=str(self.device))

    @torch.no_grad()
    def encode(self, images: np.ndarray) -> np.ndarray:
        """Features float32 (n, d) of uint8 pixels (n, height, width, 3) or of image files (n,)."""
        batches = []
        for start in range(0, len(images), BATCH):
            pixels = as_pixels(images[start : start + BATCH], self.size)
            batches.append(self.trunk(normalise(pixels).to(self.device)).float().cpu())
        return torch.cat(batches).numpy()


def without_classifier(network: nn.Module) -> nn.Module:
    """The network up to the input of its last linear layer; SqueezeNet's up to its average pool."""
    if isinstance(network, models.SqueezeNet):
        network.classifier = nn.AdaptiveAvgPool2d(1)
        return network
    parent, child = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1].rpartition(".")[::2]
    setattr(network.get_submodule(parent), child, nn.Identity())
    return network


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a state file of tensors; .safetensors, or .pth/.pt with torch's weights-only reader."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"weights file {path} does not exist")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(f"weights file {path} is not a readable state file of tensors ({type(error).__name__}); .safetensors is best") from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise DataError(f"weights file {path} is not a readable state file of tensors (it holds something else); .safetensors is best")
    return state


def open_image(item: np.ndarray | str) -> Image.Image:
    """An RGB picture from uint8 pixels (height, width, 3) or from a file's path."""
    if isinstance(item, np.ndarray):
        return Image.fromarray(item)
    try:
        with Image.open(item) as picture:
            return picture.convert("RGB")
    except OSError as error:
        raise DataError(f"image file {item} cannot be read ({error}); replace it, or leave its row out with --skip-bad-rows") from None


def small_network(n_classes: int, *, seed: int = 0) -> nn.Module:
    """A torchvision ResNet with one block per stage (4.9 million weights): trains on a laptop."""
    with seeded(seed):
        return models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=n_classes)


def as_pixels(images: np.ndarray, size: int) -> torch.Tensor:
    """uint8 (n, 3, size, size) of pixels or files: shorter side resized, centre cropped."""
    fit = v2.Compose([v2.Resize(size, antialias=True), v2.CenterCrop(size)])
    return torch.stack([fit(torch.from_numpy(np.array(open_image(item))).permute(2, 0, 1)) for item in images])


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 pixels (n, 3, h, w) to float32 with the mean and deviation of ImageNet."""
    return v2.functional.normalize(pixels.float() / 255, IMAGENET_MEAN, IMAGENET_STD)


def _published_weights(name: str) -> dict:
    try:
        return models.get_model_weights(name).DEFAULT.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise DataError(f"the published weights of {name} could not be fetched ({reason}); give a local state file as image_weights") from None


def _load_trunk(trunk: nn.Module, state: dict, path: str | Path) -> None:
    wanted = trunk.state_dict()
    missing = [key for key in wanted if key not in state]
    if missing:
        raise DataError(f"weights file {path} lacks {missing[0]!r} and {len(missing) - 1} more; it belongs to another network")
    wrong = next((key for key in wanted if wanted[key].shape != state[key].shape), None)
    if wrong:
        raise DataError(f"weights file {path} has {wrong!r} of shape {tuple(state[wrong].shape)}, the network needs {tuple(wanted[wrong].shape)}")
    trunk.load_state_dict({key: state[key] for key in wanted})
