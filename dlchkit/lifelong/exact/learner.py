"""Exact lifelong hashing under the protocol of all methods: the estimator beside a code bank."""

import numpy as np

from dlchkit.bank import CodeBank
from dlchkit.data import Stage
from dlchkit.lifelong.exact.estimator import ExactHashing, Recoding


class ExactLearner:
    """Exact lifelong hashing: `ExactHashing` beside the bank of what is stored.

    Keeps no old item, forgets nothing, and an increment costs the same however much
    came before.

    Parameters
    ----------
    n_bits : code length, a multiple of 8
    **options : see `ExactHashing`

    Attributes
    ----------
    hashing : the estimator
    """

    name = "exact"
    single_stage = False

    def __init__(self, n_bits: int = 64, *, seed: int = 0, device: str = "auto", **options):
        self.hashing = ExactHashing(n_bits, seed=seed, device=device, **options)
        self.bank = CodeBank(n_bits)

    def observe(self, stage: Stage) -> None:
        """Learn the stage's items and store each under the code of its labels; without labels, under that of both its sides."""
        data = stage.database
        self.hashing.partial_fit(data.image, data.text, data.labels, groups=data.groups)
        codes = np.empty((len(data), self.bank.n_bits), dtype=np.int8)
        labelled = data.labels.any(1)
        codes[labelled] = self.hashing.codes_of(data.labels[labelled])
        if not labelled.all():
            codes[~labelled] = self.hashing.encode_pair(data.image[~labelled], data.text[~labelled])
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=stage.index)

    def recode(self) -> Recoding:
        """Learn all codes anew and store every labelled item under its new one; no raw data is needed.

        Items without labels keep the code they came with, which today's functions no
        longer mean: encode them again where there are any.
        """
        report, old = self.hashing.recode(), self.bank
        self.bank = CodeBank(old.n_bits)
        codes, labels, ids, stages = old.codes, old.labels, old.ids, old.stages
        labelled = labels.any(1)
        codes[labelled] = self.hashing.codes_of(labels[labelled])
        for stage in range(old.n_stages):
            of_stage = stages == stage
            self.bank.append(codes[of_stage], labels=labels[of_stage], ids=ids[of_stage], stage=stage)
        return report

    def encode_image(self, image: np.ndarray) -> np.ndarray:
        """Hash codes int8 (n, n_bits) in {-1, +1} of image features float32 (n, d_image)."""
        return self.hashing.encode_image(image)

    def encode_text(self, text: np.ndarray) -> np.ndarray:
        """Hash codes int8 (n, n_bits) in {-1, +1} of text features float32 (n, d_text)."""
        return self.hashing.encode_text(text)
