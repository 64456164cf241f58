"""The whole way at its smallest: six notebooks, one report, and going on after a stop."""

import csv

import pytest

from dlchkit.catalog import load
from dlchkit.cli import main
from dlchkit.encoders.images import open_image
from dlchkit.records import RunRecord

SMALLEST = {"n_pairs": 300, "n_source": 120, "n_items": 120, "epochs": 2, "transfer_epochs": 2, "width": 32, "bit_lengths": [8, 64]}
OPTIONS = [word for name, value in SMALLEST.items() for word in ("-p", name, str(value))]


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tour")
    assert main(["tour", "-o", str(folder), *OPTIONS]) == 0
    return folder


def test_every_notebook_leaves_a_complete_record(tour):
    records = [RunRecord.load(folder) for folder in sorted(tour.iterdir())]
    assert len(records) == 6 and all(record.status == "complete" for record in records)


def test_the_record_of_the_increments_is_what_others_build_on(tour):
    record = RunRecord.load(tour / "03_increments")
    assert list(record.methods) == ["joint", "finetune", "dlch"]
    for name, method in record.methods.items():
        assert len(method.seconds) == 3 and all(R.shape == (3, 3) for R in method.R.values())
        assert all(method.old_codes_unchanged) == (name != "joint")
    assert {"map_image_to_text", "map_text_to_image", "time_reduction", "forgetting_from_joint_image_to_text"} <= record.metrics["dlch"].keys()


def test_the_report_is_one_page(tour):
    page = (tour / "05_report" / "report.html").read_text()
    assert "03_increments" in page and "<script src" not in page and len(page) < 2_000_000


def test_a_stopped_tour_goes_on_where_it_was(tour, capsys):
    (tour / "05_report" / "result.json").unlink()
    kept = (tour / "03_increments" / "result.json").stat().st_mtime_ns
    assert main(["tour", "-o", str(tour), *OPTIONS]) == 0
    shown = capsys.readouterr().out
    assert shown.count("done before") == 5 and "report.html" in shown
    assert (tour / "03_increments" / "result.json").stat().st_mtime_ns == kept


def test_a_persons_own_pictures_and_texts_take_the_same_way(tmp_path, capsys):
    pairs = load(n=120, seed=5)
    with open(tmp_path / "items.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "caption", "shows"])
        for row, (item, text, labels) in enumerate(zip(pairs.ids, pairs.texts, pairs.labels)):
            open_image(pairs.images[row]).save(tmp_path / f"{item}.png")
            names = [name for name, shown in zip(pairs.class_names, labels) if shown]
            writer.writerow([item, f"{item}.png", text if row else "", "|".join(names)])
    options = [
        "tour",
        "--data",
        str(tmp_path),
        "--text",
        "caption",
        "--labels",
        "shows",
        "--min-class-size",
        "12",
        "-o",
        str(tmp_path / "out"),
        *OPTIONS,
    ]
    assert main(options) == 2
    assert main([*options, "--skip-bad-rows"]) == 0
    assert "left out:" in capsys.readouterr().out
    assert RunRecord.load(tmp_path / "out" / "03_increments").findings["n_pairs"] == 119
