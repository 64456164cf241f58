"""Rows of one picture stay on one side of every split without being asked, and it is said."""

import csv
import itertools

import numpy as np
import pytest
from PIL import Image

from dlchkit.data.catalog import load
from dlchkit.data.loaders.shared_pictures import join_groups
from dlchkit.data.streams import retrieval_split, split_rows
from dlchkit.encoders.prepared_data import open_data

PICTURES, CAPTIONS = 12, 5
SAID = "12 pictures stand in 60 rows; rows of one picture are kept on one side of every split"


def write_rows(folder, rows):
    with open(folder / "items.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["image", "text", "label", "maker"], *rows])
    return folder


@pytest.fixture
def captioned(tmp_path):
    """Twelve pictures with five captions each and labels at random; ``file`` names the file of each row."""

    def write(file=lambda picture, caption: f"{picture}.png"):
        random = np.random.default_rng(0)
        rows = []
        for picture, caption in itertools.product(range(PICTURES), range(CAPTIONS)):
            name = file(picture, caption)
            if not (tmp_path / name).exists():
                Image.new("RGB", (8, 8), (20 * picture, 0, 0)).save(tmp_path / name)
            rows.append([name, f"caption {caption} of {picture}", "ab"[random.integers(2)], ""])
        return write_rows(tmp_path, rows)

    return write


def sides(data):
    """The sides of the split on which each picture stands, rows in the order of `captioned`."""
    query, _ = split_rows(data)
    picture = np.arange(len(data)) // CAPTIONS
    return [{bool(np.isin(row, query)) for row in np.flatnonzero(picture == p)} for p in range(PICTURES)]


FILES = {
    "one path": lambda picture, caption: f"{picture}.png",
    "copies": lambda picture, caption: f"{picture}-{caption}.png",
    "two spellings": lambda picture, caption: f"{'./' * (caption % 2)}{picture}.png",
}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_rows_of_one_picture_stay_together(captioned, file):
    data = load(captioned(file))
    assert all(len(of_picture) == 1 for of_picture in sides(data))
    assert len(set(data.groups.tolist())) == PICTURES
    assert data.notes == (SAID,)


def test_links_to_one_picture_are_one_picture(captioned):
    folder = captioned()
    rows = list(csv.reader((folder / "items.csv").open()))[1:]
    for i, row in enumerate(rows):
        (folder / f"link{i}.png").symlink_to(row[0])
        row[0] = f"link{i}.png"
    assert load(write_rows(folder, rows)).notes == (SAID,)


def test_a_group_column_is_joined_with_the_pictures(captioned):
    folder = captioned()
    rows = list(csv.reader((folder / "items.csv").open()))[1:]
    for i, row in enumerate(rows):
        row[3] = "A" if i in (0, 59) else f"maker {i}"
    data = load(write_rows(folder, rows), group="maker")
    assert len(set(data.groups.tolist())) == PICTURES - 1  # the first and the last picture share a maker
    assert data.groups[0] == data.groups[59] == "A"


def test_equal_image_features_are_one_picture_too(tmp_path):
    features = np.repeat(np.random.default_rng(0).normal(size=(PICTURES, 4)), CAPTIONS, axis=0)
    n = len(features)
    arrays = {"image_features": features, "text_features": np.eye(n), "labels": np.eye(2, dtype=int)[np.arange(n) % 2]}
    np.savez(tmp_path / "five.npz", **arrays)
    data = load(tmp_path / "five.npz")
    assert all(len(of_picture) == 1 for of_picture in sides(data))
    assert data.notes == (SAID.replace("pictures stand", "pictures (rows of equal image features) stand"),)
    split = np.array(["query", "database", "database", "database", "database"] * PICTURES)
    np.savez(tmp_path / "five.npz", **arrays, split=split)
    data = load(tmp_path / "five.npz")
    assert data.groups.tolist() == data.ids.tolist()
    (note,) = data.notes
    assert note.startswith("12 pictures") and note.endswith("stand on two sides of the split that the data bring")


def test_features_that_say_nothing_are_no_picture(tmp_path):
    features = np.eye(8)
    features[2:] = 0
    np.savez(
        tmp_path / "some.npz", image_features=features, text_features=features, labels=np.eye(2, dtype=int)[[0, 1] * 4]
    )
    data = load(tmp_path / "some.npz")
    assert data.groups.tolist() == data.ids.tolist()


def test_pictures_of_their_own_change_no_group(captioned):
    folder = captioned(lambda picture, caption: f"{picture}-{caption}.png")
    random = np.random.default_rng(1)
    for path in folder.glob("*.png"):
        Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
    data = load(folder)
    assert data.notes == ()
    assert data.groups.tolist() == data.ids.tolist()


def test_joined_groups_are_the_components_of_a_slow_search():
    random = np.random.default_rng(0)
    for _ in range(20):
        groups = random.integers(0, 12, 20).astype(str)
        picture = np.unique(random.integers(0, 15, 20), return_inverse=True)[1]
        together = (groups[:, None] == groups) | (picture[:, None] == picture)
        for _ in range(20):
            together = together @ together
        expected = [groups[row.argmax()] for row in together]
        assert join_groups(groups, picture).tolist() == expected


def test_the_record_and_the_words_on_data_say_so(captioned):
    prepared = open_data(captioned(), source="", image_encoder="resnet18", n_pairs=7)
    assert prepared.record["notes"] == [SAID, "n_pairs is 7, which has no effect: only scenes are drawn"]
    assert f"\nnote: {SAID}\n" in f"{prepared}\n"


def test_one_picture_alone_cannot_be_split(captioned, refused):
    folder = captioned(lambda picture, caption: "0.png")
    with refused("all 60 items are in one group", "rows of one picture"):
        open_data(folder, source="", image_encoder="resnet18").check()
    assert retrieval_split(np.array(["a", "b"]))[0].shape == (1,)
