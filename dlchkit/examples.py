"""What single queries find: rows to draw, and the same in words for a record.

A record holds examples as a list under ``findings["examples"]``, one entry for each query::

    {"direction": "text_to_image", "method": "dlch",
     "query": {"id": "scene-7", "text": "a cat under an oak", "labels": ["cat", "tree"]},
     "found": [{"id": "scene-3", "text": "...", "labels": ["cat"], "distance": 4, "right": true}, ...]}

``found`` stands nearest first. ``text`` is null where the data has no texts. The ``id`` of a
query that somebody typed is null; its labels are then those that were meant, and an item is
right if it has all of them. ``right`` is null where nobody said what is meant.
"""

from dataclasses import dataclass, field

import numpy as np

from dlchkit.codes import hamming_distance
from dlchkit.data import PairedDataset, PairedFeatures
from dlchkit.errors import DataError
from dlchkit.lifelong.learner import Learner
from dlchkit.records import DIRECTIONS
from dlchkit.similarity import shares_label


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
