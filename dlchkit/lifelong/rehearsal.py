"""The few old items that rehearsing methods keep."""

import numpy as np

from dlchkit.data import PairedFeatures
from dlchkit.errors import DataError


class RehearsalSample:
    """A uniform sample of at most ``size`` items of all that was ever added, with their codes.

    Every item draws a random key once, and the smallest keys stay.

    Attributes
    ----------
    data : `PairedFeatures` of the kept items, None before the first `add`
    codes : int8 (n, n_bits), their hash codes
    extra : name -> array (n, ...), what else was given to `add`
    """

    def __init__(self, size: int, seed: int):
        if size < 0:
            raise DataError(f"rehearsal is {size}; it is a number of old items, 0 or more")
        self.size, self.random = size, np.random.default_rng(seed)
        self.data: PairedFeatures | None = None
        self.codes = self.keys = None
        self.extra: dict[str, np.ndarray] = {}

    def add(self, data: PairedFeatures, codes: np.ndarray, **extra: np.ndarray) -> None:
        """Let new items compete for a place; every call must name the same ``extra`` arrays, one row per item."""
        keys = self.random.random(len(data))
        if self.data is not None:
            data, codes, keys = self.data.concatenate(data), np.concatenate([self.codes, codes]), np.concatenate([self.keys, keys])
            extra = {name: np.concatenate([self.extra[name], rows]) for name, rows in extra.items()}
        kept = np.sort(np.argsort(keys)[: self.size])
        self.data, self.codes, self.keys = data[kept], codes[kept], keys[kept]
        self.extra = {name: rows[kept] for name, rows in extra.items()}

    def after(self, data: PairedFeatures) -> PairedFeatures:
        """``data`` followed by the rehearsed items."""
        return data.concatenate(self.data)
