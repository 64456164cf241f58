"""Exact lifelong hashing under the protocol of all methods: the estimator beside a code bank."""

import numpy as np
import torch

from dlchkit.bank import CodeBank
from dlchkit.data import Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.exact.estimator import ExactHashing, Recoding
from dlchkit.lifelong.learner import Method


class ExactLearner(Method):
    """Exact lifelong hashing: `ExactHashing` beside the bank of all stored codes.

    Keeps no old item, forgets nothing, and an increment costs the same however much
    came before.

    Parameters
    ----------
    n_bits : int
        Code length.
    **options
        See `ExactHashing`.

    Attributes
    ----------
    hashing : ExactHashing
        The estimator.
    """

    name = "exact"
    settings = tuple(name for name in ExactHashing.settings if name != "n_bits")

    def __init__(self, n_bits: int = 64, **options):
        self.hashing = ExactHashing(n_bits, **options)
        self.bank = CodeBank(n_bits)

    @property
    def device(self) -> torch.device:
        """Where sums are kept and solved."""
        return self.hashing.device

    def get_params(self) -> dict:
        """The constructor's arguments by name."""
        return self.hashing.get_params()

    def observe(self, stage: Stage) -> None:
        """Learn the stage's items and store each under the code of its labels."""
        data = stage.database
        if self.hashing.class_names not in (None, data.class_names):
            raise DataError(
                f"stage {stage.index} names other classes than the stages before it, or in another order; "
                f"all stages share one list of classes"
            )
        names = data.class_names if self.hashing.n_items == 0 or self.hashing.class_names else None
        self.hashing.partial_fit(data.image, data.text, data.labels, groups=data.groups, class_names=names)
        self.item_passes += len(data)
        codes = self.hashing.codes_of(data.labels)
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=stage.index)

    def encode(self, side: str, features: np.ndarray) -> np.ndarray:
        """Hash codes int8 (n, n_bits) in {-1, +1} of one side's features, float32 (n, d)."""
        return self.hashing.encode(side, features)

    def recode(self) -> Recoding:
        """Learn all codes again and store every item under its new one; no raw data is needed."""
        report = self.hashing.recode()
        old = self.bank
        labels = old.labels
        ids = old.ids
        codes = self.hashing.codes_of(labels)
        self.bank = CodeBank(old.n_bits)
        for stage in range(old.n_stages):
            rows = old.stages == stage
            self.bank.append(codes[rows], labels=labels[rows], ids=ids[rows], stage=stage)
        return report
