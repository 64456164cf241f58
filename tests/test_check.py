"""What a run would refuse after minutes is refused before any run starts, in one line that names it."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from small_sweep import command, write_sweep

from dlchkit.data.catalog import load
from dlchkit.data.settings import DataSettings, read_settings
from dlchkit.data.streams import check_seeds
from dlchkit.encoders import prepared_data
from dlchkit.encoders.prepared_data import PreparedData
from dlchkit.runs.check import Wanted, check, wanted_by
from dlchkit.runs.plan import in_order
from dlchkit.runs.sweep_file import plan_sweeps
from dlchkit.storage import resource_folder


@pytest.fixture
def items(tmp_path):
    """A folder of twelve items of two classes, with features."""
    folder = tmp_path / "items"
    folder.mkdir()
    with open(folder / "items.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows([i, f"word{i % 3} thing", "ab"[i % 2]] for i in range(12))
    np.save(folder / "image_features.npy", np.zeros((12, 4), np.float32))
    return folder


def sweep_file(folder, **entries):
    content = {"notebook": "03_increments", "title": "Bits", "parameters": {}}
    content |= {"grid": {"n_bits": [16, 32]}, "seeds": [0]} | entries
    (folder / "bits.yaml").write_text(yaml.safe_dump(content))
    return folder / "bits.yaml"


def mistakes(parameters, said, **entries):
    return pytest.param({"parameters": parameters, **entries}, said, id=said)


@pytest.mark.parametrize("option", [[], ["--dry-run"]], ids=["run", "dry run"])
@pytest.mark.parametrize(
    ("entries", "said"),
    [
        mistakes({"data": "no/such"}, "'no/such' is neither a folder nor a data set of the kit"),
        mistakes({"data": "mirflickr"}, "data set 'mirflickr' is not in"),
        mistakes({"data": "ITEMS", "labels": "lable"}, "did you mean 'label'"),
        mistakes({"data": "ITEMS", "classes_per_stage": [3]}, "add up to the data's 2 classes, e.g. [1, 1]"),
        mistakes({"arrival": "second"}, "arrival is 'second'; it must be one of last, first, leave_out"),
        mistakes({"epochs": -1}, "epochs is -1; it must be 1 or more"),
        mistakes({"classes_per_stage": [10, 3]}, "add up to the data's 16 classes"),
        mistakes({"methods": ["joint", "dlhc"]}, "did you mean 'dlch'"),
        mistakes({"methods": []}, "name one at least"),
        mistakes({}, "n_bits is 0; a code length is a whole number of at least 1", grid={"n_bits": [16, 0]}),
        mistakes({}, "multiple of 8 bits, e.g. 16", notebook="08_search", grid={"n_bits": [16, 12]}),
        mistakes({"source": "no/such"}, "'no/such' is neither a folder nor a source domain"),
        mistakes({"image_weights": "no.safetensors"}, "image_weights is 'no.safetensors', which does not exist"),
        mistakes({"image_encoder": "resnet19"}, "'resnet19' is no torchvision classification model; did you mean"),
        mistakes({"image_encoder": "alexnet", "image_size": 32}, "'alexnet' takes no pictures of 32 pixels per side"),
        mistakes({"image_encoder": "vit_b_32", "image_size": 128}, "'vit_b_32' takes no pictures of 128 pixels"),
        mistakes({"data": "ITEMS", "image_encoder": "resnet18"}, "'resnet18', but the data has no pictures"),
        mistakes({"image_encoder": "resnet18", "image_weights": "WEIGHTS"}, "lacks 'conv1.weight'"),
        mistakes({"image_weights": "WEIGHTS"}, "lacks 'conv1.weight'"),
        mistakes({"runs": "absent"}, "runs is 'absent', which does not exist", notebook="04_forgetting"),
    ],
)
def test_a_run_that_cannot_go_well_stops_the_sweep_before_it_starts(tmp_path, items, capsys, entries, said, option):
    save_file({"a": torch.ones(2)}, tmp_path / "w.safetensors")
    places = {"ITEMS": str(items), "WEIGHTS": str(tmp_path / "w.safetensors")}
    parameters = {name: places.get(str(value), value) for name, value in entries["parameters"].items()}
    file = sweep_file(tmp_path, **{**entries, "parameters": parameters})
    assert command(file, tmp_path / "out", *option) == 2
    shown = capsys.readouterr()
    assert said in shown.err and "bits/n_bits=" in shown.err and shown.err.count("\n") == 1 and not shown.out
    assert not (tmp_path / "out").exists()


def test_every_data_set_is_read_once_for_its_digest_and_once_to_be_checked(tmp_path, items, monkeypatch):
    read = []
    load = prepared_data.load

    def counted(*names, **columns):
        read.append(names)
        return load(*names, **columns)

    monkeypatch.setattr(prepared_data, "load", counted)
    file = sweep_file(tmp_path, parameters={"data": str(items), "classes_per_stage": [1, 1]}, seeds=[0, 1, 2])
    sweeps = plan_sweeps([file], tmp_path / "out")
    check(wanted_by(sweeps, in_order(sweeps)))
    assert read == [(str(items),)] * 2


def test_stages_that_a_seed_cannot_fill_are_found_before_anything_runs(tmp_path, capsys, refused):
    sizes = {"a": 300, "b": 30, "c": 6, "d": 3, "e": 2}
    rows = [(name, i) for name, n in sizes.items() for i in range(n)]
    folder = tmp_path / "uneven"
    folder.mkdir()
    lines = ["text,label", *(f"word{i} {name},{name}" for name, i in rows)]
    (folder / "items.csv").write_text("\n".join(lines) + "\n")
    np.save(folder / "image_features.npy", np.random.default_rng(0).normal(size=(len(rows), 4)).astype(np.float32))
    parameters = {"data": str(folder), "classes_per_stage": [1, 2, 2]}
    file = sweep_file(tmp_path, parameters=parameters, seeds=[0, 1, 2, 3, 4], grid={})
    assert command(file, tmp_path / "out", "--dry-run") == 2
    said = capsys.readouterr().err
    assert "has no query item: its classes are too small" in said and said.count("\n") == 1
    workable = json.loads(said.partition("classes_per_stage ")[2].partition(" can be filled")[0])
    file = sweep_file(tmp_path, parameters=parameters | {"classes_per_stage": workable}, seeds=[0, 1, 2, 3, 4], grid={})
    assert command(file, tmp_path / "out", "--dry-run") == 0
    data = load(folder)
    failing = said.partition("with seed ")[2].partition(", stage")[0].split(", ")
    for seed in range(5):
        prepared = PreparedData(read_settings(str(folder)), seed=seed)
        if str(seed) in failing:
            with refused("too small for this split", "can be filled"):
                prepared.check_seeds([seed], classes_per_stage=[1, 2, 2])
        else:
            check_seeds(data, [seed], classes_per_stage=[1, 2, 2])


def test_the_kits_own_notebooks_pass_with_their_defaults(tmp_path):
    names = [path.stem for path in sorted(resource_folder("notebooks").glob("*.ipynb"))]
    sweeps = plan_sweeps([sweep_file(tmp_path, notebook=names, grid={})], tmp_path / "out")
    wanted = wanted_by(sweeps, in_order(sweeps))
    assert [one.run.rpartition("/")[2] for one in wanted] == [name for name in names if name != "05_report"]
    assert all(one.kits_own for one in wanted)
    check(wanted)


def test_a_notebook_of_ones_own_may_have_methods_and_parameters_of_its_own(tmp_path):
    sweeps = plan_sweeps([write_sweep(tmp_path)], tmp_path / "out")
    assert not wanted_by(sweeps, in_order(sweeps)), "it has no data of the kit"
    shutil.copyfile(resource_folder("notebooks") / "03_increments.ipynb", tmp_path / "mine.ipynb")
    file = sweep_file(tmp_path, notebook="mine.ipynb", parameters={"methods": ["my own"]}, grid={"n_bits": [12]})
    sweeps = plan_sweeps([file], tmp_path / "out")
    (mine,) = wanted_by(sweeps, in_order(sweeps))
    assert not mine.kits_own
    assert mine.settings.epochs == 30
    assert mine.parameters["methods"] == ["my own"]
    check([mine])


def test_a_source_that_is_not_used_for_its_pictures_is_read_for_its_features(tmp_path, items, refused):
    (tmp_path / "source").mkdir()
    settings = DataSettings(folder=str(items), source=str(tmp_path / "source"))
    with refused("a run: ", "labels.npy does not exist"):
        check([Wanted("a run", settings, {}, kits_own=False, searches=False)])
