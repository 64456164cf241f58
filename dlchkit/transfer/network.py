"""The network of CHTN, and the modality classifier that MHTN adds to it."""

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from dlchkit.data import SIDES, PairedFeatures
from dlchkit.errors import DataError
from dlchkit.runtime import seeded

LAYERS = ("fc7", "fc9")


class Branch(nn.Module):
    """fc6 and fc7 of one modality: Linear, batch normalisation without scale and shift, ReLU."""

    def __init__(self, in_features: int, width: int):
        super().__init__()
        self.fc6 = _layer(in_features, width)
        self.fc7 = _layer(width, width)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Activations (n, width) after fc6 and after fc7."""
        six = self.fc6(features)
        return six, self.fc7(six)


def _layer(in_features: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(in_features, width), nn.BatchNorm1d(width, affine=False), nn.ReLU())


class Correlation(nn.Module):
    """fc8, fc9 and fc10: from fc7 to the target's classes."""

    def __init__(self, width: int, n_classes: int):
        super().__init__()
        self.fc8 = nn.Linear(width, width)
        self.fc9 = nn.Linear(width, width)
        self.fc10 = nn.Linear(width, n_classes)

    def forward(self, seven: Tensor) -> tuple[Tensor, Tensor]:
        """Activations (n, width) after fc9, and class logits (n, n_classes)."""
        nine = self.fc9(self.fc8(seven).relu()).relu()
        return nine, self.fc10(nine)


class ReverseGradient(torch.autograd.Function):
    """The identity whose gradient is minus the gradient that arrives.

    References
    ----------
    Ganin and Lempitsky, Unsupervised Domain Adaptation by Backpropagation, ICML 2015,
    arXiv 1409.7495, equations 14 and 15 with lambda = 1.

    Examples
    --------
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> value = ReverseGradient.apply(x) ** 2
    >>> value.item(), torch.autograd.grad(value, x)[0].item()
    (9.0, -6.0)
    """

    @staticmethod
    def forward(context, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return -gradient


class ModalityClassifier(nn.Module):
    """Tells image from text by fc9, while the layers below are trained to make that hard.

    References
    ----------
    MHTN, arXiv 1708.04308, modal-adversarial semantic learning subnetwork. The reversal in
    the released model file is a scaler whose setting, read literally, amplifies the
    gradient and keeps its sign, so that layers below would help the classifier. Here it
    is the standard reversal; the weight belongs to the loss term.
    """

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, len(SIDES)))

    def forward(self, nine: Tensor) -> Tensor:
        """Logits (n, 2) of image and text; gradients to ``nine`` are reversed."""
        return self.layers(ReverseGradient.apply(nine))


class HybridTransferNetwork(nn.Module):
    """The two subnetworks of CHTN on frozen features.

    Modal-sharing transfer: branches for source image, target image and target text, of
    one shape with separate weights. Layer-sharing correlation: fc8, fc9 and fc10, one set
    of weights that image and text both pass through.

    Parameters
    ----------
    image_features, text_features : int
        Feature widths of image (source and target) and text.
    n_source_classes, n_classes : int
        Classes of the source and of the target.
    width : int
        Units per layer; 4096 in the paper.
    share_layers : bool
        False gives image and text an fc8 to fc10 each, with equal initial weights: then they
        share the start alone.
    seed : int
        Fixes the initial weights.

    References
    ----------
    Huang, Peng and Yuan, Cross-modal Common Representation Learning by Hybrid Transfer
    Network, IJCAI 2017, arXiv 1706.00153, section 3.
    """

    def __init__(
        self,
        image_features: int,
        text_features: int,
        n_source_classes: int,
        n_classes: int,
        *,
        width: int = 512,
        share_layers: bool = True,
        seed: int = 0,
    ):
        super().__init__()
        with seeded(seed):
            self.source = Branch(image_features, width)
            self.image = Branch(image_features, width)
            self.text = Branch(text_features, width)
            self.source_classes = nn.Linear(width, n_source_classes)
            shared = Correlation(width, n_classes)
            self.modality = ModalityClassifier(width)
        self.correlation = nn.ModuleDict({"image": shared, "text": shared if share_layers else deepcopy(shared)})

    @torch.no_grad()
    def posteriors(self, features: PairedFeatures) -> dict[str, np.ndarray]:
        """The common representation: softmax of fc10, float32 (n, n_classes), for image and text."""
        return {side: self._pass(side, features)["fc10"].softmax(1).cpu().numpy() for side in SIDES}

    @torch.no_grad()
    def transferred(self, features: PairedFeatures, *, layer: str = "fc7") -> PairedFeatures:
        """The same items with activations of ``layer``, float32 (n, width), in place of their features.

        Parameters
        ----------
        features : PairedFeatures
        layer : {"fc7", "fc9"}
            Each modality's last own layer, or the last that both share.
        """
        if layer not in LAYERS:
            raise DataError(f"layer is {layer!r}; transferred features come from {' or '.join(LAYERS)}")
        activations = {side: self._pass(side, features)[layer].cpu().numpy() for side in SIDES}
        return PairedFeatures(**{**vars(features), **activations})

    def _pass(self, side: str, features: PairedFeatures) -> dict[str, Tensor]:
        self.eval()
        device = self.source_classes.weight.device
        _, seven = getattr(self, side)(torch.as_tensor(getattr(features, side), device=device))
        nine, logits = self.correlation[side](seven)
        return {"fc7": seven, "fc9": nine, "fc10": logits}
