"""Run a sweep on a running Dask cluster: every run is one task, which starts the same process as on one machine."""

import asyncio
import contextlib
import itertools
import logging
import os
import platform
import queue
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path

from dlchkit.errors import DataError
from dlchkit.runs import check as preflight
from dlchkit.runs.local import Ended, Started, Waiting
from dlchkit.runs.run_process import (
    GRACE,
    LOOK_EVERY,
    THREAD_VARIABLES,
    note_failure,
    outcome,
    start,
    stop,
    threads_per_worker,
)
from dlchkit.runs.run_state import Run

CONNECT = 10  # seconds to wait for a scheduler's answer
SETTLE = (
    60.0  # seconds a shared folder may take to show here what was written elsewhere: NFS keeps what it saw for so long
)
_at_work = set()  # on a Dask worker: keys of the runs it holds now


@contextmanager
def dask_backend(address: str, folder: Path, workers: int | None = None):
    """Runs on the workers of a Dask scheduler, ``workers`` at a time; None for as many as the workers have threads.

    A run is one task, and its process ends with the task: when the sweep is stopped or
    killed, and when the Dask worker dies. Then the scheduler gives the run to another
    worker, up to its ``allowed-failures`` (3). A run counts as done only by its record in
    ``folder``, which must be one folder for the sweep and all workers.

    A run gets the threads that OMP_NUM_THREADS states where its Dask worker was started
    (a nanny states 1), else cores // threads of that worker. Data sets and caches are
    found by each worker's own DLCHKIT_DATASETS and DLCHKIT_DATA.

    Parameters
    ----------
    address : e.g. "tcp://host:8786". Dask runs whatever reaches its port: keep it to a
        network you trust, or use "tls://" with the certificates of Dask's configuration.

    Raises
    ------
    DataError
        One line: Dask is not installed, no scheduler answers, it has no workers, one of
        them has another version of dlchkit, Python or Dask, or does not see ``folder``.
    """
    if workers is not None and workers < 1:
        raise DataError(f"workers is {workers}; a sweep needs one at least")
    client = connected(address)
    levels = {name: logging.getLogger(name).level for name in ("distributed", "distributed.client")}
    for name in levels:
        logging.getLogger(name).setLevel(
            logging.CRITICAL
        )  # a lost scheduler is said in one line, not in its tracebacks
    try:
        check_versions(client, address)
        _check_folder(client, folder)
        yield partial(_check_there, client=client), partial(_run_there, client=client, address=address, workers=workers)
    finally:
        with contextlib.suppress(OSError, TimeoutError):
            client.close(timeout=5)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


# --- before anything runs ---


def connected(address: str):
    """A client of the scheduler there, or a `DataError` of one line."""
    try:
        from distributed import Client
    except ImportError:
        raise DataError(
            "--backend dask needs Dask's distributed, which is not installed here: pip install 'dlchkit[dask]'"
        ) from None
    try:
        asyncio.run(_greet(address))  # a Client that gets no answer makes noise when it is cleared away
        return Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"no Dask scheduler answers at {address!r} ({reason}); "
            "start one with 'dask scheduler', which prints its address"
        ) from None


async def _greet(address):
    from distributed.comm.core import connect
    from distributed.security import Security

    comm = await connect(address, timeout=CONNECT, **Security().get_connection_args("client"))
    await comm.close()


def check_versions(client, address: str) -> None:
    """Refuse a cluster without workers, or with another version of dlchkit, Python or Dask."""
    theirs = client.run(_versions, on_error="return")
    if not theirs:
        raise DataError(f"the Dask scheduler at {address} has no workers; start some with 'dask worker {address}'")
    ours = _versions()
    for worker, found in theirs.items():
        if isinstance(found, BaseException):
            raise DataError(
                f"Dask worker {worker} cannot run dlchkit ({type(found).__name__}: {found}); "
                "install the same version there"
            )
        other = next((name for name in ours if found.get(name) != ours[name]), None)
        if other:
            raise DataError(
                f"Dask worker {worker} has {other} {found.get(other)}, here is {ours[other]}; "
                "install the same version on both"
            )


def _versions() -> dict[str, str]:
    from dlchkit import __version__
    from dlchkit.records import code_digest

    python = platform.python_version().rpartition(".")[0]
    dlchkit = f"{__version__} with code {code_digest()[:8]}"
    return {"dlchkit": dlchkit, "Python": python, "distributed": metadata.version("distributed")}


def _check_folder(client, folder):
    """Every worker leaves a token in the folder, which must then be seen here."""
    folder.mkdir(parents=True, exist_ok=True)
    token = f".seen-{uuid.uuid4().hex}"
    try:
        found = client.run(_leave_token, str(folder), token, on_error="return")
        for worker, name in found.items():
            if not isinstance(name, str) or not (folder / name).is_file():
                said = f" ({type(name).__name__}: {name})" if isinstance(name, BaseException) else ""
                raise DataError(
                    f"{folder} is not the same folder on Dask worker {worker}{said}; "
                    "the sweep and all workers must share it"
                )
    finally:
        for left in folder.glob(f"{token}*"):
            left.unlink(missing_ok=True)


def _leave_token(folder: str, token: str) -> str:
    path = Path(folder) / f"{token}-{uuid.uuid4().hex}"
    path.touch()  # in a folder that is there: none is made
    return path.name


def _check_there(wanted, *, client):
    """`preflight.check` on every worker, which must find the data at its own places."""
    if not wanted:
        return
    asked = {
        worker: client.submit(preflight.check, wanted, workers=[worker], pure=False) for worker in _workers(client)
    }
    for worker, future in asked.items():
        while not future.done():
            if worker not in _workers(client):  # no other worker may answer for it
                raise DataError(f"Dask worker {worker} is gone; start the sweep again without it")
            time.sleep(LOOK_EVERY)
        error = future.exception()
        if error is not None:
            raise DataError(f"Dask worker {worker}: {error}")


def _workers(client):
    return client.scheduler_info(n_workers=-1)["workers"]


# --- while runs are at work ---


def _run_there(runs, *, client, address, workers) -> Iterator[Started | Ended | None]:
    sweep, waiting, numbers, futures, began = uuid.uuid4().hex, Waiting(runs), itertools.count(), {}, {}
    heard = queue.SimpleQueue()
    client.subscribe_topic(sweep, lambda event: heard.put(event[1]))
    try:
        while waiting or futures:
            while (workers is None or len(futures) < workers) and (run := waiting.ready()) is not None:
                number = next(numbers)
                future = client.submit(
                    _run_on_worker, run, sweep, number, key=f"{run.name}-{sweep}", pure=False, priority=-number
                )
                futures[number] = (run, future)
            while not heard.empty():
                said = heard.get()
                if said["run"] in futures:
                    began[said["run"]] = time.monotonic()
                    yield Started(futures[said["run"]][0], said["worker"])
            ended = [number for number, (_, future) in futures.items() if future.done()]
            for number in ended:
                run, future = futures.pop(number)
                said = _outcome(run, future, address)
                yield Ended(run, said, time.monotonic() - began.get(number, time.monotonic()))
                yield from waiting.ended(run, said)
            if not ended:
                yield None
                time.sleep(LOOK_EVERY)
    finally:
        _cancel(client, [future for _, future in futures.values()], sweep)


def _outcome(run, future, address):
    """None if the run's record is in the shared folder; else why not, which its folder then says too."""
    from distributed import KilledWorker

    if future.cancelled():
        raise DataError(
            f"the Dask scheduler at {address} is gone; finished runs stay, and the same command goes on where it was"
        )
    error = future.exception()
    if isinstance(error, KilledWorker):
        return note_failure(run, f"its Dask worker died {error.allowed_failures + 1} times in the middle of it")[
            "error"
        ]
    if error is not None:
        return note_failure(run, f"its Dask task failed: {type(error).__name__}: {' '.join(str(error).split())}")[
            "error"
        ]
    said = future.result()
    deadline = time.monotonic() + SETTLE
    while said is None and run.record() is None:
        if time.monotonic() > deadline:
            return (
                f"its worker says it is done, but {run.folder} holds no record of it: do all workers share this folder?"
            )
        time.sleep(LOOK_EVERY)
    return said


def _cancel(client, futures, sweep):
    """Cancel what has not ended, and wait until no worker holds a run of this sweep."""
    if not futures or client.status != "running":
        return
    client.cancel(futures)
    deadline = time.monotonic() + GRACE + 5
    while time.monotonic() < deadline and any(
        at_work is True for at_work in client.run(_holds, sweep, on_error="return").values()
    ):
        time.sleep(LOOK_EVERY)


# --- on a Dask worker ---


def _holds(sweep: str) -> bool:
    return any(of_sweep == sweep for of_sweep, _ in _at_work)


def _run_on_worker(run: Run, sweep: str, number: int) -> str | None:
    """Start the run's process and wait for it; the process goes when this task is cancelled."""
    from distributed import get_worker
    from distributed.core import Status

    here = get_worker()
    key = here.get_current_task()
    if not run.notebook.is_file():
        return (
            f"Dask worker {here.address} does not see {run.notebook}; the sweep and all workers must share its folder"
        )
    here.log_event(sweep, {"run": number, "worker": here.address})
    environment = {**dict.fromkeys(THREAD_VARIABLES, str(threads_per_worker(here.state.nthreads))), **os.environ}
    _at_work.add((sweep, number))
    worker = None
    try:
        worker = start(run, environment)
        while worker.process.poll() is None:
            task = here.state.tasks.get(key)
            if task is None or task.state == "cancelled" or here.status not in (Status.running, Status.paused):
                return "stopped"
            time.sleep(LOOK_EVERY)
        return outcome(worker)
    finally:
        if worker is not None:
            stop([worker])
        _at_work.discard((sweep, number))
