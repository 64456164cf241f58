"""Sums over items, all that exact hashing keeps of them, whatever their number."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlchkit.errors import DataError
from dlchkit.lifelong.exact.class_columns import moved
from dlchkit.lifelong.exact.label_codes import lexicographic_order

_BLOCK = 512  # columns of the Gram matrix at once; the part below the diagonal is not computed


@dataclass
class ModalitySums:
    """Sums over items, phi being their features and l the row of their label vector.

    .. math:: G = \\sum_i \\varphi_i \\varphi_i^T, \\qquad P_l = \\sum_{i: l(i) = l} \\varphi_i

    With a code :math:`c_l` and a weight :math:`w_l` for every label vector, the ridge
    regression of all items ever seen onto :math:`w_l c_l` is

    .. math:: W = (G + \\Lambda)^{-1} \\sum_l w_l P_l c_l^T .

    Both sums are kept in float64, so that small increments still count after many large ones.

    Attributes
    ----------
    gram : float64 tensor (width, width)
        G; the part below the diagonal is not kept up.
    by_label : float64 tensor (n_label_vectors, width)
        P.
    """

    gram: Tensor
    by_label: Tensor

    @classmethod
    def empty(cls, n_label_vectors: int, width: int, device: torch.device) -> "ModalitySums":
        """Sums over no items."""
        gram = torch.zeros(width, width, dtype=torch.float64, device=device)
        by_label = torch.zeros(n_label_vectors, width, dtype=torch.float64, device=device)
        return cls(gram, by_label)

    def add(self, phi: Tensor, rows: Tensor) -> None:
        """Add items: their phi (n, width) and the row of each one's label vector, int64 (n,)."""
        width = phi.shape[1]
        for start in range(0, width, _BLOCK):
            stop = min(start + _BLOCK, width)
            self.gram[start:stop, start:] += phi[:, start:stop].T @ phi[:, start:]
        self.by_label.index_add_(0, rows, phi.double())

    def merge(self, other: "ModalitySums", rows: Tensor) -> None:
        """Add the sums of other items, whose label vectors stand in these rows here, int64 (m,)."""
        self.gram += other.gram.to(self.gram.device)
        self.by_label.index_add_(0, rows, other.by_label.to(self.by_label.device))

    def grow(self, n_label_vectors: int) -> None:
        """Make room for label vectors not seen before."""
        room = self.by_label.new_zeros(n_label_vectors - len(self.by_label), self.by_label.shape[1])
        self.by_label = torch.cat([self.by_label, room])

    def factor(self, penalty: Tensor, dtype: torch.dtype) -> Tensor:
        """Upper Cholesky factor of G + diag(penalty), (width, width) of ``dtype``."""
        system = self.gram.to(dtype, copy=True)
        system.diagonal().add_(penalty.to(dtype))
        factor, failed = torch.linalg.cholesky_ex(system, upper=True)
        if failed:
            raise DataError(
                f"the ridge {float(penalty.min()):g} is too small to solve for these features in {dtype}; "
                f"take a larger one, or float64"
            )
        return factor

    def solve(self, factor: Tensor, targets: Tensor) -> Tensor:
        """W (width, n_bits) for the targets w_l c_l, (n_label_vectors, n_bits)."""
        return torch.cholesky_solve((self.by_label.T @ targets.double()).to(factor.dtype), factor, upper=True)

    def first(self, width: int) -> "ModalitySums":
        """The same sums for the first entries of phi alone."""
        return ModalitySums(self.gram[:width, :width].clone(), self.by_label[:, :width].clone())

    def of_rows(self, rows: np.ndarray) -> "ModalitySums":
        """The same sums on the CPU, with these rows of P in this order, int64 (m,)."""
        return ModalitySums(self.gram.cpu(), self.by_label.cpu()[torch.as_tensor(rows)])

    @property
    def nbytes(self) -> int:
        """Bytes of both sums."""
        return self.gram.nbytes + self.by_label.nbytes


@dataclass(frozen=True)
class LabelSums:
    """The share of some items in exact hashing, as a shard sends it: sums and counts, no item and no code.

    Attributes
    ----------
    vectors : bool array (n_label_vectors, n_classes)
        Distinct, in lexicographic order, so that it does not depend on that of the items.
    counts : int64 array (n_label_vectors,)
        Items of each.
    sides : dict of str to ModalitySums
        On the CPU; empty where no item was summed.
    class_names : tuple of str, optional
        Of the columns of ``vectors``.
    """

    vectors: np.ndarray
    counts: np.ndarray
    sides: dict[str, ModalitySums]
    class_names: tuple[str, ...] | None = None

    def in_columns(self, class_names: tuple[str, ...]) -> "LabelSums":
        """The same sums with the columns of all these classes, and rows in the lexicographic order of these columns."""
        assert self.class_names is not None
        vectors = moved(self.vectors, self.class_names, class_names)
        rows = lexicographic_order(vectors)
        sides = {side: sums.of_rows(rows) for side, sums in self.sides.items()}
        return LabelSums(vectors[rows], self.counts[rows], sides, class_names)

    @property
    def n_items(self) -> int:
        """Labelled items summed."""
        return int(self.counts.sum())

    @property
    def nbytes(self) -> int:
        """Bytes that travel: they depend on features and label vectors, not on items."""
        return self.vectors.nbytes + self.counts.nbytes + sum(sums.nbytes for sums in self.sides.values())
