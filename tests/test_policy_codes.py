"""Code health and capacity: numbers worked by hand, plain loops, and the tables of coding theory."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard

from dlchkit.policy import capacity, code_health, majority_codes

# Largest codes for small lengths and even distances, from Brouwer's table of A(n, d).
BEST = {
    (4, 2): 8,
    (6, 4): 4,
    (7, 4): 8,
    (8, 4): 16,
    (9, 4): 20,
    (10, 4): 40,
    (8, 6): 2,
    (10, 6): 6,
    (11, 6): 12,
    (12, 6): 24,
    (13, 6): 32,
}
BEST |= {
    (16, 8): 32,
    (16, 6): 256,
    (20, 8): 256,
    (24, 8): 4096,
    (24, 12): 48,
    (15, 8): 16,
    (14, 8): 8,
    (13, 8): 4,
    (12, 8): 4,
    (20, 10): 40,
}


@pytest.mark.parametrize(("n", "d"), BEST)
def test_the_bounds_hold_the_best_known_codes(n, d):
    found = capacity(n, 2, d)
    assert found.at_least <= BEST[n, d] <= found.at_most
    odd = capacity(n - 1, 2, d - 1)  # A(n - 1, d - 1) = A(n, d) for even d
    assert odd.at_least <= BEST[n, d] <= odd.at_most


def test_hadamard_codes_meet_both_bounds():
    for n in (8, 16, 32, 64, 128):
        found = capacity(n, 2 * n, n // 2)
        assert found.at_least == found.at_most == 2 * n and found.fits == "yes"
        assert capacity(n, 2 * n + 1, n // 2).fits == "no"


def test_the_extremes():
    assert [capacity(10, 2, d).at_most for d in (1, 2, 10)] == [1024, 512, 2]
    assert [capacity(10, 2, d).at_least for d in (1, 10)] == [1024, 2]
    wide = capacity(64, 100, 24)
    assert wide.fits == "yes" and wide.certain_distance <= wide.possible_distance == 32
    assert capacity(16, 300, 6).fits == "no" and capacity(16, 200, 6).fits == "open"  # A(16, 6) is 256


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.data())
def test_more_distance_never_allows_more_codes(n, data):
    d = data.draw(st.integers(1, n - 1))
    near, far = capacity(n, 2, d), capacity(n, 2, d + 1)
    assert near.at_least <= near.at_most and far.at_most <= near.at_most and far.at_least <= near.at_least


def test_capacity_refuses_what_has_no_answer(refused):
    for arguments in ((0, 2, 1), (8, 1, 2), (8, 2, 9), (8, 2, 0)):
        with refused("two classes or more"):
            capacity(*arguments)


@pytest.fixture
def bank():
    random = np.random.default_rng(0)
    labels = np.eye(5, dtype=bool)[np.repeat(np.arange(5), 20)]
    class_codes = random.choice(np.array([-1, 1], np.int8), (5, 16))
    noise = np.where(random.random((100, 16)) < 0.1, -1, 1).astype(np.int8)
    return class_codes[labels.argmax(1)] * noise, labels, class_codes


def test_health_equals_plain_loops(bank):
    codes, labels, class_codes = bank
    health = code_health(codes, labels, class_names="abcde")
    assert health.balance == tuple(sum(row[k] > 0 for row in codes) / 100 for k in range(16))
    distance = {(a, b): int((class_codes[a] != class_codes[b]).sum()) for a, b in itertools.combinations(range(5), 2)}
    assert np.array_equal(majority_codes(codes, labels), class_codes)
    assert health.nearest_distance == min(distance.values())
    assert distance[tuple("abcde".index(name) for name in health.nearest_pair)] == health.nearest_distance
    assert all(health.class_distance[a][b] == health.class_distance[b][a] == d for (a, b), d in distance.items())
    eigenvalues = np.linalg.eigvalsh(np.cov(codes.T.astype(float)))
    assert health.effective_bits == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())
    confused = 0
    for code, label in zip(codes, labels, strict=True):
        to = [(code != other).sum() for other in class_codes]
        confused += min(d for d, own in zip(to, label, strict=True) if not own) <= to[label.argmax()]
    assert health.confused == confused / 100


def test_hadamard_codes_are_in_perfect_health():
    health = code_health(hadamard(16).astype(np.int8)[:, 1:].repeat(2, axis=0)[:, :8], np.eye(32, dtype=bool))
    assert set(health.balance) == {0.5} and health.effective_bits == pytest.approx(8) == health.effective_bits_limit
    assert health.constant_bits == health.duplicated_bits == ()


def test_constant_and_duplicated_bits_are_named():
    codes = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (60, 8))
    codes[:, 3], codes[:, 6], codes[:, 7] = 1, -codes[:, 1], codes[:, 2]
    health = code_health(codes, np.eye(2, dtype=bool)[np.arange(60) % 2])
    assert health.constant_bits == (3,) and health.duplicated_bits == ((1, 6), (2, 7)) and health.balance[3] == 1


def test_collisions_and_classes_without_items():
    codes = np.array([[1] * 8, [1] * 8, [-1] * 8], np.int8)
    labels = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=bool)
    health = code_health(codes, labels, class_names=["a", "nobody", "b", "c"])
    assert health.class_names == ("a", "b", "c") and health.collisions == (("a", "b"),) and health.nearest_distance == 0
    assert (
        health.confused == pytest.approx(2 / 3)
        and health.effective_bits == pytest.approx(1)
        and health.effective_bits_limit == 1
    )


def test_what_is_not_defined_is_nan():
    with pytest.warns(UserWarning, match="undefined"):
        health = code_health(np.ones((3, 8), np.int8), np.ones((3, 1), bool))
    assert math.isnan(health.nearest_distance) and math.isnan(health.effective_bits) and health.nearest_pair == ()
    assert health.confused == 0  # there is no class to be taken for


def test_health_refuses_what_does_not_fit(refused):
    codes, labels = np.ones((3, 8), np.int8), np.eye(3, dtype=bool)
    with refused("(3, 8)", "(2, 3)"):
        code_health(codes, labels[:2])
    with refused("2 class names", "3 classes"):
        code_health(codes, labels, class_names=["a", "b"])
    with refused("row 1", "no label"):
        code_health(codes, np.array([[1, 0], [0, 0], [0, 1]]))
    with refused("value 0", "-1 and +1"):
        code_health(codes * 0, labels)
    for wrong in (2 * labels.astype(int) - 1, labels * 0.5, np.where(labels, 1.0, np.nan), np.array([[2], [0], [1]])):
        for takes in (code_health, majority_codes):
            with refused("labels: the matrix holds", "0 or 1"):
                takes(codes, wrong)
    with refused("value 0", "2 * codes"):
        majority_codes(np.array([[0, 1], [1, 0], [1, 1]]), labels)
    with refused("class 2", "no item"):
        majority_codes(codes, np.eye(3, dtype=bool) & (np.arange(3) < 2))
