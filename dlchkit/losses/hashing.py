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
    codes : tensor (n, n_bits)
    anchors : tensor (m, n_bits)
        Constants.
    similarity : tensor (n, m), values in [0, 1]

    Returns
    -------
    scalar tensor >= 0
        Lower is better.

    References
    ----------
    DLCH's first stage as in the authors' released demo; the loss is MESDCH's.
    """
    cosine = F.normalize(codes) @ F.normalize(anchors).T
    return (cosine.relu() - similarity).square().mean()


def quantization(codes: Tensor, hash_codes: Tensor, weights: Tensor | None = None) -> Tensor:
    """Distance of relaxed codes to hash codes: mean over entries of (b - u)^2.

    Parameters
    ----------
    codes : tensor (n, n_bits)
    hash_codes : tensor (n, n_bits), values in {-1, +1}
    weights : tensor (n,) >= 0, optional
        Weight of each item in the mean; None counts all alike.
    """
    return _mean_over_items((hash_codes - codes).square().mean(1), weights)


def _mean_over_items(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean() if weights is None else (weights * values).sum() / weights.sum()


def bit_balance(codes: Tensor) -> Tensor:
    """Distance of each bit from +1 for half of the items: mean over bits of (mean over items)^2.

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
    codes : tensor (n, n_bits)
    hash_codes : tensor (m, n_bits), values in {-1, +1}
    similarity : tensor (n, m), values in [0, 1]
    weights : tensor (n,) >= 0, optional
        Weight of each item of ``codes``; None counts all alike.

    References
    ----------
    DLCH, arXiv 2304.13357, the terms of the incremental stage with B_old and B_new.
    """
    n_bits = codes.shape[1]
    return _mean_over_items((similarity - codes @ hash_codes.T / n_bits).square().mean(1), weights)


def summed_inner_product_fit(
    codes: Tensor, unit_labels: Tensor, past: "CodeSums", weights: Tensor | None = None
) -> Tensor:
    """The same value and gradient as `inner_product_fit`, at a cost free of the number stored.

    With S = E E_old^T the squares expand so that stored items enter only through sums:

    .. math:: |K S - U B^T|^2 = K^2 |S|^2 - 2K\\, tr(U^T E (E_{old}^T B)) + tr(U^T U (B^T B))

    Parameters
    ----------
    codes : tensor (n, n_bits)
    unit_labels : tensor (n, n_classes)
        Rows of length one (or zero).
    past : CodeSums
        Sums over the m stored items.
    weights : tensor (n,) >= 0, optional
        Weight of each item of ``codes``; None counts all alike.

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
    """Sums over any number of stored items, all that `summed_inner_product_fit` needs of them.

    Attributes
    ----------
    count : int
        Number of items.
    label_gram : tensor (n_classes, n_classes)
        E^T E.
    label_code : tensor (n_classes, n_bits)
        E^T B.
    code_gram : tensor (n_bits, n_bits)
        B^T B.
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
