"""Average precision and its bounds: against every order inside the ties."""

import tracemalloc
import warnings
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_rankings import (
    ONE_QUERY,
    against_one_query,
    at_distances,
    cutoffs,
    every_order,
    items,
    random_retrieval,
    shuffled,
)
from sklearn.metrics import average_precision_score

from dlchkit.metrics import (
    average_precision,
    distance_histograms,
    histograms,
    legacy_dcmh_map,
    legacy_topk_map,
    mean_average_precision,
    ndcg,
    precision_at_k,
    precision_recall_curve,
    precision_within_radius,
    ranked_average_precision,
    recall_at_k,
)

nan = float("nan")


def classical_average_precision(ranked, k):
    hits = [sum(ranked[: rank + 1]) / (rank + 1) for rank in range(len(ranked[:k])) if ranked[rank]]
    return sum(hits) / min(sum(ranked), k or len(ranked)) if sum(ranked) else nan


@settings(deadline=None, max_examples=60)
@given(items, cutoffs)
def test_average_precision_is_the_mean_over_all_orders_inside_ties(database, k):
    scores = [classical_average_precision(order, k) for order in every_order(database)]
    counts = distance_histograms(*against_one_query(database))
    for ties, over_all_orders in (("average", np.mean), ("pessimistic", np.min), ("optimistic", np.max)):
        score = average_precision(*counts, k=k, ties=ties)
        assert score.shape == (1,)
        assert score[0] == pytest.approx(over_all_orders(scores), abs=1e-12, nan_ok=True), ties


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(9)), st.lists(st.booleans(), min_size=9, max_size=9).filter(any))
def test_without_ties_all_three_are_the_classical_average_precision(distances, relevant):
    expected = average_precision_score(relevant, -np.array(distances))
    for ties in ("average", "pessimistic", "optimistic"):
        assert mean_average_precision(
            *against_one_query(list(zip(distances, relevant, strict=True))), ties=ties
        ) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([8, 16, 64]), st.none() | st.integers(1, 80))
def test_the_bounds_enclose_the_average(seed, n_bits, k):
    counts = distance_histograms(*random_retrieval(n_bits=n_bits, seed=seed))
    low, middle, high = (
        average_precision(*counts, k=k, ties=ties) for ties in ("pessimistic", "average", "optimistic")
    )
    assert (
        (low >= 0).all()
        and (low <= middle + 1e-12).all()
        and (middle <= high + 1e-12).all()
        and (high <= 1 + 1e-12).all()
    )


def test_large_ties_keep_their_precision():
    n_items, n_relevant = np.array([[150_000, 3_000, 40_000]]), np.array([[70_000, 1, 9_000]])
    for ties, first in (("pessimistic", n_items - n_relevant), ("optimistic", np.zeros_like(n_items))):
        total, before, found = Fraction(0), 0, 0
        for n, r, others in zip(n_items[0].tolist(), n_relevant[0].tolist(), first[0].tolist(), strict=True):
            total += sum(int(10**15 * (found + j) / (before + others + j)) for j in range(1, r + 1))
            before, found = before + n, found + r
        expected = float(total / 10**15 / found)
        assert average_precision(n_items, n_relevant, ties=ties)[0] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("k", [None, 7])
@pytest.mark.parametrize("ties", ["average", "pessimistic", "optimistic"])
def test_the_order_in_which_a_database_is_stored_does_not_matter(k, ties):
    retrieval = random_retrieval()
    score = mean_average_precision(*retrieval, k=k, ties=ties)
    for seed in range(3):
        assert mean_average_precision(*shuffled(*retrieval, seed), k=k, ties=ties) == score


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(
    "n_bits, n_classes", [(8, 3), (16, 8), (24, 14), (32, 30), (64, 64), (72, 9), (128, 65), (200, 130), (256, 40)]
)
def test_histograms_equal_the_loop_for_every_width_of_codes_and_labels(n_bits, n_classes, graded):
    query, database, query_labels, labels = random_retrieval(6, 20, n_bits, n_classes)
    query_labels[0], labels[:4, -1], query_labels[1] = False, True, np.arange(n_classes) == n_classes - 1
    query[2], database[3] = 1, -1  # every bit differs
    n_grades = int(query_labels.sum(1).max()) + 1 if graded else 2
    slow = np.zeros((6, n_bits + 1, n_grades), int)
    for q in range(6):
        for i in range(20):
            shared = int((query_labels[q] & labels[i]).sum())
            slow[q, (query[q] != database[i]).sum(), shared if graded else min(shared, 1)] += 1
    counts = np.concatenate(
        [counts for _, counts in histograms.histogram_chunks(query, database, query_labels, labels, graded=graded)]
    )
    assert slow[1, :, 1:].sum() >= 4 and slow[2, n_bits].sum() >= 1
    assert np.array_equal(counts, slow)


@pytest.mark.parametrize("pairs", [1, 130, 1000])
def test_chunks_of_any_size_give_the_same_counts(pairs, monkeypatch):
    retrieval = random_retrieval(n_query=11)
    whole = distance_histograms(*retrieval)
    monkeypatch.setattr(histograms, "PAIRS", pairs)
    assert np.array_equal(distance_histograms(*retrieval), whole)


def test_memory_does_not_grow_with_the_number_of_queries(monkeypatch):
    monkeypatch.setattr(histograms, "PAIRS", 2**12)
    peaks = []
    for n_query in (40, 400):
        retrieval = random_retrieval(n_query=n_query, n_database=2000)
        tracemalloc.start()
        counts = distance_histograms(*retrieval)
        peaks.append(tracemalloc.get_traced_memory()[1] - sum(count.nbytes for count in counts))
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


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


def test_no_query_at_all_is_nan_and_said_so():
    with pytest.warns(UserWarning, match="no query"):
        assert np.isnan(mean_average_precision(ONE_QUERY[:0], ONE_QUERY, np.eye(1)[:0], np.eye(1)))


@pytest.mark.parametrize("n_bits", [1, 12, 48, 70])
def test_codes_of_any_length_are_measured(n_bits):
    retrieval = random_retrieval(n_bits=n_bits)
    n_items, n_relevant = distance_histograms(*retrieval)
    assert n_items.shape == n_relevant.shape == (9, n_bits + 1) and (n_items.sum(1) == 60).all()
    doubled = [np.repeat(codes, 8, axis=1) for codes in retrieval[:2]]  # the same ranking and ties
    expected = mean_average_precision(*doubled, *retrieval[2:])
    assert mean_average_precision(*retrieval) == pytest.approx(expected, abs=1e-12)


TAKE_LABELS = {
    "map": mean_average_precision,
    "pessimistic": partial(mean_average_precision, ties="pessimistic", k=5),
    "histograms": distance_histograms,
    "precision": partial(precision_at_k, k=5),
    "recall": partial(recall_at_k, k=5),
    "radius": precision_within_radius,
    "curve": precision_recall_curve,
    "ndcg": ndcg,
    "dcmh": legacy_dcmh_map,
    "top k": legacy_topk_map,
}
CHANGES = {
    "class numbers": lambda labels: labels.argmax(1)[:, None],
    "class numbers from 1": lambda labels: labels.argmax(1)[:, None] + 1,
    "-1 and +1": lambda labels: 2 * labels.astype(int) - 1,
    "NaN": lambda labels: np.where(labels, 1.0, np.nan),
    "shares": lambda labels: labels / 2,
}


@pytest.mark.parametrize("measure", TAKE_LABELS.values(), ids=TAKE_LABELS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_labels_that_are_not_0_or_1_are_refused(measure, change, refused):
    query, database, query_labels, labels = random_retrieval()
    with refused("labels: the matrix holds", "0 or 1"):
        measure(query, database, change(query_labels), change(labels))
    if change(labels).shape == labels.shape:
        with refused("query labels: the matrix holds", "0 or 1"):
            measure(query, database, change(query_labels), labels)
        with refused("database labels: the matrix holds", "0 or 1"):
            measure(query, database, query_labels, change(labels))


@pytest.mark.parametrize("measure", TAKE_LABELS.values(), ids=TAKE_LABELS)
def test_codes_of_0_and_1_are_refused(measure, refused):
    query, database, query_labels, labels = random_retrieval()
    with refused("the value 0", "2 * codes"):
        measure((query > 0).astype(int), (database > 0).astype(int), query_labels, labels)


@pytest.mark.filterwarnings("ignore:no query finds anything")
@pytest.mark.parametrize("measure", TAKE_LABELS.values(), ids=TAKE_LABELS)
def test_labels_of_0_and_1_score_alike_whatever_their_type(measure):
    query, database, query_labels, labels = random_retrieval()
    expected = measure(query, database, query_labels, labels)
    for dtype in (np.uint8, float):
        found = measure(query, database, query_labels.astype(dtype), labels.astype(dtype))
        assert np.array_equal(expected, found, equal_nan=True)


def test_arguments_are_left_as_they_were():
    retrieval = random_retrieval()
    copies = [array.copy() for array in retrieval]
    mean_average_precision(*retrieval, k=3)
    assert all(np.array_equal(array, copy) for array, copy in zip(retrieval, copies, strict=True))


def test_bad_arguments_are_refused(refused):
    query, database, query_labels, labels = random_retrieval()
    with refused("16 bits", "the database 8"):
        mean_average_precision(query, database[:, :8], query_labels, labels)
    with refused("4 classes", "the database 3"):
        mean_average_precision(query, database, query_labels, labels[:, :3])
    with refused("60 database codes", "with 59"):
        mean_average_precision(query, database, query_labels, labels[:-1])
    with refused("the database is empty"):
        mean_average_precision(query, database[:0], query_labels, labels[:0])
    with refused("query labels have shape (9,)", "(n, n_classes)"):
        mean_average_precision(query, database, query_labels[:, 0], labels)
    with refused("query codes have shape (16,)", "(n, n_bits)"):
        mean_average_precision(query[0], database, query_labels, labels)
    with refused("the value 0", "hash codes are -1 and +1"):
        mean_average_precision(query * 0, database, query_labels, labels)
    with refused("k is 0", "at least 1"):
        mean_average_precision(query, database, query_labels, labels, k=0)
    with refused("ties is 'mean'", "'average', 'pessimistic' or 'optimistic'"):
        mean_average_precision(query, database, query_labels, labels, ties="mean")


def test_ranked_average_precision_equals_scikit_learns():
    random = np.random.default_rng(0)
    scores, relevant = random.random((6, 30)), random.random((6, 30)) < 0.3
    expected = [average_precision_score(hit, score) for hit, score in zip(relevant, scores, strict=True)]
    assert np.allclose(ranked_average_precision(scores, relevant), expected, rtol=0, atol=1e-12)


def test_ranked_average_precision_puts_the_relevant_last_in_a_tie_and_knows_nan():
    scores, relevant = np.array([[0.5, 0.5, 0.1]] * 2), np.array([[True, False, False], [False, False, False]])
    assert ranked_average_precision(scores, relevant)[0] == 0.5
    assert np.isnan(ranked_average_precision(scores, relevant)[1])


def test_ranked_average_precision_refuses_what_cannot_be_ranked(refused):
    scores, relevant = np.array([[0.5, 0.2, 0.1]]), np.array([[1, -1, 1]])
    with refused("relevances: the matrix holds -1 in row 0, column 1"):
        ranked_average_precision(scores, relevant)
    with refused("scores (1, 3) of (1, 2) relevances"):
        ranked_average_precision(scores, relevant[:, :2] > 0)
    with refused("none is NaN"):
        ranked_average_precision(scores * np.nan, relevant > 0)
