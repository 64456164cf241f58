"""A sweep: notebooks under many parameters and seeds, what its runs depend on, and its plan on disk."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

from dlchkit.data.settings import DataSettings, read_settings, setting_parameters
from dlchkit.errors import DataError
from dlchkit.records import FILE_NAME
from dlchkit.runs.notebook import read_parameters, run_digest, split_parameters, takes_data
from dlchkit.runs.run_state import Run
from dlchkit.storage import atomic_path, digest, is_plain_name, read_json

PLAN = "sweep.json"
_PLAN_KINDS = {"title": str, "file": str, "notebooks": list, "fixed": dict, "grid": dict}


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


def state_of_inputs(notebook: Path, parameters: dict, read: dict[str, str]) -> tuple[str, ...]:
    """Digests of what a notebook reads, data and earlier runs; nothing where it reads none.

    Parameters
    ----------
    read : dict
        settings -> digest of the data that were read before; those read now are added
    """
    states = []
    settings = data_settings(notebook, parameters)
    if settings is not None:
        key = repr(settings)
        if key not in read:
            read[key] = _state_of_data(settings)
        states.append(read[key])
    runs = own_parameters(notebook, parameters).get("runs")
    if runs:
        states += [digest(path.read_bytes()) for path in sorted(Path(runs).rglob(FILE_NAME))]
    return tuple(states)


def _state_of_data(settings: DataSettings) -> str:
    from dlchkit.encoders.prepared_data import PreparedData  # here: it brings torch

    return PreparedData(settings).state


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
        {
            "notebook": run.notebook.stem,
            "folder": run.folder.relative_to(home).as_posix(),
            "digest": run.digest,
            "parameters": run.parameters,
        }
        for run in in_order((sweep,))
    ]
    file = sweep.file.name if sweep.file.is_absolute() else sweep.file.as_posix()
    notebooks = [notebook.stem for notebook in sweep.notebooks]
    plan = {
        "title": sweep.title,
        "file": file,
        "notebooks": notebooks,
        "fixed": sweep.fixed,
        "grid": sweep.grid,
        "runs": runs,
    }
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
        raise DataError(
            f"{path} is no readable plan of a sweep ({type(error).__name__}: {error}); start its sweep again"
        ) from None
    return {"name": path.parent.name} | said, runs


def _planned_run(run, home, notebooks):
    if run["notebook"] not in notebooks or not is_plain_name(run["notebook"]):
        raise ValueError(f"{run['notebook']!r} is none of its notebooks")
    places = run["folder"].split("/")
    if len(places) != (1 if len(notebooks) == 1 else 2) or not all(map(is_plain_name, places)):
        raise ValueError(f"{run['folder']!r} is no name of a folder in it")
    return Run(home / f"{run['notebook']}.ipynb", dict(run["parameters"]), home / run["folder"], str(run["digest"]))
