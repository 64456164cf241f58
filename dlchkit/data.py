"""What flows: labelled pairs, the labelled source domain, their features, splits and stages.

A row selection ``x[rows]`` of any of these is again the same kind: a batch, a split and
a stage are small data sets.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from dlchkit.errors import DataError


class _Rows:
    """Row selection and length checks shared by the containers below."""

    _whole = ("class_names", "left_out")  # fields that are not rows

    def __post_init__(self):
        for field in self._row_fields():
            if len(getattr(self, field)) != len(self):
                raise DataError(f"{field} has {len(getattr(self, field))} rows, labels have {len(self)}; they must be equal")

    def _row_fields(self):
        return [f.name for f in fields(self) if f.name not in self._whole and getattr(self, f.name) is not None]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows):
        """The same kind of data set with the chosen rows (slice, mask or index array)."""
        return replace(self, **{name: getattr(self, name)[rows] for name in self._row_fields()})

    def concatenate(self, *others):
        """The same kind of data set with the rows of all, in order; class names must be equal."""
        if any(other.class_names != self.class_names for other in others):
            raise DataError("data sets with different class names cannot be joined; give both the same classes in the same order")
        if any(other._row_fields() != self._row_fields() for other in others):
            raise DataError("data sets that hold different fields cannot be joined; give both pictures, texts or features alike")
        joined = {name: np.concatenate([getattr(x, name) for x in (self, *others)]) for name in self._row_fields()}
        return replace(self, **joined)


@dataclass(frozen=True)
class PairedDataset(_Rows):
    """Image-text pairs as people see them.

    Attributes
    ----------
    ids : str array (n,), unique
    labels : bool array (n, n_classes)
    class_names : tuple of n_classes names
    groups : str array (n,); items of one group never stand on both sides of a split
    images : uint8 pixels (n, height, width, 3), or a str array (n,) of file paths, or None
    texts : str array (n,), or None
    image_features, text_features : float32 (n, d), features brought along, or None
    left_out : one line for each row that was unusable and skipped
    split : str array (n,), "database", "query" or "validation", where the data set comes
        with a split of its own, or None
    """

    ids: np.ndarray
    labels: np.ndarray
    class_names: tuple
    groups: np.ndarray
    images: np.ndarray | None = None
    texts: np.ndarray | None = None
    image_features: np.ndarray | None = None
    text_features: np.ndarray | None = None
    left_out: tuple = ()
    split: np.ndarray | None = None


@dataclass(frozen=True)
class SourceDataset(_Rows):
    """Labelled images of the single-modal source domain; same fields as `PairedDataset`.

    labels : int64 array (n,), positions in class_names
    """

    labels: np.ndarray
    class_names: tuple
    images: np.ndarray | None = None
    image_features: np.ndarray | None = None


@dataclass(frozen=True)
class PairedFeatures(_Rows):
    """Frozen features of image-text pairs: what every learner of the kit trains on.

    image : float32 (n, d_image); text : float32 (n, d_text); the rest as in `PairedDataset`.
    """

    ids: np.ndarray
    image: np.ndarray
    text: np.ndarray
    labels: np.ndarray
    class_names: tuple
    groups: np.ndarray
    split: np.ndarray | None = None

    def __post_init__(self):
        super().__post_init__()
        unlabelled = ~self.labels.any(1)
        if unlabelled.any():
            raise DataError(f"item {self.ids[unlabelled.argmax()]} has no label; every pair needs at least one of the {len(self.class_names)} classes")


@dataclass(frozen=True)
class SourceFeatures(_Rows):
    """Frozen image features of the source domain: image float32 (n, d), labels int64 (n,)."""

    image: np.ndarray
    labels: np.ndarray
    class_names: tuple


@dataclass(frozen=True)
class Stage:
    """One step of a stream: the data that arrives and the queries that test it.

    Attributes
    ----------
    index : int, from 0
    new_classes, seen_classes : int64 arrays of class positions; seen includes new
    database : PairedFeatures that arrive now: trained on, then stored in the bank
    query : PairedFeatures held out from every database
    """

    index: int
    new_classes: np.ndarray
    seen_classes: np.ndarray
    database: PairedFeatures
    query: PairedFeatures


def retrieval_split(groups: np.ndarray, *, query_fraction: float = 0.15, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into queries and database so that no group stands on both sides.

    Parameters
    ----------
    groups : array (n,) of group names
    query_fraction : share of the groups that become queries, in (0, 1)

    Returns
    -------
    query_rows, database_rows : int64 arrays, sorted, disjoint, together all rows
    """
    if not 0 < query_fraction < 1:
        raise DataError(f"query_fraction is {query_fraction}; it must lie between 0 and 1, e.g. 0.15")
    names, group = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise DataError(f"all {len(groups)} items are in one group ({', '.join(map(repr, names.tolist()))}); a split by group needs at least two")
    chosen = np.random.default_rng(seed).permutation(len(names))[: min(len(names) - 1, max(1, round(query_fraction * len(names))))]
    is_query = np.isin(group, chosen)
    return np.flatnonzero(is_query), np.flatnonzero(~is_query)


def stage_sizes(n_classes: int, n_stages: int) -> list[int]:
    """Classes per stage: about 40% in the first, the rest in equal increments.

    Examples
    --------
    >>> stage_sizes(26, 5), stage_sizes(13, 3), stage_sizes(10, 3)
    ([10, 4, 4, 4, 4], [5, 4, 4], [4, 3, 3])
    """
    if not 1 <= n_stages <= n_classes:
        raise DataError(f"{n_classes} classes cannot fill {n_stages} stages; ask for 1 to {n_classes} stages, or lower the smallest class size")
    if n_stages == 1:
        return [n_classes]
    increment = max(1, round(0.6 * n_classes / (n_stages - 1)))
    increment = min(increment, (n_classes - 1) // (n_stages - 1))
    return [n_classes - increment * (n_stages - 1)] + [increment] * (n_stages - 1)


def class_incremental_stream(
    data: PairedFeatures,
    *,
    classes_per_stage: list[int],
    query_fraction: float = 0.15,
    class_order: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Let classes arrive stage by stage; an item arrives with the last of its labels.

    Parameters
    ----------
    data : PairedFeatures
    classes_per_stage : how many classes arrive in each stage; they must add up to n_classes
    class_order : permutation of the class positions; None draws one from ``seed``
    seed : fixes the split by group and the class order

    Returns
    -------
    tuple of `Stage`; the databases and queries of all stages partition the data

    Notes
    -----
    The rule "an item with any new label is incremental" is that of the DLCH and DICH
    protocols. It keeps label vectors whole: no stage shows a label whose class has not come.
    """
    n_classes = len(data.class_names)
    if sum(classes_per_stage) != n_classes or min(classes_per_stage) < 1:
        raise DataError(
            f"classes_per_stage {list(classes_per_stage)} adds up to {sum(classes_per_stage)}; "
            f"the data has {n_classes} classes, and every stage needs one at least"
        )
    order = np.random.default_rng(seed).permutation(n_classes) if class_order is None else np.asarray(class_order)
    if not np.array_equal(np.sort(order), np.arange(n_classes)):
        raise DataError(f"class_order {order.tolist()} is not a permutation of the {n_classes} class positions")
    stage_of_class = np.empty(n_classes, dtype=int)
    stage_of_class[order] = np.repeat(np.arange(len(classes_per_stage)), classes_per_stage)
    arrival = np.where(data.labels, stage_of_class, -1).max(1)
    query_rows, database_rows = retrieval_split(data.groups, query_fraction=query_fraction, seed=seed)
    bounds = np.cumsum([0, *classes_per_stage])
    return tuple(
        Stage(
            index=i,
            new_classes=order[bounds[i] : bounds[i + 1]],
            seen_classes=order[: bounds[i + 1]],
            database=_arriving(data, database_rows, arrival, i, "database"),
            query=_arriving(data, query_rows, arrival, i, "query"),
        )
        for i in range(len(classes_per_stage))
    )


def _arriving(data, rows, arrival, stage, side):
    chosen = rows[arrival[rows] == stage]
    if len(chosen) == 0:
        raise DataError(f"stage {stage} has no {side} item: its classes are too small for this split; use fewer stages or larger classes")
    return data[chosen]


def choose_labelled(labels: np.ndarray, rows: np.ndarray, *, per_class: int, seed: int = 0) -> np.ndarray:
    """Choose the rows whose labels may be seen: up to ``per_class`` for each class.

    Parameters
    ----------
    labels : bool array (n, n_classes)
    rows : int64 positions to choose from
    per_class : an item with several labels counts for each of them

    Returns
    -------
    int64 positions, sorted, without repetition
    """
    if per_class < 1:
        raise DataError(f"per_class is {per_class}; at least 1 labelled item per class is needed")
    order = np.random.default_rng(seed).permutation(rows)
    return np.unique(np.concatenate([order[labels[order, c]][:per_class] for c in range(labels.shape[1])]))
