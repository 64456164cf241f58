"""Terms of the kit that CHTN does not have: contrast and agreement between the two sides of a pair."""

import torch
from torch import Tensor
from torch.nn import functional as F


def contrastive(image: Tensor, text: Tensor, *, temperature: float = 0.07) -> Tensor:
    """Symmetric InfoNCE: match each image with its text within the batch, and each text with its image.

    .. math:: -\\frac{1}{2B} \\sum_b \\log \\frac{e^{\\cos(x_b, t_b)/\\tau}}{\\sum_c e^{\\cos(x_b, t_c)/\\tau}}
              + \\log \\frac{e^{\\cos(x_b, t_b)/\\tau}}{\\sum_c e^{\\cos(x_c, t_b)/\\tau}}

    Parameters
    ----------
    image, text : tensor (B, d)
        Row b of both belongs to pair b.
    temperature : float
        tau > 0.

    Returns
    -------
    scalar tensor >= 0
        log B where all items look alike.

    References
    ----------
    InfoNCE: van den Oord, Li and Vinyals, arXiv 1807.03748, equation 4; symmetric, with
    this temperature, in CLIP (Radford et al., ICML 2021). Neither CHTN nor MHTN has it.

    Examples
    --------
    >>> same = torch.ones(4, 3)
    >>> round(contrastive(same, same).item(), 4), round(torch.tensor(4.0).log().item(), 4)
    (1.3863, 1.3863)
    """
    similarity = F.normalize(image) @ F.normalize(text).T / temperature
    own = torch.arange(len(similarity), device=similarity.device)
    return (F.cross_entropy(similarity, own) + F.cross_entropy(similarity.T, own)) / 2


def agreement(image_logits: Tensor, text_logits: Tensor, *, temperature: float = 0.5) -> Tensor:
    """Pull both class posteriors of a pair to a sharper version of their mean.

    .. math:: -\\frac{1}{2B} \\sum_b \\sum_c q_{bc} (\\log p_{bc} + \\log r_{bc}), \\quad
              q_{bc} \\propto ((p_{bc} + r_{bc})/2)^{1/T}

    with p and r the softmax of the two logits, and q constant in the gradient.

    Parameters
    ----------
    image_logits, text_logits : tensor (B, n_classes)
    temperature : float
        T in (0, 1]; 1 does not sharpen.

    References
    ----------
    This kit's use for pairs. Averaging guesses and sharpening them with T = 0.5 is the
    label guessing of MixMatch (Berthelot et al., NeurIPS 2019, arXiv 1905.02249,
    equations 6 and 7), whose guesses come from augmented copies of one image.

    Examples
    --------
    Two sides that are sure of different classes: the mean is undecided, and so is the target of both.

    >>> sure = torch.tensor([[20.0, -20.0]])
    >>> round(agreement(sure, sure).item(), 3), round(agreement(sure, -sure).item(), 3)
    (0.0, 20.0)
    """
    guess = (image_logits.softmax(1) + text_logits.softmax(1)) / 2
    guess = guess.detach() ** (1 / temperature)
    guess = guess / guess.sum(1, keepdim=True)
    return (F.cross_entropy(image_logits, guess) + F.cross_entropy(text_logits, guess)) / 2
