"""Canonical correlation: what pairs alone tell, without a label and without a deep network."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem

from dlchkit.data import PairedFeatures
from dlchkit.errors import DataError

SIDES = ("image", "text")


@dataclass(frozen=True)
class Projection:
    """One side's way to the canonical variates: kernel features where there is a kernel, centred, times a matrix."""

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
    projections : side -> `Projection`
    correlations : float (n_components,), falling, in [0, 1]: of the two variates of each direction
    """

    projections: dict
    correlations: np.ndarray

    def representations(self, pairs: PairedFeatures) -> dict[str, np.ndarray]:
        """Canonical variates of image and text, float32 (n, n_components); comparable across the two by cosine."""
        return {side: self.projections[side](getattr(pairs, side)).astype(np.float32) for side in SIDES}


def fit_cca(pairs: PairedFeatures, *, n_components: int = 16, n_principal: int = 256, seed: int = 0) -> CorrelationModel:
    """Find directions in which the two sides of a pair correlate most: canonical correlation analysis.

    With x and t whitened to uncorrelated columns of variance one, the directions are the
    singular vectors of their cross-covariance, the singular values the correlations:

    .. math:: \\tfrac{1}{n-1} X^T T = A\\, \\mathrm{diag}(\\rho)\\, B^T

    Parameters
    ----------
    pairs : all pairs that may be seen; their labels play no part
    n_components : directions kept
    n_principal : principal components that each side is reduced to first, at most its rank.
        Without this step CCA fits noise wherever features are many and pairs few

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
    pairs, n_components, n_principal, seed : as in `fit_cca`
    n_landmarks : pairs drawn as landmarks; all of them, if fewer, give the exact kernel

    Notes
    -----
    gamma = 1 / mean squared distance of two different items, as in `dlchkit.losses.squared_mmd`.

    References
    ----------
    Akaho, IMPS 2001; Hardoon, Szedmak and Shawe-Taylor, Neural Computation 16 (2004).
    Landmarks: Williams and Seeger, NeurIPS 2000; Lopez-Paz et al., ICML 2014.
    """
    n_landmarks = min(n_landmarks, len(pairs))
    return _fit(
        pairs, lambda features: Nystroem(gamma=_gamma(features), n_components=n_landmarks, random_state=seed), n_components, n_principal, seed
    )


def _fit(pairs, make_kernel, n_components, n_principal, seed):
    if len(pairs) < 3:
        raise DataError(f"{len(pairs)} pairs; canonical correlation needs three at least")
    if n_components < 1 or n_principal < 1:
        raise DataError(f"n_components is {n_components} and n_principal {n_principal}; both must be at least 1")
    white = {side: _whitening(getattr(pairs, side), make_kernel, n_principal, seed) for side in SIDES}
    image, text = (white[side](getattr(pairs, side)) for side in SIDES)
    left, correlations, right = np.linalg.svd(image.T @ text / (len(pairs) - 1))
    kept = min(n_components, len(correlations))
    turns = {"image": left[:, :kept], "text": right[:kept].T}
    projections = {side: Projection(white[side].kernel, white[side].mean, white[side].matrix @ turns[side]) for side in SIDES}
    return CorrelationModel(projections, correlations[:kept].clip(0, 1))


def _whitening(features, make_kernel, n_principal, seed):
    """To uncorrelated columns of variance one: principal components over their standard deviation."""
    if (features == features[0]).all():
        raise DataError(f"all {len(features)} items have the same features; correlation needs features that differ")
    kernel = make_kernel(features)
    mapped = np.asarray(features, dtype=np.float64) if kernel is None else kernel.fit_transform(features)
    pca = PCA(min(n_principal, len(mapped) - 1, mapped.shape[1]), random_state=seed).fit(mapped)
    real = pca.explained_variance_ > 1e-6 * pca.explained_variance_[0]
    return Projection(kernel, pca.mean_, pca.components_[real].T / np.sqrt(pca.explained_variance_[real]))


def _gamma(features):
    spread = np.square(features - features.mean(0), dtype=np.float64).sum()
    return (len(features) - 1) / (2 * spread)
