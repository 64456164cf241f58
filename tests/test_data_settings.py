"""Data settings: one schema for data files, options and notebooks; the rule on sources; digests of the data."""

import csv
import os
import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

from dlchkit.data.catalog import load
from dlchkit.data.scenes import render_pairs
from dlchkit.data.settings import DataSettings, read_settings, setting_parameters, write_settings
from dlchkit.encoders.prepared_data import open_data
from dlchkit.storage import resource_folder


@pytest.fixture
def folder(tmp_path):
    """Twelve items of two classes with pictures and with features of their own."""
    folder = tmp_path / "products"
    folder.mkdir()
    pixels = render_pairs(12, seed=0)[0]
    rows = [["id", "image", "text", "kind"]]
    for row in range(12):
        Image.fromarray(pixels[row]).save(folder / f"{row}.png")
        rows.append([row, f"{row}.png", f"thing {row}", "ab"[row % 2]])
    with open(folder / "items.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    np.save(folder / "image_features.npy", np.ones((12, 4), np.float32))
    return folder


def write_data_file(place, **content):
    place.write_text(yaml.safe_dump(content), encoding="utf-8")
    return place


def test_a_data_file_lies_beside_its_folder_or_names_one(folder):
    file = write_data_file(folder.parent / "mine.yaml", folder="products", labels="kind")
    settings = read_settings(file)
    assert (settings.name, settings.labels) == ("mine", "kind")
    assert len(open_data(file).pairs) == 12
    assert read_settings(write_data_file(folder.parent / "far.yaml", folder="elsewhere")).folder == "elsewhere"


def test_columns_of_pictures_and_ids_may_have_other_names(folder, refused):
    text = (folder / "items.csv").read_text().replace("id,image,", "sku,filename,")
    (folder / "items.csv").write_text(text)
    file = write_data_file(folder.parent / "mine.yaml", folder="products", labels="kind", image="filename", id="sku")
    prepared = open_data(file)
    assert prepared.pairs.ids.tolist() == [str(row) for row in range(12)]
    assert prepared.pairs.images[3] == str((folder / "3.png").resolve())
    with refused("no column 'file'", "did you mean 'filename'?"):
        _ = open_data(file, image="file").pairs


def test_settings_that_have_no_effect_are_named(folder):
    settings = {"n_pairs": 7, "n_source": 7, "image_size": 64, "image_weights": "x", "text_encoder": "bow"}
    prepared = open_data(folder, labels="kind", **settings)
    assert [note.split(" is ")[0] for note in prepared.notes] == ["n_pairs", "n_source", "image_size", "image_weights"]
    np.save(folder / "text_features.npy", np.eye(12))
    assert "text_encoder is 'bow', which has no effect" in open_data(folder, labels="kind", **settings).notes[-1]
    assert open_data("scenes", n_pairs=20, n_source=20).notes == []


def test_options_win_over_the_data_file_even_with_a_default(folder):
    file = write_data_file(folder.parent / "mine.yaml", folder="products", labels="kind", min_class_size=3)
    assert read_settings(file).min_class_size == 3
    assert read_settings(file, min_class_size=0).min_class_size == 0


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ({"folder": "x", "lables": "kind"}, ["mine.yaml", "'lables'", "did you mean 'labels'?"]),
        ({"folder": "x", "min_class_size": "many"}, ["mine.yaml", "'min_class_size' is 'many'", "a whole number"]),
        ({"folder": "x", "classes_per_stage": 3}, ["'classes_per_stage' is 3", "a list"]),
        ({"labels": "kind"}, ["mine.yaml", "'folder'"]),
        (["folder"], ["mine.yaml", "'name: value' lines"]),
    ],
)
def test_a_data_file_that_cannot_be_used_is_refused_in_one_line(tmp_path, refused, content, parts):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with refused(*parts):
        read_settings(file)


def test_an_absent_data_file_and_an_unknown_option_are_refused(tmp_path, refused):
    with refused("data file", "does not exist"):
        read_settings(tmp_path / "none.yaml")
    with refused("no parameter 'text_encodr'", "did you mean 'text_encoder'?"):
        open_data("scenes", text_encodr="bow")


def test_the_schema_names_every_field_with_a_type_that_people_can_write():
    parameters = setting_parameters()
    assert {one.type for one in parameters.values()} == {"str", "int", "bool", "list"}
    assert DataSettings(**{name: one.default for name, one in parameters.items()}) == DataSettings()


@pytest.mark.parametrize("file", sorted(resource_folder("datasets").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_kits_data_files_are_read_by_their_names(file):
    settings = read_settings(file.stem)
    assert settings.name == file.stem
    assert settings == read_settings(file)
    assert (file.parent / f"{settings.folder}.md").is_file(), "every data file has a card"


def test_written_settings_are_read_back(folder):
    settings = read_settings(folder, labels="kind", classes_per_stage=[1, 1])
    write_settings(settings, folder.parent / "again.yaml")
    assert read_settings(folder.parent / "again.yaml") == settings


# --- the rule on sources, once ---


def test_data_with_features_needs_no_source(folder):
    prepared = open_data(folder, labels="kind")
    assert (prepared.encoder_name, prepared.source_name, prepared.source) == ("features", "", None)
    assert prepared.features.image.shape == (12, 4)
    assert prepared.source_features is None


@pytest.mark.slow
def test_pictures_beside_features_can_be_seen_by_the_small_network(folder):
    """Four of nine notebooks refused this input, the others ran."""
    prepared = open_data(folder, labels="kind", image_encoder="small", n_source=60)
    assert (prepared.encoder_name, prepared.source_name) == ("small", "scenes")
    assert prepared.features.image.shape[1] != 4
    assert len(prepared.source_features) == 60


def test_the_small_network_without_source_or_weights_is_refused(folder, refused):
    prepared = open_data(folder, labels="kind", image_encoder="small", source="")
    with refused("image encoder 'small' is trained on a source domain"):
        prepared.check()
    with refused("image encoder 'small' is trained on a source domain"):
        _ = prepared.features


def test_the_record_holds_every_setting_with_defaults_resolved(folder):
    record = open_data(folder, labels="kind").record
    assert record.keys() == setting_parameters().keys() | {"notes", "words", "warnings"}
    assert (record["image_encoder"], record["source"]) == ("features", "")
    assert (record["classes_per_stage"], record["epochs"]) == ([1, 1], 40)


def test_the_record_says_how_a_torchvision_encoder_takes_pictures(folder):
    record = open_data(folder, labels="kind", image_encoder="inception_v3").record
    assert record["image_size"] == 299
    assert record["image_preparation"].startswith("as Inception_V3_Weights.IMAGENET1K_V1: ImageClassification(")
    record = open_data(folder, labels="kind", image_encoder="resnet18", image_size=112).record
    assert record["image_size"] == 112 and "crop_size=[112] resize_size=[128]" in record["image_preparation"]


def test_nothing_is_rendered_or_trained_to_check_scenes(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCHKIT_DATA", str(tmp_path))
    open_data("scenes").check()
    assert not list(tmp_path.iterdir())


def test_the_home_folder_may_be_written_short_and_relative_paths_say_from_where(folder, monkeypatch, refused):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert len(open_data("~/products", labels="kind").pairs) == 12
    file = write_data_file(folder.parent / "short.yaml", folder="~/products", labels="kind", source="~/s")
    assert len(open_data(file).pairs) == 12 and read_settings(file).source == str(folder.parent / "s")
    monkeypatch.chdir(folder.parent)
    with refused("'absent'", f"counts from the current folder, {folder.parent}"):
        _ = open_data("absent").pairs


def test_choices_that_only_scenes_have_are_refused_for_other_data(folder, refused):
    for choice in ({"n": 5}, {"seed": 1}, {"language": "ja"}):
        (name,) = choice
        with refused(f"{name} is ", "a folder with items.csv", f"only scenes are drawn by {name}"):
            load(folder, labels="kind", **choice)


def test_stages_that_scenes_cannot_fill_are_found_too(refused):
    prepared = open_data("scenes", n_pairs=300, arrival="leave_out")
    with refused("has no query item", "can be filled"):
        prepared.check_seeds([0], classes_per_stage=[1] * 16)
    open_data("scenes", n_pairs=300).check_seeds([0, 1, 2])


# --- what a run depends on ---


@pytest.fixture
def shop(tmp_path):
    """Twelve pictures with texts, a source of four pictures, a text model's folder and a weights file."""
    folder = tmp_path / "shop"
    for path in (folder, tmp_path / "source" / "a", tmp_path / "source" / "b", tmp_path / "model"):
        path.mkdir(parents=True)
    rows = ["id,image,text,label"]
    for i in range(12):
        picture(folder / f"{i}.png", i)
        rows.append(f"{i},{i}.png,word{i},{'ab'[i % 2]}")
    (folder / "items.csv").write_text("\n".join(rows) + "\n")
    for i in range(4):
        picture(tmp_path / "source" / "ab"[i % 2] / f"{i}.png", 100 + i)
    (tmp_path / "model" / "weights.bin").write_bytes(b"1")
    (tmp_path / "small.pt").write_bytes(b"1")
    return folder


def picture(path, shade):
    Image.new("RGB", (8, 8), (shade, 2 * shade % 256, 0)).save(path)


def state(folder, **settings):
    beside = folder.parent
    places = {"source": str(beside / "source"), "text_encoder": str(beside / "model")}
    return open_data(folder, **{**places, "image_weights": str(beside / "small.pt"), **settings}).state


@pytest.mark.parametrize(
    "change",
    [
        lambda home: picture(home / "shop" / "3.png", 200),
        lambda home: (home / "shop" / "items.csv").open("a").write("12,1.png,word,a\n"),
        lambda home: picture(home / "source" / "a" / "2.png", 200),
        lambda home: (home / "model" / "weights.bin").write_bytes(b"2"),
        lambda home: (home / "model" / "prompt.txt").write_text("query: "),
        lambda home: (home / "small.pt").write_bytes(b"2"),
    ],
    ids=["a picture", "a row", "a source picture", "a text model's weights", "a text model's file", "image weights"],
)
def test_the_state_follows_the_content_of_all_that_is_read(shop, change):
    before = state(shop)
    change(shop.parent)
    assert state(shop) != before


def test_the_state_does_not_follow_what_is_not_read(shop, tmp_path):
    before = state(shop)
    (shop / ".DS_Store").write_bytes(b"view")
    (shop / "runs" / "03_increments").mkdir(parents=True)
    (shop / "runs" / "03_increments" / "result.json").write_text("{}")
    picture(shop / "not-in-the-list.png", 7)
    (shop.parent / "model" / ".cache").write_bytes(b"x")
    for path in [*shop.rglob("*"), *(shop.parent / "source").rglob("*")]:
        os.utime(path, ns=(1, 1))
    assert state(shop) == before
    shutil.copytree(shop.parent, tmp_path / "elsewhere" / "copy")
    assert state(tmp_path / "elsewhere" / "copy" / "shop") == before
    assert state(shop, name="other") == before


def test_the_state_follows_the_settings(shop):
    assert len({state(shop), state(shop, min_class_size=1), state(shop, epochs=3), state(shop, arrival="first")}) == 4


def test_the_state_follows_a_data_set_below_the_data_sets_folder(folder, monkeypatch):
    monkeypatch.setenv("DLCHKIT_DATASETS", str(folder.parent))
    before = open_data("products", labels="kind").state
    (folder / "items.csv").write_text((folder / "items.csv").read_text().replace("thing", "term"))
    assert open_data("products", labels="kind").state != before


def test_data_that_is_not_here_counts_by_its_settings():
    there = open_data("on-the-cluster", labels="kind").state
    assert there == open_data("on-the-cluster", labels="kind").state
    assert there != open_data("on-the-cluster", labels="colour").state
