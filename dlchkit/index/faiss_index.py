"""`FaissIndex`: search in one process, exact or approximate."""

import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from dlchkit.errors import DataError
from dlchkit.index.ids import IdTable
from dlchkit.index.index_files import checked_part, read_header, write_index
from dlchkit.index.kinds import faiss, kinds_that, make_kind
from dlchkit.index.protocol import Neighbours, check_index_bits, checked_k, checked_radius, packed
from dlchkit.storage import read_json

CODES, IDS = "codes.faiss", "ids.json"


class FaissIndex:
    """Hash codes under string ids in a FAISS binary index; a `CodeIndex`.

    Answers are sorted by distance, and inside equal distances by order of insertion. Of the items tied at
    the last place, "flat" keeps those that came first; the approximate kinds keep those they met first.

    Parameters
    ----------
    n_bits : int
        Length of the codes, a multiple of 8.
    kind : str
        "flat" (exact), "ivf", "hnsw" or "multihash".
    **settings : int
        The settings of the kind, see `dlchkit.index.kinds`; e.g. ``nprobe=32`` for "ivf".

    Raises
    ------
    DataError
        The kind or a setting is unknown; in `add`, an id is there already or "ivf" has too few codes to train on;
        in `remove` with "hnsw" and "multihash" and in `within` with "hnsw", which lack these.

    Notes
    -----
    Never compute mAP from these answers: inside a tie the order of insertion, often by class, decides.
    `metrics.mean_average_precision` is tie-aware. Searches use all cores (``faiss.omp_set_num_threads``);
    "hnsw" gives the same graph again only where it is built on one thread.

    Examples
    --------
    >>> index = FaissIndex(8)
    >>> ones = np.ones((1, 8), np.int8)
    >>> index.add(np.vstack([-ones, ones, ones]), np.array(["far", "near", "too"]))
    >>> answer = index.search(ones, k=2)
    >>> answer.distances, answer.ids
    (array([[0, 0]], dtype=int32), array([['near', 'too']], dtype='<U4'))
    >>> [len(found.ids) for found in index.within(ones, radius=8)]
    [3]
    """

    def __init__(self, n_bits: int, *, kind: str = "flat", **settings):
        self.n_bits = check_index_bits(n_bits)
        self.kind = kind
        self._settings = make_kind(kind, settings)
        self._ids = IdTable()
        self.faiss_index: Any = None  # built with the first codes, which "ivf" trains on

    @classmethod
    def of(cls, bank, kind: str = "flat", **settings) -> "FaissIndex":
        """Build an index of everything in a `CodeBank`, under the bank's ids."""
        index = cls(bank.n_bits, kind=kind, **settings)
        index.add(bank.codes, bank.ids)
        return index

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        return f"FaissIndex({self.n_bits}, kind={self.kind!r}) of {len(self):,} codes"

    def add(self, codes: np.ndarray, ids: np.ndarray) -> None:
        """Store new codes under new ids; see `CodeIndex.add`."""
        bits = packed(codes, self.n_bits)
        if len(bits) != len(ids):
            raise DataError(f"{len(bits)} codes and {len(ids)} ids do not fit; every code needs one id")
        names = self._ids.checked(ids)
        if not names:
            return
        if self.faiss_index is None:
            self.faiss_index = self._settings.build(bits)
        if self._settings.removes:  # rows and places part ways once something is removed
            first = len(self._ids.names)
            self.faiss_index.add_with_ids(bits, np.arange(first, first + len(names)))
        else:
            self.faiss_index.add(bits)
        self._ids.append(names)

    def remove(self, ids: np.ndarray) -> None:
        """Forget these ids; see `CodeIndex.remove`. It takes time in proportion to the number of stored codes."""
        self._demand("removes", "remove items")
        rows = self._ids.rows_of(ids)
        if len(rows):
            self.faiss_index.remove_ids(rows)
            self._ids.remove(rows)

    def search(self, codes: np.ndarray, k: int) -> Neighbours:
        """Find the k nearest codes of every query; see `CodeIndex.search`."""
        bits = packed(codes, self.n_bits)
        k = min(checked_k(k), len(self))
        if k == 0 or not len(bits):
            empty = np.empty((len(bits), k), dtype=np.int32)
            return Neighbours(empty, empty.astype(np.int64), self._ids.names)
        distances, rows = self.faiss_index.search(bits, k)
        return Neighbours(distances, rows, self._ids.names)

    def within(self, codes: np.ndarray, radius: int) -> list[Neighbours]:
        """Find all codes within a radius of every query; see `CodeIndex.within`.

        "ivf" and "multihash" may miss some.
        """
        self._demand("ranges", "search within a radius")
        bits = packed(codes, self.n_bits)
        radius = checked_radius(radius, self.n_bits)
        names = self._ids.names
        if not len(self) or not len(bits):
            nothing = np.empty(0, dtype=np.int32)
            return [Neighbours(nothing, nothing.astype(np.int64), names) for _ in bits]
        limits, distances, rows = self.faiss_index.range_search(bits, radius + 1)  # FAISS finds smaller distances
        answers = []
        for start, end in pairwise(limits.tolist()):
            found = distances[start:end].astype(np.int32)
            order = np.lexsort((rows[start:end], found))
            answers.append(Neighbours(found[order], rows[start:end][order], names))
        return answers

    def save(self, folder: str | Path) -> Path:
        """Write the index into a folder, whole or not at all, and return the path of its header."""
        if self.faiss_index is None:
            raise DataError("the index never held a code; add some before it is saved")
        header = {"kind": self.kind, "settings": asdict(self._settings), "n_bits": self.n_bits, "count": len(self)}
        parts = {
            CODES: lambda path: faiss().write_index_binary(self.faiss_index, str(path)),
            IDS: lambda path: path.write_text(json.dumps(self._ids.names), encoding="utf-8"),
        }
        return write_index(Path(folder), header, parts)

    @classmethod
    def load(cls, folder: str | Path) -> "FaissIndex":
        """Read what `save` wrote into memory.

        Raises
        ------
        DataError
            Where a part is missing, cut short, changed or of another program, or parts do not fit each other.
        """
        header = read_header(folder, settings=dict, count=int, parts=dict)
        index = cls(header["n_bits"], kind=header["kind"], **header["settings"])
        codes = checked_part(folder, header, CODES)
        ids = checked_part(folder, header, IDS)
        try:
            index.faiss_index = faiss().read_index_binary(str(codes))
        except (RuntimeError, MemoryError) as error:
            reason = " ".join(str(error).split())[:120]
            raise DataError(f"{codes} is no FAISS binary index ({reason}); save the index again") from None
        index._ids = IdTable(_read_names(ids))
        n_bits = 8 * index.faiss_index.code_size
        count = header["count"]
        if n_bits != header["n_bits"] or index.faiss_index.ntotal != count or len(index) != count:
            raise DataError(
                f"{folder} should hold {count:,} codes of {header['n_bits']} bits and does not; save the index again"
            )
        rows = index._settings.rows_of(index.faiss_index)
        if rows is None or not np.array_equal(np.sort(rows), np.flatnonzero(np.array(index._ids.names, dtype=bool))):
            raise DataError(
                f"the codes and ids in {folder} do not belong together, or are of another kind than "
                f"{header['kind']!r}; save the index again"
            )
        return index

    def _demand(self, ability: str, doing: str) -> None:
        if not getattr(self._settings, ability):
            raise DataError(f"kind {self.kind!r} cannot {doing}; kind {kinds_that(ability)} can")


def _read_names(path: Path) -> list[str]:
    try:
        names = read_json(path)
    except ValueError as error:
        raise DataError(f"{path} is not readable JSON ({error}); save the index again") from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path} is no list of ids; save the index again")
    given = [name for name in names if name]  # "" stands where an item was removed
    if len(set(given)) < len(given):
        raise DataError(f"{path} holds an id twice; save the index again")
    return names
