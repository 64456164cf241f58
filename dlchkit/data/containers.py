"""The data containers: labelled pairs, the labelled source domain, their features, splits and stages.

A row selection ``x[rows]`` of any of these is again the same kind: a batch, a split and
a stage are small data sets.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from dlchkit.codes import binary_labels
from dlchkit.errors import DataError

SIDES = ("image", "text")
# direction -> the side of a query, and the side of the items it is to find
DIRECTIONS = {"image_to_text": ("image", "text"), "text_to_image": ("text", "image")}


class _Rows:
    """Row selection and length checks shared by the containers below."""

    labels: np.ndarray
    class_names: tuple[str, ...]
    __dataclass_fields__: ClassVar[dict[str, Any]]  # every container is a dataclass
    _whole = ("class_names", "left_out", "notes")  # fields that are not rows

    def __post_init__(self):
        for field in self._row_fields():
            if len(getattr(self, field)) != len(self):
                raise DataError(
                    f"{field} has {len(getattr(self, field))} rows, labels have {len(self)}; they must be equal"
                )

    def _row_fields(self) -> list[str]:
        every = [field.name for field in fields(self)]  # pyright: ignore[reportArgumentType]
        return [name for name in every if name not in self._whole and getattr(self, name) is not None]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows) -> Self:
        """The same kind of data set with the chosen rows (slice, mask or index array)."""
        return self._with_rows({name: getattr(self, name)[rows] for name in self._row_fields()})

    def concatenate(self, *others: Self) -> Self:
        """The same kind of data set with the rows of all, in order; class names must be equal."""
        if any(other.class_names != self.class_names for other in others):
            raise DataError(
                "data sets with different class names cannot be joined; give both the same classes in the same order"
            )
        if any(other._row_fields() != self._row_fields() for other in others):
            raise DataError(
                "data sets that hold different fields cannot be joined; give both pictures, texts or features alike"
            )
        everything = (self, *others)
        return self._with_rows(
            {name: np.concatenate([getattr(data, name) for data in everything]) for name in self._row_fields()}
        )

    def _with_rows(self, rows: dict[str, np.ndarray]) -> Self:
        return replace(self, **rows)  # pyright: ignore[reportArgumentType]


class _Paired(_Rows):
    """Rows whose labels say for every class whether an item has it."""

    def __post_init__(self):
        labels = binary_labels(self.labels)
        if labels.shape[1] != len(self.class_names):
            raise DataError(
                f"labels have {labels.shape[1]} columns, class_names {len(self.class_names)} names; "
                f"there must be one name for each column"
            )
        object.__setattr__(self, "labels", labels)  # the dataclass is frozen
        super().__post_init__()


class _Source(_Rows):
    """Rows of which each has one class, by its position."""

    def __post_init__(self):
        labels = np.asarray(self.labels)
        whole = labels.ndim == 1 and (labels.dtype.kind in "iu" or not labels.size)
        if not whole or not ((labels >= 0) & (labels < len(self.class_names))).all():
            raise DataError(
                f"source labels have shape {labels.shape} and type {labels.dtype}; "
                f"they must be whole numbers from 0 to {len(self.class_names) - 1}, positions in class_names"
            )
        super().__post_init__()


@dataclass(frozen=True)
class PairedDataset(_Paired):
    """Image-text pairs as people see them.

    Attributes
    ----------
    ids : str array (n,)
        Unique.
    labels : bool array (n, n_classes)
    class_names : tuple of str
    groups : str array (n,)
        Items of one group never stand on both sides of a split.
    images : uint8 array (n, height, width, 3) or str array (n,) or None
        Pixels, or paths of files.
    texts : str array (n,) or None
    image_features, text_features : float32 array (n, d) or None
        Features that the data set brings along.
    left_out : tuple of str
        One line for each row that was unusable and skipped.
    notes : tuple of str
        One line for each decision about names, groups and splits that was taken unasked.
    split : str array (n,) or None
        "database", "query" or "validation", where the data set comes with a split of its own.
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
    notes: tuple = ()
    split: np.ndarray | None = None


@dataclass(frozen=True)
class SourceDataset(_Source):
    """Labelled images of the single-modal source domain; fields as in `PairedDataset`.

    Attributes
    ----------
    labels : int64 array (n,)
        Positions in ``class_names``.
    """

    labels: np.ndarray
    class_names: tuple
    images: np.ndarray | None = None
    image_features: np.ndarray | None = None


@dataclass(frozen=True)
class PairedFeatures(_Paired):
    """Frozen features of image-text pairs, on which every learner of the kit trains.

    Attributes
    ----------
    image : float32 array (n, d_image)
    text : float32 array (n, d_text)
    ids, labels, class_names, groups, split
        As in `PairedDataset`; every item has at least one label.

    Raises
    ------
    DataError
        For labels other than 0 and 1, an item without a label, NaN or infinity.
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
            raise DataError(
                f"item {self.ids[unlabelled.argmax()]} has no label; "
                f"every pair needs at least one of the {len(self.class_names)} classes"
            )
        for side in SIDES:
            broken = ~np.isfinite(getattr(self, side)).all(1)
            if broken.any():
                row = int(broken.argmax())
                raise DataError(
                    f"{side} features of item {self.ids[row]} (row {row}) hold NaN or infinity; leave such items out"
                )


@dataclass(frozen=True)
class SourceFeatures(_Source):
    """Frozen image features of the source domain.

    Attributes
    ----------
    image : float32 array (n, d)
    labels : int64 array (n,)
        Positions in ``class_names``.
    """

    image: np.ndarray
    labels: np.ndarray
    class_names: tuple


@dataclass(frozen=True)
class Stage:
    """One step of a stream: the data that arrives and the queries that test it.

    Attributes
    ----------
    index : int
        From 0.
    new_classes, seen_classes : int64 array
        Class positions; the seen ones include the new ones.
    database : PairedFeatures
        Items that arrive now: trained on, then stored in the bank.
    query : PairedFeatures
        Items held out from every database.
    """

    index: int
    new_classes: np.ndarray
    seen_classes: np.ndarray
    database: PairedFeatures
    query: PairedFeatures


def choose_labelled(labels: np.ndarray, rows: np.ndarray, *, per_class: int, seed: int = 0) -> np.ndarray:
    """Choose the rows whose labels may be seen: ``per_class`` for each class, or all of a smaller class.

    Parameters
    ----------
    labels : bool array (n, n_classes)
    rows : int64 array
        Positions to choose from.
    per_class : int
        An item with several labels counts for each of them.
    seed : int
        Fixes the order in which equally good rows are taken.

    Returns
    -------
    int64 array
        Positions, sorted, without repetition.

    Notes
    -----
    The rarest class chooses first, each takes at random among the rows that overfill the
    fewest classes. So a class gets more than ``per_class`` only where another could not be
    filled otherwise; with one label per item, never.

    Examples
    --------
    >>> labels = np.array([[1, 0], [1, 1], [1, 0], [0, 1]], dtype=bool)
    >>> labels[choose_labelled(labels, np.arange(4), per_class=2)].sum(0)
    array([2, 2])
    """
    if per_class < 1:
        raise DataError(f"per_class is {per_class}; at least 1 labelled item per class is needed")
    labels = binary_labels(labels)
    order = np.random.default_rng(seed).permutation(rows)
    own = labels[order]
    available = own.sum(0)
    found = np.zeros_like(available)
    chosen = np.zeros(len(order), dtype=bool)
    for c in np.argsort(available, kind="stable"):
        while found[c] < min(per_class, available[c]):
            left = np.flatnonzero(own[:, c] & ~chosen)
            best = left[(own[left] & (found >= per_class)).sum(1).argmin()]
            chosen[best] = True
            found += own[best]
    return np.sort(order[chosen])
