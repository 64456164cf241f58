"""Experience replay: a few old items are trained on again beside the new ones."""

import numpy as np

from dlchkit.data import PairedFeatures
from dlchkit.lifelong.first_stage import train_together
from dlchkit.lifelong.rehearsal import RehearsalSample
from dlchkit.lifelong.stage_by_stage import StepwiseLearner
from dlchkit.lifelong.tower_training import TowerLearner


class ExperienceReplay(StepwiseLearner):
    """Fine-tuning on the new data and on a uniform sample of the old (Chaudhry et al., 2019).

    Parameters
    ----------
    n_bits : int
        Code length.
    rehearsal : int
        Number of old items (features, labels and codes) that are kept, a uniform sample of all
        seen; with 0 this is fine-tuning.
    **training
        See `TowerLearner`.

    Notes
    -----
    The paper draws a batch of old items beside each new batch; here new and kept items are
    shuffled into one training set, as in `DLCH`, so that each is seen once per epoch (on
    held-out database items as good, at half the time). A kept item's quantization
    pulls it to its stored code, since that is what its queries must find.

    References
    ----------
    Chaudhry et al., On Tiny Episodic Memories in Continual Learning, 2019, arXiv 1902.10486
    (reservoir sampling).
    """

    name = "replay"
    settings = ("rehearsal", *TowerLearner.settings)

    def __init__(self, n_bits: int = 64, *, rehearsal: int = 500, **training):
        super().__init__(n_bits, **training)
        self.rehearsal = rehearsal
        self.rehearsed = RehearsalSample(rehearsal, self.seed)

    def learn_increment(self, data: PairedFeatures) -> np.ndarray:
        """Train on the new data and the kept items."""
        return train_together(self, data, rehearsed=self.rehearsed)

    def keep(self, data: PairedFeatures, codes: np.ndarray) -> None:
        """Let the new items compete for a place in the sample."""
        self.rehearsed.add(data, codes)
