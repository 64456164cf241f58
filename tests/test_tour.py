"""The tour at its smallest: six notebooks and one report, a stop half-way, and two notebooks on own data."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from small_sweep import smallest_tour

from dlchkit.cli import main
from dlchkit.data.catalog import load
from dlchkit.records import RunRecord
from dlchkit.reports.found_examples import found_by_queries
from dlchkit.reports.read_runs import read_results
from dlchkit.runs import local
from dlchkit.runs.plan import load_plan

pytestmark = pytest.mark.slow


def runs_in(folder):
    """The folder in which the tour has a folder for each notebook."""
    (point,) = (folder / "tour").glob("seed=0-*")
    return point


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    assert main(["tour", "-o", str(folder), *smallest_tour()]) == 0
    return folder


def test_every_notebook_leaves_a_complete_record(tour):
    _, runs = load_plan(tour / "tour")
    assert [run.state() for run in runs] == ["done"] * 6
    assert {run.record().status for run in runs} == {"complete"}


def test_the_tour_is_a_sweep(tour, capsys):
    assert main(["report", str(tour)]) == 0
    page = (tour / "report.html").read_text()
    assert "The tour, 03_increments" in page
    _, runs = load_plan(tour / "tour")
    assert {results.name for results in read_results([tour])} == {f"tour/{run.folder.name}" for run in runs}


def test_the_record_of_the_increments_is_what_others_build_on(tour):
    record = RunRecord.load(runs_in(tour) / "03_increments")
    assert list(record.methods) == ["joint", "finetune", "dlch"]
    for name, method in record.methods.items():
        assert len(method.seconds) == 3 and all(R.shape == (3, 3) for R in method.R.values())
        assert all(method.old_codes_unchanged) == (name != "joint")
    measures = {"map_image_to_text", "map_text_to_image", "time_reduction", "forgetting_from_joint_image_to_text"}
    assert measures <= record.metrics["dlch"].keys()


def test_the_record_of_the_increments_says_what_queries_found_in_both_directions(tour):
    folder = runs_in(tour) / "03_increments"
    record = RunRecord.load(folder)
    shown = found_by_queries(record.findings)
    assert not shown["malformed"]
    assert [group["direction"] for group in shown["groups"]] == ["text to image", "image to text"]
    for group in shown["groups"]:
        assert group["method"] == "dlch"
        assert [len(query["found"]) for query in group["queries"]] == [5, 5, 5]
    files = [figure["file"] for figure in record.figures]
    assert files == ["stages.png", "examples_text_to_image.png", "examples_image_to_text.png"]
    assert all((folder / file).is_file() for file in files)


def test_the_report_is_one_page(tour):
    page = (runs_in(tour) / "05_report" / "report.html").read_text()
    assert "03_increments" in page and "<script src" not in page and len(page) < 2_000_000


def test_a_stopped_tour_goes_on_where_it_was(tour, capsys):
    (runs_in(tour) / "05_report" / "result.json").unlink()
    kept = (runs_in(tour) / "03_increments" / "result.json").stat().st_mtime_ns
    assert main(["tour", "-o", str(tour), *smallest_tour()]) == 0
    shown = capsys.readouterr().out
    assert "6 runs: 5 done before, 1 to do" in shown
    assert shown.splitlines()[-1] == str((runs_in(tour) / "05_report" / "report.html").resolve())
    assert (runs_in(tour) / "03_increments" / "result.json").stat().st_mtime_ns == kept


def test_a_tour_that_fails_says_where_and_names_no_report(tmp_path, capsys, monkeypatch):
    def fail(sweeps, folder, **options):
        return [(sweeps[0].runs[0][2], "cell 3: ValueError: broken")]

    monkeypatch.setattr(local, "run_sweeps", fail)
    assert main(["tour", "-o", str(tmp_path), "-p", "seed", "1"]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("failed: tour/seed=1-") and shown.endswith("/02_transfer: cell 3: ValueError: broken\n")


def write_items(folder):
    """Write scenes as somebody's own pictures and an items.csv, whose first row has no text."""
    pairs = load(n=120, seed=5)
    with open(folder / "items.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "caption", "shows"])
        for row, (item, text, labels) in enumerate(zip(pairs.ids, pairs.texts, pairs.labels, strict=True)):
            Image.fromarray(pairs.images[row]).save(folder / f"{item}.png")
            names = np.array(pairs.class_names)[labels]
            writer.writerow([item, f"{item}.png", text if row else "", "|".join(names)])


def test_own_pictures_and_texts_take_the_same_way(tmp_path, capsys, monkeypatch):
    write_items(tmp_path)
    notebooks = ["00_tour", "03_increments"]
    (tmp_path / "tour.yaml").write_text(json.dumps({"title": "Two of the six", "notebook": notebooks, "seeds": [0]}))
    monkeypatch.setattr("dlchkit.runs.tour.resource_folder", lambda name: tmp_path)
    columns = ["--text", "caption", "--labels", "shows", "--min-class-size", "12"]
    options = ["tour", "--data", str(tmp_path), *columns, "-o", str(tmp_path / "out"), *smallest_tour(*notebooks)]
    assert main(options) == 2
    assert main([*options, "--skip-bad-rows"]) == 0
    assert "left out:" in capsys.readouterr().out
    assert RunRecord.load(runs_in(tmp_path / "out") / "03_increments").findings["n_pairs"] == 119
