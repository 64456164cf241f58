"""phi: frozen features beside a fixed random ReLU layer, in which hashing is linear."""

from dataclasses import dataclass

import numpy as np
import torch

from dlchkit.errors import DataError


@dataclass(frozen=True)
class RandomFeatures:
    """A fixed map from frozen features x to phi(x), once made never trained.

    .. math:: z = \\sqrt{d}\\, (x - m) / |x - m|, \\qquad \\varphi(x) = [1,\\ z,\\ \\mathrm{relu}(R z)]

    m is the mean of the items it was made from, R a matrix of normal random numbers of
    variance 1/d. Every entry of z then has mean square 1 over items, every unit of the
    layer 1/2, whatever the encoder.

    Attributes
    ----------
    mean : float32 tensor (d,)
    layer : float32 tensor (d, units)
        Units may be 0.

    Notes
    -----
    Random layers under a closed-form head: RanPAC (McDonnell et al., NeurIPS 2023), which
    projects alone. Here the features stay beside their projection: as good with a quarter
    of the units. An item that is all but m itself has a z of rounding noise.
    """

    mean: torch.Tensor
    layer: torch.Tensor

    @classmethod
    def made_from(cls, x: np.ndarray, *, units: int, seed: int) -> "RandomFeatures":
        """The map for items like those of ``x``, float (n, d); the layer follows from ``seed`` alone."""
        d = x.shape[1]
        generator = torch.Generator().manual_seed(seed)
        mean = torch.as_tensor(np.asarray(x, dtype=np.float64).mean(0), dtype=torch.float32)
        return cls(mean, torch.randn(units, d, generator=generator).T.contiguous() / d**0.5)

    @property
    def n_plain(self) -> int:
        """Entries of phi(x) in front of the layer's: 1 + d."""
        return 1 + len(self.mean)

    @property
    def width(self) -> int:
        """Entries of phi(x): 1 + d + units."""
        return 1 + sum(self.layer.shape)

    def equals(self, other: "RandomFeatures | None") -> bool:
        """True where ``other`` is the same map."""
        return other is not None and torch.equal(self.mean, other.mean) and torch.equal(self.layer, other.layer)

    def check(self, x: np.ndarray) -> None:
        """Refuse features of another shape than (n, d)."""
        if x.ndim != 2 or x.shape[1] != len(self.mean):
            raise DataError(f"features have the shape {x.shape}; these functions were made for (n, {len(self.mean)})")

    def first(self, units: int) -> "RandomFeatures":
        """The map with the first ``units`` units of its layer alone."""
        return RandomFeatures(self.mean, self.layer[:, :units].contiguous())

    def __call__(self, x: np.ndarray, *, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """phi of every row of ``x``, float (n, d): (n, 1 + d + units)."""
        self.check(x)
        centred = torch.as_tensor(x, dtype=dtype, device=device) - self.mean.to(device, dtype)
        z = torch.nn.functional.normalize(centred, dim=1) * len(self.mean) ** 0.5
        return torch.cat([z.new_ones(len(z), 1), z, torch.relu(z @ self.layer.to(device, dtype))], dim=1)
