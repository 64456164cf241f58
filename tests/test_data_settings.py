"""Data settings: one schema for data files, options and notebooks; the rule on sources; digests of the data."""

import csv
import os

import numpy as np
import pytest
import yaml

from dlchkit.data.scenes import render_pairs
from dlchkit.data.settings import DataSettings, read_settings, setting_parameters, state_of_data, write_settings
from dlchkit.encoders.images import open_image
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
        open_image(pixels[row]).save(folder / f"{row}.png")
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
    assert setting_parameters().keys() <= record.keys()
    assert (record["image_encoder"], record["source"]) == ("features", "")
    assert (record["classes_per_stage"], record["epochs"]) == ([1, 1], 40)


def test_nothing_is_rendered_or_trained_to_check_scenes(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCHKIT_DATA", str(tmp_path))
    open_data("scenes").check()
    assert not list(tmp_path.iterdir())


# --- what a run depends on ---


def test_the_state_follows_settings_and_files_but_not_the_name(folder):
    before = state_of_data(read_settings(folder, labels="kind"))
    assert state_of_data(read_settings(folder, labels="kind", name="other")) == before
    assert state_of_data(read_settings(folder, labels="kind", group="kind")) != before
    os.utime(folder / "items.csv", ns=(1, 1))
    assert state_of_data(read_settings(folder, labels="kind")) != before


def test_the_state_follows_a_data_set_below_the_data_sets_folder(folder, monkeypatch):
    monkeypatch.setenv("DLCHKIT_DATASETS", str(folder.parent))
    before = state_of_data(read_settings("products"))
    os.utime(folder / "items.csv", ns=(1, 1))
    assert state_of_data(read_settings("products")) != before


def test_data_that_is_not_here_counts_by_its_settings():
    there = state_of_data(read_settings("on-the-cluster", labels="kind"))
    assert there == state_of_data(read_settings("on-the-cluster", labels="kind"))
    assert there != state_of_data(read_settings("on-the-cluster", labels="colour"))
