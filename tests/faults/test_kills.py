"""Files are whole or absent after SIGKILL at any moment, and a second run completes.

``python -m pytest tests/faults -n 0 -s --kills 200`` kills the writers of features and of models 200 times each,
processes of a sweep 20 times and processes of a tour twice, and prints one line of counts for each.
"""

import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
from killed_commands import kill_commands, kill_one_of, look_at_command
from killed_writers import kill_writers, look_at_cache, look_at_models, write_cache, write_models
from remains import temporary_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "forkserver" not in multiprocessing.get_all_start_methods(),
        reason="needs a system with SIGKILL and forks, such as Linux or macOS",
    ),
]
SHARE = {"sweep": 10, "tour": 100}  # kills of a writer for one kill of this command, which takes a whole run


def check(what, remains):
    print(f"{what}: {remains}")
    assert not remains.damaged
    assert remains.completed == remains.second_runs > 0


@pytest.mark.parametrize("kind", ["cache", "models"])
def test_killed_writers_leave_files_whole_or_absent(kind, kills, tmp_path):
    remains = kill_writers(kind, kills, tmp_path, np.random.default_rng(0))
    check(kind, remains)
    assert remains.kills == remains.second_runs == kills
    assert remains.whole >= kills * (3 if kind == "models" else 1)


@pytest.mark.parametrize("kind", ["sweep", "tour"])
def test_killed_commands_leave_files_whole_or_absent_and_go_on(kind, kills, tmp_path):
    times = kills // SHARE[kind] if kind == "tour" else max(1, kills // SHARE[kind])
    if not times:
        pytest.skip(f"one tour is killed for {SHARE['tour']} kills of a writer: --kills {SHARE['tour']}")
    remains = kill_commands(kind, times, tmp_path, np.random.default_rng(1))
    check(kind, remains)
    assert remains.kills == times


# --- the looks themselves ---


def test_a_damaged_file_of_a_writer_is_seen(tmp_path):
    assert set(look_at_models(tmp_path).values()) == {"absent"} == set(look_at_cache(tmp_path).values())
    write_models(tmp_path, 0)
    write_cache(tmp_path / "cache", 7)
    assert set(look_at_models(tmp_path).values()) == {"whole"} == set(look_at_cache(tmp_path / "cache").values())
    for path in (tmp_path / "hashing.safetensors", tmp_path / "result.json", *(tmp_path / "index").glob("codes-*")):
        raw = path.read_bytes()
        path.write_bytes(raw[: len(raw) // 2])
    assert not {"whole", "absent"} & set(look_at_models(tmp_path).values())
    (stored,) = (tmp_path / "cache").glob("*.npy")
    stored.write_bytes(stored.read_bytes()[:-1])
    assert not {"whole", "absent"} & set(look_at_cache(tmp_path / "cache").values())
    np.save(stored, np.zeros((2, 2)))
    assert set(look_at_cache(tmp_path / "cache").values()) == {"of other content"}


def test_a_damaged_file_of_a_command_is_seen(tmp_path):
    run = tmp_path / "out" / "small" / "run"
    data = tmp_path / "data"
    run.mkdir(parents=True)
    data.mkdir()
    assert look_at_command(tmp_path) == {"out": "absent"}
    (run / "failed.json").write_text('{"error": "x"}')
    (run / ".result-abc.json").write_text("{")  # temporary: nobody reads it
    assert look_at_command(tmp_path) == {"out/small/run/failed.json": "whole"}
    assert len(temporary_files(tmp_path)) == 1
    for name in ("result.json", "../sweep.json", "done.txt", "report.html"):
        (run / name).write_text("{")
    (data / "a.npy").write_text("{")
    (data / "b.npz").write_text("{")
    found = look_at_command(tmp_path)
    assert len(found) == 7
    assert not {"whole", "absent"} & {state for path, state in found.items() if not path.endswith("failed.json")}


def test_a_process_is_killed_unless_it_has_ended():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        assert kill_one_of(process, 0.01, np.random.default_rng(0))
        assert process.wait() == -9
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        assert not kill_one_of(process, 30, np.random.default_rng(0))
