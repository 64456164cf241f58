"""Codes: the sign of real numbers, packed bits, Hamming distance; label similarity, the same in NumPy and torch."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlchkit.codes import (
    as_words,
    binarize,
    binary_labels,
    check_n_bits,
    differing_bits,
    hamming_distance,
    label_cosine,
    pack_codes,
    shares_label,
    unit_labels,
    unpack_codes,
)

few = settings(deadline=None, max_examples=25)
n_bytes = st.integers(1, 20)
seeds = st.integers(0, 2**32 - 1)
two_label_sets = st.integers(1, 6).flatmap(
    lambda n_classes: st.tuples(*(st.integers(1, 5).flatmap(lambda n: arrays(bool, (n, n_classes))) for _ in range(2)))
)


def random_codes(n, n_bits, seed):
    return np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), size=(n, n_bits))


def test_binarize_takes_the_sign_and_zero_is_plus_one():
    codes = binarize(np.array([[0.5, -0.5, 0.0, -0.0, np.inf, -np.inf, 1e-300, -1e-300]]))
    assert codes.dtype == np.int8
    assert codes.tolist() == [[1, -1, 1, 1, 1, -1, 1, -1]]


def test_binarize_refuses_nan_and_names_the_row(refused):
    relaxed = np.ones((4, 8))
    relaxed[2, 5] = np.nan
    with refused("NaN", "row 2"):
        binarize(relaxed)


def test_binarize_leaves_its_input_alone():
    relaxed = np.array([[0.5, -0.5]])
    binarize(relaxed)
    assert relaxed.tolist() == [[0.5, -0.5]]


def test_codes_of_0_and_1_are_refused_and_their_codes_named(refused):
    """The sign of 0 and of 1 is +1: binarize would make one code of all."""
    zero_one = np.random.default_rng(0).integers(0, 2, (5, 8))
    for dtype in (np.int64, np.uint8, np.float64, bool):
        for takes in (binarize, pack_codes):
            with refused("0 and 1", "2 * codes.astype(int) - 1"):
                takes(zero_one.astype(dtype))
    hash_codes = 2 * zero_one.astype(int) - 1
    assert np.array_equal(binarize(hash_codes), hash_codes) and pack_codes(hash_codes).shape == (5, 1)
    assert binarize(np.zeros((2, 4))).tolist() == [[1] * 4] * 2


@few
@given(st.integers(1, 150), seeds)
def test_unpacking_undoes_packing(n_bits, seed):
    codes = random_codes(5, n_bits, seed)
    packed = pack_codes(codes)
    assert packed.dtype == np.uint8 and packed.shape == (5, math.ceil(n_bits / 8))
    assert unpack_codes(packed, n_bits).dtype == np.int8
    assert np.array_equal(unpack_codes(packed, n_bits), codes)
    assert np.array_equal(unpack_codes(packed)[:, :n_bits], codes)


@pytest.mark.parametrize("n_bits", [0, -8, 12.0, True, "12"])
def test_what_is_no_code_length_is_refused(n_bits, refused):
    with refused(f"n_bits is {n_bits!r}", "whole number of at least 1"):
        check_n_bits(n_bits)


@pytest.mark.parametrize("n_bits", [1, 8, 12, 48, np.int64(64), 200])
def test_code_lengths_are_whole_numbers(n_bits):
    assert check_n_bits(n_bits) == n_bits


def test_packing_refuses_other_values(refused):
    with refused("value 3", "binarize"):
        pack_codes(np.array([[1, 1, 1, 3, 1, 1, 1, 1]]))
    with refused("value nan", "-1 and +1"):
        pack_codes(np.array([[1, np.nan]]))
    with refused("value x", "-1 and +1"):
        pack_codes(np.array([["x", "y"]]))


@few
@given(st.integers(1, 150), seeds)
def test_hamming_distance_counts_differing_bits(n_bits, seed):
    a, b = random_codes(3, n_bits, seed), random_codes(4, n_bits, seed + 1)
    counted = [[sum(x != y for x, y in zip(one, other, strict=True)) for other in b] for one in a]
    by_formula = (n_bits - a.astype(int) @ b.T.astype(int)) // 2
    distance = hamming_distance(a, b)
    assert distance.dtype == np.int64
    assert np.array_equal(distance, counted) and np.array_equal(distance, by_formula)


def test_words_are_padded_with_bits_that_never_differ():
    a, b = random_codes(3, 72, 0), random_codes(3, 72, 1)
    words = as_words(pack_codes(a))
    assert words.shape == (2, 3) and words.dtype == np.uint64
    assert np.array_equal(differing_bits(words, as_words(pack_codes(b))), (72 - a.astype(int) @ b.T.astype(int)) // 2)


def test_codes_of_different_lengths_have_no_distance(refused):
    with refused("8 bits", "16"):
        hamming_distance(random_codes(2, 8, 0), random_codes(2, 16, 0))


# --- labels ---


def cosine_of_sets(one, other):
    shared = sum(x and y for x, y in zip(one, other, strict=True))
    return shared / math.sqrt(sum(one) * sum(other)) if shared else 0.0


@few
@given(two_label_sets)
def test_label_similarity_equals_the_loop_within_zero_and_one(labels):
    a, b = labels
    similarity = label_cosine(a, b)
    slow = [[cosine_of_sets(one, other) for other in b.tolist()] for one in a.tolist()]
    assert np.allclose(similarity, slow, rtol=0, atol=1e-12)
    assert similarity.min() >= 0 and similarity.max() <= 1 + 1e-12
    assert np.array_equal(shares_label(a, b), np.array(slow) > 0)


@few
@given(two_label_sets)
def test_label_similarity_of_numpy_and_torch_agree(labels):
    a, b = labels
    ours, theirs = label_cosine(a, b), label_cosine(torch.from_numpy(a), torch.from_numpy(b))
    assert isinstance(ours, np.ndarray) and isinstance(theirs, torch.Tensor)
    assert np.allclose(ours, theirs.numpy(), atol=1e-6)
    assert np.array_equal(shares_label(a, b), shares_label(torch.from_numpy(a), torch.from_numpy(b)).numpy())


OTHER_LABELS = {
    "class numbers": np.array([[2], [0], [1]]),
    "-1 and +1": np.array([[1, -1], [-1, 1]]),
    "NaN": np.array([[1.0, np.nan], [0.0, 1.0]]),
    "shares": np.array([[0.5, 0.5]]),
    "text": np.array([["0", "1"]]),
    "one row": np.array([0, 1]),
    "objects": np.array([[1, None]], dtype=object),
}


@pytest.mark.parametrize("labels", OTHER_LABELS.values(), ids=OTHER_LABELS)
def test_labels_that_are_not_0_or_1_are_refused(labels, refused):
    with refused("the labels", "labels are 0 or 1"):
        binary_labels(labels, "the labels")
    if labels.ndim == 2 and labels.dtype.kind in "if":
        for one in (labels, torch.from_numpy(labels)):
            for takes in (unit_labels, lambda one: label_cosine(one, one), lambda one: shares_label(one, one)):
                with refused("labels: the matrix holds", "in row"):
                    takes(one)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.float32, object])
def test_labels_of_0_and_1_become_bool_whatever_their_type(dtype):
    labels = np.eye(3)[[0, 2]].astype(dtype)
    found = binary_labels(labels)
    assert found.dtype == bool and np.array_equal(found, labels == 1)


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
