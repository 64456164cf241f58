"""Loss terms, one pure function each, in the letters of the papers.

U, F, G, H: relaxed codes (n, n_bits) in (-1, 1); B: hash codes in {-1, +1};
S: label cosine (n, m) in [0, 1]; K: number of bits. Every term is a mean over its
entries, so that its size depends neither on the batch nor on the code length; the
papers write sums.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def cosine_fit(codes: Tensor, anchors: Tensor, similarity: Tensor) -> Tensor:
    """Pull the rectified cosine of two relaxed codes to their label similarity.

    .. math:: \\mathrm{mean}_{ij} (\\phi(u_i, a_j) - s_{ij})^2, \\quad \\phi(u, a) = \\max(0, \\cos(u, a))

    Parameters
    ----------
    codes : (n, n_bits); anchors : (m, n_bits), constants; similarity : (n, m) in [0, 1]

    Returns
    -------
    scalar >= 0, lower is better

    References
    ----------
    DLCH's original stage as in the authors' released demo; the loss is MESDCH's.
    """
    cosine = F.normalize(codes) @ F.normalize(anchors).T
    return (cosine.relu() - similarity).square().mean()


def quantization(codes: Tensor, hash_codes: Tensor) -> Tensor:
    """Distance of relaxed codes to hash codes: mean over entries of (b - u)^2."""
    return (hash_codes - codes).square().mean()


def bit_balance(codes: Tensor) -> Tensor:
    """How far each bit is from being +1 for half of the items: mean over bits of (mean over items)^2.

    Notes
    -----
    :math:`|U^T 1|^2` of the paper over :math:`n^2 K`. The released demo uses the linear
    form, which is unbounded below.
    """
    return codes.mean(0).square().mean()


def inner_product_fit(codes: Tensor, hash_codes: Tensor, similarity: Tensor) -> Tensor:
    """Pull inner products with stored codes to the label similarity; cost grows with the store.

    .. math:: \\frac{1}{nmK^2} |K S - U B^T|^2

    Parameters
    ----------
    codes : (n, n_bits); hash_codes : (m, n_bits) in {-1, +1}; similarity : (n, m) in [0, 1]

    References
    ----------
    DLCH, arXiv 2304.13357, the terms of the incremental stage with B_old and B_new.
    """
    n_bits = codes.shape[1]
    return (similarity - codes @ hash_codes.T / n_bits).square().mean()


def summed_inner_product_fit(codes: Tensor, unit_labels: Tensor, past: "CodeSums") -> Tensor:
    """The same value and gradient as `inner_product_fit`, at a cost free of the number stored.

    With S = E E_old^T the squares expand so that stored items enter only through sums:

    .. math:: |K S - U B^T|^2 = K^2 |S|^2 - 2K\\, tr(U^T E (E_{old}^T B)) + tr(U^T U (B^T B))

    Parameters
    ----------
    codes : (n, n_bits)
    unit_labels : (n, n_classes), rows of length one (or zero)
    past : sums over the m stored items, see `CodeSums`

    References
    ----------
    This kit's; the expansion is exact because s is an inner product of unit label vectors.
    """
    n_bits = codes.shape[1]
    squared = ((unit_labels @ past.label_gram) * unit_labels).sum()
    crossed = ((unit_labels @ past.label_code) * codes).sum() / n_bits
    product = ((codes @ past.code_gram) * codes).sum() / n_bits**2
    return (squared - 2 * crossed + product) / (len(codes) * past.count)


class CodeSums:
    """All that `summed_inner_product_fit` needs to know of any number of stored items.

    Attributes
    ----------
    count : number of items
    label_gram : E^T E, (n_classes, n_classes)
    label_code : E^T B, (n_classes, n_bits)
    code_gram : B^T B, (n_bits, n_bits)
    """

    def __init__(self, unit_labels: Tensor, hash_codes: Tensor):
        self.count = len(hash_codes)
        self.label_gram = unit_labels.T @ unit_labels
        self.label_code = unit_labels.T @ hash_codes
        self.code_gram = hash_codes.T @ hash_codes

    def __add__(self, other: "CodeSums") -> "CodeSums":
        total = object.__new__(CodeSums)
        for name in vars(self):
            setattr(total, name, getattr(self, name) + getattr(other, name))
        return total


def soft_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy against the label vector scaled to sum one; plain cross-entropy for one label.

    Parameters
    ----------
    logits : (n, n_classes); labels : (n, n_classes) in {0, 1}, each row with at least one 1
    """
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

    Parameters
    ----------
    a, b : (n, d) and (m, d), n and m >= 2

    Returns
    -------
    scalar; the unbiased quadratic estimate, so slightly below 0 is possible

    Notes
    -----
    One Gaussian kernel with gamma = 1 / mean off-diagonal squared distance of the joined
    batch, constant in the gradient. The released CHTN layer uses the linear-time estimate.

    References
    ----------
    CHTN, arXiv 1706.00153, section 3.1; Gretton et al., JMLR 13 (2012), Lemma 6.
    """
    joined = torch.cat([a, b])
    squared = _squared_distances(joined)
    n, m, total = len(a), len(b), len(joined)
    gamma = (total * (total - 1) / squared.detach().sum()).clamp(max=1e12)
    kernel = torch.exp(-gamma * squared)
    within_a = (kernel[:n, :n].sum() - n) / (n * (n - 1))
    within_b = (kernel[n:, n:].sum() - m) / (m * (m - 1))
    return within_a + within_b - 2 * kernel[:n, n:].mean()


def _squared_distances(x: Tensor) -> Tensor:
    squared_norm = x.square().sum(1)
    distances = (squared_norm[:, None] + squared_norm - 2 * x @ x.T).clamp(min=0)
    return distances - torch.diag(distances.diagonal())
