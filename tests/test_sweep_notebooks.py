"""Sweeps of several notebooks: parameters, readers of runs that wait for them, and failures."""

import nbformat
import numpy as np
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook

from dlchkit.cli import main
from dlchkit.errors import DataError
from dlchkit.records import RunRecord
from dlchkit.reports.read_runs import read_results
from dlchkit.runs.local import Ended, Waiting
from dlchkit.runs.plan import in_order, load_plan
from dlchkit.runs.sweep_file import plan_sweep, plan_sweeps

COMMON = 'seed: int = 0  # seed\nout: str = ""  # folder'
SAVES = """
from dlchkit.records import RunRecord
RunRecord({name!r}, {{}}, seed=seed, environment={{}}, findings=dict(found={found})).save(out)
"""
NOTEBOOKS = {  # name -> (parameters, what it records)
    "a": ("n_bits: int = 8  # bits", "n_bits"),
    "b": ('word: str = "x"  # a word\nn_bits: int = 8  # bits', "(1 / 0) if word == 'broken' else word"),
    "c": ('runs: str = ""  # folder of runs', "[RunRecord.load(runs + '/' + name).findings['found'] for name in 'ab']"),
}


@pytest.fixture
def write(tmp_path):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for name, (parameters, found) in NOTEBOOKS.items():
        cells = [
            new_code_cell(f"{parameters}\n{COMMON}", metadata={"tags": ["parameters"]}),
            new_code_cell(SAVES.format(name=name, found=found)),
        ]
        nbformat.write(new_notebook(cells=cells, metadata=kernel), tmp_path / f"{name}.ipynb")

    def write(**entries):
        content = {"notebook": [f"{name}.ipynb" for name in NOTEBOOKS], "title": "Three", "seeds": [0]} | entries
        (tmp_path / "three.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        return tmp_path / "three.yaml"

    return write


@pytest.mark.slow
def test_each_notebook_gets_the_parameters_it_has_and_the_last_one_the_folder_of_those_before(write, tmp_path):
    file = write(parameters={"word": "said"}, grid={"n_bits": [16, 32]}, seeds=[3])
    assert main(["sweep", str(file), "-o", str(tmp_path / "out"), "-j", "2"]) == 0
    plan, runs = load_plan(tmp_path / "out" / "three")
    assert plan["notebooks"] == list(NOTEBOOKS) and [run.notebook.stem for run in runs] == [*NOTEBOOKS, *NOTEBOOKS]
    for bits, point in ((16, runs[:3]), (32, runs[3:])):
        assert [RunRecord.load(run.folder).findings["found"] for run in point] == [bits, "said", [bits, "said"]]
        assert len({run.folder.parent for run in point}) == 1 and point[0].folder.name == "a"


@pytest.mark.slow
def test_results_stand_by_notebook(write, tmp_path):
    file = write(grid={"n_bits": [16, 32]})
    assert main(["sweep", str(file), "-o", str(tmp_path / "out"), "-j", "2"]) == 0
    found = read_results([tmp_path / "out"])
    assert [(one.name, one.title, one.notebook, len(one.records)) for one in found] == [
        (f"three/{name}", f"Three, {name}", name, 2) for name in NOTEBOOKS
    ]


@pytest.mark.slow
def test_what_rests_on_a_failed_run_is_not_started_and_the_rest_goes_on(write, tmp_path, capsys):
    file = write(
        grid={"word": ["broken", "well"]}, notebook=["b.ipynb", "c.ipynb", "a.ipynb"], parameters={"n_bits": 16}
    )
    with pytest.raises(DataError, match="in 'grid' what every notebook has"):  # a is the same run twice
        plan_sweep(file, tmp_path / "out")
    file = write(parameters={"word": "broken"}, notebook=["a.ipynb", "b.ipynb", "c.ipynb"])
    for _ in range(2):  # the second call leaves the failed one alone, and what rests on it
        assert main(["sweep", str(file), "-o", str(tmp_path / "out")]) == 1
        shown = capsys.readouterr().out
        assert (
            "ZeroDivisionError" in shown and "/c: not started, because three/seed=0-" in shown and "/b failed" in shown
        )
    assert [run.state() for run in load_plan(tmp_path / "out" / "three")[1]] == ["done", "failed", "open"]


def test_the_reader_of_runs_is_done_anew_when_what_it_reads_changes(write, tmp_path):
    plain, changed = (in_order((plan_sweep(write(parameters={"word": word}), tmp_path),)) for word in ("x", "y"))
    assert [one.digest == other.digest for one, other in zip(plain, changed, strict=True)] == [True, False, False]


def test_data_named_by_its_path_is_part_of_what_a_run_depends_on(write, tmp_path):
    parameters = new_code_cell(f'data: str = "scenes"  # data\n{COMMON}', metadata={"tags": ["parameters"]})
    cells = [parameters, new_code_cell("from dlchkit import open_data\nopen_data(data)")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "d.ipynb")
    own = tmp_path / "own"
    own.mkdir()

    def digest_with(data):
        return plan_sweep(write(notebook="d.ipynb", parameters={"data": data}), tmp_path).runs[0][0].digest

    empty = digest_with(str(own))
    np.save(own / "image_features.npy", np.eye(4, dtype=np.float32))
    (own / "items.csv").write_text("text,label\na tree,x\na car,y\nan oak,x\na van,y\n")
    filled = digest_with(str(own))
    assert filled != empty and filled == digest_with(str(own))


def test_given_parameters_win_and_a_given_seed_stands_for_all(write, tmp_path):
    sweep = plan_sweep(write(parameters={"word": "x"}, seeds=[0, 1]), tmp_path, parameters={"word": "z", "seed": "7"})
    assert sweep.fixed["word"] == "z" and [run.parameters["seed"] for of_seed in sweep.runs for run in of_seed] == [
        7,
        7,
        7,
    ]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"parameters": {"wrd": "x"}}, "three.yaml has no parameter 'wrd'; did you mean 'word'?"),
        ({"notebook": ["a.ipynb", "a.ipynb"]}, "names the notebook 'a' twice"),
        ({"notebook": []}, "'notebook' is []; it must be a name or path, or a list of them"),
        ({"notebook": [1]}, "notebook 1 is no name of a file"),
    ],
)
def test_mistakes_are_one_line(write, tmp_path, refused, entries, said):
    file = write(**entries)
    with refused(said):
        plan_sweeps([file], tmp_path / "out")


def test_one_name_has_one_type_in_all_notebooks(write, tmp_path, refused):
    cells = [new_code_cell(f'n_bits: str = "8"  # as words\n{COMMON}', metadata={"tags": ["parameters"]})]
    nbformat.write(new_notebook(cells=cells), tmp_path / "e.ipynb")
    with refused("e.ipynb: parameter 'n_bits' is of type str, in a notebook before it int"):
        plan_sweep(write(notebook=["a.ipynb", "e.ipynb"]), tmp_path)


def test_runs_become_ready_when_all_that_they_rest_on_is_done(write, tmp_path):
    a, b, c = in_order((plan_sweep(write(), tmp_path),))
    waiting = Waiting([c, a, b])
    assert [waiting.ready(), waiting.ready(), waiting.ready()] == [a, b, None]
    assert list(waiting.ended(a, None)) == [] and waiting.ready() is None
    assert list(waiting.ended(b, None)) == [] and waiting.ready() == c and not waiting
    waiting = Waiting([a, b, c])
    waiting.ready()
    assert (
        list(waiting.ended(a, "broken")) == [Ended(c, f"not started, because {a.name} failed", 0.0)]
        and waiting.ready() == b
        and not waiting
    )
