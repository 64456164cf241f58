"""Sweeps: all is checked first, runs stand alone, and nothing finished is lost or done twice."""

import contextlib
import errno
import io
import json
import os
import signal
from dataclasses import replace

import pytest
from small_sweep import (
    SLEEPS_ONCE,
    WAITS_FOR_ANOTHER,
    command,
    is_alive,
    kernel_of,
    runs_of,
    start_sweep,
    wait_for,
    write_sweep,
)

from dlchkit.cli import main
from dlchkit.records import RunRecord, code_digest
from dlchkit.runs.display import LiveLines, in_time
from dlchkit.runs.plan import in_order, load_plan
from dlchkit.runs.run_process import THREAD_VARIABLES, threads_per_worker, work
from dlchkit.runs.sweep_file import plan_sweeps

# --- what is planned ---


def test_every_combination_is_planned_and_each_seed_makes_a_full_table_first(tmp_path):
    one = write_sweep(tmp_path, name="one", grid={"n_bits": [16, 32], "name": ["x", "y"]}, seeds=[4, 7])
    two = write_sweep(tmp_path, name="two", seeds=[1, 2, 3], parameters={"sizes": [5]})
    runs = in_order(plan_sweeps([one, two], tmp_path / "out"))
    grid = [(16, "x"), (16, "y"), (32, "x"), (32, "y")]
    expected = [("one", *point, 4) for point in grid] + [("two", bits, None, 1) for bits in (16, 32)]
    expected += (
        [("one", *point, 7) for point in grid]
        + [("two", bits, None, 2) for bits in (16, 32)]
        + [("two", bits, None, 3) for bits in (16, 32)]
    )
    assert [
        (run.sweep, run.parameters["n_bits"], run.parameters.get("name"), run.parameters["seed"]) for run in runs
    ] == expected
    assert len({run.folder for run in runs}) == len(runs) and not (tmp_path / "out").exists()
    assert runs[4].folder == tmp_path / "out" / "two" / f"n_bits=16_seed=1-{runs[4].digest[:8]}"


def test_values_are_brought_to_the_notebooks_types(tmp_path):
    (sweep,) = plan_sweeps(
        [write_sweep(tmp_path, parameters={"rate": "1e-3", "name": 7}, grid={"n_bits": ["16"]})], tmp_path
    )
    assert sweep.runs[0][0].parameters == {"rate": 1e-3, "name": "7", "n_bits": 16, "seed": 0}


def test_the_kits_notebooks_are_known_by_name(tmp_path):
    (sweep,) = plan_sweeps([write_sweep(tmp_path, notebook="03_increments")], tmp_path)
    assert sweep.notebooks[0].name == "03_increments.ipynb"


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"grids": {}}, "has no key 'grids'; did you mean 'grid'?"),
        ({"seeds": None}, "'seeds' is None; it must be a list of whole numbers"),
        ({"seeds": []}, "'seeds' is []; it must be a list of whole numbers"),
        ({"seeds": 5}, "'seeds' is 5; it must be a list of whole numbers"),
        ({"seeds": [0.5]}, "'seed' is 0.5; it must be a whole number"),
        ({"title": None}, "'title' is None; it must be text"),
        ({"parameters": [1]}, "'parameters' is [1]; it must be 'name: value' lines"),
        ({"grid": {"n_bits": 16}}, "'n_bits' is 16; it must be a list of values, e.g. [16]"),
        ({"grid": {"n_bits": []}}, "'n_bits' is []; it must be a list of values"),
        ({"grid": {"nbits": [16]}}, "no parameter 'nbits'; did you mean 'n_bits'?"),
        ({"grid": {"n_bits": [16, "many"]}}, "'n_bits' is 'many'; it must be a whole number"),
        ({"parameters": {"rates": 1}}, "no parameter 'rates'; did you mean 'rate'?"),
        ({"parameters": {"n_bits": 8}}, "'n_bits' among 'parameters' and in 'grid'"),
        ({"parameters": {"seed": 1}}, "names the parameter 'seed'; the sweep sets it"),
        ({"grid": {"out": ["x"]}}, "names the parameter 'out'; the sweep sets it"),
        ({"grid": {"n_bits": [16, "16"]}}, "twice"),
        ({"seeds": [0, 1, 0]}, "names the run wrong/n_bits=16_seed=0-"),
        ({"cell_timeout": 0}, "cell_timeout is 0; it must be a whole number of seconds"),
        ({"cell_timeout": "long"}, "cell_timeout is 'long'; it must be a whole number of seconds"),
        (
            {"grid": {"n_bits": list(range(200)), "name": list(range(60))}},
            "asks for 12,000 runs; a sweep has 10,000 at most",
        ),
        ({"notebook": "absent"}, "notebook 'absent' does not exist; the kit's own are"),
        ({"notebook": "there/absent.ipynb"}, "a path is relative to the sweep file"),
    ],
)
def test_a_mistake_in_any_file_ends_with_2_before_anything_runs(tmp_path, capsys, entries, said):
    good = write_sweep(tmp_path, name="good")
    wrong = write_sweep(tmp_path, name="wrong", **entries)
    assert main(["sweep", str(good), str(wrong), "-o", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and not shown.out
    assert not (tmp_path / "out").exists()


def test_two_files_of_one_name_are_refused(tmp_path, refused):
    files = [write_sweep(tmp_path / "a"), write_sweep(tmp_path / "b")]
    with refused("would share the folder small", "another file name"):
        plan_sweeps(files, tmp_path)


@pytest.mark.parametrize("content", ["{", "- a", "\xff"])
def test_what_is_no_sweep_file_is_refused(tmp_path, refused, content):
    (tmp_path / "s.yaml").write_bytes(content.encode("latin-1"))
    with refused(str(tmp_path / "s.yaml")):
        plan_sweeps([tmp_path / "s.yaml"], tmp_path)
    with refused("absent.yaml does not exist"):
        plan_sweeps([tmp_path / "absent.yaml"], tmp_path)


def test_a_dry_run_lists_and_starts_nothing(tmp_path, capsys):
    assert command(write_sweep(tmp_path), tmp_path / "out", "--dry-run") == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split("-")[0] for line in shown] == ["small/n_bits=16_seed=0", "small/n_bits=32_seed=0"]
    assert all(line.endswith(": open") for line in shown)
    assert not (tmp_path / "out").exists()


def test_no_worker_is_refused(tmp_path, capsys):
    assert command(write_sweep(tmp_path), tmp_path / "out", "-j", "0") == 2
    assert "needs one at least" in capsys.readouterr().err


# --- what is run ---


@pytest.mark.slow
def test_two_at_a_time_then_skipped_then_run_again_for_a_changed_notebook(tmp_path, capsys):
    out, file = tmp_path / "out", write_sweep(tmp_path, WAITS_FOR_ANOTHER)
    assert command(file, out, "-j", "2") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "2 runs: 0 done before, 2 to do"
    assert [line[:5] for line in shown[1:3]] == ["[1/2]", "[2/2]"]
    assert shown[3:] == [f"2 of 2 runs complete; for the page: dlchkit report {out}"]

    runs = runs_of(out)
    records = {bits: run.record() for (bits, _), run in runs.items()}
    assert {bits: record.parameters["n_bits"] for bits, record in records.items()} == {16: 16, 32: 32}
    for record in records.values():  # what the kernel saw
        assert {name: record.environment[name] for name in THREAD_VARIABLES} == dict.fromkeys(
            THREAD_VARIABLES, str(threads_per_worker(2))
        )
    a, b = (record.findings for record in records.values())
    assert max(a["began"], b["began"]) < min(a["ended"], b["ended"])  # each waited for the other to be there

    stamps = {run.folder: (run.folder / "result.json").stat().st_mtime_ns for run in runs.values()}
    (
        runs[32, 0].folder / "done.txt"
    ).unlink()  # as after a kill at the worst moment: a record, but not known to be this run's
    write_sweep(tmp_path, WAITS_FOR_ANOTHER, grid={"n_bits": [32]})
    assert command(file, out, "--dry-run") == 0 and capsys.readouterr().out.endswith(": open\n")
    runs[32, 0].mark_done()
    assert command(file, out) == 0
    assert capsys.readouterr().out.startswith("1 run: 1 done before, 0 to do\n1 of 1 run complete;")
    assert stamps == {folder: (folder / "result.json").stat().st_mtime_ns for folder in stamps}

    write_sweep(tmp_path, "1 + 1", grid={"n_bits": [32]})
    assert command(file, out) == 0
    assert "1 run: 0 done before, 1 to do" in capsys.readouterr().out
    assert runs_of(out)[32, 0].state() == "done" and runs_of(out)[32, 0].folder != runs[32, 0].folder


@pytest.mark.slow
def test_failures_stay_alone_and_are_tried_again_only_when_asked(tmp_path, capsys):
    (tmp_path / "broken").touch()
    fails = f"""
if os.path.exists({str(tmp_path / "broken")!r}):
    if n_bits == 16: raise ValueError("first\\nthe last line")
    if n_bits == 24: os.kill(os.getpid(), 9)
"""
    out, file = tmp_path / "out", write_sweep(tmp_path, fails, grid={"n_bits": [16, 24, 32]})
    assert command(file, out, "-j", "3") == 1
    shown = capsys.readouterr().out
    assert (
        "failed after" in shown and shown.count("\nfailed: small/n_bits=") == 2 and "ValueError: the last line" in shown
    )
    runs = runs_of(out)
    assert (
        f"ValueError: the last line ({runs[16, 0].folder / 'small.ipynb'})\n" in shown
        and "1 of 3 runs complete" in shown
    )
    assert {bits: run.state() for (bits, _), run in runs.items()} == {16: "failed", 24: "failed", 32: "done"}
    failure = json.loads((runs[16, 0].folder / "failed.json").read_text())
    assert type(failure["cell"]) is int
    assert (failure["digest"], failure["code"]) == (runs[16, 0].digest, code_digest())
    assert failure["error"] == "ValueError: the last line"
    assert "died" in runs[24, 0].failure()["error"].lower() and str(tmp_path) not in runs[24, 0].failure()["error"]

    (tmp_path / "broken").unlink()
    assert command(file, out) == 1
    assert "1 done before, 2 failed before (--retry-failed tries them again), 0 to do" in capsys.readouterr().out
    assert command(file, out, "--retry-failed", "-j", "2") == 0
    assert "1 done before, 2 to do" in capsys.readouterr().out
    assert {run.state() for run in runs.values()} == {"done"} and not list(out.glob("*/*/failed.json"))


@pytest.mark.slow
def test_a_cell_past_its_time_limit_fails_its_run_and_is_named(tmp_path, capsys):
    out, file = tmp_path / "out", write_sweep(tmp_path, "if n_bits == 16: time.sleep(600)", cell_timeout=6)
    assert command(file, out, "-j", "2") == 1
    assert "cell 3: TimeoutError: took longer than cell_timeout, 6 s" in capsys.readouterr().out
    assert {bits: run.state() for (bits, _), run in runs_of(out).items()} == {16: "failed", 32: "done"}


def test_a_time_limit_changes_no_run(tmp_path):
    with_and_without = (
        plan_sweeps([write_sweep(tmp_path, cell_timeout=limit)], tmp_path)[0].runs[0][0] for limit in (None, 60)
    )
    one, other = with_and_without
    assert (one.digest, one.folder, one.cell_timeout, other.cell_timeout) == (other.digest, other.folder, None, 60)


FULL = """
import errno, pathlib
def full(*_, **__): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
"""


@pytest.mark.slow
def test_a_full_disk_fails_its_run_and_leaves_the_others_alone(tmp_path, capsys):
    full = f"{FULL}if n_bits == 16: pathlib.Path.write_text = full"  # in the kernel, when it writes the record
    out, file = tmp_path / "out", write_sweep(tmp_path, full)
    assert command(file, out, "-j", "2") == 1
    runs = runs_of(out)
    assert {bits: run.state() for (bits, _), run in runs.items()} == {16: "failed", 32: "done"}
    assert runs[16, 0].failure()["error"] == "OSError: [Errno 28] No space left on device"
    assert sorted(path.name for path in runs[16, 0].folder.iterdir()) == ["failed.json", "small.ipynb"]
    assert "No space left on device" in capsys.readouterr().out


@pytest.mark.slow
def test_a_failure_that_cannot_even_be_noted_is_still_said(tmp_path, capsys, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out, file = tmp_path / "out", write_sweep(tmp_path, "if n_bits == 16: os.kill(os.getppid(), 9)")
    monkeypatch.setattr("dlchkit.runs.run_process.atomic_path", full)
    assert command(file, out, "-j", "2") == 1
    said = capsys.readouterr().out
    assert "its process ended with signal 9 (and failed.json could not be written: No space left on device)" in said
    assert {bits: run.state() for (bits, _), run in runs_of(out).items()} == {16: "open", 32: "done"}


def test_an_unwritable_folder_is_said_in_one_line_by_the_worker(tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run = in_order(plan_sweeps([write_sweep(tmp_path)], tmp_path / "out"))[0]
    monkeypatch.setattr("dlchkit.runs.run_process.run_notebook", full)
    assert work(replace(run, notebook=tmp_path / "small.ipynb")) == 1
    assert run.failure()["error"] == "OSError: No space left on device" == capsys.readouterr().err.strip()


def test_a_second_process_waits_and_leaves_a_finished_run_alone(tmp_path, monkeypatch):
    run = in_order(plan_sweeps([write_sweep(tmp_path)], tmp_path / "out"))[0]

    def first_finishes(path):
        RunRecord("small", {}, environment={}).save(run.folder)
        run.mark_done()
        return contextlib.nullcontext()

    monkeypatch.setattr("dlchkit.runs.run_process.one_at_a_time", first_finishes)
    monkeypatch.setattr("dlchkit.runs.run_process.run_notebook", None)
    assert work(run) == 0 and run.state() == "done"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_a_line_per_worker_and_one_for_the_whole_are_kept_up_to_date(tmp_path, monkeypatch):
    runs = in_order(plan_sweeps([write_sweep(tmp_path, grid={"n_bits": [16, 32, 64]})], tmp_path / "out"))
    now = 0
    monkeypatch.setattr("dlchkit.runs.display.time.monotonic", lambda: now)
    screen = LiveLines(Terminal())
    screen.begin(3)
    screen.started(runs[0], "worker 1")
    now = 10
    screen.started(runs[1], "worker 2")
    assert [bar.desc for bar in screen.bars] == [
        f"worker 1: {runs[0].name} (10 s)",
        f"worker 2: {runs[1].name} (0 s)",
        "0 of 3 runs ended",
    ]
    now = 50
    screen.ended(runs[1], None, 40.0)
    assert [bar.desc for bar in screen.bars[1:]] == ["", "1 of 3 runs ended, about 40 s left"]
    assert "[1/3]" not in screen.stream.getvalue()
    screen.started(runs[2], "worker 2")
    now = 60
    screen.ended(runs[0], "cell 4: ValueError: no", 60.0)
    assert (
        f"[2/3] {runs[0].name}: failed after 60 s: cell 4: ValueError: no (about 40 s left)\n"
        in screen.stream.getvalue()
    )
    now = 70
    screen.tick()
    assert [bar.desc for bar in screen.bars] == [
        f"worker 2: {runs[2].name} (20 s)",
        "",
        "2 of 3 runs ended, about 30 s left",
    ]
    screen.end()
    assert screen.bars == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
@pytest.mark.slow
def test_a_stopped_sweep_leaves_no_process_and_loses_nothing_finished(tmp_path, capsys, how):
    out = tmp_path / "out"
    file = write_sweep(tmp_path, SLEEPS_ONCE, grid={"n_bits": [16, 32] if how is signal.SIGINT else [32]})
    sweep = start_sweep(file, out)
    try:
        processes = kernel_of(out)
        sweep.send_signal(how)
        _, said = sweep.communicate(timeout=120)
    finally:
        sweep.kill()
    assert sweep.returncode == {signal.SIGINT: 130, signal.SIGKILL: -9}[how]
    assert how is signal.SIGKILL or said == "dlchkit: stopped; the same command goes on where it was\n"
    wait_for(lambda: not any(map(is_alive, processes)))

    runs = runs_of(out)
    assert runs[32, 0].state() == "open"
    if how is signal.SIGINT:
        before = runs[16, 0].record().findings["ended"]
        assert command(file, out) == 0
        assert "2 runs: 1 done before, 1 to do" in capsys.readouterr().out
        assert runs[32, 0].state() == "done" and runs[16, 0].record().findings["ended"] == before


# --- inside a worker ---


def test_a_worker_refuses_another_notebook_than_was_planned(tmp_path):
    file = write_sweep(tmp_path)
    run = in_order(plan_sweeps([file], tmp_path / "out"))[0]
    run.folder.mkdir(parents=True)
    (run.folder / "done.txt").write_text(run.digest)
    write_sweep(tmp_path, "1 + 1")
    assert work(replace(run, notebook=tmp_path / "small.ipynb")) == 1
    assert run.state() == "failed" and "start the sweep again" in run.failure()["error"]
    assert sorted(path.name for path in run.folder.iterdir()) == ["failed.json"]


def test_only_a_complete_record_of_this_very_run_counts(tmp_path):
    run = in_order(plan_sweeps([write_sweep(tmp_path)], tmp_path / "out"))[0]
    run.mark_done()
    assert run.state() == "open"
    RunRecord("small", {}, environment={}, status="stopped").save(run.folder)
    assert run.state() == "open"
    RunRecord("small", {}, environment={}).save(run.folder)
    assert run.state() == "done"
    (run.folder / "done.txt").write_text("0" * 64)
    assert run.state() == "open"


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"digest": "another", "cell": 1, "error": "e"}', '{"digest": "DIGEST"}']
)
def test_a_note_of_another_or_a_damaged_failure_does_not_count(tmp_path, content):
    run = in_order(plan_sweeps([write_sweep(tmp_path)], tmp_path / "out"))[0]
    run.folder.mkdir(parents=True)
    (run.folder / "failed.json").write_text(content.replace("DIGEST", run.digest))
    assert run.failure() is None and run.state() == "open"


def test_workers_share_the_cores():
    cores = threads_per_worker(1)
    assert cores >= 1 and threads_per_worker(cores) == 1 and threads_per_worker(10 * cores) == 1
    assert {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"} == set(THREAD_VARIABLES)
    assert (in_time(119.4), in_time(7199), in_time(7200)) == ("119 s", "120 min", "2.0 h")


def test_a_plan_that_cannot_be_read_is_refused(tmp_path, refused):
    with refused("sweep.json is no readable plan", "start its sweep again"):
        load_plan(tmp_path)
