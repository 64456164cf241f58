"""Strict papermill: what is refused before anything runs, and what a run leaves behind."""

import json
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from dlchkit.data.checked_values import Parameter, check_parameters
from dlchkit.data.settings import read_settings
from dlchkit.errors import DataError, NotebookFailed
from dlchkit.runs.notebook import notebook_path, read_parameters, run_digest, run_notebook, split_parameters, takes_data

PARAMETERS = """n_bits: int = 16  # code length
rate: float = 0.5  # a rate
name: str = "a"  # a name
fast: bool = True  # a switch
sizes: list = [1, 2]  # sizes
out: str = ""  # folder"""
SAVES = 'from dlchkit import RunRecord\nrecord = RunRecord.begin("small", globals())\nrecord.save()'


def write_notebook(folder, *cells, parameters=PARAMETERS, tags=("parameters",)):
    first = new_code_cell(parameters, metadata={"tags": list(tags)})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nb = new_notebook(cells=[first, *map(new_code_cell, cells)], metadata=kernel)
    path = folder / "small.ipynb"
    nbformat.write(nb, path)
    return path


def test_parameters_are_read_with_type_default_and_help(tmp_path):
    assert read_parameters(write_notebook(tmp_path))["n_bits"] == Parameter("n_bits", "int", 16, "code length")


def test_a_notebook_without_parameters_cell_is_refused(tmp_path):
    with pytest.raises(DataError, match="no cell tagged 'parameters'"):
        read_parameters(write_notebook(tmp_path, tags=()))


@pytest.mark.parametrize(
    "line",
    [
        "n = 3",
        "n: int | None = None  # n",
        "n: int = 3",
        "n: int = 3  # n = three",
        "n: int = len('abc')  # n",
        "n: dict = {}  # n",
    ],
)
def test_lines_that_papermill_would_misread_are_refused(tmp_path, line):
    with pytest.raises(DataError, match=r"small\.ipynb"):
        read_parameters(write_notebook(tmp_path, parameters=line))


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("n_bits", "32", 32),
        ("n_bits", 32, 32),
        ("rate", "1e-3", 1e-3),
        ("rate", 1, 1.0),
        ("name", 7, "7"),
        ("fast", "False", False),
        ("sizes", "[3]", [3]),
    ],
)
def test_values_are_brought_to_the_stated_type(tmp_path, name, value, right):
    path = write_notebook(tmp_path)
    checked = check_parameters({name: value}, read_parameters(path), path.name)[name]
    assert checked == right and type(checked) is type(right)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_bits", "many"),
        ("n_bits", 1.5),
        ("n_bits", True),
        ("rate", "x"),
        ("fast", "perhaps"),
        ("sizes", "3"),
        ("n_bits", None),
    ],
)
def test_values_of_another_type_are_refused_in_one_line(tmp_path, name, value):
    path = write_notebook(tmp_path)
    with pytest.raises(DataError, match=f"parameter '{name}'") as refused:
        check_parameters({name: value}, read_parameters(path), path.name)
    assert "\n" not in str(refused.value)


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path):
    path = write_notebook(tmp_path)
    with pytest.raises(DataError, match="no parameter 'nbits'; did you mean 'n_bits'"):
        check_parameters({"nbits": 8}, read_parameters(path), path.name)


def test_the_kits_own_notebooks_are_found_by_name():
    assert notebook_path("03_increments").is_file()
    with pytest.raises(DataError, match="the kit's own are 00_tour"):
        notebook_path("03_increment")


@pytest.mark.slow
def test_a_run_returns_the_record_it_wrote(tmp_path):
    record = run_notebook(write_notebook(tmp_path, SAVES), tmp_path / "out", {"n_bits": "32", "sizes": [5]})
    assert record.parameters["n_bits"] == 32 and record.parameters["sizes"] == [5]
    assert {"small.ipynb", "result.json"} <= {p.name for p in (tmp_path / "out").iterdir()}


def test_nothing_runs_if_a_parameter_is_wrong(tmp_path):
    path = write_notebook(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w').close()", SAVES)
    with pytest.raises(DataError):
        run_notebook(path, tmp_path / "out", {"nbits": 8})
    assert not (tmp_path / "ran").exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"small.ipynb, cell 2: .*died.*memory"),
        ("pass", "without writing"),
    ],
    ids=["failed cell", "dead kernel", "no record"],
)
@pytest.mark.slow
def test_a_failed_run_says_why_keeps_the_notebook_and_no_old_record(tmp_path, cell, said):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "result.json").write_text("{}")
    with pytest.raises(NotebookFailed, match=said) as failure:
        run_notebook(write_notebook(tmp_path, cell), tmp_path / "out", {})
    assert "\n" not in str(failure.value)
    assert (tmp_path / "out" / "small.ipynb").exists() and not (tmp_path / "out" / "result.json").exists()


@pytest.mark.slow
def test_braces_in_a_path_are_letters_and_the_kernel_is_this_interpreters(tmp_path, monkeypatch):
    gone = tmp_path / "jupyter" / "kernels" / "python3"
    gone.mkdir(parents=True)
    spec = {"argv": ["/gone/bin/python", "-m", "ipykernel_launcher"], "display_name": "gone", "language": "python"}
    (gone / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    folder = tmp_path / "{draft}" / "{n_bits} {"
    saves = SAVES.replace("record.save", "import sys; record.findings = {'python': sys.executable}; record.save")
    record = run_notebook(write_notebook(tmp_path, saves), folder, {"n_bits": 32})
    assert record.findings["python"] == sys.executable
    assert {"small.ipynb", "result.json"} <= {path.name for path in folder.iterdir()}
    assert not (tmp_path / "draft").exists()


def test_a_notebook_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(DataError, match="not a readable notebook"):
        read_parameters(tmp_path / "broken.ipynb")


def test_the_digest_follows_code_and_parameters_but_not_outputs(tmp_path):
    path = write_notebook(tmp_path, "x = 1")
    before = run_digest(path, {"n_bits": 8})
    content = json.loads(path.read_text())
    content["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1"}]
    path.write_text(json.dumps(content))
    assert run_digest(path, {"n_bits": 8}) == before
    assert run_digest(path, {"n_bits": 16}) != before
    assert run_digest(write_notebook(tmp_path, "x = 2"), {"n_bits": 8}) != before


OPENS_DATA = 'data: str = "scenes"  # a data set\nn_bits: int = 16  # code length\nout: str = ""  # folder'
OPENS = "from dlchkit import open_data\nprepared = open_data(data)\nprint(prepared.settings.labels)"


def test_settings_of_the_data_are_parted_from_the_notebooks_own_parameters(tmp_path):
    path = write_notebook(tmp_path, OPENS, parameters=OPENS_DATA)
    own, settings = split_parameters(path, {"n_bits": "8", "labels": "kind,colour", "min_class_size": "3"})
    assert own == {"n_bits": 8}
    assert settings == {"labels": "kind,colour", "min_class_size": 3}


def test_a_notebook_that_opens_no_data_has_no_data_settings(tmp_path, refused):
    path = write_notebook(tmp_path, "x = 1", parameters=OPENS_DATA)
    assert not takes_data(path)
    with refused("no parameter 'labels'"):
        split_parameters(path, {"labels": "kind"})


def test_a_misspelt_data_setting_is_refused_with_the_nearest(tmp_path, refused):
    path = write_notebook(tmp_path, OPENS, parameters=OPENS_DATA)
    with refused("small.ipynb has no parameter 'min_clas_size'", "did you mean 'min_class_size'?"):
        split_parameters(path, {"min_clas_size": 3})


@pytest.mark.slow
def test_data_settings_reach_the_notebook_as_a_data_file(tmp_path):
    saves = 'from dlchkit import RunRecord\nrecord = RunRecord("small", {}, findings={"data": data})\nrecord.save(out)'
    path = write_notebook(tmp_path, OPENS, saves, parameters=OPENS_DATA)
    record = run_notebook(path, tmp_path / "out", {"labels": "kind", "n_pairs": "40"})
    settings = read_settings(record.findings["data"])
    assert (settings.labels, settings.n_pairs, settings.classes_per_stage) == ("kind", 40, [10, 3, 3])
