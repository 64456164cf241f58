"""A learner and a stream become R: the one place where learners meet queries."""

import time

import numpy as np

from dlchkit.correlation import CorrelationModel
from dlchkit.data import PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.kept import kept_bytes
from dlchkit.lifelong.learner import Learner
from dlchkit.metrics import mean_average_precision, mean_of_defined, ranked_average_precision
from dlchkit.records import DIRECTIONS, MethodRecord
from dlchkit.similarity import shares_label
from dlchkit.transfer import HybridTransferNetwork

DATABASE_CODES = ("learned", "encoded", "reencoded")


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


def run_stream(learner: Learner, stream: tuple[Stage, ...], *, databases: tuple[str, ...] = ("learned",), on_stage=None) -> MethodRecord:
    """Let a learner observe a whole stream; fill R, training seconds, bytes kept and the proof on old codes.

    Parameters
    ----------
    databases : kinds of database codes to score against, the first of them in R: "learned"
        (the learner's bank), "encoded" (by the encoders when an item arrived, kept since:
        nothing is known of its labels) and "reencoded" (all items by today's encoders)
    on_stage : called after each stage with (stage index, number of stages, training seconds)
    """
    _check_kinds(databases)
    shape = (len(stream), len(stream))
    R = {kind: {direction: np.full(shape, np.nan) for direction in DIRECTIONS} for kind in databases}
    unseen, chance = ({direction: np.full(len(stream), np.nan) for direction in DIRECTIONS} for _ in range(2))
    seconds, bytes_kept, unchanged, digests, encoded = [], [], [], [], []
    for stage in stream:
        if stage.index > 0:
            for direction, score in evaluate_encoded(learner, stage.query, stage.database).items():
                unseen[direction][stage.index] = score
                chance[direction][stage.index] = _random_ranking(stage.query, stage.database)
        start = time.perf_counter()
        learner.observe(stage)
        seconds.append(time.perf_counter() - start)
        bytes_kept.append(kept_bytes(learner))
        unchanged.append(learner.bank.digests()[: len(digests)] == digests)
        digests = learner.bank.digests()
        seen = stream[: stage.index + 1]
        if "encoded" in databases:
            encoded.append(_encode(learner, stage.database))
        for kind in databases:
            rows = evaluate(learner, seen) if kind == "learned" else _evaluate_kept(learner, seen, encoded if kind == "encoded" else None)
            for direction, row in rows.items():
                R[kind][direction][stage.index, : len(seen)] = row
        if on_stage is not None:
            on_stage(stage.index, len(stream), seconds[-1])
    first, *others = databases
    return MethodRecord(
        R=R[first],
        seconds=seconds,
        old_codes_unchanged=unchanged,
        database_codes=first,
        other_R={kind: R[kind] for kind in others},
        unseen=unseen,
        chance=chance,
        kept_bytes=bytes_kept,
    )


def run_once(learner: Learner, stream: tuple[Stage, ...], *, databases: tuple[str, ...] = ("learned",)) -> MethodRecord:
    """Let a single-stage method learn everything at once; only the last row of R is defined.

    Parameters
    ----------
    databases : see `run_stream`; "encoded" and "reencoded" are then the same
    """
    _check_kinds(databases)
    last = stream[-1]
    everything = stream[0].database.concatenate(*(stage.database for stage in stream[1:]))
    start = time.perf_counter()
    learner.observe(Stage(index=0, new_classes=last.seen_classes, seen_classes=last.seen_classes, database=everything, query=last.query))
    trained = time.perf_counter() - start
    bytes_kept = kept_bytes(learner)
    R = {}
    for kind in databases:
        rows = evaluate(learner, stream) if kind == "learned" else _evaluate_kept(learner, stream, None)
        R[kind] = {direction: np.full((len(stream), len(stream)), np.nan) for direction in DIRECTIONS}
        for direction, row in rows.items():
            R[kind][direction][-1] = row
    first, *others = databases
    skipped = [np.nan] * (len(stream) - 1)
    return MethodRecord(
        R=R[first],
        seconds=[*skipped, trained],
        old_codes_unchanged=[],
        database_codes=first,
        other_R={kind: R[kind] for kind in others},
        kept_bytes=[*skipped, bytes_kept],
    )


def compare(
    learners: list[Learner], stream: tuple[Stage, ...], *, databases: tuple[str, ...] = ("learned",), on_stage=None
) -> dict[str, MethodRecord]:
    """One protocol for all: the same stream for each learner in turn, `run_once` for single-stage methods.

    Parameters
    ----------
    on_stage : called with a learner's name, returns the ``on_stage`` of its `run_stream`

    Returns
    -------
    the learner's name -> `MethodRecord`, in the order given
    """
    records = {}
    for learner in learners:
        if learner.single_stage:
            records[learner.name] = run_once(learner, stream, databases=databases)
        else:
            told = None if on_stage is None else on_stage(learner.name)
            records[learner.name] = run_stream(learner, stream, databases=databases, on_stage=told)
    return records


def _check_kinds(kinds):
    unknown = next((kind for kind in kinds if kind not in DATABASE_CODES), None)
    if unknown is not None or not kinds:
        raise DataError(
            f"database codes are {', '.join(map(repr, DATABASE_CODES))}; {f'{unknown!r} is none of them' if kinds else 'name one at least'}"
        )


def _encode(learner, items):
    """Database codes as each direction meets them: texts answer images, images answer texts."""
    return {"image_to_text": learner.encode_text(items.text), "text_to_image": learner.encode_image(items.image), "labels": items.labels}


def _evaluate_kept(learner, stages, kept):
    """Rows of R against codes kept since the items arrived, or (None) made anew by today's encoders."""
    kept = [_encode(learner, stage.database) for stage in stages] if kept is None else kept
    database = {key: np.concatenate([part[key] for part in kept]) for key in kept[0]}
    asked = {"image_to_text": lambda q: learner.encode_image(q.image), "text_to_image": lambda q: learner.encode_text(q.text)}
    return {
        direction: [mean_average_precision(encode(s.query), database[direction], s.query.labels, database["labels"]) for s in stages]
        for direction, encode in asked.items()
    }


def _random_ranking(query, database):
    """Expected mAP of a ranking drawn at random: all items tied."""
    tied = [np.ones((len(items), 8), dtype=np.int8) for items in (query, database)]
    return mean_average_precision(*tied, query.labels, database.labels)


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
    return _ranked_by_cosine(network.posteriors, query, database)


def evaluate_correlation(model: CorrelationModel, query: PairedFeatures, database: PairedFeatures) -> dict[str, float]:
    """Score canonical variates compared by cosine, as `evaluate_posteriors` scores CHTN.

    Returns
    -------
    direction -> mAP over the whole database; relevance is a shared label
    """
    return _ranked_by_cosine(model.representations, query, database)


def _ranked_by_cosine(represent, query, database):
    asked, stored = ({side: _unit(rows) for side, rows in represent(items).items()} for items in (query, database))
    relevant = shares_label(query.labels, database.labels)
    return {
        f"{side}_to_{other}": mean_of_defined(ranked_average_precision(asked[side] @ stored[other].T, relevant))
        for side, other in (("image", "text"), ("text", "image"))
    }


def _unit(rows):
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
