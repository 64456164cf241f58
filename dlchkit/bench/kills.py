"""SIGKILL at random moments of what the kit writes: afterwards everything is whole or absent, and a second run completes."""

import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np

from dlchkit.bench.killed_commands import kill_commands
from dlchkit.bench.killed_writers import WRITERS, kill_writers
from dlchkit.bench.timing import circumstances
from dlchkit.errors import DataError

KINDS = ("cache", "saving", "sweep", "tour")
SHARE = {"sweep": 10, "tour": 100}  # of these one kill for so many of the others: each takes a whole run


def bench_kills(*, times=200, what="all", seed=0) -> dict:
    """Kill writers at random moments and look at what is on disk.

    "cache" and "saving" are processes that write without pause: features into the feature
    cache; and in turn two versions each of exact hashing, an index and a result.json, over
    each other. "sweep" and "tour" are the commands, with a process of their tree chosen at
    random: the command itself, a worker or a kernel. After every kill all files that count
    are opened and compared with what was written; then the writer runs once more, to its
    end, or is killed again (sweep and tour: two times of three), before it may.

    Parameters
    ----------
    times : kills of each kind; with what="all" of "sweep" a tenth and of "tour" a hundredth
    what : one of `KINDS`, or "all"
    seed : of the moments and victims; the machine has its share in them

    Returns
    -------
    dict of plain values, ready for JSON; in ``rows``, for each kind
        ``kills``; ``interrupted``: of them, those that left a temporary file, so were in the
        middle of writing; ``whole`` and ``absent``: files found so, over all looks; ``damaged``:
        one line for each that was neither; ``second_runs`` and ``completed``; ``leftovers`` and
        ``leftover_bytes``: temporary files that stayed after the second runs, which nothing
        reads; ``seconds``

    Raises
    ------
    DataError
        for an unknown kind, a number below 1, or a system without SIGKILL and forks
    """
    if what not in (*KINDS, "all"):
        raise DataError(f"what is {what!r}; it must be one of {', '.join(KINDS)} or all")
    if times < 1:
        raise DataError(f"times is {times}; it must be at least 1")
    if "forkserver" not in multiprocessing.get_all_start_methods():
        raise DataError("this benchmark needs a system with SIGKILL and forks, such as Linux or macOS")
    rows = []
    for number, kind in enumerate(KINDS):
        if what in (kind, "all"):
            n = max(1, times // SHARE.get(kind, 1)) if what == "all" else times
            counts = dict.fromkeys(("interrupted", "whole", "absent", "second_runs", "completed", "leftovers", "leftover_bytes"), 0)
            started, row = time.monotonic(), {"what": kind, "kills": n, **counts, "damaged": []}
            with tempfile.TemporaryDirectory() as folder:
                kill_all = kill_writers if kind in WRITERS else kill_commands
                kill_all(kind, n, Path(folder), np.random.default_rng([seed, number]), row)
            rows.append({**row, "seconds": time.monotonic() - started})
    return {"what": "kills", "rows": rows, **circumstances()}


def describe_kills(measured: dict) -> str:
    """What `bench_kills` found, one line for each kind and each damaged file."""
    lines = []
    for row in measured["rows"]:
        lines.append(
            f"{row['what']:<7} {row['kills']:>4} kills, {row['interrupted']} in the middle of a file; {row['whole']:,} files whole, {row['absent']:,} absent, "
            f"{len(row['damaged'])} damaged; {row['completed']} of {row['second_runs']} second runs completed; "
            f"{row['leftovers']} temporary files left ({row['leftover_bytes'] / 1e6:.1f} MB), {row['seconds']:.0f} s"
        )
        lines += [f"  damaged: {said}" for said in row["damaged"]]
    return "\n".join(lines)
