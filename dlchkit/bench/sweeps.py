"""A sweep that is killed half-way and holds a run that must fail: what two workers take beside one core's time, and what is left."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml

from dlchkit.bench.timing import circumstances
from dlchkit.errors import DataError
from dlchkit.reports import write_folder_report
from dlchkit.runs.plan import DONE, in_order
from dlchkit.runs.sweep_file import plan_sweep

SWEEP = {
    "notebook": "03_increments",
    "title": "Killed half-way",
    "parameters": {"n_pairs": 300, "n_source": 120, "epochs": 2},
    "grid": {"n_bits": [16, 64], "methods": [["joint", "dlch"], ["joint", "finetune"]]},
}
IN_THE_WAY = "stream.json"  # a file that the notebook writes in its last cell


def bench_sweep(*, n_seeds: int = 10, workers: int = 2, folder: Path | None = None) -> dict:
    """Run one sweep twice: by one worker on one core, undisturbed; and by several, killed half-way and called again.

    One run finds a folder where its last file should go, so that it fails when all else of
    it is done. SIGKILL goes to the command and everything it has started, once half the
    runs are done. Both sweeps begin with empty caches. Seconds are of the wall, with the
    start of Python and of the kernels.

    Parameters
    ----------
    n_seeds : seeds of `SWEEP`, four runs each
    workers : runs at a time in the second sweep, one core each
    folder : keeps the second sweep and its report; None for a temporary one

    Returns
    -------
    dict of plain values, ready for JSON
        ``runs``, ``complete`` and ``failed`` (name -> error) after the second call;
        ``done_before_kill``; ``begun_twice``: runs that were at work when the kill came;
        ``seconds_one_core``; ``seconds`` of both calls; ``times_ideal``: their sum over
        ``seconds_one_core / workers``; ``report_bytes``; ``report_says``: whether the report
        names the failed run and counts the complete ones; ``complete_after_retry``: with
        the way cleared and --retry-failed

    Raises
    ------
    DataError
        for numbers below 1, more workers than cores, or a system that cannot bind a process to a core
    """
    if n_seeds < 1 or workers < 1:
        raise DataError(f"n_seeds is {n_seeds} and workers {workers}; both must be at least 1")
    if not hasattr(os, "sched_setaffinity"):
        raise DataError("this benchmark binds processes to cores, which needs Linux")
    cores = sorted(os.sched_getaffinity(0))
    if workers > len(cores):
        raise DataError(f"workers is {workers}; this process may use {len(cores)} cores, and the comparison is by core")
    with tempfile.TemporaryDirectory() as temporary:
        places = Path(temporary) / "one", Path(folder or Path(temporary) / "several").resolve()
        one, several = (_Sweep(place, n_seeds) for place in places)
        seconds_one_core, _ = one.call(1, cores[:1])
        first, done_before = several.call(workers, cores[:workers], kill_after=len(several.runs) // 2)
        begun = sum(run.folder.is_dir() for run in several.runs)
        second, _ = several.call(workers, cores[:workers])
        failed = {run.name: run.failure()["error"] for run in several.runs if run.failure()}
        complete = several.n_done()
        page = write_folder_report(several.out).read_text(encoding="utf-8")
        said = f"{complete} of {len(several.runs)} runs are complete" in page and several.blocked.failure()["error"].split(":")[0] in page
        several.clear_the_way()
        several.call(workers, cores[:workers], "--retry-failed")
        return {
            "what": "sweep",
            "runs": len(several.runs),
            "workers": workers,
            "complete": complete,
            "failed": failed,
            "done_before_kill": done_before,
            "begun_twice": begun - done_before - 1,  # one folder was there from the beginning: that with something in the way
            "seconds_one_core": seconds_one_core,
            "seconds": [first, second],
            "times_ideal": (first + second) / (seconds_one_core / workers),
            "report_bytes": len(page.encode()),
            "report_says": said,
            "complete_after_retry": several.n_done(),
            **circumstances("torch"),
        }


def describe_sweep(measured: dict) -> str:
    """What `bench_sweep` found, in a few lines."""
    first, second = measured["seconds"]
    failed = "; ".join(f"{name}: {error}" for name, error in measured["failed"].items())
    return "\n".join(
        [
            f"{measured['runs']} runs, killed after {measured['done_before_kill']} with {measured['begun_twice']} at work, called again: {measured['complete']} complete",
            f"failed: {failed or 'none'}; after a retry {measured['complete_after_retry']} complete",
            f"the report ({measured['report_bytes'] / 1e6:.2f} MB) {'says so' if measured['report_says'] else 'DOES NOT say so'}",
            f"{measured['workers']} workers took {first:.0f} + {second:.0f} s, one core {measured['seconds_one_core']:.0f} s: {measured['times_ideal']:.3f} times the ideal",
        ]
    )


class _Sweep:
    """The sweep in a place of its own, with caches of its own and one run that cannot end well."""

    def __init__(self, place: Path, n_seeds: int):
        self.place, self.out, self.file = place, place / "runs", place / "killed.yaml"
        place.mkdir(parents=True, exist_ok=True)
        if self.out.exists():
            raise DataError(f"{self.out} exists already; name an empty folder")
        self.file.write_text(yaml.safe_dump(SWEEP | {"seeds": list(range(n_seeds))}), encoding="utf-8")
        self.runs = in_order((plan_sweep(self.file, self.out),))
        self.blocked = self.runs[len(self.runs) // 3]
        (self.blocked.folder / IN_THE_WAY).mkdir(parents=True)

    def n_done(self) -> int:
        return sum((run.folder / DONE).is_file() for run in self.runs)

    def clear_the_way(self):
        (self.blocked.folder / IN_THE_WAY).rmdir()

    def call(self, workers, cores, *options, kill_after=None):
        """Seconds of one call of the command on these cores, and how many runs were done when it ended or was killed."""
        command = [sys.executable, "-m", "dlchkit.cli", "sweep", str(self.file), "-o", str(self.out), "-j", str(workers), *options]
        environment = {**os.environ, "DLCHKIT_DATA": str(self.place / "data")}
        started = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
            psutil.Process(process.pid).cpu_affinity(cores)  # what it starts inherits it
            while process.poll() is None:
                if kill_after is not None and self.n_done() >= kill_after:
                    _kill_tree(process.pid)
                time.sleep(0.05)
        return time.monotonic() - started, self.n_done()


def _kill_tree(pid):
    """SIGKILL to a process and all below it, as when the power goes."""
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            pass
