"""Memory, time and machines for very many items, worked out from the measurements of `search` and `increment`."""

import math
from pathlib import Path

from dlchkit.errors import DataError
from dlchkit.storage import read_json

USABLE = 0.8  # share of a machine's memory that the index may fill
_UNITS = {
    "bytes": (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("bytes", 1)),
    "seconds": (("days", 86400), ("hours", 3600), ("min", 60), ("s", 1), ("ms", 1e-3), ("µs", 1e-6)),
}


def describe_scale(rows, increment=None, *, n_items, n_classes, memory_gb, cores, price_per_hour=None, rate) -> str:
    """Work out what ``n_items`` would take, and show every product.

    All numbers lie on a straight line through zero and the largest size measured. For "flat" memory and time
    are proportional to the items; whether they are for another kind shows where several sizes were measured.

    Parameters
    ----------
    rows : list of dict
        ``rows`` of `bench_search`; for each kind and code length the largest size counts.
    increment : dict or None
        The result of `bench_increment`.
    n_items, n_classes : int
        The size to extrapolate to.
    memory_gb, cores, price_per_hour : float, int, float or None
        One machine: its memory in 10^9 bytes, its cores, and its price in any currency.
    rate : float
        Queries per second that all machines together must answer.

    Raises
    ------
    DataError
        If a number is not above 0, or a field is missing.

    Examples
    --------
    >>> row = {"kind": "flat", "n_items": 1000, "n_bits": 64, "queries_per_second": 1e6, "bytes_per_item": 50.0}
    >>> print(describe_scale([row], n_items=10**9, n_classes=10, memory_gb=64, cores=16, rate=16))
    1,000,000,000 items on machines of 64 GB and 16 cores, on a line through zero and what was measured:
    flat, 64 bits, measured at 1,000 items:
      memory: 1e+09 items x 50 bytes = 50 GB; / (0.8 x 64 GB) gives 1 machine
      time: 1e+09 items x 1e-09 s = 1 s for a query on one core; x 16 queries/s / 16 cores gives 1 machine
      1 machine
    labels: 1e+09 items x 10 classes x 1 byte = 10 GB in a CodeBank
    """
    asked = {"items": n_items, "classes": n_classes, "memory": memory_gb, "cores": cores, "rate": rate}
    for name, value in {**asked, "price": 1 if price_per_hour is None else price_per_hour}.items():
        if not value > 0:
            raise DataError(f"{name} is {value}; it must be above 0")
    machine = (memory_gb, cores, price_per_hour)
    machines = f"machines of {memory_gb:g} GB and {cores} cores"
    lines = [f"{n_items:,} items on {machines}, on a line through zero and what was measured:"]
    for row in rows:
        _check(row, "a row of the search benchmark", "n_items", "n_bits", "queries_per_second", "bytes_per_item")
    rows = sorted(rows, key=lambda row: row["n_items"])
    for kind, n_bits in dict.fromkeys((row.get("kind"), row["n_bits"]) for row in rows):
        same = [row for row in rows if (row.get("kind"), row["n_bits"]) == (kind, n_bits)]
        lines += [f"{kind}, {n_bits} bits, {_sizes(same)}:", *_search(same, n_items, machine, rate)]
    labels = _quantity(n_items * n_classes, "bytes")
    lines.append(f"labels: {n_items:.4g} items x {n_classes:,} classes x 1 byte = {labels} in a CodeBank")
    if increment is not None:
        _check(increment, "the increment", "seconds_per_increment", "new_items", "state_bytes", "n_classes")
        lines += _learning(increment, n_items, n_classes, price_per_hour)
    return "\n".join(lines)


def _check(record, what, *names):
    for name in names:
        value = record.get(name) if isinstance(record, dict) else None
        if not isinstance(value, (int, float)) or not value > 0:
            raise DataError(f"{what} has no usable {name!r}: {value!r}; measure again with this version of dlchkit")


def _sizes(rows):
    return f"measured at {', '.join(format(row['n_items'], ',') for row in rows)} items"


def _search(group, n_items, machine, rate):
    memory_gb, cores, price = machine
    smallest, largest = group[0], group[-1]
    per_item = [1 / (row["queries_per_second"] * row["n_items"]) for row in (smallest, largest)]
    memory, seconds = n_items * largest["bytes_per_item"], n_items * per_item[1]
    for_memory = math.ceil(memory / (USABLE * memory_gb * 1e9))
    for_rate = math.ceil(rate * seconds / cores)
    n_machines = max(for_memory, for_rate)
    yield (
        f"  memory: {n_items:.4g} items x {largest['bytes_per_item']:.4g} bytes = {_quantity(memory, 'bytes')}; "
        f"/ ({USABLE:g} x {memory_gb:g} GB) gives {_machines(for_memory)}"
    )
    yield (
        f"  time: {n_items:.4g} items x {per_item[1]:.3g} s = {_quantity(seconds, 'seconds')} for a query on one core; "
        f"x {rate:g} queries/s / {cores} cores gives {_machines(for_rate)}"
    )
    if len(group) > 1:
        growth = per_item[1] / per_item[0]
        yield f"  growth: per item, a query takes {growth:.2f} times as long at the largest size as at the smallest"
    yield f"  {_machines(n_machines)}" + ("" if price is None else f" x {price:g} = {n_machines * price:g} an hour")


def _learning(increment, n_items, n_classes, price):
    per_item = increment["seconds_per_increment"] / increment["new_items"]
    seconds, more = n_items * per_item, max(1.0, n_classes / increment["n_classes"])
    cost = "" if price is None else f"; {seconds / 3600 * price:,.0f} at the machine's price"
    state = increment["state_bytes"]
    yield (
        f"learning: {n_items:.4g} items x {increment['seconds_per_increment']:.3g} s / {increment['new_items']:,} = "
        f"{_quantity(seconds, 'seconds')} in one process{cost}"
    )
    yield (
        f"state: {_quantity(state, 'bytes')} x {more:.4g} ({n_classes:,} / {increment['n_classes']:,} classes) = "
        f"{_quantity(state * more, 'bytes')} at most"
    )


def _machines(number):
    return f"{number:,} machine" + "s" * (number != 1)


def _quantity(number, kind):
    unit, size = next((pair for pair in _UNITS[kind] if number >= pair[1]), _UNITS[kind][-1])
    return f"{number / size:.3g} {unit}"


def read_measured(path: str | Path) -> dict:
    """Read a JSON object that a benchmark wrote; raise a `DataError` for anything else."""
    try:
        content = read_json(Path(path))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; write it with dlchkit bench ... --json > {path}") from None
    except ValueError as error:
        raise DataError(f"{path} is not readable JSON ({error})") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold the JSON object that a benchmark writes")
    return content
