"""Exact hashing beyond one machine: many processes sum shards of items, here or on a Dask cluster."""

import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeGuard, cast

import numpy as np

from dlchkit.errors import DataError
from dlchkit.lifelong.exact.estimator import ExactHashing
from dlchkit.lifelong.exact.sums import LabelSums

BACKENDS = ("local", "dask")
TRIES = 3  # times in a row that workers may die with nothing finished in between
_LOOK_EVERY = 0.05  # seconds between looks at a cluster's tasks


class ShardDone(NamedTuple):
    """A summed shard: its name, labelled items, seconds of reading and summing, and bytes that came back."""

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
    hashing : ExactHashing
        A learner of earlier items; it stays as it is. One that has learned nothing yet learns the
        first shard here, which fixes features and ridge for all others.
    shards : iterable of path, (image, text, labels) or callable
        Each is a path of a .npz file (see `dlchkit.data.loaders.npz_archive.load_archive`), read
        by the worker, so that items need not travel, of which a "split" names the rows to learn
        "database"; or (image, text, labels), as `ExactHashing.partial_fit` takes them; or a
        function without arguments that returns one of these.
    backend : {"local", "dask"}
        "local" for processes of this machine (joblib's loky), "dask" for a cluster that already
        runs. Its workers must see the files under the same paths.
    scheduler : str, optional
        Address of the Dask scheduler, e.g. "tcp://host:8786".
    n_jobs : int, optional
        Shards at a time; None for one per core, or two per thread of the cluster.
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
    numbered = iter(enumerate(_existing(shards) if isinstance(shards, (list, tuple)) else shards))
    on_shard = on_shard or (lambda done: None)
    if not hashing.sums:
        hashing = _begun(hashing, numbered, on_shard)
    # a worker computes on a GPU of its own where this learner does
    start = hashing.shard(device="cpu" if hashing.device.type == "cpu" else "auto")
    if backend == "local":
        parts = _summed_here(start, numbered, n_jobs)
    else:
        parts = _summed_there(start, numbered, scheduler, n_jobs)
    total = hashing.shard()
    for summed, done in parts:
        total.add_sums(summed)
        on_shard(done)
    return hashing.shard().merge(hashing, total)


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


def _existing(shards: Iterable) -> Iterable:
    """The shards, if those that are paths are paths of files."""
    for shard in shards:
        if _is_path(shard) and not os.path.isfile(shard):
            raise DataError(f"{shard} is not a file; a shard is a .npz file of features, texts and labels")
    return shards


def _begun(hashing: ExactHashing, shards, on_shard) -> ExactHashing:
    start = time.perf_counter()
    number, shard = next(shards, (0, None))
    if shard is None:
        raise DataError("there is no shard to learn from; name one at least")
    image, text, labels, groups = _read(shard)
    begun = ExactHashing(**hashing.get_params()).partial_fit(image, text, labels, groups=groups)
    on_shard(ShardDone(_name(number, shard), begun.n_items, time.perf_counter() - start, 0))
    return begun


# --- in a worker ---


def _sum_shard(start: ExactHashing, number: int, shard) -> tuple[int, LabelSums, ShardDone]:
    """Sums of one shard; an error names it."""
    began = time.perf_counter()
    name = _name(number, shard)
    try:
        image, text, labels, _ = _read(shard)
        summed = start.shard().add(image, text, labels).summed()
    except DataError as error:
        raise DataError(str(error) if name in str(error) else f"{name}: {error}") from None
    return number, summed, ShardDone(name, summed.n_items, time.perf_counter() - began, summed.nbytes)


def _name(number: int, shard) -> str:
    return str(shard) if _is_path(shard) else f"shard {number}"


def _read(shard) -> tuple:
    """image, text, labels and groups, the latter None where the shard does not say."""
    from dlchkit.data.loaders.npz_archive import load_archive  # here: arrays need no loader

    if callable(shard):
        shard = shard()
    if _is_path(shard):
        _existing([shard])
        data = load_archive(Path(shard))
        rows = slice(None) if data.split is None else data.split == "database"
        data = data[rows]
        return data.image_features, data.text_features, data.labels, data.groups
    if not isinstance(shard, (tuple, list)) or len(shard) != 3:
        raise DataError(
            f"a shard is {type(shard).__name__}; "
            f"it must be (image, text, labels), a path of a .npz file, or a function that returns one"
        )
    image, text, labels = map(np.asarray, shard)
    return image, text, labels, None


# --- many of them ---


def _summed_here(start: ExactHashing, shards, n_jobs) -> Iterator[tuple[LabelSums, ShardDone]]:
    """Sums from processes of this machine. Shards without an answer when one of them dies are begun again."""
    from joblib import Parallel, cpu_count, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    n_jobs = n_jobs or cpu_count()
    unanswered = {}
    died = 0

    def calls():
        for number, shard in itertools.chain(list(unanswered.items()), shards):
            unanswered[number] = shard
            yield delayed(_sum_shard)(start, number, shard)

    # max_nbytes=None: joblib would otherwise hand large arrays over in files that it pickles
    options: dict = {"backend": "loky", "batch_size": 1, "return_as": "generator_unordered", "max_nbytes": None}
    while died < TRIES:
        answers = cast(Iterable, Parallel(n_jobs=n_jobs, **options)(calls()))
        try:
            for number, summed, done in answers:
                del unanswered[number]
                died = 0
                yield summed, done
            return
        except TerminatedWorkerError:
            died += 1
    names = ", ".join(_name(number, shard) for number, shard in list(unanswered.items())[:n_jobs])
    raise DataError(
        f"processes died {TRIES} times in the middle of {names}; "
        f"smaller shards or fewer at a time (n_jobs) need less memory"
    )


def _summed_there(start: ExactHashing, shards, scheduler, n_jobs) -> Iterator[tuple[LabelSums, ShardDone]]:
    """Sums from the workers of a Dask cluster; few shards are sent at a time, so that results never pile up."""
    from dlchkit.runs.dask_cluster import check_versions, connected

    client = connected(scheduler)
    futures = {}
    try:
        check_versions(client, scheduler)
        at_a_time = n_jobs or 2 * sum(client.ncores().values())  # pyright: ignore[reportAttributeAccessIssue]
        # as the result of a task, which the scheduler makes again where it is lost with its worker
        begin = client.submit(_itself, start, key=f"start-{uuid.uuid4().hex}", pure=False)
        shards = ((number, Path(shard).resolve() if _is_path(shard) else shard) for number, shard in shards)
        while True:
            for number, shard in itertools.islice(shards, at_a_time - len(futures)):
                key = f"shard-{number}-{uuid.uuid4().hex}"
                future = client.submit(_sum_shard, begin, number, shard, key=key, pure=False)
                futures[number] = (future, _name(number, shard))
            if not futures:
                return
            ended = [number for number, (future, _) in futures.items() if future.done()]
            for number in ended:
                future, name = futures.pop(number)
                _, summed, done = _result(future, name, scheduler)
                yield summed, done
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
