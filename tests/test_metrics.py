"""Measures: the tie-aware ones against every order inside the ties, the continual ones by hand."""

import warnings
from itertools import chain, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from dlchkit import metrics
from dlchkit.metrics import average_precision, distance_histograms, mean_average_precision, precision_at_k, ranked_average_precision

nan = float("nan")
ONE_QUERY = np.ones((1, 8), np.int8)
items = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=7)  # (distance, relevant)
cutoffs = st.none() | st.integers(1, 9)


def at_distances(distances, n_bits=8):
    """Codes at these Hamming distances from the code of ones."""
    return np.where(np.arange(n_bits) < np.asarray(distances)[:, None], -1, 1).astype(np.int8)


def against_one_query(database):
    """The arguments of every measure: one query of class 0, items of class 0 (relevant) or 1."""
    distances, relevant = zip(*database)
    labels = np.eye(2, dtype=bool)
    return ONE_QUERY, at_distances(distances), labels[:1], labels[1 - np.array(relevant, int)]


def every_order(database):
    """Relevance in rank order, once for every order of the items inside each tie."""
    ties = [[relevant for d, relevant in database if d == distance] for distance in sorted({d for d, _ in database})]
    for order in product(*(list(permutations(tie)) for tie in ties)):
        yield list(chain.from_iterable(order))


def classical_average_precision(ranked, k):
    hits = [sum(ranked[: rank + 1]) / (rank + 1) for rank in range(len(ranked[:k])) if ranked[rank]]
    return sum(hits) / min(sum(ranked), k or len(ranked)) if sum(ranked) else nan


@settings(deadline=None, max_examples=60)
@given(items, cutoffs)
def test_average_precision_is_the_mean_over_all_orders_inside_ties(database, k):
    expected = np.mean([classical_average_precision(order, k) for order in every_order(database)])
    score = average_precision(*distance_histograms(*against_one_query(database)), k=k)
    assert score.shape == (1,)
    assert score[0] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(items, st.integers(1, 9))
def test_precision_at_k_is_the_mean_over_all_orders_inside_ties(database, k):
    expected = np.mean([np.mean(order[:k]) for order in every_order(database)])
    assert precision_at_k(*against_one_query(database), k=k) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(9)), st.lists(st.booleans(), min_size=9, max_size=9).filter(any))
def test_without_ties_it_is_the_classical_average_precision(distances, relevant):
    score = mean_average_precision(*against_one_query(list(zip(distances, relevant))))
    assert score == pytest.approx(average_precision_score(relevant, -np.array(distances)), abs=1e-12)


def random_retrieval(n_query=9, n_database=60, n_bits=16, n_classes=4, seed=0):
    random = np.random.default_rng(seed)
    codes = [random.choice(np.array([-1, 1], np.int8), size=(n, n_bits)) for n in (n_query, n_database)]
    labels = [random.random((n, n_classes)) < 0.3 for n in (n_query, n_database)]
    labels[0][:, 0] = labels[1][0, 0] = True  # every query has something relevant
    return codes[0], codes[1], labels[0], labels[1]


@pytest.mark.parametrize("k", [None, 7])
def test_the_order_in_which_a_database_is_stored_does_not_matter(k):
    query, database, query_labels, labels = random_retrieval()
    score = mean_average_precision(query, database, query_labels, labels, k=k)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(database))
        assert mean_average_precision(query, database[order], query_labels, labels[order], k=k) == score


@pytest.mark.parametrize("n_bits, n_classes", [(8, 3), (72, 9), (128, 65), (200, 130)])
def test_histograms_equal_the_loop_with_many_classes_and_long_codes(n_bits, n_classes):
    query, database, query_labels, labels = random_retrieval(5, 20, n_bits, n_classes)
    query_labels[:], labels[:] = False, False
    query_labels[np.arange(5), -1 - np.arange(5) % 2] = True
    labels[np.arange(20), np.arange(20) % n_classes] = True
    labels[:4, -1] = True  # the last class, in the last word of the label bits
    n_items, n_relevant = distance_histograms(query, database, query_labels, labels)
    slow = np.zeros((2, 5, n_bits + 1), int)
    for q in range(5):
        for i in range(20):
            distance = (query[q] != database[i]).sum()
            slow[0, q, distance] += 1
            slow[1, q, distance] += (query_labels[q] & labels[i]).any()
    assert slow[1].sum() > 0
    assert np.array_equal(n_items, slow[0]) and np.array_equal(n_relevant, slow[1])


def test_more_queries_than_one_chunk_give_the_same_scores():
    query, database, query_labels, labels = random_retrieval(n_query=metrics.CHUNK + 3)
    whole = average_precision(*distance_histograms(query, database, query_labels, labels))
    alone = [average_precision(*distance_histograms(query[[i]], database, query_labels[[i]], labels))[0] for i in range(len(query))]
    assert np.array_equal(whole, alone)


def test_queries_with_nothing_relevant_are_left_out_and_said_so():
    query, database = np.ones((3, 8), np.int8), at_distances([0, 1])
    query_labels, labels = np.array([[1, 0], [1, 0], [0, 1]]), np.array([[1, 0], [1, 0]])
    with pytest.warns(UserWarning, match="1 of 3 queries have no relevant item"):
        assert mean_average_precision(query, database, query_labels, labels) == 1


def test_nothing_relevant_at_all_is_nan_not_zero():
    labels = np.eye(2)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert np.isnan(mean_average_precision(ONE_QUERY, ONE_QUERY, labels[:1], labels[1:]))
    assert [str(warning.message).startswith("1 of 1 queries") for warning in said] == [True]


def test_bad_arguments_are_refused(refused):
    query, database, query_labels, labels = random_retrieval()
    with refused("16 bits", "the database 8"):
        mean_average_precision(query, database[:, :8], query_labels, labels)
    with refused("4 classes", "the database 3"):
        mean_average_precision(query, database, query_labels, labels[:, :3])
    with refused("60 database codes", "with 59"):
        mean_average_precision(query, database, query_labels, labels[:-1])
    for measure in (mean_average_precision, precision_at_k):
        with refused("k is 0", "at least 1"):
            measure(query, database, query_labels, labels, k=0)


def test_ranked_average_precision_equals_scikit_learns():
    random = np.random.default_rng(0)
    scores, relevant = random.random((6, 30)), random.random((6, 30)) < 0.3
    expected = [average_precision_score(hit, score) for hit, score in zip(relevant, scores)]
    assert np.allclose(ranked_average_precision(scores, relevant), expected, rtol=0, atol=1e-12)


def test_ranked_average_precision_puts_the_relevant_last_in_a_tie_and_knows_nan():
    scores, relevant = np.array([[0.5, 0.5, 0.1]] * 2), np.array([[True, False, False], [False, False, False]])
    assert ranked_average_precision(scores, relevant)[0] == 0.5
    assert np.isnan(ranked_average_precision(scores, relevant)[1])


R = [[0.8, nan, nan], [0.9, 0.7, nan], [0.6, 0.5, 0.4]]
R_JOINT = [[0.8, nan, nan], [0.8, 0.8, nan], [0.8, 0.6, 0.5]]


@pytest.mark.parametrize(
    "measure, by_hand",
    [
        (metrics.final_performance, (0.6 + 0.5 + 0.4) / 3),
        (metrics.forgetting_from_best, ((0.9 - 0.6) + (0.7 - 0.5)) / 2),
        (metrics.forgetting_from_first, ((0.8 - 0.6) + (0.7 - 0.5)) / 2),
        (metrics.backward_transfer, -((0.8 - 0.6) + (0.7 - 0.5)) / 2),
        (lambda R: metrics.forgetting_from_joint(R, R_JOINT), ((0.8 - 0.6) + (0.6 - 0.5)) / 2),
    ],
)
def test_continual_measures_by_hand(measure, by_hand):
    assert measure(R) == pytest.approx(by_hand, abs=1e-12)


def test_time_reduction_leaves_stage_zero_out():
    assert metrics.time_reduction([100, 1, 2], [100, 10, 20]) == pytest.approx(0.9)


def test_one_stage_alone_has_no_forgetting():
    for measure in (metrics.forgetting_from_best, metrics.forgetting_from_first, lambda R: metrics.forgetting_from_joint(R, R)):
        with pytest.warns(UserWarning, match="no earlier stage"):
            assert np.isnan(measure([[0.5]]))
    with pytest.warns(UserWarning, match="no earlier stage"):
        assert np.isnan(metrics.time_reduction([1], [1]))


def test_continual_measures_refuse_what_does_not_fit(refused):
    with refused("shape (1, 2)", "square"):
        metrics.final_performance([[0.5, 0.5]])
    with refused("3 stages", "joint one 1"):
        metrics.forgetting_from_joint(R, [[0.5]])
    with refused("2 against 3"):
        metrics.time_reduction([1, 2], [1, 2, 3])
