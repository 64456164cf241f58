"""The strength of exact hashing's ridge, chosen on held-out items by closed form from the sums."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlchkit.data.streams import retrieval_split
from dlchkit.errors import DataError
from dlchkit.lifelong.exact.sums import ModalitySums

RIDGES = tuple(10 ** (k / 2) for k in range(9))  # 1 to 10,000; a ridge of r weighs as much as r items
SCALES = (0.5, 1.0, 2.0)
HELD_OUT = 500  # groups of items at most: the cost of leaving them out grows with the cube of the items


def held_out_rows(labels: np.ndarray, groups: np.ndarray | None, *, seed: int) -> np.ndarray:
    """Rows of labelled items to choose the ridge on, int64: a fifth of all groups, at most `HELD_OUT` groups."""
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    if groups.shape != (len(labels),):
        raise DataError(f"groups {groups.shape} must name one group for each of the {len(labels)} items")
    labelled = np.flatnonzero(labels.any(1))
    if len(labelled) == 0:
        raise DataError(
            f"none of the first {len(labels)} items has a label; "
            f"the ridge is chosen on labelled ones: begin with some, or give ridge"
        )
    groups = groups[labelled]
    fraction = min(0.2, HELD_OUT / len(np.unique(groups)))
    held, _ = retrieval_split(groups, query_fraction=fraction, seed=seed)
    return labelled[held]


@dataclass(frozen=True)
class RidgeChoice:
    """The choice that validation made for one modality.

    Attributes
    ----------
    ridge : float
        Penalty on the weights of the features themselves, > 0, in items.
    scale : float
        The random layer's weight beside them: its units are penalised by ridge / scale^2.
    units : int
        Of the random layer.
    error : float
        Mean squared error on held-out items per bit, in units of their targets.
    tried : tuple of (ridge, scale, units, error)
        Every candidate, in the order tried.
    """

    ridge: float
    scale: float
    units: int
    error: float
    tried: tuple[tuple[float, float, int, float], ...]

    def penalty(self, n_plain: int, device: torch.device | None = None) -> Tensor:
        """Diagonal of Lambda, float64 (n_plain + units,)."""
        return penalty(self.ridge, self.scale, n_plain, self.units, device)


def penalty(ridge: float, scale: float, n_plain: int, units: int, device=None) -> Tensor:
    """Diagonal of Lambda: ``ridge`` for 1 and the features, ridge / scale^2 for the units of the layer, float64."""
    options = {"dtype": torch.float64, "device": device}
    return torch.cat([torch.full((n_plain,), ridge, **options), torch.full((units,), ridge / scale**2, **options)])


def left_out_error(sums: ModalitySums, factor: Tensor, phi: Tensor, targets: Tensor, label_targets: Tensor) -> float:
    """Mean squared error on items left out of the fit together, from the fit that has them.

    .. math:: (I - H)^{-1} (y - \\varphi W), \\qquad H = \\varphi (G + \\Lambda)^{-1} \\varphi^T

    are the residuals that the ridge regression without these items has on them (the block
    form of PRESS, Allen 1974): nothing is fitted a second time.

    Parameters
    ----------
    sums : ModalitySums
        Of all items, the left-out ones among them.
    factor : tensor (width, width)
        Of the same items, see `ModalitySums.factor`.
    phi : tensor (n, width)
        Features of the items left out.
    targets : tensor (n, n_bits)
        Their targets.
    label_targets : tensor (n_label_vectors, n_bits)

    Returns
    -------
    float
        A mean over items and bits.
    """
    residual = targets - phi @ sums.solve(factor, label_targets)
    half = torch.linalg.solve_triangular(factor.T, phi.T, upper=False)
    system = torch.eye(len(phi), dtype=phi.dtype, device=phi.device) - half.T @ half
    return float(torch.linalg.solve(system, residual).square().mean())


def choose_ridge(sums: ModalitySums, phi: Tensor, rows: Tensor, label_targets: Tensor, n_plain: int) -> RidgeChoice:
    """Try ridges, then scales, then half the units; keep those that predict left-out items best.

    Parameters
    ----------
    sums : ModalitySums
        Of all items, the held-out ones among them.
    phi : tensor (n, n_plain + units)
        Features of the held-out items.
    rows : int64 tensor (n,)
        Rows of their label vectors.
    label_targets : tensor (n_label_vectors, n_bits)
    n_plain : int
        Entries of phi in front of the layer's.

    Notes
    -----
    The ridge is absolute, not a share of G: a ridge that is right for the first stage stays
    about right when items keep coming, for then data outweigh it.
    """
    all_units = phi.shape[1] - n_plain
    tried: dict[tuple[float, float, int], float] = {}

    def error(ridge: float, scale: float, units: int) -> float:
        if (ridge, scale, units) not in tried:
            width = n_plain + units
            part = sums if units == all_units else sums.first(width)
            factor = part.factor(penalty(ridge, scale, n_plain, units, phi.device), phi.dtype)
            targets = label_targets[rows].to(phi.dtype)
            tried[ridge, scale, units] = left_out_error(part, factor, phi[:, :width], targets, label_targets)
        return tried[ridge, scale, units]

    ridge = min(RIDGES, key=lambda r: error(r, 1.0, all_units))
    scale = min(SCALES, key=lambda s: error(ridge, s, all_units))
    units = min((all_units, all_units // 2), key=lambda m: error(ridge, scale, m))
    every = tuple((*key, value) for key, value in tried.items())
    return RidgeChoice(ridge, scale, units, error(ridge, scale, units), every)
