"""The pairwise likelihood of deep cross-modal hashing."""

from torch import Tensor
from torch.nn.functional import softplus

from dlchkit.codes import check_labels


def negative_log_likelihood(codes: Tensor, anchors: Tensor, similar: Tensor) -> Tensor:
    """Negative log-likelihood of the similarities if two items are similar with probability sigmoid(theta).

    .. math:: \\mathrm{mean}_{ij} \\log(1 + e^{\\theta_{ij}}) - s_{ij} \\theta_{ij},
              \\quad \\theta_{ij} = \\tfrac{1}{2} \\langle f_i, g_j \\rangle

    Parameters
    ----------
    codes : tensor (n, n_bits)
        Relaxed codes of one modality.
    anchors : tensor (m, n_bits)
        Relaxed codes of the other.
    similar : tensor (n, m), values in {0, 1}
        1 where two items share a label; `DataError` for other values.

    Returns
    -------
    scalar tensor >= 0
        Lower is better; finite for any theta.

    References
    ----------
    Jiang and Li, Deep Cross-Modal Hashing, CVPR 2017, the first term of equation 1, which writes a sum.

    Examples
    --------
    >>> import math, torch
    >>> one = torch.ones(1, 2)  # theta = 1
    >>> math.isclose(negative_log_likelihood(one, one, one[:, :1]), math.log(1 + math.e) - 1, rel_tol=1e-6)
    True
    """
    check_labels(similar, "similarities of items")
    theta = codes @ anchors.T / 2
    return (softplus(theta) - similar * theta).mean()
