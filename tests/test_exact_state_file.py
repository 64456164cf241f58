"""Exact hashing on disk: whole, unaltered and bit for bit, or refused in one line."""

import json
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from dlchkit.errors import DataError
from dlchkit.lifelong.exact import ExactHashing, SeenItems, load_exact, save_exact, state_file
from dlchkit.lifelong.exact.seen_items import keys_of

few = settings(max_examples=60, deadline=None)


def items(seed, n=30, n_classes=4):
    random = np.random.default_rng(seed)
    labels = np.eye(n_classes, dtype=bool)[np.arange(n) % n_classes] | (random.random((n, n_classes)) < 0.1)
    return random.normal(size=(n, 5)), random.normal(size=(n, 3)), labels


@pytest.fixture(scope="module", params=["chosen", "given"])
def hashing(request):
    options = {"dtype": "float64"} if request.param == "chosen" else {"ridge": 2.0}
    return ExactHashing(8, units=6, margin=0.1, seed=5, device="cpu", **options).partial_fit(*items(0))


@pytest.fixture(scope="module")
def whole(hashing, tmp_path_factory):
    """A stored file's bytes, and a path that tests may write to."""
    path = save_exact(hashing, tmp_path_factory.mktemp("stored") / "learner.safetensors")
    return path.read_bytes(), path.with_name("changed.safetensors")


def arrays_of(hashing):
    codes = [getattr(hashing.codes, name) for name in ("vectors", "counts", "codes", "starts")]
    sums = [(hashing.sums[side].gram, hashing.sums[side].by_label) for side in ("image", "text")]
    return [*codes, *sums[0], *sums[1], hashing.weights["image"], hashing.weights["text"]]


def same(a, b):
    settings_are = a.get_params() | {"device": ""} == b.get_params() | {"device": ""}
    return settings_are and all(map(np.array_equal, arrays_of(a), arrays_of(b)))


def test_what_is_read_is_what_was_written_bit_for_bit_and_learns_on(hashing, tmp_path):
    path = save_exact(hashing, tmp_path / "deep" / "learner.safetensors")
    loaded = load_exact(path, device="cpu")
    image, text, _ = items(1)
    assert same(hashing, loaded)
    assert np.array_equal(hashing.relaxed("image", image), loaded.relaxed("image", image))
    assert np.array_equal(hashing.encode_text(text), loaded.encode_text(text))
    made, read = ({side: vars(c).keys() for side, c in one.choices.items()} for one in (hashing, loaded))
    assert made == read
    assert loaded.choices["text"].tried == hashing.choices["text"].tried
    more = items(2, n_classes=6)
    straight = load_exact(path, device="cpu").partial_fit(*more)
    again = load_exact(save_exact(straight, tmp_path / "again.safetensors"), device="cpu")
    assert same(straight, loaded.partial_fit(*more)) and same(straight, again)
    assert same(straight, loaded) and loaded.n_items == 60
    report = loaded.recode()
    assert report.n_label_vectors == len(again.codes)


def test_writing_does_not_depend_on_the_day(hashing, whole, tmp_path):
    assert save_exact(hashing, tmp_path / "again.safetensors").read_bytes() == whole[0]


def test_a_file_cut_off_at_any_byte_is_refused(whole, refused):
    content, path = whole
    cuts = {0, 1, 7, 8, 9, len(content) - 1} | set(np.random.default_rng(0).integers(0, len(content), 40).tolist())
    for cut in cuts:
        path.write_bytes(content[:cut])
        with refused(str(path), "save_exact writes such a file"):
            load_exact(path)


@few
@given(data=st.data())
def test_a_changed_byte_is_refused_or_changes_nothing(hashing, whole, data):
    content, path = whole
    header = 8 + struct.unpack("<Q", content[:8])[0]
    place = data.draw(st.one_of(st.integers(0, 7), st.integers(8, header - 1), st.integers(header, len(content) - 1)))
    changed = bytearray(content)
    changed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        loaded = load_exact(path, device="cpu")
    except DataError as error:
        assert len(str(error).splitlines()) == 1 and str(path) in str(error)
    else:
        assert place < header and same(hashing, loaded)  # white space of the header, say


def rewritten(content, change):
    """The same file with its description changed, and nothing else."""
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header["__metadata__"]["dlchkit"])
    change(about)
    header["__metadata__"]["dlchkit"] = json.dumps(about)
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw + content[8 + length :]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda about: about["parameters"].update(seed=6), "was altered"),
        (lambda about: about["parameters"].update(margin=0.2), "was altered"),
        (lambda about: about["choices"]["image"].update(ridge=3.0), "was altered"),
        (lambda about: about.update(schema=3), "has schema 3; this version reads up to 2"),
        (lambda about: about.update(schema="one"), "no whole file"),
        (lambda about: about.pop("digest"), "no whole file"),
        (lambda about: about.clear(), "no whole file"),
    ],
)
def test_an_altered_description_is_refused(whole, change, words, refused):
    content, path = whole
    path.write_bytes(rewritten(content, lambda about: None))
    load_exact(path, device="cpu")  # written otherwise, but the same
    path.write_bytes(rewritten(content, change))
    with refused(str(path), words):
        load_exact(path)


def written(path, change):
    """The file with its description and tensors changed under a right digest, as another program could write it."""
    about, tensors = state_file._parts(path.read_bytes())
    about.pop("digest")
    change(about, tensors)
    about["digest"] = state_file._digest(about, tensors)
    save_file(tensors, path, metadata={"dlchkit": json.dumps(about)})


@pytest.mark.parametrize(
    "change",
    [
        lambda about, tensors: tensors.pop("codes.counts"),
        lambda about, tensors: tensors.update({"codes.counts": tensors["codes.counts"][:-1].clone()}),
        lambda about, tensors: tensors["codes.counts"].neg_(),
        lambda about, tensors: tensors["codes.codes"][0].fill_(3),
        lambda about, tensors: tensors["codes.codes"][0, 0].neg_().mul_(0),
        lambda about, tensors: tensors["codes.vectors"][0].copy_(tensors["codes.vectors"][1]),
        lambda about, tensors: tensors["codes.vectors"][0].zero_(),
        lambda about, tensors: tensors.update({"codes.starts": tensors["codes.starts"][:, :-1].clone()}),
        lambda about, tensors: tensors.update({"image.by_label": tensors["image.by_label"][:-1].clone()}),
        lambda about, tensors: tensors.update({"text.gram": tensors["text.gram"][:-1].clone()}),
        lambda about, tensors: tensors.update({"text.gram": tensors["text.gram"].float()}),
        lambda about, tensors: tensors["text.gram"].fill_(float("nan")),
        lambda about, tensors: tensors.update({"image.layer": tensors["image.layer"][:-1].clone()}),
        lambda about, tensors: tensors.update({"image.mean": tensors["image.layer"].clone()}),
        lambda about, tensors: about["parameters"].update(n_bits=16),
        lambda about, tensors: about["parameters"].update(n_bits="eight"),
        lambda about, tensors: about["parameters"].update(dtype=None),
        lambda about, tensors: about["choices"]["image"].update(ridge=-1),
        lambda about, tensors: about["choices"]["image"].update(units=2),
        lambda about, tensors: about["choices"]["image"].update(tried=3),
        lambda about, tensors: about.update(class_names=["a"]),
        lambda about, tensors: about.update(class_names=[1, 2, 3, 4]),
        lambda about, tensors: about.update(class_names="abcde") or about.pop("class_names"),
        lambda about, tensors: tensors.pop("seen.ids"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(whole, change, refused):
    content, path = whole
    path.write_bytes(content)
    written(path, lambda about, tensors: None)
    load_exact(path, device="cpu")
    written(path, change)
    with refused(str(path)):
        load_exact(path, device="cpu")


def test_what_was_loaded_needs_its_file_no_more(hashing, tmp_path):
    path = save_exact(hashing, tmp_path / "learner.safetensors")
    loaded = load_exact(path, device="cpu")
    size = path.stat().st_size
    path.write_bytes(b"\1" * size)
    assert same(hashing, loaded)
    with path.open("r+b") as file:
        file.truncate(10)
    assert same(hashing, loaded) and loaded.partial_fit(*items(2)).n_items == 60


def test_class_names_and_digests_of_items_are_kept(tmp_path):
    named = ExactHashing(8, units=6, ridge=2.0, device="cpu").partial_fit(*items(0), class_names=("a", "ü", "c", "d"))
    named.seen = SeenItems(keys_of(["one", "two"]), keys_of(["shard"]))
    loaded = load_exact(save_exact(named, tmp_path / "learner.safetensors"), device="cpu")
    assert loaded.class_names == ("a", "ü", "c", "d") and loaded.seen.ids.dtype == np.uint64
    assert np.array_equal(loaded.seen.ids, named.seen.ids) and np.array_equal(loaded.seen.shards, named.seen.shards)
    assert (
        save_exact(loaded, tmp_path / "again.safetensors").read_bytes()
        == (tmp_path / "learner.safetensors").read_bytes()
    )


def test_a_file_of_schema_1_has_no_names_and_no_digests(hashing, tmp_path):
    path = save_exact(hashing, tmp_path / "old.safetensors")

    def to_schema_1(about, tensors):
        about["schema"] = 1
        del about["class_names"], tensors["seen.ids"], tensors["seen.shards"]

    written(path, to_schema_1)
    loaded = load_exact(path, device="cpu")
    assert same(hashing, loaded) and loaded.class_names is None and loaded.seen.nbytes == 0


def test_other_files_are_refused(tmp_path, refused):
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, foreign)
    with refused(str(foreign), "no whole file of exact hashing"):
        load_exact(foreign)
    save_file({"weight": torch.zeros(2)}, foreign, metadata={"dlchkit": "[]"})
    with refused(str(foreign), "no whole file of exact hashing"):
        load_exact(foreign)
    with refused("nowhere.safetensors does not exist"):
        load_exact(tmp_path / "nowhere.safetensors")
    with refused(str(tmp_path)):
        load_exact(tmp_path)


def test_a_pickle_is_refused_and_never_run(tmp_path, refused):
    trap = tmp_path / "ran"
    path = tmp_path / "pickle.safetensors"
    torch.save({"weight": Trap(trap)}, path)
    with refused(str(path), "no whole file of exact hashing"):
        load_exact(path)
    assert not trap.exists()


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("moment", ["before", "half"])
def test_a_save_that_dies_leaves_the_old_file_and_nothing_else(hashing, tmp_path, monkeypatch, moment):
    path = save_exact(hashing, tmp_path / "learner.safetensors")
    before = path.read_bytes()

    def dies(tensors, target, metadata):
        if moment == "half":
            target.write_bytes(before[: len(before) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(state_file, "save_file", dies)
    with pytest.raises(KeyboardInterrupt):
        save_exact(hashing, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    assert same(load_exact(path, device="cpu"), hashing)


def test_nothing_learned_is_not_written(tmp_path, refused):
    with refused("call partial_fit first"):
        save_exact(ExactHashing(8), tmp_path / "empty.safetensors")
    assert not list(tmp_path.iterdir())
