"""A sweep: notebooks under many parameters and seeds; what it is, and its plan on disk."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

from dlchkit.errors import DataError
from dlchkit.records import RunRecord
from dlchkit.runs.notebook import read_parameters, run_digest
from dlchkit.storage import atomic_path, is_plain_name, read_json

PLAN, DONE, FAILED = "sweep.json", "done.txt", "failed.json"
_PLAN_KINDS = {"title": str, "file": str, "notebooks": list, "fixed": dict, "grid": dict}


@dataclass(frozen=True)
class Run:
    """One notebook at one point of a sweep's grid, with one seed.

    Attributes
    ----------
    notebook : the sweep's own copy, which every run of it executes, in the sweep's folder
    parameters : of the point, checked, the seed among them; the notebook gets those that it has
    folder : where its result.json goes; no other run shares it
    digest : of all that the run depends on, see `digest_of`
    rests_on : digests of what it reads besides: its data's folder, and runs before it
    earlier : folder of the runs before it, for a notebook with a parameter ``runs``
    cell_timeout : seconds that one of its cells may take; None for no limit
    """

    notebook: Path
    parameters: dict
    folder: Path
    digest: str
    rests_on: tuple[str, ...] = ()
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
    """Those of a point's parameters that the notebook has."""
    known = read_parameters(notebook)
    return {name: value for name, value in parameters.items() if name in known}


def digest_of(notebook: Path, parameters: dict, rests_on: tuple[str, ...]) -> str:
    """What a run depends on: `dlchkit.runs.notebook.run_digest`, and the digests of what it reads besides."""
    return run_digest(notebook, own_parameters(notebook, parameters) | ({"rests on": rests_on} if rests_on else {}))


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
