"""Read a sweep file and plan its runs; unknown names and wrong types are refused."""

import itertools
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from dlchkit.data.checked_values import check_parameters, read_yaml
from dlchkit.data.settings import setting_parameters
from dlchkit.errors import DataError, nearest_name
from dlchkit.records import code_digest
from dlchkit.runs.notebook import check_cell_timeout, notebook_path, read_parameters, takes_data
from dlchkit.runs.plan import Sweep, digest_of, state_of_inputs
from dlchkit.runs.run_state import Run
from dlchkit.storage import digest

KEYS = ("notebook", "title", "parameters", "grid", "seeds", "cell_timeout")
MOST_RUNS = 10_000
SET_BY_SWEEP = {"out": "the sweep sets it for every run", "seed": "the sweep sets it for every run, from 'seeds'"}
_LONGEST_NAME = 80  # letters of a folder's readable part


def plan_sweeps(files: list[Path], folder: Path, *, any_code: bool = False) -> tuple[Sweep, ...]:
    """Read sweep files and check every run of every file; nothing is written and nothing runs.

    Parameters
    ----------
    files, folder, any_code : see `plan_sweep`

    Raises
    ------
    DataError
        as `plan_sweep`, or two files of one name
    """
    read: dict[str, str] = {}
    sweeps = tuple(plan_sweep(file, folder, any_code=any_code, read=read) for file in files)
    first = {}
    for sweep in sweeps:
        other = first.setdefault(sweep.name, sweep)
        if other is not sweep:
            raise DataError(
                f"{other.file} and {sweep.file} would share the folder {sweep.name}; give one of them another file name"
            )
    return sweeps


def plan_sweep(
    file: Path,
    folder: Path,
    *,
    parameters: dict | None = None,
    any_code: bool = False,
    read: dict[str, str] | None = None,
) -> Sweep:
    """Read a sweep file and check every run of it.

    Parameters
    ----------
    file : YAML with the keys notebook, title, seeds and, if wanted, parameters (name ->
        value), grid (name -> list of values) and cell_timeout (seconds a cell may take).
        ``notebook`` is a path relative to the file, or the name of one of the kit's own.
        It may be a list: then all run at every point of the grid, each with the
        parameters it has, and one with a parameter ``runs`` waits for those before it
        and gets the folder they lie in.
    folder : a run goes to ``folder/<file's stem>/<readable>-<digest's first 8 digits>``,
        with several notebooks to a folder in it named after the notebook
    parameters : win over the file's own; "seed" stands for all its seeds
    any_code : runs that other code has done count as done
    read : see `state_of_inputs`

    Raises
    ------
    DataError
        A key, parameter or value that is unknown or of the wrong type, or a run named twice.
    """
    file, given = Path(file), dict(parameters or {})
    content = _content(file)
    seeds = [given.pop("seed")] if "seed" in given else content["seeds"]
    notebooks = _notebooks_of(file, content["notebook"])
    known = _parameters_of(notebooks)
    place = notebooks[0].name if len(notebooks) == 1 else f"sweep file {file}"
    fixed = check_parameters(content["parameters"] | given, known, place)
    grid = {
        name: [check_parameters({name: value}, known, place)[name] for value in values]
        for name, values in content["grid"].items()
    }
    seeds = [check_parameters({"seed": seed}, known, place)["seed"] for seed in seeds]
    n_runs = math.prod(map(len, [notebooks, seeds, *grid.values()]))
    if n_runs > MOST_RUNS:
        raise DataError(f"sweep file {file} asks for {n_runs:,} runs; a sweep has {MOST_RUNS:,} at most")
    code = None if any_code else code_digest()
    planner = _Planner(
        Path(folder) / file.stem, notebooks, content.get("cell_timeout"), code, {} if read is None else read
    )
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    runs = []
    for seed in seeds:
        of_seed = [run for point in points for run in planner.runs(fixed, point | {"seed": seed})]
        runs.append(tuple(of_seed))
    _refuse_twice([run for of_seed in runs for run in of_seed], file)
    return Sweep(file.stem, content["title"], file, notebooks, fixed, grid, tuple(runs))


class _Planner(NamedTuple):
    home: Path
    notebooks: tuple[Path, ...]
    cell_timeout: int | None
    code: str | None
    read: dict[str, str]  # settings -> digest of the data

    def runs(self, fixed, chosen) -> list[Run]:
        """One run of each notebook, at one point of the grid and with one seed."""
        parameters = fixed | chosen
        several = len(self.notebooks) > 1
        readers = {notebook for notebook in self.notebooks if several and "runs" in read_parameters(notebook)}
        inputs = {}
        digests = {}
        for notebook in self.notebooks:
            earlier = tuple(digests.values()) if notebook in readers else ()
            inputs[notebook] = (*state_of_inputs(notebook, parameters, self.read), *earlier)
            digests[notebook] = digest_of(notebook, parameters, inputs[notebook])
        point = _folder_of(self.home, chosen, list(digests.values()))
        return [
            Run(
                notebook=self.home / notebook.name,
                parameters=parameters,
                folder=point / notebook.stem if several else point,
                digest=digests[notebook],
                code=self.code,
                depends_on=inputs[notebook],
                earlier=point if notebook in readers else None,
                cell_timeout=self.cell_timeout,
            )
            for notebook in self.notebooks
        ]


def _folder_of(home, chosen, digests):
    said = "_".join(f"{name}={_short(value)}" for name, value in chosen.items())
    return home / f"{said[:_LONGEST_NAME]}-{(digests[0] if len(digests) == 1 else digest(*digests))[:8]}"


def _short(value):
    """A value as a part of a folder's name."""
    return re.sub(r"[^\w.+-]+", "-", str(value)).strip("-.")


def _content(file: Path) -> dict[str, Any]:
    """The sweep file's entries, each of the right kind; parameters and grid may be absent."""
    content = read_yaml(file, "sweep file")
    if not isinstance(content, dict):
        raise DataError(f"sweep file {file} must hold the keys {', '.join(KEYS)}")
    for key in content:
        if key not in KEYS:
            raise DataError(f"sweep file {file} has no key {key!r}; {nearest_name(key, KEYS)}")
    given = {key: value for key, value in content.items() if value is not None}
    content = {"parameters": {}, "grid": {}, **given}
    _check_kinds(content, file)
    return content


def _check_kinds(content, file):
    kinds = {
        "notebook": ((str, list), "a name or path, or a list of them"),
        "title": (str, "text"),
        "parameters": (dict, "'name: value' lines"),
    }
    kinds |= {
        "grid": (dict, "'name: [value, value]' lines"),
        "seeds": (list, "a list of whole numbers, e.g. [0, 1, 2]"),
    }
    for key, (kind, said) in kinds.items():
        if not isinstance(content.get(key), kind) or (kind is not dict and not content[key]):
            raise DataError(f"sweep file {file}: {key!r} is {content.get(key)!r}; it must be {said}")
    check_cell_timeout(content.get("cell_timeout"))
    for name, values in content["grid"].items():
        if not isinstance(values, list) or not values:
            raise DataError(
                f"sweep file {file}: grid parameter {name!r} is {values!r}; "
                f"it must be a list of values, e.g. [{values!r}]"
            )
    for name, said in SET_BY_SWEEP.items():
        if name in content["parameters"] or name in content["grid"]:
            raise DataError(f"sweep file {file} names the parameter {name!r}; {said}")
    twice = next((name for name in content["grid"] if name in content["parameters"]), None)
    if twice:
        raise DataError(f"sweep file {file} has {twice!r} among 'parameters' and in 'grid'; keep one of them")


def _notebooks_of(file, names):
    notebooks = tuple(_notebook_of(file, name) for name in (names if isinstance(names, list) else [names]))
    twice = next(
        (notebook for notebook in notebooks if [other.stem for other in notebooks].count(notebook.stem) > 1), None
    )
    if twice:
        raise DataError(f"sweep file {file} names the notebook {twice.stem!r} twice; their runs would share a folder")
    return notebooks


def _notebook_of(file, name):
    try:
        beside = file.parent / name
        if beside.is_file():
            return beside
    except (OSError, ValueError, TypeError):  # a name that no file can have
        raise DataError(f"sweep file {file}: notebook {name!r} is no name of a file") from None
    if Path(name).parent != Path("."):
        raise DataError(f"sweep file {file}: notebook {name!r} does not exist; a path is relative to the sweep file")
    return notebook_path(name)


def _parameters_of(notebooks):
    """Parameters of all the notebooks, and settings of the data that any of them opens; a type for each name."""
    together = {}
    for notebook in notebooks:
        known = read_parameters(notebook)
        for name in SET_BY_SWEEP:
            if name not in known:
                raise DataError(f"{notebook.name} has no parameter {name!r}; a sweep sets it for every run")
        for name, parameter in known.items():
            if together.setdefault(name, parameter).type != parameter.type:
                raise DataError(
                    f"{notebook.name}: parameter {name!r} is of type {parameter.type}, "
                    f"in a notebook before it {together[name].type}"
                )
    settings = setting_parameters() if any(map(takes_data, notebooks)) else {}
    return settings | together


def _refuse_twice(runs, file):
    seen = set()
    for run in runs:
        if run.digest in seen:
            raise DataError(
                f"sweep file {file} names the run {run.name} twice; "
                "name each value and seed once, and in 'grid' what every notebook has"
            )
        seen.add(run.digest)
