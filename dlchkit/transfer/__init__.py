"""CHTN: knowledge of a single-modal source reaches image and text at once."""

from dlchkit.transfer.network import HybridTransferNetwork, ReverseGradient
from dlchkit.transfer.scoring import evaluate_correlation, evaluate_posteriors
from dlchkit.transfer.training import CHTN_TERMS, KIT_TERMS, MHTN_TERMS, WEIGHTS, TransferResult, train_transfer

__all__ = ["CHTN_TERMS", "KIT_TERMS", "MHTN_TERMS", "WEIGHTS", "HybridTransferNetwork", "ReverseGradient", "TransferResult", "evaluate_correlation", "evaluate_posteriors", "train_transfer"]
