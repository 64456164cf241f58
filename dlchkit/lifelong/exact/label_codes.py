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
    margin : :math:`\\delta` in [0, 1], how far items without a common label are pushed apart:
        0 asks for orthogonal codes, 1 (targets 2s - 1) for opposite ones

    Attributes
    ----------
    vectors : bool (n_label_vectors, n_classes), in the order of their arrival
    counts : int64 (n_label_vectors,), items of each
    codes : int8 (n_label_vectors, n_bits), 0 in rows that have no code yet
    starts : int8 (n_classes, n_bits), the code from which each class begins; 0: never seen

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
        self.n_bits, self.margin, self.seed = check_n_bits(n_bits), margin, seed
        self.vectors = np.zeros((0, n_classes), dtype=bool)
        self.counts = np.zeros(0, dtype=np.int64)
        self.codes = np.zeros((0, n_bits), dtype=np.int8)
        self.starts = np.zeros((n_classes, n_bits), dtype=np.int8)

    def __len__(self) -> int:
        return len(self.vectors)

    def copy(self) -> "LabelCodes":
        """The same vectors and codes, with no items counted."""
        other = LabelCodes(self.n_bits, self.vectors.shape[1], margin=self.margin, seed=self.seed)
        other.vectors, other.codes, other.starts = self.vectors.copy(), self.codes.copy(), self.starts.copy()
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

    def merge(self, other: "LabelCodes") -> np.ndarray:
        """Count what ``other`` has counted and take over codes that are missing here. Returns the rows of its vectors."""
        vectors = _as_wide_as(self.vectors, other.vectors)
        rows = self.add(vectors, other.counts)
        missing = ~self.coded[rows]
        self.codes[rows[missing]] = other.codes[missing]
        unstarted = np.flatnonzero(~self.starts[: len(other.starts)].any(1))
        self.starts[unstarted] = other.starts[unstarted]
        return rows

    def knows_codes_of(self, other: "LabelCodes") -> bool:
        """True where every code that ``other`` has given out is the same here."""
        if self.vectors.shape[1] < other.vectors[other.coded].any(0).nonzero()[0].max(initial=-1) + 1:
            return False
        width = self.vectors.shape[1]
        rows = self.rows_of(_as_wide_as(self.vectors, other.vectors[other.coded][:, :width]))
        return bool((rows >= 0).all() and (self.codes[rows] == other.codes[other.coded]).all())

    @property
    def coded(self) -> np.ndarray:
        """Which rows have a code, bool (n_label_vectors,)."""
        return self.codes[:, 0] != 0

    def learn(self) -> None:
        """Give every row without a code one; all others stay."""
        new = ~self.coded
        if new.any():
            self._start_classes(self.vectors[new].any(0))
            unit = unit_labels(self.vectors[new])
            self._descend(new, np.where(unit @ self.starts >= 0, 1.0, -1.0))

    def _descend(self, new: np.ndarray, start: np.ndarray) -> None:
        """Give these rows, bool (n_label_vectors,), the codes that descent from ``start`` finds beside all others."""
        unit = unit_labels(torch.as_tensor(self.vectors, dtype=torch.float64))
        weights = torch.as_tensor(np.maximum(self.counts, 1), dtype=torch.float64)[:, None]
        old, fresh = torch.as_tensor(~new), torch.as_tensor(new)
        given = torch.as_tensor(self.codes[~new], dtype=torch.float64) * weights[old]
        pull = self.n_bits * ((1 + self.margin) * unit[fresh] @ (unit[old].T @ given) - self.margin * given.sum(0))
        gram = given.T @ torch.as_tensor(self.codes[~new], dtype=torch.float64)
        wanted = self.n_bits * similarity_target(unit[fresh], unit[fresh], self.margin)
        found = _descend_together(torch.as_tensor(start), pull, gram, wanted, weights[fresh])
        self.codes[new] = found.numpy().astype(np.int8)

    def learn_anew(self) -> None:
        """Free all codes at once: descend from a fresh start and from the codes given out, and keep the best of the three.

        The objective never rises; where nothing better is found, every code stays.
        """
        given, starts = self.codes.copy(), self.starts.copy()
        candidates = [(code_objective(self), given, starts)]
        self._descend(np.ones(len(self), dtype=bool), given.astype(np.float64))
        candidates.append((code_objective(self), self.codes.copy(), starts))
        self.codes[:], self.starts[:] = 0, 0
        self.learn()
        candidates.append((code_objective(self), self.codes, self.starts))
        _, self.codes, self.starts = min(candidates, key=lambda one: one[0])

    def _start_classes(self, wanted: np.ndarray) -> None:
        rows = _hadamard_rows(self.n_bits, self.seed)
        used = int((self.starts[:, 0] != 0).sum())
        for nth, column in enumerate(np.flatnonzero(wanted & (self.starts[:, 0] == 0)), start=used):
            drawn = np.random.default_rng([self.seed, nth]).choice([-1, 1], self.n_bits)
            self.starts[column] = rows[nth] if nth < len(rows) else drawn


def _as_wide_as(vectors, narrower):
    return np.pad(narrower, ((0, 0), (0, vectors.shape[1] - narrower.shape[1])))


def _hadamard_rows(n_bits: int, seed: int) -> np.ndarray:
    """Rows of a Hadamard matrix in random order, a random sign per bit, then their opposites: int8 (m, n_bits)."""
    random = np.random.default_rng(seed)
    size = 1 << (n_bits - 1).bit_length()
    rows = hadamard(size, dtype=np.int8)[1:, :n_bits] * random.choice(np.array([-1, 1], dtype=np.int8), n_bits)
    rows = rows[random.permutation(len(rows))]
    return np.concatenate([rows, -rows])


def similarity_target(unit_a, unit_b, margin: float):
    """t = (1 + margin) s - margin for rows of unit label vectors: 1 for equal ones, -margin where no label is shared."""
    return (1 + margin) * unit_a @ unit_b.T - margin


def _descend_together(codes, pull, gram, wanted, weights):
    """Descend over new codes that also see each other: in turns, each time with the others as they were."""
    best, best_value = codes, np.inf
    for _ in range(ROUNDS):
        value = _value(codes, pull, gram, wanted, weights)
        if value < best_value:
            best, best_value = codes, value
        weighed = codes * weights
        moved = descend(codes, pull + wanted @ weighed, gram + weighed.T @ codes)
        if torch.equal(moved, codes):
            break
        codes = moved
    return best if best_value <= _value(codes, pull, gram, wanted, weights) else codes


def _value(codes, pull, gram, wanted, weights):
    """The objective of `LabelCodes` up to a constant: pairs of new and old count twice, as both orders do."""
    with_old = (((codes @ gram) * codes).sum(1) - 2 * (pull * codes).sum(1)) @ weights[:, 0]
    among_new = ((wanted - codes @ codes.T) ** 2 * (weights @ weights.T)).sum()
    return float(2 * with_old + among_new)


def code_objective(codes: LabelCodes) -> float:
    """How far inner products of codes are from what labels ask for, a mean over pairs of items: 0 is perfect.

    .. math:: \\sum_{ij} n_i n_j (t_{ij} - \\langle b_i, b_j \\rangle / K)^2 \\Big/ \\sum_{ij} n_i n_j
    """
    unit = unit_labels(codes.vectors)
    gap = similarity_target(unit, unit, codes.margin) - codes.codes.astype(np.float64) @ codes.codes.T / codes.n_bits
    share = codes.counts / codes.counts.sum()
    return float(share @ gap**2 @ share)
