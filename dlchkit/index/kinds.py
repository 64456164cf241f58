"""The kinds of FAISS index, each with its settings: exact, by lists, by graph, by hash tables."""

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from dlchkit.errors import DataError

ITEMS_PER_LIST = 39  # fewer, and FAISS itself warns that the centres of the lists are not worth much


@dataclass(frozen=True)
class Flat:
    """Exact: every code is compared (IndexBinaryFlat). 8 bytes per item beside the code, for its row."""

    removes: ClassVar[bool] = True
    ranges: ClassVar[bool] = True

    def build(self, packed: np.ndarray):
        import faiss

        return faiss.IndexBinaryIDMap(faiss.IndexBinaryFlat(8 * packed.shape[1]))


@dataclass(frozen=True)
class InvertedLists:
    """Approximate: codes stand in lists around centres, the nearest lists are read (IndexBinaryIVF).

    The centres are trained on the codes added first; classes that come later fall into lists drawn
    without them, which costs recall: build anew when the data has changed much.

    n_lists : default the power of two at or below the square root of the items added first
    n_probe : lists read for a query; n_probe = n_lists is exact
    """

    n_lists: int | None = None
    n_probe: int = 16
    removes: ClassVar[bool] = True
    ranges: ClassVar[bool] = True

    def build(self, packed: np.ndarray):
        import faiss

        n, n_bits = len(packed), 8 * packed.shape[1]
        n_lists = self.n_lists or 2 ** int(np.log2(max(n, 1)) / 2)
        needed = ITEMS_PER_LIST * (self.n_lists or ITEMS_PER_LIST)
        if n < needed:
            raise DataError(f"kind 'ivf' trains on the codes added first and needs {needed:,} of them, got {n:,}; kind 'flat' takes any number")
        index = faiss.IndexBinaryIVF(faiss.IndexBinaryFlat(n_bits), n_bits, n_lists)
        index.train(packed)
        index.nprobe = min(self.n_probe, n_lists)
        return index


@dataclass(frozen=True)
class Graph:
    """Approximate: a graph of near codes is walked (IndexBinaryHNSW). Slow to build, for good.

    n_links : neighbours kept per code; 8 bytes each
    n_candidates : codes kept in view during a walk, at least k
    """

    n_links: int = 16
    n_candidates: int = 64
    removes: ClassVar[bool] = False
    ranges: ClassVar[bool] = False

    def build(self, packed: np.ndarray):
        import faiss

        index = faiss.IndexBinaryHNSW(8 * packed.shape[1], self.n_links)
        index.hnsw.efSearch = self.n_candidates
        return index


@dataclass(frozen=True)
class HashTables:
    """Approximate: codes that share a part of their bits, but for a few flips, are compared (IndexBinaryMultiHash).

    n_hashes : tables, each over bits of its own; default as many as the code has room for
    bits_per_hash : default a third of the code, at most 20
    n_flips : bits of a part that may differ
    """

    n_hashes: int | None = None
    bits_per_hash: int | None = None
    n_flips: int = 1
    removes: ClassVar[bool] = False
    ranges: ClassVar[bool] = True

    def build(self, packed: np.ndarray):
        import faiss

        n_bits = 8 * packed.shape[1]
        width = self.bits_per_hash or min(20, n_bits // 3)
        n_hashes = self.n_hashes or max(1, n_bits // width)
        if n_hashes * width > n_bits:
            raise DataError(f"{n_hashes} hashes of {width} bits need {n_hashes * width}; the codes have {n_bits}")
        index = faiss.IndexBinaryMultiHash(n_bits, n_hashes, width)
        index.nflip = self.n_flips
        return index


KINDS = {"flat": Flat, "ivf": InvertedLists, "hnsw": Graph, "multihash": HashTables}


def make_kind(kind: str, settings: dict):
    """The settings of a kind, checked."""
    if kind not in KINDS:
        raise DataError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    known = {field.name: field for field in fields(KINDS[kind])}
    for name, value in settings.items():
        if name not in known:
            raise DataError(f"kind {kind!r} has no setting {name!r}; it has {', '.join(known) or 'none'}")
        least = 0 if name == "n_flips" else 1
        if value is None and known[name].default is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise DataError(f"{name} is {value!r}; it must be a whole number of at least {least}")
    return KINDS[kind](**settings)


def kinds_that(ability: str) -> str:
    """Names of the kinds with an ability, ``removes`` or ``ranges``, for a message."""
    return " or ".join(repr(name) for name, kind in KINDS.items() if getattr(kind, ability))
