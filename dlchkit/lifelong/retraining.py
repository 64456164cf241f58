"""The bank of methods that keep all data and start again at every stage."""

import numpy as np

from dlchkit.bank import CodeBank
from dlchkit.data import PairedFeatures


def rebuilt_bank(seen: list[PairedFeatures], codes: np.ndarray) -> CodeBank:
    """A new bank with new codes for everything seen, stage by stage.

    Parameters
    ----------
    seen : list of PairedFeatures
        The data of each stage so far.
    codes : int8 array (n, n_bits), values in {-1, +1}
        One row for each item of all stages, in order.
    """
    bank = CodeBank(codes.shape[1])
    start = 0
    for index, data in enumerate(seen):
        bank.append(codes[start : start + len(data)], labels=data.labels, ids=data.ids, stage=index)
        start += len(data)
    return bank
