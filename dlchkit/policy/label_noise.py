"""Which new labels are probably wrong, and how many: what hash codes of picture and text say against the label's code."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from dlchkit.codes import hamming_distance
from dlchkit.errors import DataError
from dlchkit.policy.health import majority_codes


@dataclass(frozen=True)
class LabelledCodes:
    """Items as encoders see them, beside what their labels say: image, text int8 (n, n_bits), labels bool (n, n_classes)."""

    image: np.ndarray
    text: np.ndarray
    labels: np.ndarray

    def __post_init__(self):
        if not len(self.image) == len(self.text) == len(self.labels) > 0 or self.image.shape[1:] != self.text.shape[1:]:
            raise DataError(
                f"image codes {self.image.shape}, text codes {self.text.shape} and labels {self.labels.shape} do not fit; give one row of each per item"
            )


@dataclass(frozen=True)
class KnownCodes:
    """The code of each distinct label vector: labels bool (v, n_classes), codes int8 (v, n_bits)."""

    labels: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class Suspicion:
    """What `suspicious_labels` found, one value per item.

    Attributes
    ----------
    margin : bits by which both codes together lie nearer to another label vector's code
        than to the own label's: in [-n_bits, n_bits], positive speaks against the label
    image_margin, text_margin : the same for one code alone
    better : position in `KnownCodes` of the label vector that both codes together are nearest to, but for the own
    suspicious : whether margin > threshold
    threshold : bits
    """

    margin: tuple
    image_margin: tuple
    text_margin: tuple
    better: tuple
    suspicious: tuple
    threshold: float


@dataclass(frozen=True)
class NoiseRate:
    """What `noise_rate` found.

    Attributes
    ----------
    rate, low, high : estimated share of wrong labels and its interval, within [0, 1]
    flagged : share of items that are suspicious
    caught, false_flags : share of wrong and of right labels that are flagged, measured on trusted items
    n_items, n_trusted : how many of each
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
    """The code of each distinct label vector in a bank: the majority of its items' codes.

    Parameters
    ----------
    codes : int8 (n, n_bits); labels : bool (n, n_classes)
    """
    vectors, which = np.unique(np.asarray(labels, dtype=bool), axis=0, return_inverse=True)
    return KnownCodes(labels=vectors, codes=majority_codes(codes, np.eye(len(vectors), dtype=bool)[which.ravel()]))


def suspicious_labels(items: LabelledCodes, known: KnownCodes, *, threshold: float = 0.0) -> Suspicion:
    """Flag the items whose picture and text together lie nearer to another label's code than to their own.

    .. math:: margin_i = \\frac{d(b^x_i, b_{l(i)}) + d(b^t_i, b_{l(i)})}{2} - \\min_{v \\ne l(i)} \\frac{d(b^x_i, b_v) + d(b^t_i, b_v)}{2}

    Both codes have to speak for the same other label, which tells wrong from right labels
    better than one code alone. Items are best looked at from the largest margin on.

    Parameters
    ----------
    items : codes by encoders that have not been fitted to these very labels where they
        could learn them by heart, e.g. those from before the increment
    known : the label vectors' codes, the items' own among them; see `known_codes`
    threshold : bits; higher flags fewer. At 0 every item that the encoders would have put
        elsewhere is flagged, their own mistakes with it: see `threshold_for`

    Returns
    -------
    `Suspicion`

    Examples
    --------
    >>> known = KnownCodes(labels=np.eye(2, dtype=bool), codes=np.array([[1] * 8, [-1] * 8], np.int8))
    >>> seen = np.array([[1] * 8, [1] * 7 + [-1]], np.int8)
    >>> suspicious_labels(LabelledCodes(seen, seen, np.array([[1, 0], [0, 1]], bool)), known).margin
    (-8.0, 6.0)
    """
    own = _own(items.labels, known)
    margins = {}
    for side, distance in _distances(items, known).items():
        margins[side], better = _margin(distance, own)
    return Suspicion(
        margin=tuple(margins["both"].tolist()),
        image_margin=tuple(margins["image"].tolist()),
        text_margin=tuple(margins["text"].tolist()),
        better=tuple(better.tolist()),
        suspicious=tuple((margins["both"] > threshold).tolist()),
        threshold=threshold,
    )


def threshold_for(trusted: LabelledCodes, known: KnownCodes, *, false_flags: float = 0.02) -> float:
    """The smallest threshold, among trusted items' margins, that flags at most this share of right labels.

    Parameters
    ----------
    trusted : items whose labels are known to be right, not seen by the encoders in training
    false_flags : in [0, 1)

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


def noise_rate(items: LabelledCodes, trusted: LabelledCodes, known: KnownCodes, *, threshold: float = 0.0, level: float = 0.95) -> NoiseRate:
    """Estimate the share of wrong labels from the share flagged, corrected for what flags miss and flag in vain.

    With f the share flagged, t the share of wrong labels that are flagged and s of right ones,

    .. math:: rate = (f - s) / (t - s)

    s is measured on trusted items, t on the same items with every other known label in turn.

    Parameters
    ----------
    items : new items, their labels in doubt
    trusted : items of the same kind whose labels are known to be right, e.g. some hundred
        looked at by hand; none of them seen by the encoders in training
    known, threshold : see `suspicious_labels`; the estimate holds for any threshold that was
        not chosen on these trusted items, and is sharpest where flags miss little
    level : of the interval, by the delta method on the three shares, each drawn a little towards
        1/2 as Agresti and Coull do, without which intervals of small shares are too short

    Returns
    -------
    `NoiseRate`; NaN, with a warning, where flags tell wrong from right labels by less than 0.1

    Notes
    -----
    A wrong label is taken to be any other with the same probability; where errors are
    between alike classes they are harder to flag, and the estimate is too low.

    References
    ----------
    Rogan and Gladen, Am. J. Epidemiol. 107 (1978); Agresti and Coull, Am. Stat. 52 (1998).
    """
    flagged, false_flags = (float(np.mean(suspicious_labels(x, known, threshold=threshold).suspicious)) for x in (items, trusted))
    caught, n, n_trusted = _caught(trusted, known, threshold), len(items.labels), len(trusted.labels)
    shares = {"flagged": flagged, "caught": caught, "false_flags": false_flags, "n_items": n, "n_trusted": n_trusted}
    power = caught - false_flags
    if power < 0.1:
        warnings.warn(f"flags catch {caught:.2f} of wrong and {false_flags:.2f} of right labels: the noise rate is undefined (NaN)", stacklevel=2)
        return NoiseRate(float("nan"), float("nan"), float("nan"), **shares)
    ends = _interval(flagged, caught, false_flags, n, n_trusted, float(ndtri((1 + level) / 2)))
    return NoiseRate(*(float(np.clip(x, 0, 1)) for x in ((flagged - false_flags) / power, *ends)), **shares)


def _interval(flagged, caught, false_flags, n, n_trusted, z):
    """Delta method on shares drawn towards 1/2, so that none of 0 or 1 counts as certain (Agresti and Coull)."""
    f = (n * flagged + z**2 / 2) / (n + z**2)
    t, s = ((n_trusted * share + 1) / (n_trusted + 2) for share in (caught, false_flags))
    rate = (f - s) / (t - s)
    spread = f * (1 - f) / (n + z**2) + (rate**2 * t * (1 - t) + (1 - rate) ** 2 * s * (1 - s)) / (n_trusted + 2)
    half = z * np.sqrt(spread) / (t - s)
    return rate - half, rate + half


def _caught(trusted, known, threshold):
    """The share of wrong labels that would be flagged, over trusted items and every other label."""
    own, distance = _own(trusted.labels, known), _distances(trusted, known)["both"]
    order = np.sort(distance, axis=1)
    others_best = np.where(distance == order[:, :1], order[:, 1:2], order[:, :1])  # nearest but for this label
    flagged = distance - others_best > threshold
    flagged[np.arange(len(own)), own] = False
    return float(flagged.sum() / (len(own) * (len(known.codes) - 1)))


def _own(labels, known):
    if len(known.codes) < 2:
        raise DataError(f"{len(known.codes)} label vector is known; a label is doubted only where two or more are")
    place = {vector.tobytes(): v for v, vector in enumerate(np.asarray(known.labels, dtype=bool))}
    own = [place.get(vector.tobytes(), -1) for vector in np.asarray(labels, dtype=bool)]
    if min(own) < 0:
        raise DataError(f"item {own.index(-1)} has a label vector without a known code; store the items in the bank first, or leave it out")
    return np.array(own)


def _distances(items, known):
    image, text = (hamming_distance(codes, known.codes).astype(float) for codes in (items.image, items.text))
    return {"image": image, "text": text, "both": (image + text) / 2}


def _margin(distance, own):
    rows = np.arange(len(own))
    others = distance.copy()
    others[rows, own] = np.inf
    return distance[rows, own] - others.min(1), others.argmin(1)
