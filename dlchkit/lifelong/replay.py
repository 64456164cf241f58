"""Experience replay: a few old items are trained on again beside the new ones."""

from dlchkit.data import Stage
from dlchkit.lifelong.first_stage import train_original_stage
from dlchkit.lifelong.rehearsal import RehearsalSample
from dlchkit.lifelong.towers import TowerLearner


class ExperienceReplay(TowerLearner):
    """Fine-tuning on the new data and on a uniform sample of the old (Chaudhry et al., 2019).

    Parameters
    ----------
    n_bits : code length, a multiple of 8
    rehearsal : how many old items (features, labels and codes) are kept, a uniform sample of
        all seen; with 0 this is fine-tuning
    **training : see `TowerLearner`

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

    def __init__(self, n_bits: int = 64, *, rehearsal: int = 500, **training):
        super().__init__(n_bits, **training)
        self.rehearsed = RehearsalSample(rehearsal, self.seed)

    def learn(self, stage: Stage) -> None:
        """Train on the new data and the kept items; stored codes stay as they are."""
        data = stage.database
        if self.towers is None:
            self.towers = self.new_towers(data)
            codes = train_original_stage(self, data)
        else:
            codes = train_original_stage(self, data, rehearsed=self.rehearsed)
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=stage.index)
        self.rehearsed.add(data, codes)
