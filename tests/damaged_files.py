"""Damage at random, what may come of it, and small files of every kind that the kit reads."""

import contextlib
import copy
import csv
import json
import random
import signal
import warnings

import h5py
import nbformat
import numpy as np
import scipy.io
import yaml
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from dlchkit.errors import DataError

TIMES = 120  # damaged copies of each small file
JUNK = [None, True, -1, 0, 3, 10**30, 1e999, float("nan"), "", "x", "0" * 5000]
JUNK += [
    "../../x",
    "/etc/passwd",
    "\ud800",
    "a\nb",
    "\x1b[2J",
    [],
    {},
    [[]],
    [None],
    [1, [2]],
    {"x": 1},
    {"": {"": []}},
]
MARKS = [b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff" * 8, b"\0" * 8, b"[" * 3000, b"9" * 40]
MARKS += [b"{", b'"', b"\n", b"\xe2\x80\xa8", b",", b"../", b"-"]


# --- damage ---


def damaged_bytes(raw, chance):
    """The bytes with some changed, cut, doubled, moved or written over by what formats take for sizes and marks."""
    raw = bytearray(raw)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        at = chance.randrange(len(raw) + 1)
        length = chance.choice([1, 2, 4, 8, 64])
        mark = chance.choice(MARKS)
        kind = chance.randrange(5)
        if kind == 0 and raw:
            raw[at % len(raw)] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del raw[at:]
        elif kind == 2:
            del raw[at : at + length]
        elif kind == 3:
            raw[at : at + (len(mark) if chance.random() < 0.5 else 0)] = mark
        else:
            raw[at:at] = raw[at : at + length]
    return bytes(raw)


def places_of(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places_of(child, (*path, key))


def damaged_value(value, chance):
    """A copy of what a JSON or YAML file holds with one entry replaced, left out, doubled or renamed."""
    value = copy.deepcopy(value)
    path = chance.choice(list(places_of(value)))
    junk = copy.deepcopy(chance.choice(JUNK))
    if not path:
        return junk
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    kind = chance.randrange(4)
    if kind == 0:
        del parent[path[-1]]
    elif kind == 1 and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[path[-1]]))
    elif kind == 1:
        parent[str(junk)] = parent.pop(path[-1])
    else:
        parent[path[-1]] = junk
    return value


# --- what may happen ---


@contextlib.contextmanager
def in_time(seconds=20):
    """Fails what hangs, where the system can interrupt it."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def late(*_):
        raise AssertionError(f"still reading after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def state_of(folder):
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def read_or_refused(read, folder, what):
    """The result, or None for a `DataError` of one line; anything else fails the test and names the damage."""
    before = state_of(folder)
    result = None
    with in_time(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = read()
        except DataError as error:
            message = str(error)
            assert len(message.splitlines()) == 1 and message.isprintable(), (what, message)
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    assert state_of(folder) == before, what
    return result


def fuzz_bytes(path, read, times=TIMES):
    """Damages the file in place, again and again; says how often it could still be read."""
    raw, n_read = path.read_bytes(), 0
    assert read_or_refused(read, path.parent, "undamaged") is not None
    for seed in range(times):
        path.write_bytes(damaged_bytes(raw, random.Random(seed)))
        n_read += read_or_refused(read, path.parent, f"{path.name}, seed {seed}") is not None
    path.write_bytes(raw)
    return n_read


def fuzz_values(path, read, times=TIMES, dump=json.dumps, load=json.loads):
    value, raw = load(path.read_text()), path.read_bytes()
    assert read_or_refused(read, path.parent, "undamaged") is not None
    for seed in range(times):
        broken = damaged_value(value, random.Random(seed))
        path.write_text(dump(broken))
        read_or_refused(read, path.parent, f"{path.name}, seed {seed}: {str(broken)[:2000]}")
    path.write_bytes(raw)


def fuzz_text(path, read, times=TIMES, **form):
    fuzz_bytes(path, read, times)
    fuzz_values(path, read, times, **form)


# --- small files ---


def features(n=6, d=3):
    return np.random.default_rng(0).random((n, d)).astype(np.float32)


def one_hot(n=6, c=2):
    return np.eye(c, dtype=np.uint8)[np.arange(n) % c]


def write_items(folder):
    folder.mkdir()
    rows = [
        {"id": f"i{i}", "image": f"{i}.png", "text": f"a text, {i}", "label": "ab"[i % 2], "group": f"g{i}"}
        for i in range(6)
    ]
    with open(folder / "items.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for i in range(6):
        Image.fromarray(np.full((4, 4, 3), 40 * i, np.uint8)).save(folder / f"{i}.png")
    np.save(folder / "text_features.npy", features())
    return folder


def save_v5(path, compressed=False, **arrays):
    scipy.io.savemat(path, arrays, do_compression=compressed)


def save_hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values.T
            file[name].attrs["MATLAB_class"] = np.bytes_("double")


def write_coco(folder):
    (folder / "val2017").mkdir()
    pictures = [{"id": i, "file_name": f"{i}.jpg"} for i in range(4)]
    for picture in pictures:
        Image.new("RGB", (4, 4)).save(folder / "val2017" / picture["file_name"])
    annotations = [{"image_id": i, "category_id": 1 + i % 2} for i in range(4)]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    (folder / "instances_val2017.json").write_text(
        json.dumps({"images": pictures, "annotations": annotations, "categories": categories})
    )
    (folder / "captions_val2017.json").write_text(
        json.dumps({"annotations": [{"image_id": i, "caption": f"a {i}"} for i in range(4)]})
    )


def write_lines(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_mirflickr(folder):
    for i in range(1, 5):
        Image.new("RGB", (4, 4)).save(folder / f"im{i}.jpg")
        write_lines(folder / f"meta/tags/tags{i}.txt", "sea", f"tag{i}")
    for name in ("sky", "sea"):
        write_lines(folder / f"annotations/{name}.txt", 1, 2, 3, 4)


def write_nuswide(folder):
    names = [f"sky/000{i}_{i}.jpg" for i in range(4)]
    (folder / "sky").mkdir()
    for name in names:
        Image.new("RGB", (4, 4)).save(folder / name)
    write_lines(folder / "Imagelist.txt", *(name.replace("/", "\\") for name in names))
    write_lines(folder / "AllLabels/Labels_sky.txt", 1, 1, 1, 0)
    write_lines(folder / "AllLabels/Labels_sea.txt", 0, 1, 1, 1)
    write_lines(folder / "All_Tags.txt", *(f"{i}      sea tag{i}" for i in range(4)))


def write_karpathy(folder):
    pictures = []
    for i, split in enumerate(("train", "restval", "val", "test")):
        Image.new("RGB", (4, 4)).save(folder / f"{i}.jpg")
        pictures.append({"filename": f"{i}.jpg", "sentences": [{"raw": f"a {i}"}], "split": split, "imgid": i})
    (folder / "dataset_flickr8k.json").write_text(json.dumps({"images": pictures, "dataset": "x"}))
    np.save(folder / "labels.npy", one_hot(4))


def write_lists(folder):
    for i in range(4):
        Image.new("RGB", (4, 4)).save(folder / f"{i}.jpg")
    write_lines(folder / "train.txt", "0.jpg 1 0", "1.jpg 0 1")
    write_lines(folder / "test.txt", "2.jpg 1 0", "3.jpg 0 1")
    write_lines(folder / "captions.txt", *(f"{i}.jpg\ta {i}" for i in range(4)))


class Positions:
    fingerprint = "positions"

    def encode(self, items):
        return np.arange(2 * len(items), dtype=np.float32).reshape(-1, 2)


PARAMETERS = """
n: int = 3  # n
rate: float = 0.5  # a rate
sizes: list = [1, 2]  # sizes
name: str = "a"  # name
on: bool = True  # on
seed: int = 0  # seed
out: str = ""  # out
""".strip()


def write_notebook(path):
    first = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[first, new_code_cell("1")]), path)


SWEEP = {
    "notebook": "n.ipynb",
    "title": "t",
    "parameters": {"rate": 0.1, "sizes": [1], "name": "x"},
    "grid": {"n": [1, 2], "on": [True]},
    "seeds": [0, 1],
    "cell_timeout": 5,
}


def dump_yaml(value):
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=False)
