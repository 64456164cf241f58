"""Rankings in every order of their ties: the slow and plain reference of the tie-aware measures."""

from itertools import chain, permutations, product

import numpy as np
from hypothesis import strategies as st

ONE_QUERY = np.ones((1, 8), np.int8)

# The database of one query as (distance, relevant) and as (distance, shared labels), small enough to list all orders.
items = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=7)
graded_items = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=6)
cutoffs = st.none() | st.integers(1, 9)


def at_distances(distances, n_bits=8):
    """Codes at these Hamming distances from the code of ones."""
    return np.where(np.arange(n_bits) < np.asarray(distances)[:, None], -1, 1).astype(np.int8)


def against_one_query(database):
    """The arguments of every measure: one query with three labels, items that share as many as said."""
    distances, shared = zip(*database, strict=True)
    labels = np.arange(4) < np.array(shared, int)[:, None]
    labels[:, 3] = True  # a label the query lacks
    return ONE_QUERY, at_distances(distances), np.array([[True, True, True, False]]), labels


def every_order(database):
    """Relevance (or shared labels) in rank order, once for every order of the items inside each tie."""
    ties = [[grade for d, grade in database if d == distance] for distance in sorted({d for d, _ in database})]
    for order in product(*(list(permutations(tie)) for tie in ties)):
        yield list(chain.from_iterable(order))


def random_retrieval(n_query=9, n_database=60, n_bits=16, n_classes=4, seed=0):
    """Random codes and labels, many ties, every query with something relevant."""
    random = np.random.default_rng(seed)
    codes = [random.choice(np.array([-1, 1], np.int8), size=(n, n_bits)) for n in (n_query, n_database)]
    labels = [random.random((n, n_classes)) < 0.3 for n in (n_query, n_database)]
    labels[0][:, 0] = labels[1][0, 0] = True
    return codes[0], codes[1], labels[0], labels[1]


def shuffled(query, database, query_labels, labels, seed):
    """The same retrieval with the database stored in another order."""
    order = np.random.default_rng(seed).permutation(len(database))
    return query, database[order], query_labels, labels[order]
