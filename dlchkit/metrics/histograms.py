"""How many items, and how many relevant ones, stand at each Hamming distance: all that a tie-aware measure needs."""

import numpy as np

from dlchkit.codes import pack_codes
from dlchkit.errors import DataError

PAIRS = 2**17  # query-database pairs (at least one query's) looked at together: they take about 20 bytes each, so a few MB


def distance_histograms(query_codes, database_codes, query_labels, database_labels):
    """Count, for every query and Hamming distance, the database items and the relevant ones.

    Codes and label sets are compared as bits, 64 or fewer at a time, and counted query by
    query; beside the result this takes about 20 bytes for each of `PAIRS` pairs, or of one
    query's where the database is larger than that.

    Parameters
    ----------
    query_codes, database_codes : int8 arrays (n, n_bits), (m, n_bits) in {-1, +1}
    query_labels, database_labels : arrays (n, n_classes), (m, n_classes) in {0, 1};
        an item is relevant if it shares at least one label with the query

    Returns
    -------
    n_items, n_relevant : int64 arrays of shape (n, n_bits + 1)

    Raises
    ------
    DataError
        if codes or labels differ in width or number, a code holds another value, or the database is empty

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


def histogram_chunks(query_codes, database_codes, query_labels, database_labels, *, graded):
    """Yield, for a few queries at a time, their rows and the counts of items by distance and grade.

    Parameters
    ----------
    query_codes, database_codes, query_labels, database_labels
        as in `distance_histograms`; the caller has them checked by `check_retrieval`
    graded : bool
        the grade is the number of shared labels if True; else 1 for a shared label and 0 for none

    Yields
    ------
    rows : slice of the queries
    counts : int64 array (rows, n_bits + 1, n_grades)
    """
    query, database = as_columns(pack_codes(query_codes)), as_columns(pack_codes(database_codes))
    query_sets, database_sets = (as_columns(np.packbits(np.asarray(labels) > 0, axis=1)) for labels in (query_labels, database_labels))
    n_grades = 2 if not graded else 1 + int((np.asarray(query_labels) > 0).sum(1).max(initial=0))
    n_bins = (query_codes.shape[1] + 1) * n_grades
    smallest = np.min_scalar_type(n_bins - 1)
    n_rows = max(1, PAIRS // max(len(database_codes), n_bins))
    for start in range(0, len(query_codes), n_rows):
        rows = slice(start, start + n_rows)
        bins = differing_bits(query[:, rows], database, smallest)
        bins *= n_grades
        bins += _shared_labels(query_sets[:, rows], database_sets) if graded else _any_shared(query_sets[:, rows], database_sets)
        yield rows, np.stack([np.bincount(row, minlength=n_bins) for row in bins]).reshape(len(bins), -1, n_grades)


def as_columns(packed):
    """Bytes (n, n_bytes) as words (n_words, n) of the smallest unsigned type that holds them, else of 64 bits."""
    n_bytes = packed.shape[1]
    width = next((width for width in (1, 2, 4) if n_bytes <= width), 8)
    padded = np.pad(packed, ((0, 0), (0, -n_bytes % width)))
    return np.ascontiguousarray(np.ascontiguousarray(padded).view(f"u{width}").T)


def differing_bits(a, b, dtype):
    """Hamming distances (n, m) of ``dtype`` between words (n_words, n) and (n_words, m) made by `as_columns`."""
    return sum((np.bitwise_count(x[:, None] ^ y) for x, y in zip(a, b)), start=np.zeros((), dtype))


def _shared_labels(a, b):
    return sum((np.bitwise_count(x[:, None] & y) for x, y in zip(a, b)), start=np.zeros((), np.min_scalar_type(8 * a.itemsize * len(a))))


def _any_shared(a, b):
    meet = a[0][:, None] & b[0]
    for x, y in zip(a[1:], b[1:]):
        meet |= x[:, None] & y
    return meet.astype(bool)


def check_codes(query_codes, database_codes):
    """Refuse codes that cannot be ranked: no matrices, different lengths, an empty database."""
    for name, rows in (("query codes", query_codes), ("database codes", database_codes)):
        _check_matrix(rows, name, "n_bits")
    _check_same_width(query_codes, database_codes, "bits")
    if len(database_codes) == 0:
        raise DataError("the database is empty; a measure needs at least one item to find")


def check_retrieval(query_codes, database_codes, query_labels, database_labels):
    """Refuse codes and labels that do not fit each other, in one line."""
    check_codes(query_codes, database_codes)
    for name, rows in (("query labels", query_labels), ("database labels", database_labels)):
        _check_matrix(rows, name, "n_classes")
    _check_same_width(query_labels, database_labels, "classes")
    if len(query_codes) != len(query_labels) or len(database_codes) != len(database_labels):
        raise DataError(
            f"{len(query_codes)} query codes with {len(query_labels)} label rows and {len(database_codes)} database codes "
            f"with {len(database_labels)}; every code needs its labels"
        )


def _check_matrix(rows, name, width):
    if np.ndim(rows) != 2 or np.shape(rows)[1] == 0:
        raise DataError(f"{name} have shape {np.shape(rows)}; they must be a matrix (n, {width})")


def _check_same_width(a, b, what):
    if a.shape[1] != b.shape[1]:
        raise DataError(f"queries have {a.shape[1]} {what}, the database {b.shape[1]}; both must have the same")


def check_k(k, measure):
    """Refuse a cutoff ``k`` below 1."""
    if k < 1:
        raise DataError(f"k is {k}; {measure} needs k of at least 1")
