"""A sweep that is killed half-way and holds a run that must fail: the second call completes all other runs."""

import os
import subprocess
import sys
import time

import pytest
from killed_commands import kill_tree
from small_sweep import command, runs_of, write_sweep

from dlchkit.reports import write_folder_report
from dlchkit.runs.plan import in_order
from dlchkit.runs.sweep_file import plan_sweeps

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")]
TAKES_A_WHILE = "import time; time.sleep(0.5)"
WRITES = "from pathlib import Path; Path(out, 'stream.json').write_text('{}')"


def test_all_but_the_run_with_a_folder_in_its_way_complete(tmp_path, kills, capsys):
    out = tmp_path / "out"
    file = write_sweep(tmp_path, TAKES_A_WHILE, WRITES, seeds=list(range(max(2, kills // 10))))
    runs = in_order(plan_sweeps([file], out))
    blocked = runs[len(runs) // 3]
    in_the_way = blocked.folder / "stream.json"
    in_the_way.mkdir(parents=True)

    def states():
        return [run.state() for run in runs]

    program = [sys.executable, "-m", "dlchkit.cli", "sweep", str(file), "-o", str(out), "-j", "2"]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30 * len(runs)
        while states().count("done") < len(runs) // 2:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        kill_tree(process.pid)
    done = {run.folder: (run.folder / "result.json").stat().st_mtime_ns for run in runs if run.state() == "done"}
    assert len(runs) // 2 <= len(done) < len(runs)

    assert command(file, out, "-j", "2") == 1
    shown = capsys.readouterr().out
    assert f"{len(runs) - 1} of {len(runs)} runs complete" in shown
    assert {run.name for run in runs if run.state() == "failed"} == {blocked.name}
    assert "IsADirectoryError" in shown
    assert done == {folder: (folder / "result.json").stat().st_mtime_ns for folder in done}
    page = write_folder_report(out).read_text(encoding="utf-8")
    assert f"{len(runs) - 1} of {len(runs)} runs are complete" in page
    assert "IsADirectoryError" in page

    in_the_way.rmdir()
    assert command(file, out, "-j", "2", "--retry-failed") == 0
    assert set(states()) == {"done"} and len(runs_of(out)) == len(runs)
