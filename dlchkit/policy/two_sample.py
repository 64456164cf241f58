"""Kernel two-sample test within classes: squared MMD with a permutation p-value, and the shift of the means."""

import warnings

import numpy as np

from dlchkit.errors import DataError


def squared_distances(x: np.ndarray) -> np.ndarray:
    """Compute squared Euclidean distances between all rows, float64 (n, n), with exact zeros on the diagonal."""
    x = np.asarray(x, dtype=np.float64)
    x = x - x.mean(0)  # leaves the distances unchanged and makes rounding errors smaller
    norms = np.square(x).sum(1)
    distances = np.maximum(norms[:, None] + norms - 2 * x @ x.T, 0.0)
    np.fill_diagonal(distances, 0.0)
    return distances


def median_bandwidth(features: np.ndarray, strata: np.ndarray) -> float:
    """Compute the median distance between two different items of one stratum: the median heuristic within classes.

    Raises
    ------
    DataError
        if no stratum has two items that differ
    """
    distances = squared_distances(features)
    same = np.triu(strata[:, None] == strata, 1) & (distances > 1e-12 * max(distances.max(), 1e-300))
    if not same.any():
        raise DataError("no class in memory has two items that differ; the width of the kernel needs at least one")
    return float(np.sqrt(np.median(distances[same])))


def drift_test(
    memory: np.ndarray,
    new: np.ndarray,
    *,
    memory_strata: np.ndarray,
    new_strata: np.ndarray,
    bandwidth: float,
    n_permutations: int,
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Compute the squared MMD between remembered and new items of the same classes, and its permutation p-value.

    With P_c and Q_c the distributions of class c then and now, n_c and m_c its items, and
    weights w_c proportional to n_c m_c / (n_c + m_c) with sum 1,

    .. math:: |\\sum_c w_c (\\mu_{P_c} - \\mu_{Q_c})|^2, \\quad k(x, y) = e^{-|x-y|^2 / 2\\sigma^2}

    estimated without bias: pairs of items of one class and one side are averaged over
    n_c (n_c - 1), all others over all pairs. Both sides give their classes the same weights, so
    that another mix of classes is no drift. With one stratum it is the usual unbiased MMD^2.
    Permutations exchange memory and new within each class, which makes the test exact where
    no class has shifted:

    .. math:: p = (1 + \\#\\{\\text{permuted} \\ge \\text{observed}\\}) / (1 + \\text{permutations})

    Parameters
    ----------
    memory, new : np.ndarray
        float (n, d) and (m, d)
    memory_strata, new_strata : np.ndarray
        int (n,) and (m,), the class of each item; classes with fewer than two items on either
        side are left out
    bandwidth : float
        sigma > 0, not chosen from ``new``
    n_permutations : int
        p is at least 1 / (1 + n_permutations)
    generator : np.random.Generator
        draws the permutations

    Returns
    -------
    squared_mmd, p_value : float
        both NaN, with a warning, where no class has two items on both sides

    References
    ----------
    Gretton et al., JMLR 13 (2012), Lemma 6; Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9
    (2010), for the added one. The kernel matrix is computed once; a permutation is a column
    of signed weights, so that all of them are one matrix product.
    """
    rows, strata, is_new = comparable_rows(memory_strata, new_strata)
    if len(rows) == 0:
        warnings.warn(
            "no class has two items both in memory and among the new: drift within classes is undefined (NaN)",
            stacklevel=2,
        )
        return float("nan"), float("nan")
    kernel = np.exp(-squared_distances(np.concatenate([memory, new])[rows]) / (2 * bandwidth**2))
    sides = np.repeat(is_new[:, None], 1 + n_permutations, axis=1)
    for c in np.unique(strata):
        own = strata == c
        sides[own, 1:] = generator.permuted(sides[own, 1:], axis=0)
    values = stratified_squared_mmd(kernel, strata, sides)
    as_extreme = int((values[1:] >= values[0] - 1e-12).sum())
    return float(values[0]), (1 + as_extreme) / (1 + n_permutations)


def comparable_rows(memory_strata: np.ndarray, new_strata: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the rows of [memory, new] whose stratum has two items on both sides.

    Returns
    -------
    rows, strata, is_new : np.ndarray
        int row positions, the stratum of each, and whether it is new
    """
    strata = np.concatenate([memory_strata, new_strata])
    is_new = np.arange(len(strata)) >= len(memory_strata)
    shared = [c for c in np.unique(strata) if min((strata == c)[is_new].sum(), (strata == c)[~is_new].sum()) >= 2]
    rows = np.flatnonzero(np.isin(strata, shared))
    return rows, strata[rows], is_new[rows]


def stratified_squared_mmd(kernel: np.ndarray, strata: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Compute the estimate of `drift_test` for each column of ``sides``, bool (n, columns), True for new."""
    signed = np.empty(sides.shape)
    within = np.zeros(sides.shape[1])
    total_weight = 0.0
    for c in np.unique(strata):
        own = np.flatnonzero(strata == c)
        new = sides[own].astype(np.float64)
        m = int(new[:, 0].sum())
        n = len(own) - m
        weight = n * m / (n + m)
        total_weight += weight
        signed[own] = weight * np.where(sides[own], -1 / m, 1 / n)
        block = kernel[np.ix_(own, own)]
        diagonal = block.diagonal()
        new_new = (new * (block @ new)).sum(0) - diagonal @ new
        new_memory = block.sum(0) @ new - new_new - diagonal @ new
        memory_memory = block.sum() - diagonal.sum() - new_new - 2 * new_memory
        across = 2 * new_memory / (n * m)
        unbiased = new_new / (m * (m - 1)) + memory_memory / (n * (n - 1)) - across
        plain = (new_new + diagonal @ new) / m**2 + (memory_memory + diagonal @ (1 - new)) / n**2 - across
        within += weight**2 * (unbiased - plain)
    return ((signed * (kernel @ signed)).sum(0) + within) / total_weight**2


def mean_shift(memory: np.ndarray, new: np.ndarray, *, memory_strata: np.ndarray, new_strata: np.ndarray) -> float:
    """Compute the shift of the mean within a class, in class radii: `drift_test`'s estimate with a linear kernel.

    .. math:: |\\sum_c w_c (\\bar{x}_c - \\bar{y}_c)| / r, \\quad
              r^2 = \\tfrac{1}{n} \\sum_i |x_i - \\bar{x}_{c(i)}|^2 \\tfrac{n_c}{n_c - 1}

    Returns
    -------
    float
        at least 0, and 0 where the unbiased square is negative; NaN where `drift_test` is
        undefined, or where remembered items of a class do not differ
    """
    rows, strata, is_new = comparable_rows(memory_strata, new_strata)
    if len(rows) == 0:
        return float("nan")
    x = np.concatenate([memory, new])[rows].astype(np.float64)
    x -= x.mean(0)
    squared = stratified_squared_mmd(x @ x.T, strata, is_new[:, None])[0]
    remembered = [(strata == c) & ~is_new for c in np.unique(strata)]
    variances = [x[own].var(0, ddof=1).sum() for own in remembered]
    radius = np.sqrt(np.average(variances, weights=[own.sum() for own in remembered]))
    return float(np.sqrt(max(squared, 0.0)) / radius) if radius > 0 else float("nan")
