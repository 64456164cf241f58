"""A line ends at a line feed alone: other characters that some programs take for line ends belong to the text."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from dlchkit.data.catalog import load, load_source
from dlchkit.data.loaders.row_checks import read_lines
from dlchkit.runs.notebook import read_parameters

NONE = ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r"]  # each ends a line of splitlines
INSIDE = f"a cat{''.join(NONE)}on a mat"


def write_pictures(folder, n):
    folder.mkdir(exist_ok=True)
    for i in range(n):
        Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(folder / f"{i}.png")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_end_at_line_feeds_alone(tmp_path, end, last):
    lines = [INSIDE, "", "two", " three "]
    (tmp_path / "lines.txt").write_bytes((end.join(lines) + end * last).encode("utf-8-sig"))
    assert read_lines(tmp_path / "lines.txt") == lines


def test_an_empty_file_has_no_lines_and_an_empty_line_is_one(tmp_path):
    for content, lines in ((b"", []), (b"\n", [""]), (b"a\n\n", ["a", ""])):
        (tmp_path / "lines.txt").write_bytes(content)
        assert read_lines(tmp_path / "lines.txt") == lines


def test_captions_stay_with_their_pictures(tmp_path):
    write_pictures(tmp_path / "images", 4)
    savemat(tmp_path / "index.mat", {"index": [f"images/{i}.png" for i in range(4)]})
    savemat(tmp_path / "label.mat", {"label": np.eye(2)[[0, 1, 0, 1]]})
    (tmp_path / "caption.txt").write_bytes(f"one\n{INSIDE}\nthree\nfour\n".encode())
    (tmp_path / "classes.txt").write_bytes(f"x\n{INSIDE}\n".encode())
    data = load(tmp_path)
    assert data.texts.tolist() == ["one", INSIDE, "three", "four"]
    assert data.class_names == ("x", "a cat on a mat")  # spaces in names are one


def test_a_sentence_of_pascal_is_one_line(tmp_path):
    for kind in ("bird", "boat"):
        write_pictures(tmp_path / kind, 2)
        for i in range(2):
            (tmp_path / kind / f"{i}.txt").write_bytes(f"{INSIDE}\nthe second\n".encode())
    assert load(tmp_path, caption=1).texts.tolist() == ["the second"] * 4


def test_a_class_name_of_a_source_is_one_line(tmp_path):
    np.save(tmp_path / "image_features.npy", np.eye(4, dtype=np.float32))
    np.save(tmp_path / "labels.npy", np.array([0, 0, 1, 1]))
    (tmp_path / "classes.tsv").write_bytes(f"n1\t{INSIDE}\nn2\tdog\n".encode())
    assert load_source(tmp_path, use="features").class_names == (INSIDE, "dog")


def test_a_cell_of_a_table_is_one_text(tmp_path):
    write_pictures(tmp_path, 4)
    with open(tmp_path / "items.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "text", "label"])
        writer.writerows([f"{i}.png", INSIDE, "ab"[i % 2]] for i in range(4))
    assert load(tmp_path).texts.tolist() == [INSIDE] * 4


def test_a_parameter_of_a_notebook_is_one_line(tmp_path):
    path = tmp_path / "own.ipynb"
    source = 'query: str = "a\u2028b\x85c"  # words\nseed: int = 0  # seed'
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source}
    path.write_text(json.dumps({"cells": [cell]}))
    assert read_parameters(path)["query"].default == "a\u2028b\x85c"
