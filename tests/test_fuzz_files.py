"""Whatever random damage does to a file: it is read, or refused in one line, in time, and nothing is left behind."""

import json
import random

import numpy as np
import pytest
import torch
import yaml
from damaged_files import (
    SWEEP,
    TIMES,
    Positions,
    damaged_bytes,
    dump_yaml,
    features,
    fuzz_bytes,
    fuzz_text,
    one_hot,
    read_or_refused,
    save_hdf5,
    save_v5,
    write_coco,
    write_items,
    write_karpathy,
    write_lists,
    write_mirflickr,
    write_notebook,
    write_nuswide,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from dlchkit.data import catalog
from dlchkit.data.checked_values import check_parameters, read_yaml
from dlchkit.data.loaders import mat_subprocess
from dlchkit.data.streams import class_incremental_stream, load_stream, save_stream
from dlchkit.encoders.cache import cached_features
from dlchkit.encoders.pretrain import small_encoder
from dlchkit.encoders.state_files import read_state
from dlchkit.records import FILE_NAME, MethodRecord, RunRecord
from dlchkit.runs.notebook import read_parameters, run_digest
from dlchkit.runs.plan import PLAN, load_plan, save_plan
from dlchkit.runs.run_process import in_words
from dlchkit.runs.run_state import FAILED
from dlchkit.runs.sweep_file import plan_sweeps

pytestmark = pytest.mark.slow

FEW = TIMES // 20  # where every reading starts a process


@pytest.fixture(autouse=True)
def little_patience(monkeypatch):
    monkeypatch.setattr(mat_subprocess, "SECONDS", 12)


@pytest.fixture
def items(tmp_path):
    return write_items(tmp_path / "items")


# --- data sets ---


def test_items_csv(items):
    fuzz_bytes(items / "items.csv", lambda: catalog.load(items, group="group"))
    fuzz_bytes(items / "items.csv", lambda: catalog.load(items, group="group", skip_bad_rows=True))


def test_pictures(items):
    fuzz_bytes(items / "0.png", lambda: catalog.load(items))
    Image.open(items / "0.png").save(items / "0.jpg", quality=50)
    text = (items / "items.csv").read_text().replace("0.png", "0.jpg")
    (items / "items.csv").write_text(text)
    fuzz_bytes(items / "0.jpg", lambda: catalog.load(items))


def test_npy(items):
    fuzz_bytes(items / "text_features.npy", lambda: catalog.load(items, skip_bad_rows=True))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    names = {
        "ids": np.array(list("abcdef")),
        "class_names": np.array(["x", "y"]),
        "split": np.array(["query", "database"] * 3),
    }
    save(tmp_path / "a.npz", image_features=features(), text_features=features(), labels=one_hot(), **names)
    fuzz_bytes(tmp_path / "a.npz", lambda: catalog.load(tmp_path), 2 * TIMES)


@pytest.mark.parametrize(
    "save", [save_v5, lambda path, **arrays: save_v5(path, True, **arrays), save_hdf5], ids=["v5", "compressed", "HDF5"]
)
def test_mat_matrices(tmp_path, save):
    if save is save_hdf5:
        save(tmp_path / "a.mat", images=np.zeros((4, 5, 3, 6), np.uint8), YAll=features(6, 4), LAll=one_hot())
        fuzz_bytes(tmp_path / "a.mat", lambda: np.asarray(catalog.load(tmp_path, skip_bad_rows=True).images))
    else:
        save_hdf5(tmp_path / "a-lall.mat", LAll=one_hot())
        save_hdf5(tmp_path / "a-yall.mat", YAll=features(6, 4))
        save(tmp_path / "a-xall.mat", XAll=features(6, 5))
        fuzz_bytes(tmp_path / "a-xall.mat", lambda: catalog.load(tmp_path, skip_bad_rows=True), 2 * FEW)


def test_mat_texts(tmp_path):
    def cells(*rows):
        return np.array([*rows, None], dtype=object)[:-1].reshape(-1, 1)

    for i in range(4):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{i}.png")
    save_v5(tmp_path / "index.mat", index=np.array([f"there/{i}.png" for i in range(4)]))
    save_v5(
        tmp_path / "caption.mat",
        caption=cells(*(np.array([f"one of {i}", f"two of {i}"], dtype=object) for i in range(4))),
    )
    save_hdf5(tmp_path / "label.mat", category=one_hot(4))
    for name in ("index.mat", "caption.mat"):
        fuzz_bytes(tmp_path / name, lambda: catalog.load(tmp_path, skip_bad_rows=True), FEW)


@pytest.mark.parametrize(
    "write, names, options",
    [
        (write_mirflickr, ["meta/tags/tags1.txt", "annotations/sky.txt"], {"min_tag_count": 1}),
        (write_nuswide, ["Imagelist.txt", "AllLabels/Labels_sky.txt", "All_Tags.txt"], {}),
        (write_lists, ["train.txt", "test.txt", "captions.txt"], {}),
    ],
)
def test_lists_of_pictures(tmp_path, write, names, options):
    write(tmp_path)
    for name in names:
        fuzz_bytes(tmp_path / name, lambda: catalog.load(tmp_path, skip_bad_rows=True, **options))


def test_karpathys_file(tmp_path):
    write_karpathy(tmp_path)
    fuzz_text(tmp_path / "dataset_flickr8k.json", lambda: catalog.load(tmp_path, skip_bad_rows=True))
    fuzz_bytes(tmp_path / "labels.npy", lambda: catalog.load(tmp_path, skip_bad_rows=True))


def test_mat_parts(tmp_path):
    parts = {f"{kind}_{side}": features(4, 3) for kind in "IT" for side in ("tr", "te")}
    save_hdf5(tmp_path / "a.mat", **parts, L_tr=one_hot(4), L_te=one_hot(4))
    fuzz_bytes(tmp_path / "a.mat", lambda: catalog.load(tmp_path, skip_bad_rows=True))


def test_coco(tmp_path):
    write_coco(tmp_path)
    for name in ("instances_val2017.json", "captions_val2017.json"):
        fuzz_text(tmp_path / name, lambda: catalog.load(tmp_path, skip_bad_rows=True))


def test_wikipedia(tmp_path):
    sides = {f"{side}_{part}": features(n, d) for part, n in (("tr", 6), ("te", 4)) for side, d in (("I", 4), ("T", 3))}
    save_hdf5(tmp_path / "raw_features.mat", **sides)
    for name, n in (("trainset", 6), ("testset", 4)):
        (tmp_path / f"{name}_txt_img_cat.list").write_text("".join(f"{name}{i}\tp{i}\t{1 + i % 2}\n" for i in range(n)))
    (tmp_path / "categories.list").write_text("art\nbiology\n")
    (tmp_path / "pku_split_indices.txt").write_text("0\n1\n2\n3\n")
    for path in sorted(tmp_path.iterdir()):
        fuzz_bytes(path, lambda: catalog.load(tmp_path, skip_bad_rows=True))


def test_pascal(tmp_path):
    for c in "ab":
        (tmp_path / c).mkdir()
        for i in range(2):
            Image.new("RGB", (4, 4)).save(tmp_path / c / f"{i}.png")
            (tmp_path / c / f"{i}.txt").write_text(f"one of {i}\ntwo of {i}\n")
    fuzz_bytes(tmp_path / "a" / "0.txt", lambda: catalog.load(tmp_path, skip_bad_rows=True))


def test_source_folders(tmp_path):
    np.save(tmp_path / "labels.npy", np.arange(6) % 2)
    np.save(tmp_path / "image_features.npy", features())
    (tmp_path / "classes.tsv").write_text("a\tcat\nb\tdog\n")
    for path in sorted(tmp_path.iterdir()):
        fuzz_bytes(path, lambda: catalog.load_source(tmp_path, use="features"))


# --- weights and the cache ---


def test_weights(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2)}, path, metadata={"history": "{}"})
    fuzz_bytes(path, lambda: read_state(path), 2 * TIMES)
    fuzz_bytes(path, lambda: read_or_refused(lambda: small_encoder(path), tmp_path, "an encoder") or "refused", 10)
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pth")
    fuzz_bytes(tmp_path / "w.pth", lambda: read_state(tmp_path / "w.pth"))


def test_a_damaged_cache_is_mended(tmp_path):
    texts = np.array(["a", "b", "c"])
    cached_features(Positions(), texts, folder=tmp_path)
    (path,) = tmp_path.glob("*.npy")
    raw = path.read_bytes()
    for seed in range(TIMES):
        path.write_bytes(damaged_bytes(raw, random.Random(seed)))
        found = cached_features(Positions(), texts, folder=tmp_path)
        assert found.ndim == 2 and len(found) == 3 and found.dtype.kind == "f"
        assert [path] == [file for file in tmp_path.rglob("*") if file.is_file() and file.parent.name != ".locks"]


# --- records, plans, streams ---


def test_records(tmp_path):
    R = {"image_to_text": [[0.9, float("nan")], [0.5, 0.75]]}
    method = MethodRecord(
        R=R,
        seconds=[1.0, 2.0],
        old_codes_unchanged=[True, True],
        other_R={"encoded": R},
        chance={"image_to_text": [0.1, 0.2]},
    )
    figures = [{"file": "R.png", "alt": "a", "caption": "c"}]
    results = {"methods": {"dlch": method}, "metrics": {"dlch": {"map": 0.5}}, "findings": {"x": [1]}}
    record = RunRecord("n", {"n_bits": 16}, 1, data={"name": "scenes"}, figures=figures, **results)
    record.environment = {"versions": {"a": "1"}}
    record.save(tmp_path)

    def read():
        back = RunRecord.load(tmp_path)
        for one in back.methods.values():
            assert one.learned_at_once in (True, False)
            assert all(R.ndim == 2 and len(R) == len(one.seconds) for R in one.R.values())
        assert all((tmp_path / figure["file"]).resolve().parent == tmp_path.resolve() for figure in back.figures)
        back.save(tmp_path / "again")
        (tmp_path / "again" / FILE_NAME).unlink()
        return str(back)

    fuzz_text(tmp_path / FILE_NAME, read, 3 * TIMES)


def test_notebooks(tmp_path):
    path = tmp_path / "n.ipynb"
    write_notebook(path)

    def read():
        return read_parameters(path), run_digest(path, {})

    fuzz_text(path, read, 2 * TIMES)


def test_sweep_files(tmp_path):
    write_notebook(tmp_path / "n.ipynb")
    path = tmp_path / "s.yaml"
    path.write_text(dump_yaml(SWEEP))
    fuzz_text(path, lambda: plan_sweeps([path], tmp_path / "out"), 2 * TIMES, dump=dump_yaml, load=yaml.safe_load)


def test_parameter_files(tmp_path):
    write_notebook(tmp_path / "n.ipynb")
    known, path = read_parameters(tmp_path / "n.ipynb"), tmp_path / "p.yaml"
    path.write_text(dump_yaml({"n": 4, "rate": 0.1, "sizes": [1, [2]], "name": "x", "on": False}))

    def read():
        given = read_yaml(path, "parameter file")
        return check_parameters(given if isinstance(given, dict) else {}, known, tmp_path / "n.ipynb")

    fuzz_text(path, read, dump=dump_yaml, load=yaml.safe_load)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.text(st.characters(exclude_categories=()) | st.sampled_from("&*!{}[]:-,'\"|>#%@?\n \t0123456789"), max_size=60)
)
def test_any_text_as_yaml(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "any.yaml"
    path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    read_or_refused(lambda: (read_yaml(path, "sweep file"),), path.parent, repr(text))


def test_plans_and_failures(tmp_path):
    write_notebook(tmp_path / "n.ipynb")
    (tmp_path / "s.yaml").write_text(dump_yaml(SWEEP))
    (sweep,) = plan_sweeps([tmp_path / "s.yaml"], tmp_path / "out")
    save_plan(sweep, tmp_path / "out")
    home = tmp_path / "out" / "s"

    def read():
        _, runs = load_plan(home)
        assert all(run.folder.resolve().parent == home.resolve() and run.notebook.parent == home for run in runs)
        return [(run.name, run.state()) for run in runs]

    fuzz_text(home / PLAN, read, 2 * TIMES)
    run = sweep.runs[0][0]
    run.folder.mkdir()
    (run.folder / FAILED).write_text(json.dumps({"digest": run.digest, "cell": 3, "error": "no"}))

    def read_failure():
        failure = run.failure()
        return in_words(failure) if failure else "open"

    fuzz_text(run.folder / FAILED, read_failure)


def test_stream_files(tmp_path, clustered_pairs):
    data = clustered_pairs(24, 4)
    path = save_stream(class_incremental_stream(data, classes_per_stage=[2, 2]), tmp_path / "stream.json")
    fuzz_text(path, lambda: load_stream(path, data), 2 * TIMES)
