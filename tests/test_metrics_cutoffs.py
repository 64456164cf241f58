"""Precision, recall and NDCG: against every order inside the ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_rankings import (
    ONE_QUERY,
    against_one_query,
    cutoffs,
    every_order,
    graded_items,
    items,
    random_retrieval,
    shuffled,
)
from sklearn.metrics import ndcg_score

from dlchkit.metrics import ndcg, precision_at_k, precision_recall_curve, precision_within_radius, recall_at_k

has_relevant = items.filter(lambda database: any(relevant for _, relevant in database))
MEASURES = [
    lambda *retrieval: precision_at_k(*retrieval, k=7),
    lambda *retrieval: recall_at_k(*retrieval, k=7),
    lambda *retrieval: precision_within_radius(*retrieval, radius=6),
    lambda *retrieval: ndcg(*retrieval, k=7),
    ndcg,
]


@settings(deadline=None, max_examples=40)
@given(items, st.integers(1, 9))
def test_precision_at_k_is_the_mean_over_all_orders_inside_ties(database, k):
    expected = np.mean([np.mean(order[:k]) for order in every_order(database)])
    assert precision_at_k(*against_one_query(database), k=k) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(has_relevant, st.integers(1, 9))
def test_recall_at_k_is_the_mean_over_all_orders_inside_ties(database, k):
    expected = np.mean([sum(order[:k]) / sum(order) for order in every_order(database)])
    assert recall_at_k(*against_one_query(database), k=k) == pytest.approx(expected, abs=1e-12)


def discounted_gain(grades, k):
    return sum((2**grade - 1) / np.log2(rank + 1) for rank, grade in enumerate(grades[:k], start=1))


@settings(deadline=None, max_examples=60)
@given(graded_items.filter(lambda database: any(shared for _, shared in database)), cutoffs)
def test_ndcg_is_the_mean_over_all_orders_inside_ties(database, k):
    ideal = discounted_gain(sorted((shared for _, shared in database), reverse=True), k)
    expected = np.mean([discounted_gain(order, k) / ideal for order in every_order(database)])
    assert ndcg(*against_one_query(database), k=k) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("k", [None, 5])
def test_ndcg_equals_scikit_learns_which_knows_ties_too(k):
    query, database, query_labels, labels = random_retrieval(n_classes=12)
    gains = 2.0 ** (query_labels.astype(int) @ labels.T.astype(int)) - 1
    nearness = query.astype(int) @ database.T
    assert ndcg(query, database, query_labels, labels, k=k) == pytest.approx(
        ndcg_score(gains, nearness, k=k), abs=1e-12
    )


def test_a_perfect_ranking_has_ndcg_one_and_grades_matter():
    assert ndcg(*against_one_query([(0, 3), (1, 2), (2, 0)])) == pytest.approx(1, abs=1e-12)
    assert ndcg(*against_one_query([(0, 2), (1, 3), (2, 0)])) < 0.9


@pytest.mark.filterwarnings("ignore:no query finds anything")
@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(0, 16))
def test_within_a_radius_measures_equal_the_loop(seed, radius):
    query, database, query_labels, labels = random_retrieval(seed=seed)
    precision, recall = [], []
    for code, own in zip(query, query_labels, strict=True):
        relevant = (own & labels).any(1)
        found = (code != database).sum(1) <= radius
        precision.append((found & relevant).sum() / found.sum() if found.any() else np.nan)
        recall.append((found & relevant).sum() / relevant.sum())
    assert precision_within_radius(query, database, query_labels, labels, radius=radius) == pytest.approx(
        np.nan_to_num(precision).mean(), abs=1e-12
    )
    curve = precision_recall_curve(query, database, query_labels, labels)
    expected = np.nanmean(precision) if not np.isnan(precision).all() else np.nan
    assert curve[0].shape == curve[1].shape == (17,)
    assert curve[0][radius] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert curve[1][radius] == pytest.approx(np.mean(recall), abs=1e-12)


def test_the_curve_rises_to_full_recall():
    with pytest.warns(UserWarning, match="no query finds anything"):
        precision, recall = precision_recall_curve(*random_retrieval(n_query=1))
    assert np.isnan(precision[0]) and precision[-1] > 0
    assert (np.diff(recall) >= 0).all() and recall[0] == 0 and recall[-1] == 1


@pytest.mark.parametrize("measure", MEASURES)
def test_the_order_in_which_a_database_is_stored_does_not_matter(measure):
    retrieval = random_retrieval()
    for seed in range(3):
        assert measure(*shuffled(*retrieval, seed)) == pytest.approx(measure(*retrieval), abs=1e-12)


def test_what_is_undefined_is_left_out_and_said_so():
    query, labels = np.vstack([ONE_QUERY, ONE_QUERY]), np.eye(2)
    for measure in (recall_at_k, ndcg):
        with pytest.warns(UserWarning, match="1 of 2 queries have no relevant item"):
            assert measure(query, ONE_QUERY, labels, labels[:1], k=1) == 1
        with pytest.warns(UserWarning, match="1 of 1 queries"):
            assert np.isnan(measure(ONE_QUERY, ONE_QUERY, labels[:1], labels[1:], k=1))
    with pytest.warns(UserWarning, match="1 of 2 queries have no relevant item; they are left out of recall"):
        precision, recall = precision_recall_curve(query, ONE_QUERY, labels, labels[:1])
    assert precision[0] == 0.5 and recall[0] == 1
    assert precision_at_k(query, ONE_QUERY, labels, labels[:1], k=1) == 0.5


def test_bad_arguments_are_refused(refused):
    retrieval = random_retrieval()
    for measure in (precision_at_k, recall_at_k, ndcg):
        with refused("k is 0", "at least 1"):
            measure(*retrieval, k=0)
    for radius in (-1, 17):
        with refused(f"radius is {radius}", "0 to 16"):
            precision_within_radius(*retrieval, radius=radius)
    for measure in (*MEASURES, precision_recall_curve):
        with refused("60 database codes", "with 59"):
            measure(*retrieval[:3], retrieval[3][:-1])
