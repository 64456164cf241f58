"""Counts of items, and of relevant items, at each Hamming distance: the input of every tie-aware measure."""

from collections.abc import Iterator

import numpy as np

from dlchkit.codes import Codes, Labels, as_words, binary_labels, differing_bits, pack_codes, shared_bits
from dlchkit.errors import DataError

PAIRS = 2**17  # query-database pairs compared at once, one query's at least: about 20 bytes each, so a few MB


def distance_histograms(
    query_codes: Codes, database_codes: Codes, query_labels: Labels, database_labels: Labels
) -> tuple[np.ndarray, np.ndarray]:
    """Count, for every query and Hamming distance, the database items and the relevant ones.

    Codes and label sets are compared as bits, 64 or fewer at a time, and counted query by
    query; in addition to the result this takes about 20 bytes for each of `PAIRS` pairs, or
    of one query's pairs where the database is larger than that.

    Parameters
    ----------
    query_codes, database_codes, query_labels, database_labels : np.ndarray
        codes and labels as in `mean_average_precision`

    Returns
    -------
    n_items, n_relevant : np.ndarray
        int64 (n, n_bits + 1)

    Raises
    ------
    DataError
        if codes or labels differ in width or number, a code or label holds another value, or the database is empty

    Examples
    --------
    Two items with the query's own code, one of them relevant, and one that differs in all 8 bits.

    >>> one = np.ones((1, 8), np.int8)
    >>> distance_histograms(one, np.vstack([one, one, -one]), np.eye(1, 2), np.eye(2)[[0, 1, 0]])
    (array([[2, 0, 0, 0, 0, 0, 0, 0, 1]]), array([[1, 0, 0, 0, 0, 0, 0, 0, 1]]))
    """
    check_retrieval(query_codes, database_codes, query_labels, database_labels)
    counts = np.empty((2, len(query_codes), query_codes.shape[1] + 1), dtype=np.int64)
    for rows, joint in histogram_chunks(query_codes, database_codes, query_labels, database_labels, graded=False):
        counts[0, rows] = joint.sum(2)
        counts[1, rows] = joint[:, :, 1]
    return counts[0], counts[1]


def histogram_chunks(
    query_codes: Codes, database_codes: Codes, query_labels: Labels, database_labels: Labels, *, graded: bool
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield, for a few queries at a time, their rows and the counts of items by distance and grade.

    Parameters
    ----------
    query_codes, database_codes, query_labels, database_labels : np.ndarray
        as in `distance_histograms`; the caller checks them with `check_retrieval`
    graded : bool
        the grade is the number of shared labels if True; else 1 for a shared label and 0 for none

    Yields
    ------
    rows : slice
        of the queries
    counts : np.ndarray
        int64 (rows, n_bits + 1, n_grades)
    """
    query, database = as_words(pack_codes(query_codes)), as_words(pack_codes(database_codes))
    query_sets, database_sets = _label_words(query_labels), _label_words(database_labels)
    n_grades = 2 if not graded else 1 + int((np.asarray(query_labels) > 0).sum(1).max(initial=0))
    n_bins = (query_codes.shape[1] + 1) * n_grades  # a bin for each pair of distance and grade
    smallest = np.min_scalar_type(n_bins - 1)
    n_rows = max(1, PAIRS // max(len(database_codes), n_bins))
    for start in range(0, len(query_codes), n_rows):
        rows = slice(start, start + n_rows)
        bins = differing_bits(query[:, rows], database, smallest)
        bins *= n_grades
        bins += _grades(query_sets[:, rows], database_sets, graded)
        yield rows, np.stack([np.bincount(row, minlength=n_bins) for row in bins]).reshape(len(bins), -1, n_grades)


def _label_words(labels):
    return as_words(np.packbits(np.asarray(labels) > 0, axis=1))


def _grades(a, b, graded):
    if graded:
        return shared_bits(a, b, np.min_scalar_type(8 * a.itemsize * len(a)))
    any_shared = a[0][:, None] & b[0]
    for x, y in zip(a[1:], b[1:], strict=True):
        any_shared |= x[:, None] & y
    return any_shared.astype(bool)


def check_ranking(query_codes: Codes, database_codes: Codes) -> None:
    """Refuse codes that cannot be ranked: no matrices, different lengths, an empty database."""
    _check_matrix(query_codes, "query codes", "n_bits")
    _check_matrix(database_codes, "database codes", "n_bits")
    _check_same_width(query_codes, database_codes, "bits")
    if len(database_codes) == 0:
        raise DataError("the database is empty; a measure needs at least one item to find")


def check_retrieval(query_codes: Codes, database_codes: Codes, query_labels: Labels, database_labels: Labels) -> None:
    """Refuse codes and labels that do not fit each other."""
    check_ranking(query_codes, database_codes)
    _check_matrix(query_labels, "query labels", "n_classes")
    _check_matrix(database_labels, "database labels", "n_classes")
    _check_same_width(query_labels, database_labels, "classes")
    if len(query_codes) != len(query_labels) or len(database_codes) != len(database_labels):
        raise DataError(
            f"{len(query_codes)} query codes with {len(query_labels)} label rows and {len(database_codes)} database "
            f"codes with {len(database_labels)}; every code needs its labels"
        )
    binary_labels(query_labels, "query labels")
    binary_labels(database_labels, "database labels")


def _check_matrix(rows, name, width):
    if np.ndim(rows) != 2 or np.shape(rows)[1] == 0:
        raise DataError(f"{name} have shape {np.shape(rows)}; they must be a matrix (n, {width})")


def _check_same_width(a, b, what):
    if np.shape(a)[1] != np.shape(b)[1]:
        raise DataError(f"queries have {np.shape(a)[1]} {what}, the database {np.shape(b)[1]}; both must have the same")


def check_k(k: int | None, measure: str) -> None:
    """Refuse a cutoff ``k`` below 1; None, where a measure allows it, stands for no cutoff."""
    if k is not None and k < 1:
        raise DataError(f"k is {k}; {measure} needs k of at least 1")
