"""Shards summed apart and put together equal one process that sees everything; a worker that dies loses nothing."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.cli import main
from dlchkit.data import PairedFeatures
from dlchkit.lifelong import ExactHashing, load_exact, save_exact
from dlchkit.runs.shards import fit_shards
from dlchkit.storage import digest


def make_items(n, *, seed=0, n_classes=7, several=False):
    """image, text and labels of items around the centres of their classes."""
    random = np.random.default_rng(seed)
    labels = np.eye(n_classes, dtype=bool)[random.integers(n_classes, size=n)]
    if several:
        labels |= random.random(labels.shape) < 0.2
    centres = np.random.default_rng(99)
    image, text = (
        (labels @ centres.normal(size=(n_classes, width)) + random.normal(size=(n, width))).astype(np.float32)
        for width in (8, 6)
    )
    return image, text, labels


def rows_of(items, rows):
    return tuple(array[rows] for array in items)


def joined(shards):
    return tuple(map(np.concatenate, zip(*shards, strict=True)))


def begun(**options):
    hashing = ExactHashing(16, units=12, dtype="float64", ridge=2.0, device="cpu", **options)
    return hashing.partial_fit(*make_items(40, n_classes=4))


def in_one_process(hashing, items):
    return hashing.shard().merge(hashing, hashing.shard().add(*items))


def assert_equal(one, other):
    """Codes bitwise and in the same rows; functions to rounding of float64."""
    for name in ("vectors", "counts", "codes", "starts"):
        assert np.array_equal(getattr(one.codes, name), getattr(other.codes, name)), name
    image, text, _ = make_items(30, seed=77)
    assert np.allclose(one.relaxed("image", image), other.relaxed("image", image), rtol=1e-9, atol=1e-11)
    assert np.allclose(one.relaxed("text", text), other.relaxed("text", text), rtol=1e-9, atol=1e-11)


# --- the sums ---


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 99), max_size=5, unique=True), st.booleans())
def test_any_split_in_any_order_equals_one_process(seed, cuts, several):
    hashing, items = begun(), make_items(100, seed=seed, several=several)
    shards = [rows_of(items, rows) for rows in np.split(np.arange(100), sorted(cuts))]
    total = hashing.shard()
    for i in np.random.default_rng(seed).permutation(len(shards)):
        total.add_sums(hashing.shard().add(*shards[i]).summed())
    assert total.n_items == 100
    assert_equal(hashing.shard().merge(hashing, total), in_one_process(hashing, items))


def test_shards_that_know_fewer_classes_fit_those_that_know_more():
    hashing, few, many = begun(), make_items(30, seed=1, n_classes=5), make_items(30, seed=2)
    a, b = (hashing.shard().add(*items).summed() for items in (few, many))
    wide = joined([(*few[:2], np.pad(few[2], ((0, 0), (0, 2)))), many])
    for parts in ((a, b), (b, a)):
        total = hashing.shard().add_sums(parts[0]).add_sums(parts[1])
        assert_equal(hashing.shard().merge(hashing, total), in_one_process(hashing, wide))


def test_what_comes_back_does_not_grow_with_items():
    start = begun().shard()
    small, large = (start.shard().add(*make_items(n)).summed() for n in (70, 2100))
    widths = [features.width for features in start.features.values()]
    assert small.nbytes == large.nbytes == sum(8 * width * (width + 7) for width in widths) + 7 * (7 + 8)
    assert len(pickle.dumps(large)) < large.nbytes + 2000


def test_label_vectors_without_an_item_in_a_shard_do_not_travel():
    hashing = begun()  # knows four label vectors
    image, text, labels = make_items(40, seed=5)
    one_class = labels[:, 6]
    summed = hashing.shard().add(image[one_class], text[one_class], labels[one_class]).summed()
    assert summed.vectors.tolist() == [[False] * 6 + [True]] and summed.n_items == one_class.sum()
    assert all(len(sums.by_label) == 1 for sums in summed.sides.values())


def test_what_was_given_stays_as_it_is():
    hashing, items = begun(), make_items(50, seed=3)
    before = hashing.state_bytes, hashing.n_items, hashing.relaxed("image", items[0]), hashing.codes.codes.copy()
    learned = fit_shards(hashing, [items], n_jobs=1)
    assert (hashing.state_bytes, hashing.n_items) == before[:2] and learned.n_items == hashing.n_items + 50
    assert np.array_equal(hashing.relaxed("image", items[0]), before[2])
    assert np.array_equal(hashing.codes.codes, before[3])
    assert np.array_equal(learned.codes.codes[: len(before[3])], before[3])


def test_items_without_a_label_teach_nothing():
    hashing, items = begun(), make_items(50, seed=3)
    bare = (*items[:2], np.zeros_like(items[2]))
    assert_equal(fit_shards(hashing, [bare, items], n_jobs=1), in_one_process(hashing, items))


def plain(**options):
    return ExactHashing(16, **{"units": 12, "dtype": "float64", "device": "cpu", **options})


def test_one_shard_is_one_fit():
    items = make_items(60)
    assert_equal(fit_shards(plain(), [items], n_jobs=1), plain().partial_fit(*items))
    pairs = as_pairs(items)
    fitted = plain().partial_fit(*items, groups=pairs.groups, class_names=pairs.class_names)
    assert_equal(fit_shards(plain(), [pairs], n_jobs=1), fitted)


def test_the_largest_shard_makes_features_and_ridge_and_codes_wait_for_all():
    shards = [make_items(n, seed=n) for n in (60, 80, 70)]
    learned = fit_shards(plain(), shards, n_jobs=1)
    first = plain().partial_fit(*shards[1])
    assert learned.choices == first.choices
    assert all(learned.features[side].equals(first.features[side]) for side in first.features)
    first.codes.clear()
    assert_equal(learned, in_one_process(first, joined([shards[0], shards[2]])))
    everything = plain(ridge=1.0).partial_fit(*joined(shards))
    labels = np.unique(joined(shards)[2], axis=0)
    assert np.array_equal(learned.codes_of(labels), everything.codes_of(labels))


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("onto", [False, True])
def test_the_order_of_shards_changes_no_bit_of_a_code(named, onto):
    """Classes, features and sizes differ from shard to shard."""
    shards = []
    for seed in range(4):
        n_classes = 4 + seed
        shard = make_items(40 + 10 * (seed % 2), seed=seed, n_classes=n_classes, several=True)
        names = [f"class {c}" for c in np.random.default_rng(seed).permutation(10)[:n_classes]]
        shards.append(as_pairs(shard, names) if named else shard)
    found = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]):
        before = fit_shards(plain(), [shards[0]], n_jobs=1) if onto else plain()
        learned = fit_shards(before, [shards[i] for i in order if i or not onto], n_jobs=1)
        found.append(learned)
        assert learned.class_names == found[0].class_names and learned.choices == found[0].choices
        assert_equal(learned, found[0])


# --- classes by name, and items that come twice ---


def as_pairs(items, names="abcdefghij", ids=None, split=None):
    image, text, labels = items
    ids = np.array([f"{hash_of(image)}-{i}" for i in range(len(labels))]) if ids is None else np.asarray(ids)
    kept = labels.any(1)
    names = tuple(names[: labels.shape[1]])
    pairs = PairedFeatures(ids[kept], image[kept], text[kept], labels[kept], names, ids[kept])
    return pairs if split is None else replace(pairs, split=np.asarray(split)[kept])


def hash_of(array):
    return digest(array)[:8]


def write_archive(path, pairs, **others):
    """A .npz file of pairs; ``others`` replace arrays, None leaves one out."""
    arrays = {"image": pairs.image, "text": pairs.text, "labels": pairs.labels, "ids": pairs.ids}
    arrays |= {"class_names": np.array(pairs.class_names), **others}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_columns_are_matched_by_the_names_of_their_classes(tmp_path):
    first, second = make_items(60, seed=1, n_classes=2), make_items(50, seed=2, n_classes=3)
    month1 = write_archive(tmp_path / "month1.npz", as_pairs(first, ["cat", "dog"]))
    month2 = write_archive(tmp_path / "month2.npz", as_pairs(second, ["tree", "dog", "car"]))
    one = fit_shards(plain(), [month1], n_jobs=1)
    learned = fit_shards(one, [month2], n_jobs=1)
    assert one.class_names == ("cat", "dog") and learned.class_names == ("cat", "dog", "car", "tree")
    by_name = dict(zip(learned.class_names, learned.codes.counts @ learned.codes.vectors, strict=True))
    counts = first[2].sum(0).tolist(), second[2].sum(0).tolist()
    assert by_name == {
        "cat": counts[0][0],
        "dog": counts[0][1] + counts[1][1],
        "tree": counts[1][0],
        "car": counts[1][2],
    }
    codes = learned.codes_of(np.eye(4, dtype=bool))
    assert (codes[3] != codes[:3]).any(1).all() and np.array_equal(codes[:2], one.codes_of(np.eye(2, dtype=bool)))
    assert len(learned.seen.ids) == 110 and len(learned.seen.shards) == 2


def test_names_that_cannot_be_matched_are_refused(tmp_path, refused):
    named, other = as_pairs(make_items(40, n_classes=2), ["cat", "dog"]), make_items(40, seed=2, n_classes=2)
    month2 = write_archive(tmp_path / "month2.npz", as_pairs(other), class_names=None)
    model = fit_shards(plain(), [named], n_jobs=1)
    for shard in (month2, other):
        with refused("its classes have no names", "cat, dog", "add class_names"):
            fit_shards(model, [shard], n_jobs=1)
    with refused("have no names"):
        fit_shards(plain(), [named, other], n_jobs=1)
    unnamed = fit_shards(plain(), [other], n_jobs=1)
    with refused("shard 0", "these classes are cat, dog", "have no names", "learn all anew"):
        fit_shards(unnamed, [named], n_jobs=1)
    unnamed.class_names = ("dog", "cat")
    assert fit_shards(unnamed, [named], n_jobs=1).class_names == ("dog", "cat")
    (tmp_path / "classes.txt").write_text("dog\ncat\n")
    assert fit_shards(model, [month2], n_jobs=1).class_names == ("cat", "dog")


@pytest.mark.parametrize("with_ids", [True, False])
def test_a_file_that_comes_twice_is_refused_or_left_out(with_ids, tmp_path, refused):
    ids = {} if with_ids else {"ids": None}
    first, second = (as_pairs(make_items(40, seed=seed)) for seed in (1, 2))
    paths = [write_archive(tmp_path / f"{i}.npz", pairs, **ids) for i, pairs in enumerate((first, second, first))]
    np.savez_compressed(tmp_path / "3.npz", **np.load(paths[0]))
    for twice in (paths, [paths[0], paths[0], paths[1]], [paths[1], paths[0], tmp_path / "3.npz"]):
        with refused(".npz", "learned before", "--skip-seen"):
            fit_shards(plain(), twice, n_jobs=1)
        done = []
        skipped = fit_shards(plain(), twice, n_jobs=1, skip_seen=True, on_shard=done.append)
        assert_equal(skipped, fit_shards(plain(), paths[:2], n_jobs=1))
        assert sorted((one.n_items, one.n_skipped) for one in done) == [(0, 40), (40, 0), (40, 0)]
    model = load_exact(save_exact(fit_shards(plain(), paths[:1], n_jobs=1), tmp_path / "model.safetensors"))
    with refused("0.npz", "learned before"):
        fit_shards(model, paths[:2], n_jobs=1)
    assert fit_shards(model, paths[:2], n_jobs=1, skip_seen=True).n_items == 80


@pytest.mark.parametrize("kind", ["file", "pairs"])
def test_items_seen_before_are_refused_or_left_out(kind, tmp_path, refused):
    items = make_items(90)
    ids = np.array([f"i{i}" for i in range(90)])
    shards = [as_pairs(rows_of(items, rows), ids=ids[rows]) for rows in (slice(0, 50), slice(40, 90))]
    if kind == "file":
        shards = [write_archive(tmp_path / f"{i}.npz", pairs) for i, pairs in enumerate(shards)]
    with refused("10 of its 50 items were learned before", "--skip-seen"):
        fit_shards(plain(), shards, n_jobs=1)
    model = fit_shards(plain(ridge=1.0), shards[:1], n_jobs=1)
    done = []
    learned = fit_shards(model, shards[1:], n_jobs=1, skip_seen=True, on_shard=done.append)
    assert (done[0].n_items, done[0].n_skipped, learned.n_items, len(learned.seen.ids)) == (40, 10, 90, 90)
    assert_equal(learned, in_one_process(model, rows_of(items, slice(50, 90))))


def test_the_same_features_under_other_ids_are_noticed(tmp_path, refused):
    pairs = as_pairs(make_items(40))
    renamed = write_archive(tmp_path / "b.npz", pairs, ids=np.array([f"new{i}" for i in range(40)]))
    with refused("its features were learned before"):
        fit_shards(plain(), [write_archive(tmp_path / "a.npz", pairs), renamed], n_jobs=1)


def test_parts_of_one_file_by_its_split_are_no_repetition(tmp_path):
    pairs = as_pairs(make_items(60))
    halves = [np.where(np.arange(60) % 2 == part, "database", "query") for part in (0, 1)]
    paths = [write_archive(tmp_path / f"{i}.npz", pairs, split=half) for i, half in enumerate(halves)]
    assert fit_shards(plain(), paths, n_jobs=1).n_items == 60


def test_what_functions_return_twice_is_noticed_too(refused):
    one, two, other = (partial(make_items, 30, seed=seed) for seed in (1, 1, 2))
    with refused("its features were learned before"):
        fit_shards(plain(), [one, two, other], n_jobs=1)
    assert fit_shards(plain(), [one, two, other], n_jobs=1, skip_seen=True).n_items == 60
    items = make_items(60)
    ids = [f"i{i}" for i in range(60)]
    half, all_of_it = as_pairs(rows_of(items, slice(30)), ids=ids[:30]), as_pairs(items, ids=ids)
    with refused("30 of its 60 items", "some cannot be left out", "PairedFeatures"):
        fit_shards(plain(), [partial(replace, half), partial(replace, all_of_it)], n_jobs=1, skip_seen=True)


def test_an_id_twice_in_one_shard_is_refused(refused):
    with refused("shard 0", "an id stands on two items"):
        fit_shards(plain(), [as_pairs(make_items(4), ids=["a", "b", "a", "c"])], n_jobs=1)


# --- what is refused ---


def test_mistakes_name_the_shard(refused, tmp_path):
    hashing, (image, text, labels) = begun(), make_items(20)
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"no archive")
    objects = tmp_path / "objects.npz"
    np.savez(objects, image=np.array([{}]), text=text, labels=labels)
    with refused("absent.npz", "is not a file"):
        fit_shards(hashing, [(image, text, labels), tmp_path / "absent.npz"], n_jobs=1)
    with refused("bad.npz", "not a readable .npz"):
        fit_shards(hashing, [bad], n_jobs=1)
    with refused("objects.npz", "without objects"):
        fit_shards(hashing, [objects], n_jobs=1)
    with refused("shard 1", "(20, 3)", "(n, 8)"):
        fit_shards(hashing, [(image, text, labels), (image[:, :3], text, labels)], n_jobs=1)
    with refused("shard 0", "labels are 0 or 1"):
        fit_shards(hashing, [(image, text, labels * 2)], n_jobs=1)
    with refused("a shard is int"):
        fit_shards(hashing, [3], n_jobs=1)
    with refused("no shard"):
        fit_shards(ExactHashing(16), iter([]))
    with refused("n_jobs is 0"):
        fit_shards(hashing, [], n_jobs=0)
    with refused("backend is 'spark'"):
        fit_shards(hashing, [], backend="spark")
    with refused("belong together"):
        fit_shards(hashing, [], backend="dask")


def test_a_refused_shard_leaves_nothing_half_learned(refused):
    hashing, items = begun(), make_items(20)
    empty = ExactHashing(16, device="cpu")
    for one in (hashing, empty):
        with refused("shard 2"):
            fit_shards(one, [items, make_items(20, seed=1), (items[0], items[1][:3], items[2])], n_jobs=1)
    assert hashing.n_items == 40 and not empty.sums and not empty.features


# --- processes of this machine ---


class Dies:
    """A shard whose process is killed the first ``times`` times that it is taken."""

    def __init__(self, folder, items, times):
        self.folder, self.items, self.times = folder, items, times

    def __call__(self):
        tries = len(list(self.folder.iterdir()))
        (self.folder / str(tries)).touch()
        if tries < self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.items


@pytest.mark.slow
def test_a_killed_process_loses_nothing(tmp_path):
    hashing, shards = begun(), [make_items(50, seed=seed) for seed in range(5)]
    done = []
    dying = [*shards[:2], Dies(tmp_path, shards[2], 1), *shards[3:]]
    learned = fit_shards(hashing, dying, n_jobs=2, on_shard=done.append)
    assert_equal(learned, in_one_process(hashing, joined(shards)))
    assert sorted(one.name for one in done) == [f"shard {i}" for i in range(5)] and len(list(tmp_path.iterdir())) == 2
    assert all(one.n_items == 50 and one.seconds > 0 for one in done)


@pytest.mark.slow
def test_a_shard_that_kills_every_process_is_named(tmp_path, refused, monkeypatch):
    monkeypatch.setattr("dlchkit.runs.shards.TRIES", 1)
    hashing = begun()
    with refused("processes died 1 times", "shard 1", "need less memory"):
        fit_shards(hashing, [make_items(20), Dies(tmp_path, None, 9)], n_jobs=2)
    assert hashing.n_items == 40


# --- a Dask cluster: a scheduler and two workers over TCP ---


class Slow:
    """A shard that says which process took it, and lets the first one wait for its end."""

    def __init__(self, folder, items):
        self.folder, self.items = folder, items

    def __call__(self):
        taken = self.folder / "taken"
        if not taken.exists():
            (self.folder / "tmp").write_text(str(os.getpid()))
            (self.folder / "tmp").rename(taken)
            time.sleep(600)
        return self.items


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Address of a running scheduler with two workers of one thread, each a process of its own."""
    distributed = pytest.importorskip("distributed", reason="distributed is not installed; pip install 'dlchkit[dask]'")
    folder = tmp_path_factory.mktemp("cluster")
    place, processes = folder / "scheduler.json", []
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}

    def run(program, *options):
        with open(folder / "log", "ab") as log:
            command = [sys.executable, "-m", f"distributed.cli.{program}", *options]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment))

    try:
        run("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(place))
        deadline = time.monotonic() + 60
        while not (place.is_file() and place.read_text().strip().endswith("}")):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)
        address = json.loads(place.read_text())["address"]
        for _ in range(3):  # one of them is killed below
            run("dask_worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard")
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(3, timeout=60)
        yield address
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_killed_dask_worker_loses_nothing(cluster, tmp_path):
    hashing, shards = begun(), [make_items(50, seed=seed) for seed in range(5)]
    done = []

    def kill_who_waits(one):  # called as soon as another shard has come back
        done.append(one)
        if len(done) == 2:
            os.kill(int((tmp_path / "taken").read_text()), signal.SIGKILL)

    learned = fit_shards(
        hashing, [Slow(tmp_path, shards[0]), *shards[1:]], backend="dask", scheduler=cluster, on_shard=kill_who_waits
    )
    assert_equal(learned, in_one_process(hashing, joined(shards)))
    assert sorted(one.name for one in done) == [f"shard {i}" for i in range(5)]


def write_shards(folder, n=3):
    shards = [make_items(60, seed=seed) for seed in range(n)]
    paths = [folder / f"part{i}.npz" for i in range(n)]
    for path, (image, text, labels) in zip(paths, shards, strict=True):
        np.savez(path, image_features=image, text_features=text, labels=labels)
    return paths, shards


@pytest.mark.slow
def test_the_command_on_a_cluster_gives_what_it_gives_here(cluster, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # relative names: the workers stand in another folder
    paths, _ = write_shards(tmp_path)
    arguments = ["fit", *(path.name for path in paths), "--bits", "16"]
    assert main([*arguments, "-o", "there.safetensors", "--backend", "dask", "--scheduler", cluster]) == 0
    assert main([*arguments, "-o", "here.safetensors", "-j", "1"]) == 0
    assert capsys.readouterr().out.count("part1.npz: 60 items in ") == 2
    here, there = (load_exact(tmp_path / f"{name}.safetensors") for name in ("here", "there"))
    assert np.array_equal(here.codes.codes, there.codes.codes) and np.array_equal(here.codes.counts, there.codes.counts)
    image = make_items(30, seed=77)[0]
    relaxed = [hashing.relaxed("image", image) for hashing in (here, there)]
    assert np.allclose(*relaxed, rtol=1e-3, atol=1e-4)  # the command computes in float32


@pytest.mark.slow
def test_an_error_on_a_cluster_names_the_shard(cluster, refused, tmp_path):
    hashing, items = begun(), make_items(20)
    with refused("shard 1", "(20, 3)", "(n, 8)"):
        fit_shards(hashing, [items, (items[0][:, :3], *items[1:])], backend="dask", scheduler=cluster)


@pytest.mark.slow
def test_an_iterable_of_shards_is_taken_as_workers_are_free(cluster):
    drawn = []
    shards = (drawn.append(i) or make_items(20, seed=i) for i in range(30))
    learned = fit_shards(
        begun(), shards, backend="dask", scheduler=cluster, n_jobs=2, on_shard=lambda done: drawn.append("done")
    )
    assert learned.n_items == 40 + 600 and drawn[:2] == [0, 1] and drawn.index("done") <= 2


# --- the command ---


def test_the_command_learns_saves_and_goes_on(tmp_path, capsys):
    paths, shards = write_shards(tmp_path)
    out, further = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    assert main(["fit", *map(str, paths[:2]), "-o", str(out), "-j", "1", "--bits", "16"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert sorted(line.split(":")[0] for line in shown[:2]) == [str(path) for path in paths[:2]]
    assert all("60 items in" in line for line in shown[:2])
    assert shown[2].startswith("classes have no names") and shown[3].startswith("120 items have no id")
    assert shown[4].startswith("120 items learned, 0 of them before; state ") and shown[5] == str(out)
    before = out.read_bytes()
    assert main(["fit", str(paths[2]), "--onto", str(out), "-o", str(further), "-j", "1"]) == 0
    assert "180 items learned, 120 of them before" in capsys.readouterr().out and out.read_bytes() == before
    assert np.array_equal(load_exact(further).codes_of(shards[0][2]), load_exact(out).codes_of(shards[0][2]))


def test_a_split_keeps_queries_out(tmp_path):
    image, text, labels = make_items(60)
    split = np.where(np.arange(60) < 45, "database", "query")
    np.savez(tmp_path / "part.npz", image=image, text=text, labels=labels, split=split)
    hashing = begun()
    learned = fit_shards(hashing, [tmp_path / "part.npz"], n_jobs=1)
    assert_equal(learned, in_one_process(hashing, rows_of((image, text, labels), slice(45))))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.npz", "-o", "out.safetensors"], "absent.npz is not a file"),
        (["part0.npz", "-o", "."], "is a folder; name a file"),
        (["part0.npz", "-o", "out.safetensors", "--onto", "absent.safetensors"], "absent.safetensors does not exist"),
        (["part0.npz", "-o", "out.safetensors", "--onto", "part0.npz"], "no whole file of exact hashing"),
        (["part0.npz", "-o", "out.safetensors", "--bits", "0"], "n_bits is 0"),
        (["part0.npz", "-o", "out.safetensors", "-j", "0"], "n_jobs is 0"),
        (["part0.npz", "-o", "out.safetensors", "--backend", "dask"], "belong together"),
    ],
)
def test_mistakes_end_with_2_and_one_line(arguments, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_shards(tmp_path, n=1)
    assert main(["fit", *arguments]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert not shown.out
    assert not (tmp_path / "out.safetensors").exists()


def test_another_code_length_than_before_is_refused(tmp_path, capsys):
    (path,), _ = write_shards(tmp_path, n=1)
    out = tmp_path / "one.safetensors"
    assert main(["fit", str(path), "-o", str(out), "--bits", "16"]) == 0
    assert main(["fit", str(path), "-o", str(out), "--onto", str(out), "--bits", "32"]) == 2
    assert "16 bits, --bits asks for 32" in capsys.readouterr().err


def test_the_command_goes_on_month_by_month(tmp_path, capsys):
    months = [
        write_archive(tmp_path / f"month{i}.npz", as_pairs(make_items(40, seed=i, n_classes=2), names))
        for i, names in enumerate((["cat", "dog"], ["tree", "car"]))
    ]
    one, two, out = (str(tmp_path / f"{name}.safetensors") for name in ("one", "two", "out"))
    assert main(["fit", str(months[0]), "-o", one, "-j", "1", "--bits", "16"]) == 0
    assert "no names" not in capsys.readouterr().out
    assert main(["fit", str(months[1]), "--onto", one, "-o", two, "-j", "1"]) == 0
    assert load_exact(two).class_names == ("cat", "dog", "car", "tree")
    assert main(["fit", *map(str, months), "--onto", two, "-o", out, "-j", "1"]) == 2
    assert "learned before" in capsys.readouterr().err and not Path(out).exists()
    assert main(["fit", *map(str, months), "--onto", two, "-o", out, "-j", "1", "--skip-seen"]) == 0
    assert "80 items learned, 80 of them before" in capsys.readouterr().out
