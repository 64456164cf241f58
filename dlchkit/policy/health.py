"""Health of stored codes: the content of each bit and the distances between class codes."""

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlchkit.codes import binary_labels, check_codes, hamming_distance
from dlchkit.errors import DataError

_DUPLICATED = 0.99  # |correlation| from which one of two bits is redundant


@dataclass(frozen=True)
class CodeHealth:
    """Result of `code_health`. Bits count from 0.

    Attributes
    ----------
    n_bits, n_codes : int
        length and number of the codes
    class_names : tuple of str
        the classes with an item, in the order of ``class_distance``
    balance : tuple of float
        for each bit the share of codes with +1; 0.5 is best
    constant_bits : tuple of int
        bits with the same value in all codes
    duplicated_bits : tuple
        pairs of bits of which one follows from the other (|correlation| >= 0.99)
    effective_bits : float
        participation ratio, see `code_health`
    effective_bits_limit : int
        its largest possible value for this number of distinct codes
    class_distance : tuple
        Hamming distances between class codes, rows of ints
    nearest_distance : float
        the smallest of them between two classes; NaN for one class alone
    nearest_pair : tuple of str
        the two classes at that distance; empty for one class alone
    collisions : tuple
        pairs of classes that share one code
    confused : float
        share of codes at least as near to the code of another class as to one of their own
    """

    n_bits: int
    n_codes: int
    class_names: tuple[str, ...]
    balance: tuple[float, ...]
    constant_bits: tuple[int, ...]
    duplicated_bits: tuple[tuple[int, int], ...]
    effective_bits: float
    effective_bits_limit: int
    class_distance: tuple[tuple[int, ...], ...]
    nearest_distance: float
    nearest_pair: tuple[str, ...]
    collisions: tuple[tuple[str, str], ...]
    confused: float


def majority_codes(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute for each class the majority of its items' codes, bit by bit; a tie gives +1.

    Parameters
    ----------
    codes : np.ndarray
        int8 (n, n_bits), values in {-1, +1}
    labels : np.ndarray
        bool (n, n_classes), every class with an item

    Returns
    -------
    np.ndarray
        int8 (n_classes, n_bits)

    Examples
    --------
    >>> labels = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    >>> majority_codes(np.array([[1, -1], [1, -1], [-1, 1], [-1, -1]]), labels)
    array([[ 1, -1],
           [-1,  1]], dtype=int8)
    """
    codes = np.asarray(codes)
    check_codes(codes)
    labels = binary_labels(labels)
    if not labels.any(0).all():
        raise DataError(
            f"class {int((~labels.any(0)).argmax())} has no item and so no code; leave it out of the labels"
        )
    return np.where(labels.T.astype(np.int64) @ codes.astype(np.int64) >= 0, 1, -1).astype(np.int8)


def code_health(codes: np.ndarray, labels: np.ndarray, *, class_names: Sequence[str] | None = None) -> CodeHealth:
    """Measure the content of a bank's bits, and the distances between its classes.

    The effective number of bits is the participation ratio of the eigenvalues of the
    codes' covariance matrix S,

    .. math:: (\\sum_k \\lambda_k)^2 / \\sum_k \\lambda_k^2 = (tr S)^2 / tr(S^2)

    K for K uncorrelated, equally balanced bits and 1 where one bit determines all others. m
    distinct codes span m - 1 dimensions, so that it is at most min(K, m - 1): a healthy bank
    with one code for each of C classes, as of the exact method and DLCH, has about C - 1.

    Parameters
    ----------
    codes : np.ndarray
        int8 (n, n_bits), values in {-1, +1}, n >= 2
    labels : np.ndarray
        bool (n, n_classes); classes without an item are left out
    class_names : sequence of str or None
        one for each class; None names them by position

    Returns
    -------
    CodeHealth
        a class's code is its items' majority, see `majority_codes`. Where items have several
        labels, classes that often occur together are near each other for good reason.
        ``effective_bits`` is NaN, with a warning, where all codes are equal

    Raises
    ------
    DataError
        if the rows of codes and labels differ in number, there are fewer than two, or the
        values are not -1 and +1

    Examples
    --------
    Four codes, of which the last two bits are one and the same:

    >>> codes = np.array([[1, 1, 1, 1], [1, -1, 1, 1], [-1, 1, -1, -1], [-1, -1, -1, -1]]).repeat(2, axis=1)
    >>> health = code_health(codes, np.eye(4, dtype=bool))
    >>> health.balance[0], round(health.effective_bits, 2), health.nearest_distance, health.nearest_pair
    (0.5, 1.6, 2, ('0', '1'))
    """
    codes, labels = _checked(codes, labels)
    names = [str(c) for c in range(labels.shape[1])] if class_names is None else [str(name) for name in class_names]
    if len(names) != labels.shape[1]:
        raise DataError(f"{len(names)} class names for labels of {labels.shape[1]} classes; give one for each")
    present = np.flatnonzero(labels.any(0))
    names = [names[c] for c in present]
    labels = labels[:, present]
    class_codes = majority_codes(codes, labels)
    distance = hamming_distance(class_codes, class_codes)
    pairs = list(itertools.combinations(range(len(names)), 2))
    nearest = min(pairs, key=lambda pair: distance[pair], default=None)
    covariance = np.atleast_2d(np.cov(codes.astype(np.float64).T, bias=True))
    return CodeHealth(
        n_bits=codes.shape[1],
        n_codes=len(codes),
        class_names=tuple(names),
        balance=tuple((codes > 0).mean(0).tolist()),
        constant_bits=tuple(np.flatnonzero(covariance.diagonal() == 0).tolist()),
        duplicated_bits=_duplicated(covariance),
        effective_bits=_participation_ratio(covariance),
        effective_bits_limit=min(codes.shape[1], len(np.unique(codes, axis=0)) - 1),
        class_distance=tuple(map(tuple, distance.tolist())),
        nearest_distance=float("nan") if nearest is None else int(distance[nearest]),
        nearest_pair=() if nearest is None else tuple(names[c] for c in nearest),
        collisions=tuple((names[a], names[b]) for a, b in pairs if distance[a, b] == 0),
        confused=_confused(hamming_distance(codes, class_codes), labels),
    )


def _checked(codes, labels):
    codes = np.asarray(codes)
    labels = binary_labels(labels)
    if codes.ndim != 2 or len(codes) != len(labels) or len(codes) < 2:
        raise DataError(
            f"codes {codes.shape} and labels {labels.shape} do not fit; "
            "give a row of both for each of two or more items"
        )
    unlabelled = ~labels.any(1)
    if unlabelled.any():
        row = int(unlabelled.argmax())
        raise DataError(f"row {row} has no label; every code needs at least one of the {labels.shape[1]} classes")
    return codes, labels


def _duplicated(covariance):
    deviation = np.sqrt(covariance.diagonal())
    scale = np.outer(deviation, deviation)
    correlation = np.abs(np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0))
    return tuple((int(i), int(j)) for i, j in np.argwhere(np.triu(correlation, 1) >= _DUPLICATED))


def _participation_ratio(covariance):
    if not covariance.any():
        warnings.warn("all codes are equal: their effective number of bits is undefined (NaN)", stacklevel=3)
        return float("nan")
    return float(np.trace(covariance) ** 2 / np.square(covariance).sum())


def _confused(distance, labels):
    far = np.iinfo(distance.dtype).max
    own = np.where(labels, distance, far).min(1)
    other = np.where(labels, far, distance).min(1)  # never nearer for an item of every class
    return float((other <= own).mean())
