"""Torchvision's classification networks as the entries of their published weights describe them."""

import copy
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torchvision import models
from torchvision.models import WeightsEnum

from dlchkit.encoders.state_files import fitting_weights, read_state
from dlchkit.errors import DataError, nearest_name
from dlchkit.runtime import seeded


class PublishedNetwork(NamedTuple):
    """A network without classifier, and what torchvision states about the weights that it is for.

    Attributes
    ----------
    trunk : torch.nn.Module
        Its weights are not filled in.
    entry : torchvision.models.WeightsEnum
        The published weights whose preprocessing and network are taken.
    preparation : torch.nn.Module
        From a PIL picture to float32 (3, size, size): the entry's own preprocessing.
    size : int
        Side of the square that the network sees, in pixels.
    weights : dict or None
        Those of the local file, by the trunk's names; None where the published ones are to be fetched.
    """

    trunk: nn.Module
    entry: WeightsEnum
    preparation: nn.Module
    size: int
    weights: dict[str, torch.Tensor] | None

    def __str__(self) -> str:
        """Say in one line how pictures are prepared."""
        return f"as {self.entry}: {' '.join(str(self.preparation).split())}"


def published_network(name: str, *, weights: str | Path | None = None, size: int = 0) -> PublishedNetwork:
    """Describe a classification network; nothing is fetched.

    Parameters
    ----------
    name : str
        See `torchvision.models.list_models`.
    weights : str, Path or None
        A local state file. Its entry is the published weights whose file has the same name; else the first that has
        a network which the file fits, torchvision's default before the others.
    size : int
        Side in pixels of the square that the network sees; 0 for the entry's own. Pictures are resized before the
        crop in the entry's proportion.

    Raises
    ------
    DataError
        An architecture that torchvision does not have, a file that does not fit it, or a size that it does not take.
    """
    known = models.list_models(module=models)
    if name.lower() not in known:
        raise DataError(f"image encoder {name!r} is no torchvision classification model; {nearest_name(name, known)}")
    if size < 0:
        raise DataError(f"image_size is {size}; it is a number of pixels, or 0 for that of the published weights")
    entry, trunk, fitting = _entry(name.lower(), weights)
    preparation = entry.transforms()
    published_size = preparation.crop_size[0]
    if size and size != published_size:
        _check_size(name, trunk, size, published_size)
        resize = round(preparation.resize_size[0] * size / published_size)
        preparation = entry.transforms(crop_size=size, resize_size=resize)
    return PublishedNetwork(trunk, entry, preparation, size or published_size, fitting)


def _entry(name: str, weights: str | Path | None) -> tuple[WeightsEnum, nn.Module, dict[str, torch.Tensor] | None]:
    published = models.get_model_weights(name)
    default = published["DEFAULT"]
    if weights is None:
        return default, _trunk(name, default), None
    state = read_state(weights)
    entries = sorted(published, key=lambda entry: entry is not default)
    named = [entry for entry in entries if Path(entry.url).name == Path(weights).name]
    first_refusal = None
    for entry in named or entries:
        trunk = _trunk(name, entry)
        try:
            return entry, trunk, fitting_weights(trunk, state, weights)
        except DataError as refusal:
            first_refusal = first_refusal or refusal
    raise first_refusal or DataError(f"torchvision has no published weights of {name}")


class _Unfilled(TorchFunctionMode):
    """Weights made inside take no memory; buffers that are computed are real."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}) | ({"device": "meta"} if func is torch.empty else {}))


def _trunk(name: str, entry: WeightsEnum) -> nn.Module:
    """Build the network that torchvision builds for an entry, cut off before its classifier."""
    arguments = {}
    if name in ("googlenet", "inception_v3"):
        arguments = {"transform_input": True, "aux_logits": False, "init_weights": False}
    if name.startswith("vit_"):
        arguments = {"image_size": entry.meta["min_size"][0]}
    with seeded(0), _Unfilled():
        return without_classifier(models.get_model(name, weights=None, **arguments)).eval()


def without_classifier(network: nn.Module) -> nn.Module:
    """Cut a network off at the input of its last linear layer, SqueezeNet at its average pool."""
    if isinstance(network, models.SqueezeNet):
        network.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1))
        return network
    last = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
    parent, _, child = last.rpartition(".")
    setattr(network.get_submodule(parent), child, nn.Identity())
    return network


@torch.no_grad()
def _check_size(name: str, trunk: nn.Module, size: int, published_size: int) -> None:
    """Refuse a size at which the network cannot be computed; shapes alone are computed for that."""
    try:
        copy.deepcopy(trunk).to("meta")(torch.empty(1, 3, size, size, device="meta"))
    except Exception:  # of many kinds: an empty feature map, an assertion, positions that do not fit
        raise DataError(
            f"image encoder {name!r} takes no pictures of {size} pixels per side; "
            f"its weights are for {published_size}: set image_size to 0 for that"
        ) from None


def fetch_weights(network: PublishedNetwork) -> dict[str, torch.Tensor]:
    """Fetch the published weights of a network, by the trunk's names."""
    entry = network.entry
    try:
        state = entry.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: the file has another checksum
        reason = getattr(error, "reason", error)
        raise DataError(
            f"the published weights {entry} could not be fetched ({reason}); give a local state file as image_weights"
        ) from None
    return fitting_weights(network.trunk, state, entry.url)
