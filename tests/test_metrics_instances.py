"""Where the true partner ranks: against every place it can take inside its tie."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_rankings import ONE_QUERY, at_distances, random_retrieval

from dlchkit.metrics import histograms, instance_ranks, instance_recall_at_k, instances, mean_rank, median_rank


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.data())
def test_rank_and_recall_are_means_over_all_orders_inside_ties(distances, data):
    partner = data.draw(st.integers(0, len(distances) - 1))
    k = data.draw(st.integers(1, 9))
    own = distances[partner]
    first = sum(d < own for d in distances) + 1
    possible = list(range(first, first + distances.count(own)))  # every place in the tie is equally likely
    arguments = ONE_QUERY, at_distances(distances), np.array([partner])
    assert instance_ranks(*arguments)[0] == np.mean(possible)
    assert instance_recall_at_k(*arguments, k=k) == pytest.approx(np.mean([rank <= k for rank in possible]), abs=1e-12)


@pytest.mark.parametrize("n_bits", [16, 128, 256])
def test_many_queries_equal_the_loop_in_chunks_of_any_size(n_bits, monkeypatch):
    query, database, _, _ = random_retrieval(n_bits=n_bits)
    partners = np.arange(9)[::-1].copy()
    expected = []
    for code, partner in zip(query, partners, strict=True):
        distance = (code != database).sum(1)
        expected.append((distance < distance[partner]).sum() + ((distance == distance[partner]).sum() + 1) / 2)
    for pairs in (histograms.PAIRS, 130, 1):
        monkeypatch.setattr(instances, "PAIRS", pairs)
        assert np.array_equal(instance_ranks(query, database, partners), expected)
    assert mean_rank(query, database, partners) == np.mean(expected)
    assert median_rank(query, database, partners) == np.median(expected)


def test_recall_grows_to_one_and_storage_order_does_not_matter():
    query, database, _, _ = random_retrieval()
    partners = np.arange(9)
    recall = [instance_recall_at_k(query, database, partners, k=k) for k in (1, 5, 20, 60)]
    assert recall == sorted(recall) and recall[-1] == 1
    order = np.random.default_rng(0).permutation(60)
    moved = np.argsort(order)[partners]
    assert instance_recall_at_k(query, database[order], moved, k=5) == recall[1]
    assert np.array_equal(instance_ranks(query, database[order], moved), instance_ranks(query, database, partners))


def test_the_partner_itself_with_a_code_of_its_own_ranks_first():
    codes = np.unique(random_retrieval(n_database=200)[1], axis=0)
    assert np.array_equal(instance_ranks(codes, codes, np.arange(len(codes))), np.ones(len(codes)))


def test_no_query_is_nan_and_said_so():
    for measure in (mean_rank, median_rank):
        with pytest.warns(UserWarning, match="no query"):
            assert np.isnan(measure(ONE_QUERY[:0], ONE_QUERY, np.array([], int)))


def test_bad_partners_are_refused(refused):
    query, database, _, _ = random_retrieval()
    with refused("the partner of query 1 is row 60", "rows 0 to 59"):
        instance_ranks(query, database, np.array([0, 60, 0, 0, 0, 0, 0, 0, 0]))
    with refused("the partner of query 0 is row -1"):
        instance_ranks(query, database, -np.ones(9, int))
    with refused("shape (8,)", "9 whole numbers"):
        instance_ranks(query, database, np.arange(8))
    with refused("float64", "9 whole numbers"):
        instance_ranks(query, database, np.arange(9.0))
    with refused("16 bits", "the database 8"):
        instance_ranks(query, database[:, :8], np.arange(9))
    with refused("k is 0", "R@k"):
        instance_recall_at_k(query, database, np.arange(9), k=0)
