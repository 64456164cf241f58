"""`FaissIndex` compared with plain FAISS: queries per second, recall by distance, bytes per item."""

import time
from typing import Any

import numpy as np

from dlchkit.bench.timing import circumstances, resident_bytes, seconds_of
from dlchkit.codes import as_words, differing_bits, unpack_codes
from dlchkit.errors import DataError, optional_module
from dlchkit.index import KINDS, FaissIndex
from dlchkit.index.protocol import check_index_bits
from dlchkit.runtime import one_thread

ITEMS = (100_000, 1_000_000)
BITS = (64, 128)
FLIPS = 0.06  # share of bits in which an item differs from the centre of its cluster
CLUSTER = 1_000  # items around one centre
AT_LEAST = 0.1  # seconds that one timing lasts: fast kinds answer the batch several times


def bench_search(*, items=ITEMS, bits=BITS, kinds=tuple(KINDS), n_queries=1_000, k=100, repeat=7, seed=0) -> dict:
    """Time every kind of index at every size and code length, and plain FAISS, on one thread in the same run.

    Ours is `FaissIndex.search` from codes to distances; plain FAISS is ``search`` of the FAISS index inside it
    on bits packed beforehand (of "flat", its IndexBinaryFlat without ids). Both are timed in turn, ``repeat``
    times, each first every other time, in seconds of the processor, so that other programs do not count.
    The medians count; that of ``ratio`` is taken over the turns, so that both sides saw the same machine.

    .. math:: \\text{recall} = \\frac{1}{qk} \\sum_q |\\{ r : d(q, r) \\le d_k(q) \\}|

    over the returned neighbours r, where d_k(q) is the distance of the true k-th neighbour.

    Parameters
    ----------
    items, bits, kinds : sequence
        Sizes of the database, code lengths and names from `dlchkit.index.KINDS`.
    n_queries, k : int
        Queries in a batch, neighbours of each.
    repeat : int
        Timings of each.

    Returns
    -------
    dict
        Plain values, ready for JSON. In ``rows``, for each size, length and kind: ``queries_per_second``,
        ``plain_queries_per_second`` and their ``ratio``; every timing of a batch in ``runs`` and
        ``plain_runs``; ``ids_seconds`` to look up the string ids of a batch; ``recall``;
        ``build_seconds``; and ``bytes_per_item``, the resident memory that the filled index added,
        ids included.

    Raises
    ------
    DataError
        For a kind that does not exist, a number below 1, k above a size or a length that no index stores.
    """
    faiss = optional_module("faiss", "search")
    _check(items, bits, kinds, n_queries=n_queries, k=k, repeat=repeat)
    rows = []
    with one_thread(), one_thread(faiss.omp_get_max_threads, faiss.omp_set_num_threads):
        for n_items in items:
            for n_bits in bits:
                codes, queries = clustered_codes(n_items, n_queries, n_bits=n_bits, seed=seed)
                farthest = kth_distances(queries, codes, k)
                rows += [_measure(kind, codes, queries, farthest, k, repeat) for kind in kinds]
    asked = {"what": "search", "n_queries": n_queries, "k": k, "threads": 1, "repeat": repeat}
    return {**asked, "rows": rows, **circumstances("faiss-cpu")}


def clustered_codes(n_items, n_queries, *, n_bits, seed) -> tuple[np.ndarray, np.ndarray]:
    """Draw packed codes of a database and of queries, uint8 (n, n_bits / 8), in clusters of about 1,000 items.

    An item is the centre of its cluster with every bit flipped with probability .06; centres are random.
    """
    random = np.random.default_rng(seed)
    centres = random.random((max(1, n_items // CLUSTER), n_bits)) < 0.5
    codes = np.empty((n_items + n_queries, n_bits // 8), dtype=np.uint8)
    for start in range(0, len(codes), 100_000):
        part = codes[start : start + 100_000]
        flips = random.random((len(part), n_bits), dtype=np.float32) < FLIPS
        part[:] = np.packbits(centres[random.integers(len(centres), size=len(part))] ^ flips, axis=1)
    return codes[:n_items], codes[n_items:]


def kth_distances(queries, codes, k) -> np.ndarray:
    """Find the distance of every query's k-th nearest item, int64 (n_queries,), by counting all distances."""
    queries, codes = as_words(queries), as_words(codes)
    histograms = (np.bincount(differing_bits(query[:, None], codes)[0]) for query in queries.T)
    return np.array([np.searchsorted(histogram.cumsum(), k) for histogram in histograms])


def describe_search(measured: dict) -> str:
    """Describe the result of `bench_search`, one line for each row."""
    batches = f"batches of {measured['n_queries']:,} queries, {measured['k']} neighbours each"
    head = f"{batches}, one thread, medians of {measured['repeat']}:"
    return "\n".join([head, *map(_line, measured["rows"])])


def _line(row):
    size = f"{row['n_items']:>11,} x {row['n_bits']:>3} bits  {row['kind']:<9}"
    speed = f"{row['queries_per_second']:>9,.0f} queries/s, {row['ratio']:.3f} of plain FAISS"
    ids = f"string ids {1000 * row['ids_seconds']:.0f} ms a batch"
    build = f"built in {row['build_seconds']:.1f} s, {row['bytes_per_item']:.0f} bytes per item"
    return f"{size}  {speed}, {ids}, recall by distance {row['recall']:.4f}, {build}"


def _measure(kind, packed, query_bits, farthest, k, repeat) -> dict:
    n_bits = 8 * packed.shape[1]
    index, build_seconds, held = _build(kind, packed)
    plain: Any = index.faiss_index
    if kind == "flat":
        plain = plain.index  # the one inside, without ids
    queries = unpack_codes(query_bits)
    calls = {"ours": (index.search, (queries, k)), "plain": (plain.search, (query_bits, k))}
    first, answer = seconds_of(*calls["ours"])
    times = int(np.ceil(AT_LEAST / first))
    runs: dict[str, list[float]] = {"ours": [], "plain": []}
    for turn in range(repeat):
        for name in list(calls)[:: 1 if turn % 2 else -1]:
            search, arguments = calls[name]
            runs[name].append(_mean_seconds(search, arguments, times))
    ours, theirs = float(np.median(runs["ours"])), float(np.median(runs["plain"]))
    return {
        "kind": kind,
        "n_items": len(packed),
        "n_bits": n_bits,
        "queries_per_second": len(queries) / ours,
        "plain_queries_per_second": len(queries) / theirs,
        "ratio": float(np.median(np.divide(runs["plain"], runs["ours"]))),
        "runs": runs["ours"],
        "plain_runs": runs["plain"],
        "ids_seconds": _mean_seconds(lambda: answer.ids, (), 1),
        "recall": float((answer.distances <= farthest[:, None]).mean()),
        "build_seconds": build_seconds,
        "bytes_per_item": held / len(packed),
    }


def _build(kind, packed):
    """Return the filled index, the seconds it took and the memory it holds."""
    codes, ids = unpack_codes(packed), np.array([f"item{i:09d}" for i in range(len(packed))])
    before = resident_bytes()
    start = time.process_time()
    index = FaissIndex(codes.shape[1], kind=kind)
    index.add(codes, ids)
    seconds = time.process_time() - start
    return index, seconds, resident_bytes() - before


def _mean_seconds(function, arguments, times):
    start = time.process_time()
    for _ in range(times):
        function(*arguments)
    return (time.process_time() - start) / times


def _check(items, bits, kinds, **numbers):
    for kind in kinds:
        if kind not in KINDS:
            raise DataError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    for name, value in {**numbers, "items": min(items, default=0), "bits": min(bits, default=0)}.items():
        if value < 1:
            raise DataError(f"{name} is {value}; it must be at least 1")
    for n_bits in bits:
        check_index_bits(n_bits)
    if numbers["k"] > min(items):
        raise DataError(f"k is {numbers['k']:,} and the smallest size {min(items):,}; there must be at least k items")
