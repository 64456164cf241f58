"""A run knows the code that made it: a changed method opens it again, a changed page does not."""

import os
import shutil
import subprocess
import sys

import pytest
from small_sweep import write_sweep

from dlchkit.records import RunRecord, code_commit, code_digest
from dlchkit.runs.plan import in_order, save_plan
from dlchkit.runs.sweep_file import plan_sweeps
from dlchkit.storage import resource_folder


@pytest.fixture
def planned(tmp_path):
    """A sweep of one run, finished by the package as it is now."""
    file = write_sweep(tmp_path, grid={"n_bits": [16]})
    (sweep,) = plan_sweeps([file], tmp_path / "out")
    save_plan(sweep, tmp_path / "out")
    (run,) = in_order((sweep,))
    RunRecord("small", {}, findings={}).save(run.folder)
    run.mark_done()
    return file


def runs_of(file, **options):
    return in_order(plan_sweeps([file], file.parent / "out", **options))


def test_a_record_names_the_code_and_its_commit():
    environment = RunRecord("any", {}).environment
    assert environment["code"] == code_digest()
    assert environment["commit"] == code_commit()


def test_a_finished_run_is_open_again_when_code_changed(planned, monkeypatch):
    assert [run.state() for run in runs_of(planned)] == ["done"]
    monkeypatch.setattr("dlchkit.runs.sweep_file.code_digest", lambda: "other")
    assert [run.state() for run in runs_of(planned)] == ["open: code changed"]
    assert [run.state() for run in runs_of(planned, any_code=True)] == ["done"]


def test_a_run_that_failed_by_other_code_is_open(planned, monkeypatch):
    from dlchkit.runs.run_process import note_failure

    (run,) = runs_of(planned)
    (run.folder / "done.txt").unlink()
    note_failure(run, "broken")
    assert run.state() == "failed"
    monkeypatch.setattr("dlchkit.runs.sweep_file.code_digest", lambda: "other")
    assert [run.state() for run in runs_of(planned)] == ["open"]


@pytest.mark.slow
def test_a_changed_loss_weight_opens_runs_and_a_changed_page_does_not(planned):
    copy = planned.parent / "checkout"
    package = resource_folder("notebooks").parent / "dlchkit"
    shutil.copytree(package, copy / "dlchkit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(resource_folder("notebooks"), copy / "notebooks")
    shutil.copytree(resource_folder("datasets"), copy / "datasets")

    def dry_run(*options):
        command = [sys.executable, "-m", "dlchkit.cli", "sweep", str(planned), "-o", str(planned.parent / "out")]
        environment = os.environ | {"PYTHONPATH": str(copy)}
        ended = subprocess.run(
            [*command, "--dry-run", *options], cwd=copy, env=environment, capture_output=True, text=True, check=True
        )
        return ended.stdout

    cli = copy / "dlchkit" / "cli.py"
    cli.write_text(cli.read_text(encoding="utf-8") + "\n# a comment\n", encoding="utf-8")
    assert dry_run().endswith(": done\n")
    method = copy / "dlchkit" / "lifelong" / "dlch.py"
    before = method.read_text(encoding="utf-8")
    changed = before.replace('"alpha": 0.01', '"alpha": 0.99')
    assert changed != before
    method.write_text(changed, encoding="utf-8")
    shown = dry_run()
    assert ": open: code changed\n" in shown
    assert "code changed since: 1 finished run open again; --keep keeps them" in shown
    assert ": done\n" in dry_run("--keep")
