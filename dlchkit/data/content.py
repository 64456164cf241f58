"""What is in pictures, texts, data sets and models, as digests: names of folders and dates of files do not count."""

import os
from dataclasses import fields
from pathlib import Path

import numpy as np

from dlchkit.data.containers import PairedDataset, SourceDataset
from dlchkit.storage import digest

BLOCK = 64  # pictures read at once: those of a large file never stand in memory together
_ABOUT = ("left_out", "notes")  # lines about the data, which hold the folder's name


def content_digest(items: np.ndarray) -> str:
    """Compute SHA-256 of pixels, of texts, or of the bytes of the files that paths name."""
    if items.dtype == np.uint8:
        blocks = (np.ascontiguousarray(items[start : start + BLOCK]).tobytes() for start in range(0, len(items), BLOCK))
        return digest(str(items.shape), *blocks)
    names = items.tolist()
    if names and all(os.path.isabs(name) and os.path.isfile(name) for name in names):  # a text may begin like a path
        return digest(*(digest(Path(name).read_bytes()) for name in names))
    return digest(*names)


def dataset_digest(data: PairedDataset | SourceDataset) -> str:
    """Compute SHA-256 of everything that a data set holds, pictures in files included."""
    held = {field.name: getattr(data, field.name) for field in fields(data) if field.name not in _ABOUT}
    return digest(*(part for name, value in held.items() if value is not None for part in (name, _digest_of(value))))


def _digest_of(value) -> str:
    if isinstance(value, tuple):
        return digest(*map(str, value))
    if value.dtype == np.uint8 or value.dtype.kind in "UO":
        return content_digest(value)
    return digest(str(value.dtype), str(value.shape), np.ascontiguousarray(value).tobytes())


def model_digest(place: Path) -> str:
    """Compute SHA-256 of a model: of its file, or of all files in its folder by name; hidden ones do not count."""
    if place.is_file():
        return digest(place.read_bytes())
    files = sorted(path for path in place.rglob("*") if path.is_file())
    names = [path.relative_to(place) for path in files]
    seen = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    return digest(*(part for name in seen for part in (name.as_posix(), digest((place / name).read_bytes()))))
