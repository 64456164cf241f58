"""Iterative quantization: the common space is turned until its points lie near the corners of a cube."""

import numpy as np

from dlchkit.lifelong.cca_hashing import CorrelatedHashing

ITERATIONS = 50  # as in the paper


class IterativeQuantization(CorrelatedHashing):
    """CCA-ITQ: rotate the common space so that signs lose least (Gong et al., 2013).

    .. math:: \\min_{B, R} |B - V R|^2, \\quad B \\in \\{-1, +1\\}^{n \\times K}, \\; R^T R = I

    with V the pairs in the common space, see `CorrelatedHashing` for parameters.

    Notes
    -----
    The paper's CCA takes labels as the second view of an image; here the two views are
    image and text, as in cross-modal work, and V is the sum of both projections. Where
    the common space has fewer than K dimensions, V is filled up with zero columns: the
    rotation then spreads the dimensions there are over all bits.

    References
    ----------
    Gong, Lazebnik, Gordo, Perronnin, Iterative Quantization: A Procrustean Approach to
    Learning Binary Codes for Large-Scale Image Retrieval, TPAMI 35 (2013).
    """

    name = "itq"

    def find_hyperplanes(self, projected: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The rows of the rotation (d, n_bits) that meet the dimensions there are."""
        rank = projected.shape[1]
        n_bits = self.bank.n_bits
        start = np.linalg.qr(random.standard_normal((n_bits, n_bits)))[0]
        points = np.pad(projected, ((0, 0), (0, n_bits - rank)))
        return learn_rotation(points, start, iterations=ITERATIONS)[:rank]


def learn_rotation(points: np.ndarray, rotation: np.ndarray, *, iterations: int) -> np.ndarray:
    """Descend :math:`|B - V R|^2` by solving for B and R in turn; it never rises.

    With R fixed, :math:`B = \\mathrm{sign}(V R)`; with B fixed, R = W Z^T from the
    singular value decomposition :math:`V^T B = W \\Omega Z^T` (orthogonal Procrustes).

    Parameters
    ----------
    points : float array (n, n_bits)
        V.
    rotation : float array (n_bits, n_bits)
        Orthogonal, where to start.
    iterations : int

    Returns
    -------
    float array (n_bits, n_bits)
        R, orthogonal.
    """
    for _ in range(iterations):
        left, _, right = np.linalg.svd(points.T @ np.where(points @ rotation >= 0, 1.0, -1.0))
        rotation = left @ right
    return rotation
