"""Frozen towers: trained once, used ever after."""

from dlchkit.codes import binarize
from dlchkit.data import Stage
from dlchkit.lifelong.first_stage import outputs, tower_inputs, train_original_stage
from dlchkit.lifelong.towers import TowerLearner


class FrozenFirstStage(TowerLearner):
    """Train on the first stage only; later items are stored with the codes its towers give them.

    It forgets nothing and learns nothing: what a method gains over it is what learning new
    classes is worth. A later item's code is sign(F + G); its labels are not asked, since
    the label tower never saw their classes.
    """

    name = "frozen"

    def learn(self, stage: Stage) -> None:
        """Train if this is the first stage; else encode the new data and store it."""
        data = stage.database
        if self.towers is None:
            self.towers = self.new_towers(data)
            codes = train_original_stage(self, data)
        else:
            out = outputs(self.towers, tower_inputs(self, data))
            codes = binarize((out["image"] + out["text"]).cpu().numpy())
        self.bank.append(codes, labels=data.labels, ids=data.ids, stage=stage.index)
