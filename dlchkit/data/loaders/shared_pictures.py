"""Rows that show one picture are kept in one group, so that no split puts them on two sides."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dlchkit.data import PairedDataset

_BEGINNING = 4096  # bytes, in which pictures of one length nearly always differ


def keep_pictures_whole(data: PairedDataset) -> PairedDataset:
    """Join the groups of rows that show one picture, and note how many pictures stand in several rows.

    One picture are files of equal content, whatever their names and links; where there are no files, equal image
    features, but not rows of one number alone, such as zeros. Pictures that lie inside another file are not compared.
    Data with a split of their own keep it: then a note says how many pictures stand on two sides of it.
    """
    if data.images is not None and data.images.dtype.kind == "U":
        picture = _numbered(_contents([Path(name) for name in data.images.tolist()]))
        what = "pictures"
    elif data.image_features is not None:
        says_something = (data.image_features != data.image_features[:, :1]).any(1)
        rows = enumerate(zip(data.image_features, says_something, strict=True))
        picture = _numbered([_digest(row.tobytes()) if says else i for i, (row, says) in rows])
        what = "pictures (rows of equal image features)"
    else:
        return data
    if data.split is not None:
        n_sides = _sides_of_pictures(picture, data.split)
        several = int((n_sides > 1).sum())
        line = f"{several} {what} stand on two sides of the split that the data bring"
        return replace(data, notes=(*data.notes, line)) if several else data
    n_rows = np.bincount(picture)
    shared = n_rows > 1
    if not shared.any():
        return data
    line = (
        f"{shared.sum():,} {what} stand in {n_rows[shared].sum():,} rows; "
        "rows of one picture are kept on one side of every split"
    )
    return replace(data, groups=join_groups(data.groups, picture), notes=(*data.notes, line))


def join_groups(groups: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Join groups that share a picture; a joined group is named after its first row's.

    Parameters
    ----------
    groups : str array (n,)
    picture : int array (n,)
        Equal numbers, from 0, for rows of one picture.

    Returns
    -------
    str array (n,)

    Examples
    --------
    >>> join_groups(np.array(["a", "b", "c", "b", "d"]), np.array([0, 0, 1, 2, 2])).tolist()
    ['a', 'a', 'c', 'a', 'a']
    """
    names, group = np.unique(groups, return_inverse=True)
    n = len(names) + int(picture.max()) + 1
    links = coo_array((np.ones(len(groups)), (group, len(names) + picture)), shape=(n, n))
    joined = connected_components(links, directed=False)[1][group]
    _, first, position = np.unique(joined, return_index=True, return_inverse=True)
    return groups[first][position]


def _numbered(keys) -> np.ndarray:
    number = {}
    return np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)


def _contents(paths: list[Path]) -> list[tuple]:
    """A key for each file, equal for equal content: its length, and digests as far as they are needed."""
    key: dict[Path, tuple] = {path: _length(path) for path in paths}
    for n_bytes in (_BEGINNING, -1):
        count = Counter(key.values())
        key = {path: (*k, _digest_of(path, n_bytes)) if count[k] > 1 else k for path, k in key.items()}
    return [key[path] for path in paths]


def _length(path):
    return (path.stat().st_size,) if path.is_file() else (str(path),)


def _digest_of(path, n_bytes):
    if not path.is_file():
        return b""
    with open(path, "rb") as file:
        return _digest(file.read(n_bytes))


def _digest(content):
    return hashlib.blake2b(content, digest_size=16).digest()


def _sides_of_pictures(picture, split) -> np.ndarray:
    """On how many sides of the split each picture stands."""
    sides = np.unique(np.column_stack([picture, np.unique(split, return_inverse=True)[1]]), axis=0)
    return np.bincount(sides[:, 0])
