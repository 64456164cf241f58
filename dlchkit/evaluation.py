"""A learner and a stream become R: the one place where learners meet queries."""

import time

import numpy as np

from dlchkit.data import PairedFeatures, Stage
from dlchkit.lifelong.learner import Learner
from dlchkit.metrics import (
    backward_transfer,
    final_performance,
    forgetting_from_best,
    forgetting_from_first,
    forgetting_from_joint,
    mean_average_precision,
    mean_of_defined,
    ranked_average_precision,
    time_reduction,
)
from dlchkit.records import DIRECTIONS, MethodRecord
from dlchkit.similarity import shares_label
from dlchkit.transfer import HybridTransferNetwork


def evaluate(learner: Learner, stages: tuple[Stage, ...], *, k: int | None = None) -> dict[str, list[float]]:
    """Score the queries of each stage seen so far against the learner's whole bank.

    Returns
    -------
    direction -> list of tie-aware mAP (at ``k``), one per stage of ``stages``
    """
    codes, labels = learner.bank.codes, learner.bank.labels
    encoders = {"image_to_text": lambda q: learner.encode_image(q.image), "text_to_image": lambda q: learner.encode_text(q.text)}
    return {
        direction: [mean_average_precision(encode(s.query), codes, s.query.labels, labels, k=k) for s in stages]
        for direction, encode in encoders.items()
    }


def run_stream(learner: Learner, stream: tuple[Stage, ...], *, on_stage=None) -> MethodRecord:
    """Let a learner observe a whole stream; fill R, training seconds and the proof on old codes.

    Parameters
    ----------
    on_stage : called after each stage with (stage index, number of stages, training seconds)
    """
    R = {direction: np.full((len(stream), len(stream)), np.nan) for direction in DIRECTIONS}
    seconds, unchanged, digests = [], [], []
    for stage in stream:
        start = time.perf_counter()
        learner.observe(stage)
        seconds.append(time.perf_counter() - start)
        unchanged.append(learner.bank.digests()[: len(digests)] == digests)
        digests = learner.bank.digests()
        for direction, row in evaluate(learner, stream[: stage.index + 1]).items():
            R[direction][stage.index, : stage.index + 1] = row
        if on_stage is not None:
            on_stage(stage.index, len(stream), seconds[-1])
    return MethodRecord(R=R, seconds=seconds, old_codes_unchanged=unchanged)


def evaluate_encoded(learner: Learner, query: PairedFeatures, database: PairedFeatures) -> dict[str, float]:
    """Score queries against a database whose codes today's encoders make: nothing is known of its labels.

    Returns
    -------
    direction -> tie-aware mAP
    """
    sides = {
        "image_to_text": (learner.encode_image(query.image), learner.encode_text(database.text)),
        "text_to_image": (learner.encode_text(query.text), learner.encode_image(database.image)),
    }
    return {direction: mean_average_precision(*codes, query.labels, database.labels) for direction, codes in sides.items()}


def evaluate_posteriors(network: HybridTransferNetwork, query: PairedFeatures, database: PairedFeatures) -> dict[str, float]:
    """Score CHTN's common representation: class posteriors compared by cosine, as in the paper.

    Returns
    -------
    direction -> mAP over the whole database; relevance is a shared label
    """
    asked, stored = ({side: _unit(p) for side, p in network.posteriors(items).items()} for items in (query, database))
    relevant = shares_label(query.labels, database.labels)
    return {
        f"{side}_to_{other}": mean_of_defined(ranked_average_precision(asked[side] @ stored[other].T, relevant))
        for side, other in (("image", "text"), ("text", "image"))
    }


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def summarise(methods: dict[str, MethodRecord]) -> dict[str, dict[str, float]]:
    """Flat measures of each method, those against "joint" where it is among them.

    Returns
    -------
    name -> measure -> value; measures per direction end in _image_to_text or _text_to_image
    """
    joint = methods.get("joint")
    summary = {}
    for name, method in methods.items():
        summary[name] = {"train_seconds": float(sum(method.seconds))}
        several = len(method.seconds) > 1
        for direction, R in method.R.items():
            measures = {"map": final_performance(R)}
            if several:
                measures |= {
                    "forgetting_from_best": forgetting_from_best(R),
                    "forgetting_from_first": forgetting_from_first(R),
                    "backward_transfer": backward_transfer(R),
                }
            if several and joint is not None:
                measures["forgetting_from_joint"] = forgetting_from_joint(R, joint.R[direction])
            summary[name] |= {f"{measure}_{direction}": value for measure, value in measures.items()}
        if several and joint is not None:
            summary[name]["time_reduction"] = time_reduction(method.seconds, joint.seconds)
    return summary
