"""Files that mean harm, or that damage at random has found: refused in one line; nothing runs or reaches outside."""

import itertools
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path

import h5py
import nbformat
import numpy as np
import pytest
import torch
from damaged_files import (
    SWEEP,
    Positions,
    dump_yaml,
    features,
    fuzz_bytes,
    in_time,
    one_hot,
    save_hdf5,
    save_v5,
    write_coco,
    write_items,
    write_notebook,
)
from nbformat.v4 import new_code_cell, new_notebook

from dlchkit.data import catalog
from dlchkit.data.checked_values import read_yaml
from dlchkit.data.loaders import coco, mat_subprocess
from dlchkit.data.loaders.mat_files import mat_keys
from dlchkit.data.streams import class_incremental_stream, load_stream, save_stream
from dlchkit.encoders.cache import cached_features
from dlchkit.encoders.state_files import read_state
from dlchkit.errors import DataError
from dlchkit.records import FILE_NAME, RunRecord
from dlchkit.runs.notebook import read_parameters
from dlchkit.runs.plan import PLAN, load_plan
from dlchkit.runs.sweep_file import plan_sweeps


@pytest.fixture
def items(tmp_path):
    return write_items(tmp_path / "items")


# --- what damage at random has found, each once ---


def test_a_picture_name_that_no_file_can_have_is_refused(items, refused):
    text = (items / "items.csv").read_text()
    (items / "items.csv").write_text(text.replace("1.png", "a\0b"))
    with refused("items.csv line 3", "mend the row"):
        catalog.load(items)
    assert len(catalog.load(items, skip_bad_rows=True)) == 5


def test_a_column_name_of_two_lines_is_refused_in_one(items, refused):
    (items / "items.csv").write_text('id,"la\nbel",text\n1,a,b\n')
    with refused("has no column 'label'"):
        catalog.load(items)


@pytest.mark.parametrize(
    "header", [b"{'descr': (", b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999, 3), }", b"[" * 500]
)
def test_a_npy_header_that_is_no_header_is_refused(items, refused, header):
    (items / "text_features.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with refused("text_features.npy is not a readable .npy array"):
        catalog.load(items)


def test_class_names_that_are_no_utf8_are_refused(tmp_path, refused):
    np.save(tmp_path / "labels.npy", np.arange(6) % 2)
    (tmp_path / "classes.tsv").write_bytes(b"a\t\xff\n")
    with refused("classes.tsv is not UTF-8 text"):
        catalog.load_source(tmp_path, use="features")


@pytest.mark.parametrize("name", [None, 7, ["0.jpg"]])
def test_a_coco_picture_without_a_text_for_a_name_is_refused(tmp_path, refused, name):
    write_coco(tmp_path)
    path = tmp_path / "instances_val2017.json"
    content = json.loads(path.read_text())
    content["images"][1]["file_name"] = name
    path.write_text(json.dumps(content))
    with refused("do not fit together", "is no text"):
        catalog.load(tmp_path)


@pytest.mark.slow
def test_what_is_nested_too_deeply_is_refused(tmp_path, clustered_pairs, refused):
    deep = "[" * 100_000
    for name in (FILE_NAME, PLAN, "n.ipynb", "stream.json", "s.yaml", "instances_val2017.json"):
        (tmp_path / name).write_text(deep)
    (tmp_path / "val2017").mkdir()
    for read, said in (
        (lambda: RunRecord.load(tmp_path), "not readable JSON"),
        (lambda: load_plan(tmp_path), "no readable plan"),
        (lambda: read_parameters(tmp_path / "n.ipynb"), "not a readable notebook"),
        (lambda: load_stream(tmp_path / "stream.json", clustered_pairs(24, 4)), "not a stream file"),
        (lambda: read_yaml(tmp_path / "s.yaml", "sweep file"), "not readable YAML"),
        (lambda: catalog.load(tmp_path), "not readable JSON"),
    ):
        with refused(said):
            read()


@pytest.mark.parametrize(
    ("name", "value"),
    [("sizes", "[2001-01-01]"), ("sizes", "[!!set {a}]"), ("n", "2001-01-01"), ("rate", "1" + "0" * 400)],
)
def test_values_that_only_yaml_knows_are_refused(tmp_path, refused, name, value):
    write_notebook(tmp_path / "n.ipynb")
    (tmp_path / "s.yaml").write_text(f"notebook: n.ipynb\ntitle: t\nseeds: [0]\nparameters:\n  {name}: {value}\n")
    with refused(f"parameter '{name}' is"):
        plan_sweeps([tmp_path / "s.yaml"], tmp_path / "out")


@pytest.mark.parametrize(
    ("line", "said"),
    [("1: 2", "no parameter 1"), ("name: 2001-99-99", "not readable YAML"), ("? [a]\n  : 1", "not readable YAML")],
)
def test_names_and_dates_that_are_none_are_refused(tmp_path, refused, line, said):
    write_notebook(tmp_path / "n.ipynb")
    (tmp_path / "s.yaml").write_text(f"notebook: n.ipynb\ntitle: t\nseeds: [0]\nparameters:\n  {line}\n")
    with refused(said):
        plan_sweeps([tmp_path / "s.yaml"], tmp_path / "out")


def test_a_notebook_name_that_no_file_can_have_is_refused(tmp_path, refused):
    (tmp_path / "s.yaml").write_text(dump_yaml(SWEEP | {"notebook": "0" * 5000}))
    with refused("is no name of a file"):
        plan_sweeps([tmp_path / "s.yaml"], tmp_path / "out")


@pytest.mark.parametrize("literal", ["{[]: 1}", "(" * 500 + ")" * 500, "1" * 5000])
def test_a_default_that_python_cannot_read_is_refused(tmp_path, refused, literal):
    nbformat.write(
        new_notebook(cells=[new_code_cell(f"n: int = {literal}  # n", metadata={"tags": ["parameters"]})]),
        tmp_path / "n.ipynb",
    )
    with refused("the default of 'n'", "is no literal"):
        read_parameters(tmp_path / "n.ipynb")


@pytest.mark.parametrize(
    "change",
    [
        {"class_names": {}},
        {"class_names": "abcd"},
        {"stages": [{"new_classes": [10**30], "database": [], "query": []}]},
        {"stages": [{"new_classes": 3, "database": [], "query": []}]},
    ],
)
def test_a_stream_file_of_other_kinds_is_refused(tmp_path, clustered_pairs, refused, change):
    data = clustered_pairs(24, 4)
    path = save_stream(class_incremental_stream(data, classes_per_stage=[2, 2]), tmp_path / "stream.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with refused("is not a stream file"):
        load_stream(path, data)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": "1"},
        {"parameters": []},
        {"figures": {}},
        {"figures": ["a.png"]},
        {"metrics": None},
        {"notebook": 3},
        {"methods": {"m": {"R": {"a": [[1]]}, "seconds": [1, 2], "old_codes_unchanged": []}}},
    ],
)
def test_a_record_of_other_kinds_is_refused(tmp_path, refused, change):
    path = RunRecord("n", {}, environment={}).save(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with refused("lacks or adds a field, or one of another kind", "run its notebook again"):
        RunRecord.load(tmp_path)


# --- what a file may not do ---


class Canary:
    """Pickled, it makes a file where it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_no_pickle_is_loaded(items, tmp_path):
    sign = tmp_path / "sign"
    bad = np.array([Canary(sign)] * 6, dtype=object).reshape(6, 1)
    pickle.loads(pickle.dumps(bad))
    assert sign.exists()  # such a file does do harm to who loads it
    sign.unlink()
    np.save(items / "text_features.npy", bad, allow_pickle=True)
    np.savez(tmp_path / "a.npz", image_features=bad, text_features=features(), labels=one_hot())
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"a": Canary(sign)}))
    torch.save({"a": Canary(sign)}, tmp_path / "w.pt")
    (tmp_path / "w.safetensors").write_bytes(pickle.dumps(bad))
    for read in (
        lambda: catalog.load(items),
        lambda: catalog.load(tmp_path / "a.npz"),
        *(lambda name=name: read_state(tmp_path / name) for name in ("w.pth", "w.pt", "w.safetensors")),
    ):
        with pytest.raises(DataError):
            read()
    cached_features(Positions(), np.array(["a"]), folder=tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.npy")
    np.save(path, bad, allow_pickle=True)
    assert cached_features(Positions(), np.array(["a"]), folder=tmp_path / "cache").tolist() == [[0, 1]]
    assert not sign.exists()


def test_an_archive_writes_what_was_expected_of_it_and_nothing_else(tmp_path, refused):
    folder = tmp_path / "in" / "folder"
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("wanted.json", "../outside.json", "/outside.json", "../../outside.json"):
            file.writestr(name, "{}" * 100)
    coco.unpack(archive, folder, ("wanted.json",))
    assert [path.name for path in tmp_path.rglob("*.json")] == ["wanted.json"]
    with refused("a.zip is not the archive that was expected"):
        coco.unpack(archive, folder, ("absent.json",))
    (folder / "wanted.json").unlink()

    def unpack():
        coco.unpack(archive, folder, ("wanted.json",))
        (folder / "wanted.json").unlink()
        return True

    fuzz_bytes(archive, unpack)


@pytest.mark.parametrize("how", ["link", "soft link", "external", "virtual"])
def test_a_mat_file_that_points_to_another_file_is_refused(tmp_path, refused, how):
    save_hdf5(tmp_path / "secret.h5", LAll=one_hot())
    save_hdf5(tmp_path / "a-yall.mat", YAll=features(6, 4))
    with h5py.File(tmp_path / "a-lall.mat", "w") as file:
        if how == "link":
            file["LAll"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "LAll")
        elif how == "soft link":
            file["LAll"] = h5py.SoftLink("/elsewhere")
        elif how == "external":
            (tmp_path / "secret").write_bytes(bytes(12))
            file.create_dataset("LAll", (6, 2), np.uint8, external=[(str(tmp_path / "secret"), 0, 12)])
        else:
            layout = h5py.VirtualLayout((2, 6), np.uint8)
            layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "LAll", (2, 6))
            file.create_virtual_dataset("LAll", layout)
    save_hdf5(tmp_path / "a-xall.mat", XAll=features(6, 5))
    with refused("LAll in", "a-lall.mat", "link" if "link" in how else "another file"):
        catalog.load(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for a reader that crashes is a shell script")
def test_a_mat_file_that_crashes_its_reader_does_not_take_the_caller_along(tmp_path, refused, monkeypatch):
    save_v5(tmp_path / "a-lall.mat", LAll=one_hot())
    crashing = tmp_path / "crashing"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(crashing))
    with refused("a-lall.mat", "its reader crashed"):
        mat_keys(tmp_path / "a-lall.mat")
    monkeypatch.undo()
    monkeypatch.setattr(mat_subprocess, "SECONDS", 0.001)
    with refused("a-lall.mat", "its reader did not end in 0 s"):
        mat_keys(tmp_path / "a-lall.mat")
    monkeypatch.undo()
    assert mat_keys(tmp_path / "a-lall.mat") == ["LAll"]


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "..", "", "a\\b", "C:x", "a\nb"])
def test_a_plan_whose_runs_lie_outside_it_is_refused(tmp_path, refused, name):
    run = {"notebook": "n", "folder": name, "digest": "d", "parameters": {}}
    plan = {"title": "t", "file": "f", "notebooks": ["n"], "fixed": {}, "grid": {}, "runs": [run]}
    two = plan | {"notebooks": ["n", "m"], "runs": [run | {"folder": f"{name}/n/."}]}
    for content in (plan, two, plan | {"notebooks": [name], "runs": [run | {"notebook": name, "folder": "x"}]}):
        (tmp_path / PLAN).write_text(json.dumps(content))
        with refused("is no readable plan of a sweep (ValueError: "):
            load_plan(tmp_path)


@pytest.mark.parametrize("file", ["../a.png", "/etc/passwd", "..", "a/../../b.png", "C:\\x.png", "a\0b", ""])
def test_a_figure_outside_the_folder_is_refused(tmp_path, refused, file):
    RunRecord("n", {}, environment={}, figures=[{"file": file, "alt": "", "caption": ""}]).save(tmp_path)
    with refused("figure", "beside"):
        RunRecord.load(tmp_path)


def test_a_short_yaml_that_stands_for_billions_of_values_is_refused(tmp_path, refused):
    lines = [f"a: &a [{', '.join('x' * 9)}]"]
    for a, b in itertools.pairwise("abcdefghi"):
        lines.append(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]")
    (tmp_path / "s.yaml").write_text("\n".join([*lines, "seeds: *i"]))
    with in_time(), refused("s.yaml", "alias"):
        plan_sweeps([tmp_path / "s.yaml"], tmp_path / "out")
