"""A sweep: one notebook under many parameters and seeds, every run checked before any starts."""

import difflib
import itertools
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

from dlchkit.batch import check_cell_timeout, check_parameters, notebook_path, read_parameters, read_yaml, run_digest
from dlchkit.errors import DataError
from dlchkit.records import RunRecord
from dlchkit.storage import atomic_path, is_plain_name, read_json

KEYS = ("notebook", "title", "parameters", "grid", "seeds", "cell_timeout")
PLAN, DONE, FAILED = "sweep.json", "done.txt", "failed.json"
MOST_RUNS = 10_000
_PLAN_KINDS = {"title": str, "file": str, "notebook": str, "fixed": dict, "grid": dict}
_LONGEST_NAME = 80  # letters of a folder's readable part


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes
    ----------
    sweep : name of the sweep it belongs to
    notebook : the sweep's own copy of the notebook, which every run of it executes
    parameters : checked, the seed among them; ``out`` is the folder
    folder : where its result.json goes; no other run shares it
    digest : of all that the run depends on, see `dlchkit.batch.run_digest`
    cell_timeout : seconds that one of its cells may take; None for no limit
    """

    sweep: str
    notebook: Path
    parameters: dict
    folder: Path
    digest: str
    cell_timeout: int | None = None

    @property
    def name(self) -> str:
        """Sweep and folder, as people see the run named."""
        return f"{self.sweep}/{self.folder.name}"

    def record(self) -> RunRecord | None:
        """The complete record of this very run, or None: a run counts as done only by it."""
        try:
            stored = (self.folder / DONE).read_text(encoding="utf-8").strip()
            record = RunRecord.load(self.folder) if stored == self.digest else None
            return record if record is not None and record.status == "complete" else None
        except (DataError, OSError, UnicodeDecodeError):
            return None

    def failure(self) -> dict | None:
        """How this very run failed: {"digest", "cell", "error"}, or None."""
        try:
            failure = read_json(self.folder / FAILED)
            kinds = type(failure["cell"]) in (int, type(None)) and isinstance(failure["error"], str)
            return failure if failure["digest"] == self.digest and kinds else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def state(self) -> str:
        """Where the run stands: done, failed or open."""
        return "done" if self.record() is not None else "failed" if self.failure() else "open"


@dataclass(frozen=True)
class Sweep:
    """A sweep file, checked; nothing has run yet.

    Attributes
    ----------
    name : the file's name without ending
    file : the sweep file as it was named
    notebook : the notebook it was checked against
    fixed : parameters that all runs share, checked
    grid : parameter -> its values, checked; every combination is run
    runs : one tuple of runs for each seed, in the order of the file
    """

    name: str
    title: str
    file: Path
    notebook: Path
    fixed: dict
    grid: dict
    runs: tuple[tuple[Run, ...], ...]


def plan_sweeps(files: list[Path], folder: Path) -> tuple[Sweep, ...]:
    """Read sweep files and check every run of every file; nothing is written and nothing runs.

    Parameters
    ----------
    files : YAML files with the keys notebook, title, seeds and, if wanted, parameters
        (name -> value), grid (name -> list of values) and cell_timeout (seconds a cell
        may take). ``notebook`` is a path relative to the file, or the name of one of the
        kit's own.
    folder : a run goes to ``folder/<file's stem>/<readable>-<digest's first 8 digits>``

    Raises
    ------
    DataError
        A key, parameter or value that is unknown or of the wrong type, or a run or sweep
        named twice.
    """
    sweeps = tuple(_read_sweep(Path(file), Path(folder)) for file in files)
    first = {}
    for sweep in sweeps:
        other = first.setdefault(sweep.name, sweep)
        if other is not sweep:
            raise DataError(f"{other.file} and {sweep.file} would share the folder {sweep.name}; give one of them another file name")
    return sweeps


def in_order(sweeps: tuple[Sweep, ...]) -> list[Run]:
    """All runs: first seed 0 of every file, so that a stopped sweep leaves full tables."""
    by_seed = itertools.zip_longest(*(sweep.runs for sweep in sweeps), fillvalue=())
    return [run for of_one_seed in by_seed for runs in of_one_seed for run in runs]


def save_plan(sweep: Sweep, folder: Path) -> None:
    """Write what the sweep is and which runs it has, and its own copy of the notebook.

    Runs execute the copy: work on the notebook does not reach a sweep on its way.
    """
    home = Path(folder) / sweep.name
    runs = [{"folder": run.folder.name, "digest": run.digest, "parameters": run.parameters} for run in in_order((sweep,))]
    file = sweep.file.name if sweep.file.is_absolute() else sweep.file.as_posix()
    plan = {"title": sweep.title, "file": file, "notebook": sweep.notebook.stem, "fixed": sweep.fixed, "grid": sweep.grid, "runs": runs}
    with atomic_path(home / sweep.notebook.name) as temporary:
        temporary.write_bytes(sweep.notebook.read_bytes())
    with atomic_path(home / PLAN) as temporary:
        temporary.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")


def load_plan(home: Path) -> tuple[dict, list[Run]]:
    """What `save_plan` wrote into ``home``: the plan, and its runs where they lie now."""
    path = Path(home) / PLAN
    try:
        plan = read_json(path)
        said = {key: plan[key] for key in _PLAN_KINDS}
        wrong = next((key for key, kind in _PLAN_KINDS.items() if not isinstance(said[key], kind)), None)
        if wrong:
            raise TypeError(f"{wrong} is {said[wrong]!r}")
        name = next((name for name in (said["notebook"], *(run["folder"] for run in plan["runs"])) if not is_plain_name(name)), None)
        if name is not None:
            raise ValueError(f"{name!r} is no name of a file in it")
        notebook = path.parent / f"{plan['notebook']}.ipynb"
        runs = [Run(path.parent.name, notebook, dict(run["parameters"]), path.parent / run["folder"], str(run["digest"])) for run in plan["runs"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no readable plan of a sweep ({type(error).__name__}: {error}); start its sweep again") from None
    return {"name": path.parent.name} | said, runs


def _read_sweep(file, folder):
    content = _content(file)
    notebook = _notebook_of(file, content["notebook"])
    known = read_parameters(notebook)
    for name in ("out", "seed"):
        if name not in known:
            raise DataError(f"{notebook.name} has no parameter {name!r}; a sweep sets it for every run")
    fixed = check_parameters(content["parameters"], known, notebook)
    grid = {name: [check_parameters({name: value}, known, notebook)[name] for value in values] for name, values in content["grid"].items()}
    seeds = [check_parameters({"seed": seed}, known, notebook)["seed"] for seed in content["seeds"]]
    n_runs = math.prod(map(len, [seeds, *grid.values()]))
    if n_runs > MOST_RUNS:
        raise DataError(f"sweep file {file} asks for {n_runs:,} runs; a sweep has {MOST_RUNS:,} at most")
    home, timeout = folder / file.stem, content.get("cell_timeout")
    runs = [[_run(home, notebook, fixed, dict(zip(grid, values)), seed, timeout) for values in itertools.product(*grid.values())] for seed in seeds]
    _refuse_twice([run for of_seed in runs for run in of_seed], file)
    return Sweep(file.stem, content["title"], file, notebook, fixed, grid, tuple(map(tuple, runs)))


def _run(home, notebook, fixed, chosen, seed, cell_timeout):
    parameters = {**fixed, **chosen, "seed": seed}
    digest = run_digest(notebook, parameters)
    said = "_".join(f"{name}={_short(value)}" for name, value in {**chosen, "seed": seed}.items())
    return Run(home.name, home / notebook.name, parameters, home / f"{said[:_LONGEST_NAME]}-{digest[:8]}", digest, cell_timeout)


def _short(value):
    """A value as a part of a folder's name."""
    return re.sub(r"[^\w.+-]+", "-", str(value)).strip("-.")


def _content(file):
    """The sweep file's entries, each of the right kind; parameters and grid may be absent."""
    content = read_yaml(file, "sweep file")
    if not isinstance(content, dict):
        raise DataError(f"sweep file {file} must hold the keys {', '.join(KEYS)}")
    for key in content:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, n=1, cutoff=0.4)
            raise DataError(f"sweep file {file} has no key {key!r}; {f'did you mean {near[0]!r}?' if near else 'it has ' + ', '.join(KEYS)}")
    content = {"parameters": {}, "grid": {}} | {key: value for key, value in content.items() if value is not None}
    _check_kinds(content, file)
    return content


def _check_kinds(content, file):
    kinds = {"notebook": (str, "a name or path"), "title": (str, "text"), "parameters": (dict, "'name: value' lines")}
    kinds |= {"grid": (dict, "'name: [value, value]' lines"), "seeds": (list, "a list of whole numbers, e.g. [0, 1, 2]")}
    for key, (kind, said) in kinds.items():
        if not isinstance(content.get(key), kind) or (kind in (str, list) and not content[key]):
            raise DataError(f"sweep file {file}: {key!r} is {content.get(key)!r}; it must be {said}")
    check_cell_timeout(content.get("cell_timeout"))
    for name, values in content["grid"].items():
        if not isinstance(values, list) or not values:
            raise DataError(f"sweep file {file}: grid parameter {name!r} is {values!r}; it must be a list of values, e.g. [{values!r}]")
    set_by_sweep = next((name for name in ("out", "seed") if name in content["parameters"] or name in content["grid"]), None)
    if set_by_sweep:
        raise DataError(f"sweep file {file} names the parameter {set_by_sweep!r}; the sweep sets it for every run, seeds from 'seeds'")
    twice = next((name for name in content["grid"] if name in content["parameters"]), None)
    if twice:
        raise DataError(f"sweep file {file} has {twice!r} among 'parameters' and in 'grid'; keep one of them")


def _notebook_of(file, name):
    beside = file.parent / name
    try:
        if beside.is_file():
            return beside
    except (OSError, ValueError):  # a name that no file can have
        raise DataError(f"sweep file {file}: notebook {name!r} is no name of a file") from None
    if Path(name).parent != Path("."):
        raise DataError(f"sweep file {file}: notebook {name!r} does not exist; a path is relative to the sweep file")
    return notebook_path(name)


def _refuse_twice(runs, file):
    seen = set()
    for run in runs:
        if run.digest in seen:
            raise DataError(f"sweep file {file} names the run {run.folder.name} twice; name each value and seed once")
        seen.add(run.digest)
