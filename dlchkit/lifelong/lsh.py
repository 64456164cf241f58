"""Locality-sensitive hashing: random hyperplanes in the common space of images and texts."""

import numpy as np

from dlchkit.lifelong.cca_hashing import CorrelatedHashing


class RandomHyperplanes(CorrelatedHashing):
    """Each bit is the side of a random hyperplane, so that bits differ with the angle between items (Charikar, 2002).

    .. math:: b = \\mathrm{sign}(z R), \\quad R_{ik} \\sim N(0, 1), \\quad P(b_k \\ne b'_k) = \\angle(z, z') / \\pi

    with z an item in the common space, see `CorrelatedHashing` for parameters. Hyperplanes
    learn nothing: the gain of another method over this one is the value of learning codes.

    Notes
    -----
    The paper hashes one kind of vector; here the projections of both modalities are
    hashed by the same hyperplanes. There are as many as bits, however few dimensions.

    References
    ----------
    Charikar, Similarity estimation techniques from rounding algorithms, STOC 2002, section 3.
    """

    name = "lsh"

    def find_hyperplanes(self, projected: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Normals (d, n_bits), each entry drawn from a normal distribution."""
        return random.standard_normal((projected.shape[1], self.bank.n_bits))
