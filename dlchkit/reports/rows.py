"""Tidy rows, one for each complete run and method, as CSV, JSON or Parquet."""

import csv
import io
import json
from pathlib import Path

from dlchkit.errors import DataError, optional_module
from dlchkit.metrics.over_seeds import is_number
from dlchkit.reports.read_runs import SweepResults
from dlchkit.storage import atomic_path


def tidy_rows(found: list[SweepResults]) -> list[dict]:
    """One row for each complete run and method: where it comes from, what varied, every flat measure.

    Rows have the same keys in the same order; what a run does not have is None.
    """
    varied = list(dict.fromkeys(name for results in found for name in results.grid))
    measures = list(dict.fromkeys(measure for results in found for measure in results.measures))
    rows = []
    for results in found:
        for run in results.runs:
            if run.name in results.done:
                record = results.done[run.name]
                peak = record.peak_memory_bytes
                data = record.findings.get("data")
                of_run = {
                    "sweep": results.name,
                    "notebook": results.notebook,
                    "data": data if isinstance(data, str) else None,
                }
                of_run |= {name: run.parameters.get(name) for name in varied}
                of_run |= {"seed": run.parameters["seed"], "split_digest": record.findings.get("split_digest")}
                of_run |= {"peak_memory_bytes": peak if is_number(peak) else None}
                for method, values in record.metrics.items():
                    rows.append(of_run | {"method": method} | {measure: values.get(measure) for measure in measures})
    return rows


def encode_rows(found: list[SweepResults], *, kind: str = "csv") -> bytes:
    """`tidy_rows` as the content of a file.

    Parameters
    ----------
    kind : str
        "csv" (None is an empty cell), "json", or "parquet" (None is null), which needs pyarrow.

    Raises
    ------
    DataError
        No run is complete, another kind, or pyarrow is not installed.
    """
    if kind not in _ENCODERS:
        raise DataError(f"rows can be written as {', '.join(_ENCODERS)}, not as {kind!r}")
    rows = tidy_rows(found)
    if not rows:
        raise DataError(
            f"no run of {', '.join(results.name for results in found)} is complete; there is nothing to write yet"
        )
    return _ENCODERS[kind](rows)


def write_rows(found: list[SweepResults], path: Path, *, kind: str = "csv") -> Path:
    """Write `encode_rows` into a file, whole or not at all."""
    content = encode_rows(found, kind=kind)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return path


def _csv(rows):
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(
        {name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()} for row in rows
    )
    return file.getvalue().encode()


def _json(rows):
    return (json.dumps(rows, indent=1, allow_nan=False) + "\n").encode()


def _parquet(rows):
    pyarrow = optional_module("pyarrow", "parquet")
    parquet = optional_module("pyarrow.parquet", "parquet")
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({name: _of_one_type(values) for name, values in columns.items()}), file)
    return file.getvalue()


def _of_one_type(values):
    """A column as parquet can hold it: numbers, words or truth values as they are, all else as JSON."""
    kinds = {float if type(value) is int else type(value) for value in values if value is not None}
    if kinds <= {float} or kinds <= {str} or kinds <= {bool}:
        return values
    return [None if value is None else json.dumps(value) for value in values]


_ENCODERS = {"csv": _csv, "json": _json, "parquet": _parquet}
