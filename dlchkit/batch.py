"""Strict papermill: a notebook runs only with parameters it has, of the types it states."""

import ast
import difflib
import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from dlchkit.errors import DataError, NotebookFailed
from dlchkit.records import FILE_NAME, RunRecord
from dlchkit.storage import digest

PARSERS = {"int": int, "float": float, "str": str}


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell: ``name: type = default  # help``."""

    name: str
    type: str
    default: object
    help: str


def resource_folder(name: str) -> Path:
    """The folder "notebooks" or "datasets": inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def notebook_path(name: str | Path) -> Path:
    """A notebook's file: a path, or the name of one of the kit's own ("03_increments")."""
    path = Path(name)
    if path.is_file():
        return path
    own = {p.stem: p for p in sorted(resource_folder("notebooks").glob("*.ipynb"))}
    if path.name.removesuffix(".ipynb") in own and path.parent == Path("."):
        return own[path.name.removesuffix(".ipynb")]
    raise DataError(f"notebook {str(name)!r} does not exist; the kit's own are {', '.join(own)}")


def read_parameters(path: Path) -> dict[str, Parameter]:
    """The parameters of a notebook, from its cell tagged "parameters".

    Raises
    ------
    DataError
        if there is no such cell, or a line is not ``name: type = literal  # help``
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise DataError(f"{path} is not a readable notebook") from None
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if not tagged:
        raise DataError(f"{path} has no cell tagged 'parameters'; without one its own defaults would silently win")
    parameters = {}
    for line in "".join(tagged[0]["source"]).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            parameter = _parse_line(line, path)
            parameters[parameter.name] = parameter
    return parameters


def check_parameters(given: dict, known: dict[str, Parameter], path: Path) -> dict:
    """Given values, each of a known name and brought to its stated type.

    Text from a command line or YAML (which reads ``1e-3`` as text) is read as the type
    that the notebook states; a value that does not fit is refused.
    """
    checked = {}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise DataError(f"{path.name} has no parameter {name!r}; {hint}")
        checked[name] = _convert(value, known[name], path)
    return checked


def run_notebook(path: Path, folder: Path, parameters: dict, *, progress: bool = False) -> RunRecord:
    """Run a notebook into ``folder`` and return the record that it wrote there.

    Parameters
    ----------
    path : notebook with a parameter ``out``, the folder of its result.json
    folder : receives the executed notebook and result.json
    parameters : checked against the notebook's before anything runs

    Raises
    ------
    DataError : unknown name, wrong type or no parameters cell
    NotebookFailed : a cell failed, the kernel died, or no record was written; what had
        run is kept in ``folder``
    """
    known = read_parameters(path)
    if "out" not in known:
        raise DataError(f"{path.name} has no parameter 'out'; a notebook of the kit writes result.json into the folder it names")
    checked = check_parameters({**parameters, "out": str(Path(folder).resolve())}, known, path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).unlink(missing_ok=True)
    _execute(path, folder / path.name, checked, progress)
    if not (folder / FILE_NAME).is_file():
        raise NotebookFailed(f"{path.name}: the kernel ended without writing {FILE_NAME}; see {folder / path.name}")
    return RunRecord.load(folder)


def run_digest(path: Path, parameters: dict) -> str:
    """What a run depends on: the notebook's code, its parameters and the kit's version."""
    from dlchkit import __version__

    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return digest(__version__, *("".join(cell["source"]) for cell in cells), json.dumps(parameters, sort_keys=True))


def _parse_line(line, path):
    match = re.fullmatch(r"(\w+): (int|float|str|bool|list) = (.+?)  # (.+)", line)
    if not match or line.count("=") != 1:
        raise DataError(
            f"{path.name}: parameter line {line.strip()!r} must read 'name: type = literal  # help', with one '=' and a type of int, float, str, bool or list"
        )
    name, kind, literal, help_text = match.groups()
    try:
        default = ast.literal_eval(literal)
    except (ValueError, SyntaxError):
        raise DataError(f"{path.name}: the default of {name!r}, {literal}, is no literal; derive values in a later cell") from None
    return Parameter(name, kind, default, help_text)


def _convert(value, parameter, path):
    wrong = DataError(f"{path.name}: parameter {parameter.name!r} is {value!r}; it must be {_article(parameter.type)}, e.g. {parameter.default!r}")
    if parameter.type in PARSERS:
        if isinstance(value, (bool, list, dict)) or value is None or (parameter.type == "int" and isinstance(value, float)):
            raise wrong
        if parameter.type == "str" and not isinstance(value, str):
            return str(value)
        try:
            return PARSERS[parameter.type](value)
        except ValueError:
            raise wrong from None
    if isinstance(value, str):
        try:
            value = json.loads(value.lower() if parameter.type == "bool" else value)
        except ValueError:
            raise wrong from None
    if not isinstance(value, {"bool": bool, "list": list}[parameter.type]):
        raise wrong
    return value


def _article(kind):
    return {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "list": "a list in JSON form"}[kind]


def _execute(path, output, parameters, progress):
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    quiet = {"transport_encryption": "auto"}  # newer kernels else warn about plain TCP at each start
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            papermill.execute_notebook(
                str(path),
                str(output),
                parameters=parameters,
                kernel_name="python3",
                language="python",
                progress_bar={"desc": path.stem} if progress else False,
                config=Config({"KernelManager": quiet, "AsyncKernelManager": quiet}),
            )
    except PapermillExecutionError as error:
        raise NotebookFailed(
            f"{path.name}, cell {error.cell_index}: {error.ename}: {str(error.evalue).strip()} (partial notebook: {output})"
        ) from None
    except RuntimeError as error:  # nbclient's DeadKernelError
        raise NotebookFailed(f"{path.name}: {str(error).splitlines()[0]} (partial notebook: {output})") from None
