"""The record of a run: `RunRecord`, stored as result.json.

A run counts as done only when its result.json exists: it is written last, by rename.
"""

import json
import math
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from dlchkit.data.checked_values import Parameter, check_parameters
from dlchkit.errors import DataError
from dlchkit.storage import atomic_path, data_home, digest, is_plain_name, read_json

SCHEMA = 1
FILE_NAME = "result.json"
_EXAMPLES = {int: 64, float: 0.5, str: "scenes", bool: True, list: [13, 3]}  # types of parameters, for messages
_NOT_REACHED = ("reports", "runs", "bench", "cli.py")  # no number of a run comes from here
_NUMBERS_BY_STAGE = ("seconds", "kept_bytes", "wall_seconds", "waiting", "item_passes")
_CLOCKS = ("processor", "wall")
_VERSIONS_OF = (
    "dlchkit",
    "torch",
    "torchvision",
    "sentence-transformers",
    "scikit-learn",
    "numpy",
    "matplotlib",
    "papermill",
)


@dataclass
class MethodRecord:
    """Results of one method on one stream.

    Attributes
    ----------
    R : dict
        direction -> float (n_stages, n_stages); R[i, j] is the mAP on stage-j queries after
        stage i, in the database of all items seen so far; NaN above the diagonal
    seconds : list of float
        training seconds of each stage by ``clock``, evaluation excluded; NaN for the stages
        that a single-stage method skips
    old_codes_unchanged : list of bool
        for each stage, whether every code stored before it is bitwise unchanged
    database_codes : str
        the kind of codes in the database of R: "learned" (as the method stores them, from the
        items' labels), "encoded" (by the encoders when the item arrived) or "reencoded" (by
        the current encoders)
    other_R : dict
        kind -> R with database codes of that kind
    unseen : dict
        direction -> (n_stages,): mAP of a stage's queries in that stage's own database, both
        encoded just before the stage was learned; NaN for the first
    chance : dict
        direction -> (n_stages,): the same for a random ranking
    kept_bytes : list of float
        bytes that the method held after each stage to learn the next, codes of the database
        excluded, see `dlchkit.lifelong.bytes_kept.kept_bytes`; NaN for skipped stages, empty if
        not measured
    clock : str
        "processor" or "wall", see `dlchkit.lifelong.training_cost`
    wall_seconds, waiting, item_passes : list of float
        wall seconds of each stage, the part of them in which training waited for a processor,
        and items that went through training; NaN for skipped stages, empty if not measured
    """

    R: dict[str, np.ndarray]
    seconds: list[float]
    old_codes_unchanged: list[bool]
    database_codes: str = "learned"
    other_R: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    unseen: dict[str, np.ndarray] = field(default_factory=dict)
    chance: dict[str, np.ndarray] = field(default_factory=dict)
    kept_bytes: list[float] = field(default_factory=list)
    clock: str = "wall"  # what records without this field hold
    wall_seconds: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)
    item_passes: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.R = _arrays(self.R)
        self.unseen = _arrays(self.unseen)
        self.chance = _arrays(self.chance)
        self.other_R = {kind: _arrays(R) for kind, R in self.other_R.items()}
        for name in _NUMBERS_BY_STAGE:  # a null of the file becomes NaN again
            setattr(self, name, np.array(getattr(self, name), dtype=float).tolist())

    @property
    def learned_at_once(self) -> bool:
        """Whether the method learned all stages at once: no training before the last of several stages."""
        return len(self.seconds) > 1 and math.isnan(self.seconds[0])


def _arrays(by_direction):
    return {direction: np.array(rows, dtype=float) for direction, rows in by_direction.items()}


@dataclass
class RunRecord:
    """All results of one run of a notebook, ready for a report.

    Attributes
    ----------
    notebook : str
        name of the notebook without ending
    parameters : dict
        the effective parameters
    seed : int
        the seed among them
    data : dict
        the settings of the data, defaults resolved; empty for a notebook that opens none
    methods : dict
        name -> `MethodRecord`
    metrics : dict
        name -> measure -> number
    findings : dict
        other results of the notebook, JSON values only
    figures : list
        {"file", "alt", "caption"} of each figure; files lie beside result.json
    environment : dict
        versions, the digest of the package's code and its commit, device, threads
    status : str
        "complete"
    peak_memory_bytes : float or None
        `peak_memory` of the process that saved the record, at that time; None until it is
        saved, NaN where it is not known
    """

    notebook: str
    parameters: dict[str, Any]
    seed: int = 0
    methods: dict[str, MethodRecord] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    findings: dict[str, Any] = field(default_factory=dict)
    figures: list[dict[str, str]] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=lambda: environment())
    status: str = "complete"
    peak_memory_bytes: float | None = None
    data: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, notebook: str, namespace: dict[str, Any]) -> "RunRecord":
        """Begin a record with the parameters of a notebook.

        Parameters
        ----------
        notebook : str
            name of the notebook without ending
        namespace : dict
            ``globals()`` just after the parameters cell: every simple value (bool, int, float,
            str, list) in it is recorded as a parameter, so call this before any other assignment.
            A value of another type than its line of that cell says, such as the text "[10, 6]"
            that papermill hands over for a list, is read as that type here

        Raises
        ------
        DataError
            for a value that cannot be read as its type
        """
        hidden = {"In", "Out", "exit", "quit"}
        parameters = {
            name: value
            for name, value in namespace.items()
            if not name.startswith("_") and name not in hidden and isinstance(value, (bool, int, float, str, list))
        }
        types = namespace.get("__annotations__", {})
        known = {
            name: Parameter(name, types[name].__name__, _EXAMPLES[types[name]])
            for name in parameters
            if isinstance(types.get(name), type) and types[name] in _EXAMPLES
        }
        typed = check_parameters({name: parameters[name] for name in known}, known, notebook)
        namespace.update(typed)
        parameters |= typed
        return cls(notebook=notebook, parameters=parameters, seed=namespace.get("seed", 0))

    @property
    def folder(self) -> Path:
        """Folder of the run's files, created if missing: the parameter ``out``, else a folder below `data_home`."""
        folder = Path(self.parameters.get("out") or data_home() / "runs" / self.notebook)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def __str__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items() if name != "out")
        return f"{self.notebook}: {settings}"

    def save(self, folder: str | Path | None = None) -> Path:
        """Write result.json, completely or not at all, into ``folder`` (default: the run's own); NaN becomes null."""
        path = Path(folder or self.folder) / FILE_NAME
        content = {"schema": SCHEMA, **asdict(self)}
        if self.peak_memory_bytes is None:
            content["peak_memory_bytes"] = peak_memory()
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(_json_values(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, folder: str | Path) -> "RunRecord":
        """Read ``folder/result.json``; a `DataError` if it is missing, broken or of another schema."""
        path = Path(folder) / FILE_NAME
        try:
            content = read_json(path)
        except FileNotFoundError:
            raise DataError(f"{path} does not exist; the run that should have written it is not complete") from None
        except (ValueError, OSError) as error:
            raise DataError(f"{path} is not readable JSON ({error}); run its notebook again") from None
        if not isinstance(content, dict) or content.pop("schema", None) != SCHEMA:
            raise DataError(f"{path} is not a record of schema {SCHEMA}; it was written by another version of dlchkit")
        try:
            record = cls(**content)
            if record.peak_memory_bytes is None:
                record.peak_memory_bytes = math.nan  # not None, so that saving it again keeps it unknown
            _check_kinds(record)
            record.methods = {name: _as_method(fields) for name, fields in record.methods.items()}
            for name, method in record.methods.items():
                _check_shapes(name, method)
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DataError(
                f"{path} lacks or adds a field, or one of another kind ({error}); run its notebook again"
            ) from None
        return record


def _as_method(fields: Any) -> MethodRecord:
    return MethodRecord(**fields)


def _check_kinds(record):
    """Raise TypeError where a field that was read is of another kind than `RunRecord.save` writes."""
    kinds = dict.fromkeys(("notebook", "status"), str)
    kinds |= dict.fromkeys(("parameters", "data", "methods", "metrics", "findings", "environment"), dict)
    for name, kind in kinds.items():
        if not isinstance(getattr(record, name), kind):
            raise TypeError(f"{name} is {getattr(record, name)!r}")
    if type(record.seed) is not int:
        raise TypeError(f"seed is {record.seed!r}")
    if type(record.peak_memory_bytes) not in (int, float) or abs(record.peak_memory_bytes) >= 2**63:
        raise TypeError(f"peak_memory_bytes is {record.peak_memory_bytes!r}")
    if not isinstance(record.figures, list) or not all(isinstance(figure, dict) for figure in record.figures):
        raise TypeError(f"figures is {record.figures!r}")
    for figure in record.figures:
        if not is_plain_name(figure.get("file")):
            raise ValueError(f"figure {figure.get('file')!r} is no name of a file beside it")


def _check_shapes(name, method):
    """Raise ValueError where matrices and lists of a method differ in the number of stages."""
    n = len(method.seconds)
    for R in (method.R, *method.other_R.values()):
        for direction, scores in R.items():
            if scores.shape != (n, n):
                raise ValueError(f"{name} has {n} stages and R of shape {scores.shape} for {direction}")
    # The list is empty where no code is kept.
    if not isinstance(method.old_codes_unchanged, list) or len(method.old_codes_unchanged) not in (0, n):
        raise ValueError(f"{name} has {n} stages and old_codes_unchanged {method.old_codes_unchanged!r}")
    for numbers in _NUMBERS_BY_STAGE:
        if np.shape(getattr(method, numbers)) not in ((0,), (n,)):
            raise ValueError(f"{name} has {n} stages and {numbers} {getattr(method, numbers)!r}")
    if method.clock not in _CLOCKS:
        raise ValueError(f"{name} has the clock {method.clock!r}")
    for scores in (*method.unseen.values(), *method.chance.values()):
        if scores.shape != (n,):
            raise ValueError(f"{name} has {n} stages and a list of shape {scores.shape}")


def code_digest() -> str:
    """A digest of the package's source that a run can reach: all of it except pages, benches and the command line."""
    package = Path(__file__).parent
    files = {path.relative_to(package): path for path in package.rglob("*.py")}
    reached = sorted(name for name in files if name.parts[0] not in _NOT_REACHED)
    return digest(*(f"{name.as_posix()}\n{files[name].read_text(encoding='utf-8')}" for name in reached))


def code_commit() -> str | None:
    """The commit of the checkout that the package runs from; None where there is none, or no git."""
    checkout = Path(__file__).parents[1]
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()


def environment() -> dict[str, Any]:
    """Collect versions, number of cores, device and threads of this process."""
    versions = {}
    for name in _VERSIONS_OF:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "python": platform.python_version(),
        "versions": versions,
        "code": code_digest(),
        "commit": code_commit(),
        "cores": os.cpu_count(),
        **_torch_state(),
    }


def _torch_state() -> dict[str, Any]:
    import torch  # here, so that reading records does not wait for torch

    return {"device": "cuda" if torch.cuda.is_available() else "cpu", "threads": torch.get_num_threads()}


def peak_memory() -> float:
    """Measure the largest main memory of this process since its start, in bytes; NaN on systems that do not report it.

    Notes
    -----
    VmHWM on Linux, since ru_maxrss survives the start of a new program there: a program
    started by a large process would report that size. ru_maxrss on macOS; NaN on Windows.
    Memory of a GPU, and of processes that this one started, is not included.
    """
    if sys.platform == "darwin":
        import resource  # here, since Windows has none

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.nan
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), math.nan)


def _json_values(value):
    """Turn values into those of JSON: arrays into lists, NaN and infinities into null."""
    if isinstance(value, dict):
        return {str(key): _json_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_json_values(item) for item in value]
    if isinstance(value, np.generic):
        return _json_values(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
