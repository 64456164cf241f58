"""Loss terms, one pure function each, with paper and equation beside it."""

from dlchkit.losses.contrast import agreement, contrastive
from dlchkit.losses.hashing import (
    CodeSums,
    bit_balance,
    cosine_fit,
    inner_product_fit,
    quantization,
    summed_inner_product_fit,
)
from dlchkit.losses.likelihood import negative_log_likelihood
from dlchkit.losses.transfer import linear_squared_mmd, pair_distance, soft_cross_entropy, squared_mmd

__all__ = [
    "CodeSums",
    "agreement",
    "bit_balance",
    "contrastive",
    "cosine_fit",
    "inner_product_fit",
    "linear_squared_mmd",
    "negative_log_likelihood",
    "pair_distance",
    "quantization",
    "soft_cross_entropy",
    "squared_mmd",
    "summed_inner_product_fit",
]
