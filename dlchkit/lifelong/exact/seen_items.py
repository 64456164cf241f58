"""Which items were learned before: eight bytes for each id and for the features of each shard."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from dlchkit.storage import digest


def keys_of(names: Iterable[str]) -> np.ndarray:
    """The first eight bytes of the SHA-256 of each name, uint64 (n,)."""
    return np.array([int(digest(name)[:16], 16) for name in names], dtype=np.uint64)


def _no_keys() -> np.ndarray:
    return np.zeros(0, dtype=np.uint64)


@dataclass(frozen=True)
class SeenItems:
    """Digests of ids and of features learned, see `keys_of`; two items share one by chance once in n^2 / 2^65.

    Attributes
    ----------
    ids : uint64 array (n_ids,)
        Sorted; of the items that have an id.
    shards : uint64 array (n_shards,)
        Sorted; of each shard's features, whatever its items are called.
    """

    ids: np.ndarray = field(default_factory=_no_keys)
    shards: np.ndarray = field(default_factory=_no_keys)

    def __or__(self, other: "SeenItems") -> "SeenItems":
        return SeenItems(np.union1d(self.ids, other.ids), np.union1d(self.shards, other.shards))

    def __and__(self, other: "SeenItems") -> "SeenItems":
        return SeenItems(np.intersect1d(self.ids, other.ids), np.intersect1d(self.shards, other.shards))

    @property
    def nbytes(self) -> int:
        """Bytes of both."""
        return self.ids.nbytes + self.shards.nbytes
