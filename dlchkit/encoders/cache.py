"""The feature cache: frozen features are computed once for the same encoder and content."""

from pathlib import Path
from typing import Protocol

import numpy as np

from dlchkit.data.content import content_digest
from dlchkit.storage import data_home, digest, made_once


class Encoder(Protocol):
    """A frozen encoder: equal fingerprints mean equal features of equal items."""

    @property
    def fingerprint(self) -> str:
        """Of all that changes features: weights, settings and preprocessing."""
        ...

    def encode(self, items: np.ndarray, /) -> np.ndarray:
        """Compute features, float32 (n, d)."""
        ...


def cached_features(encoder: Encoder, items: np.ndarray, *, folder: Path | None = None) -> np.ndarray:
    """Encode ``items``, or read the features that the same encoder once made of the same content.

    Parameters
    ----------
    encoder : Encoder
        Has ``fingerprint`` (str) and ``encode(items)``.
    items : array
        Pixels (n, height, width, 3), paths of image files (n,) or texts (n,).
    folder : Path or None
        Where features are kept; None takes ``data_home()/features``.

    Returns
    -------
    float32 array (n, d)
        The key covers the encoder's weights and settings and the bytes of every item (for paths, of the files
        themselves), in order. Of several processes that ask at once, one encodes and the others wait and read.
    """
    key = digest(encoder.fingerprint, content_digest(items))[:32]

    def encode():
        features = encoder.encode(items)
        return features, lambda temporary: np.save(temporary, features, allow_pickle=False)

    path = (folder or data_home() / "features") / f"{key}.npy"
    return made_once(path, lambda kept: _read(kept, len(items)), encode)


def _read(path: Path, n: int) -> np.ndarray | None:
    try:
        with open(path, "rb") as file:
            features = np.lib.format.read_array(file, allow_pickle=False)
    except Exception:  # absent, or damaged from outside, of which NumPy raises many kinds: computed again
        return None
    fits = features.ndim == 2 and len(features) == n and features.dtype.kind == "f"
    return features if fits else None
