"""The records of a sweep, by setting and seed, and as tidy rows."""

import csv
import io
import itertools
import json
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from dlchkit.errors import DataError
from dlchkit.metrics.summary import summarise
from dlchkit.records import RunRecord
from dlchkit.runs.plan import PLAN, Run, load_plan
from dlchkit.storage import atomic_path

ALL_RUNS = "all runs"  # the setting of a sweep in which nothing but the seed varies
SIDE_BY_SIDE = "methods"  # a grid over this parameter says who runs where: its runs are parts of one table, not settings of their own


@dataclass(frozen=True)
class SweepResults:
    """What the runs of one notebook of a sweep found; only complete runs have a record.

    Attributes
    ----------
    name, title, file, notebook : of the sweep; where it has several notebooks, name and title say which
    fixed : parameters that all runs share
    grid : parameter -> its values
    runs : every run that was planned
    done : name of a run -> its `RunRecord`, where it is complete
    """

    name: str
    title: str
    file: str
    notebook: str
    fixed: dict
    grid: dict
    runs: list[Run]
    done: dict[str, RunRecord]

    @cached_property
    def records(self) -> dict[tuple[str, int], RunRecord]:
        """(setting, seed) -> `RunRecord`; of several, see `SIDE_BY_SIDE`, one with the methods of all."""
        together = {}
        for run in self.runs:
            if run.name in self.done:
                together.setdefault((self.setting_of(run), run.parameters["seed"]), []).append(self.done[run.name])
        return {key: _merged(records) for key, records in together.items()}

    @property
    def settings(self) -> list[str]:
        """All points of the grid in words, such as "64 bits", in its order; without `SIDE_BY_SIDE`."""
        grid = {name: values for name, values in self.grid.items() if name != SIDE_BY_SIDE}
        return [_in_words(dict(zip(grid, values)), self.fixed) or ALL_RUNS for values in itertools.product(*grid.values())]

    @property
    def methods(self) -> list[str]:
        """Names in the order in which they were recorded."""
        return list(dict.fromkeys(name for record in self.records.values() for name in record.metrics))

    @property
    def reference(self) -> str | None:
        """The setting for what is shown once: 64 bits, else the middle of those with records."""
        there = [setting for setting in self.settings if any(setting == found for found, _ in self.records)]
        usual = [setting for setting in there if "64 bits" in setting.split(", ")] or there
        return usual[len(usual) // 2] if usual else None

    def at(self, setting: str) -> dict[int, RunRecord]:
        """seed -> record at one setting."""
        return {seed: record for (found, seed), record in self.records.items() if found == setting}

    def values(self, method: str, measure: str, setting: str) -> dict[int, float]:
        """seed -> a measure of a method, where it is a finite number; others are left out."""
        found = {seed: record.metrics.get(method, {}).get(measure) for seed, record in self.at(setting).items()}
        return {seed: float(value) for seed, value in found.items() if is_number(value)}

    def without_record(self) -> list[Run]:
        """Runs that failed or are not done."""
        return [run for run in self.runs if run.name not in self.done]

    def setting_of(self, run: Run) -> str:
        """The one of ``settings`` that a run belongs to."""
        return _in_words({name: run.parameters[name] for name in self.grid if name != SIDE_BY_SIDE}, self.fixed) or ALL_RUNS

    def point_of(self, run: Run) -> str:
        """A run's point of the grid in words, with all that varies; "" if nothing does."""
        return _in_words({name: run.parameters[name] for name in self.grid}, self.fixed)

    def name_of(self, run: Run) -> str:
        """A run's point of the grid and its seed in words."""
        return ", ".join(filter(None, [self.point_of(run), f"seed {run.parameters['seed']}"]))


def is_number(value) -> bool:
    """Whether a recorded value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def read_results(folders: list[Path]) -> list[SweepResults]:
    """Read all sweeps in the folders given to ``dlchkit sweep -o``, or the folders of single sweeps.

    Raises
    ------
    DataError
        if a folder holds no sweep, or two sweeps have one name
    """
    found = {}
    for folder in map(Path, folders):
        homes = [folder] if (folder / PLAN).is_file() else sorted(path.parent for path in folder.glob(f"*/{PLAN}"))
        if not homes:
            raise DataError(f"{folder} holds no sweep: there is no {PLAN} in it or one folder below; name the folder given to 'dlchkit sweep -o'")
        for home in homes:
            for results in _read_sweep(home):
                if results.name in found:
                    raise DataError(f"two sweeps are named {results.name!r}, the second in {home}; name one of the folders")
                found[results.name] = results
    return list(found.values())


def _read_sweep(home):
    """The results of each of the sweep's notebooks."""
    plan, runs = load_plan(home.resolve())
    notebooks = plan.pop("notebooks")
    for notebook in notebooks:
        own = plan if len(notebooks) == 1 else plan | {"name": f"{plan['name']}/{notebook}", "title": f"{plan['title']}, {notebook}"}
        its_runs = [run for run in runs if run.notebook.stem == notebook]
        done = {run.name: record for run in its_runs if (record := run.record()) is not None}
        yield SweepResults(**own, notebook=notebook, runs=its_runs, done=done)


def _merged(records):
    """One record with the methods of all. What compares them is computed anew, but for times, which are compared within a run only."""
    first, *others = records
    if not others:
        return first
    methods = {name: method for record in reversed(records) for name, method in record.methods.items()}
    methods = {name: methods[name] for name in dict.fromkeys(name for record in records for name in record.methods)}
    compared = {name: {m: value for m, value in row.items() if m != "time_reduction"} for name, row in summarise(methods).items()}
    metrics = {name: row for record in reversed(records) for name, row in record.metrics.items()}
    metrics = {name: compared.get(name, {}) | metrics[name] for name in dict.fromkeys(name for record in records for name in record.metrics)}
    return replace(first, methods=methods, metrics=metrics)


def _in_words(point, fixed):
    named = point or {name: fixed[name] for name in ("n_bits",) if name in fixed}
    said = [f"{value} bits" if name == "n_bits" else f"{name} {_value_in_words(value)}" for name, value in named.items()]
    return ", ".join(said)


def _value_in_words(value):
    of_words = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return " + ".join(value) if of_words else value


def tidy_rows(found: list[SweepResults]) -> list[dict]:
    """One row for each complete run and method: where it comes from, what varied, every flat measure.

    Rows have the same keys in the same order; what a run does not have is None.
    """
    varied = list(dict.fromkeys(name for results in found for name in results.grid))
    measures = list(dict.fromkeys(m for r in found for record in r.done.values() for row in record.metrics.values() for m in row))
    rows = []
    for results in found:
        for run in results.runs:
            record = results.done.get(run.name)
            for method, values in record.metrics.items() if record else ():
                rows.append(
                    {"sweep": results.name, "notebook": results.notebook}
                    | {name: run.parameters.get(name) for name in varied}
                    | {"seed": run.parameters["seed"], "split_digest": record.findings.get("split_digest")}
                    | {"peak_memory_bytes": record.peak_memory_bytes if is_number(record.peak_memory_bytes) else None, "method": method}
                    | {measure: values.get(measure) for measure in measures}
                )
    return rows


def encode_rows(found: list[SweepResults], *, kind: str = "csv") -> bytes:
    """`tidy_rows` as the content of a file.

    Parameters
    ----------
    kind : "csv" (None is an empty cell), "json", or "parquet" (None is null), which needs pyarrow

    Raises
    ------
    DataError
        no run is complete, another kind, or pyarrow is not installed
    """
    if kind not in _ENCODERS:
        raise DataError(f"rows can be written as {', '.join(_ENCODERS)}, not as {kind!r}")
    rows = tidy_rows(found)
    if not rows:
        raise DataError(f"no run of {', '.join(results.name for results in found)} is complete; there is nothing to write yet")
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
    writer.writerows({name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()} for row in rows)
    return file.getvalue().encode()


def _json(rows):
    return (json.dumps(rows, indent=1, allow_nan=False) + "\n").encode()


def _parquet(rows):
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError('parquet needs pyarrow, which is not installed; python -m pip install "dlchkit[parquet]", or write --csv') from None
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({name: _of_one_type(values) for name, values in columns.items()}), file)
    return file.getvalue()


def _of_one_type(values):
    """A column as parquet can hold it: numbers, words or truth values as they are; lists, and values of several types, as JSON."""
    kinds = {float if type(value) is int else type(value) for value in values if value is not None}
    if kinds <= {float} or kinds <= {str} or kinds <= {bool}:
        return values
    return [None if value is None else json.dumps(value) for value in values]


_ENCODERS = {"csv": _csv, "json": _json, "parquet": _parquet}
