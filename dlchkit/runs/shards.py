"""Exact hashing past one machine: shards of items are summed by many processes, here or on a Dask cluster."""

import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlchkit.errors import DataError
from dlchkit.lifelong.exact.estimator import ExactHashing
from dlchkit.lifelong.exact.sharded import ShardStart, ShardSums, with_shards

BACKENDS = ("local", "dask")
TRIES = 3  # times in a row that workers may die with nothing finished in between
_LOOK_EVERY = 0.05  # seconds between looks at a cluster's tasks


class ShardDone(NamedTuple):
    """A shard is summed: its name, labelled items, seconds of reading and summing, and bytes that came back."""

    name: str
    n_items: int
    seconds: float
    nbytes: int


def fit_shards(
    hashing: ExactHashing,
    shards: Iterable,
    *,
    backend: str = "local",
    scheduler: str | None = None,
    n_jobs: int | None = None,
    on_shard: Callable[[ShardDone], None] | None = None,
) -> ExactHashing:
    """Learn the items of all shards, each summed by one of many workers; the sums are all that comes back.

    The result is that of one process to rounding, whatever the order in which shards end:
    sums add up, and codes are given once, at the end, to label vectors in a fixed order.

    Parameters
    ----------
    hashing : what was learned before; it stays as it is. One that has learned nothing yet
        learns the first shard here, which fixes features and ridge for all others.
    shards : each a path of a .npz file (see `dlchkit.data.loaders.npz_archive.load_archive`), read by
        the worker, so that items need not travel, of which a "split" names the rows to learn
        "database"; or (image, text, labels), as `ExactHashing.partial_fit` takes them; or a
        function without arguments that returns these
    backend : "local" for processes of this machine (joblib's loky), "dask" for a cluster
        that already runs. Its workers must see the files under the same paths.
    scheduler : address of the Dask scheduler, e.g. "tcp://host:8786"
    n_jobs : shards at a time; None for one per core, or two per thread of the cluster
    on_shard : called here with a `ShardDone` for every shard as it ends

    Returns
    -------
    ExactHashing; all shards are in it

    Raises
    ------
    DataError
        in one line, naming the shard: it is missing, unreadable or of other features than
        the first; or workers that took it died three times. Nothing is half learned then.

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
    shards = iter(enumerate(shards)) if not isinstance(shards, (list, tuple)) else iter(enumerate(_there(shards)))
    on_shard = on_shard or (lambda done: None)
    if not hashing.sums:
        hashing = _begun(hashing, shards, on_shard)
    work = partial(_sum_shard, ShardStart.of(hashing))
    parts = _summed_here(work, shards, n_jobs) if backend == "local" else _summed_there(work, shards, scheduler, n_jobs)
    total = None
    for part, done in parts:
        total = part if total is None else total + part
        on_shard(done)
    return hashing.shard().merge(hashing) if total is None else with_shards(hashing, total)


def _check(backend, scheduler, n_jobs):
    if backend not in BACKENDS:
        raise DataError(f"backend is {backend!r}; it must be one of {', '.join(map(repr, BACKENDS))}")
    if (backend == "dask") != (scheduler is not None):
        raise DataError("backend 'dask' and the scheduler's address belong together; without both the shards are summed on this machine")
    if n_jobs is not None and n_jobs < 1:
        raise DataError(f"n_jobs is {n_jobs}; it must be at least 1, or None for all there are")


def _there(shards):
    missing = next((shard for shard in shards if isinstance(shard, (str, os.PathLike)) and not Path(shard).is_file()), None)
    if missing is not None:
        raise DataError(f"{missing} is not a file; a shard is a .npz file of features, texts and labels")
    return shards


def _begun(hashing, shards, on_shard):
    start = time.perf_counter()
    number, shard = next(shards, (0, None))
    if shard is None:
        raise DataError("there is no shard to learn from; name one at least")
    image, text, labels, groups = _read(shard)
    begun = ExactHashing(**hashing.get_params()).partial_fit(image, text, labels, groups=groups)
    on_shard(ShardDone(_name(number, shard), begun.n_items, time.perf_counter() - start, 0))
    return begun


# --- in a worker ---


def _sum_shard(start: ShardStart, number: int, shard) -> tuple[int, ShardSums, ShardDone]:
    """Sums of one shard; an error names it."""
    began, name = time.perf_counter(), _name(number, shard)
    try:
        image, text, labels, _ = _read(shard)
        sums = start.sums_of(image, text, labels)
    except DataError as error:
        raise DataError(str(error) if name in str(error) else f"{name}: {error}") from None
    return number, sums, ShardDone(name, sums.n_items, time.perf_counter() - began, sums.nbytes)


def _name(number, shard) -> str:
    return str(shard) if isinstance(shard, (str, os.PathLike)) else f"shard {number}"


def _read(shard) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """image, text, labels and groups, the latter None where the shard does not say."""
    from dlchkit.data.loaders.npz_archive import load_archive  # here: arrays need no loader

    if callable(shard):
        shard = shard()
    if isinstance(shard, (str, os.PathLike)):
        (path,) = _there([Path(shard)])
        data = load_archive(path)
        rows = slice(None) if data.split is None else data.split == "database"
        return data.image_features[rows], data.text_features[rows], data.labels[rows], data.groups[rows]
    if not isinstance(shard, (tuple, list)) or len(shard) != 3:
        raise DataError(f"a shard is {type(shard).__name__}; it must be (image, text, labels), a path of a .npz file, or a function that returns one")
    return *map(np.asarray, shard), None


# --- many of them ---


def _summed_here(work, shards, n_jobs) -> Iterator[tuple[ShardSums, ShardDone]]:
    """By processes of this machine. What has no answer when one of them dies is begun again."""
    from joblib import Parallel, cpu_count, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    n_jobs, open_, died = n_jobs or cpu_count(), {}, 0

    def calls():
        for number, shard in itertools.chain(list(open_.items()), shards):
            open_[number] = shard
            yield delayed(work)(number, shard)

    while died < TRIES:
        # max_nbytes=None: joblib would otherwise hand large arrays over in files that it pickles
        pool = Parallel(n_jobs=n_jobs, backend="loky", batch_size=1, return_as="generator_unordered", max_nbytes=None)
        try:
            for number, sums, done in pool(calls()):
                del open_[number]
                died = 0
                yield sums, done
            return
        except TerminatedWorkerError:
            died += 1
    names = ", ".join(_name(number, shard) for number, shard in list(open_.items())[:n_jobs])
    raise DataError(f"processes died {TRIES} times in the middle of {names}; smaller shards or fewer at a time (n_jobs) need less memory")


def _summed_there(work, shards, scheduler, n_jobs) -> Iterator[tuple[ShardSums, ShardDone]]:
    """By the workers of a Dask cluster, so many at a time that results never pile up."""
    from dlchkit.runs.cluster import check_versions, connected

    client, futures = connected(scheduler), {}
    try:
        check_versions(client, scheduler)
        at_a_time = n_jobs or 2 * sum(client.ncores().values())
        start = client.submit(_itself, work.args[0], key=f"start-{uuid.uuid4().hex}", pure=False)  # a task: lost ones are made again
        shards = ((number, Path(shard).resolve() if isinstance(shard, (str, os.PathLike)) else shard) for number, shard in shards)
        while True:
            for number, shard in itertools.islice(shards, at_a_time - len(futures)):
                future = client.submit(work.func, start, number, shard, key=f"shard-{number}-{uuid.uuid4().hex}", pure=False)
                futures[number] = (future, _name(number, shard))
            if not futures:
                return
            ended = [number for number, (future, _) in futures.items() if future.done()]
            for number in ended:
                _, sums, done = _result(*futures.pop(number), scheduler)
                yield sums, done
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
            f"{name}: its Dask worker died {error.allowed_failures + 1} times in the middle of it; smaller shards need less memory"
        ) from None
    except DataError:
        raise
    except Exception as error:  # whatever the cluster raises
        raise DataError(f"{name}: its Dask task failed: {type(error).__name__}: {error}") from None
