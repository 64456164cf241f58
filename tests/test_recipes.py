"""Recipes of datasets/ on small made-up originals, and the data files beside the cards."""

import csv
import doctest
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file
from torchvision import models

from dlchkit import load, load_source
from dlchkit.data.settings import setting_parameters

DATASETS = Path(__file__).resolve().parents[1] / "datasets"
RECIPES = ("prepare_fashion", "prepare_flipkart", "prepare_imagenet")
OF_FORMS = {"hashing_mat", "karpathy", "hash_lists"}  # cards of forms in which many data sets come
CARDS = sorted(path.stem for path in DATASETS.glob("*.md") if path.stem != "README")
DATA_FILES = sorted(DATASETS.glob("*.yaml"))


@pytest.fixture
def recipes(monkeypatch):
    """Imports a program of datasets/, which is no package."""
    monkeypatch.syspath_prepend(str(DATASETS))
    yield importlib.import_module
    for name in ("recipe", *RECIPES):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Command-line options of a small network with random weights; no weights are fetched."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_file(models.get_model("squeezenet1_1", weights=None).state_dict(), path)
    return ["--image-encoder", "squeezenet1_1", "--image-weights", str(path), "--image-size", "64"]


def call(monkeypatch, capsys, program, *arguments):
    """Run a recipe's main and return what it printed, entry by entry."""
    monkeypatch.setattr(sys, "argv", [program.__name__, *map(str, arguments)])
    program.main()
    return dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())


def draw(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, size=(40, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


TITLES = (
    "Acme Men Red Polo T-shirt",
    "Acme Men Red Polo T-shirt",
    "Best & Co Women V-Neck Shoes",
    "Zed Unisex T90 Casual Blue Belt",
)
MASKED = ["Acme Men Red", "Acme Men Red", "Best Co Women V-Neck", "Zed Unisex Blue"]
WATCHES, LINEN = '["Watches >> Wrist Watches >> Acme"]', '["Home >> Bed Linen"]'


@pytest.fixture
def fashion_original(tmp_path):
    """Four of our rows and another one, in another order than ours, as Kaggle's folder has them."""
    labels = dict.fromkeys(["gender", "masterCategory", "subCategory", "season", "year", "usage"], "x")
    rows = [
        {"id": i, **labels, "articleType": f"Type {i % 2}", "baseColour": "NA", "productDisplayName": title}
        for i, title in zip([13, 12, 11, 10, 99], [*TITLES[::-1], "Another"], strict=True)
    ]
    write_csv(tmp_path / "original" / "styles.csv", rows)
    for i in (10, 11, 12, 13):
        draw(tmp_path / "original" / "images" / f"{i}.jpg", seed=i)
    return tmp_path / "original"


def test_the_fashion_recipe_writes_a_folder_that_loads(
    recipes, fashion_original, tmp_path, network, monkeypatch, capsys
):
    fashion = recipes("prepare_fashion")
    row_list = [{"id": i, "dup_group": group} for i, group in zip([10, 11, 12, 13], [4, 4, 7, 5], strict=True)]
    write_csv(tmp_path / "rows.csv", row_list)
    monkeypatch.setattr(fashion, "ROWS", tmp_path / "rows.csv")
    folder = tmp_path / "fashion"

    said = call(monkeypatch, capsys, fashion, fashion_original, folder, *network)

    pairs = load(folder, text="text_masked", labels="articleType", group="dup_group")
    assert pairs.ids.tolist() == ["10", "11", "12", "13"]
    assert pairs.texts.tolist() == MASKED
    assert pairs.groups.tolist() == ["4", "4", "7", "5"]
    assert pairs.image_features.shape == (4, 512)
    assert Image.open(pairs.images[0]).size == (128, 128)
    assert said["rows"] == "4, those of the row list, in its order"
    assert said["dup_group"] == "those of the row list"
    assert said["text_masked"] == "100.00% of rows as the rule says"
    colours = load(folder, text="text", labels="articleType,baseColour", group="dup_group")
    assert colours.class_names == ("articleType=Type 0", "articleType=Type 1")  # "NA" is no colour


def test_the_check_sees_a_changed_title_and_a_changed_group(recipes, tmp_path, monkeypatch, capsys):
    fashion = recipes("prepare_fashion")
    write_csv(tmp_path / "rows.csv", [{"id": i, "dup_group": g} for i, g in zip("abcd", "0012", strict=True)])
    monkeypatch.setattr(fashion, "ROWS", tmp_path / "rows.csv")
    items = [
        {"id": i, "text": title, "text_masked": masked, **dict.fromkeys(fashion.LABELS, "x"), "dup_group": group}
        for i, title, masked, group in zip("abcd", TITLES, [*MASKED[:3], "Zed Belt"], "0112", strict=True)
    ]
    write_csv(tmp_path / "items.csv", items)
    np.save(tmp_path / "image_features.npy", np.eye(4))

    said = call(monkeypatch, capsys, fashion, "--check", tmp_path)

    assert said["text_masked"] == "75.00% of rows as the rule says"
    assert said["dup_group"] == "not those of the row list"
    assert said["near-duplicates"] == "25.00% of rows grouped as the rule says"


def test_another_version_of_the_original_is_refused(recipes, fashion_original, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["prepare_fashion", str(fashion_original), str(tmp_path / "fashion")])
    with pytest.raises(SystemExit, match=r"styles\.csv lacks 9213 of 9213 rows, '15970' first"):
        recipes("prepare_fashion").main()


def test_the_flipkart_recipe_writes_a_folder_that_loads(recipes, tmp_path, network, monkeypatch, capsys):
    flipkart = recipes("prepare_flipkart")
    products = [
        {"uniq_id": i, "product_name": f"Product {i}", "product_category_tree": tree, "description": text}
        for i, tree, text in [
            ("aa", WATCHES, "w" * 2000),
            ("bb", LINEN, "A sheet."),
            ("cc", LINEN, "Another sheet."),
            ("dd", LINEN, "Not among our rows."),
            ("ee", WATCHES, "A watch."),
        ]
    ]
    write_csv(tmp_path / "original" / flipkart.TABLES[1], products)
    for seed, name in enumerate(["aa", "bb", "cc", "ee"]):
        draw(tmp_path / "original" / "images" / f"{name}.jpg", seed)
    row_list = [{"uniq_id": i, "dup_group": group} for i, group in zip(["bb", "aa", "cc", "ee"], "0123", strict=True)]
    write_csv(tmp_path / "rows.csv", row_list)
    monkeypatch.setattr(flipkart, "ROWS", tmp_path / "rows.csv")
    folder = tmp_path / "flipkart"

    said = call(monkeypatch, capsys, flipkart, tmp_path / "original", folder, *network)

    pairs = load(folder, labels="cat2", group="dup_group", id="uniq_id")
    assert pairs.ids.tolist() == ["bb", "aa", "cc", "ee"]
    assert pairs.texts[0] == "Product bb. A sheet."
    assert len(pairs.texts[1]) == 1500
    assert pairs.class_names == ("Bed Linen", "Wrist Watches")
    assert pairs.image_features.shape == (4, 512)
    assert said["rows"] == "4, those of the row list, in its order"


def test_a_product_with_one_category_is_refused(recipes, refused):
    with refused("product_category_tree", "Watches"):
        recipes("prepare_flipkart").categories(json.dumps(["Watches"]))


def test_the_imagenet_recipe_writes_a_source_that_loads(recipes, tmp_path, network, monkeypatch, capsys):
    imagenet = recipes("prepare_imagenet")
    (tmp_path / "classes.txt").write_text("n01\nn02\n")
    monkeypatch.setattr(imagenet, "CLASSES", tmp_path / "classes.txt")
    monkeypatch.setattr(imagenet, "PER_CLASS", 2)
    original = tmp_path / "tiny" / "train"
    for seed, name in enumerate(["n01/images/b", "n01/images/a", "n01/images/c", "n02/a", "n02/b", "n03/a"]):
        draw(original / f"{name}.JPEG", seed)
    (tmp_path / "tiny" / "words.txt").write_text("n01\tfish\nn02\tbird\nn09\trock\n")
    folder = tmp_path / "imagenet"

    said = call(monkeypatch, capsys, imagenet, original, folder, *network)

    source = load_source(folder, use="features")
    assert source.labels.tolist() == [0, 0, 1, 1]
    assert source.class_names == ("fish", "bird")
    assert source.image_features.shape == (4, 512)
    assert said["classes"] == "2, those of classes.txt, in its order"
    assert [path.name for path in imagenet.pictures_of(original / "n01")] == ["a.JPEG", "b.JPEG"]


def test_near_duplicates_are_linked_through_other_rows_and_numbered_as_they_come(recipes):
    groups = recipes("recipe").near_duplicate_groups
    texts = ["one red shirt", "two green belts", "blue socks for boys", "Two green belts"]
    features = np.array([[1, 0, 0], [0, 1, 0], [0, 0.05, 1], [0, 0, 1]], dtype=np.float16)
    assert groups(texts, features) == [0, 1, 1, 1]  # 1 and 3 alike in words, 2 and 3 in their picture
    assert groups(texts, np.eye(4)) == [0, 1, 2, 1]
    assert groups(texts, np.eye(4), text_similarity=2) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["recipe", *RECIPES])
def test_the_examples_of_the_recipes_hold(recipes, name):
    assert doctest.testmod(recipes(name)).failed == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_program(name):
    command = [sys.executable, DATASETS / f"{name}.py", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--check FOLDER" in done.stdout


def test_row_lists_hold_ids_and_groups_alone():
    for name, columns, rows in [("fashion", ["id", "dup_group"], 9213), ("flipkart", ["uniq_id", "dup_group"], 1047)]:
        path = DATASETS / f"{name}_rows.csv"
        with open(path, newline="", encoding="utf-8") as file:
            table = list(csv.reader(file))
        assert table[0] == columns
        assert len({row[0] for row in table[1:]}) == len(table) - 1 == rows
        assert all(group.isdecimal() for _, group in table[1:])
        assert path.stat().st_size < 100_000


@pytest.mark.parametrize("path", DATA_FILES, ids=lambda path: path.stem)
def test_a_data_file_names_a_folder_and_settings_that_are_no_defaults(path):
    defaults = setting_parameters()
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert settings.pop("folder") in CARDS
    for name, value in settings.items():
        assert type(value) is type(defaults[name].default), name
        assert value != defaults[name].default, name
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_every_card_of_pairs_has_a_data_file_and_stands_in_the_list():
    listed = (DATASETS / "README.md").read_text(encoding="utf-8")
    assert set(CARDS) == {yaml.safe_load(path.read_text())["folder"] for path in DATA_FILES} | OF_FORMS | {"imagenet"}
    for card in CARDS:
        assert f"[{card}]({card}.md)" in listed
    assert not (DATASETS / "__init__.py").exists()
