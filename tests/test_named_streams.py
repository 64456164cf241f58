"""Named streams: classes, their order and numbers of items as published, on made-up labels."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from dlchkit.data import PairedFeatures
from dlchkit.data.named_streams import class_order, draw_items, tasks_of
from dlchkit.data.streams import class_incremental_stream
from dlchkit.encoders.prepared_data import open_data

NAMES = [f"cash-{data}-{kind}" for data in ("coco", "nuswide") for kind in ("balanced", "imbalanced")]


@cache
def made_up(name, spare=20, several=0.3):
    """Labels like COCO's or NUS-WIDE's: enough items for every task, and others with labels of two tasks."""
    random = np.random.default_rng(0)
    tasks = tasks_of(name)
    class_names = tuple(sorted(c for task in tasks for c in task.classes))
    rows = []
    for task in tasks:
        columns = [class_names.index(c) for c in task.classes]
        labels = np.zeros((task.query + task.database + spare, len(class_names)), dtype=bool)
        labels[np.arange(len(labels)), random.choice(columns, len(labels))] = True
        labels[:, columns] |= random.random((len(labels), len(columns))) < 0.05
        rows.append(labels)
    both = np.logical_or(*(random.permutation(part)[: int(several * len(part))] for part in (rows[0], rows[0])))
    both[:, class_names.index(tasks[1].classes[0])] = True
    labels = random.permutation(np.concatenate([*rows, both]))
    ids = np.array([f"i{i}" for i in range(len(labels))])
    feature = np.zeros((len(labels), 1), dtype=np.float32)
    return PairedFeatures(ids=ids, labels=labels, class_names=class_names, groups=ids, image=feature, text=feature)


@pytest.mark.parametrize("name", NAMES)
def test_tasks_hold_every_class_once_and_training_items_are_a_part(name):
    tasks = tasks_of(name)
    classes = [c for task in tasks for c in task.classes]
    assert len(tasks) == 5 and len(classes) == len(set(classes)) == (80 if "coco" in name else 81)
    assert all(task.training < task.database for task in tasks)
    assert set(classes) == {c for task in tasks_of(f"{name.rsplit('-', 1)[0]}-balanced") for c in task.classes}


@pytest.mark.filterwarnings("ignore:.* items have labels of several stages:UserWarning")
@pytest.mark.parametrize("name", ["cash-coco-balanced", "cash-nuswide-imbalanced"])
def test_a_named_stream_has_its_classes_and_numbers(name):
    data = made_up(name)
    items = draw_items(data, name)
    sizes = [len(task.classes) for task in tasks_of(name)]
    stream = class_incremental_stream(items, classes_per_stage=sizes, class_order=class_order(data.class_names, name))
    drawn = []
    for stage, task in zip(stream, tasks_of(name), strict=True):
        assert [data.class_names[c] for c in stage.new_classes] == list(task.classes)
        assert (len(stage.query), len(stage.database)) == (task.query, task.database)
        for part in (stage.query, stage.database):
            assert not np.delete(part.labels, stage.new_classes, axis=1).any()
            drawn += part.ids.tolist()
    assert len(drawn) == len(set(drawn))


@pytest.mark.filterwarnings("ignore:.* items have labels of several stages:UserWarning")
def test_drawing_follows_the_split_seed_and_keeps_groups_whole():
    name = "cash-coco-imbalanced"
    data = made_up(name, spare=4000)
    data = replace(data, groups=np.array([f"g{i // 2}" for i in range(len(data))]))
    one, same, other = (draw_items(data, name, split_seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.ids, same.ids) and np.array_equal(one.split, same.split)
    assert not np.array_equal(one.ids, other.ids)
    sides = [set(one.groups[one.split == side].tolist()) for side in ("query", "database")]
    assert not sides[0] & sides[1]


@pytest.mark.filterwarnings("ignore:.* items have labels of several stages:UserWarning")
def test_data_that_do_not_fit_a_named_stream_are_refused(refused):
    name = "cash-coco-imbalanced"
    data = made_up(name, spare=0)
    with refused(
        "task 1 of stream 'cash-coco-imbalanced' needs 2,124 queries and 19,118 database items", "the data has"
    ):
        draw_items(data[: len(data) // 2], name)
    with refused("the data bring a split of their own", name):
        draw_items(replace(data, split=np.full(len(data), "query")), name)
    with refused("has 80 classes by name; the data lacks 'person'"):
        draw_items(replace(data, class_names=tuple(c.replace("person", "people") for c in data.class_names)), name)
    with refused("81 classes by name; the data lacks 'airport', 'animal', 'beach' and 70 more"):
        class_order(data.class_names, "cash-nuswide-imbalanced")
    with refused("there is no stream 'cash-coco'", "cash-coco-balanced"):
        tasks_of("cash-coco")


@pytest.fixture
def archive(tmp_path):
    """An archive of features with COCO's classes."""
    data = made_up("cash-coco-balanced")
    arrays = {"image": data.image + np.arange(len(data))[:, None], "text": data.text, "labels": data.labels}
    np.savez(tmp_path / "coco.npz", **arrays, class_names=np.array(data.class_names))
    return tmp_path / "coco.npz"


@pytest.mark.filterwarnings("ignore:.* items have labels of several stages:UserWarning")
def test_a_stream_is_a_setting_of_data(archive, refused):
    prepared = open_data(archive, stream="cash-coco-balanced", split_seed=3)
    prepared.check()
    stages = prepared.stream()
    assert [len(stage.query) for stage in stages] == [600] * 5 and len(stages[4].database) == 6996
    assert prepared.features.class_names[stages[0].new_classes[0]] == "bicycle"
    assert prepared.record["classes_per_stage"] == [16] * 5
    notes = prepared.record["notes"]
    assert "2,402 of 6,605" in " ".join(notes) and not any("split_seed is" in note for note in notes)
    for setting in ({"classes_per_stage": [40, 40]}, {"arrival": "first"}):
        with refused("but stream 'cash-coco-balanced' has its own; leave"):
            open_data(archive, stream="cash-coco-balanced", **setting).check()
    with refused("there is no stream 'cash'"):
        open_data(archive, stream="cash").check()
