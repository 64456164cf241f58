"""Tie-aware mAP compared with the loop that the field releases, in one process on one thread."""

import numpy as np

from dlchkit.bench.timing import circumstances, peak_bytes, seconds_of
from dlchkit.codes import binarize
from dlchkit.errors import DataError
from dlchkit.metrics import legacy_dcmh_map, mean_average_precision
from dlchkit.runtime import one_thread

SIZES = {  # queries, database items, labels of the field's usual splits; MIRFlickr's 18,015 rounded
    "mirflickr": (2_000, 18_000, 24),
    "nuswide": (2_100, 193_734, 21),
    "coco": (5_000, 117_218, 80),
}
LOOP_PAIRS = 2_000 * 18_000  # the loop is timed on as many queries as make up this many pairs, then scaled


def bench_map(*, size="mirflickr", n_queries=None, n_database=None, n_labels=None, n_bits=64, repeat=5, seed=0) -> dict:
    """Time tie-aware mAP and the DCMH-style loop on the same synthetic codes.

    Parameters
    ----------
    size : str
        One of `SIZES`; n_queries, n_database and n_labels replace its numbers.
    n_bits : int
        Code length.
    repeat : int
        Timings of each, taken in turn; the medians count.

    Returns
    -------
    dict
        Plain values, ready for JSON. ``tie_aware_seconds``, ``dcmh_loop_seconds`` and their ``ratio``;
        every single timing in ``tie_aware_runs`` and ``dcmh_loop_runs``. The loop runs on
        ``dcmh_loop_queries_timed`` of the ``n_queries``, and its seconds are scaled to all queries.
        ``map_of_timed_queries`` shows that both did the same work. ``tie_aware_peak_bytes`` is the
        most memory that NumPy held beside the data, from a run of its own.

    Raises
    ------
    DataError
        For an unknown size, a number below 1 or a length that is no code length.
    """
    n_queries, n_database, n_labels = _sizes(size, n_queries, n_database, n_labels)
    asked = {"queries": n_queries, "database": n_database, "labels": n_labels, "bits": n_bits, "repeat": repeat}
    for name, value in asked.items():
        if value < 1:
            raise DataError(f"{name} is {value}; it must be at least 1")
    data = synthetic_retrieval(n_queries, n_database, n_bits=n_bits, n_labels=n_labels, seed=seed)
    timed = max(1, min(n_queries, LOOP_PAIRS // n_database))
    few = (data[0][:timed], data[1], data[2][:timed], data[3])
    with one_thread():  # tie-aware mAP has no threads of its own: no matrix product, no torch
        maps = {"tie_aware": mean_average_precision(*few)}
        tie_aware_runs, loop_runs = [], []
        for _ in range(repeat):
            tie_aware_runs.append(seconds_of(mean_average_precision, data)[0])
            seconds, maps["dcmh_loop"] = seconds_of(legacy_dcmh_map, few)
            loop_runs.append(seconds * n_queries / timed)
    tie_aware, loop = float(np.median(tie_aware_runs)), float(np.median(loop_runs))
    return {
        "what": "map",
        "n_queries": n_queries,
        "n_database": n_database,
        "n_bits": n_bits,
        "n_labels": n_labels,
        "threads": 1,
        "repeat": repeat,
        "tie_aware_seconds": tie_aware,
        "dcmh_loop_seconds": loop,
        "ratio": loop / tie_aware,
        "tie_aware_runs": tie_aware_runs,
        "dcmh_loop_runs": loop_runs,
        "dcmh_loop_queries_timed": timed,
        "map_of_timed_queries": maps,
        "tie_aware_peak_bytes": peak_bytes(mean_average_precision, data),
        **circumstances("torch"),
    }


def synthetic_retrieval(n_queries, n_database, *, n_bits, n_labels, seed):
    """Draw codes that follow their labels, with noise, so that ranking them is neither easy nor hopeless.

    Returns
    -------
    query_codes, database_codes, query_labels, database_labels : ndarray
        The arguments of `mean_average_precision`; an item has about four labels, at least one.
    """
    random = np.random.default_rng(seed)
    centres = random.normal(size=(n_labels, n_bits)).astype(np.float32)
    codes, labels = [], []
    for n in (n_queries, n_database):
        rows = random.random((n, n_labels)) < 3 / n_labels
        rows[np.arange(n), random.integers(n_labels, size=n)] = True
        noise = random.normal(scale=1.5, size=(n, n_bits)).astype(np.float32)
        codes.append(binarize(rows @ centres + noise))
        labels.append(rows)
    return *codes, *labels


def describe_map(measured: dict) -> str:
    """Describe the result of `bench_map` in one line."""
    scaled = measured["dcmh_loop_queries_timed"] < measured["n_queries"]
    sample = f" (timed on {measured['dcmh_loop_queries_timed']:,} queries and scaled)" if scaled else ""
    size = f"{measured['n_queries']:,} queries x {measured['n_database']:,} items"
    codes = f"{measured['n_bits']} bits, {measured['n_labels']} labels"
    memory = f"{measured['tie_aware_peak_bytes'] / 2**20:.1f} MiB beside the data"
    return (
        f"{size}, {codes}, one thread: tie-aware mAP takes {measured['tie_aware_seconds']:.3f} s and {memory}, "
        f"the DCMH-style loop {measured['dcmh_loop_seconds']:.2f} s{sample}, {measured['ratio']:.1f} times as long "
        f"(medians of {measured['repeat']})"
    )


def _sizes(size, *replaced):
    if size not in SIZES:
        raise DataError(f"size is {size!r}; it must be one of {', '.join(SIZES)}")
    return [usual if own is None else own for own, usual in zip(replaced, SIZES[size], strict=True)]
