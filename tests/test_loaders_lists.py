"""Captions with Karpathy's splits, and HashNet's lists of pictures and labels."""

import json

import numpy as np
import pytest
from PIL import Image

from dlchkit.data.catalog import load, load_source

pytestmark = pytest.mark.filterwarnings("ignore:parts train and restval:UserWarning", "ignore:pictures of:UserWarning")


def write_picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)


# --- Karpathy ---

SPLITS = ["train", "restval", "val", "test", "train", "test"]
IDS = [42, 7, 9, 11, 13, 15]
CATEGORIES = [{"id": 3, "name": "car"}, {"id": 1, "name": "person"}]
INSTANCES = [(42, 1), (7, 3), (9, 1), (9, 3), (11, 3), (13, 1)]  # image, category; 15 has none


@pytest.fixture
def karpathy(tmp_path):
    """Writes six pictures of two parts; keyword arguments replace fields of the first image."""

    def write(name="dataset_coco.json", year=2014, annotations="annotations", **changes):
        images = []
        for i, (id, split) in enumerate(zip(IDS, SPLITS, strict=True)):
            part = "val2014" if i % 2 else "train2014"
            sentences = [{"raw": f"one of {id}"}, {"raw": f"two of {id}"}]
            image = {"filename": f"COCO_{part}_{id:012}.jpg", "sentences": sentences, "split": split, "imgid": i}
            image |= {"filepath": part, "cocoid": id} if "coco" in name else {"filename": f"{id}.jpg"}
            stem = image["filename"] if year == 2014 else f"{id:012}.jpg"
            write_picture(
                tmp_path / ("images" if year == 2014 else f"train{year}") / image.get("filepath", "") / stem, i
            )
            images.append(image)
        images[0] = {key: value for key, value in (images[0] | changes).items() if value is not None}
        (tmp_path / name).write_text(json.dumps({"dataset": "coco", "images": images}), encoding="utf-8")
        if annotations is not None:
            (tmp_path / annotations).mkdir(exist_ok=True)
            of_image = [{"image_id": id, "category_id": category} for id, category in INSTANCES]
            named = [{"id": id, "file_name": f"{id}.jpg"} for id in IDS]
            for part, rows in (("train", slice(0, None, 2)), ("val", slice(1, None, 2))):
                here = {image["id"] for image in named[rows]}
                content = {"images": named[rows], "categories": CATEGORIES}
                content["annotations"] = [one for one in of_image if one["image_id"] in here]
                (tmp_path / annotations / f"instances_{part}{year}.json").write_text(json.dumps(content))
        return tmp_path

    return write


@pytest.mark.parametrize("year", [2014, 2017])
@pytest.mark.parametrize("annotations", [".", "annotations"])
def test_karpathys_split_with_labels_of_coco(karpathy, year, annotations):
    data = load(karpathy(year=year, annotations=annotations))
    assert data.ids.tolist() == ["42", "7", "9", "11", "13"]
    assert data.split.tolist() == ["database", "database", "validation", "query", "database"]
    assert data.texts[0] == "one of 42" and data.class_names == ("person", "car")
    assert data.labels.astype(int).tolist() == [[1, 0], [0, 1], [1, 1], [0, 1], [1, 0]]
    assert data.images[0].endswith("000000000042.jpg") and "image 15: 15 has no label" in data.left_out[0]
    assert "train and restval are the database" in data.notes[0]


@pytest.mark.parametrize("caption, text", [(1, "two of 42"), ("all", "one of 42 two of 42")])
def test_another_caption_of_karpathys_file(karpathy, caption, text):
    assert load(karpathy(), caption=caption).texts[0] == text


def test_captions_without_labels_are_refused_unless_some_stand_beside(karpathy, tmp_path, refused):
    folder = karpathy("dataset_flickr30k.json", annotations=None)
    with refused("dataset_flickr30k.json has captions but no labels", "labels.npy", "instances_*.json"):
        load(folder)
    labels = np.eye(2)[[0, 0, 1, 1, 0, 1]]
    np.save(tmp_path / "labels.npy", labels)
    (tmp_path / "classes.txt").write_text("people\nrest\n", encoding="utf-8")
    data = load(folder)
    assert data.ids[0] == "42.jpg" and data.class_names == ("people", "rest") and np.array_equal(data.labels, labels)
    np.save(tmp_path / "labels.npy", labels[1:])
    with refused("labels.npy has shape (5, 2)", "each of 6 images"):
        load(folder)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"split": "tset"}, ["'tset'", "a 'split' of train, restval, val, test"]),
        ({"sentences": None}, ["KeyError: 'sentences'"]),
        ({"sentences": ["a"]}, ["TypeError"]),
        ({"sentences": []}, ["image 42: has no caption at position 0"]),
        ({"cocoid": 7}, ["image 7: id '7' occurs twice"]),
        ({"cocoid": 8}, ["image 8: the annotations have no image 8"]),
        ({"filename": "x.jpg"}, ["picture 'x.jpg' is not below"]),
        ({"filename": "../../x.jpg"}, ["is not below"]),
        ({"filename": 3}, ["picture '3' is not below"]),
    ],
)
def test_karpathys_file_that_does_not_fit_is_refused(karpathy, refused, changes, said):
    folder = karpathy(**changes)
    with refused("dataset_coco.json", *said):
        load(folder)


# --- lists ---

LISTS = {
    "database.txt": ["/data/n1/a.jpg 1 0", "/data/n1/b.jpg 1 0", "/data/n2/c d.jpg 0 1"],
    "train.txt": ["/data/n1/a.jpg 1 0", "/data/n2/e.jpg\t0 1 "],
    "test.txt": ["/data/n2/f.jpg 1 1", "/data/n2/g.jpg 0 0", ""],
}
PATHS = ["/data/n1/a.jpg", "/data/n1/b.jpg", "/data/n2/c d.jpg", "/data/n2/e.jpg", "/data/n2/f.jpg"]


@pytest.fixture
def lists(tmp_path):
    """Writes three lists, the pictures below pictures/, and a text for each; keyword arguments replace files' lines."""

    def write(with_texts=True, **changes):
        texts = [f"{path}\tone of {i}" for i, path in enumerate([*PATHS, "/data/n2/g.jpg"])] + [f"{PATHS[0]}\ttwo of 0"]
        files = LISTS | ({"captions.txt": texts} if with_texts else {}) | {f"{k}.txt": v for k, v in changes.items()}
        for name, lines in files.items():
            (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        for i, path in enumerate([*PATHS, "/data/n2/g.jpg"]):
            write_picture(tmp_path / "pictures" / path.removeprefix("/data/"), i)
        return tmp_path

    return write


def test_lists_with_texts_are_pairs(lists, tmp_path):
    data = load(lists())
    assert data.ids.tolist() == PATHS and data.texts.tolist() == [f"one of {i}" for i in range(5)]
    assert data.labels.astype(int).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]]
    assert data.split.tolist() == ["database"] * 4 + ["query"]
    assert data.images[2] == str(tmp_path / "pictures/n2/c d.jpg")
    assert "test.txt line 2: /data/n2/g.jpg has no label" in data.left_out[0]
    assert load(lists(), caption="all").texts[0] == "one of 0 two of 0"


def test_lists_without_texts_are_a_source(lists, tmp_path, refused):
    folder = lists(with_texts=False)
    with refused("lists of pictures without texts", "load_source", "captions.txt"):
        load(folder)
    source = load_source(folder)
    assert source.labels.tolist() == [0, 0, 1, 1] and source.class_names == ("class 0", "class 1")
    assert source.images[3] == str(tmp_path / "pictures/n2/e.jpg")
    lists(with_texts=False, train=["/data/n2/f.jpg 1 1"], test=[])
    with refused("train.txt line 1 has 2 classes", "one each"):
        load_source(folder)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"train": ["/data/n1/a.jpg 0 1"]}, ["train.txt line 1 names the picture of", "database.txt line 1 again"]),
        ({"test": ["/data/n1/a.jpg 1 0"]}, ["test.txt line 1 names the picture", "as query and database"]),
        ({"train": ["/data/n2/e.jpg 0 1"] * 2}, ["train.txt line 2 names the picture", "in one list"]),
        ({"train": ["/data/n2/e.jpg 0 1 0"]}, ["train.txt line 1 has 3 labels", "database.txt line 1 has 2"]),
        ({"train": ["/data/n2/e.jpg 0 2"]}, ["train.txt line 1 is not a picture's path and 0 or 1"]),
        ({"train": ["/data/n2/x.jpg 0 1"]}, ["train.txt line 1: picture 'x.jpg' is not below"]),
        ({"captions": ["a b"]}, ["captions.txt line 1 is not a path, a tab and a text"]),
        ({"captions": ["x\ta"]}, ["database.txt line 1: captions.txt has no text at position 0", "(and 5 more rows)"]),
    ],
)
def test_lists_that_do_not_fit_are_refused(lists, refused, changes, said):
    folder = lists(**changes)
    with refused(*said):
        load(folder)
