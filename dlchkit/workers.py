"""Runs of a sweep at work: each in a process of its own, some at a time, stopped together."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dlchkit.batch import run_digest, run_notebook
from dlchkit.errors import DataError, NotebookFailed
from dlchkit.storage import atomic_path
from dlchkit.sweep import DONE, FAILED, Run, Sweep, in_order, save_plan

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LOOK_EVERY = 0.05  # seconds between looks at the workers
_GRACE = 10.0  # seconds a stopped worker has to end its kernel


@dataclass
class _Worker:
    run: Run
    process: subprocess.Popen
    errors: IO[bytes]  # the process's standard error, read if it dies
    started: float


def run_sweeps(sweeps: tuple[Sweep, ...], folder: Path, *, workers: int = 1, retry_failed: bool = False, say) -> list[Run]:
    """Run what is not done yet and return the runs that failed, now or before.

    A run counts as done only by a complete record of this very run. One that failed lets
    the others go on and is left alone next time, unless ``retry_failed``. However this
    call ends, no process of it goes on, and what had finished stays.

    Parameters
    ----------
    folder : the one the sweeps were planned for
    workers : runs at a time; each gets cores // workers threads, at least one
    say : called with one line at the start and for each finished run
    """
    if workers < 1:
        raise DataError(f"workers is {workers}; a sweep needs one at least")
    runs = {"done": [], "failed": [], "open": []}
    for run in in_order(sweeps):
        state = run.state()
        runs["open" if state == "failed" and retry_failed else state].append(run)
    for sweep in sweeps:
        save_plan(sweep, folder)
    done, failed, to_do = runs.values()
    before = f", {len(failed)} failed before (--retry-failed tries them again)" if failed else ""
    total = sum(map(len, runs.values()))
    say(f"{total} run{'s' * (total != 1)}: {len(done)} done before{before}, {len(to_do)} to do")
    return failed + _run_all(to_do, workers, say)


def threads_per_worker(workers: int) -> int:
    """Cores this process may use, shared out; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // workers)


def _run_all(runs, workers, say):
    waiting, working, failed, taken = deque(runs), [], [], []
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads_per_worker(workers)))}
    try:
        while waiting or working:
            while waiting and len(working) < workers:
                working.append(_start(waiting.popleft(), environment))
            ended = [worker for worker in working if worker.process.poll() is not None]
            for worker in ended:
                working.remove(worker)
                taken.append(time.monotonic() - worker.started)
                outcome = _outcome(worker)
                if outcome:
                    failed.append(worker.run)
                result = f"failed after {in_time(taken[-1])}: {outcome}" if outcome else in_time(taken[-1])
                say(f"[{len(taken)}/{len(runs)}] {worker.run.name}: {result}{_time_left(taken, len(runs) - len(taken), workers)}")
            if not ended:
                time.sleep(_LOOK_EVERY)
    finally:
        _stop(working)
    return failed


def _time_left(taken, n_left, workers):
    left = sum(taken) / len(taken) * n_left / min(workers, max(n_left, 1))
    return f" (about {in_time(left)} left)" if n_left else ""


def _start(run, environment):
    """A new process for one run. It works as long as its standard input stays open, so it cannot outlive the sweep."""
    task = {"notebook": str(run.notebook), "folder": str(run.folder), "parameters": run.parameters, "digest": run.digest}
    errors = tempfile.TemporaryFile()
    process = subprocess.Popen(
        [sys.executable, "-m", "dlchkit.workers"],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env=environment,
        start_new_session=True,  # Ctrl-C on a terminal reaches the sweep alone, which then stops its workers
    )
    with contextlib.suppress(BrokenPipeError):  # it died at once; `_outcome` says of what
        process.stdin.write(json.dumps(task).encode() + b"\n")
    return _Worker(run, process, errors, time.monotonic())


def _outcome(worker):
    """None if the run is done; else why not, in one line, which its folder then holds too."""
    worker.process.stdin.close()
    with worker.errors as errors:
        if worker.run.record() is not None:
            return None
        failure = worker.run.failure()
        if failure is None:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            status = worker.process.returncode
            ended = f"its process ended with signal {-status}" if status < 0 else f"its process ended with status {status}"
            failure = _save_failure(worker.run.folder, worker.run.digest, None, f"{ended}: {said[-1]}" if said else ended)
    return f"cell {failure['cell']}: {failure['error']}" if failure["cell"] is not None else failure["error"]


def _stop(working):
    for worker in working:
        worker.process.stdin.close()
    deadline = time.monotonic() + _GRACE + 2
    for worker in working:
        try:
            worker.process.wait(timeout=max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        worker.errors.close()


def in_time(seconds: float) -> str:
    """Seconds, minutes or hours, as one says it.

    >>> in_time(34.2), in_time(340), in_time(34_000)
    ('34 s', '6 min', '9.4 h')
    """
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _save_failure(folder, digest, cell, error):
    failure = {"digest": digest, "cell": cell, "error": error}
    with atomic_path(folder / FAILED) as temporary:
        temporary.write_text(json.dumps(failure, indent=1) + "\n", encoding="utf-8")
    return failure


# --- inside a worker ---


def work(notebook: Path, folder: Path, parameters: dict, digest: str) -> int:
    """One run in this process: a record and its digest, or failed.json; 0 or 1.

    What else goes wrong is written down by the sweep, which reads standard error.
    """
    for name in (DONE, FAILED):
        (folder / name).unlink(missing_ok=True)
    try:
        if run_digest(notebook, parameters) != digest:
            raise NotebookFailed(f"{notebook.name} is not the notebook the sweep was planned with; start the sweep again")
        record = run_notebook(notebook, folder, parameters)
        if record.status != "complete":
            raise NotebookFailed(f"its record says {record.status!r}, not 'complete'")
    except (DataError, NotebookFailed) as error:
        _save_failure(folder, digest, *_cell_and_last_line(str(error)))
        return 1
    with atomic_path(folder / DONE) as temporary:
        temporary.write_text(digest + "\n", encoding="utf-8")
    return 0


def _cell_and_last_line(said):
    """Cell and error out of what `run_notebook` says; the partial notebook lies beside and need not be named."""
    said = re.sub(r" \(partial notebook: .*\)$", "", said.strip())
    _, cell, error = re.fullmatch(r"(\S+\.ipynb(?:, cell (\d+))?: )?(.*)", said, flags=re.DOTALL).groups()
    lines = error.splitlines()
    return int(cell) if cell else None, lines[0] if len(lines) < 2 else f"{lines[0].split(':')[0]}: {lines[-1].strip()}"


def _end_with_the_sweep():
    os.read(sys.stdin.fileno(), 1)  # returns when the sweep closes it, or is no more
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_GRACE)
    os._exit(130)


def _main() -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background jobs, and inherited from there
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    try:
        return work(Path(task["notebook"]), Path(task["folder"]), task["parameters"], task["digest"])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(_main())
