"""The field's own variants: equal to their definition on the stored order, and within our bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_rankings import ONE_QUERY, against_one_query, random_retrieval, shuffled

from dlchkit.metrics import legacy_dcmh_map, legacy_topk_map, mean_average_precision


def stored_order(query, database, query_labels, labels):
    """Relevance of each query's ranking, items of one distance as they are stored."""
    for code, own in zip(query, query_labels, strict=True):
        order = sorted(range(len(database)), key=lambda i: int((code != database[i]).sum()))
        yield [bool((own & labels[i]).any()) for i in order]


def precision_at_hits(ranks):
    return [(j + 1) / rank for j, rank in enumerate(ranks)]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.none() | st.integers(1, 70), st.booleans())
def test_both_equal_their_definition(seed, k, some_without):
    retrieval = random_retrieval(seed=seed)
    if some_without:
        retrieval[2][:4] = False  # they count as 0
    dcmh, topk = [], []
    for ranking in stored_order(*retrieval):
        ranks = [rank for rank, relevant in enumerate(ranking, start=1) if relevant]
        dcmh.append(np.mean(precision_at_hits(ranks[:k])) if ranks else 0)
        topk.append(
            np.mean(precision_at_hits([r for r in ranks if r <= (k or 60)])) if ranks and ranks[0] <= (k or 60) else 0
        )
    assert legacy_dcmh_map(*retrieval, k=k) == pytest.approx(np.mean(dcmh), abs=1e-6)  # float32, as released
    assert legacy_topk_map(*retrieval, k=k) == pytest.approx(np.mean(topk), abs=1e-12)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_without_k_both_lie_within_the_bounds_of_any_order(seed):
    retrieval = random_retrieval(seed=seed)
    low, high = (mean_average_precision(*retrieval, ties=ties) for ties in ("pessimistic", "optimistic"))
    for measure in (legacy_dcmh_map, legacy_topk_map):
        assert low - 1e-6 <= measure(*retrieval) <= high + 1e-6


def test_the_order_of_storage_moves_them_and_its_mean_is_ours():
    retrieval = random_retrieval(n_bits=8)
    scores = [legacy_topk_map(*shuffled(*retrieval, seed)) for seed in range(200)]
    assert np.ptp(scores) > 1e-3
    assert np.mean(scores) == pytest.approx(mean_average_precision(*retrieval), abs=4 * np.std(scores) / np.sqrt(200))


def test_the_three_cutoffs_are_three_measures():
    retrieval = against_one_query([(0, 1), (1, 0), (2, 1)])  # relevant at ranks 1 and 3
    assert mean_average_precision(*retrieval, k=2) == 0.5  # 1 of min(2 relevant, k)
    assert legacy_topk_map(*retrieval, k=2) == 1  # 1 of the 1 found
    assert legacy_dcmh_map(*retrieval, k=2) == pytest.approx((1 + 2 / 3) / 2)  # both relevant, wherever they rank


def test_nothing_relevant_counts_as_zero_as_released():
    labels = np.eye(2)
    for measure in (legacy_dcmh_map, legacy_topk_map):
        assert measure(ONE_QUERY, ONE_QUERY, labels[:1], labels[1:]) == 0


def test_no_query_is_nan_with_a_warning():
    labels = np.eye(2)
    for measure in (legacy_dcmh_map, legacy_topk_map):
        with pytest.warns(UserWarning, match="no query"):
            assert np.isnan(measure(ONE_QUERY[:0], ONE_QUERY, labels[:0], labels[1:]))


def test_bad_arguments_are_refused(refused):
    retrieval = random_retrieval()
    for measure in (legacy_dcmh_map, legacy_topk_map):
        with refused("k is 0", "at least 1"):
            measure(*retrieval, k=0)
        with refused("60 database codes", "with 59"):
            measure(*retrieval[:3], retrieval[3][:-1])
