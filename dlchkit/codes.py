"""Hash codes: binarize real outputs, pack codes into bits, measure Hamming distance; labels that items share.

Everywhere in the kit a code is an ``int8`` array with values -1 and +1, one row per
item; packed bits (``uint8``, eight per byte) are for storage and distance only.
"""

import numpy as np
from numpy.typing import DTypeLike

from dlchkit.errors import DataError

Codes = np.ndarray  # int8 (n, n_bits), values in {-1, +1}
Labels = np.ndarray  # bool, int or float (n, n_classes), values in {0, 1}
_LABELS_ARE = "labels are 0 or 1, and a column for each class says which items have it"


def check_n_bits(n_bits: int) -> int:
    """Return ``n_bits`` if it is a code length, a whole number of at least 1; else raise `DataError`."""
    if not isinstance(n_bits, (int, np.integer)) or isinstance(n_bits, bool) or n_bits < 1:
        raise DataError(f"n_bits is {n_bits!r}; a code length is a whole number of at least 1, e.g. 64")
    return int(n_bits)


def check_codes(codes: np.ndarray, name: str = "codes") -> None:
    """Refuse a matrix that holds another value than -1 and +1."""
    right = np.abs(codes) == 1 if codes.dtype.kind in "biuf" else np.zeros(codes.shape, dtype=bool)
    if right.all():
        return
    wrong = codes[~right][0]
    if _zeros_and_ones(codes):
        way = "2 * codes.astype(int) - 1 makes them of 0 and 1"
    else:
        way = "binarize takes the signs of real outputs"
    raise DataError(f"{name} hold the value {wrong}; hash codes are -1 and +1: {way}")


def _zeros_and_ones(values: np.ndarray) -> bool:
    if values.dtype.kind not in "biuf":
        return False
    return bool(values.size) and values.min() == 0 and values.max() == 1 and not ((values > 0) & (values < 1)).any()


def binarize(relaxed: np.ndarray) -> np.ndarray:
    """Turn relaxed codes into hash codes by their sign, with 0 mapped to +1.

    Parameters
    ----------
    relaxed : array (n, n_bits)
        Of any real dtype, without NaN.

    Returns
    -------
    int8 array (n, n_bits), values in {-1, +1}

    Raises
    ------
    DataError
        For NaN, and for codes of 0 and 1, which have one sign.

    Notes
    -----
    The released DLCH demo takes ``sign(F + G)``, which is 0 where the modalities
    disagree: its codes are ternary. Here a third value cannot occur.

    Examples
    --------
    >>> binarize(np.array([[0.3, -2.0, 0.0]]))
    array([[ 1, -1,  1]], dtype=int8)
    """
    relaxed = np.asarray(relaxed)
    if np.isnan(relaxed).any():
        row = int(np.isnan(relaxed).any(1).argmax())
        raise DataError(f"relaxed codes hold NaN in row {row}; codes need real outputs")
    if relaxed.dtype == bool or _zeros_and_ones(relaxed):
        raise DataError(
            "relaxed codes hold 0 and 1 alone, which have one sign, +1; 2 * codes.astype(int) - 1 makes codes of them"
        )
    return np.where(relaxed >= 0, 1, -1).astype(np.int8)


def pack_codes(codes: np.ndarray) -> np.ndarray:
    """Pack codes in {-1, +1} into bits, +1 as 1, first code entry in the highest bit.

    Returns
    -------
    uint8 array (n, n_bytes)
        n_bytes is n_bits / 8, rounded up; the bits left over in the last byte are 0.

    Examples
    --------
    >>> pack_codes(np.array([[1, -1, -1, -1, -1, -1, -1, 1]]))
    array([[129]], dtype=uint8)
    """
    codes = np.asarray(codes)
    check_n_bits(codes.shape[1])
    check_codes(codes)
    return np.packbits(codes > 0, axis=1)


def unpack_codes(packed: np.ndarray, n_bits: int | None = None) -> np.ndarray:
    """Undo `pack_codes`: uint8 (n, n_bytes) to int8 (n, n_bits) in {-1, +1}; None stands for all 8 * n_bytes bits."""
    return np.unpackbits(packed, axis=1, count=n_bits).astype(np.int8) * 2 - 1


def as_words(packed: np.ndarray) -> np.ndarray:
    """View packed rows as machine words, so that many bits are compared at once.

    Parameters
    ----------
    packed : np.ndarray
        uint8 (n, n_bytes), from `pack_codes` or `numpy.packbits`

    Returns
    -------
    np.ndarray
        (n_words, n) of the smallest unsigned type that holds a row, else of 64 bits; padded with zeros
    """
    n_bytes = packed.shape[1]
    width = next((width for width in (1, 2, 4) if n_bytes <= width), 8)
    padded = np.pad(packed, ((0, 0), (0, -n_bytes % width)))
    return np.ascontiguousarray(np.ascontiguousarray(padded).view(f"u{width}").T)


def differing_bits(a: np.ndarray, b: np.ndarray, dtype: DTypeLike = np.int64) -> np.ndarray:
    """Hamming distances between rows that `as_words` made words (n_words, n) and (n_words, m): an array (n, m)."""
    return _count_bits(np.bitwise_xor, a, b, dtype)


def shared_bits(a: np.ndarray, b: np.ndarray, dtype: DTypeLike = np.int64) -> np.ndarray:
    """Numbers of bits set in both rows, for rows as in `differing_bits`: an array (n, m)."""
    return _count_bits(np.bitwise_and, a, b, dtype)


def _count_bits(combine, a, b, dtype):
    counts = np.zeros((a.shape[1], b.shape[1]), dtype)
    for x, y in zip(a, b, strict=True):
        counts += np.bitwise_count(combine(x[:, None], y))
    return counts


def hamming_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Count the differing bits between every row of ``a`` and every row of ``b``.

    .. math:: d = (K - \\langle b, b' \\rangle) / 2

    Parameters
    ----------
    a, b : int8 array (n, n_bits), (m, n_bits), values in {-1, +1}

    Returns
    -------
    int64 array (n, m), values in 0..n_bits

    Examples
    --------
    >>> a = np.array([[1, 1, 1, 1, 1, 1, 1, 1]]); b = np.vstack([a, -a])
    >>> hamming_distance(a, b)
    array([[0, 8]])
    """
    if a.shape[1] != b.shape[1]:
        raise DataError(
            f"codes of {a.shape[1]} bits and of {b.shape[1]} have no distance; both must have the same length"
        )
    return differing_bits(as_words(pack_codes(a)), as_words(pack_codes(b)))


def binary_labels(labels: np.ndarray, name: str = "labels") -> np.ndarray:
    """Return labels as bool (n, n_classes), or refuse what is no matrix of 0 and 1.

    Parameters
    ----------
    labels : array (n, n_classes)
        Each row says which classes an item has: bool, or numbers that are all 0 or 1.
    name : str
        What they are, for the message: "labels in month1.npz".

    Raises
    ------
    DataError
        For class numbers, -1 and +1, NaN or anything else; it names the first place.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "biufO":
        raise DataError(f"{name}: shape {labels.shape}, type {labels.dtype}; {_LABELS_ARE}")
    if labels.dtype == bool:
        return labels
    check_labels(labels, name)
    return labels.astype(bool)


def check_labels(labels, name: str = "labels") -> None:
    """Refuse a matrix, of NumPy or torch, that holds another value than 0 and 1."""
    right = (labels == 0) | (labels == 1)
    if not right.all():
        row, column = np.argwhere(np.logical_not(right.tolist()))[0]
        value = labels.tolist()[row][column]
        raise DataError(f"{name}: the matrix holds {value} in row {row}, column {column}; {_LABELS_ARE}")


def unit_labels(labels):
    """Scale each label vector to length one: e = l / |l|; a row without labels stays zero.

    Parameters
    ----------
    labels : bool, int or float array (n, n_classes), values in {0, 1}

    Returns
    -------
    float array (n, n_classes)
    """
    check_labels(labels)
    labels = labels * 1.0
    squared_length = labels.sum(1)[:, None]
    return labels / (squared_length + (squared_length == 0)) ** 0.5


def label_cosine(a, b):
    """Multi-label similarity: the cosine between label vectors.

    .. math:: s_{ij} = \\langle e_i, e_j \\rangle, \\qquad e_i = l_i / |l_i|

    Parameters
    ----------
    a, b : array (n, n_classes), (m, n_classes), values in {0, 1}

    Returns
    -------
    float array (n, m), values in [0, 1]
        0, never NaN, where an item has no label.

    References
    ----------
    Xu et al., Deep Lifelong Cross-modal Hashing, arXiv 2304.13357 (multi-label similarity).

    Examples
    --------
    >>> label_cosine(np.array([[1, 1, 0]]), np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]])).round(3)
    array([[1.   , 0.707, 0.   ]])
    """
    return unit_labels(a) @ unit_labels(b).T


def shares_label(a, b):
    """Relevance for retrieval: True where two items share at least one label.

    Examples
    --------
    >>> shares_label(np.array([[1, 1, 0]]), np.array([[0, 1, 1], [0, 0, 1]]))
    array([[ True, False]])
    """
    check_labels(a)
    check_labels(b)
    return (a * 1.0) @ (b * 1.0).T > 0
