"""Commands as a person types them: what they print and the status they end with."""

import csv
import io
import os
import subprocess
import sys

import numpy as np
import pytest

from dlchkit.cli import main


def write_items(folder, rows, features=None):
    folder.mkdir(exist_ok=True)
    with open(folder / "items.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["id", "text", "label"], *rows])
    np.save(folder / "image_features.npy", np.zeros((len(rows), 4), np.float32) if features is None else features)
    return folder


HELP_WITHOUT_TORCH = """
import sys
sys.argv = ["dlchkit", "--help"]
try:
    from dlchkit.cli import main
    main()
except SystemExit:
    pass
assert "torch" not in sys.modules and "numpy" not in sys.modules
"""
GOOD = [(str(i), f"word{i % 3} thing", "ab"[i % 2]) for i in range(12)]


def test_an_output_that_lacks_a_letter_or_is_closed_stops_nothing(tmp_path, monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    assert main(["notebooks", str(tmp_path / "図")]) == 0
    sys.stdout.flush()
    assert b"\\u56f3" in sys.stdout.buffer.getvalue()
    assert main(["run", "図.ipynb", "-o", str(tmp_path)]) == 2
    sys.stderr.flush()
    assert b"'\\u56f3.ipynb' does not exist" in sys.stderr.buffer.getvalue()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["notebooks", str(tmp_path / "mine")]) == 0
    assert main(["run", "図.ipynb", "-o", str(tmp_path)]) == 2


def test_help_needs_no_torch():
    command = [sys.executable, "-c", HELP_WITHOUT_TORCH]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(command in shown for command in ("tour", "run", "notebooks", "report"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "03_increments", "-p", "nbits", "8"], "did you mean 'n_bits'"),
        (["run", "03_increments", "-p", "n_bits", "many"], "must be a whole number"),
        (["run", "no_such"], "does not exist"),
        (["run", "03_increments", "-f", "absent.yaml"], "absent.yaml does not exist"),
        (["tour", "--data", "absent"], "neither a folder nor a data set"),
        (["tour", "-p", "epoch", "3"], "did you mean 'epochs'"),
    ],
)
def test_mistakes_end_with_2_and_one_line_before_anything_runs(arguments, said, tmp_path, capsys):
    assert main([*arguments, "-o", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and "Traceback" not in shown.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--text", "txt"], "no column 'txt'; did you mean 'text'"),
        (["--labels", "lable"], "did you mean 'label'"),
        (["--image", "txet"], "no column 'txet'; did you mean 'text'"),
        (["--id", "idd"], "no column 'idd'; did you mean 'id'"),
        (
            ["-p", "classes_per_stage", "[5, 5]"],
            "classes_per_stage is [5, 5]; it must be whole numbers that add up to the data's 2 classes, e.g. [1, 1]",
        ),
        (["-p", "classes_per_stage", '["a", "b"]'], "it must be whole numbers"),
        (["-p", "n_bits", "0"], "a code length is a whole number of at least 1"),
    ],
)
def test_the_tour_checks_data_and_settings_first(options, said, tmp_path, capsys):
    folder = write_items(tmp_path / "data", GOOD)
    assert main(["tour", "--data", str(folder), "-o", str(tmp_path / "out"), *options]) == 2
    shown = capsys.readouterr().err
    assert said in shown and shown.count("\n") == 1


def test_the_tour_names_the_bad_row(tmp_path, capsys):
    folder = write_items(tmp_path / "data", [*GOOD[:5], ("5", "", "a"), *GOOD[6:]])
    assert main(["tour", "--data", str(folder), "-o", str(tmp_path / "out")]) == 2
    assert "items.csv line 7: column 'text' is empty" in capsys.readouterr().err


def test_a_parameter_file_is_checked_like_the_command_line(tmp_path, capsys):
    (tmp_path / "p.yaml").write_text("query_fraction: 1e-3\n")
    assert main(["run", "03_increments", "-f", str(tmp_path / "p.yaml"), "-o", str(tmp_path / "out")]) == 2
    assert "no parameter 'query_fraction'" in capsys.readouterr().err
    (tmp_path / "p.yaml").write_text("- n_bits\n")
    assert main(["run", "03_increments", "-f", str(tmp_path / "p.yaml"), "-o", str(tmp_path / "out")]) == 2
    assert "'name: value' lines" in capsys.readouterr().err


def test_notebooks_and_cards_are_copied_once(tmp_path, capsys):
    assert main(["notebooks", str(tmp_path / "mine")]) == 0
    assert (tmp_path / "mine" / "00_tour.ipynb").is_file() and (tmp_path / "mine" / "datasets" / "scenes.md").is_file()
    assert main(["notebooks", str(tmp_path / "mine")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_reader_that_has_gone_ends_it_without_a_word(tmp_path):
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [sys.executable, "-m", "dlchkit.cli", "notebooks", str(tmp_path / "copies")],
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.slow
def test_a_failed_cell_ends_with_1_and_its_error(tmp_path, capsys):
    assert main(["run", "00_tour", "-p", "data", str(tmp_path / "absent"), "-o", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr().err
    assert "DataError" in shown and "cell" in shown and shown.count("\n") == 1
    assert (tmp_path / "out" / "00_tour.ipynb").is_file() and not (tmp_path / "out" / "result.json").exists()


def test_report_of_an_empty_folder_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err
