"""Evaluate methods on a stream: the accuracy matrix R, and what single queries find.

A record holds examples as a list under ``findings["examples"]``, one entry for each query::

    {"direction": "text_to_image", "method": "dlch",
     "query": {"id": "scene-7", "text": "a cat under an oak", "labels": ["cat", "tree"]},
     "found": [{"id": "scene-3", "text": "...", "labels": ["cat"], "distance": 4, "right": true}, ...]}

``found`` stands nearest first. ``text`` is null where the data has no texts. The ``id`` of a
query that somebody typed is null; its labels are then those that were meant, and an item is
right if it has all of them. ``right`` is null where nobody said what is meant.
"""

import time
from dataclasses import dataclass, field

import numpy as np

from dlchkit.codes import hamming_distance, shares_label
from dlchkit.data import PairedDataset, PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.memory import kept_bytes
from dlchkit.lifelong.towers import Learner
from dlchkit.metrics import mean_average_precision
from dlchkit.records import DIRECTIONS, MethodRecord

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


@dataclass(frozen=True, eq=False)
class Examples:
    """What the stored codes of one learner answer to a few queries, as `dlchkit.plotting.show_retrieval` takes it.

    Attributes
    ----------
    pairs : what queries and found items look like to people
    direction : "image_to_text" or "text_to_image"
    method : the learner's name
    queries : int64 (q,), rows of ``pairs``
    results : int64 (q, k), rows of ``pairs``, nearest first
    distances : int64 (q, k), Hamming distances in 0..n_bits
    right : bool (q, k), whether an item shares at least one label with its query
    """

    pairs: PairedDataset = field(repr=False)
    direction: str
    method: str
    queries: np.ndarray
    results: np.ndarray
    distances: np.ndarray
    right: np.ndarray

    @property
    def sentence(self) -> str:
        """Who asked for what, and how much of what was found is right."""
        asker, answer = ("caption", "picture") if self.direction == "text_to_image" else ("picture", "caption")
        n, k = self.results.shape
        who = f"{n} {asker}s" if n > 1 else f"One {asker}"
        what = f"the {k} {answer}s" if k > 1 else f"the {answer}"
        shared = f"{self.right.sum()} of {self.right.size} {'shares' if self.right.sum() == 1 else 'share'} a label with the {asker} that asked"
        return f"{who} and {what} nearest to {'each' if n > 1 else 'it'} ({self.method}): {shared}."

    def for_record(self) -> list[dict]:
        """The entries of a record's examples, one for each query; JSON values only."""
        return [
            {"direction": self.direction, "method": self.method, "query": _item(self.pairs, query), "found": _found(self.pairs, *answer)}
            for query, *answer in zip(self.queries, self.results, self.distances, self.right)
        ]


def find_examples(learner: Learner, queries: PairedFeatures, pairs: PairedDataset, *, direction: str, k: int = 5) -> Examples:
    """Ask a learner's bank for the ``k`` items nearest to each query.

    Among equal distances the item that was stored first comes first. This order is as good
    as any other and says nothing of likeness, which is why scores are averaged over all
    orders inside ties (`dlchkit.mean_average_precision`) and not taken from here.

    Parameters
    ----------
    learner : has observed a stage at least
    queries : one or more, such as ``stream[0].query[:3]``; their images ask in the direction
        "image_to_text", their texts in "text_to_image"
    pairs : the data set that queries and stored items come from; what counts as right is
        told by its labels
    k : 1 or more; a bank that holds fewer items gives all of them

    Raises
    ------
    DataError
        an unknown direction, ``k`` below 1, no query, an empty bank, an id that is not
        among ``pairs``
    """
    if direction not in DIRECTIONS:
        raise DataError(f"direction is {direction!r}; it must be {' or '.join(map(repr, DIRECTIONS))}")
    if k < 1:
        raise DataError(f"k is {k}; it must be 1 or more, the number of items to find for each query")
    if len(queries) == 0:
        raise DataError("there is no query to ask; give one at least")
    if len(learner.bank) == 0:
        raise DataError(f"the bank of {learner.name} is empty, so nothing can be found; call observe(stage) first")
    asked = learner.encode_image(queries.image) if direction == "image_to_text" else learner.encode_text(queries.text)
    distances = hamming_distance(asked, learner.bank.codes)
    nearest = distances.argsort(axis=1, kind="stable")[:, :k]
    asking, results = _rows(pairs, queries.ids), _rows(pairs, learner.bank.ids[nearest])
    right = np.take_along_axis(shares_label(pairs.labels[asking], pairs.labels), results, axis=1)
    return Examples(pairs, direction, learner.name, asking, results, np.take_along_axis(distances, nearest, axis=1), right)


def typed_example(pairs: PairedDataset, text: str, results, distances, *, method: str, meant=()) -> dict:
    """The entry of a record's examples for a text that somebody typed, which need not be one of the data's.

    Parameters
    ----------
    text : as it was typed
    results : int (k,), rows of ``pairs``, nearest first
    distances : int (k,), Hamming distances
    method : name of what encoded text and pictures
    meant : names of classes; an item with all of them is right. Without any nothing is judged

    Raises
    ------
    DataError
        ``meant`` names no class of ``pairs``
    """
    unknown = [name for name in meant if name not in pairs.class_names]
    if unknown:
        raise DataError(f"meant names {unknown[0]!r}; the classes are {', '.join(pairs.class_names)}")
    right = pairs.labels[results][:, np.isin(pairs.class_names, list(meant))].all(1) if len(meant) else [None] * len(results)
    query = {"id": None, "text": str(text), "labels": [str(name) for name in meant]}
    return {"direction": "text_to_image", "method": method, "query": query, "found": _found(pairs, results, distances, right)}


def _rows(pairs, ids):
    """int64 positions in ``pairs``, of the shape of ``ids``."""
    row_of = {name: row for row, name in enumerate(pairs.ids.tolist())}
    unknown = next((name for name in ids.ravel().tolist() if name not in row_of), None)
    if unknown is not None:
        raise DataError(f"id {unknown!r} is not among the {len(pairs)} pairs; give the data set that queries and stored items come from")
    return np.array([row_of[name] for name in ids.ravel().tolist()], dtype=np.int64).reshape(ids.shape)


def _found(pairs, rows, distances, right):
    judged = [None if one is None else bool(one) for one in right]
    return [_item(pairs, row) | {"distance": int(d), "right": verdict} for row, d, verdict in zip(rows, distances, judged)]


def _item(pairs, row):
    labels = [str(pairs.class_names[c]) for c in np.flatnonzero(pairs.labels[row])]
    return {"id": str(pairs.ids[row]), "text": None if pairs.texts is None else str(pairs.texts[row]), "labels": labels}
