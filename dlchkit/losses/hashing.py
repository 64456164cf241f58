"""Terms on codes, in the letters of DLCH.

U, F, G, H: relaxed codes (n, n_bits) in (-1, 1); B: hash codes in {-1, +1};
S: label cosine (n, m) in [0, 1]; K: number of bits. Every term is a mean over its
entries, so that its size depends neither on the batch nor on the code length; the
papers write sums.
"""

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


def quantization(codes: Tensor, hash_codes: Tensor, weights: Tensor | None = None) -> Tensor:
    """Distance of relaxed codes to hash codes: mean over entries of (b - u)^2.

    Parameters
    ----------
    codes : (n, n_bits); hash_codes : (n, n_bits) in {-1, +1}
    weights : (n,) >= 0, how much each item counts in the mean; None counts all alike
    """
    return _mean_over_items((hash_codes - codes).square().mean(1), weights)


def _mean_over_items(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean() if weights is None else (weights * values).sum() / weights.sum()


def bit_balance(codes: Tensor) -> Tensor:
    """How far each bit is from being +1 for half of the items: mean over bits of (mean over items)^2.

    Notes
    -----
    :math:`|U^T 1|^2` of the paper over :math:`n^2 K`. The released demo uses the linear
    form, which is unbounded below.
    """
    return codes.mean(0).square().mean()


def inner_product_fit(codes: Tensor, hash_codes: Tensor, similarity: Tensor, weights: Tensor | None = None) -> Tensor:
    """Pull inner products with stored codes to the label similarity; cost grows with the store.

    .. math:: \\frac{1}{nmK^2} |K S - U B^T|^2

    Parameters
    ----------
    codes : (n, n_bits); hash_codes : (m, n_bits) in {-1, +1}; similarity : (n, m) in [0, 1]
    weights : (n,) >= 0, how much each item of ``codes`` counts; None counts all alike

    References
    ----------
    DLCH, arXiv 2304.13357, the terms of the incremental stage with B_old and B_new.
    """
    n_bits = codes.shape[1]
    return _mean_over_items((similarity - codes @ hash_codes.T / n_bits).square().mean(1), weights)


def summed_inner_product_fit(codes: Tensor, unit_labels: Tensor, past: "CodeSums", weights: Tensor | None = None) -> Tensor:
    """The same value and gradient as `inner_product_fit`, at a cost free of the number stored.

    With S = E E_old^T the squares expand so that stored items enter only through sums:

    .. math:: |K S - U B^T|^2 = K^2 |S|^2 - 2K\\, tr(U^T E (E_{old}^T B)) + tr(U^T U (B^T B))

    Parameters
    ----------
    codes : (n, n_bits)
    unit_labels : (n, n_classes), rows of length one (or zero)
    past : sums over the m stored items, see `CodeSums`
    weights : (n,) >= 0, how much each item of ``codes`` counts; None counts all alike

    References
    ----------
    This kit's; the expansion is exact because s is an inner product of unit label vectors.
    """
    n_bits = codes.shape[1]
    squared = ((unit_labels @ past.label_gram) * unit_labels).sum(1)
    crossed = ((unit_labels @ past.label_code) * codes).sum(1) / n_bits
    product = ((codes @ past.code_gram) * codes).sum(1) / n_bits**2
    return _mean_over_items(squared - 2 * crossed + product, weights) / past.count


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
