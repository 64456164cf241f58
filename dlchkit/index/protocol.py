"""The protocol that every index follows, and the checks of its arguments."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from dlchkit.codes import check_n_bits, pack_codes
from dlchkit.errors import DataError


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The codes that a search found, nearest first.

    Attributes
    ----------
    distances : int32 array
        Hamming distances in 0..n_bits, rising along the last axis: (n_queries, k) from `CodeIndex.search` and
        (n_found,) from `CodeIndex.within`.
    found : bool array of the same shape
        An approximate kind may find fewer than k codes; the places left over stand last, with distance 2^31 - 1
        and an empty id.
    ids : str array of the same shape
        Looked up when first asked for.
    """

    distances: np.ndarray
    _rows: np.ndarray = field(repr=False)  # int64; position in _names, -1 where nothing was found
    _names: Sequence[str] = field(repr=False)

    @property
    def found(self) -> np.ndarray:
        return self._rows >= 0

    @cached_property
    def ids(self) -> np.ndarray:
        names = [self._names[row] if row >= 0 else "" for row in self._rows.ravel().tolist()]
        return np.array(names, dtype=np.str_).reshape(self._rows.shape)


class CodeIndex(Protocol):
    """An index of hash codes under string ids.

    Codes are int8 in {-1, +1}, shape (n, n_bits), as everywhere in the kit; ids are non-empty strings, each
    stored once. What cannot be done is a `DataError` of one line, and then nothing was changed.
    """

    n_bits: int

    def __len__(self) -> int:
        """Count the stored codes."""
        ...

    def add(self, codes: np.ndarray, ids: np.ndarray) -> None:
        """Store new codes under new ids."""

    def remove(self, ids: np.ndarray) -> None:
        """Forget the codes of these ids; all of them must be stored."""

    def search(self, codes: np.ndarray, k: int) -> Neighbours:
        """Find the k nearest codes of every query, in min(k, len(index)) columns."""
        ...

    def within(self, codes: np.ndarray, radius: int) -> list[Neighbours]:
        """Find, for every query, all stored codes at a distance of at most ``radius``."""
        ...

    def save(self, folder: str | Path) -> Path:
        """Keep the index in a folder, whole or not at all; `load_index` opens it again."""
        ...


def check_index_bits(n_bits: int) -> int:
    """Return ``n_bits`` if indices can store codes of that length, a multiple of 8; measures and learners take any."""
    if check_n_bits(n_bits) % 8:
        raise DataError(
            f"n_bits is {n_bits}; an index stores codes of a multiple of 8 bits, e.g. {n_bits + -n_bits % 8}"
        )
    return n_bits


def packed(codes: np.ndarray, n_bits: int) -> np.ndarray:
    """Pack the bits of ``codes``, uint8 (n, n_bits / 8), or refuse codes that do not fit the index."""
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] != n_bits:
        raise DataError(f"codes have shape {codes.shape}; an index of {n_bits} bits takes (n, {n_bits})")
    return pack_codes(codes)


def checked_k(k: int) -> int:
    """Return ``k`` if it is a number of neighbours."""
    if k < 1:
        raise DataError(f"k is {k}; ask for at least 1 neighbour")
    return int(k)


def checked_radius(radius: int, n_bits: int) -> int:
    """Return ``radius``, at most ``n_bits``, since no distance is larger."""
    if radius < 0 or radius != int(radius):
        raise DataError(f"radius is {radius}; a Hamming radius is a whole number from 0 to {n_bits}")
    return min(int(radius), n_bits)
