"""The kinds of FAISS index, each with its settings under FAISS's own names."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from dlchkit.errors import DataError, optional_module

ITEMS_PER_LIST = 39  # with fewer, FAISS itself warns that the centres of the lists are poor


def faiss() -> Any:
    """Import FAISS, or say how to install it."""
    return optional_module("faiss", "search")


@dataclass(frozen=True)
class Flat:
    """Exact: every code is compared (IndexBinaryFlat). 8 bytes per item beside the code, for its row."""

    removes: ClassVar[bool] = True
    ranges: ClassVar[bool] = True

    def build(self, packed: np.ndarray) -> Any:
        """Make an empty index for packed codes like these."""
        return faiss().IndexBinaryIDMap(faiss().IndexBinaryFlat(8 * packed.shape[1]))

    def rows_of(self, index: Any) -> np.ndarray | None:
        """The rows that a loaded index of this kind holds, int64 (n,); None for one of another kind."""
        return faiss().vector_to_array(index.id_map) if type(index) is faiss().IndexBinaryIDMap else None


@dataclass(frozen=True)
class InvertedLists:
    """Approximate: codes stand in lists around centres, and the nearest lists are read (IndexBinaryIVF).

    The centres are trained on the codes added first. Classes that come later fall into lists drawn without
    them, which costs recall: build the index again when the data has changed much.

    Parameters
    ----------
    nlist : int or None
        Number of lists; None takes the power of two at or below the square root of the number of items added first.
    nprobe : int
        Lists read for a query; ``nprobe = nlist`` is exact.
    """

    nlist: int | None = None
    nprobe: int = 16
    removes: ClassVar[bool] = True
    ranges: ClassVar[bool] = True

    def build(self, packed: np.ndarray) -> Any:
        """Make an empty index whose centres are trained on these packed codes."""
        n = len(packed)
        n_bits = 8 * packed.shape[1]
        needed = ITEMS_PER_LIST * (self.nlist or ITEMS_PER_LIST)
        if n < needed:
            raise DataError(
                f"kind 'ivf' trains on the codes added first and needs {needed:,} of them, got {n:,}; "
                "kind 'flat' takes any number"
            )
        nlist = self.nlist or 2 ** int(np.log2(n) / 2)
        index = faiss().IndexBinaryIVF(faiss().IndexBinaryFlat(n_bits), n_bits, nlist)
        index.train(packed)
        index.nprobe = min(self.nprobe, nlist)
        return index

    def rows_of(self, index: Any) -> np.ndarray | None:
        """The rows that a loaded index of this kind holds, int64 (n,); None for one of another kind."""
        if type(index) is not faiss().IndexBinaryIVF:
            return None
        lists = index.invlists
        rows = [faiss().rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy() for i in range(lists.nlist)]
        return np.concatenate(rows)


@dataclass(frozen=True)
class Graph:
    """Approximate: a graph of near codes is walked (IndexBinaryHNSW). Slow to build; nothing can be removed.

    Parameters
    ----------
    M : int
        Neighbours kept per code, 8 bytes each.
    efSearch : int
        Codes kept in view during a walk, at least k.
    """

    M: int = 16
    efSearch: int = 64
    removes: ClassVar[bool] = False
    ranges: ClassVar[bool] = False

    def build(self, packed: np.ndarray) -> Any:
        """Make an empty index for packed codes like these."""
        index = faiss().IndexBinaryHNSW(8 * packed.shape[1], self.M)
        index.hnsw.efSearch = self.efSearch
        return index

    def rows_of(self, index: Any) -> np.ndarray | None:
        """The rows that a loaded index of this kind holds, int64 (n,); None for one of another kind."""
        return np.arange(index.ntotal) if type(index) is faiss().IndexBinaryHNSW else None


@dataclass(frozen=True)
class HashTables:
    """Approximate: codes that share a part of their bits, but for a few flips, are compared (IndexBinaryMultiHash).

    Parameters
    ----------
    nhash : int or None
        Number of tables, each over bits of its own; None takes as many as the code has room for.
    b : int or None
        Bits per table; None takes a third of the code, at most 20.
    nflip : int
        Bits of a part that may differ.
    """

    nhash: int | None = None
    b: int | None = None
    nflip: int = 1
    removes: ClassVar[bool] = False
    ranges: ClassVar[bool] = True

    def build(self, packed: np.ndarray) -> Any:
        """Make an empty index for packed codes like these."""
        n_bits = 8 * packed.shape[1]
        b = self.b or min(20, n_bits // 3)
        nhash = self.nhash or max(1, n_bits // b)
        if nhash * b > n_bits:
            raise DataError(f"{nhash} tables of {b} bits need {nhash * b}; the codes have {n_bits}")
        index = faiss().IndexBinaryMultiHash(n_bits, nhash, b)
        index.nflip = self.nflip
        return index

    def rows_of(self, index: Any) -> np.ndarray | None:
        """The rows that a loaded index of this kind holds, int64 (n,); None for one of another kind."""
        return np.arange(index.ntotal) if type(index) is faiss().IndexBinaryMultiHash else None


KINDS = {"flat": Flat, "ivf": InvertedLists, "hnsw": Graph, "multihash": HashTables}


def make_kind(kind: str, settings: dict) -> Any:
    """Check the settings of a kind and return them as its dataclass."""
    if kind not in KINDS:
        raise DataError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    known = {field.name: field for field in fields(KINDS[kind])}
    for name, value in settings.items():
        if name not in known:
            raise DataError(f"kind {kind!r} has no setting {name!r}; it has {', '.join(known) or 'none'}")
        if value is None and known[name].default is None:
            continue
        least = 0 if name == "nflip" else 1
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise DataError(f"{name} is {value!r}; it must be a whole number of at least {least}")
    return KINDS[kind](**settings)


def kinds_that(ability: str) -> str:
    """Name the kinds with an ability, ``removes`` or ``ranges``, for a message."""
    return " or ".join(repr(name) for name, kind in KINDS.items() if getattr(kind, ability))
