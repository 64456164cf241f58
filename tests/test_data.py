"""Data sets: rows stay together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.data import PairedDataset, PairedFeatures, SourceFeatures, choose_labelled

few = settings(deadline=None, max_examples=30)


@few
@given(st.booleans(), st.integers(1, 30), st.integers(0, 99))
def test_every_class_gets_its_labelled_items_out_of_the_rows_given(clustered_pairs, several_labels, per_class, seed):
    labels = clustered_pairs(120, several_labels=several_labels).labels
    rows = np.arange(0, 120, 2)  # of classes 0, 2 and 4, and others by chance
    chosen = choose_labelled(labels, rows, per_class=per_class, seed=seed)
    assert set(chosen) <= set(rows) and np.array_equal(chosen, np.unique(chosen))
    available, found = labels[rows].sum(0), labels[chosen].sum(0)
    assert (found >= np.minimum(available, per_class)).all()
    if not several_labels:
        assert np.array_equal(found, np.minimum(available, per_class))


def test_no_labelled_item_per_class_is_refused(refused):
    with refused("per_class is 0", "at least 1"):
        choose_labelled(np.eye(3, dtype=bool), np.arange(3), per_class=0)


def test_a_pair_without_a_label_is_refused(clustered_pairs, refused):
    data = clustered_pairs(12)
    labels = data.labels.copy()
    labels[7] = False
    with refused("item0007", "no label", "6 classes"):
        PairedFeatures(**{**vars(data), "labels": labels})


def test_fields_of_unequal_length_are_refused(clustered_pairs, refused):
    data = clustered_pairs(12)
    with refused("text has 11 rows", "12"):
        PairedFeatures(**{**vars(data), "text": data.text[:11]})


@pytest.mark.parametrize("rows", [slice(2, 9, 3), np.array([5, 0, 5]), np.arange(12) % 2 == 0])
def test_chosen_rows_are_again_a_data_set(clustered_pairs, rows):
    data = clustered_pairs(12)
    chosen = data[rows]
    assert isinstance(chosen, PairedFeatures) and chosen.class_names == data.class_names
    for name in ("ids", "image", "text", "labels", "groups"):
        assert np.array_equal(getattr(chosen, name), getattr(data, name)[rows])


def test_concatenating_undoes_a_cut(clustered_pairs):
    data = clustered_pairs(12)
    joined = data[:5].concatenate(data[5:9], data[9:])
    for name in ("ids", "image", "text", "labels", "groups"):
        assert np.array_equal(getattr(joined, name), getattr(data, name))


def test_other_classes_cannot_be_joined(refused):
    image, labels = np.zeros((2, 3), np.float32), np.array([0, 1])
    one, other = (SourceFeatures(image=image, labels=labels, class_names=names) for names in (("a", "b"), ("b", "a")))
    with refused("class names", "same order"):
        one.concatenate(other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda labels: labels[:, :1], "labels have 1 columns, class_names 6 names"),
        (lambda labels: labels.argmax(1), "labels are 0 or 1"),
        (lambda labels: labels.argmax(1)[:, None], "labels: the matrix holds 2 in row 2, column 0"),
        (lambda labels: 2 * labels.astype(int) - 1, "labels: the matrix holds -1 in row 0, column 1"),
        (lambda labels: np.where(labels, 1.0, np.nan), "labels: the matrix holds nan in row 0, column 1"),
        (lambda labels: labels * 0.5, "labels: the matrix holds 0.5 in row 0, column 0"),
    ],
)
def test_pairs_refuse_labels_that_are_not_0_or_1(clustered_pairs, change, said, refused):
    data = clustered_pairs(12)
    names = {"ids": data.ids, "groups": data.groups, "class_names": data.class_names}
    labels = change(data.labels)
    with refused(said):
        PairedFeatures(**names, image=data.image, text=data.text, labels=labels)
    with refused(said):
        PairedDataset(**names, texts=data.ids, labels=labels)


def test_labels_of_0_and_1_become_bool(clustered_pairs):
    data = clustered_pairs(12)
    numbers = PairedFeatures(**{**vars(data), "labels": data.labels.astype(np.float32)})
    assert numbers.labels.dtype == bool and np.array_equal(numbers.labels, data.labels)


@pytest.mark.parametrize("side", ["image", "text"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_named_by_item(clustered_pairs, side, value, refused):
    data = clustered_pairs(12)
    broken = getattr(data, side).copy()
    broken[7, 2] = value
    with refused(f"{side} features of item item0007 (row 7) hold NaN or infinity"):
        PairedFeatures(**{**vars(data), side: broken})


@pytest.mark.parametrize("labels", [[0, 1, 2], [-1, 0, 1], [0.0, 1.0, 1.0], [[0, 1], [1, 0], [0, 1]]])
def test_source_labels_are_positions_of_class_names(labels, refused):
    with refused("source labels", "whole numbers from 0 to 1"):
        SourceFeatures(image=np.zeros((3, 2)), labels=np.array(labels), class_names=("a", "b"))
