"""Terms on activations and class posteriors, for transfer between domains and modalities."""

import torch
from torch import Tensor
from torch.nn import functional as F

from dlchkit.codes import check_labels


def soft_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy against the label vector scaled to sum one; plain cross-entropy for one label.

    Parameters
    ----------
    logits : tensor (n, n_classes)
    labels : tensor (n, n_classes), values in {0, 1}
        Each row has at least one 1.

    Raises
    ------
    DataError
        For other values.
    """
    check_labels(labels)
    labels = labels.to(logits.dtype)
    return F.cross_entropy(logits, labels / labels.sum(1, keepdim=True))


def pair_distance(image: Tensor, text: Tensor) -> Tensor:
    """Half the mean squared distance between the two activations of each pair.

    .. math:: \\frac{1}{2B} \\sum_b |x_b - t_b|^2

    References
    ----------
    CHTN, arXiv 1706.00153, the cross-modal term of the modal-sharing subnetwork.
    """
    return (image - text).square().sum(1).mean() / 2


def squared_mmd(a: Tensor, b: Tensor) -> Tensor:
    """Squared maximum mean discrepancy between two samples: 0 in expectation if they come from one distribution.

    .. math:: \\frac{1}{n(n-1)} \\sum_{i \\ne j} k(a_i, a_j) + \\frac{1}{m(m-1)} \\sum_{i \\ne j} k(b_i, b_j)
              - \\frac{2}{nm} \\sum_{ij} k(a_i, b_j)

    Parameters
    ----------
    a, b : tensor (n, d), (m, d)
        n and m are 2 or more.

    Returns
    -------
    scalar tensor
        The unbiased quadratic estimate, so slightly below 0 is possible.

    Notes
    -----
    One Gaussian kernel with gamma = 1 / mean off-diagonal squared distance of the joined
    batch, constant in the gradient. The released CHTN layer uses the linear-time
    estimate, which is `linear_squared_mmd`.

    References
    ----------
    CHTN, arXiv 1706.00153, section 3.1; Gretton et al., JMLR 13 (2012), Lemma 6.
    """
    n, m = len(a), len(b)
    joined = torch.cat([a, b])
    kernel = torch.exp(-_gamma(joined) * _squared_distances(joined))
    within_a = (kernel[:n, :n].sum() - n) / (n * (n - 1))
    within_b = (kernel[n:, n:].sum() - m) / (m * (m - 1))
    return within_a + within_b - 2 * kernel[:n, n:].mean()


def linear_squared_mmd(a: Tensor, b: Tensor) -> Tensor:
    """The same discrepancy from disjoint pairs of rows: as unbiased, cheaper and far noisier.

    .. math:: \\frac{2}{n} \\sum_{i=1}^{n/2} k(a_{2i-1}, a_{2i}) + k(b_{2i-1}, b_{2i})
              - k(a_{2i-1}, b_{2i}) - k(a_{2i}, b_{2i-1})

    Parameters
    ----------
    a, b : tensor (n, d), (m, d)
        Rows in random order; as many rows of each are used as the shorter has, less one if that
        is odd; at least 2.

    Notes
    -----
    Kernel and its width as in `squared_mmd`.

    References
    ----------
    Gretton et al., JMLR 13 (2012), Lemma 14; the estimate of CHTN's released MMD layer.
    """
    n = min(len(a), len(b)) // 2 * 2
    gamma = _gamma(torch.cat([a, b]))

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(-gamma * (x - y).square().sum(1))

    a_odd, a_even = a[:n:2], a[1:n:2]
    b_odd, b_even = b[:n:2], b[1:n:2]
    return (kernel(a_odd, a_even) + kernel(b_odd, b_even) - kernel(a_odd, b_even) - kernel(a_even, b_odd)).mean()


def _gamma(joined: Tensor) -> Tensor:
    """1 / mean off-diagonal squared distance, in linear time: sum_ij |x_i - x_j|^2 = 2n sum_i |x_i - mean|^2."""
    spread = (joined - joined.mean(0)).square().sum().detach()
    return ((len(joined) - 1) / (2 * spread)).clamp(max=1e12)


def _squared_distances(x: Tensor) -> Tensor:
    squared_norm = x.square().sum(1)
    distances = (squared_norm[:, None] + squared_norm - 2 * x @ x.T).clamp(min=0)
    return distances - torch.diag(distances.diagonal())
