"""The benchmark of kills really kills, sees what is damaged, and finds nothing damaged."""

import json
import subprocess
import sys

import numpy as np
import pytest

from dlchkit.bench import killed_commands, killed_writers, kills
from dlchkit.bench.remains import leftovers
from dlchkit.cli import main


def test_kills_of_writers_leave_everything_whole_or_absent(capsys):
    assert main(["bench", "kills", "--times", "4", "--what", "saving", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["what"], row["kills"], row["second_runs"], row["completed"], row["damaged"]) == ("saving", 4, 4, 4, [])
    assert row["whole"] + row["absent"] == 2 * 4 * 3


def test_a_file_that_is_damaged_is_seen(tmp_path):
    assert set(killed_writers._look_saving(tmp_path).values()) == {"absent"} == set(killed_writers._look_cache(tmp_path).values())
    killed_writers._write_saving(tmp_path, 0)
    killed_writers._write_cache(tmp_path / "cache", 7)
    assert set(killed_writers._look_saving(tmp_path).values()) == {"whole"} == set(killed_writers._look_cache(tmp_path / "cache").values())
    files = ["hashing.safetensors", "result.json", next((tmp_path / "index").glob("codes-*")).relative_to(tmp_path)]
    for name in files:
        raw = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(raw[: len(raw) // 2])
    assert not {"whole", "absent"} & set(killed_writers._look_saving(tmp_path).values())
    (stored,) = (tmp_path / "cache").glob("*.npy")
    stored.write_bytes(stored.read_bytes()[:-1])
    assert not {"whole", "absent"} & set(killed_writers._look_cache(tmp_path / "cache").values())
    np.save(stored, np.zeros((2, 2)))
    assert set(killed_writers._look_cache(tmp_path / "cache").values()) == {"of other content"}


def test_what_a_command_left_is_opened(tmp_path):
    run, data = tmp_path / "out" / "small" / "run", tmp_path / "data"
    run.mkdir(parents=True)
    data.mkdir()
    assert killed_commands._look_command(tmp_path) == {"out": "absent"}
    (run / "failed.json").write_text('{"error": "x"}')
    (run / ".result-abc.json").write_text("{")  # temporary: nobody reads it
    assert killed_commands._look_command(tmp_path) == {"out/small/run/failed.json": "whole"} and len(leftovers(tmp_path)) == 1
    for path in (
        run / "result.json",
        run / "failed.json",
        run.parent / "sweep.json",
        run / "done.txt",
        run / "report.html",
        data / "a.npy",
        data / "b.npz",
    ):
        path.write_text("{")
    found = killed_commands._look_command(tmp_path)
    assert len(found) == 7 and not {"whole", "absent"} & set(found.values())


def test_one_process_of_the_tree_is_killed_and_an_ended_one_is_not():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        assert killed_commands._kill_one_of(process, 0.01, np.random.default_rng(0))
        assert process.wait() == -9
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        assert not killed_commands._kill_one_of(process, 30, np.random.default_rng(0))


def test_a_command_that_does_not_work_unkilled_is_no_measurement(monkeypatch, refused):
    monkeypatch.setattr(killed_commands, "_sweep_command", lambda folder: (["sweep", "absent.yaml", "-o", str(folder)], 4))
    with refused("sweep ends with 2 before anything is killed"):
        kills.bench_kills(times=1, what="sweep")


def test_damage_makes_the_command_fail(monkeypatch, capsys):
    row = {"what": "cache", "kills": 1, "interrupted": 1, "whole": 0, "absent": 0, "damaged": ["a.npy: cut"], "second_runs": 1, "completed": 1}
    row |= {"leftovers": 1, "leftover_bytes": 5, "seconds": 1.0}
    monkeypatch.setattr(kills, "bench_kills", lambda **options: {"rows": [row]})
    assert main(["bench", "kills"]) == 1
    shown = capsys.readouterr().out
    assert "1 damaged" in shown and "damaged: a.npy: cut" in shown


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--times", "0"], "times is 0"), (["--what", "all of it"], "one of cache, saving, sweep, tour or all")]
)
def test_mistakes_end_with_2_and_one_line(arguments, said, capsys):
    assert main(["bench", "kills", *arguments]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and not shown.out
