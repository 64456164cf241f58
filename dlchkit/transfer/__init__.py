"""CHTN: knowledge of a single-modal source reaches image and text at once.

Files::

    network         the network of CHTN, and MHTN's modality classifier
    training        the loss terms, the batches of each, and the training loop
    scoring         retrieval by class posteriors and by canonical variates
    correlation     canonical correlation analysis, the reference without a network
    label_budgets   variants x label budgets x seeds
    bias            recall per class against its distance to the source
"""

from dlchkit.transfer.network import HybridTransferNetwork, ReverseGradient
from dlchkit.transfer.scoring import evaluate_correlation, evaluate_posteriors
from dlchkit.transfer.training import CHTN_TERMS, KIT_TERMS, MHTN_TERMS, WEIGHTS, TransferResult, train_transfer

__all__ = [
    "CHTN_TERMS",
    "KIT_TERMS",
    "MHTN_TERMS",
    "WEIGHTS",
    "HybridTransferNetwork",
    "ReverseGradient",
    "TransferResult",
    "evaluate_correlation",
    "evaluate_posteriors",
    "train_transfer",
]
