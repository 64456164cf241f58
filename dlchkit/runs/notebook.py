"""Run one notebook by papermill, with parameters whose names and types are checked first."""

import ast
import json
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from dlchkit.data.checked_values import Parameter, check_parameters
from dlchkit.data.settings import read_settings, setting_parameters, write_settings
from dlchkit.errors import DataError, NotebookFailed, nearest_name
from dlchkit.records import FILE_NAME, RunRecord
from dlchkit.storage import digest, read_json, resource_folder

DATA_FILE = "data.yaml"


def notebook_path(name: str | Path) -> Path:
    """A notebook's file: a path, or the name of one of the kit's own ("03_increments")."""
    path = Path(name)
    if path.is_file():
        return path
    own = {p.stem: p for p in sorted(resource_folder("notebooks").glob("*.ipynb"))}
    if path.name.removesuffix(".ipynb") in own and path.parent == Path("."):
        return own[path.name.removesuffix(".ipynb")]
    raise DataError(f"notebook {str(name)!r} does not exist; the kit's own are {', '.join(own)}")


class NotebookMetadata(NamedTuple):
    """What a notebook says of itself in its metadata, under "dlchkit".

    Attributes
    ----------
    title : str
        What pages call it; without one, the file's name.
    subject : str
        What its records are about, such as "increments"; "" where it does not say.
    reads_runs : bool
        Whether it reads the records of earlier runs.
    """

    title: str
    subject: str = ""
    reads_runs: bool = False


def notebook_metadata(path: Path) -> NotebookMetadata:
    """Read what a notebook says of itself; a file that says nothing is asked for in the kit's own of that name."""
    for place in (Path(path), resource_folder("notebooks") / Path(path).name):
        try:
            stored = read_json(place)["metadata"]["dlchkit"]
            title, subject, reads_runs = stored["title"], stored.get("subject", ""), stored.get("reads_runs", False)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if isinstance(title, str) and isinstance(subject, str) and isinstance(reads_runs, bool):
            return NotebookMetadata(title, subject, reads_runs)
    return NotebookMetadata(Path(path).stem)


def read_parameters(path: Path) -> dict[str, Parameter]:
    """The parameters of a notebook, from its cell tagged "parameters".

    Raises
    ------
    DataError
        if there is no such cell, or a line is not ``name: type = literal  # help``
    """
    tagged = [source for source, tags in _cells(path) if "parameters" in tags]
    if not tagged:
        raise DataError(f"{path} has no cell tagged 'parameters'; without one its own defaults would silently win")
    parameters = {}
    for line in tagged[0].splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            parameter = _parse_line(line, path)
            parameters[parameter.name] = parameter
    return parameters


def takes_data(path: Path) -> bool:
    """Whether a notebook opens the data that its parameter ``data`` names, and so takes every data setting."""
    data = read_parameters(path).get("data")
    return data is not None and data.type == "str" and holds(path, "open_data(")


def holds(path: Path, words: str) -> bool:
    """Whether a cell of a notebook holds these words."""
    return any(words in source for source, _ in _cells(path))


def split_parameters(path: Path, given: dict) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check given values, and part those of a notebook's own parameters from the settings of its data.

    Raises
    ------
    DataError
        for a name that is neither, with the nearest one of both, or a value of the wrong type
    """
    known = read_parameters(path)
    settings = setting_parameters() if takes_data(path) else {}
    for name in given:
        if name not in known and name not in settings:
            raise DataError(f"{path.name} has no parameter {name!r}; {nearest_name(name, [*known, *settings])}")
    own = {name: value for name, value in given.items() if name in known}
    others = {name: value for name, value in given.items() if name not in known}
    return check_parameters(own, known, path.name), check_parameters(others, settings, path.name)


def run_notebook(
    path: Path, folder: Path, parameters: dict, *, cell_timeout: int | None = None, progress: bool = False
) -> RunRecord:
    """Run a notebook into ``folder`` and return the record that it wrote there.

    Parameters
    ----------
    path : notebook with a parameter ``out``, the folder of its result.json
    folder : receives the executed notebook and result.json
    parameters : checked against the notebook's before anything runs; data settings that are
        no parameters of the notebook go into ``folder/data.yaml``, which the notebook then opens
    cell_timeout : seconds that a cell may take, at least 1; None for no limit. It stops
        what hangs and changes no result, so `run_digest` leaves it out.

    Raises
    ------
    DataError : unknown name, wrong type or no parameters cell
    NotebookFailed : a cell failed or took too long, the kernel died, or no record was
        written; what had run is kept in ``folder``
    """
    check_cell_timeout(cell_timeout)
    known = read_parameters(path)
    if "out" not in known:
        raise DataError(
            f"{path.name} has no parameter 'out'; a notebook of the kit writes result.json into the folder it names"
        )
    own, settings = split_parameters(path, {**parameters, "out": str(Path(folder).resolve())})
    described = read_settings(own.get("data", known["data"].default), **settings) if settings else None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).unlink(missing_ok=True)
    if described is not None:
        write_settings(described, folder / DATA_FILE)
        own["data"] = str((folder / DATA_FILE).resolve())
    _execute(path, folder / path.name, own, cell_timeout, progress)
    if not (folder / FILE_NAME).is_file():
        raise NotebookFailed(
            f"the kernel ended without writing {FILE_NAME}; see {folder / path.name}", notebook=path.name
        )
    return RunRecord.load(folder)


def check_cell_timeout(seconds) -> None:
    """Refuse what is neither None nor a whole number of seconds from 1."""
    if seconds is not None and (type(seconds) is not int or seconds < 1):
        raise DataError(
            f"cell_timeout is {seconds!r}; it must be a whole number of seconds from 1, or left out for no limit"
        )


def run_digest(path: Path, parameters: dict, depends_on: tuple[str, ...] = ()) -> str:
    """A digest of all that a run depends on, the package's own code apart.

    Parameters
    ----------
    parameters : dict
        the notebook's own, checked
    depends_on : tuple of str
        digests of what the notebook reads: data, earlier runs
    """
    sources = (source for source, _ in _cells(path))
    return digest(*sources, json.dumps(parameters, sort_keys=True), *depends_on)


def _cells(path) -> list[tuple[str, list]]:
    """Source and tags of every cell."""
    try:
        cells = [
            ("".join(cell["source"]), list(cell.get("metadata", {}).get("tags", [])))
            for cell in read_json(path)["cells"]
        ]
        "".join(
            source for source, _ in cells
        ).encode()  # half a letter (a lone surrogate) is a JSON text but none that can be written
        return cells
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path} is not a readable notebook") from None


def _parse_line(line, path):
    match = re.fullmatch(r"(\w+): (int|float|str|bool|list) = (.+?)  # (.+)", line)
    if not match or line.count("=") != 1:
        raise DataError(
            f"{path.name}: parameter line {line.strip()!r} must read 'name: type = literal  # help', "
            "with one '=' and a type of int, float, str, bool or list"
        )
    name, kind, literal, help_text = match.groups()
    try:
        default = ast.literal_eval(literal)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # what literal_eval documents
        raise DataError(
            f"{path.name}: the default of {name!r}, {literal}, is no literal; derive values in a later cell"
        ) from None
    return Parameter(name, kind, default, help_text)


def _execute(path, output, parameters, cell_timeout, progress):
    import papermill
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    from dlchkit.runs.kernel import OwnKernelManager

    quiet = {"transport_encryption": "auto"}  # newer kernels else warn about plain TCP at each start
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            papermill.execute_notebook(
                _as_written(path),
                _as_written(output),
                parameters=parameters,
                kernel_manager_class=OwnKernelManager,
                kernel_name="python3",
                language="python",
                execution_timeout=cell_timeout,
                progress_bar=progress,
                config=Config({"KernelManager": quiet, "AsyncKernelManager": quiet}),
            )
    except PapermillExecutionError as error:
        reason = f"{error.ename}: {str(error.evalue).strip()}"
        raise NotebookFailed(reason, notebook=path.name, cell=error.cell_index, partial=str(output)) from None
    except CellTimeoutError:
        reason = f"TimeoutError: took longer than cell_timeout, {cell_timeout} s"
        cell = _last_started(output)
        raise NotebookFailed(reason, notebook=path.name, cell=cell, partial=str(output)) from None
    except RuntimeError as error:  # nbclient's DeadKernelError
        cell = _last_started(output)
        reason = str(error).splitlines()[0].strip()
        if cell is not None:
            reason = f"{reason}; the system ends a process most often for want of memory"
        raise NotebookFailed(reason, notebook=path.name, cell=cell, partial=str(output)) from None


def _as_written(path: Path) -> str:
    """A path for papermill, which would fill in parameters between braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _last_started(output):
    """Position of the cell that ran last, None before the first: papermill calls one "completed" that was ended."""
    try:
        cells = json.loads(output.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError:
        return None
    started = [at for at, cell in enumerate(cells) if cell["metadata"].get("papermill", {}).get("start_time")]
    return max(started, default=None)
