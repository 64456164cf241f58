"""Exact hashing beyond one machine: many processes sum shards of items, here or on a Dask cluster."""

import itertools
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard, cast

import numpy as np

from dlchkit.codes import binary_labels
from dlchkit.data import PairedFeatures
from dlchkit.errors import DataError
from dlchkit.lifelong.exact.class_columns import few
from dlchkit.lifelong.exact.estimator import ExactHashing
from dlchkit.lifelong.exact.seen_items import SeenItems, keys_of
from dlchkit.lifelong.exact.sums import LabelSums
from dlchkit.storage import digest

BACKENDS = ("local", "dask")
TRIES = 3  # times in a row that workers may die with nothing finished in between
_LOOK_EVERY = 0.05  # seconds between looks at a cluster's tasks


class ShardDone(NamedTuple):
    """A summed shard: its name, labelled items, seconds of reading and summing, bytes that came back.

    ``n_skipped`` counts the items that were left out since they had been learned before.
    """

    name: str
    n_items: int
    seconds: float
    nbytes: int
    n_skipped: int = 0


def fit_shards(
    hashing: ExactHashing,
    shards: Iterable,
    *,
    backend: str = "local",
    scheduler: str | None = None,
    n_jobs: int | None = None,
    skip_seen: bool = False,
    on_shard: Callable[[ShardDone], None] | None = None,
) -> ExactHashing:
    """Learn the items of all shards, each summed by one of many workers; the sums are all that comes back.

    The result is that of one process to rounding, whatever the order in which shards end: sums
    add up, and codes are given once, at the end, to label vectors in a fixed order. So stored
    codes do not depend on the order of shards. Neither do features and ridge, which come from
    the largest shard, where ``shards`` is a list of files or arrays; else they come from the
    first.

    Parameters
    ----------
    hashing : ExactHashing
        A learner of earlier items; it stays as it is. One that has learned nothing yet takes its
        features and ridge from one shard.
    shards : iterable of path, PairedFeatures, (image, text, labels) or callable
        Each is a path of a .npz file (see `dlchkit.data.loaders.npz_archive.load_archive`), read
        by the worker, so that items need not travel; or `PairedFeatures`; or (image, text,
        labels), as `ExactHashing.partial_fit` takes them; or a function without arguments that
        returns one of these. Of a file or `PairedFeatures` with a "split", the rows of its
        "database" are learned. Where classes have names, columns are matched by them, and
        classes not heard of before are added behind in alphabetical order; shards then have
        names all or none. Without names, a column means the same class in all shards.
    backend : {"local", "dask"}
        "local" for processes of this machine (joblib's loky), "dask" for a cluster that already
        runs. Its workers must see the files under the same paths.
    scheduler : str, optional
        Address of the Dask scheduler, e.g. "tcp://host:8786".
    n_jobs : int, optional
        Shards at a time; None for one per core, or two per thread of the cluster.
    skip_seen : bool
        Leave out items learned before, in this call or an earlier one, instead of refusing them.
        They are known by their ids; and a shard, with ids or without, by its features. Items
        inside the result of a function are known only where all of them were learned before.
    on_shard : callable, optional
        Called here with a `ShardDone` for every shard as it ends.

    Returns
    -------
    ExactHashing
        A learner of the earlier items and of all shards.

    Raises
    ------
    DataError
        In one line that names the shard: it is missing, unreadable or of other features than
        the first, its classes cannot be matched, items come twice; or workers that took it died
        three times. Nothing is half learned then.

    Notes
    -----
    A worker that is killed loses nothing: a Dask cluster gives its shard to another one (up to
    its ``allowed-failures``), and here the shards without an answer are summed again by new
    processes. What a killed worker has sent back stays, and no shard is counted twice.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> labels = np.eye(4, dtype=bool)[np.arange(80) % 4]
    >>> image, text = (labels @ random.normal(size=(4, 6)) + 0.1 * random.normal(size=(80, 6)) for _ in range(2))
    >>> parts = [(image[rows], text[rows], labels[rows]) for rows in (slice(0, 40), slice(40, 60), slice(60, 80))]
    >>> fit_shards(ExactHashing(16, units=0, ridge=1.0), parts, n_jobs=1).n_items
    80
    """
    _check(backend, scheduler, n_jobs)
    on_shard = on_shard or (lambda done: None)
    seen = _Seen(hashing.seen, skip_seen, on_shard)
    tasks = seen.admitted(_tasks(shards))
    if isinstance(shards, (list, tuple)):
        tasks = iter(list(tasks))  # what is refused is refused before anything is summed
    if not hashing.sums:
        hashing = _begun(hashing, tasks, seen, on_shard)
    # a worker computes on a GPU of its own where this learner does
    start = hashing.shard(device="cpu" if hashing.device.type == "cpu" else "auto")
    if backend == "local":
        answers = _summed_here(start, tasks, n_jobs)
    else:
        answers = _summed_there(start, tasks, scheduler, n_jobs)
    total = hashing.shard()
    for summed, done, outline in answers:
        if outline is None or seen.takes(done.name, outline):
            total.add_sums(summed)
            on_shard(done)
    learned = hashing.shard().merge(hashing, hashing.shard().add_sums(_in_fixed_columns(total, hashing.class_names)))
    learned.seen = seen.items
    return learned


def _in_fixed_columns(total: ExactHashing, known: tuple[str, ...] | None) -> LabelSums:
    """Sums with the classes not heard of before in alphabetical order, and not in that of their arrival."""
    summed = total.summed()
    if summed.class_names is None:
        return summed
    known = known or ()
    return summed.in_columns((*known, *sorted(set(summed.class_names) - set(known))))


def _check(backend, scheduler, n_jobs):
    if backend not in BACKENDS:
        raise DataError(f"backend is {backend!r}; it must be one of {', '.join(map(repr, BACKENDS))}")
    if (backend == "dask") != (scheduler is not None):
        raise DataError(
            "backend 'dask' and the scheduler's address belong together; "
            "without both the shards are summed on this machine"
        )
    if n_jobs is not None and n_jobs < 1:
        raise DataError(f"n_jobs is {n_jobs}; it must be at least 1, or None for all there are")


def _is_path(shard) -> TypeGuard[str | os.PathLike]:
    return isinstance(shard, (str, os.PathLike))


def _begun(hashing: ExactHashing, tasks: Iterator["_Task"], seen: "_Seen", on_shard) -> ExactHashing:
    """A learner with the features, ridge and sums of the first shard; its codes wait for all the others."""
    start = time.perf_counter()
    task = next(tasks, None)
    if task is None:
        raise DataError("there is no shard to learn from; name one at least")
    begun = ExactHashing(**hashing.get_params())
    with task.named():
        items, outline = _opened(task)
        begun.partial_fit(items.image, items.text, items.labels, groups=items.groups, class_names=items.class_names)
    begun.codes.clear()
    if outline is not None:
        seen.takes(task.name, outline)
    on_shard(ShardDone(task.name, begun.n_items, time.perf_counter() - start, 0))
    return begun


# --- what is known of a shard before it is summed ---


class _Outline(NamedTuple):
    """Number of labelled items, and keys of their ids, where they have some, and of all their features."""

    n_items: int
    items: SeenItems


class _Task(NamedTuple):
    """A shard to sum, and the keys of those of its ids that were learned before.

    ``outline`` is None for a function, of whose result a worker learns first.
    """

    number: int
    shard: Any
    outline: _Outline | None = None
    again: np.ndarray = np.zeros(0, dtype=np.uint64)

    @property
    def name(self) -> str:
        return str(self.shard) if _is_path(self.shard) else f"shard {self.number}"

    @contextmanager
    def named(self):
        """Name the shard in every error inside the block."""
        try:
            yield
        except DataError as error:
            raise DataError(str(error) if self.name in str(error) else f"{self.name}: {error}") from None


def _tasks(shards: Iterable) -> Iterable[_Task]:
    """The shards as tasks; files and arrays of a list in an order that depends on their content alone."""
    if not isinstance(shards, (list, tuple)):
        return (_task(number, shard) for number, shard in enumerate(shards))
    for shard in filter(_is_path, shards):
        _check_file(shard)
    tasks = [_task(number, shard) for number, shard in enumerate(shards)]
    outlines = {task.number: task.outline for task in tasks if task.outline is not None}
    if len(outlines) < len(tasks):
        return tasks
    return sorted(tasks, key=lambda task: (-outlines[task.number].n_items, *outlines[task.number].items.shards))


def _task(number: int, shard) -> _Task:
    task = _Task(number, shard)
    with task.named():
        return task if callable(shard) else task._replace(outline=_outline(shard))


def _outline(shard) -> _Outline:
    from dlchkit.data.loaders.npz_archive import outline_archive  # here: arrays need no loader

    if _is_path(shard):
        _check_file(shard)
        found = outline_archive(Path(shard))
        ids, content, n_items = found.ids, found.content, found.n_items
    else:
        items = _read(shard)
        ids, n_items = items.ids, int(binary_labels(items.labels).any(1).sum())
        if ids is not None and len(set(ids.tolist())) < len(ids):
            raise DataError("an id stands on two items; every item needs one of its own")
        content = digest(items.image.tobytes(), items.text.tobytes())
    return _Outline(n_items, SeenItems(np.sort(keys_of(() if ids is None else ids)), keys_of([content])))


def _check_file(shard) -> None:
    if not os.path.isfile(shard):
        raise DataError(f"{shard} is not a file; a shard is a .npz file of features, texts and labels")


class _Seen:
    """Items learned before this call and during it: what comes again is refused, or left out on wish."""

    def __init__(self, items: SeenItems, skip: bool, on_shard):
        self.items = items
        self._skip = skip
        self._on_shard = on_shard
        self._lock = threading.Lock()  # joblib draws tasks in a thread of its own

    def admitted(self, tasks: Iterable[_Task]) -> Iterator[_Task]:
        """The tasks that hold something new, each with the keys of what is not new."""
        for task in tasks:
            n_again, again = (0, None) if task.outline is None else self._look(task.name, task.outline)
            if n_again == 0:
                yield task
            elif again is not None:
                yield task._replace(again=again)

    def takes(self, name: str, outline: _Outline) -> bool:
        """Whether the items of a function are new."""
        n_again, again = self._look(name, outline)
        if again is not None and n_again:
            raise DataError(
                f"{name}: {n_again} of its {outline.n_items} items were learned before, and of a function's items "
                f"some cannot be left out; give paths or PairedFeatures"
            )
        return n_again == 0

    def _look(self, name: str, outline: _Outline) -> tuple[int, np.ndarray | None]:
        """Count the items learned before, and note all; the keys of those to leave out, None for the whole shard."""
        with self._lock:
            known = outline.items & self.items
            self.items |= outline.items
        n_again = outline.n_items if len(known.shards) else len(known.ids)
        if n_again and not self._skip:
            what = "its features were" if len(known.shards) else f"{n_again} of its {outline.n_items} items were"
            raise DataError(
                f"{name}: {what} learned before, here or in an earlier call, and would count twice; "
                f"leave out what comes again with --skip-seen (in Python: skip_seen=True)"
            )
        if 0 < n_again == outline.n_items:
            self._on_shard(ShardDone(name, 0, 0.0, 0, n_again))
            return n_again, None
        return n_again, known.ids


# --- in a worker ---


class _Items(NamedTuple):
    """Rows of one shard to learn; None where it does not say."""

    image: np.ndarray
    text: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    ids: np.ndarray | None = None

    def rows(self, chosen: np.ndarray) -> "_Items":
        parts = {name: getattr(self, name) for name in ("image", "text", "labels", "groups", "ids")}
        return self._replace(**{name: part[chosen] for name, part in parts.items() if part is not None})


class _Answer(NamedTuple):
    """Sums of one shard, and its outline where it is the result of a function."""

    summed: LabelSums
    done: ShardDone
    outline: _Outline | None


def _sum_shard(start: ExactHashing, task: _Task) -> tuple[int, _Answer]:
    """Sums of one shard; an error names it."""
    began = time.perf_counter()
    with task.named():
        items, outline = _opened(task)
        if items.class_names is None and start.class_names is not None:
            raise DataError(
                f"its classes have no names, those of the other shards are {few(start.class_names)}; "
                f"add class_names, by which columns are matched"
            )
        summed = start.shard().add(items.image, items.text, items.labels, class_names=items.class_names).summed()
    done = ShardDone(task.name, summed.n_items, time.perf_counter() - began, summed.nbytes, len(task.again))
    return task.number, _Answer(summed, done, outline)


def _opened(task: _Task) -> tuple[_Items, _Outline | None]:
    """The items of a shard that were not learned before, and the outline where they come from a function."""
    shard = task.shard() if callable(task.shard) else task.shard
    items = _read(shard)
    if len(task.again):
        assert items.ids is not None
        items = items.rows(~np.isin(keys_of(items.ids), task.again))
    return items, _outline(shard) if task.outline is None else None


def _read(shard) -> _Items:
    from dlchkit.data.loaders.npz_archive import load_archive, outline_archive  # here: arrays need no loader

    if _is_path(shard):
        _check_file(shard)
        found = outline_archive(Path(shard))
        data = load_archive(Path(shard))
        data = data if data.split is None else data[data.split == "database"]
        names = data.class_names if found.named else None
        ids = None if found.ids is None else data.ids
        image, text = (np.asarray(x) for x in (data.image_features, data.text_features))
        return _Items(image, text, data.labels, data.groups, names, ids)
    if isinstance(shard, PairedFeatures):
        data = shard if shard.split is None else shard[shard.split == "database"]
        return _Items(data.image, data.text, data.labels, data.groups, data.class_names, data.ids)
    if not isinstance(shard, (tuple, list)) or len(shard) != 3:
        raise DataError(
            f"a shard is {type(shard).__name__}; it must be a path of a .npz file, PairedFeatures, "
            f"(image, text, labels), or a function that returns one"
        )
    image, text, labels = map(np.asarray, shard)
    return _Items(image, text, labels)


# --- many of them ---


def _summed_here(start: ExactHashing, tasks: Iterator[_Task], n_jobs) -> Iterator[_Answer]:
    """Sums from processes of this machine. Shards without an answer when one of them dies are begun again."""
    from joblib import Parallel, cpu_count, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    n_jobs = n_jobs or cpu_count()
    unanswered = {}
    died = 0

    def calls():
        for task in itertools.chain(list(unanswered.values()), tasks):
            unanswered[task.number] = task
            yield delayed(_sum_shard)(start, task)

    # max_nbytes=None: joblib would otherwise hand large arrays over in files that it pickles
    options: dict = {"backend": "loky", "batch_size": 1, "return_as": "generator_unordered", "max_nbytes": None}
    while died < TRIES:
        answers = cast(Iterable, Parallel(n_jobs=n_jobs, **options)(calls()))
        try:
            for number, answer in answers:
                del unanswered[number]
                died = 0
                yield answer
            return
        except TerminatedWorkerError:
            died += 1
    names = ", ".join(task.name for task in list(unanswered.values())[:n_jobs])
    raise DataError(
        f"processes died {TRIES} times in the middle of {names}; "
        f"smaller shards or fewer at a time (n_jobs) need less memory"
    )


def _summed_there(start: ExactHashing, tasks: Iterator[_Task], scheduler, n_jobs) -> Iterator[_Answer]:
    """Sums from the workers of a Dask cluster; few shards are sent at a time, so that results never pile up."""
    from dlchkit.runs.dask_cluster import check_versions, connected

    client = connected(scheduler)
    futures = {}
    try:
        check_versions(client, scheduler)
        at_a_time = n_jobs or 2 * sum(client.ncores().values())  # pyright: ignore[reportAttributeAccessIssue]
        # as the result of a task, which the scheduler makes again where it is lost with its worker
        begin = client.submit(_itself, start, key=f"start-{uuid.uuid4().hex}", pure=False)
        while True:
            for task in itertools.islice(tasks, at_a_time - len(futures)):
                if _is_path(task.shard):  # workers stand in other folders
                    task = task._replace(shard=Path(task.shard).resolve())
                key = f"shard-{task.number}-{uuid.uuid4().hex}"
                future = client.submit(_sum_shard, begin, task, key=key, pure=False)
                futures[task.number] = (future, task.name)
            if not futures:
                return
            ended = [number for number, (future, _) in futures.items() if future.done()]
            for number in ended:
                future, name = futures.pop(number)
                _, answer = _result(future, name, scheduler)
                yield answer
            if not ended:
                time.sleep(_LOOK_EVERY)
    finally:
        if client.status == "running":
            client.cancel([future for future, _ in futures.values()])
        client.close(timeout=5)


def _itself(start):
    return start


def _result(future, name, scheduler):
    from distributed import KilledWorker

    if future.cancelled():
        raise DataError(f"the Dask scheduler at {scheduler} is gone; nothing was learned, start it and try again")
    try:
        return future.result()
    except KilledWorker as error:
        raise DataError(
            f"{name}: its Dask worker died {error.allowed_failures + 1} times in the middle of it; "
            f"smaller shards need less memory"
        ) from None
    except DataError:
        raise
    except Exception as error:  # whatever the cluster raises
        raise DataError(f"{name}: its Dask task failed: {type(error).__name__}: {error}") from None
