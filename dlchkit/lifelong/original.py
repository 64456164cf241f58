"""DLCH's original stage: image, text and label tower learn one set of classes together."""

import numpy as np
import torch

from dlchkit.codes import binarize
from dlchkit.data import PairedFeatures
from dlchkit.lifelong.learner import TowerLearner
from dlchkit.losses import cosine_fit, quantization

FIT_WEIGHT = 5
ANCHORS = 1024  # items whose stored outputs a batch is compared with: an unbiased sample of all
GUIDES = {"label": ("label", "image", "text"), "image": ("image", "label"), "text": ("text", "label")}  # tower: whose stored outputs it fits


def train_original_stage(learner: TowerLearner, data: PairedFeatures, *, penalty=None) -> np.ndarray:
    """Train ``learner.towers`` on all of ``data`` and return its hash codes.

    With F, G, H the stored outputs of image, text and label tower and f, g, h those of a
    batch, each tower minimises (fit = `cosine_fit` to the label cosine):

    - label: 5 fit(h; H) + 5 fit(h; F) + 5 fit(h; G) + quantization
    - image: 5 fit(f; F) + 5 fit(f; H) + quantization
    - text: 5 fit(g; G) + 5 fit(g; H) + quantization

    Parameters
    ----------
    penalty : what a continual method adds to the loss of each batch: called with the
        batch's rows (positions in ``data``) and its outputs by tower name, returns a scalar

    Returns
    -------
    int8 codes (n, n_bits): sign(F + G + H)

    Notes
    -----
    Differences from the released demo: all fits weigh 5, where the demo has 10 and 1 (on
    little data its image tower then learns its own training outputs by heart; confirmed
    on database items held out from training); one code per item, sign(F + G + H), where the demo adds
    sign(2F + H) and sign(2G + H) and so stores zeros where they disagree; the label tower
    sees unit label vectors; fits are means over a sample of `ANCHORS` stored items; Adam
    in place of SGD; a fixed number of epochs in place of the best on test queries.

    References
    ----------
    Xu et al., arXiv 2304.13357, and the authors' released demo; the loss is MESDCH's.
    """
    towers, n = learner.towers, len(data)
    inputs = {"image": learner.tensor(data.image), "text": learner.tensor(data.text), "label": learner.unit_labels(data.labels)}
    unit = inputs["label"]
    stored, codes, coded_epoch = _outputs(towers, inputs), None, None
    for epoch, rows in learner.training_steps(n, towers.parameters()):
        if epoch != coded_epoch:
            codes, coded_epoch = torch.where(sum(stored.values()) >= 0, 1.0, -1.0), epoch
        anchors = torch.randperm(n)[:ANCHORS].to(learner.device)
        similarity = unit[rows] @ unit[anchors].T
        out = {name: getattr(towers, name)(x[rows]) for name, x in inputs.items()}
        fits = [cosine_fit(out[name], stored[other][anchors], similarity) for name, others in GUIDES.items() for other in others]
        loss = FIT_WEIGHT * sum(fits) + sum(quantization(u, codes[rows]) for u in out.values())
        (loss if penalty is None else loss + penalty(rows, out)).backward()
        for name, u in out.items():
            stored[name][rows] = u.detach()
    return binarize(sum(_outputs(towers, inputs).values()).cpu().numpy())


@torch.no_grad()
def _outputs(towers, inputs):
    return {name: getattr(towers, name)(x) for name, x in inputs.items()}
