"""The commands `sweep` and `tour`, of which one process after another is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from dlchkit.bench.remains import leftovers, note, note_leftovers, opened_file
from dlchkit.errors import DataError
from dlchkit.records import RunRecord
from dlchkit.runs.plan import load_plan

TOUR = {"n_pairs": 300, "n_source": 120, "n_items": 120, "epochs": 2, "transfer_epochs": 2, "width": 32, "bit_lengths": [8, 64]}
_SWEEP = ["n_bits: int = 16  # code length\nseed: int = 0  # seed\nout: str = ''  # folder"]
_SWEEP += ["from dlchkit.records import RunRecord\n\nrecord = RunRecord('small', {'n_bits': n_bits}, seed=seed)", "record.save(out)"]


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
            found[str(path.relative_to(folder))] = opened_file(path, is_right)
    for path in [*folder.glob("data/**/[!.]*.npy"), *folder.glob("data/**/[!.]*.npz")]:
        found[str(path.relative_to(folder))] = opened_file(path, _all_arrays)
    return found or {"out": "absent"}


def _all_arrays(path):
    stored = np.load(path, allow_pickle=False)
    return all(stored[name].size >= 0 for name in getattr(stored, "files", ())) if path.suffix == ".npz" else stored.ndim > 0


def kill_commands(kind: str, times: int, folder: Path, random: np.random.Generator, row: dict) -> None:
    """Kill processes of one command and count in ``row`` what was left, see `dlchkit.bench.kills.bench_kills`."""
    command_of = {"sweep": _sweep_command, "tour": _tour_command}[kind]
    longest, code = _run(folder / "timed", command_of)
    if code != 0:
        raise DataError(f"{kind} ends with {code} before anything is killed; it must work before it is measured")
    number, killed = 0, 0
    while killed < times:
        place = folder / f"killed{number}"
        before = leftovers(place)
        hit = _run(place, command_of, lambda process: _kill_one_of(process, random.uniform(0, longest), random))[1]
        killed += hit is None
        row["interrupted"] += leftovers(place) != before
        note(row, _look_command(place))
        if hit is not None or killed == times or random.random() < 1 / 3:
            row["second_runs"] += 1
            n_records, code = command_of(place)[1], _run(place, command_of)[1]
            found = _look_command(place)
            note(row, found)
            complete = sum(path.endswith("result.json") for path in found) == n_records and set(found.values()) == {"whole"}
            row["completed"] += complete and code == 0
            note_leftovers(row, place)
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
