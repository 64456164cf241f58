"""Which string id stands behind which row of an index."""

from collections.abc import Iterable

import numpy as np

from dlchkit.errors import DataError


class IdTable:
    """Ids in order of insertion: row -> id and id -> row. A row is never given twice.

    Parameters
    ----------
    names : iterable of str
        The ids of rows 0, 1, ...; "" where an item was removed.

    Examples
    --------
    >>> table = IdTable(["a", "b", "c"])
    >>> table.remove(table.rows_of(["b"])); len(table)
    2
    >>> table.append(table.checked(["b"])); table.names
    ['a', '', 'c', 'b']
    """

    def __init__(self, names: Iterable[str] = ()):
        self.names = list(names)
        self._row_of = {name: row for row, name in enumerate(self.names) if name}

    def __len__(self) -> int:
        return len(self._row_of)

    def checked(self, ids) -> list[str]:
        """Return new ids as a list, or refuse the first that cannot be stored."""
        names = as_names(ids)
        if "" in names:
            raise DataError(f"id number {names.index('')} is empty; every item needs an id")
        seen = set()
        for name in names:
            if name in self._row_of or name in seen:
                raise DataError(f"id {name!r} is in the index twice; every item is stored once")
            seen.add(name)
        return names

    def append(self, names: list[str]) -> None:
        """Give the next rows to ids that `checked` returned."""
        first = len(self.names)
        self._row_of.update(zip(names, range(first, first + len(names)), strict=True))
        self.names.extend(names)

    def rows_of(self, ids) -> np.ndarray:
        """Return the rows of stored ids (int64), each asked for once."""
        names = named_once(ids)
        for name in names:
            if name not in self._row_of:
                raise DataError(f"id {name!r} is not in the index")
        return np.array([self._row_of[name] for name in names], dtype=np.int64)

    def remove(self, rows: np.ndarray) -> None:
        """Forget these rows, in a new list of names: answers given before keep the old one."""
        self.names = self.names.copy()
        for row in rows.tolist():
            del self._row_of[self.names[row]]
            self.names[row] = ""


def as_names(ids) -> list[str]:
    """Return an array or list of strings of shape (n,) as a list, or refuse it."""
    array = np.asarray(ids)
    if array.ndim != 1 or (len(array) and array.dtype.kind != "U"):
        raise DataError(f"ids are {array.dtype} of shape {array.shape}; they must be strings of shape (n,)")
    return array.tolist()


def named_once(ids) -> list[str]:
    """Return ids as a list, or refuse the first that comes twice."""
    names = as_names(ids)
    seen = set()
    for name in names:
        if name in seen:
            raise DataError(f"id {name!r} is named twice; name each once")
        seen.add(name)
    return names
