"""What a run leaves behind: `RunRecord`, stored as result.json.

A run counts as done only when its result.json exists: it is written last, by rename.
"""

import json
import math
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np

from dlchkit.data.containers import DIRECTIONS as DIRECTIONS  # also a name of this file
from dlchkit.errors import DataError
from dlchkit.storage import atomic_path, data_home, is_plain_name, read_json

SCHEMA = 1
FILE_NAME = "result.json"
_VERSIONS_OF = ("dlchkit", "torch", "torchvision", "sentence-transformers", "scikit-learn", "numpy", "matplotlib", "papermill")


@dataclass
class MethodRecord:
    """One method on one stream.

    Attributes
    ----------
    R : direction -> float (n_stages, n_stages); R[i, j] is the mAP on stage-j queries
        after stage i with everything seen so far as database; NaN above the diagonal
    seconds : training seconds of each stage, evaluation excluded; NaN for the stages that
        a single-stage method skips
    old_codes_unchanged : for each stage, whether every code stored before it is bitwise
        what it was
    database_codes : what kind of codes the database of R has: "learned" (as the method
        stores them, from the items' labels), "encoded" (by the encoders when the item
        arrived) or "reencoded" (by today's encoders)
    other_R : kind -> R with database codes of that kind
    unseen : direction -> [stage]: mAP of a stage's queries in that stage's own database,
        both encoded just before the stage was learned; NaN for the first
    chance : direction -> [stage]: the same for a ranking drawn at random
    kept_bytes : bytes that the method held after each stage to learn the next, codes of the
        database excluded, see `dlchkit.lifelong.memory.kept_bytes`; NaN for skipped stages,
        empty where nobody measured
    """

    R: dict
    seconds: list
    old_codes_unchanged: list
    database_codes: str = "learned"
    other_R: dict = field(default_factory=dict)
    unseen: dict = field(default_factory=dict)
    chance: dict = field(default_factory=dict)
    kept_bytes: list = field(default_factory=list)

    def __post_init__(self):
        self.R, self.unseen, self.chance = (_arrays(by_direction) for by_direction in (self.R, self.unseen, self.chance))
        self.seconds, self.kept_bytes = (np.array(row, dtype=float).tolist() for row in (self.seconds, self.kept_bytes))  # null becomes NaN again
        self.other_R = {kind: _arrays(R) for kind, R in self.other_R.items()}

    @property
    def learned_at_once(self) -> bool:
        """Whether a single-stage method left it: nothing before the last of several stages."""
        return len(self.seconds) > 1 and math.isnan(self.seconds[0])


def _arrays(by_direction):
    return {direction: np.array(rows, dtype=float) for direction, rows in by_direction.items()}


@dataclass
class RunRecord:
    """Everything a notebook found out, ready for a report.

    Attributes
    ----------
    notebook : name of the notebook without ending
    parameters : the effective parameters
    seed : the seed they contain
    methods : name -> `MethodRecord`
    metrics : name -> measure -> number
    findings : whatever else a notebook measured, JSON values only
    figures : list of {"file", "alt", "caption"}; files lie beside result.json
    environment : versions, device, threads
    peak_memory_bytes : see `peak_memory`, of the process that saved the record, then; None
        until it is saved, NaN where that is not known
    """

    notebook: str
    parameters: dict
    seed: int = 0
    methods: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    findings: dict = field(default_factory=dict)
    figures: list = field(default_factory=list)
    environment: dict = field(default_factory=lambda: environment())
    status: str = "complete"
    peak_memory_bytes: float | None = None

    @classmethod
    def begin(cls, notebook: str, namespace: dict) -> "RunRecord":
        """A record with the parameters a notebook holds: call it first, with ``globals()``."""
        hidden = {"In", "Out", "exit", "quit"}
        parameters = {
            name: value
            for name, value in namespace.items()
            if not name.startswith("_") and name not in hidden and isinstance(value, (bool, int, float, str, list))
        }
        return cls(notebook=notebook, parameters=parameters, seed=parameters.get("seed", 0))

    @property
    def folder(self) -> Path:
        """Where the run's files go: its parameter ``out``, else a folder below `data_home`."""
        folder = Path(self.parameters.get("out") or data_home() / "runs" / self.notebook)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items() if name != "out")
        return f"{self.notebook}: {said}"

    def save(self, folder: str | Path | None = None) -> Path:
        """Write result.json whole into ``folder`` (default: the run's own); NaN becomes null."""
        path = Path(folder or self.folder) / FILE_NAME
        content = {"schema": SCHEMA, **asdict(self)}
        if self.peak_memory_bytes is None:
            content["peak_memory_bytes"] = peak_memory()
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(_plain(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, folder: str | Path) -> "RunRecord":
        """Read ``folder/result.json``; one clear `DataError` if it is missing, broken or newer."""
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
                record.peak_memory_bytes = math.nan  # whoever saves it again must not put a figure of its own here
            _check_kinds(record)
            record.methods = {name: MethodRecord(**method) for name, method in record.methods.items()}
            for name, method in record.methods.items():
                _check_shapes(name, method)
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DataError(f"{path} lacks or adds a field, or one of another kind ({error}); run its notebook again") from None
        return record


def _check_kinds(record):
    """TypeError where a field of a record that was read is of another kind than is written."""
    for fields, kind in ((("notebook", "status"), str), (("parameters", "methods", "metrics", "findings", "environment"), dict)):
        wrong = next((name for name in fields if not isinstance(getattr(record, name), kind)), None)
        if wrong:
            raise TypeError(f"{wrong} is {getattr(record, wrong)!r}")
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
    """ValueError where the matrices and lists of a method are not of one number of stages."""
    n = len(method.seconds)
    for R in (method.R, *method.other_R.values()):
        for direction, scores in R.items():
            if scores.shape != (n, n):
                raise ValueError(f"{name} has {n} stages and R of shape {scores.shape} for {direction}")
    if not isinstance(method.old_codes_unchanged, list) or len(method.old_codes_unchanged) not in (0, n):  # none where no code is kept
        raise ValueError(f"{name} has {n} stages and old_codes_unchanged {method.old_codes_unchanged!r}")
    if np.shape(method.kept_bytes) not in ((0,), (n,)):
        raise ValueError(f"{name} has {n} stages and kept_bytes {method.kept_bytes!r}")
    for scores in (*method.unseen.values(), *method.chance.values()):
        if scores.shape != (n,):
            raise ValueError(f"{name} has {n} stages and a list of shape {scores.shape}")


def environment() -> dict:
    """Versions, platform and thread count; torch adds its device where a notebook knows it."""
    versions = {}
    for name in _VERSIONS_OF:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {"python": platform.python_version(), "versions": versions, "cores": os.cpu_count(), **_torch_state()}


def _torch_state() -> dict:
    import torch  # here, so that reading records does not wait for torch

    return {"device": "cuda" if torch.cuda.is_available() else "cpu", "threads": torch.get_num_threads()}


def peak_memory() -> float:
    """Bytes of main memory that this process has held at most since it began; NaN where the system does not say (Windows).

    Notes
    -----
    VmHWM on Linux, where ru_maxrss would not do: it outlives the start of a new program, so
    that whatever a large process starts is said to have been as large. ru_maxrss on macOS.
    Memory of a GPU, and of processes that this one started, is not in it.
    """
    if sys.platform == "darwin":
        import resource  # here, since Windows has none

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.nan
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), math.nan)


def _plain(value):
    """JSON values: arrays as lists, NaN and infinities as null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
