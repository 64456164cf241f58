"""A sweep: notebooks under many parameters and seeds; what it is, and its plan on disk."""

import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path

from dlchkit.data.settings import DataSettings, read_settings, setting_parameters, state_of_data
from dlchkit.errors import DataError
from dlchkit.records import RunRecord, code_digest
from dlchkit.runs.notebook import read_parameters, run_digest, split_parameters, takes_data
from dlchkit.storage import atomic_path, is_plain_name, read_json

PLAN = "sweep.json"
DONE = "done.txt"
FAILED = "failed.json"
CODE_CHANGED = "open: code changed"
_PLAN_KINDS = {"title": str, "file": str, "notebooks": list, "fixed": dict, "grid": dict}


@dataclass(frozen=True)
class Run:
    """One notebook at one point of a sweep's grid, with one seed.

    Attributes
    ----------
    notebook : the sweep's own copy, which every run of it executes, in the sweep's folder
    parameters : of the point, checked, the seed among them; the notebook gets those that it has
    folder : where its result.json goes; no other run shares it
    digest : of all that the run depends on except the package's code, see `digest_of`
    code : digest of the package's code that the run is planned with; None for any (``--keep``)
    depends_on : digests of its other inputs: its data, and the earlier runs that it reads
    earlier : folder of the runs before it, for a notebook with a parameter ``runs``
    cell_timeout : seconds that one of its cells may take; None for no limit
    """

    notebook: Path
    parameters: dict
    folder: Path
    digest: str
    code: str | None = None
    depends_on: tuple[str, ...] = ()
    earlier: Path | None = None
    cell_timeout: int | None = None

    @property
    def sweep(self) -> str:
        """Name of the sweep it belongs to."""
        return self.notebook.parent.name

    @property
    def name(self) -> str:
        """Sweep and folder, as people see the run named."""
        return self.folder.relative_to(self.notebook.parent.parent).as_posix()

    def record(self) -> RunRecord | None:
        """The complete record of this very run, by this very code, or None: a run counts as done only by it."""
        stored, code = self._marks()
        if stored != self.digest or self.code not in (None, code):
            return None
        try:
            record = RunRecord.load(self.folder)
        except (DataError, OSError):
            return None
        return record if record.status == "complete" else None

    def _marks(self) -> tuple[str, str]:
        """Digests of the run and of the code that a finished run left; "" where there are none."""
        try:
            stored, code = ((self.folder / DONE).read_text(encoding="utf-8").split() + ["", ""])[:2]
        except (OSError, UnicodeDecodeError):
            return "", ""
        return stored, code

    def mark_done(self) -> None:
        """Note that the run in the folder is this one."""
        with atomic_path(self.folder / DONE) as temporary:
            temporary.write_text(f"{self.digest}\n{self.code or code_digest()}\n", encoding="utf-8")

    def failure(self) -> dict | None:
        """How this very run failed with this very code: {"digest", "code", "cell", "error"}, or None."""
        try:
            failure = read_json(self.folder / FAILED)
            kinds = type(failure["cell"]) in (int, type(None)) and isinstance(failure["error"], str)
            this = failure["digest"] == self.digest and self.code in (None, failure.get("code"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return failure if this and kinds else None

    def state(self) -> str:
        """Where the run stands: "done", "failed", "open", or "open: code changed" if it was done by other code."""
        if self.record() is not None:
            return "done"
        if self.failure():
            return "failed"
        return CODE_CHANGED if replace(self, code=None).record() is not None else "open"


@dataclass(frozen=True)
class Sweep:
    """A sweep file, checked; nothing has run yet.

    Attributes
    ----------
    name : the file's name without ending
    file : the sweep file as it was named
    notebooks : those it was checked against, in the order in which they run
    fixed : parameters that all runs share, checked
    grid : parameter -> its values, checked; every combination is run
    runs : one tuple of runs for each seed, in the order of the file
    """

    name: str
    title: str
    file: Path
    notebooks: tuple[Path, ...]
    fixed: dict
    grid: dict
    runs: tuple[tuple[Run, ...], ...]


def own_parameters(notebook: Path, parameters: dict) -> dict:
    """Those of a point's parameters that the notebook takes: its own, and settings of its data."""
    known = read_parameters(notebook)
    settings = setting_parameters() if takes_data(notebook) else {}
    return {name: value for name, value in parameters.items() if name in known or name in settings}


def data_settings(notebook: Path, parameters: dict) -> DataSettings | None:
    """The settings of the data that a notebook opens under these parameters; None where it opens none."""
    if not takes_data(notebook):
        return None
    own, settings = split_parameters(notebook, own_parameters(notebook, parameters))
    return read_settings(own.get("data", read_parameters(notebook)["data"].default), **settings)


def state_of_inputs(notebook: Path, parameters: dict) -> tuple[str, ...]:
    """A digest of the data that a notebook opens, settings and files; nothing where it opens none."""
    settings = data_settings(notebook, parameters)
    return () if settings is None else (state_of_data(settings),)


def digest_of(notebook: Path, parameters: dict, depends_on: tuple[str, ...]) -> str:
    """A digest of all that a run depends on: the notebook's code, its parameters, its data and earlier runs."""
    own, _ = split_parameters(notebook, own_parameters(notebook, parameters))
    if takes_data(notebook):
        own.pop("data", None)  # the data's settings and files are in ``depends_on``
    return run_digest(notebook, own, depends_on)


def in_order(sweeps: tuple[Sweep, ...]) -> list[Run]:
    """All runs: first seed 0 of every file, so that a stopped sweep leaves full tables."""
    by_seed = itertools.zip_longest(*(sweep.runs for sweep in sweeps), fillvalue=())
    return [run for of_one_seed in by_seed for runs in of_one_seed for run in runs]


def save_plan(sweep: Sweep, folder: Path) -> None:
    """Write what the sweep is and which runs it has, and its own copies of the notebooks.

    Runs execute the copies: work on a notebook does not reach a sweep on its way.
    """
    home = Path(folder) / sweep.name
    runs = [
        {"notebook": run.notebook.stem, "folder": run.folder.relative_to(home).as_posix(), "digest": run.digest, "parameters": run.parameters}
        for run in in_order((sweep,))
    ]
    file = sweep.file.name if sweep.file.is_absolute() else sweep.file.as_posix()
    notebooks = [notebook.stem for notebook in sweep.notebooks]
    plan = {"title": sweep.title, "file": file, "notebooks": notebooks, "fixed": sweep.fixed, "grid": sweep.grid, "runs": runs}
    for notebook in sweep.notebooks:
        with atomic_path(home / notebook.name) as temporary:
            temporary.write_bytes(notebook.read_bytes())
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
        runs = [_planned_run(run, path.parent, said["notebooks"]) for run in plan["runs"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no readable plan of a sweep ({type(error).__name__}: {error}); start its sweep again") from None
    return {"name": path.parent.name} | said, runs


def _planned_run(run, home, notebooks):
    if run["notebook"] not in notebooks or not is_plain_name(run["notebook"]):
        raise ValueError(f"{run['notebook']!r} is none of its notebooks")
    places = run["folder"].split("/")
    if len(places) != (1 if len(notebooks) == 1 else 2) or not all(map(is_plain_name, places)):
        raise ValueError(f"{run['folder']!r} is no name of a folder in it")
    return Run(home / f"{run['notebook']}.ipynb", dict(run["parameters"]), home / run["folder"], str(run["digest"]))
