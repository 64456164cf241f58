"""The sweep benchmark on a notebook of seconds: it kills, counts and reports what really happened."""

import pytest
from small_sweep import write_sweep

from dlchkit.bench import sweeps
from dlchkit.cli import main


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A notebook in place of 03_increments whose last cell writes the file that one run cannot write."""
    write_sweep(tmp_path / "small", "import time; time.sleep(0.5)", "from pathlib import Path; Path(out, 'stream.json').write_text('{}')")
    entries = {"notebook": str(tmp_path / "small" / "small.ipynb"), "title": "Small", "parameters": {}, "grid": {"n_bits": [8, 16]}}
    monkeypatch.setattr(sweeps, "SWEEP", entries)


def test_all_but_the_run_with_something_in_the_way_complete(small, tmp_path, capsys):
    assert main(["bench", "sweep", "--seeds", "2", "-j", "1", "-o", str(tmp_path / "kept")]) == 0
    shown = capsys.readouterr().out
    assert "4 runs, killed after 2 with" in shown and ": 3 complete" in shown and "after a retry 4 complete" in shown and ") says so" in shown
    assert shown.count("IsADirectoryError") == 1 and "times the ideal" in shown
    assert (tmp_path / "kept" / "runs" / "report.html").is_file()
    assert main(["bench", "sweep", "-o", str(tmp_path / "kept")]) == 2
    assert "exists already; name an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "said"), [(["--seeds", "0"], "n_seeds is 0"), (["-j", "4096"], "workers is 4096; this process may use")])
def test_numbers_that_cannot_be_are_one_line(options, said, capsys):
    assert main(["bench", "sweep", *options]) == 2
    assert said in capsys.readouterr().err
