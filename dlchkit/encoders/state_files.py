"""Weights out of local state files: published, older and wrapped forms, fitted to a network by their names."""

import argparse
import os
import re
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from dlchkit.errors import DataError

# what a name in published files became in torchvision's later modules
_RENAMED = (
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),  # DenseNet
    (re.compile(r"(mlp)\.linear_1\."), r"\1.0."),  # vision transformers
    (re.compile(r"(mlp)\.linear_2\."), r"\1.3."),
)
_COUNTER = "num_batches_tracked"  # of batch norm in training; files from before it was kept lack it


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a state file by name; .safetensors, or .pth/.pt with torch's weights-only reader.

    Tensors in dictionaries within dictionaries, as in the checkpoints of a training run, get the keys on their way,
    joined by dots, as a name. Whatever else a checkpoint holds is passed over.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise DataError(f"weights file {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            with torch.serialization.safe_globals([argparse.Namespace]):  # options beside the weights; runs nothing
                content = torch.load(path, map_location="cpu", weights_only=True)
        state = dict(_tensors(content, "")) if isinstance(content, dict) else {}
    except Exception as error:
        raise DataError(
            f"weights file {path} is not a readable state file of tensors ({type(error).__name__}); "
            ".safetensors is best"
        ) from None
    if not state:
        raise DataError(
            f"weights file {path} is not a readable state file of tensors (it holds something else); "
            ".safetensors is best"
        )
    return state


def _tensors(content: object, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(content, torch.Tensor):
        yield name, content
    elif isinstance(content, dict):
        for key, inner in content.items():
            yield from _tensors(inner, f"{name}.{key}" if name else str(key))


def fitting_weights(trunk: nn.Module, state: dict[str, torch.Tensor], place: str | Path) -> dict[str, torch.Tensor]:
    """Choose the weights of a trunk among the tensors of a file.

    Parameters
    ----------
    trunk : torch.nn.Module
        Its names and shapes say what is wanted.
    state : dict of str to torch.Tensor
        From `read_state`. All names of the trunk may stand behind one prefix ("module.", "state_dict.", ...); what
        the trunk has no place for, such as a classifier, is passed over.
    place : str or Path
        Where the tensors come from, for messages.

    Returns
    -------
    dict of str to torch.Tensor
        One for each entry of the trunk's state.

    Raises
    ------
    DataError
        A weight is missing or of another shape, or several networks of this architecture are in the file.
    """
    wanted = trunk.state_dict()
    names = {_present_name(name): name for name in state}
    needed = [name for name in wanted if not name.endswith(_COUNTER)]
    first = needed[0]
    prefixes = [name.removesuffix(first) for name in names if name == first or name.endswith(f".{first}")] or [""]
    lacking = {prefix: [name for name in needed if prefix + name not in names] for prefix in prefixes}
    prefix = min(prefixes, key=lambda prefix: len(lacking[prefix]))
    if missing := lacking[prefix]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(f"weights file {place} lacks {missing[0]!r}{more}; it belongs to another network")
    whole = [repr(prefix) for prefix in prefixes if not lacking[prefix]]
    if len(whole) > 1:
        raise DataError(
            f"weights file {place} holds {len(whole)} networks, their names begin with {' and '.join(whole)}; "
            "save the one you mean alone"
        )
    given = {name: state.get(names.get(prefix + name, "")) for name in wanted}
    return {name: _fitted(name, value, given[name], place) for name, value in wanted.items()}


def _present_name(name: str) -> str:
    for old, new in _RENAMED:
        name = old.sub(new, name)
    return name


def _fitted(name: str, wanted: torch.Tensor, given: torch.Tensor | None, place) -> torch.Tensor:
    if given is None:  # a counter
        return torch.zeros(wanted.shape, dtype=wanted.dtype)
    if given.shape != wanted.shape:
        raise DataError(
            f"weights file {place} has {name!r} of shape {tuple(given.shape)}, the network needs {tuple(wanted.shape)}"
        )
    if given.is_quantized or given.is_floating_point() != wanted.is_floating_point():
        raise DataError(f"weights file {place} has {name!r} of type {given.dtype}, the network needs {wanted.dtype}")
    aligned = torch.empty(wanted.shape, dtype=wanted.dtype)  # a file's own memory is not: sums would round otherwise
    return aligned.copy_(given.detach())


def fill(trunk: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Put weights from `fitting_weights` into a trunk; their names are those of its present version."""
    versions = trunk.state_dict()._metadata  # pyright: ignore[reportAttributeAccessIssue] - MNASNet asks for it
    state = OrderedDict(weights)
    state._metadata = versions  # pyright: ignore[reportAttributeAccessIssue]
    trunk.load_state_dict(state, assign=True)
