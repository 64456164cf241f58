"""Data sets: rows stay together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.data import PairedFeatures, SourceFeatures, choose_labelled

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
