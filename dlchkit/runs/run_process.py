"""Run one run of a sweep in a process of its own: start it, watch it, stop it; and the work inside it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from dlchkit.errors import DataError, NotebookFailed
from dlchkit.records import code_digest
from dlchkit.runs.notebook import run_notebook
from dlchkit.runs.plan import digest_of, own_parameters
from dlchkit.runs.run_state import DONE, FAILED, Run
from dlchkit.storage import atomic_path, one_at_a_time

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LOOK_EVERY = 0.05  # seconds between looks at a worker
GRACE = 10.0  # seconds a stopped worker has to end its kernel


@dataclass
class Worker:
    """The process of a run."""

    run: Run
    process: subprocess.Popen
    standard_input: IO[bytes]  # the process ends when it is closed
    errors: IO[bytes]  # the process's standard error, read if it dies
    started: float


def threads_per_worker(workers: int) -> int:
    """Cores this process may use, shared out; at least one."""
    return max(1, cores() // workers)


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start(run: Run, environment: dict) -> Worker:
    """Start a process for one run; it ends when its standard input is closed, so at the latest with its parent."""
    task = {field: str(value) if isinstance(value, Path) else value for field, value in vars(run).items()}
    errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `outcome` or `stop`)
    process = subprocess.Popen(
        [sys.executable, "-m", "dlchkit.runs.run_process"],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env=environment,
        start_new_session=True,  # Ctrl-C on a terminal reaches the sweep alone, which then stops its workers
    )
    standard_input = cast(IO[bytes], process.stdin)
    with contextlib.suppress(BrokenPipeError):  # it died at once; `outcome` says why
        standard_input.write(json.dumps(task).encode() + b"\n")
    return Worker(run, process, standard_input, errors, time.monotonic())


def outcome(worker: Worker) -> str | None:
    """None if the ended run is done; else why not, in one line, which its folder then holds too."""
    worker.standard_input.close()
    with worker.errors as errors:
        if worker.run.record() is not None:
            return None
        failure = worker.run.failure()
        if failure is None:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            status = worker.process.returncode
            ended = (
                f"its process ended with signal {-status}" if status < 0 else f"its process ended with status {status}"
            )
            failure = note_failure(worker.run, f"{ended}: {said[-1]}" if said else ended)
    return in_words(failure)


def stop(working: list[Worker]) -> None:
    """End these processes and their kernels; returns when they are no more."""
    for worker in working:
        worker.standard_input.close()
    deadline = time.monotonic() + GRACE + 2
    for worker in working:
        try:
            worker.process.wait(timeout=max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        worker.errors.close()


def note_failure(run: Run, error: str, cell: int | None = None) -> dict:
    """Write failed.json; on a full disk the failure is at least returned, so that other runs go on."""
    failure = {"digest": run.digest, "code": run.code, "cell": cell, "error": error}
    try:
        with atomic_path(run.folder / FAILED) as temporary:
            temporary.write_text(json.dumps(failure, indent=1) + "\n", encoding="utf-8")
    except OSError as unwritten:
        failure["error"] += f" (and {FAILED} could not be written: {unwritten.strerror})"
    return failure


def in_words(failure: dict) -> str:
    """Cell and error in one line."""
    return f"cell {failure['cell']}: {failure['error']}" if failure["cell"] is not None else failure["error"]


# --- inside a worker ---


def work(run: Run) -> int:
    """One run in this process: a record and its digest, or failed.json; 0 or 1.

    Any other failure is recorded by the parent process, which reads standard error. A
    second process for the same run waits until the first has ended, and leaves a record
    of it alone: a run may begin again before its first process has noticed its end.
    """
    with one_at_a_time(run.folder):
        if run.record() is not None:
            return 0
        for name in (DONE, FAILED):
            (run.folder / name).unlink(missing_ok=True)
        cell = None
        try:
            _run(run)
        except NotebookFailed as error:
            said = _first_and_last_line(error.reason)
            cell = error.cell
        except DataError as error:
            said = str(error)
        except OSError as error:  # a full disk, a folder that may not be written
            said = f"{type(error).__name__}: {error.strerror or error}"
        else:
            return 0
        print(said, file=sys.stderr)  # for the parent process, if there is no room for the file
        note_failure(run, said, cell)
        return 1


def _run(run):
    if digest_of(run.notebook, run.parameters, run.depends_on) != run.digest:
        raise NotebookFailed(f"{run.notebook.name} or its data is not what it was planned with; start the sweep again")
    _check_code(run)
    parameters = own_parameters(run.notebook, run.parameters)
    if run.earlier:
        parameters["runs"] = str(run.earlier.resolve())
    record = run_notebook(run.notebook, run.folder, parameters, cell_timeout=run.cell_timeout)
    if record.status != "complete":
        raise NotebookFailed(f"its record says {record.status!r}, not 'complete'")
    _check_code(run)
    run.mark_done()


def _check_code(run):
    if run.code not in (None, code_digest()):
        raise NotebookFailed("the package's code is not what the sweep was planned with; start the sweep again")


def _first_and_last_line(reason: str) -> str:
    """An error in one line: its name, and the last line of a message of several."""
    lines = reason.strip().splitlines()
    return lines[0] if len(lines) < 2 else f"{lines[0].split(':')[0]}: {lines[-1].strip()}"


def _end_with_the_sweep():
    os.read(sys.stdin.fileno(), 1)  # returns when who started this closes it, or is no more
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE)
    os._exit(130)


def _main() -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background jobs, and inherited from there
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    task |= {field: Path(task[field]) for field in ("notebook", "folder", "earlier") if task[field] is not None}
    try:
        return work(Run(**task | {"depends_on": tuple(task["depends_on"])}))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(_main())
