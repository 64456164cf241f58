"""The few old items that rehearsing methods keep."""

import numpy as np

from dlchkit.data import PairedFeatures
from dlchkit.errors import DataError


class RehearsalSample:
    """A uniform sample of at most ``size`` items of all that was ever added, with their codes.

    Every item draws a random key once, and the smallest keys stay.

    Attributes
    ----------
    data : PairedFeatures or None
        The kept items; None before the first `add`.
    codes : int8 array (n, n_bits)
        Their hash codes.
    extra : dict of str to array (n, ...)
        Further arrays given to `add`.
    """

    def __init__(self, size: int, seed: int):
        if size < 0:
            raise DataError(f"rehearsal is {size}; it is a number of old items, 0 or more")
        self.size = size
        self.random = np.random.default_rng(seed)
        self.data: PairedFeatures | None = None
        self.codes = np.empty((0, 0), dtype=np.int8)
        self.keys = np.empty(0)
        self.extra: dict[str, np.ndarray] = {}

    def add(self, data: PairedFeatures, codes: np.ndarray, **extra: np.ndarray) -> None:
        """Let new items compete for a place; every call must name the same ``extra`` arrays, one row per item."""
        keys = self.random.random(len(data))
        if self.data is not None:
            data = self.data.concatenate(data)
            codes = np.concatenate([self.codes, codes])
            keys = np.concatenate([self.keys, keys])
            extra = {name: np.concatenate([self.extra[name], rows]) for name, rows in extra.items()}
        kept = np.sort(np.argsort(keys)[: self.size])
        self.data = data[kept]
        self.codes = codes[kept]
        self.keys = keys[kept]
        self.extra = {name: rows[kept] for name, rows in extra.items()}

    def after(self, data: PairedFeatures) -> PairedFeatures:
        """``data`` followed by the rehearsed items."""
        return data if self.data is None else data.concatenate(self.data)
