"""Exact hashing on disk: one safetensors file, its description inside as JSON, written whole or not at all."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save_file

from dlchkit.data import SIDES
from dlchkit.errors import DataError
from dlchkit.lifelong.exact.estimator import ExactHashing
from dlchkit.lifelong.exact.random_features import RandomFeatures
from dlchkit.lifelong.exact.ridge_choice import RidgeChoice
from dlchkit.lifelong.exact.seen_items import SeenItems
from dlchkit.lifelong.exact.sums import ModalitySums
from dlchkit.storage import atomic_path, digest

SCHEMA = 2  # 1 had neither class names nor digests of items
_CODES = ("vectors", "counts", "codes", "starts")


def save_exact(hashing: ExactHashing, path: str | Path) -> Path:
    """Write sums, codes, features and settings to one .safetensors file.

    A kill at any moment leaves the old file or the new. The hash functions are not written:
    `load_exact` solves for them again.
    """
    hashing._need_fit()
    tensors = {f"codes.{name}": torch.as_tensor(getattr(hashing.codes, name)) for name in _CODES}
    tensors |= {f"seen.{name}": torch.as_tensor(keys.view(np.int64)) for name, keys in vars(hashing.seen).items()}
    for side in SIDES:
        of_side = vars(hashing.features[side]) | vars(hashing.sums[side])
        tensors |= {f"{side}.{name}": value.cpu().contiguous() for name, value in of_side.items()}
    about = {
        "schema": SCHEMA,
        "kind": "dlchkit exact hashing",
        "parameters": {**hashing.get_params(), "device": "auto"},
        "choices": {side: vars(choice) for side, choice in hashing.choices.items()},
        "class_names": hashing.class_names,
    }
    about["digest"] = _digest(about, tensors)
    path = Path(path)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"dlchkit": json.dumps(about)})
    return path


def load_exact(path: str | Path, *, device: str = "auto") -> ExactHashing:
    """Read a file of `save_exact` into memory and solve for the hash functions.

    Raises
    ------
    DataError
        For a file that is missing, cut off, altered, of another kind or of a newer schema, or whose parts do not
        fit each other.

    Notes
    -----
    Files of schema 1 hold neither class names nor digests of items: ``class_names`` is then None and `SeenItems`
    empty.
    """
    path = Path(path)
    try:
        about, tensors = _parts(path.read_bytes())
        if about["schema"] > SCHEMA:
            raise DataError(
                f"{path} has schema {about['schema']}; this version reads up to {SCHEMA}: install a newer dlchkit"
            )
        if about.pop("digest") != _digest(about, tensors):
            raise DataError(
                f"{path} was altered after it was written: its content does not match its digest; "
                f"take a copy that was not"
            )
        hashing = _learner(about, tensors, device)
        hashing._refit()
    except DataError as error:  # says it already, but for a setting that no constructor takes
        raise error if str(path) in str(error) else DataError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; save_exact writes such a file") from None
    except Exception as error:  # safetensors, JSON and torch raise many kinds for what another program wrote
        raise DataError(
            f"{path} is no whole file of exact hashing ({type(error).__name__}); save_exact writes such a file"
        ) from None
    return hashing


def _parts(raw: bytes) -> tuple[dict, dict[str, torch.Tensor]]:
    """Description and tensors of a file's content; the tensors lie in memory of their own."""
    tensors = load(raw)  # which checks the header
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return json.loads(header["__metadata__"]["dlchkit"]), tensors


def _learner(about: dict, tensors: dict[str, torch.Tensor], device: str) -> ExactHashing:
    hashing = ExactHashing(**{**about["parameters"], "device": device})
    for name in _CODES:
        setattr(hashing.codes, name, tensors[f"codes.{name}"].numpy())
    for side in SIDES:
        choice = about["choices"][side]
        hashing.choices[side] = RidgeChoice(**{**choice, "tried": tuple(map(tuple, choice["tried"]))})
        hashing.features[side] = RandomFeatures(tensors[f"{side}.mean"], tensors[f"{side}.layer"])
        gram = tensors[f"{side}.gram"].to(hashing.device)
        hashing.sums[side] = ModalitySums(gram, tensors[f"{side}.by_label"].to(hashing.device))
    if about["schema"] > 1:
        names = about["class_names"]
        hashing.class_names = names if names is None else tuple(names)
        ids, shards = (tensors[f"seen.{name}"].numpy().view(np.uint64) for name in ("ids", "shards"))
        hashing.seen = SeenItems(ids, shards)
    _check_parts(hashing)
    return hashing


def _check_parts(hashing: ExactHashing) -> None:
    """ValueError where shapes, types or values are none that a learner can have."""
    codes = hashing.codes
    n_vectors, n_classes = codes.vectors.shape
    names = hashing.class_names
    right = [
        codes.vectors.dtype == bool and codes.vectors.any(1).all(),
        len(np.unique(codes.vectors, axis=0)) == n_vectors,
        codes.counts.dtype == np.int64 and codes.counts.shape == (n_vectors,) and (codes.counts >= 0).all(),
        codes.codes.dtype == np.int8 and codes.codes.shape == (n_vectors, hashing.n_bits),
        ((np.abs(codes.codes) == 1).all(1) | (codes.codes == 0).all(1)).all(),  # 0 where items wait for a code
        codes.starts.dtype == np.int8 and codes.starts.shape == (n_classes, hashing.n_bits),
        np.isin(codes.starts, (-1, 0, 1)).all(),
        names is None or (len(set(names)) == len(names) >= n_classes and all(isinstance(name, str) for name in names)),
    ]
    for side in SIDES:
        features, sums, choice = hashing.features[side], hashing.sums[side], hashing.choices[side]
        (d,) = features.mean.shape
        right += [
            features.mean.dtype == features.layer.dtype == torch.float32,
            features.layer.shape == (d, choice.units),
            sums.gram.dtype == sums.by_label.dtype == torch.float64,
            sums.gram.shape == (features.width, features.width),
            sums.by_label.shape == (n_vectors, features.width),
            choice.ridge > 0 and choice.scale > 0,
            all(torch.isfinite(part).all() for part in (features.mean, features.layer, sums.gram, sums.by_label)),
        ]
    if not all(right):
        raise ValueError


def _digest(about: dict, tensors: dict[str, torch.Tensor]) -> str:
    parts = []
    for name, value in sorted(tensors.items()):
        parts += [name, f"{value.dtype} {tuple(value.shape)}", np.ascontiguousarray(value.numpy())]
    return digest(json.dumps(about, sort_keys=True), *parts)
