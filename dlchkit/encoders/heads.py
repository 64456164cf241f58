"""Hash heads: the small trained networks that turn frozen features into relaxed codes."""

import torch
from torch import nn

DROPOUT = 0.3  # without it the image tower memorises a few hundred pairs


class HashHead(nn.Module):
    """One tower: features (n, in_features) to relaxed codes (n, n_bits) in (-1, 1).

    Every row of features is normalised by itself, so that the tower keeps no statistics of past data, which new
    classes would shift.
    """

    def __init__(self, in_features: int, n_bits: int, hidden: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(in_features, elementwise_affine=False),
            nn.Linear(in_features, hidden),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(hidden, n_bits),
            nn.Tanh(),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers(features)
