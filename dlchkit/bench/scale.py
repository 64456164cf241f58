"""Memory, time and machines for very many items and classes, worked out from what the other benchmarks measured."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from dlchkit.errors import DataError
from dlchkit.storage import read_json

USABLE = 0.8  # share of a machine's memory that the index may fill
ROW = {"kind": str, "n_items": int, "n_bits": int, "queries_per_second": (int, float), "bytes_per_item": (int, float), "recall": (int, float)}
INCREMENT = {"seconds_per_increment": (int, float), "new_items": int, "state_bytes": int, "n_features": int, "n_classes": int}


@dataclass(frozen=True)
class Machine:
    """One machine: memory in GB (10^9 bytes), cores, and the price of an hour in any currency, if known."""

    memory_gb: float = 64
    cores: int = 16
    price_per_hour: float | None = None

    def __post_init__(self):
        for name, value in asdict(self).items():
            if value is not None and not value > 0:
                raise DataError(f"{name} is {value}; it must be above 0")


def work_out_scale(rows, increment=None, *, n_items=10**9, n_classes=10_000, machine=Machine(), queries_per_second=100) -> dict:
    """What a search among ``n_items``, and learning them, would take; every slope is measured, every product shown.

    .. math:: M = N m, \\quad t = N \\frac{s_n}{n}, \\quad
              \\text{machines} = \\max(\\lceil M / .8 R \\rceil, \\lceil Q t / c \\rceil)

    with m bytes per item and s_n seconds per query at the largest size n measured, N items, R bytes of memory and c
    cores per machine, Q queries per second. Training takes N times the seconds per new item; the state of the learner
    grows from the classes measured to ``n_classes`` in proportion, at most.

    Parameters
    ----------
    rows : ``rows`` of `bench_search`, as dicts; per kind and code length the largest size counts
    increment : dict or None
        ``seconds_per_increment``, ``new_items``, ``state_bytes``, ``n_features``, ``n_classes`` of one increment
    queries_per_second : float; what all machines together must answer

    Returns
    -------
    dict of plain values
        ``search``: a dict per kind and code length; ``labels_dense_bytes``: of a `CodeBank`, one byte per item and
        class; ``training``: dict or None; and what was asked for

    Raises
    ------
    DataError
        for a row or an increment without these fields, or a number that is not above 0

    Notes
    -----
    A straight line through the origin and the largest size. For "flat" work and memory are proportional to the
    items; "ivf", "hnsw" and "multihash" as set here grow more slowly or, where buckets fill, not measured beyond:
    ``growth`` is the seconds per query and item at the largest over those at the smallest size measured, 1 where a
    line holds.

    Examples
    --------
    >>> row = {"kind": "flat", "n_items": 1000, "n_bits": 64, "queries_per_second": 1e6, "bytes_per_item": 50.0, "recall": 1.0}
    >>> flat = work_out_scale([row], n_items=10**9, queries_per_second=16)["search"][0]
    >>> flat["memory_bytes"], flat["seconds_per_query"], flat["machines"]
    (50000000000.0, 1.0, 1)
    """
    for name, value in {"items": n_items, "classes": n_classes, "queries per second": queries_per_second}.items():
        if not value > 0:
            raise DataError(f"{name} is {value}; it must be above 0")
    if not rows:
        raise DataError("there is no measured row; run dlchkit bench search --json")
    for row in rows:
        _check(row, ROW, "a row of the search benchmark")
    asked = {"n_items": n_items, "n_classes": n_classes, "queries_per_second": queries_per_second, "machine": asdict(machine)}
    pairs = dict.fromkeys((row["kind"], row["n_bits"]) for row in rows)
    same = ([row for row in rows if (row["kind"], row["n_bits"]) == pair] for pair in pairs)
    return {
        **asked,
        "search": [_search(sorted(group, key=lambda row: row["n_items"]), n_items, queries_per_second, machine) for group in same],
        "labels_dense_bytes": n_items * n_classes,
        "training": None if increment is None else _training(increment, n_items, n_classes, machine),
    }


def read_measured(path: str | Path) -> dict:
    """A JSON object that a benchmark wrote, or a `DataError` of one line."""
    try:
        content = read_json(Path(path))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; write it with dlchkit bench ... --json > {path}") from None
    except ValueError as error:
        raise DataError(f"{path} is not readable JSON ({error})") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} is not what a benchmark writes: it must hold one JSON object")
    return content


def _search(group, n_items, queries_per_second, machine) -> dict:
    smallest, largest = group[0], group[-1]
    per_item = [1 / (row["queries_per_second"] * row["n_items"]) for row in (smallest, largest)]
    memory, seconds = n_items * largest["bytes_per_item"], n_items * per_item[1]
    for_memory = math.ceil(memory / (USABLE * machine.memory_gb * 1e9))
    for_queries = math.ceil(queries_per_second * seconds / machine.cores)
    machines = max(for_memory, for_queries)
    return {
        **{name: largest[name] for name in ("kind", "n_bits", "bytes_per_item", "recall")},
        "measured_items": [row["n_items"] for row in group],
        "seconds_per_query_and_item": per_item[1],
        "growth": per_item[1] / per_item[0] if len(group) > 1 else None,
        "memory_bytes": memory,
        "seconds_per_query": seconds,
        "machines_for_memory": for_memory,
        "machines_for_queries": for_queries,
        "machines": machines,
        "seconds_on_all_cores": seconds / (machines * machine.cores),
        "price_per_hour": None if machine.price_per_hour is None else machines * machine.price_per_hour,
    }


def _training(increment, n_items, n_classes, machine) -> dict:
    _check(increment, INCREMENT, "the increment's JSON")
    per_item = increment["seconds_per_increment"] / increment["new_items"]
    more = max(1.0, n_classes / increment["n_classes"])
    seconds = n_items * per_item
    return {
        **{name: increment[name] for name in INCREMENT},
        "seconds_per_item": per_item,
        "seconds": seconds,
        "times_classes": more,
        "seconds_at_most": seconds * more,
        "state_bytes_at_most": increment["state_bytes"] * more,
        "price": None if machine.price_per_hour is None else seconds / 3600 * machine.price_per_hour,
    }


def _check(record, fields, what) -> None:
    for name, kind in fields.items():
        value = record.get(name) if isinstance(record, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool) or not (isinstance(value, str) or value >= 0):
            raise DataError(f"{what} has no usable {name!r}: {value!r}; measure again with this version of dlchkit")
        if name not in ("recall", "state_bytes", "kind") and not value > 0:
            raise DataError(f"{what} says {name} is {value}; it must be above 0")
