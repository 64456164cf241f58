"""Which string id stands behind which row: 16 bytes and the letters per item, where a dictionary takes 150."""

import numpy as np

from dlchkit.errors import DataError

BASE = 0x9E3779B97F4A7C15  # odd, so that no power of it vanishes modulo 2^64


class IdTable:
    """Ids in order of insertion: row -> id by position, id -> row by hash.

    Rows are never given twice. Hashes only narrow the search, the letters decide: two ids with one hash
    are two ids. Sorted runs of hashes are merged while the last is at least half of the one before, so
    that adding item by item costs O(log n) each over time.

    Examples
    --------
    >>> table = IdTable()
    >>> table.append(*table.checked(["a", "b", "c"]))
    array([0, 1, 2])
    >>> table.remove(table.rows_of(["b"])); len(table)
    2
    >>> table.append(*table.checked(["b"]))
    array([3])
    """

    def __init__(self):
        self._letters = np.empty((0, 1), dtype=np.uint8)
        self._issued = 0
        self._runs = []  # (sorted hashes, their rows)

    @classmethod
    def restored(cls, ids: list) -> "IdTable":
        """The table with these ids in its rows; None where an item was removed."""
        table = cls()
        rows = np.array([row for row, name in enumerate(ids) if name is not None], dtype=np.int64)
        letters, hashes = table.checked([ids[row] for row in rows])
        table._letters = np.zeros((len(ids), letters.shape[1]), dtype=letters.dtype)
        table._letters[rows] = letters
        table._issued = len(ids)
        table._runs = [_sorted(hashes, rows)]
        return table

    def __len__(self) -> int:
        return sum(len(rows) for _, rows in self._runs)

    @property
    def letters(self) -> np.ndarray:
        """Row -> id as `letters_of` gives it, zeros where an item was removed; stays as it is when the table changes."""
        return self._letters[: self._issued]

    def checked(self, ids) -> tuple[np.ndarray, np.ndarray]:
        """Letters and hashes of new ids, or a `DataError` that names the first that cannot be stored."""
        letters = letters_of(ids)
        hashes = _hashes(letters)
        empty = ~letters.any(1)
        if empty.any():
            raise DataError(f"id number {int(empty.argmax())} is empty; every item needs an id")
        known = self._find(letters, hashes) >= 0
        twice = text_of(letters[known.argmax()]) if known.any() else _repeated(letters, hashes)
        if twice is not None:
            raise DataError(f"id {str(twice)!r} is in the index twice; every item is stored once")
        return letters, hashes

    def append(self, letters: np.ndarray, hashes: np.ndarray) -> np.ndarray:
        """Store what `checked` returned; the rows given to it, int64."""
        rows = np.arange(self._issued, self._issued + len(letters))
        self._make_room(letters)
        self._letters[rows, : letters.shape[1]] = letters
        self._issued += len(letters)
        self._runs.append(_sorted(hashes, rows))
        while len(self._runs) > 1 and 2 * len(self._runs[-1][0]) >= len(self._runs[-2][0]):
            last, before = self._runs.pop(), self._runs.pop()
            self._runs.append(_sorted(*map(np.concatenate, zip(before, last))))
        return rows

    def rows_of(self, ids) -> np.ndarray:
        """int64 rows of stored ids, each asked for once; a `DataError` names the first other one."""
        letters, hashes = named_once(ids)
        rows = self._find(letters, hashes)
        if (rows < 0).any():
            raise DataError(f"id {str(text_of(letters[(rows < 0).argmax()]))!r} is not in the index")
        return rows

    def remove(self, rows: np.ndarray) -> None:
        """Forget these rows. The letters are copied first: answers given before keep theirs."""
        self._letters = self._letters.copy()
        self._letters[rows] = 0
        kept = ((hashes, known, ~np.isin(known, rows)) for hashes, known in self._runs)
        self._runs = [(hashes[keep], known[keep]) for hashes, known, keep in kept]

    def _make_room(self, letters):
        n, width = self._issued + len(letters), max(self._letters.shape[1], letters.shape[1])
        letter = np.promote_types(self._letters.dtype, letters.dtype)
        if n > len(self._letters) or (width, letter) != (self._letters.shape[1], self._letters.dtype):
            larger = np.zeros((n if n <= len(self._letters) else max(n, 2 * self._issued), width), dtype=letter)
            larger[: self._issued, : self._letters.shape[1]] = self.letters
            self._letters = larger

    def _find(self, letters, hashes) -> np.ndarray:
        rows = np.full(len(letters), -1, dtype=np.int64)
        for known, behind in self._runs:
            place = np.searchsorted(known, hashes)
            left = np.arange(len(letters))
            while len(left):
                left = left[place[left] < len(known)]
                left = left[known[place[left]] == hashes[left]]
                candidates = behind[place[left]]
                same = _same(self._letters[candidates], letters[left])
                rows[left[same]] = candidates[same]
                left = left[~same]
                place[left] += 1
        return rows


def named_once(ids) -> tuple[np.ndarray, np.ndarray]:
    """Letters and hashes of ids, or a `DataError` that names the first that comes twice."""
    letters = letters_of(ids)
    hashes = _hashes(letters)
    twice = _repeated(letters, hashes)
    if twice is not None:
        raise DataError(f"id {str(twice)!r} is named twice; name each once")
    return letters, hashes


def letters_of(ids) -> np.ndarray:
    """Strings (n,) as numbers of their letters (n, width), zero-padded, in the narrowest unsigned integers: a byte for Latin."""
    ids = np.asarray(ids)
    if ids.ndim != 1 or (len(ids) and ids.dtype.kind != "U"):
        raise DataError(f"ids are {ids.dtype} of shape {ids.shape}; they must be strings of shape (n,)")
    if not len(ids):
        return np.empty((0, 1), dtype=np.uint8)
    numbers = np.ascontiguousarray(ids, dtype=ids.dtype.newbyteorder("=")).view(np.uint32).reshape(len(ids), -1)
    return numbers.astype(np.min_scalar_type(numbers.max()))


def text_of(letters: np.ndarray) -> np.ndarray:
    """Undo `letters_of`: (..., width) to str (...)."""
    wide = np.ascontiguousarray(letters, dtype=np.uint32)
    return wide.view(f"U{letters.shape[-1]}")[..., 0]


def _hashes(letters):
    """sum_i c_i BASE^i modulo 2^64 over the letters c_i of each id: padding adds nothing."""
    hashes = np.zeros(len(letters), dtype=np.uint64)
    weight = 1
    for column in letters.T:
        hashes += column * np.uint64(weight)
        weight = weight * BASE % 2**64
    return hashes


def _same(a, b):
    """Row by row, whether two arrays of letters hold one id."""
    width = min(a.shape[1], b.shape[1])
    return (a[:, :width] == b[:, :width]).all(1) & ~a[:, width:].any(1) & ~b[:, width:].any(1)


def _sorted(hashes, rows):
    order = np.argsort(hashes)
    return hashes[order], rows[order]


def _repeated(letters, hashes):
    """The first id that comes twice, or None."""
    order = np.argsort(hashes)
    same = hashes[order][1:] == hashes[order][:-1]
    suspects = np.unique(np.concatenate([order[1:][same], order[:-1][same]]))
    seen = set()
    return next((name for name in text_of(letters[suspects]).tolist() if name in seen or seen.add(name)), None)
