"""Canonical correlation analysis: learns from pairs alone, without a label and without a deep network."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem

from dlchkit.data import SIDES, PairedFeatures
from dlchkit.errors import DataError


@dataclass(frozen=True)
class Projection:
    """One side's map to the canonical variates: kernel features where there is a kernel, centred, times a matrix."""

    kernel: Nystroem | None
    mean: np.ndarray
    matrix: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        features = features if self.kernel is None else self.kernel.transform(features)
        return (features - self.mean) @ self.matrix


@dataclass(frozen=True)
class CorrelationModel:
    """Projections of image and text features onto directions in which pairs agree; see `fit_cca`.

    Attributes
    ----------
    projections : dict of str to Projection
        By side.
    correlations : float array (n_components,), values in [0, 1]
        Of the two variates of each direction, falling.
    """

    projections: dict[str, Projection]
    correlations: np.ndarray

    def representations(self, pairs: PairedFeatures) -> dict[str, np.ndarray]:
        """Canonical variates of image and text, float32 (n, n_components), comparable by cosine."""
        return {side: self.projections[side](getattr(pairs, side)).astype(np.float32) for side in SIDES}


def fit_cca(
    pairs: PairedFeatures, *, n_components: int = 16, n_principal: int = 256, seed: int = 0
) -> CorrelationModel:
    """Find directions in which the two sides of a pair correlate most: canonical correlation analysis.

    With x and t whitened to uncorrelated columns of variance one, the directions are the
    singular vectors of their cross-covariance, the singular values the correlations:

    .. math:: \\tfrac{1}{n-1} X^T T = A\\, \\mathrm{diag}(\\rho)\\, B^T

    Parameters
    ----------
    pairs : PairedFeatures
        All pairs that may be seen; their labels play no part.
    n_components : int
        Directions kept.
    n_principal : int
        Principal components that each side is reduced to first, at most its rank. Without this
        step CCA fits noise wherever features are many and pairs few.
    seed : int

    Notes
    -----
    Exact; `sklearn.cross_decomposition.CCA` finds the same directions one after the other by
    iteration, far slower. The defaults were chosen on database items of real data.

    References
    ----------
    Hotelling, Biometrika 28 (1936); by SVD: Bjoerck and Golub, Math. Comp. 27 (1973). The
    first reference of cross-modal retrieval: Rasiwasia et al., ACM MM 2010.
    """
    return _fit(pairs, lambda features: None, n_components, n_principal, seed)


def fit_kernel_cca(
    pairs: PairedFeatures, *, n_components: int = 16, n_principal: int = 256, n_landmarks: int = 1000, seed: int = 0
) -> CorrelationModel:
    """CCA in the space of a Gaussian kernel, approximated from landmarks (Nystroem).

    Parameters
    ----------
    pairs, n_components, n_principal, seed
        As in `fit_cca`.
    n_landmarks : int
        Pairs drawn as landmarks; all of them, if fewer, give the exact kernel.

    Notes
    -----
    gamma = 1 / mean squared distance of two different items, as in `dlchkit.losses.squared_mmd`.

    References
    ----------
    Akaho, IMPS 2001; Hardoon, Szedmak and Shawe-Taylor, Neural Computation 16 (2004).
    Landmarks: Williams and Seeger, NeurIPS 2000; Lopez-Paz et al., ICML 2014.
    """
    n_landmarks = min(n_landmarks, len(pairs))

    def make_kernel(features: np.ndarray) -> Nystroem:
        return Nystroem(gamma=_gamma(features), n_components=n_landmarks, random_state=seed)

    return _fit(pairs, make_kernel, n_components, n_principal, seed)


def _fit(pairs: PairedFeatures, make_kernel, n_components: int, n_principal: int, seed: int) -> CorrelationModel:
    if len(pairs) < 3:
        raise DataError(f"{len(pairs)} pairs; canonical correlation needs three at least")
    if n_components < 1 or n_principal < 1:
        raise DataError(f"n_components is {n_components} and n_principal {n_principal}; both must be at least 1")
    white = {side: _whitening(getattr(pairs, side), make_kernel, n_principal, seed) for side in SIDES}
    image = white["image"](pairs.image)
    text = white["text"](pairs.text)
    left, correlations, right = np.linalg.svd(image.T @ text / (len(pairs) - 1))
    kept = min(n_components, len(correlations))
    turns = {"image": left[:, :kept], "text": right[:kept].T}
    projections = {side: replace(white[side], matrix=white[side].matrix @ turns[side]) for side in SIDES}
    return CorrelationModel(projections, correlations[:kept].clip(0, 1))


def _whitening(features: np.ndarray, make_kernel, n_principal: int, seed: int) -> Projection:
    """The map to uncorrelated columns of variance one: principal components over their standard deviation."""
    if (features == features[0]).all():
        raise DataError(f"all {len(features)} items have the same features; correlation needs features that differ")
    kernel = make_kernel(features)
    mapped = np.asarray(features, dtype=np.float64) if kernel is None else kernel.fit_transform(features)
    pca = PCA(min(n_principal, len(mapped) - 1, mapped.shape[1]), random_state=seed).fit(mapped)
    variances = np.asarray(pca.explained_variance_)
    real = variances > 1e-6 * variances[0]
    return Projection(kernel, pca.mean_, np.asarray(pca.components_)[real].T / np.sqrt(variances[real]))


def _gamma(features: np.ndarray) -> float:
    spread = np.square(features - features.mean(0), dtype=np.float64).sum()
    return (len(features) - 1) / (2 * spread)
