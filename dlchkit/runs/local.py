"""Run the unfinished runs of a sweep, on this machine or through a backend; a failed run does not stop the others."""

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from dlchkit.errors import DataError
from dlchkit.runs import check as preflight
from dlchkit.runs.display import LogLines
from dlchkit.runs.plan import Sweep, in_order, save_plan
from dlchkit.runs.run_process import LOOK_EVERY, THREAD_VARIABLES, in_words, outcome, start, stop, threads_per_worker
from dlchkit.runs.run_state import Run


class Started(NamedTuple):
    """A run has started on a worker; it starts again on another one if the first is lost."""

    run: Run
    worker: str


class Ended(NamedTuple):
    """A run has finished after `seconds`; `outcome` is None on success, otherwise the reason."""

    run: Run
    outcome: str | None
    seconds: float


class Waiting:
    """Runs that have not started yet, in order. Each becomes ready when the runs it rests on are done."""

    def __init__(self, runs: list[Run]):
        self.runs = deque(runs)
        self._open = {run.digest for run in runs}

    def __bool__(self) -> bool:
        return bool(self.runs)

    def ready(self) -> Run | None:
        """Take the first run that can start now; None if there is none."""
        run = next((run for run in self.runs if self._open.isdisjoint(run.depends_on)), None)
        if run is not None:
            self.runs.remove(run)
        return run

    def ended(self, run: Run, outcome: str | None) -> Iterator[Ended]:
        """Note a run's end; those that rest on one that failed end with it, without a start."""
        self._open.discard(run.digest)
        if outcome:
            for other in [other for other in self.runs if run.digest in other.depends_on]:
                self.runs.remove(other)
                self._open.discard(other.digest)
                yield Ended(other, _not_started(run), 0.0)


def _first_failed(failed, run):
    return next((other for other in failed if other.digest in run.depends_on), None)


def _not_started(failed):
    return f"not started, because {failed.name} failed"


def run_sweeps(
    sweeps: tuple[Sweep, ...], folder: Path, *, backend, display: LogLines, retry_failed: bool = False
) -> list[tuple[Run, str]]:
    """Run what is not done yet and return the runs that failed, now or before, each with its error.

    A run counts as done only by a complete record of this very run. One that failed lets
    the others go on and is left alone next time, unless ``retry_failed``. However this
    call ends, no process of it goes on, and what had finished stays.

    Parameters
    ----------
    folder : the one the sweeps were planned for
    backend : `local_backend` or `dlchkit.runs.dask_cluster.dask_backend`; entered, it gives the two
        functions that check runs (`dlchkit.runs.check.check`) and run them where they will run
    display : is told of every run that starts and ends

    Raises
    ------
    DataError
        before anything runs or is written, where `dlchkit.runs.check.check` finds a run that cannot go well
    """
    planned = in_order(sweeps)
    states = [run.state() for run in planned]
    before = [run for run, state in zip(planned, states, strict=True) if state == "failed" and not retry_failed]
    n_done = states.count("done")
    to_do = [run for run, state in zip(planned, states, strict=True) if state != "done" and run not in before]
    known = [(run, in_words(failure)) for run in before if (failure := run.failure())]
    known += [(run, _not_started(first)) for run in to_do if (first := _first_failed(before, run))]
    to_do = [run for run in to_do if not _first_failed(before, run)]
    with backend as (check, run_all):
        check(preflight.wanted_by(sweeps, to_do))
        for sweep in sweeps:
            save_plan(sweep, folder)
        said = f", {len(before)} failed before (--retry-failed tries them again)" if before else ""
        total = len(planned)
        display.say(f"{total} run{'s' * (total != 1)}: {n_done} done before{said}, {len(to_do)} to do")
        return known + _follow(run_all(to_do), len(to_do), display)


def _follow(events, n_runs, display):
    failed = []
    display.begin(n_runs)
    try:
        with contextlib.closing(events):
            for event in events:
                if isinstance(event, Started):
                    display.started(*event)
                elif isinstance(event, Ended):
                    display.ended(*event)
                    if event.outcome:
                        failed.append((event.run, event.outcome))
                else:
                    display.tick()
    finally:
        display.end()
    return failed


@contextmanager
def local_backend(workers: int = 1):
    """Runs on this machine, ``workers`` at a time; each gets cores // workers threads, at least one.

    A process for each run, not a pool such as loky's: every run needs a kernel, which is a
    new process anyway, so that nothing would be saved by keeping a worker, and a worker
    that ends with its run leaves no memory, thread setting or broken state to the next.
    """
    if workers < 1:
        raise DataError(f"workers is {workers}; a sweep needs one at least")
    yield preflight.check, partial(_run_here, workers=workers)


def _run_here(runs, *, workers) -> Iterator[Started | Ended | None]:
    waiting, working, free = Waiting(runs), {}, deque(range(1, workers + 1))
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads_per_worker(workers)))}
    try:
        while waiting or working:
            while free and (run := waiting.ready()) is not None:
                number = free.popleft()
                working[number] = start(run, environment)
                yield Started(run, f"worker {number}")
            ended = [number for number, worker in working.items() if worker.process.poll() is not None]
            for number in ended:
                worker = working.pop(number)
                free.appendleft(number)
                said = outcome(worker)
                yield Ended(worker.run, said, time.monotonic() - worker.started)
                yield from waiting.ended(worker.run, said)
            if not ended:
                yield None
                time.sleep(LOOK_EVERY)
    finally:
        stop(list(working.values()))
