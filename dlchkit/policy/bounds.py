"""Bounds on the number of classes that fit into K bits at a wanted distance."""

from dataclasses import dataclass
from math import comb

from dlchkit.errors import DataError

_HADAMARD_KNOWN = 668  # the smallest multiple of 4 for which no Hadamard matrix is known


@dataclass(frozen=True)
class Capacity:
    """Bounds on the number of codes of ``n_bits`` bits with every two at least ``wanted_distance`` apart.

    Attributes
    ----------
    at_least, at_most : int
        lower and upper bound on the number of codes
    fits : str
        whether ``n_classes`` codes exist: "yes", "no", or "open" between the two bounds
    certain_distance : int
        the largest distance at which ``n_classes`` codes certainly exist; 0 for none
    possible_distance : int
        the largest distance at which no bound excludes ``n_classes`` codes
    """

    n_bits: int
    n_classes: int
    wanted_distance: int
    at_least: int
    at_most: int
    fits: str
    certain_distance: int
    possible_distance: int


def capacity(n_bits: int, n_classes: int, wanted_distance: int) -> Capacity:
    """Decide whether ``n_classes`` class codes of ``n_bits`` bits fit at a minimum Hamming distance.

    With A(K, d) the largest number of codes, V(K, r) the number of words within distance r:

    .. math:: 2^K / V(K, d-1) \\le A(K, d) \\quad \\text{(Gilbert)}, \\qquad
              2K \\le A(K, K/2) \\quad \\text{(rows of} \\pm H_K)

    .. math:: A(K, d) \\le 2 \\lfloor d / (2d - K) \\rfloor, \\; d \\text{ even}, \\, 2d > K; \\quad
              A(2d, d) \\le 4d \\quad \\text{(Plotkin)}

    .. math:: A(K, d) \\le 2 A(K-1, d), \\quad A(K, d) = A(K+1, d+1), \\, d \\text{ odd}, \\quad
              A(K, d) \\le 2^K / V(K, \\lfloor (d-1)/2 \\rfloor) \\quad \\text{(Hamming)}

    Parameters
    ----------
    n_bits : int
        K >= 1
    n_classes : int
        at least 2
    wanted_distance : int
        1 to K; a code word survives floor((d - 1) / 2) wrong bits

    References
    ----------
    MacWilliams and Sloane, The Theory of Error-Correcting Codes, 1977: chapter 1, theorems
    6 (Hamming) and 12 (Gilbert-Varshamov), and chapter 2, section 2 (Plotkin, Hadamard codes).

    Examples
    --------
    64 bits hold at most 128 classes at distance 32: the rows of a Hadamard matrix and their opposites.

    >>> found = capacity(64, 26, 32)
    >>> found.at_least, found.at_most, found.fits, found.certain_distance, found.possible_distance
    (128, 128, 'yes', 32, 32)
    """
    if n_bits < 1 or n_classes < 2 or not 1 <= wanted_distance <= n_bits:
        raise DataError(
            f"n_bits {n_bits}, n_classes {n_classes} and wanted_distance {wanted_distance} do not fit; "
            "two classes or more need a distance between 1 and the number of bits"
        )
    at_least = _at_least(n_bits, wanted_distance)
    at_most = _at_most(n_bits, wanted_distance)
    if at_least < n_classes <= at_most:
        fits = "open"
    else:
        fits = "yes" if n_classes <= at_least else "no"
    certain = [d for d in range(1, n_bits + 1) if _at_least(n_bits, d) >= n_classes]
    possible = [d for d in range(1, n_bits + 1) if _at_most(n_bits, d) >= n_classes]
    return Capacity(
        n_bits=n_bits,
        n_classes=n_classes,
        wanted_distance=wanted_distance,
        at_least=at_least,
        at_most=at_most,
        fits=fits,
        certain_distance=max(certain, default=0),
        possible_distance=max(possible, default=0),
    )


def _ball(n, radius):
    return sum(comb(n, i) for i in range(radius + 1))


def _at_least(n, d):
    gilbert = -(-(2**n) // _ball(n, d - 1))
    hadamard = 2 * n if n % 4 == 0 and n < _HADAMARD_KNOWN and 2 * d <= n else 2  # a word and its opposite
    return max(gilbert, hadamard)


def _at_most(n, d):
    if d % 2:  # a parity bit makes an odd distance even
        n += 1
        d += 1
    shortened = [2**s * _plotkin(n - s, d) for s in range(max(0, n - 2 * d), n - d + 1)]
    return min(*shortened, 2 ** (n - 1) // _ball(n - 1, (d - 2) // 2))


def _plotkin(n, d):
    return 4 * d if n == 2 * d else 2 * (d // (2 * d - n))
