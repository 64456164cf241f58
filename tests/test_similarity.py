"""Label similarity: the same in NumPy and torch, equal to the formula, never NaN."""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlchkit.codes import label_cosine, shares_label, unit_labels

few = settings(deadline=None, max_examples=30)
two_label_sets = st.integers(1, 6).flatmap(
    lambda n_classes: st.tuples(*(st.integers(1, 5).flatmap(lambda n: arrays(bool, (n, n_classes))) for _ in range(2)))
)


def cosine_of_sets(one, other):
    shared = sum(x and y for x, y in zip(one, other, strict=True))
    return shared / math.sqrt(sum(one) * sum(other)) if shared else 0.0


@few
@given(two_label_sets)
def test_equal_to_the_loop_within_zero_and_one(labels):
    a, b = labels
    similarity = label_cosine(a, b)
    slow = [[cosine_of_sets(one, other) for other in b.tolist()] for one in a.tolist()]
    assert np.allclose(similarity, slow, rtol=0, atol=1e-12)
    assert similarity.min() >= 0 and similarity.max() <= 1 + 1e-12
    assert np.array_equal(shares_label(a, b), np.array(slow) > 0)


@few
@given(two_label_sets)
def test_numpy_and_torch_agree(labels):
    a, b = labels
    ours, theirs = label_cosine(a, b), label_cosine(torch.from_numpy(a), torch.from_numpy(b))
    assert isinstance(ours, np.ndarray) and isinstance(theirs, torch.Tensor)
    assert np.allclose(ours, theirs.numpy(), atol=1e-6)
    assert np.array_equal(shares_label(a, b), shares_label(torch.from_numpy(a), torch.from_numpy(b)).numpy())


def test_an_item_without_labels_is_like_nothing():
    labels = np.array([[0, 0, 0], [1, 1, 0]])
    assert unit_labels(labels)[0].tolist() == [0, 0, 0]
    assert label_cosine(labels, labels)[0].tolist() == [0, 0]
    assert label_cosine(torch.tensor(labels), torch.tensor(labels))[0].tolist() == [0, 0]
    assert not shares_label(labels, labels)[0].any()


def test_unit_labels_have_length_one_and_the_input_stays():
    labels = np.array([[1, 1, 0], [1, 1, 1]])
    assert np.allclose(np.linalg.norm(unit_labels(labels), axis=1), 1)
    assert labels.tolist() == [[1, 1, 0], [1, 1, 1]]
