"""DLCH's first stage: image, text and label tower learn one set of classes together."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from dlchkit.codes import binarize
from dlchkit.data import PairedFeatures
from dlchkit.lifelong.rehearsal import RehearsalSample
from dlchkit.lifelong.tower_training import TowerLearner, outputs, rows_of, signs, store_rows, summed
from dlchkit.losses import cosine_fit, quantization

FIT_WEIGHT = 5
ANCHORS = 1024  # items whose stored outputs a batch is compared with: an unbiased sample of all
# tower: the towers whose stored outputs it fits
GUIDES = {"label": ("label", "image", "text"), "image": ("image", "label"), "text": ("text", "label")}

Penalty = Callable[[Tensor, dict[str, Tensor]], Tensor]


def train_together(
    learner: TowerLearner,
    data: PairedFeatures,
    *,
    rehearsed: RehearsalSample | None = None,
    penalty: Penalty | None = None,
) -> np.ndarray:
    """Train ``learner.towers`` on all of ``data`` with `stage_loss` and return its hash codes.

    Parameters
    ----------
    learner : TowerLearner
    data : PairedFeatures
    rehearsed : RehearsalSample, optional
        Old items to train on too, as if they stood behind ``data``; each is pulled to its
        stored code, which stays.
    penalty : callable, optional
        The term that a continual method adds to the loss of each batch: called with the batch's
        rows (positions in ``data``, then in ``rehearsed``) and its outputs by tower name,
        returns a scalar.

    Returns
    -------
    int8 array (n, n_bits)
        Codes of ``data``: sign(F + G + H).

    Notes
    -----
    Differences from the released demo, apart from those of `stage_loss`: one code per item,
    sign(F + G + H), where the demo adds sign(2F + H) and sign(2G + H) and so stores zeros
    where they disagree; the label tower sees unit label vectors; fits are means over a
    sample of `ANCHORS` stored items; Adam in place of SGD; a fixed number of epochs, or the
    best on held-out database items, in place of the best on test queries.

    References
    ----------
    Xu et al., arXiv 2304.13357, and the authors' released demo; the loss is MESDCH's.
    """
    sample = data if rehearsed is None else rehearsed.after(data)
    new_rows = learner.training_rows(data)
    old_rows = torch.arange(len(data), len(sample), device=learner.device)
    trained = torch.cat([new_rows, old_rows])
    towers = learner.towers
    inputs = tower_inputs(learner, sample)
    unit_labels = inputs["label"]
    stored = outputs(towers, inputs)  # (n, n_bits) each; every batch renews its rows
    codes = torch.empty_like(stored["label"])

    def renew_codes() -> None:
        codes[:] = signs(summed(stored.values()))
        if rehearsed is not None:
            codes[len(data) :] = learner.tensor(rehearsed.codes)

    def batch_loss(rows: Tensor) -> Tensor:
        anchors = trained[torch.randperm(len(trained))[:ANCHORS].to(learner.device)]
        out = towers(rows_of(inputs, rows))
        similarity = unit_labels[rows] @ unit_labels[anchors].T
        loss = stage_loss(out, rows_of(stored, anchors), codes[rows], similarity)
        if penalty is not None:
            loss = loss + penalty(rows, out)
        store_rows(stored, rows, out)
        return loss

    def present_codes() -> np.ndarray:
        return binarize(summed(outputs(towers, inputs).values())[: len(data)].cpu().numpy())

    renew_codes()
    score = learner.held_out_score(data, new_rows, present_codes)
    learner.fit(trained, towers.parameters(), batch_loss, between_epochs=renew_codes, score=score)
    return present_codes()


def stage_loss(out: dict[str, Tensor], anchors: dict[str, Tensor], codes: Tensor, similarity: Tensor) -> Tensor:
    """The loss that the three towers minimise together over one batch.

    With F, G, H the stored outputs of image, text and label tower and f, g, h those of
    the batch (fit = `cosine_fit` to the label cosine):

    - label: 5 fit(h; H) + 5 fit(h; F) + 5 fit(h; G) + quantization
    - image: 5 fit(f; F) + 5 fit(f; H) + quantization
    - text: 5 fit(g; G) + 5 fit(g; H) + quantization

    Parameters
    ----------
    out : dict of str to tensor (n, n_bits)
        Outputs of the batch by tower name.
    anchors : dict of str to tensor (m, n_bits)
        Stored outputs by tower name, constants.
    codes : tensor (n, n_bits), values in {-1, +1}
        Hash codes of the batch.
    similarity : tensor (n, m)
        Label cosine of batch and anchors.

    Returns
    -------
    scalar tensor >= 0
        A mean over the items of the batch.

    Notes
    -----
    All fits weigh 5, where the released demo has 10 and 1: on little data its image tower
    then learns its own training outputs by heart (confirmed on database items held out
    from training).
    """
    fits = [cosine_fit(out[name], anchors[other], similarity) for name, others in GUIDES.items() for other in others]
    quantizations = [quantization(u, codes) for u in out.values()]
    return FIT_WEIGHT * summed(fits) + summed(quantizations)


def tower_inputs(learner: TowerLearner, data: PairedFeatures) -> dict[str, Tensor]:
    """The input of each tower for ``data``, by tower name."""
    return {
        "image": learner.tensor(data.image),
        "text": learner.tensor(data.text),
        "label": learner.unit_labels(data.labels),
    }
