"""The records of sweeps and of single runs, by setting and seed."""

import itertools
import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from dlchkit.data import DIRECTIONS
from dlchkit.data.settings import short_name
from dlchkit.errors import DataError
from dlchkit.metrics.over_seeds import recorded
from dlchkit.metrics.summary import summarise
from dlchkit.plotting.sentences import joined
from dlchkit.records import FILE_NAME, RunRecord
from dlchkit.reports.budget_tables import FINDING, merge
from dlchkit.runs.notebook import NotebookMetadata, notebook_metadata
from dlchkit.runs.plan import PLAN, load_plan
from dlchkit.runs.run_state import Run
from dlchkit.storage import is_plain_name

SIDE_BY_SIDE = (
    "methods"  # a grid over it says which run has which methods: its runs are parts of one table, not settings
)
USUAL_BITS = 64  # the setting for what is shown once, where it was run
_BROKEN = (
    DataError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
)  # what a record of another shape raises


@dataclass(frozen=True)
class Setting:
    """A point of a sweep's grid, shown by ``str``.

    Attributes
    ----------
    point : tuple
        Pairs of a parameter and its value as JSON.
    n_bits : int or None
        The code length there, whether it varies or not.
    """

    point: tuple[tuple[str, str], ...]
    n_bits: int | None

    def __str__(self) -> str:
        values = {name: json.loads(value) for name, value in self.point}
        if not values and self.n_bits is not None:
            values = {"n_bits": self.n_bits}
        return point_in_words(values) or "all runs"

    @property
    def where(self) -> str:
        """Where that is, inside a sentence."""
        return f"at {self}" if self.point or self.n_bits is not None else f"over {self}"


@dataclass(frozen=True)
class SweepResults:
    """What the runs of one notebook of a sweep found, or one run alone; only complete runs have a record.

    Attributes
    ----------
    name, title, file, notebook : str
        Of the sweep; where it has several notebooks, name and title say which. A run alone has no file.
    fixed : dict
        Parameters that all runs share.
    grid : dict
        Parameter -> its values.
    runs : list of Run
        Every run that was planned.
    done : dict
        Name of a run -> its `RunRecord`, where it is complete.
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
    def records(self) -> dict[tuple[Setting, int], RunRecord]:
        """(setting, seed) -> `RunRecord`; of several, see `SIDE_BY_SIDE`, one with the methods of all."""
        together = {}
        for run in self.runs:
            if run.name in self.done:
                key = self.setting_of(run), run.parameters["seed"]
                together.setdefault(key, []).append(self.done[run.name])
        return {key: _merged(records) for key, records in together.items()}

    @cached_property
    def settings(self) -> list[Setting]:
        """All points of the grid in its order, without `SIDE_BY_SIDE`."""
        grid = {name: values for name, values in self.grid.items() if name != SIDE_BY_SIDE}
        points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
        return [self._setting(point) for point in points]

    @property
    def with_records(self) -> list[Setting]:
        """The settings that a complete run stands for, in the grid's order."""
        return [setting for setting in self.settings if self.at(setting)]

    @property
    def reference(self) -> Setting | None:
        """The setting for what is shown once: 64 bits, else the middle of those with records."""
        there = self.with_records
        usual = [setting for setting in there if setting.n_bits == USUAL_BITS] or there
        return usual[len(usual) // 2] if usual else None

    @property
    def methods(self) -> list[str]:
        """Names in the order in which they were recorded."""
        return list(dict.fromkeys(name for record in self.records.values() for name in record.metrics))

    @property
    def measures(self) -> list[str]:
        """Names of all flat measures in the order in which they were recorded."""
        return list(dict.fromkeys(m for record in self.done.values() for row in record.metrics.values() for m in row))

    @property
    def usual_seeds(self) -> int:
        """The number of seeds that a full cell rests on so far."""
        return max((len(self.at(setting)) for setting in self.settings), default=0)

    @cached_property
    def metadata(self) -> NotebookMetadata:
        """What its notebook says of itself."""
        return notebook_metadata(self.runs[0].notebook if self.runs else Path(self.notebook))

    def at(self, setting: Setting) -> dict[int, RunRecord]:
        """Seed -> record at one setting."""
        return self._by_setting.get(setting, {})

    def values(self, method: str, measure: str, setting: Setting) -> dict[int, float]:
        """Seed -> a measure of a method, where it is a finite number; others are left out."""
        return recorded(self.at(setting), method, measure)

    def have(self, measure: str) -> bool:
        """Whether any run recorded a measure."""
        return any(self.values(name, measure, setting) for name in self.methods for setting in self.with_records)

    def without_record(self) -> list[Run]:
        """Runs that failed or are not done."""
        return [run for run in self.runs if run.name not in self.done]

    def setting_of(self, run: Run) -> Setting:
        """The one of ``settings`` that a run belongs to."""
        return self._setting({name: run.parameters[name] for name in self.grid if name != SIDE_BY_SIDE})

    def point_of(self, run: Run) -> str:
        """A run's point of the grid in words, with all that varies; "" if nothing does."""
        point = {name: run.parameters[name] for name in self.grid}
        return point_in_words(point or {name: self.fixed[name] for name in ("n_bits",) if name in self.fixed})

    def name_of(self, run: Run) -> str:
        """A run's point of the grid and its seed in words."""
        return ", ".join(filter(None, [self.point_of(run), f"seed {run.parameters['seed']}"]))

    @cached_property
    def _by_setting(self):
        found = {}
        for (setting, seed), record in self.records.items():
            found.setdefault(setting, {})[seed] = record
        return found

    def _setting(self, point):
        n_bits = point.get("n_bits", self.fixed.get("n_bits"))
        pairs = tuple((name, json.dumps(value)) for name, value in point.items())
        return Setting(pairs, n_bits if isinstance(n_bits, int) else None)


def point_in_words(point: dict) -> str:
    """Parameters and their values as a reader would say them.

    >>> point_in_words({"n_bits": 64, "methods": ["joint", "dlch"], "rehearsal": 5})
    '64 bits, methods joint + dlch, rehearsal 5'
    """
    return ", ".join(
        f"{value} bits" if name == "n_bits" else f"{name} {_value_in_words(value)}" for name, value in point.items()
    )


def _value_in_words(value):
    of_words = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return " + ".join(value) if of_words else value


# --- reading ---


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
            raise DataError(
                f"{folder} holds no sweep: there is no {PLAN} in it or one folder below; "
                "name the folder given to 'dlchkit sweep -o'"
            )
        for home in homes:
            for results in _read_sweep(home):
                if results.name in found:
                    raise DataError(
                        f"two sweeps are named {results.name!r}, the second in {home}; name one of the folders"
                    )
                found[results.name] = results
    return list(found.values())


def _read_sweep(home):
    """The results of each of the sweep's notebooks, and of each data set of its grid."""
    plan, runs = load_plan(home.resolve())
    notebooks = plan.pop("notebooks")
    for notebook in notebooks:
        own = dict(plan)
        if len(notebooks) > 1:
            own |= {"name": f"{plan['name']}/{notebook}", "title": f"{plan['title']}, {notebook}"}
        its_runs = [run for run in runs if run.notebook.stem == notebook]
        records = {run.name: run.record() for run in its_runs}
        done = {name: _with_rows(record) for name, record in records.items() if record is not None}
        yield from _by_data_set(SweepResults(**own, notebook=notebook, runs=its_runs, done=done))


def _by_data_set(results):
    """One part for each data set of a grid, since scores of several sets stand in no common table."""
    if "data" not in results.grid:
        return [results]
    parts = []
    short = [short_name(data) for data in results.grid["data"]]
    for data, name in zip(results.grid["data"], short, strict=True):
        runs = [run for run in results.runs if run.parameters["data"] == data]
        name = name if short.count(name) == 1 else data
        part = replace(
            results,
            name=f"{results.name}/{name}",
            title=f"{results.title}: {name}",
            fixed=results.fixed | {"data": data},
            grid={parameter: values for parameter, values in results.grid.items() if parameter != "data"},
            runs=runs,
            done={run.name: results.done[run.name] for run in runs if run.name in results.done},
        )
        parts.append(part)
    return parts


def read_single_runs(folders: list[Path]) -> tuple[list[SweepResults], dict[str, str]]:
    """Read runs that belong to no sweep, each as a sweep of one seed.

    Returns
    -------
    tuple
        The results, and folder -> reason for what is missing, broken or does not hold together.
    """
    found, failures, count = {}, {}, Counter()
    for folder in map(Path, folders):
        name = folder.resolve().name
        try:
            results, broken = usable(_single_run(folder))
            if broken:
                raise DataError(*broken.values())
        except _BROKEN as error:
            failures[name] = _reason(error).replace(str(folder / FILE_NAME), f"{name}/{FILE_NAME}")
        else:
            found[folder] = results
            count[results.title] += 1
    several = {
        folder: f"{results.title} ({folder.resolve().name})" if count[results.title] > 1 else results.title
        for folder, results in found.items()
    }
    return [replace(results, title=several[folder]) for folder, results in found.items()], failures


def _single_run(folder):
    record = RunRecord.load(folder)
    if record.status != "complete":
        raise DataError(f"its status is {record.status!r}, not complete")
    place = folder.resolve()
    notebook = place / f"{record.notebook if is_plain_name(record.notebook) else 'notebook'}.ipynb"
    run = Run(notebook, record.parameters | {"seed": record.seed}, place, "")
    data = record.findings.get("data")
    title = notebook_metadata(notebook).title if is_plain_name(record.notebook) else record.notebook
    return SweepResults(
        name=place.name,
        title=f"{title}, {data}" if data else title,
        file="",
        notebook=record.notebook,
        fixed={name: value for name, value in record.parameters.items() if name not in ("seed", "out")},
        grid={},
        runs=[run],
        done={run.name: _with_rows(record)},
    )


def usable(results: SweepResults) -> tuple[SweepResults, dict[str, str]]:
    """A sweep with the records that hold together and fit each other, and for other runs the reason they are left out.

    A record that has methods without measures of them gets those of `dlchkit.metrics.summary.summarise`.
    """
    good, broken, stages = {}, {}, {}
    for run in results.runs:
        record = results.done.get(run.name)
        if record is None:
            continue
        try:
            lengths = _checked_stages(record)
            first = stages.setdefault(results.setting_of(run), lengths)
            if lengths and first and lengths != first:
                raise DataError("it has another number of stages than the other seeds at its setting")
            good[run.name] = _with_measures(record)
        except _BROKEN as error:
            broken[run.name] = _reason(error)
    return replace(results, done=good), broken


def _reason(error):
    if isinstance(error, DataError):
        return str(error)
    return f"the record does not hold together ({type(error).__name__}: {error})"


def _checked_stages(record):
    """The numbers of stages of a record's methods, one at most; it is refused where its parts do not fit together."""
    lengths = {len(rows) for method in record.methods.values() for rows in (*method.R.values(), method.seconds)}
    if len(lengths) > 1:
        stages = joined(sorted(map(str, lengths)))
        raise DataError(f"its methods have {stages} stages; one record holds methods of one stream")
    for name, method in record.methods.items():
        if set(method.R) != set(DIRECTIONS):
            raise DataError(f"its method {name!r} has R for {joined(list(method.R)) or 'no direction'}, not for both")
    if FINDING in record.findings:
        merge([record.findings[FINDING]])
    return lengths


def _with_rows(record):
    """The record with a row of measures under every name: a bare number is called "value"."""
    metrics = {name: row if isinstance(row, dict) else {"value": row} for name, row in record.metrics.items()}
    return replace(record, metrics=metrics)


def _with_measures(record):
    unmeasured = {name: row for name, row in summarise(record.methods).items() if name not in record.metrics}
    return replace(record, metrics=unmeasured | record.metrics)


def _merged(records):
    """One record with the methods of all, compared with each other but for times, which compare in one run only."""
    first, *others = records
    if not others:
        return first
    methods = _first_of_each([record.methods for record in records])
    compared = summarise(methods)
    for row in compared.values():
        row.pop("time_reduction", None)
    metrics = _first_of_each([record.metrics for record in records])
    return replace(
        first, methods=methods, metrics={name: compared.get(name, {}) | row for name, row in metrics.items()}
    )


def _first_of_each(mappings):
    """All mappings as one: where several have a name, the first one's value."""
    together = {}
    for mapping in mappings:
        for name, value in mapping.items():
            together.setdefault(name, value)
    return together
