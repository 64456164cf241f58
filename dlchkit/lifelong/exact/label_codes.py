"""One hash code per label vector: those given out stay, new ones are found beside them."""

import numpy as np
import torch
from scipy.linalg import hadamard

from dlchkit.codes import check_n_bits, unit_labels
from dlchkit.lifelong.dlch import descend

ROUNDS = 30  # of discrete descent over all new codes at most; it ends when none changes


class LabelCodes:
    """Codes in {-1, +1} for label vectors, learned as they come and fixed from then on.

    New codes descend, with the label cosine s and all codes given out before fixed,

    .. math:: \\sum_{i,j} n_i n_j (K t_{ij} - \\langle b_i, b_j \\rangle)^2,
              \\qquad t_{ij} = (1 + \\delta) s_{ij} - \\delta

    where n counts the items of a label vector. Old codes enter through the small sums of
    :math:`n\\, e\\, b^T`, :math:`n\\, b` and :math:`n\\, b\\, b^T` alone, as in `dlchkit.losses.CodeSums`.

    Parameters
    ----------
    n_bits : int
        Code length.
    n_classes : int
    margin : float
        :math:`\\delta` in [0, 1], how far items without a common label are pushed apart: 0 asks
        for orthogonal codes, 1 (targets 2s - 1) for opposite ones.
    seed : int

    Attributes
    ----------
    vectors : bool array (n_label_vectors, n_classes)
        In the order of their arrival.
    counts : int64 array (n_label_vectors,)
        Items of each.
    codes : int8 array (n_label_vectors, n_bits)
        0 in rows that have no code yet.
    starts : int8 array (n_classes, n_bits)
        The code from which each class begins; 0 where a class was never seen.

    Notes
    -----
    Classes begin from rows of a Hadamard matrix with a random sign per bit. Where the
    number of bits is a power of two, codes of single labels, which share nothing, are then
    orthogonal for one class fewer than there are bits, and descent moves them apart by as
    much as ``margin`` asks and bits allow. Rows used up are followed by their opposites,
    then by random signs. Several labels begin from the sign of the sum of their classes.

    References
    ----------
    The discrete step as in ADSH/DIHN; lifelong objective of arXiv 2304.13357; orthogonal
    class codes as in central similarity quantization (Yuan et al., CVPR 2020).
    """

    def __init__(self, n_bits: int, n_classes: int, *, margin: float, seed: int):
        self.n_bits = check_n_bits(n_bits)
        self.margin = margin
        self.seed = seed
        self.vectors = np.zeros((0, n_classes), dtype=bool)
        self.counts = np.zeros(0, dtype=np.int64)
        self.codes = np.zeros((0, n_bits), dtype=np.int8)
        self.starts = np.zeros((n_classes, n_bits), dtype=np.int8)

    def __len__(self) -> int:
        return len(self.vectors)

    def copy(self) -> "LabelCodes":
        """The same vectors and codes, with no items counted."""
        other = LabelCodes(self.n_bits, self.vectors.shape[1], margin=self.margin, seed=self.seed)
        other.vectors = self.vectors.copy()
        other.codes = self.codes.copy()
        other.starts = self.starts.copy()
        other.counts = np.zeros_like(self.counts)
        return other

    def grow(self, n_classes: int) -> None:
        """Make room for classes not heard of before."""
        room = n_classes - self.vectors.shape[1]
        self.vectors = np.pad(self.vectors, ((0, 0), (0, room)))
        self.starts = np.pad(self.starts, ((0, room), (0, 0)))

    def rows_of(self, vectors: np.ndarray) -> np.ndarray:
        """The row of each label vector, int64 (n,); -1 where it was never seen."""
        known = {vector.tobytes(): row for row, vector in enumerate(np.packbits(self.vectors, axis=1))}
        return np.array([known.get(vector.tobytes(), -1) for vector in np.packbits(vectors, axis=1)], dtype=np.int64)

    def add(self, vectors: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Count items of distinct label vectors; those not seen before get a row, not yet a code. Returns the rows."""
        rows = self.rows_of(vectors)
        new = rows < 0
        rows[new] = len(self) + np.arange(new.sum())
        self.vectors = np.concatenate([self.vectors, vectors[new]])
        self.counts = np.concatenate([self.counts, np.zeros(new.sum(), dtype=np.int64)])
        self.codes = np.concatenate([self.codes, np.zeros((new.sum(), self.n_bits), dtype=np.int8)])
        np.add.at(self.counts, rows, counts)
        return rows

    def take_over(self, other: "LabelCodes") -> None:
        """Take over the codes and starts of ``other`` that are missing here; no item is counted."""
        vectors = _as_wide_as(self.vectors, other.vectors[other.coded])
        rows = self.add(vectors, np.zeros(len(vectors), dtype=np.int64))
        missing = ~self.coded[rows]
        self.codes[rows[missing]] = other.codes[other.coded][missing]
        unstarted = np.flatnonzero(~self.starts[: len(other.starts)].any(1))
        self.starts[unstarted] = other.starts[unstarted]

    def knows_codes_of(self, other: "LabelCodes") -> bool:
        """True where every code that ``other`` has given out is the same here."""
        if self.vectors.shape[1] < np.flatnonzero(np.any(other.vectors[other.coded], axis=0)).max(initial=-1) + 1:
            return False
        width = self.vectors.shape[1]
        rows = self.rows_of(_as_wide_as(self.vectors, other.vectors[other.coded][:, :width]))
        return bool((rows >= 0).all() and (self.codes[rows] == other.codes[other.coded]).all())

    @property
    def coded(self) -> np.ndarray:
        """Which rows have a code, bool (n_label_vectors,)."""
        return self.codes[:, 0] != 0

    def learn(self) -> None:
        """Give every row without a code one; all others stay.

        New rows descend in lexicographic order of their vectors and not in that of their arrival,
        so that sums of shards give the same codes whichever shard came first.
        """
        new = np.flatnonzero(~self.coded)
        self._learn_rows(new[lexicographic_order(self.vectors[new])])

    def _learn_rows(self, rows: np.ndarray) -> None:
        if len(rows) > 0:
            vectors = self.vectors[rows]
            self._start_classes(np.any(vectors, axis=0))
            self._descend(rows, np.where(unit_labels(vectors) @ self.starts >= 0, 1.0, -1.0))

    def _descend(self, rows: np.ndarray, start: np.ndarray) -> None:
        """Give these rows, int64 (m,), the codes that descent from ``start`` finds beside those of all other rows."""
        others = np.setdiff1d(np.arange(len(self)), rows)
        unit = unit_labels(torch.as_tensor(self.vectors, dtype=torch.float64))
        weights = torch.as_tensor(np.maximum(self.counts, 1), dtype=torch.float64)[:, None]
        codes = torch.as_tensor(self.codes, dtype=torch.float64)
        new = torch.as_tensor(rows)
        old = torch.as_tensor(others)
        given = codes[old] * weights[old]
        pull = self.n_bits * ((1 + self.margin) * unit[new] @ (unit[old].T @ given) - self.margin * given.sum(0))
        gram = given.T @ codes[old]
        wanted = self.n_bits * similarity_target(unit[new], unit[new], self.margin)
        found = _descend_together(torch.as_tensor(start), pull, gram, wanted, weights[new])
        self.codes[rows] = found.numpy().astype(np.int8)

    def clear(self) -> None:
        """Take all codes and starts back; label vectors and counts stay."""
        self.codes[:] = 0
        self.starts[:] = 0

    def learn_anew(self) -> None:
        """Free all codes at once and keep the best of three: the codes given out, and two descents.

        The objective never rises; where nothing better is found, every code stays.
        """
        every = np.arange(len(self))
        given = self.codes.copy()
        starts = self.starts.copy()
        candidates = [(code_objective(self), given, starts)]
        self._descend(every, given.astype(np.float64))
        candidates.append((code_objective(self), self.codes.copy(), starts))
        self.clear()
        self._learn_rows(every)
        candidates.append((code_objective(self), self.codes, self.starts))
        _, self.codes, self.starts = min(candidates, key=lambda one: one[0])

    def _start_classes(self, wanted: np.ndarray) -> None:
        """Give each class of this mask a start, if it has none."""
        rows = _hadamard_rows(self.n_bits, self.seed)
        used = int((self.starts[:, 0] != 0).sum())
        for nth, column in enumerate(np.flatnonzero(wanted & (self.starts[:, 0] == 0)), start=used):
            drawn = np.random.default_rng([self.seed, nth]).choice([-1, 1], self.n_bits)
            self.starts[column] = rows[nth] if nth < len(rows) else drawn


def lexicographic_order(vectors: np.ndarray) -> np.ndarray:
    """Positions that sort rows by their first column, then by their second and so on, int64 (n,).

    Examples
    --------
    >>> lexicographic_order(np.array([[1, 0], [0, 1], [0, 0]], dtype=bool))
    array([2, 1, 0])
    """
    return np.lexsort(vectors.T[::-1]) if vectors.size else np.arange(len(vectors))


def _as_wide_as(vectors: np.ndarray, narrower: np.ndarray) -> np.ndarray:
    return np.pad(narrower, ((0, 0), (0, vectors.shape[1] - narrower.shape[1])))


def _hadamard_rows(n_bits: int, seed: int) -> np.ndarray:
    """Rows of a Hadamard matrix in random order, a random sign per bit, then their opposites: int8 (m, n_bits)."""
    random = np.random.default_rng(seed)
    size = 1 << (n_bits - 1).bit_length()  # the next power of two
    rows = hadamard(size)[1:, :n_bits].astype(np.int8) * random.choice(np.array([-1, 1], dtype=np.int8), n_bits)
    rows = rows[random.permutation(len(rows))]
    return np.concatenate([rows, -rows])


def similarity_target(unit_a, unit_b, margin: float):
    """t = (1 + margin) s - margin of unit label vectors: 1 for equal ones, -margin where no label is shared."""
    return (1 + margin) * unit_a @ unit_b.T - margin


def _descend_together(codes, pull, gram, wanted, weights) -> torch.Tensor:
    """Descend over new codes that also see each other: in turns, each time with the others as they were."""
    best = codes
    best_value = np.inf
    for _ in range(ROUNDS):
        value = _value(codes, pull, gram, wanted, weights)
        if value < best_value:
            best = codes
            best_value = value
        weighed = codes * weights
        moved = descend(codes, pull + wanted @ weighed, gram + weighed.T @ codes)
        if torch.equal(moved, codes):
            break
        codes = moved
    return best if best_value <= _value(codes, pull, gram, wanted, weights) else codes


def _value(codes, pull, gram, wanted, weights) -> float:
    """The objective of `LabelCodes` up to a constant: pairs of new and old count twice, as both orders do."""
    with_old = (((codes @ gram) * codes).sum(1) - 2 * (pull * codes).sum(1)) @ weights[:, 0]
    among_new = ((wanted - codes @ codes.T) ** 2 * (weights @ weights.T)).sum()
    return float(2 * with_old + among_new)


def code_objective(codes: LabelCodes) -> float:
    """Squared distance of inner products of codes from their targets, a mean over pairs of items: 0 is perfect.

    .. math:: \\sum_{ij} n_i n_j (t_{ij} - \\langle b_i, b_j \\rangle / K)^2 \\Big/ \\sum_{ij} n_i n_j
    """
    unit = unit_labels(codes.vectors)
    gap = similarity_target(unit, unit, codes.margin) - codes.codes.astype(np.float64) @ codes.codes.T / codes.n_bits
    share = codes.counts / codes.counts.sum()
    return float(share @ gap**2 @ share)
