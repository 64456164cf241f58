"""Exact hashing on disk: one safetensors file, its description inside as JSON, written whole or not at all."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dlchkit.data import SIDES
from dlchkit.errors import DataError
from dlchkit.lifelong.exact.estimator import ExactHashing
from dlchkit.lifelong.exact.random_features import RandomFeatures
from dlchkit.lifelong.exact.ridge_choice import RidgeChoice
from dlchkit.lifelong.exact.sums import ModalitySums
from dlchkit.storage import atomic_path, digest

SCHEMA = 1
_CODES = ("vectors", "counts", "codes", "starts")


def save_exact(hashing: ExactHashing, path: str | Path) -> Path:
    """Write sums, codes, features and settings to one .safetensors file.

    A kill at any moment leaves the old file or the new. The hash functions are not written:
    `load_exact` solves for them again.
    """
    hashing._need_fit()
    tensors = {f"codes.{name}": torch.as_tensor(getattr(hashing.codes, name)) for name in _CODES}
    for side in SIDES:
        of_side = vars(hashing.features[side]) | vars(hashing.sums[side])
        tensors |= {f"{side}.{name}": value.cpu().contiguous() for name, value in of_side.items()}
    about = {
        "schema": SCHEMA,
        "kind": "dlchkit exact hashing",
        "parameters": {**hashing.get_params(), "device": "auto"},
        "choices": {side: vars(choice) for side, choice in hashing.choices.items()},
    }
    about["digest"] = _digest(about, tensors)
    path = Path(path)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"dlchkit": json.dumps(about)})
    return path


def load_exact(path: str | Path, *, device: str = "auto") -> ExactHashing:
    """Read a file of `save_exact` and solve for the hash functions.

    Raises
    ------
    DataError
        For a file that is missing, cut off, altered, of another kind or of a newer schema.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["dlchkit"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        if about["schema"] > SCHEMA:
            raise DataError(
                f"{path} has schema {about['schema']}; this version reads up to {SCHEMA}: install a newer dlchkit"
            )
        if about.pop("digest") != _digest(about, tensors):
            raise DataError(
                f"{path} was altered after it was written: its content does not match its digest; "
                f"take a copy that was not"
            )
        hashing = ExactHashing(**{**about["parameters"], "device": device})
        for name in _CODES:
            setattr(hashing.codes, name, tensors[f"codes.{name}"].numpy())
        for side in SIDES:
            choice = about["choices"][side]
            hashing.choices[side] = RidgeChoice(**{**choice, "tried": tuple(map(tuple, choice["tried"]))})
            hashing.features[side] = RandomFeatures(tensors[f"{side}.mean"], tensors[f"{side}.layer"])
            gram = tensors[f"{side}.gram"].to(hashing.device)
            hashing.sums[side] = ModalitySums(gram, tensors[f"{side}.by_label"].to(hashing.device))
    except DataError:  # says it already
        raise
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; save_exact writes such a file") from None
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise DataError(
            f"{path} is no whole file of exact hashing ({type(error).__name__}); save_exact writes such a file"
        ) from None
    hashing._refit()
    return hashing


def _digest(about: dict, tensors: dict[str, torch.Tensor]) -> str:
    parts = []
    for name, value in sorted(tensors.items()):
        parts += [name, f"{value.dtype} {tuple(value.shape)}", np.ascontiguousarray(value.numpy())]
    return digest(json.dumps(about, sort_keys=True), *parts)
