"""The feature cache: frozen features are computed once for the same encoder and content."""

from pathlib import Path

import numpy as np

from dlchkit.storage import atomic_path, data_home, digest, one_at_a_time

BLOCK = 64  # pictures read at once: those of a large file never stand in memory together


def cached_features(encoder, items: np.ndarray, *, folder: Path | None = None) -> np.ndarray:
    """Encode ``items``, or read what the same encoder once made of the same content.

    Parameters
    ----------
    encoder : has ``fingerprint`` (str) and ``encode(items)`` -> float32 (n, d)
    items : pixels (n, height, width, 3), image file paths (n,) or texts (n,)
    folder : where features are kept; default ``data_home()/features``

    Returns
    -------
    float32 array (n, d). The key covers the encoder's weights and settings and the bytes
    of every item (of the files themselves for paths), in order. Of several processes that
    ask at once, one encodes and the others wait and read.
    """
    path = (folder or data_home() / "features") / f"{digest(encoder.fingerprint, content_digest(items))[:32]}.npy"
    features = _read(path, len(items))
    if features is not None:
        return features
    with one_at_a_time(path):
        features = _read(path, len(items))
        if features is None:
            features = encoder.encode(items)
            with atomic_path(path) as temporary:
                np.save(temporary, features, allow_pickle=False)
    return features


def content_digest(items: np.ndarray) -> str:
    """SHA-256 of what the items are: pixels, texts, or the bytes of the files they name."""
    if items.dtype == np.uint8:
        blocks = (np.ascontiguousarray(items[start : start + BLOCK]).tobytes() for start in range(0, len(items), BLOCK))
        return digest(str(items.shape), *blocks)
    names = items.tolist()
    is_file = bool(names) and Path(names[0]).is_absolute() and Path(names[0]).is_file()
    return digest(*(digest(Path(name).read_bytes()) for name in names)) if is_file else digest(*names)


def _read(path: Path, n: int) -> np.ndarray | None:
    try:
        with open(path, "rb") as file:
            features = np.lib.format.read_array(file, allow_pickle=False)
    except Exception:  # absent, or damaged from outside, of which NumPy raises many kinds: computed again
        return None
    return features if features.ndim == 2 and len(features) == n and features.dtype.kind == "f" else None
