"""Read plain .npy files, without pickle."""

from pathlib import Path

import numpy as np

from dlchkit.errors import DataError


def read_array(path: Path) -> np.ndarray:
    """Read the array of a .npy file."""
    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except Exception:  # NumPy's reader of headers raises many kinds for broken files
        raise DataError(f"{path} is not a readable .npy array of numbers") from None


def read_features(path: Path, n_rows: int) -> np.ndarray | None:
    """Read float32 (n_rows, d) from a .npy file; None where there is no such file."""
    if not path.exists():
        return None
    features = read_array(path)
    if features.ndim != 2 or features.dtype.kind not in "fiu":
        raise DataError(
            f"{path} is an array of shape {features.shape} and type {features.dtype}; "
            "features are numbers of shape (rows, features)"
        )
    if len(features) != n_rows:
        raise DataError(f"{path} has {len(features)} rows, but there are {n_rows} items; row i must belong to item i")
    return features.astype(np.float32)
