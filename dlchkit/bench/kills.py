"""SIGKILL at random moments of what the kit writes: afterwards everything is whole or absent, and a second run completes."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import psutil

from dlchkit.bench.timing import circumstances
from dlchkit.encoders.cache import cached_features
from dlchkit.errors import DataError
from dlchkit.index import FaissIndex
from dlchkit.lifelong import ExactHashing, load_exact, save_exact
from dlchkit.records import RunRecord
from dlchkit.sweep import load_plan

KINDS = ("cache", "saving", "sweep", "tour")
SHARE = {"sweep": 10, "tour": 100}  # of these one kill for so many of the others: each takes a whole run
TOUR = {"n_pairs": 300, "n_source": 120, "n_items": 120, "epochs": 2, "transfer_epochs": 2, "width": 32, "bit_lengths": [8, 64]}
CACHED = (256, 8_192)  # float32, 8 MB
INDEXED = (10_000, 20_000)  # codes of the two indexes that are saved in turn
_SWEEP = ["n_bits: int = 16  # code length\nseed: int = 0  # seed\nout: str = ''  # folder"]
_SWEEP += ["from dlchkit.records import RunRecord\n\nrecord = RunRecord('small', {'n_bits': n_bits}, seed=seed)", "record.save(out)"]


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
                kill_all = _kill_writers if kind in WRITERS else _kill_commands
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


def _note(row, found):
    """Count what a look found: path -> "whole", "absent" or what is wrong."""
    for path, said in found.items():
        if said in ("whole", "absent"):
            row[said] += 1
        else:
            row["damaged"].append(f"{path}: {said}")


def _leftovers(folder) -> set[Path]:
    """Temporary files that a kill has left."""
    return {path for path in folder.rglob(".*") if path.is_file() and path.parent.name != ".locks"}


def _note_leftovers(row, folder):
    row["leftovers"] += len(_leftovers(folder))
    row["leftover_bytes"] += sum(path.stat().st_size for path in _leftovers(folder))


# --- processes that write without pause ---


class _Encoder:
    """Gives every item the first letter's value, so that what a file should hold is seen from any of its entries."""

    fingerprint = "an encoder of the benchmark of kills"

    def encode(self, items):
        return np.full(CACHED, float(items[0]), dtype=np.float32)


def _write_cache(folder, number):
    cached_features(_Encoder(), np.array([str(number)] * CACHED[0]), folder=folder)


def _look_cache(folder):
    found = {}
    for path in folder.glob("[!.]*.npy"):
        try:
            features = np.load(path, allow_pickle=False)
            found[path.name] = "whole" if features.shape == CACHED and (features == features[0, 0]).all() else "of other content"
        except (ValueError, EOFError, OSError) as error:
            found[path.name] = str(error)
    return found or {"features": "absent"}


@cache
def _hashing(version):
    random, n = np.random.default_rng(version), 100 * (1 + version)
    labels = np.eye(4, dtype=bool)[np.arange(n) % 4]
    return ExactHashing(16, units=150, ridge=1.0, device="cpu").partial_fit(random.normal(size=(n, 16)), random.normal(size=(n, 16)), labels)


@cache
def _index(version):
    codes = np.random.default_rng(version).choice(np.array([-1, 1], np.int8), size=(INDEXED[version], 64))
    index = FaissIndex(64)
    index.add(codes, np.array([f"item{i}" for i in range(len(codes))]))
    return index


def _write_saving(folder, number):
    version = number % 2
    save_exact(_hashing(version), folder / "hashing.safetensors")
    _index(version).save(folder / "index")
    RunRecord("kills", {"version": version}, findings={"long": list(range(20_000))}).save(folder)


def _look_saving(folder):
    opened = {
        "hashing.safetensors": lambda path: load_exact(path, device="cpu").n_items in (100, 200),
        "index/index.json": lambda path: len(FaissIndex.load(path.parent)) in INDEXED,
        "result.json": lambda path: len(RunRecord.load(path.parent).findings["long"]) == 20_000,
    }
    return {name: _opened(folder / name, is_right) for name, is_right in opened.items()}


def _opened(path, is_right):
    if not path.exists():
        return "absent"
    try:
        return "whole" if is_right(path) else "of other content"
    except (DataError, ValueError, OSError, KeyError) as error:
        return str(error)


WRITERS = {"cache": (_write_cache, _look_cache), "saving": (_write_saving, _look_saving)}


def _write_for_ever(kind, folder, ready):
    write, number = WRITERS[kind][0], int.from_bytes(os.urandom(3))
    for version in (0, 1):  # what is made once is made before
        write(Path(folder) / "warm", version)
    ready.send(True)
    while True:
        write(Path(folder) / "killed", number)
        number += 1


def _kill_writers(kind, times, folder, random, row):
    write, look = WRITERS[kind]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    once = _seconds(write, folder / "timed", 0) and _seconds(write, folder / "timed", 2)
    for _ in range(times):
        killed = folder / "killed"
        if random.random() < 0.5:
            _note_leftovers(row, killed)
            shutil.rmtree(killed, ignore_errors=True)
        before = _leftovers(killed)
        ready, sender = context.Pipe(duplex=False)
        process = context.Process(target=_write_for_ever, args=(kind, str(folder), sender))
        process.start()
        ready.recv()
        time.sleep(random.uniform(0, 3 * once))
        process.kill()
        process.join()
        process.close()
        row["interrupted"] += _leftovers(killed) != before
        _note(row, look(killed))
        row["second_runs"] += 1
        write(killed, 1)
        after = look(killed)
        row["completed"] += set(after.values()) == {"whole"}
        _note(row, after)
    _note_leftovers(row, killed)


def _seconds(function, *arguments):
    started = time.monotonic()
    function(*arguments)
    return time.monotonic() - started


# --- commands ---


def _sweep_command(folder):
    import nbformat
    import yaml
    from nbformat.v4 import new_code_cell, new_notebook

    first, *others = _SWEEP
    cells = [new_code_cell(first, metadata={"tags": ["parameters"]}), *map(new_code_cell, others)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / "small.ipynb")
    content = {"notebook": "small.ipynb", "title": "Kills", "grid": {"n_bits": [16, 32]}, "seeds": [0, 1]}
    (folder / "small.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return ["sweep", str(folder / "small.yaml"), "-o", str(folder / "out"), "-j", "2", "--retry-failed"], 4


def _tour_command(folder):
    return ["tour", "-o", str(folder / "out"), *(word for name, value in TOUR.items() for word in ("-p", name, str(value)))], 6


def _look_command(folder):
    """All files that count: records, plans, failures, cached features and pictures, the report."""
    found, out = {}, folder / "out"
    opened = {
        "result.json": lambda path: RunRecord.load(path.parent) is not None,
        "sweep.json": lambda path: load_plan(path.parent) is not None,
        "failed.json": lambda path: "error" in json.loads(path.read_text(encoding="utf-8")),
        "done.txt": lambda path: path.stat().st_size > 60,
        "report.html": lambda path: path.read_text(encoding="utf-8").rstrip().endswith("</html>"),
    }
    for name, is_right in opened.items():
        for path in out.rglob(name):
            found[str(path.relative_to(folder))] = _opened(path, is_right)
    for path in [*folder.glob("data/**/[!.]*.npy"), *folder.glob("data/**/[!.]*.npz")]:
        found[str(path.relative_to(folder))] = _opened(path, _all_arrays)
    return found or {"out": "absent"}


def _all_arrays(path):
    stored = np.load(path, allow_pickle=False)
    return all(stored[name].size >= 0 for name in getattr(stored, "files", ())) if path.suffix == ".npz" else stored.ndim > 0


def _kill_commands(kind, times, folder, random, row):
    command_of = {"sweep": _sweep_command, "tour": _tour_command}[kind]
    longest, code = _run(folder / "timed", command_of)
    if code != 0:
        raise DataError(f"{kind} ends with {code} before anything is killed; it must work before it is measured")
    number, killed = 0, 0
    while killed < times:
        place = folder / f"killed{number}"
        before = _leftovers(place)
        hit = _run(place, command_of, lambda process: _kill_one_of(process, random.uniform(0, longest), random))[1]
        killed += hit is None
        row["interrupted"] += _leftovers(place) != before
        _note(row, _look_command(place))
        if hit is not None or killed == times or random.random() < 1 / 3:
            row["second_runs"] += 1
            n_records, code = command_of(place)[1], _run(place, command_of)[1]
            found = _look_command(place)
            _note(row, found)
            complete = sum(path.endswith("result.json") for path in found) == n_records and set(found.values()) == {"whole"}
            row["completed"] += complete and code == 0
            _note_leftovers(row, place)
            number += 1


def _run(place, command_of, during=lambda process: False):
    """Run a command with its caches below ``place``; seconds, and its exit code, or None where it was killed."""
    command, _ = command_of(place)
    started = time.monotonic()
    environment = {**os.environ, "DLCHKIT_DATA": str(place / "data")}
    program = [sys.executable, "-m", "dlchkit.cli", *command]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, start_new_session=True) as process:
        hit = during(process)
        code = process.wait()
    return time.monotonic() - started, None if hit else code


def _kill_one_of(process, after, random) -> bool:
    """Kill the process, or one that it has started, after so many seconds; False if it had ended before."""
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        pass
    try:
        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        tree[random.integers(len(tree))].send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return False
    return True
