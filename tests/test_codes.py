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


@few
@given(n_bytes, seeds)
def test_unpacking_undoes_packing(n_bytes, seed):
    codes = random_codes(5, 8 * n_bytes, seed)
    packed = pack_codes(codes)
    assert packed.dtype == np.uint8 and packed.shape == (5, n_bytes)
    assert unpack_codes(packed).dtype == np.int8
    assert np.array_equal(unpack_codes(packed), codes)


@pytest.mark.parametrize("n_bits", [0, -8, 4, 12, 63])
def test_code_lengths_that_cannot_be_packed_are_refused(n_bits, refused):
    with refused(f"n_bits is {n_bits}", "multiple of 8"):
        check_n_bits(n_bits)


@pytest.mark.parametrize("n_bits", [8, 64, 200])
def test_multiples_of_eight_can_be_packed(n_bits):
    assert check_n_bits(n_bits) == n_bits


def test_packing_refuses_another_length_and_other_values(refused):
    with refused("n_bits is 12", "16"):
        pack_codes(np.ones((2, 12)))
    with refused("value 0", "binarize"):
        pack_codes(np.array([[1, 1, 1, 0, 1, 1, 1, 1]]))


@few
@given(n_bytes, seeds)
def test_hamming_distance_counts_differing_bits(n_bytes, seed):
    a, b = random_codes(3, 8 * n_bytes, seed), random_codes(4, 8 * n_bytes, seed + 1)
    counted = [[sum(x != y for x, y in zip(one, other, strict=True)) for other in b] for one in a]
    by_formula = (8 * n_bytes - a.astype(int) @ b.T.astype(int)) // 2
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
