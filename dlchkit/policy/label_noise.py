"""Find labels that are probably wrong, and estimate their share, from hash codes of picture and text."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from dlchkit.codes import binary_labels, hamming_distance
from dlchkit.errors import DataError
from dlchkit.policy.health import majority_codes


@dataclass(frozen=True)
class LabelledCodes:
    """Items as codes of their encoders, image and text int8 (n, n_bits), and their labels, bool (n, n_classes)."""

    image: np.ndarray
    text: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        if not len(self.image) == len(self.text) == len(self.labels) > 0 or self.image.shape[1:] != self.text.shape[1:]:
            raise DataError(
                f"image codes {self.image.shape}, text codes {self.text.shape} and labels {self.labels.shape} "
                "do not fit; give one row of each per item"
            )
        binary_labels(self.labels)


@dataclass(frozen=True)
class KnownCodes:
    """Codes of the distinct label vectors: labels bool (v, n_classes), codes int8 (v, n_bits)."""

    labels: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class Suspicion:
    """Result of `suspicious_labels`, one value for each item.

    Attributes
    ----------
    margin : tuple of float
        bits by which both codes together lie nearer to another label vector's code than to
        that of the item's own label: in [-n_bits, n_bits], positive is evidence against the label
    image_margin, text_margin : tuple of float
        the same for one code alone
    better : tuple of int
        position in `KnownCodes` of the other label vector that is nearest to both codes together
    suspicious : tuple of bool
        whether margin > threshold
    threshold : float
        in bits
    """

    margin: tuple[float, ...]
    image_margin: tuple[float, ...]
    text_margin: tuple[float, ...]
    better: tuple[int, ...]
    suspicious: tuple[bool, ...]
    threshold: float


@dataclass(frozen=True)
class NoiseRate:
    """Result of `noise_rate`.

    Attributes
    ----------
    rate, low, high : float
        estimated share of wrong labels and its interval, within [0, 1]
    flagged : float
        share of suspicious items
    caught, false_flags : float
        flagged shares of wrong and of right labels, measured on trusted items
    n_items, n_trusted : int
        numbers of items and of trusted items
    """

    rate: float
    low: float
    high: float
    flagged: float
    caught: float
    false_flags: float
    n_items: int
    n_trusted: int


def known_codes(codes: np.ndarray, labels: np.ndarray) -> KnownCodes:
    """Compute the code of each distinct label vector in a bank: the majority of its items' codes.

    Parameters
    ----------
    codes : np.ndarray
        int8 (n, n_bits)
    labels : np.ndarray
        bool (n, n_classes)
    """
    vectors, which = np.unique(binary_labels(labels), axis=0, return_inverse=True)
    return KnownCodes(labels=vectors, codes=majority_codes(codes, np.eye(len(vectors), dtype=bool)[which.ravel()]))


def suspicious_labels(items: LabelledCodes, known: KnownCodes, *, threshold: float = 0.0) -> Suspicion:
    """Flag the items whose picture and text together lie nearer to another label's code than to their own.

    .. math:: margin_i = \\frac{d(b^x_i, b_{l(i)}) + d(b^t_i, b_{l(i)})}{2}
              - \\min_{v \\ne l(i)} \\frac{d(b^x_i, b_v) + d(b^t_i, b_v)}{2}

    Both codes have to support the same other label, which separates wrong from right labels
    better than one code alone. Items are best inspected in order of falling margin.

    Parameters
    ----------
    items : LabelledCodes
        codes by encoders that could not memorise these labels in training, e.g. those from
        before the increment
    known : KnownCodes
        codes of the label vectors, the items' own among them; see `known_codes`
    threshold : float
        in bits; a higher one flags fewer items. At 0 every item that the encoders would
        classify otherwise is flagged, including the encoders' own mistakes: see `threshold_for`

    Examples
    --------
    >>> known = KnownCodes(labels=np.eye(2, dtype=bool), codes=np.array([[1] * 8, [-1] * 8], np.int8))
    >>> seen = np.array([[1] * 8, [1] * 7 + [-1]], np.int8)
    >>> suspicious_labels(LabelledCodes(seen, seen, np.array([[1, 0], [0, 1]], bool)), known).margin
    (-8.0, 6.0)
    """
    own = _own(items.labels, known)
    image, text = _distances(items, known)
    margin, better = _margin((image + text) / 2, own)
    return Suspicion(
        margin=tuple(margin.tolist()),
        image_margin=tuple(_margin(image, own)[0].tolist()),
        text_margin=tuple(_margin(text, own)[0].tolist()),
        better=tuple(better.tolist()),
        suspicious=tuple((margin > threshold).tolist()),
        threshold=threshold,
    )


def threshold_for(trusted: LabelledCodes, known: KnownCodes, *, false_flags: float = 0.02) -> float:
    """Find the smallest threshold, among trusted items' margins, that flags at most this share of right labels.

    Parameters
    ----------
    trusted : LabelledCodes
        items whose labels are known to be right, not seen by the encoders in training
    known : KnownCodes
        see `suspicious_labels`
    false_flags : float
        in [0, 1)

    Examples
    --------
    >>> known = KnownCodes(labels=np.eye(2, dtype=bool), codes=np.array([[1] * 8, [-1] * 8], np.int8))
    >>> seen = np.array([[1] * (8 - i) + [-1] * i for i in range(5)], np.int8)
    >>> trusted = LabelledCodes(seen, seen, np.eye(2, dtype=bool)[[0] * 5])  # margins -8, -6, -4, -2, 0
    >>> threshold_for(trusted, known, false_flags=0.2), threshold_for(trusted, known, false_flags=0.1)
    (-2.0, 0.0)
    """
    if not 0 <= false_flags < 1:
        raise DataError(f"false_flags is {false_flags}; it is a share of right labels in [0, 1), e.g. 0.02")
    margins = np.sort(suspicious_labels(trusted, known).margin)[::-1]
    return float(margins[int(false_flags * len(margins) + 1e-9)])


def noise_rate(
    items: LabelledCodes, trusted: LabelledCodes, known: KnownCodes, *, threshold: float = 0.0, level: float = 0.95
) -> NoiseRate:
    """Estimate the share of wrong labels from the flagged share, corrected for missed and for false flags.

    With f the flagged share of all labels, t that of wrong labels and s that of right ones,

    .. math:: rate = (f - s) / (t - s)

    s is measured on trusted items, t on the same items with every other known label in turn.

    Parameters
    ----------
    items : LabelledCodes
        new items whose labels are in doubt
    trusted : LabelledCodes
        items of the same kind whose labels are known to be right, e.g. some hundred checked by
        hand; none of them seen by the encoders in training
    known, threshold
        see `suspicious_labels`; the estimate holds for any threshold that was not chosen on
        these trusted items, and is most precise where flags miss few wrong labels
    level : float
        of the interval, by the delta method on the three shares, each moved a little towards
        1/2 as by Agresti and Coull, without which intervals of small shares are too short

    Returns
    -------
    NoiseRate
        NaN, with a warning, where t - s is below 0.1

    Notes
    -----
    A wrong label is assumed to be any other with the same probability; errors between
    similar classes are harder to flag, and then the estimate is too low.

    References
    ----------
    Rogan and Gladen, Am. J. Epidemiol. 107 (1978); Agresti and Coull, Am. Stat. 52 (1998).
    """
    flagged = float(np.mean(suspicious_labels(items, known, threshold=threshold).suspicious))
    false_flags = float(np.mean(suspicious_labels(trusted, known, threshold=threshold).suspicious))
    caught = _caught(trusted, known, threshold)
    n = len(items.labels)
    n_trusted = len(trusted.labels)
    power = caught - false_flags
    if power < 0.1:
        warnings.warn(
            f"flags catch {caught:.2f} of wrong and {false_flags:.2f} of right labels: "
            "the noise rate is undefined (NaN)",
            stacklevel=2,
        )
        rate = low = high = float("nan")
    else:
        rate = (flagged - false_flags) / power
        low, high = _interval(flagged, caught, false_flags, n, n_trusted, float(ndtri((1 + level) / 2)))
    return NoiseRate(
        rate=float(np.clip(rate, 0, 1)),
        low=float(np.clip(low, 0, 1)),
        high=float(np.clip(high, 0, 1)),
        flagged=flagged,
        caught=caught,
        false_flags=false_flags,
        n_items=n,
        n_trusted=n_trusted,
    )


def _interval(flagged, caught, false_flags, n, n_trusted, z):
    """Delta method on shares moved towards 1/2, so that none of 0 or 1 counts as certain (Agresti and Coull)."""
    f = (n * flagged + z**2 / 2) / (n + z**2)
    t = (n_trusted * caught + 1) / (n_trusted + 2)
    s = (n_trusted * false_flags + 1) / (n_trusted + 2)
    rate = (f - s) / (t - s)
    spread = f * (1 - f) / (n + z**2) + (rate**2 * t * (1 - t) + (1 - rate) ** 2 * s * (1 - s)) / (n_trusted + 2)
    half = z * np.sqrt(spread) / (t - s)
    return rate - half, rate + half


def _caught(trusted, known, threshold):
    """Compute the flagged share of wrong labels, over trusted items and every other label."""
    own = _own(trusted.labels, known)
    image, text = _distances(trusted, known)
    distance = (image + text) / 2
    order = np.sort(distance, axis=1)
    others_best = np.where(distance == order[:, :1], order[:, 1:2], order[:, :1])  # the nearest other label
    flagged = distance - others_best > threshold
    flagged[np.arange(len(own)), own] = False
    return float(flagged.sum() / (len(own) * (len(known.codes) - 1)))


def _own(labels, known):
    if len(known.codes) < 2:
        raise DataError(f"{len(known.codes)} label vector is known; a label can be in doubt only where two or more are")
    place = {vector.tobytes(): v for v, vector in enumerate(binary_labels(known.labels, "labels of known codes"))}
    own = [place.get(vector.tobytes(), -1) for vector in binary_labels(labels)]
    if min(own) < 0:
        raise DataError(
            f"item {own.index(-1)} has a label vector without a known code; "
            "store an item with it in the bank first, or leave the item out"
        )
    return np.array(own)


def _distances(items, known):
    """Distances of image and of text codes from the known codes, each (n, v)."""
    return hamming_distance(items.image, known.codes), hamming_distance(items.text, known.codes)


def _margin(distance, own):
    rows = np.arange(len(own))
    others = distance.astype(float)
    others[rows, own] = np.inf
    return distance[rows, own] - others.min(1), others.argmin(1)
