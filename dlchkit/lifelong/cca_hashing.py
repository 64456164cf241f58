"""Linear hashing in a space that images and texts share: the base of `lsh` and `itq`."""

import numpy as np

from dlchkit.bank import CodeBank
from dlchkit.codes import binarize, check_n_bits
from dlchkit.data import PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.learner import Method, check_side
from dlchkit.lifelong.retraining import rebuilt_bank
from dlchkit.transfer.correlation import CorrelationModel, fit_cca


class CorrelatedHashing(Method):
    """Base of the methods that cut the common space of images and texts by hyperplanes.

    The common space is that of canonical correlation analysis (`fit_cca`), each direction
    weighed by its correlation; it has n_bits dimensions, or fewer where the features have
    fewer. Each stage learns everything seen again, and the bank is rebuilt. An item
    is stored with the code of the sum of its two projections. Labels are not used.

    Parameters
    ----------
    n_bits : int
        Code length.
    n_principal : int
        See `fit_cca`; the default was chosen on database items.
    seed : int
        Fixes all random draws.
    """

    settings = ("n_principal", "seed")
    single_stage = True

    def __init__(self, n_bits: int = 64, *, n_principal: int = 128, seed: int = 0):
        if n_principal < 1:
            raise DataError(f"n_principal is {n_principal}; it is a number of principal components, 1 or more")
        self.bank = CodeBank(check_n_bits(n_bits))
        self.n_principal = n_principal
        self.seed = seed
        self.seen: list[PairedFeatures] = []
        self.space: CorrelationModel | None = None
        self.hyperplanes: np.ndarray | None = None

    def find_hyperplanes(self, projected: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Normals (d, n_bits) of the hyperplanes that cut the projected items (n, d); each method's own."""
        raise NotImplementedError

    def observe(self, stage: Stage) -> None:
        """Learn everything seen so far again and store new codes for all of it."""
        self.seen.append(stage.database)
        everything = PairedFeatures.concatenate(*self.seen)
        space = fit_cca(everything, n_components=self.bank.n_bits, n_principal=self.n_principal, seed=self.seed)
        projected = _projected(space, "image", everything.image) + _projected(space, "text", everything.text)
        hyperplanes = self.find_hyperplanes(projected, np.random.default_rng(self.seed))
        self.item_passes += len(everything)
        self.space = space
        self.hyperplanes = hyperplanes
        self.bank = rebuilt_bank(self.seen, binarize(projected @ hyperplanes))

    def encode(self, side: str, features: np.ndarray) -> np.ndarray:
        """Hash codes int8 (n, n_bits) in {-1, +1} of one side's features, float32 (n, d)."""
        if self.space is None:
            raise DataError(f"this {type(self).__name__} has observed no stage yet; call observe(stage) first")
        return binarize(_projected(self.space, check_side(side), features) @ self.hyperplanes)


def _projected(space: CorrelationModel, side: str, features: np.ndarray) -> np.ndarray:
    return space.projections[side](features) * space.correlations
