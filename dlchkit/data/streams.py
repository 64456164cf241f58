"""Split a data set into queries, databases and stages; save such a stream and load it again."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlchkit.data import PairedDataset, PairedFeatures, Stage
from dlchkit.errors import DataError
from dlchkit.storage import atomic_path, digest, read_json

ARRIVALS = ("last", "first", "leave_out")


def retrieval_split(
    groups: np.ndarray, *, query_fraction: float = 0.15, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into queries and database so that no group stands on both sides.

    Parameters
    ----------
    groups : array (n,)
        Names of groups.
    query_fraction : float
        Share of the groups that become queries, in (0, 1).
    seed : int
        Fixes which groups.

    Returns
    -------
    query_rows, database_rows : int64 arrays
        Sorted, disjoint, together all rows.
    """
    if not 0 < query_fraction < 1:
        raise DataError(f"query_fraction is {query_fraction}; it must lie between 0 and 1, e.g. 0.15")
    names, group = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise DataError(
            f"all {len(groups)} items are in one group ({', '.join(map(repr, names.tolist()))}); "
            "a split by group needs two, and rows of one picture or of equal image features are in one"
        )
    n_queries = min(len(names) - 1, max(1, round(query_fraction * len(names))))
    chosen = np.random.default_rng(seed).permutation(len(names))[:n_queries]
    is_query = np.isin(group, chosen)
    return np.flatnonzero(is_query), np.flatnonzero(~is_query)


def split_rows(
    data: PairedDataset | PairedFeatures, *, query_fraction: float = 0.15, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Take the split that the data brings, or else make a `retrieval_split` by group.

    Returns
    -------
    query_rows, database_rows : int64 arrays
        Sorted; rows that the data's own split keeps for validation are in neither.
    """
    if data.split is None:
        return retrieval_split(data.groups, query_fraction=query_fraction, seed=seed)
    for side in ("query", "database"):
        if side not in data.split:
            sides = ", ".join(map(repr, sorted(set(data.split.tolist()))))
            raise DataError(f"the split that the data bring has no {side!r}, only {sides}; give both, or leave it out")
    return np.flatnonzero(data.split == "query"), np.flatnonzero(data.split == "database")


def stage_sizes(n_classes: int, n_stages: int) -> list[int]:
    """Choose the classes per stage: about 40% in the first, the others in equal increments no larger than it.

    Examples
    --------
    >>> stage_sizes(26, 5), stage_sizes(13, 3), stage_sizes(10, 3)
    ([10, 4, 4, 4, 4], [5, 4, 4], [4, 3, 3])
    """
    if not 1 <= n_stages <= n_classes:
        raise DataError(
            f"{n_classes} classes cannot fill {n_stages} stages; "
            f"ask for 1 to {n_classes} stages, or lower the smallest class size"
        )
    if n_stages == 1:
        return [n_classes]
    increment = min(max(1, round(0.6 * n_classes / (n_stages - 1))), n_classes // n_stages)
    return [n_classes - increment * (n_stages - 1)] + [increment] * (n_stages - 1)


def check_stages(classes_per_stage: Sequence[int], n_classes: int) -> None:
    """Refuse stages that are not whole numbers of classes, one or more in each, that add up to all of them."""
    whole = all(isinstance(count, (int, np.integer)) and count > 0 for count in classes_per_stage)
    if whole and sum(classes_per_stage) == n_classes:
        return
    example = stage_sizes(n_classes, min(3, n_classes))
    raise DataError(
        f"classes_per_stage is {list(classes_per_stage)}; "
        f"it must be whole numbers that add up to the data's {n_classes} classes, e.g. {example}"
    )


def class_incremental_stream(
    data: PairedFeatures,
    *,
    classes_per_stage: list[int],
    arrival: str = "last",
    query_fraction: float = 0.15,
    split_seed: int = 0,
    class_order: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[Stage, ...]:
    """Let classes arrive stage by stage, in a single step ([22, 2]), several, or chunks ([17, 1, 1, ...]).

    Parameters
    ----------
    data : PairedFeatures
        Where it brings its own split, that one is used.
    classes_per_stage : list of int
        How many classes arrive in each stage; they must add up to n_classes.
    arrival : str
        When an item arrives whose labels belong to several stages. "last": with the last of them, so that no stage
        shows a label before its class. "first": with the first, its later labels hidden for good, from relevance
        too. "leave_out": never; a warning says how many.
    query_fraction, split_seed : float, int
        See `retrieval_split`. The split does not follow ``seed``: runs over seeds share their queries, and settings
        tuned on their database never saw them.
    class_order : array or None
        Permutation of the class positions; None draws one from ``seed``.
    seed : int
        Fixes the class order.

    Returns
    -------
    tuple of `Stage`

    Notes
    -----
    "last" is the rule of DLCH (22 + 2 labels of MIRFlickr) and DICH (21 + 3), where an item with any new label is
    incremental, and of THOR's chunks (17 labels, then one more each).
    """
    options = {"arrival": arrival, "query_fraction": query_fraction, "split_seed": split_seed}
    dealt = _deal(data, classes_per_stage, class_order=class_order, seed=seed, **options)
    empty = _empty_stage(dealt)
    if empty:
        drawn = class_order is None
        workable = _workable_stages(data, len(classes_per_stage), [seed], **options) if drawn else None
        raise DataError(f"{empty}; {_advice(workable)}")
    data = replace(data, labels=dealt.labels)
    bounds = np.cumsum([0, *classes_per_stage])
    return tuple(
        Stage(
            index=i,
            new_classes=dealt.order[bounds[i] : bounds[i + 1]],
            seen_classes=dealt.order[: bounds[i + 1]],
            database=data[database],
            query=data[query],
        )
        for i, (database, query) in enumerate(dealt.rows)
    )


def check_seeds(
    data: PairedDataset | PairedFeatures, seeds: Sequence[int], *, classes_per_stage: Sequence[int], **options
) -> None:
    """Refuse stages that lack queries or database items with any of these seeds; nothing is encoded.

    Parameters
    ----------
    data, classes_per_stage, **options
        See `class_incremental_stream`.
    seeds : sequence of int
        Each draws an order of classes.

    Raises
    ------
    DataError
        One line: which seeds, why, and stages that all of the seeds can fill.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of items left out, which the run says itself
        said = {seed: _empty_stage(_deal(data, classes_per_stage, seed=seed, **options)) for seed in seeds}
        empty = {seed: line for seed, line in said.items() if line}
        if empty:
            of = ", ".join(map(str, empty))
            workable = _workable_stages(data, len(classes_per_stage), seeds, **options)
            raise DataError(f"with seed {of}, {next(iter(empty.values()))}; {_advice(workable)}")


class _Deal(NamedTuple):
    """Order of classes, labels as they are shown, and (database rows, query rows) of each stage."""

    order: np.ndarray
    labels: np.ndarray
    rows: list[tuple[np.ndarray, np.ndarray]]


def _deal(
    data, classes_per_stage, *, seed, arrival="last", query_fraction=0.15, split_seed=0, class_order=None
) -> _Deal:
    n_classes = len(data.class_names)
    check_stages(classes_per_stage, n_classes)
    if arrival not in ARRIVALS:
        known = ", ".join(map(repr, ARRIVALS))
        raise DataError(f"arrival is {arrival!r}; an item of several stages arrives by one of {known}")
    if class_order is None:
        class_order = np.random.default_rng(seed).permutation(n_classes)
    order = np.asarray(class_order)
    if not np.array_equal(np.sort(order), np.arange(n_classes)):
        raise DataError(f"class_order {order.tolist()} is not a permutation of the {n_classes} class positions")
    stage_of_class = np.empty(n_classes, dtype=int)
    stage_of_class[order] = np.repeat(np.arange(len(classes_per_stage)), classes_per_stage)
    arrives = arrival_stages(data.labels, stage_of_class, arrival)
    shown = data.labels & (stage_of_class <= arrives[:, None]) if arrival == "first" else data.labels
    query, database = split_rows(data, query_fraction=query_fraction, seed=split_seed)
    stages = range(len(classes_per_stage))
    return _Deal(order, shown, [(database[arrives[database] == i], query[arrives[query] == i]) for i in stages])


def _empty_stage(dealt: _Deal) -> str | None:
    """Say which stage lacks items, None where all have some."""
    for stage, rows in enumerate(dealt.rows):
        for side, chosen in zip(("database", "query"), rows, strict=True):
            if len(chosen) == 0:
                return f"stage {stage} has no {side} item: its classes are too small for this split"
    return None


def _workable_stages(data, at_most, seeds, **options) -> list[int] | None:
    """The most stages, of usual sizes, that these seeds can fill; None where not even one can be."""
    for n_stages in range(min(at_most, len(data.class_names)), 0, -1):
        sizes = stage_sizes(len(data.class_names), n_stages)
        if not any(_empty_stage(_deal(data, sizes, seed=seed, **options)) for seed in seeds):
            return sizes
    return None


def _advice(workable: list[int] | None) -> str:
    """What would be right instead of stages that cannot be filled."""
    if workable is None:
        return "use fewer stages or larger classes, see min_class_size"
    return f"classes_per_stage {workable} can be filled, or leave small classes out with min_class_size"


def arrival_stages(labels: np.ndarray, stage_of_class: np.ndarray, arrival: str) -> np.ndarray:
    """Find the stage in which each item arrives, int (n,); -1 for never. See `class_incremental_stream`."""
    last = np.where(labels, stage_of_class, -1).max(1)
    if arrival == "last":
        return last
    first = np.where(labels, stage_of_class, len(stage_of_class)).min(1)
    if arrival == "first":
        return first
    several = int((first != last).sum())
    if several:
        warnings.warn(f"{several} of {len(labels)} items have labels of several stages and are left out", stacklevel=4)
    return np.where(first == last, last, -1)


def stream_digest(stream: tuple[Stage, ...]) -> str:
    """Compute 16 hexadecimal digits that change with any item's side or stage, any label, or the order of classes."""
    parts = [part for stage in stream for part in (stage.database, stage.query)]
    labels = [np.packbits(part.labels, axis=1).tobytes() for part in parts]
    return digest(json.dumps([_index(stage) for stage in stream]), *labels)[:16]


def save_stream(stream: tuple[Stage, ...], path: str | Path) -> Path:
    """Write which item is query or database in which stage, as JSON with ids and class names."""
    names = stream[0].database.class_names
    stages = [_index(stage) for stage in stream]
    content = {"digest": stream_digest(stream), "class_names": list(names), "stages": stages}
    with atomic_path(Path(path)) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return Path(path)


def load_stream(path: str | Path, data: PairedFeatures) -> tuple[Stage, ...]:
    """Load the stream of a file that `save_stream` wrote, on these features.

    Raises
    ------
    DataError
        The file is no such file, names items or classes that the data lacks, or the data's labels are not those of
        the stream that was saved.
    """
    names, written, stages = _read_stream(Path(path))
    if names != data.class_names:
        raise DataError(
            f"{path} was saved for classes {', '.join(names[:3])}, ...; "
            f"the data has {', '.join(data.class_names[:3])}, ..."
        )
    row_of = {item: row for row, item in enumerate(data.ids.tolist())}
    if len(row_of) < len(data):
        raise DataError(f"the data's ids repeat: {len(data)} items have {len(row_of)}; each needs an id of its own")
    changed = DataError(
        f"the data's labels are not those that {path} was saved with; its digest {written} does not fit"
    )

    def items_of(ids: list[str], seen: np.ndarray) -> PairedFeatures:
        for item in ids:
            if item not in row_of:
                raise DataError(
                    f"{path} names item {item!r}, which the data does not hold; load the data it was saved for"
                )
        rows = np.array([row_of[item] for item in ids], dtype=int)
        labels = data.labels[rows] & np.isin(np.arange(len(names)), seen)  # as arrival="first" hides later labels
        if not labels.any(1).all():
            raise changed
        return replace(data[rows], labels=labels)

    stream = []
    seen = np.array([], dtype=int)
    for index, (new, database, query) in enumerate(stages):
        seen = np.concatenate([seen, new])
        stage = Stage(
            index=index,
            new_classes=new,
            seen_classes=seen,
            database=items_of(database, seen),
            query=items_of(query, seen),
        )
        stream.append(stage)
    if stream_digest(tuple(stream)) != written:
        raise changed
    return tuple(stream)


def _read_stream(path: Path) -> tuple[tuple[str, ...], str, list[tuple[np.ndarray, list[str], list[str]]]]:
    """Read class names, digest, and new classes, database ids and query ids of every stage."""
    try:
        content = read_json(path)
        stages = []
        for stage in content["stages"]:
            new = np.array(stage["new_classes"], dtype=int)
            if new.ndim != 1:
                raise TypeError
            database = [str(item) for item in stage["database"]]
            query = [str(item) for item in stage["query"]]
            stages.append((new, database, query))
        if not isinstance(content["class_names"], list):
            raise TypeError
        return tuple(map(str, content["class_names"])), content["digest"], stages
    except OSError:
        raise DataError(f"stream file {path} cannot be read; save_stream writes one") from None
    except (ValueError, KeyError, TypeError, OverflowError):
        raise DataError(f"{path} is not a stream file; save_stream writes one") from None


def _index(stage):
    return {
        "new_classes": stage.new_classes.tolist(),
        "database": stage.database.ids.tolist(),
        "query": stage.query.ids.tolist(),
    }
