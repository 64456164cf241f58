"""DLCH's original stage: image, text and label tower learn one set of classes together."""

import numpy as np
import torch

from dlchkit.codes import binarize
from dlchkit.data import PairedFeatures
from dlchkit.lifelong.rehearsal import RehearsalSample
from dlchkit.lifelong.towers import TowerLearner
from dlchkit.losses import cosine_fit, quantization

FIT_WEIGHT = 5
ANCHORS = 1024  # items whose stored outputs a batch is compared with: an unbiased sample of all
GUIDES = {"label": ("label", "image", "text"), "image": ("image", "label"), "text": ("text", "label")}  # tower: whose stored outputs it fits


def train_original_stage(learner: TowerLearner, data: PairedFeatures, *, rehearsed: RehearsalSample | None = None, penalty=None) -> np.ndarray:
    """Train ``learner.towers`` on all of ``data`` with `stage_loss` and return its hash codes.

    Parameters
    ----------
    rehearsed : old items to train on too, as if they stood behind ``data``; each is pulled to
        its stored code, which stays
    penalty : what a continual method adds to the loss of each batch: called with the
        batch's rows (positions in ``data``, then in ``rehearsed``) and its outputs by
        tower name, returns a scalar

    Returns
    -------
    int8 codes (n, n_bits) of ``data``: sign(F + G + H)

    Notes
    -----
    Differences from the released demo, besides those of `stage_loss`: one code per item,
    sign(F + G + H), where the demo adds sign(2F + H) and sign(2G + H) and so stores zeros
    where they disagree; the label tower sees unit label vectors; fits are means over a
    sample of `ANCHORS` stored items; Adam in place of SGD; a fixed number of epochs, or the
    best on held-out database items, in place of the best on test queries.

    References
    ----------
    Xu et al., arXiv 2304.13357, and the authors' released demo; the loss is MESDCH's.
    """
    sample = data if rehearsed is None else rehearsed.after(data)
    towers, inputs, new_rows = learner.towers, tower_inputs(learner, sample), learner.training_rows(data)
    unit, old_codes = inputs["label"], None if rehearsed is None else learner.tensor(rehearsed.codes)
    trained = torch.cat([new_rows, torch.arange(len(data), len(sample), device=learner.device)])

    def present_codes() -> np.ndarray:
        return binarize(sum(outputs(towers, inputs).values())[: len(data)].cpu().numpy())

    stored, codes, coded_epoch = outputs(towers, inputs), None, None
    for epoch, rows in learner.training_steps(trained, towers.parameters(), learner.held_out_score(data, new_rows, present_codes)):
        if epoch != coded_epoch:
            codes, coded_epoch = torch.where(sum(stored.values()) >= 0, 1.0, -1.0), epoch
            if rehearsed is not None:
                codes[len(data) :] = old_codes
        anchors = trained[torch.randperm(len(trained))[:ANCHORS].to(learner.device)]
        out = {name: getattr(towers, name)(x[rows]) for name, x in inputs.items()}
        loss = stage_loss(out, {name: u[anchors] for name, u in stored.items()}, codes[rows], unit[rows] @ unit[anchors].T)
        (loss if penalty is None else loss + penalty(rows, out)).backward()
        for name, u in out.items():
            stored[name][rows] = u.detach()
    return present_codes()


def stage_loss(out: dict, anchors: dict, codes: torch.Tensor, similarity: torch.Tensor) -> torch.Tensor:
    """What the three towers minimise together over one batch.

    With F, G, H the stored outputs of image, text and label tower and f, g, h those of
    the batch (fit = `cosine_fit` to the label cosine):

    - label: 5 fit(h; H) + 5 fit(h; F) + 5 fit(h; G) + quantization
    - image: 5 fit(f; F) + 5 fit(f; H) + quantization
    - text: 5 fit(g; G) + 5 fit(g; H) + quantization

    Parameters
    ----------
    out : tower name -> (n, n_bits), outputs of the batch
    anchors : tower name -> (m, n_bits), stored outputs, constants
    codes : (n, n_bits) in {-1, +1}, hash codes of the batch
    similarity : (n, m) label cosine of batch and anchors

    Returns
    -------
    scalar >= 0, a mean over the items of the batch

    Notes
    -----
    All fits weigh 5, where the released demo has 10 and 1: on little data its image tower
    then learns its own training outputs by heart (confirmed on database items held out
    from training).
    """
    fits = [cosine_fit(out[name], anchors[other], similarity) for name, others in GUIDES.items() for other in others]
    return FIT_WEIGHT * sum(fits) + sum(quantization(u, codes) for u in out.values())


def tower_inputs(learner: TowerLearner, data: PairedFeatures) -> dict[str, torch.Tensor]:
    """What each tower sees of ``data``, by tower name."""
    return {"image": learner.tensor(data.image), "text": learner.tensor(data.text), "label": learner.unit_labels(data.labels)}


@torch.no_grad()
def outputs(towers, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Relaxed codes (n, n_bits) in (-1, 1) of each tower, by tower name; nothing is learned from them."""
    return {name: getattr(towers, name)(x) for name, x in inputs.items()}
