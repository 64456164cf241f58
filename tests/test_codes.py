"""Codes: the sign of real numbers, packed bits, Hamming distance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.codes import (
    as_words,
    binarize,
    check_n_bits,
    differing_bits,
    hamming_distance,
    pack_codes,
    unpack_codes,
)

few = settings(deadline=None, max_examples=25)
n_bytes = st.integers(1, 20)
seeds = st.integers(0, 2**32 - 1)


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
