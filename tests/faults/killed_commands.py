"""The commands `sweep` and `tour`, of which one process after another is killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from remains import Remains, state_of, temporary_files
from small_sweep import smallest_tour, write_sweep

from dlchkit.records import RunRecord
from dlchkit.runs.plan import load_plan


def sweep_command(folder: Path) -> list[str]:
    """A sweep of four runs of a small notebook, two at a time."""
    file = write_sweep(folder, seeds=[0, 1])
    return ["sweep", str(file), "-o", str(folder / "out"), "-j", "2", "--retry-failed"]


def tour_command(folder: Path) -> list[str]:
    """The smallest tour, which has six runs."""
    return ["tour", "-o", str(folder / "out"), *smallest_tour()]


COMMANDS = {"sweep": (sweep_command, 4), "tour": (tour_command, 6)}  # the command and its number of records


def look_at_command(folder: Path) -> dict[str, str]:
    """The state of all files that count: records, plans, failures, cached features and pictures, the report."""
    is_right = {
        "result.json": lambda path: RunRecord.load(path.parent) is not None,
        "sweep.json": lambda path: load_plan(path.parent) is not None,
        "failed.json": lambda path: "error" in json.loads(path.read_text(encoding="utf-8")),
        "done.txt": lambda path: path.stat().st_size > 60,
        "report.html": lambda path: path.read_text(encoding="utf-8").rstrip().endswith("</html>"),
    }
    files = {path: check for name, check in is_right.items() for path in (folder / "out").rglob(name)}
    files |= dict.fromkeys([*folder.glob("data/**/[!.]*.npy"), *folder.glob("data/**/[!.]*.npz")], _opens)
    found = {str(path.relative_to(folder)): state_of(path, check) for path, check in files.items()}
    return found or {"out": "absent"}


def _opens(path):
    stored = np.load(path, allow_pickle=False)
    if path.suffix == ".npy":
        return stored.ndim > 0
    return all(stored[name].size >= 0 for name in stored.files)


def kill_commands(kind: str, times: int, folder: Path, random: np.random.Generator) -> Remains:
    """Kill processes of one command at random moments and look at its files after each kill.

    The process is chosen at random from the command's tree: the command itself, a worker or a
    kernel. After a kill the command is called again; it runs undisturbed in one of three cases
    and after the last kill, and is killed again in the others.
    """
    command_of, n_records = COMMANDS[kind]
    longest, code = _run(folder / "timed", command_of)
    assert code == 0, f"{kind} ends with {code} before any kill"
    remains, number = Remains(), 0
    while remains.kills < times:
        place = folder / f"killed{number}"
        before = temporary_files(place)
        moment = random.uniform(0, longest)
        _, code = _run(place, command_of, lambda process, moment=moment: kill_one_of(process, moment, random))
        was_killed = code is None
        remains.kills += was_killed
        remains.interrupted += temporary_files(place) != before
        remains.note(look_at_command(place))
        if not was_killed or remains.kills == times or random.random() < 1 / 3:
            _, code = _run(place, command_of)
            found = look_at_command(place)
            n_found = sum(path.endswith("result.json") for path in found)
            remains.second_runs += 1
            remains.completed += code == 0 and n_found == n_records and set(found.values()) == {"whole"}
            remains.note(found)
            number += 1
    return remains


def _run(place, command_of: Callable[[Path], list[str]], disturb=lambda process: False):
    """Run a command with its caches below ``place``; return its seconds and its exit code, None where it was killed."""
    command = command_of(place)
    started = time.monotonic()
    environment = {**os.environ, "DLCHKIT_DATA": str(place / "data")}
    program = [sys.executable, "-m", "dlchkit.cli", *command]
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(program, stdout=nowhere, stderr=nowhere, env=environment, start_new_session=True) as process:
        was_killed = disturb(process)
        code = process.wait()
    return time.monotonic() - started, None if was_killed else code


def kill_one_of(process: subprocess.Popen, after: float, random: np.random.Generator) -> bool:
    """Kill the process or one of its descendants after so many seconds; return False if it had ended before."""
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


def kill_tree(pid: int) -> None:
    """Kill a process and all its descendants, as a power cut does."""
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
