"""A sweep on a Dask cluster: a scheduler and two workers over TCP, one of them killed; nothing finished is lost."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
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

from dlchkit.runs import dask_cluster
from dlchkit.runs.plan import in_order
from dlchkit.runs.run_process import THREAD_VARIABLES, threads_per_worker
from dlchkit.runs.sweep_file import plan_sweeps

distributed = pytest.importorskip("distributed", reason="distributed is not installed; pip install 'dlchkit[dask]'")

pytestmark = pytest.mark.slow


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        place = folder / "scheduler.json"
        self.run(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(place)
        )
        self.address = wait_for(
            lambda: (
                place.is_file() and place.read_text().strip().endswith("}") and json.loads(place.read_text())["address"]
            )
        )

    def run(self, program, *options):
        with open(self.folder / "log", "ab") as log:
            self.processes.append(
                subprocess.Popen([sys.executable, "-m", f"distributed.cli.{program}", *options], stdout=log, stderr=log)
            )

    def add_workers(self, n):
        for _ in range(n):
            self.run(
                "dask_worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard"
            )
        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(n, timeout=120)

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def empty_cluster(tmp_path_factory):
    one = Cluster(tmp_path_factory.mktemp("cluster"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    one = Cluster(tmp_path_factory.mktemp("cluster"))
    one.add_workers(2)
    yield one
    one.close()


def on(cluster):
    return ("--backend", "dask", "--scheduler", cluster.address)


# --- what is refused before anything runs ---


def refuses(file, out, capsys, *options):
    assert command(file, out, *options) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1 and not shown.out and not list(out.glob("*"))
    return shown.err


def test_backend_and_scheduler_belong_together(tmp_path, capsys):
    file, out = write_sweep(tmp_path), tmp_path / "out"
    assert "belong together" in refuses(file, out, capsys, "--backend", "dask")
    assert "belong together" in refuses(file, out, capsys, "--scheduler", "tcp://127.0.0.1:8786")


def test_dask_that_is_not_installed_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'dlchkit[dask]'" in refuses(
        write_sweep(tmp_path), tmp_path / "out", capsys, "--backend", "dask", "--scheduler", "tcp://a:1"
    )


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nothing", "carrier-pigeon://a:1", "tcp://127.0.0.1"])
def test_a_scheduler_that_does_not_answer_is_named(tmp_path, capsys, monkeypatch, address):
    monkeypatch.setattr(dask_cluster, "CONNECT", 1)
    said = refuses(write_sweep(tmp_path), tmp_path / "out", capsys, "--backend", "dask", "--scheduler", address)
    assert f"no Dask scheduler answers at {address!r}" in said


def test_a_scheduler_without_workers_is_refused(tmp_path, capsys, empty_cluster):
    said = refuses(write_sweep(tmp_path), tmp_path / "out", capsys, *on(empty_cluster))
    assert f"has no workers; start some with 'dask worker {empty_cluster.address}'" in said


def test_other_versions_are_refused(tmp_path, capsys, monkeypatch, two_workers):
    monkeypatch.setattr("dlchkit.__version__", "9.9")
    shown = refuses(write_sweep(tmp_path), tmp_path / "out", capsys, *on(two_workers))
    assert "has dlchkit 0.1.0 with code " in shown
    assert "here is 9.9 with code " in shown


@pytest.mark.parametrize(
    ("elsewhere", "said"),
    [(lambda folder, token: token, ""), (lambda folder, token: Path("/absent", token).read_text(), "FileNotFound")],
)
def test_a_folder_that_is_not_shared_is_refused(tmp_path, capsys, monkeypatch, two_workers, elsewhere, said):
    monkeypatch.setattr(dask_cluster, "_leave_token", elsewhere)
    error = refuses(write_sweep(tmp_path), tmp_path / "out", capsys, *on(two_workers))
    assert "is not the same folder on Dask worker tcp://127.0.0.1:" in error and said in error


def test_no_run_at_a_time_is_refused(tmp_path, capsys):
    said = refuses(
        write_sweep(tmp_path), tmp_path / "out", capsys, "--backend", "dask", "--scheduler", "tcp://a:1", "-j", "0"
    )
    assert "needs one at least" in said


def test_data_that_a_worker_does_not_have_is_named_with_the_worker(tmp_path, capsys, two_workers):
    (tmp_path / "bits.yaml").write_text(
        "{notebook: 03_increments, title: Bits, parameters: {data: no/such}, seeds: [0]}"
    )
    error = refuses(tmp_path / "bits.yaml", tmp_path / "out", capsys, *on(two_workers))
    assert (
        "Dask worker tcp://127.0.0.1:" in error and "'no/such' is neither a folder nor a data set of the kit" in error
    )
    assert "no/such" in refuses(tmp_path / "bits.yaml", tmp_path / "out", capsys, *on(two_workers), "--dry-run")


def test_a_worker_that_dies_over_its_data_is_named(tmp_path, capsys, monkeypatch, empty_cluster):
    empty_cluster.add_workers(1)
    monkeypatch.setattr(dask_cluster.preflight, "check", lambda wanted: os._exit(1))
    (tmp_path / "bits.yaml").write_text("{notebook: 03_increments, title: Bits, seeds: [0]}")
    assert "is gone; start the sweep again" in refuses(
        tmp_path / "bits.yaml", tmp_path / "out", capsys, *on(empty_cluster)
    )


# --- what is run ---


def test_runs_go_to_both_workers_and_failures_stay_alone(tmp_path, capsys, monkeypatch, two_workers):
    fails = "if n_bits == 64: os.kill(os.getpid(), 9)"
    file = write_sweep(tmp_path, WAITS_FOR_ANOTHER, fails, grid={"n_bits": [16, 32, 64]})
    monkeypatch.chdir(tmp_path)
    assert command(file, "out", *on(two_workers)) == 1  # a relative folder: the workers stand elsewhere
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "3 runs: 0 done before, 3 to do" and [line[:5] for line in shown[1:4]] == [
        "[1/3]",
        "[2/3]",
        "[3/3]",
    ]
    assert shown[4].startswith("failed: small/n_bits=64_seed=0-") and "died" in shown[4].lower() and len(shown) == 6
    runs = runs_of(tmp_path / "out")
    assert {bits: run.state() for (bits, _), run in runs.items()} == {16: "done", 32: "done", 64: "failed"}
    a, b = (runs[bits, 0].record() for bits in (16, 32))
    assert max(a.findings["began"], b.findings["began"]) < min(a.findings["ended"], b.findings["ended"])
    expected = {name: threads_per_worker(1) for name in THREAD_VARIABLES}
    expected |= {
        name: int(value)
        for name, value in psutil.Process(two_workers.processes[1].pid).environ().items()
        if name in THREAD_VARIABLES
    }
    assert {name: int(a.environment[name]) for name in THREAD_VARIABLES} == expected
    assert not list((tmp_path / "out").glob(".*"))  # no token is left

    assert command(file, "out", *on(two_workers)) == 1
    assert "2 done before, 1 failed before" in capsys.readouterr().out


def test_a_killed_worker_loses_nothing_finished_and_its_run_begins_again_elsewhere(tmp_path, two_workers):
    out, file = tmp_path / "out", write_sweep(tmp_path, SLEEPS_ONCE)
    sweep = start_sweep(file, out, *on(two_workers))
    try:
        processes = kernel_of(out)
        wait_for(lambda: runs_of(out)[16, 0].state() == "done")
        stamp = (runs_of(out)[16, 0].folder / "result.json").stat().st_mtime_ns
        psutil.Process(psutil.Process(processes[1]).ppid()).kill()
        said, errors = sweep.communicate(timeout=120)
    finally:
        sweep.kill()
    assert (sweep.returncode, errors) == (0, "") and said.count("\n") == 4
    assert {run.state() for run in runs_of(out).values()} == {"done"}
    assert (runs_of(out)[16, 0].folder / "result.json").stat().st_mtime_ns == stamp
    assert not any(is_alive(process) for process in processes)


class Died:
    def cancelled(self):
        return False

    def exception(self):
        return distributed.scheduler.KilledWorker("a key", "a worker", 3)


def test_a_run_that_kills_every_worker_fails_and_says_so(tmp_path):
    run = in_order(plan_sweeps([write_sweep(tmp_path)], tmp_path / "out"))[0]
    assert (
        dask_cluster._outcome(run, Died(), "tcp://a:1")
        == run.failure()["error"]
        == "its Dask worker died 4 times in the middle of it"
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_a_stopped_sweep_leaves_no_process_on_the_workers(tmp_path, two_workers, how):
    out, file = tmp_path / "out", write_sweep(tmp_path, SLEEPS_ONCE, grid={"n_bits": [32]})
    sweep = start_sweep(file, out, *on(two_workers))
    try:
        processes = kernel_of(out)
        sweep.send_signal(how)
        errors = sweep.communicate(timeout=120)[1]
    finally:
        sweep.kill()
    assert sweep.returncode == {signal.SIGINT: 130, signal.SIGKILL: -9}[how]
    if how is signal.SIGINT:
        assert errors == "dlchkit: stopped; the same command goes on where it was\n"
    else:
        wait_for(lambda: not any(map(is_alive, processes)))
    assert not any(map(is_alive, processes))
    assert runs_of(out)[32, 0].state() == "open"


def test_a_scheduler_that_goes_away_is_named(tmp_path, two_workers):  # the last test: it ends the cluster of the others
    out, file = tmp_path / "out", write_sweep(tmp_path, SLEEPS_ONCE)
    sweep = start_sweep(file, out, *on(two_workers))
    try:
        processes = kernel_of(out)
        wait_for(lambda: runs_of(out)[16, 0].state() == "done")
        two_workers.processes[0].kill()
        errors = sweep.communicate(timeout=120)[1]
    finally:
        sweep.kill()
    assert (
        sweep.returncode == 2
        and errors.startswith(f"dlchkit: the Dask scheduler at {two_workers.address} is gone")
        and errors.count("\n") == 1
    )
    assert runs_of(out)[16, 0].state() == "done"
    wait_for(lambda: not any(map(is_alive, processes)))
