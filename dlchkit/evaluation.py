"""Evaluate methods on a stream: the accuracy matrix R, and the answers to single queries.

A record holds examples as a list under ``findings["examples"]``, one entry for each query::

    {"direction": "text_to_image", "method": "dlch",
     "query": {"id": "scene-7", "text": "a cat under an oak", "labels": ["cat", "tree"]},
     "found": [{"id": "scene-3", "text": "...", "labels": ["cat"], "distance": 4, "right": true}, ...]}

``found`` stands nearest first. ``text`` is null where the data has no texts. The ``id`` of a
query that a person typed is null; its labels are then those that were meant, and an item is
right if it has all of them. ``right`` is null where nothing was meant.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dlchkit.codes import hamming_distance, shares_label
from dlchkit.data import DIRECTIONS, SIDES, PairedDataset, PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.lifelong.bytes_kept import kept_bytes
from dlchkit.lifelong.learner import Learner
from dlchkit.lifelong.training_cost import TrainingCost, measured_training
from dlchkit.metrics import mean_average_precision
from dlchkit.records import MethodRecord

DATABASE_CODES = ("learned", "encoded", "reencoded")


def evaluate(learner: Learner, stages: tuple[Stage, ...], *, k: int | None = None) -> dict[str, list[float]]:
    """Score the queries of each stage seen so far against the learner's whole bank.

    Returns
    -------
    dict of str to list of float
        Direction -> tie-aware mAP (at ``k``), one per stage of ``stages``.
    """
    codes = learner.bank.codes
    labels = learner.bank.labels
    return {
        direction: [
            mean_average_precision(_query_codes(learner, stage, asking), codes, stage.query.labels, labels, k=k)
            for stage in stages
        ]
        for direction, (asking, _) in DIRECTIONS.items()
    }


def run_stream(
    learner: Learner, stream: tuple[Stage, ...], *, databases: tuple[str, ...] = ("learned",), on_stage=None
) -> MethodRecord:
    """Let a learner observe a whole stream; fill R, cost of training, bytes kept and the proof on old codes.

    Parameters
    ----------
    learner : Learner
    stream : tuple of Stage
    databases : tuple of str
        Kinds of database codes to score against, the first of them in R: "learned" (the
        learner's bank), "encoded" (by the encoders when an item arrived, kept since: nothing is
        known of its labels) and "reencoded" (all items by today's encoders).
    on_stage : callable, optional
        Called after each stage with (stage index, number of stages, training seconds).
    """
    _check_kinds(databases)
    n_stages = len(stream)
    R = {kind: _undefined(n_stages, n_stages) for kind in databases}
    unseen = _undefined(n_stages)
    chance = _undefined(n_stages)
    costs = []
    bytes_kept = []
    unchanged = []
    digests = []
    arrived = []  # codes by side of each stage's items
    for stage in stream:
        if stage.index > 0:
            for direction, score in evaluate_encoded(learner, stage.query, stage.database).items():
                unseen[direction][stage.index] = score
                chance[direction][stage.index] = _random_ranking(stage.query, stage.database)
        costs.append(measured_training(learner, stage))
        bytes_kept.append(kept_bytes(learner))
        unchanged.append(learner.bank.digests()[: len(digests)] == digests)
        digests = learner.bank.digests()
        seen = stream[: stage.index + 1]
        if "encoded" in databases:
            arrived.append(_encoded(learner, stage.database))
        for kind in databases:
            for direction, row in _row_of_R(learner, seen, kind, arrived).items():
                R[kind][direction][stage.index, : len(seen)] = row
        if on_stage is not None:
            on_stage(stage.index, n_stages, costs[-1].seconds)
    first, *others = databases
    return MethodRecord(
        R=R[first],
        **_cost_by_stage(costs),
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
    learner : Learner
    stream : tuple of Stage
    databases : tuple of str
        See `run_stream`; "encoded" and "reencoded" are then the same.
    """
    _check_kinds(databases)
    n_stages = len(stream)
    cost = measured_training(learner, _as_one_stage(stream))
    bytes_kept = kept_bytes(learner)
    R = {kind: _undefined(n_stages, n_stages) for kind in databases}
    for kind in databases:
        for direction, row in _row_of_R(learner, stream, kind).items():
            R[kind][direction][-1] = row
    first, *others = databases
    skipped = [np.nan] * (n_stages - 1)
    return MethodRecord(
        R=R[first],
        **_cost_by_stage([cost], skipped),
        old_codes_unchanged=[],
        database_codes=first,
        other_R={kind: R[kind] for kind in others},
        kept_bytes=[*skipped, bytes_kept],
    )


def _as_one_stage(stream: tuple[Stage, ...]) -> Stage:
    """Everything that arrives in a stream as a stage of its own, with the queries of the last."""
    last = stream[-1]
    everything = stream[0].database.concatenate(*(stage.database for stage in stream[1:]))
    return replace(last, index=0, new_classes=last.seen_classes, database=everything)


def _cost_by_stage(costs: list[TrainingCost], skipped: Sequence[float] = ()) -> dict[str, Any]:
    """The fields of `MethodRecord` that hold costs, after NaN for stages that were skipped."""
    fields = ("seconds", "wall_seconds", "waiting", "item_passes")
    lists = {name: [*skipped, *(getattr(cost, name) for cost in costs)] for name in fields}
    return lists | {"clock": costs[0].clock}


def _undefined(*shape: int) -> dict[str, np.ndarray]:
    return {direction: np.full(shape, np.nan) for direction in DIRECTIONS}


def compare(
    learners: Iterable[Learner], stream: tuple[Stage, ...], *, databases: tuple[str, ...] = ("learned",), on_stage=None
) -> dict[str, MethodRecord]:
    """One protocol for all: the same stream for each learner in turn, `run_once` for single-stage methods.

    Parameters
    ----------
    learners : iterable of Learner
    stream : tuple of Stage
    databases : tuple of str
        See `run_stream`.
    on_stage : callable, optional
        Called with a learner's name, returns the ``on_stage`` of its `run_stream`.

    Returns
    -------
    dict of str to MethodRecord
        By the learner's name, in the order given.
    """
    records = {}
    for learner in learners:
        if learner.single_stage:
            records[learner.name] = run_once(learner, stream, databases=databases)
        else:
            announce = None if on_stage is None else on_stage(learner.name)
            records[learner.name] = run_stream(learner, stream, databases=databases, on_stage=announce)
    return records


def evaluate_encoded(learner: Learner, query: PairedFeatures, database: PairedFeatures) -> dict[str, float]:
    """Score queries against a database whose codes today's encoders make: nothing is known of its labels.

    Returns
    -------
    dict of str to float
        Direction -> tie-aware mAP.
    """
    asked = _encoded(learner, query)
    stored = _encoded(learner, database)
    return {
        direction: mean_average_precision(asked[asking], stored[found], query.labels, database.labels)
        for direction, (asking, found) in DIRECTIONS.items()
    }


def _check_kinds(kinds: tuple[str, ...]) -> None:
    if not kinds:
        raise DataError(f"database codes are {', '.join(map(repr, DATABASE_CODES))}; name one at least")
    for kind in kinds:
        if kind not in DATABASE_CODES:
            raise DataError(f"database codes are {', '.join(map(repr, DATABASE_CODES))}; {kind!r} is none of them")


def _query_codes(learner: Learner, stage: Stage, side: str) -> np.ndarray:
    return learner.encode(side, getattr(stage.query, side))


def _encoded(learner: Learner, items: PairedFeatures) -> dict[str, np.ndarray]:
    """Codes that today's encoders give to each side of some items."""
    return {side: learner.encode(side, getattr(items, side)) for side in SIDES}


def _row_of_R(
    learner: Learner, stages: tuple[Stage, ...], kind: str, arrived: list[dict] | None = None
) -> dict[str, list[float]]:
    """Scores of the queries of all stages seen, by direction.

    Parameters
    ----------
    learner : Learner
    stages : tuple of Stage
        Those seen so far.
    kind : {"learned", "encoded", "reencoded"}
        Of database codes.
    arrived : list of dict of str to array, optional
        Codes by side of each stage's items, made when they arrived; None where they arrived now.
    """
    if kind == "learned":
        return evaluate(learner, stages)
    if kind == "encoded" and arrived is not None:
        by_stage = arrived
    else:
        by_stage = [_encoded(learner, stage.database) for stage in stages]
    labels = np.concatenate([stage.database.labels for stage in stages])
    database = {side: np.concatenate([codes[side] for codes in by_stage]) for side in SIDES}
    return {
        direction: [
            mean_average_precision(_query_codes(learner, stage, asking), database[found], stage.query.labels, labels)
            for stage in stages
        ]
        for direction, (asking, found) in DIRECTIONS.items()
    }


def _random_ranking(query: PairedFeatures, database: PairedFeatures) -> float:
    """Expected mAP of a ranking drawn at random: all items tied."""
    asked = np.ones((len(query), 8), dtype=np.int8)
    stored = np.ones((len(database), 8), dtype=np.int8)
    return mean_average_precision(asked, stored, query.labels, database.labels)


@dataclass(frozen=True, eq=False)
class Examples:
    """Answers of one learner's stored codes to a few queries, as `dlchkit.plotting.show_retrieval` takes them.

    Attributes
    ----------
    pairs : PairedDataset
        Queries and found items as people see them.
    direction : {"image_to_text", "text_to_image"}
    method : str
        The learner's name.
    queries : int64 array (q,)
        Rows of ``pairs``.
    results : int64 array (q, k)
        Rows of ``pairs``, nearest first.
    distances : int64 array (q, k)
        Hamming distances in 0..n_bits.
    right : bool array (q, k)
        Whether an item shares at least one label with its query.
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
        """The queries, their answers, and the number of right ones in words."""
        asker, answer = ("caption", "picture") if self.direction == "text_to_image" else ("picture", "caption")
        n, k = self.results.shape
        n_right = self.right.sum()
        queries = f"{n} {asker}s" if n > 1 else f"One {asker}"
        answers = f"the {k} {answer}s" if k > 1 else f"the {answer}"
        nearest_to = "each" if n > 1 else "it"
        share = "shares" if n_right == 1 else "share"
        return (
            f"{queries} and {answers} nearest to {nearest_to} ({self.method}): "
            f"{n_right} of {self.right.size} {share} a label with the {asker} that asked."
        )

    def for_record(self) -> list[dict]:
        """The entries of a record's examples, one for each query; JSON values only."""
        answers = zip(self.queries, self.results, self.distances, self.right, strict=True)
        return [
            {
                "direction": self.direction,
                "method": self.method,
                "query": _item(self.pairs, query),
                "found": _found(self.pairs, results, distances, right),
            }
            for query, results, distances, right in answers
        ]


def find_examples(
    learner: Learner, queries: PairedFeatures, pairs: PairedDataset, *, direction: str, k: int = 5
) -> Examples:
    """Ask a learner's bank for the ``k`` items nearest to each query.

    Among equal distances the item that was stored first comes first. This order is as good
    as any other and says nothing of likeness, which is why scores are averaged over all
    orders inside ties (`dlchkit.mean_average_precision`) and not taken from here.

    Parameters
    ----------
    learner : Learner
        Has observed a stage at least.
    queries : PairedFeatures
        One or more, such as ``stream[0].query[:3]``; their images ask in the direction
        "image_to_text", their texts in "text_to_image".
    pairs : PairedDataset
        The data set that queries and stored items come from; its labels decide which answers are
        right.
    direction : {"image_to_text", "text_to_image"}
    k : int
        1 or more; a bank that holds fewer items gives all of them.

    Raises
    ------
    DataError
        For an unknown direction, ``k`` below 1, no query, an empty bank, or an id that is not
        among ``pairs``.
    """
    if direction not in DIRECTIONS:
        raise DataError(f"direction is {direction!r}; it must be {' or '.join(map(repr, DIRECTIONS))}")
    if k < 1:
        raise DataError(f"k is {k}; it must be 1 or more, the number of items to find for each query")
    if len(queries) == 0:
        raise DataError("there is no query to ask; give one at least")
    if len(learner.bank) == 0:
        raise DataError(f"the bank of {learner.name} is empty, so nothing can be found; call observe(stage) first")
    asking, _ = DIRECTIONS[direction]
    distances = hamming_distance(learner.encode(asking, getattr(queries, asking)), learner.bank.codes)
    nearest = distances.argsort(axis=1, kind="stable")[:, :k]
    query_rows = _rows(pairs, queries.ids)
    results = _rows(pairs, learner.bank.ids[nearest])
    return Examples(
        pairs=pairs,
        direction=direction,
        method=learner.name,
        queries=query_rows,
        results=results,
        distances=np.take_along_axis(distances, nearest, axis=1),
        right=np.take_along_axis(shares_label(pairs.labels[query_rows], pairs.labels), results, axis=1),
    )


def typed_example(pairs: PairedDataset, text: str, results, distances, *, method: str, meant=()) -> dict:
    """The entry of a record's examples for a text that a person typed, which need not be one of the data's.

    Parameters
    ----------
    pairs : PairedDataset
    text : str
        As it was typed.
    results : int array (k,)
        Rows of ``pairs``, nearest first.
    distances : int array (k,)
        Hamming distances.
    method : str
        Name of the method that encoded text and pictures.
    meant : collection of str
        Names of classes; an item with all of them is right. Without any nothing is judged.

    Raises
    ------
    DataError
        Where ``meant`` names no class of ``pairs``.
    """
    unknown = [name for name in meant if name not in pairs.class_names]
    if unknown:
        raise DataError(f"meant names {unknown[0]!r}; the classes are {', '.join(pairs.class_names)}")
    wanted = np.isin(pairs.class_names, list(meant))
    right = pairs.labels[results][:, wanted].all(1) if len(meant) else [None] * len(results)
    query = {"id": None, "text": str(text), "labels": [str(name) for name in meant]}
    found = _found(pairs, results, distances, right)
    return {"direction": "text_to_image", "method": method, "query": query, "found": found}


def _rows(pairs: PairedDataset, ids: np.ndarray) -> np.ndarray:
    """int64 positions in ``pairs``, of the shape of ``ids``."""
    row_of = {name: row for row, name in enumerate(pairs.ids.tolist())}
    for name in ids.ravel().tolist():
        if name not in row_of:
            raise DataError(
                f"id {name!r} is not among the {len(pairs)} pairs; "
                f"give the data set that queries and stored items come from"
            )
    return np.array([row_of[name] for name in ids.ravel().tolist()], dtype=np.int64).reshape(ids.shape)


def _found(pairs: PairedDataset, rows, distances, right) -> list[dict]:
    answers = zip(rows, distances, right, strict=True)
    return [
        _item(pairs, row) | {"distance": int(distance), "right": None if verdict is None else bool(verdict)}
        for row, distance, verdict in answers
    ]


def _item(pairs: PairedDataset, row: int) -> dict:
    labels = [str(pairs.class_names[c]) for c in np.flatnonzero(pairs.labels[row])]
    text = None if pairs.texts is None else str(pairs.texts[row])
    return {"id": str(pairs.ids[row]), "text": text, "labels": labels}
