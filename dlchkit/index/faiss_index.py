"""`FaissIndex`: search in one process, exact or approximate."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from dlchkit.codes import check_n_bits
from dlchkit.errors import DataError
from dlchkit.index.ids import IdTable, text_of
from dlchkit.index.index_files import checked_part, read_header, write_index
from dlchkit.index.kinds import kinds_that, make_kind
from dlchkit.index.protocol import Neighbours, checked_k, checked_radius, packed

CODES, IDS = "codes.faiss", "ids.json"


class FaissIndex:
    """Hash codes under string ids in a FAISS binary index; a `CodeIndex`.

    Answers are sorted by distance, and inside equal distances by order of insertion. Of the items tied at
    the last place, "flat" keeps those that came first; the approximate kinds keep those they met first.

    Parameters
    ----------
    n_bits : int, a multiple of 8
    kind : "flat" (exact), "ivf", "hnsw" or "multihash"
    settings : those of the kind, see `dlchkit.index.kinds`; e.g. ``n_probe=32`` for "ivf"

    Raises
    ------
    DataError
        for an unknown kind or setting; from `add`, where an id is there already or "ivf" has too few codes to train
        on; from `remove` with "hnsw" and "multihash", and from `within` with "hnsw": these cannot

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
        self.n_bits = check_n_bits(n_bits)
        self.kind = kind
        self._settings = make_kind(kind, settings)
        self._ids = IdTable()
        self.faiss_index = None  # built with the first codes, which "ivf" trains on

    @classmethod
    def of(cls, bank, kind: str = "flat", **settings) -> "FaissIndex":
        """An index of everything in a `CodeBank`, under the bank's ids."""
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
        letters, hashes = self._ids.checked(ids)
        if not len(bits):
            return
        if self.faiss_index is None:
            self.faiss_index = self._settings.build(bits)
        if self._settings.removes:  # rows and places part ways once something is removed
            self.faiss_index.add_with_ids(bits, np.arange(len(self._ids.letters), len(self._ids.letters) + len(bits)))
        else:
            self.faiss_index.add(bits)
        self._ids.append(letters, hashes)

    def remove(self, ids: np.ndarray) -> None:
        """Forget these ids; see `CodeIndex.remove`. Takes time in proportion to all that is stored."""
        self._demand("removes", "remove items")
        rows = self._ids.rows_of(ids)
        if len(rows):
            self.faiss_index.remove_ids(rows)
            self._ids.remove(rows)

    def search(self, codes: np.ndarray, k: int) -> Neighbours:
        """The k nearest of every query; see `CodeIndex.search`."""
        bits, k = packed(codes, self.n_bits), min(checked_k(k), len(self))
        if k == 0 or not len(bits):
            empty = np.empty((len(bits), k), dtype=np.int32)
            return Neighbours(empty, empty.astype(np.int64), self._ids.letters)
        return Neighbours(*self.faiss_index.search(bits, k), self._ids.letters)

    def within(self, codes: np.ndarray, radius: int) -> list[Neighbours]:
        """Everything within a radius of every query; see `CodeIndex.within`. "ivf" and "multihash" may miss some."""
        self._demand("ranges", "search within a radius")
        bits, radius = packed(codes, self.n_bits), checked_radius(radius, self.n_bits)
        letters = self._ids.letters
        if not len(self) or not len(bits):
            nothing = np.empty(0, dtype=np.int32)
            return [Neighbours(nothing, nothing.astype(np.int64), letters) for _ in bits]
        limits, distances, rows = self.faiss_index.range_search(bits, radius + 1)  # FAISS: smaller than
        limits = limits.astype(np.int64)
        distances = distances.astype(np.int32)
        order = np.lexsort((rows, distances, np.repeat(np.arange(len(bits)), np.diff(limits))))
        cuts = limits[1:-1]
        return [Neighbours(d, r, letters) for d, r in zip(np.split(distances[order], cuts), np.split(rows[order], cuts))]

    def save(self, folder: str | Path) -> Path:
        """Write the index into a folder, whole or not at all; returns the path of its header."""
        import faiss

        if self.faiss_index is None:
            raise DataError("the index never held a code; add some before it is saved")
        ids = [name or None for name in text_of(self._ids.letters).tolist()]
        header = {"kind": self.kind, "settings": asdict(self._settings), "n_bits": self.n_bits, "count": len(self)}
        parts = {
            CODES: lambda path: faiss.write_index_binary(self.faiss_index, str(path)),
            IDS: lambda path: path.write_text(json.dumps(ids), encoding="utf-8"),
        }
        return write_index(Path(folder), header, parts)

    @classmethod
    def load(cls, folder: str | Path) -> "FaissIndex":
        """Open what `save` wrote; a `DataError` where a part is missing, cut short, changed or not ours."""
        import faiss

        header = read_header(folder, settings=dict, count=int, parts=dict)
        index = cls(header["n_bits"], kind=header["kind"], **header["settings"])
        codes, ids = checked_part(folder, header, CODES), checked_part(folder, header, IDS)
        try:
            index.faiss_index = faiss.read_index_binary(str(codes))
        except RuntimeError as error:
            raise DataError(f"{codes} is no FAISS binary index ({' '.join(str(error).split())[:120]}); save the index again") from None
        index._ids = IdTable.restored(json.loads(ids.read_text(encoding="utf-8")))
        if (8 * index.faiss_index.code_size, index.faiss_index.ntotal, len(index)) != (header["n_bits"], header["count"], header["count"]):
            raise DataError(f"{folder} is said to hold {header['count']:,} codes of {header['n_bits']} bits and does not; save the index again")
        return index

    def _demand(self, ability: str, doing: str) -> None:
        if not getattr(self._settings, ability):
            raise DataError(f"kind {self.kind!r} cannot {doing}; kind {kinds_that(ability)} can")
