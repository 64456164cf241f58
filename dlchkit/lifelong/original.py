"""DLCH's original stage: image, text and label tower learn one set of classes together."""

import numpy as np
import torch

from dlchkit.codes import binarize
from dlchkit.data import PairedFeatures
from dlchkit.lifelong.learner import TowerLearner
from dlchkit.losses import cosine_fit, quantization

ANCHORS = 1024  # items whose stored outputs a batch is compared with: an unbiased sample of all


def train_original_stage(learner: TowerLearner, data: PairedFeatures) -> np.ndarray:
    """Train ``learner.towers`` on all of ``data`` and return its hash codes.

    With F, G, H the stored outputs of image, text and label tower and f, g, h those of a
    batch, each tower minimises (fit = `cosine_fit` to the label cosine):

    - label: 10 fit(h; H) + fit(h; F) + 10 fit(h; G) + quantization
    - image: 10 fit(f; F) + fit(f; H) + quantization
    - text: 10 fit(g; G) + fit(g; H) + quantization

    Returns
    -------
    int8 codes (n, n_bits): sign(F + G + H)

    Notes
    -----
    Differences from the released demo: one code per item, sign(F + G + H), where the demo
    adds sign(2F + H) and sign(2G + H) and so stores zeros where they disagree; the label
    tower sees unit label vectors; fits are means over a sample of `ANCHORS` stored items;
    Adam in place of SGD; a fixed number of epochs in place of the best on test queries.

    References
    ----------
    Xu et al., arXiv 2304.13357, and the authors' released demo; the loss is MESDCH's.
    """
    towers, n = learner.towers, len(data)
    inputs = {"image": learner.tensor(data.image), "text": learner.tensor(data.text), "label": learner.unit_labels(data.labels)}
    unit = inputs["label"]
    with torch.no_grad():
        stored = {name: getattr(towers, name)(x) for name, x in inputs.items()}
    codes, coded_epoch = None, None
    for epoch, rows in learner.training_steps(n, towers.parameters()):
        if epoch != coded_epoch:
            codes, coded_epoch = _signs(stored), epoch
        anchors = torch.randperm(n, generator=learner.batches)[:ANCHORS].to(learner.device)
        similarity = unit[rows] @ unit[anchors].T
        out = {name: getattr(towers, name)(x[rows]) for name, x in inputs.items()}
        fit = {
            (name, other): cosine_fit(out[name], stored[other][anchors], similarity)
            for name, other in [("label", "label"), ("label", "image"), ("label", "text"), ("image", "image"), ("image", "label"), ("text", "text"), ("text", "label")]
        }
        own = 10 * (fit["label", "label"] + fit["label", "text"] + fit["image", "image"] + fit["text", "text"])
        crossed = fit["label", "image"] + fit["image", "label"] + fit["text", "label"]
        (own + crossed + sum(quantization(u, codes[rows]) for u in out.values())).backward()
        for name, u in out.items():
            stored[name][rows] = u.detach()
    return binarize(sum(stored.values()).cpu().numpy())


def _signs(stored: dict) -> torch.Tensor:
    return torch.where(sum(stored.values()) >= 0, 1.0, -1.0)
