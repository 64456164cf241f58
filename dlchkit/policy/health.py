"""Are stored codes still good codes? What each bit carries, how far apart the classes stand, how many would fit."""

import itertools
import warnings
from dataclasses import dataclass

import numpy as np

from dlchkit.codes import binarize, hamming_distance
from dlchkit.errors import DataError

_DUPLICATED = 0.99  # |correlation| from which one of two bits says nothing new


@dataclass(frozen=True)
class CodeHealth:
    """What `code_health` found. Bits count from 0.

    Attributes
    ----------
    n_bits, n_codes : length and number of the codes
    class_names : the classes that have an item, in the order of ``class_distance``
    balance : for each bit the share of codes with +1; 0.5 is best
    constant_bits : bits with one value alone: they tell nothing apart
    duplicated_bits : pairs of bits of which one follows from the other (|correlation| >= 0.99)
    effective_bits : participation ratio, see `code_health`
    effective_bits_limit : the most it can be for so many distinct codes
    class_distance : Hamming distances between class codes, rows of ints
    nearest_distance : the smallest of them between two classes; NaN for one class alone
    nearest_pair : the two classes it stands between; empty for one class alone
    collisions : pairs of classes that share one code
    confused : share of codes at least as near to the code of a class they lack as to one of their own
    """

    n_bits: int
    n_codes: int
    class_names: tuple
    balance: tuple
    constant_bits: tuple
    duplicated_bits: tuple
    effective_bits: float
    effective_bits_limit: int
    class_distance: tuple
    nearest_distance: float
    nearest_pair: tuple
    collisions: tuple
    confused: float


def majority_codes(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each class the majority of its items' codes, bit by bit; a tie gives +1.

    Parameters
    ----------
    codes : int8 (n, n_bits) in {-1, +1}; labels : bool (n, n_classes), every class with an item

    Returns
    -------
    int8 (n_classes, n_bits)

    Examples
    --------
    >>> majority_codes(np.array([[1, -1], [1, -1], [-1, 1], [-1, -1]]), np.array([[1, 0], [1, 0], [0, 1], [0, 1]]))
    array([[ 1, -1],
           [-1,  1]], dtype=int8)
    """
    labels = np.asarray(labels, dtype=bool)
    if not labels.any(0).all():
        raise DataError(f"class {int((~labels.any(0)).argmax())} has no item and so no code; leave it out of the labels")
    return binarize(labels.T.astype(np.int64) @ np.asarray(codes, dtype=np.int64))


def code_health(codes: np.ndarray, labels: np.ndarray, *, class_names=None) -> CodeHealth:
    """Measure what the bits of a bank carry, and how far apart its classes stand.

    The effective number of bits is the participation ratio of the eigenvalues of the
    codes' covariance matrix S,

    .. math:: (\\sum_k \\lambda_k)^2 / \\sum_k \\lambda_k^2 = (tr S)^2 / tr(S^2)

    K for K uncorrelated, equally balanced bits and 1 where one bit tells all. m distinct
    codes span m - 1 dimensions, so that it is at most min(K, m - 1): a bank with one code
    per class, as exact and DLCH leave it, reads about C - 1 when it is in good health.

    Parameters
    ----------
    codes : int8 (n, n_bits) in {-1, +1}, n >= 2
    labels : bool (n, n_classes); classes without an item are left out
    class_names : a name per class; None names them by position

    Returns
    -------
    `CodeHealth`. A class's code is its items' majority, see `majority_codes`. With several
    labels per item, classes that often come together are right to stand near each other.
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
    names, labels = [names[c] for c in present], labels[:, present]
    class_codes = majority_codes(codes, labels)
    to_classes, distance = hamming_distance(codes, class_codes), hamming_distance(class_codes, class_codes)
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
        confused=_confused(to_classes, labels),
    )


def _checked(codes, labels):
    codes, labels = np.asarray(codes), np.asarray(labels, dtype=bool)
    if codes.ndim != 2 or labels.ndim != 2 or len(codes) != len(labels) or len(codes) < 2:
        raise DataError(f"codes {codes.shape} and labels {labels.shape} do not fit; give a row of both for each of two or more items")
    unlabelled = ~labels.any(1)
    if unlabelled.any():
        raise DataError(f"row {int(unlabelled.argmax())} has no label; every code needs at least one of the {labels.shape[1]} classes")
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
    other = np.where(labels, far, distance).min(1)  # an item of every class lacks none and is never confused
    return float((other <= own).mean())
