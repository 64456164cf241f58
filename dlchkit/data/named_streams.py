"""Streams that papers publish as lists of classes and numbers of items for each task, by name."""

import csv
from dataclasses import replace
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np

from dlchkit.data.containers import PairedDataset, PairedFeatures
from dlchkit.data.streams import arrival_stages
from dlchkit.errors import DataError, nearest_name
from dlchkit.storage import resource_folder

Data = TypeVar("Data", PairedDataset, PairedFeatures)


class Task(NamedTuple):
    """A task's numbers of items, and the names of its classes; ``training`` items are a part of the database."""

    query: int
    training: int
    database: int
    classes: tuple[str, ...]


def tasks_of(name: str) -> tuple[Task, ...]:
    """The tasks of a named stream, in order; the names stand in ``datasets/cash_streams.csv``.

    Examples
    --------
    >>> [len(task.classes) for task in tasks_of("cash-nuswide-balanced")]
    [16, 16, 16, 16, 17]
    """
    streams = _all_streams()
    if name not in streams:
        raise DataError(f"there is no stream {name!r}; {nearest_name(name, streams)}")
    return streams[name]


def draw_items(data: Data, name: str, *, split_seed: int = 0) -> Data:
    """Draw a named stream's numbers of queries and database items of every task.

    Only items whose labels all belong to one task are drawn. No group stands on both sides.

    Returns
    -------
    PairedDataset or PairedFeatures
        The drawn rows, in their order, with ``split``.

    Raises
    ------
    DataError
        The data has other classes, a split of its own, or too few such items of a task.
    """
    tasks = tasks_of(name)
    order = class_order(data.class_names, name)
    if data.split is not None:
        raise DataError(
            f"the data bring a split of their own, and stream {name!r} draws its own queries; take data without"
        )
    task_of_class = np.empty(len(order), dtype=int)
    task_of_class[order] = np.repeat(np.arange(len(tasks)), [len(task.classes) for task in tasks])
    task_of = arrival_stages(data.labels, task_of_class, "leave_out")
    names, group = np.unique(data.groups, return_inverse=True)
    at_random = np.argsort(np.random.default_rng(split_seed).permutation(len(names))[group], kind="stable")
    rows_of = [at_random[task_of[at_random] == t] for t in range(len(tasks))]
    queries = [rows[: task.query] for rows, task in zip(rows_of, tasks, strict=True)]
    is_free = ~np.isin(group, group[np.concatenate(queries)])
    split = np.full(len(data), "", dtype="<U8")
    for t, (task, rows) in enumerate(zip(tasks, rows_of, strict=True)):
        database = rows[is_free[rows]][: task.database]
        if len(database) < task.database:
            raise DataError(
                f"task {t + 1} of stream {name!r} needs {task.query:,} queries and {task.database:,} database items; "
                f"the data has {len(rows):,} items whose labels all belong to that task"
            )
        split[queries[t]] = "query"
        split[database] = "database"
    drawn = np.flatnonzero(split != "")
    return replace(data[drawn], split=split[drawn])


def class_order(class_names: tuple[str, ...], name: str) -> np.ndarray:
    """Positions of the classes in the order of a named stream; refused where the data has other classes."""
    wanted = [c for task in tasks_of(name) for c in task.classes]
    if sorted(wanted) != sorted(class_names):
        absent = [c for c in wanted if c not in class_names] or [c for c in class_names if c not in wanted]
        which = "lacks" if set(wanted) - set(class_names) else "has besides"
        raise DataError(
            f"stream {name!r} has {len(wanted)} classes by name; the data {which} {', '.join(map(repr, absent[:3]))}"
            + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")
        )
    return np.array([class_names.index(c) for c in wanted])


def note_of(name: str) -> str:
    """Say in a line what is drawn for a named stream, and how that differs from its authors' way."""
    training = ", ".join(f"{task.training:,} of {task.database:,}" for task in tasks_of(name))
    return (
        f"stream {name}: items whose labels all belong to one task, drawn by split_seed, not its authors' own; "
        f"methods learn the whole database of a task, where its authors' learn {training} items"
    )


@cache
def _all_streams() -> dict[str, tuple[Task, ...]]:
    streams = {}
    with open(resource_folder("datasets") / "cash_streams.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            query, training, database = (int(row[name]) for name in ("query", "training", "database"))
            task = Task(query, training, database, tuple(row["classes"].split("|")))
            streams.setdefault(row["stream"], []).append(task)
    return {name: tuple(tasks) for name, tasks in streams.items()}
