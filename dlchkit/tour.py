"""The tour: the kit's notebooks in order over one data set, one record feeding the next."""

import time
from dataclasses import dataclass
from pathlib import Path

from dlchkit.batch import check_parameters, notebook_path, read_parameters, run_digest, run_notebook
from dlchkit.catalog import load, load_source, locate
from dlchkit.codes import check_n_bits
from dlchkit.data import PairedDataset
from dlchkit.errors import DataError
from dlchkit.records import RunRecord
from dlchkit.scenes import KINDS
from dlchkit.storage import atomic_path, digest
from dlchkit.streams import stage_sizes

NOTEBOOKS = ("00_tour", "01_pretrain", "02_transfer", "03_increments", "04_forgetting", "05_report")
DONE = "done.txt"


@dataclass(frozen=True)
class Step:
    """One notebook of the tour with its checked parameters."""

    notebook: Path
    folder: Path
    parameters: dict


@dataclass(frozen=True)
class TourPlan:
    """Steps whose parameters and data have been checked; nothing has run yet."""

    steps: tuple[Step, ...]
    left_out: tuple[str, ...]
    state: str


def plan_tour(data: str, folder: Path, *, source: str | None = None, parameters: dict | None = None, **columns) -> TourPlan:
    """Check the data and every parameter before anything runs.

    Parameters
    ----------
    data, **columns : as for `dlchkit.catalog.load`
    folder : gets one folder per notebook
    source : the source domain; None means scenes, or no source for data that brings features
    parameters : further notebook parameters; each goes to every notebook that has it
    """
    own = None if data == "scenes" else load(data, **columns)
    given = {"data": data, **columns}
    if own is not None:
        given |= {"data": str(locate(data)), **_fitting(own)}
        source = source if source is not None else _usual_source(own)
    if source is not None:
        given["source"] = source if source in ("", "scenes") else str(Path(source).resolve())
    given |= parameters or {}
    known = {name: read_parameters(notebook_path(name)) for name in NOTEBOOKS}
    everything = {name: parameter for parameters in known.values() for name, parameter in parameters.items()}
    settings = {name: parameter.default for name, parameter in everything.items()} | check_parameters(given, everything, Path("the tour"))
    _check_settings(settings, own)
    given |= {"increments": str((folder / "03_increments").resolve()), "runs": str(folder.resolve())}
    steps = tuple(
        Step(notebook_path(name), (folder / name).resolve(), {key: value for key, value in given.items() if key in known[name]}) for name in NOTEBOOKS
    )
    places = (settings[name] for name in ("data", "source") if settings[name] not in ("", "scenes"))
    return TourPlan(steps, own.left_out if own is not None else (), digest(*map(_state_of, places)))


def run_tour(plan: TourPlan, *, say, progress: bool = False) -> Path:
    """Run the steps that are not done yet and return the report's path.

    A step is done when its folder holds a record and the digest of what it depends on, so
    a tour that was stopped goes on where it was.

    Parameters
    ----------
    say : called with one line per notebook

    Raises
    ------
    dlchkit.errors.NotebookFailed
    """
    earlier = plan.state
    for number, step in enumerate(plan.steps, 1):
        label = f"[{number}/{len(plan.steps)}] {step.notebook.stem}"
        needed = run_digest(step.notebook, {**step.parameters, "earlier steps": earlier})
        if _is_done(step.folder, needed):
            say(f"{label}: done before")
        else:
            started = time.monotonic()
            run_notebook(step.notebook, step.folder, step.parameters, progress=progress)
            with atomic_path(step.folder / DONE) as temporary:
                temporary.write_text(needed + "\n", encoding="utf-8")
            say(f"{label}: {time.monotonic() - started:.0f} s")
        earlier = needed
    return plan.steps[-1].folder / "report.html"


def _state_of(place: str) -> str:
    """What lies in a data folder, or a data file, so that mended data is not taken for done."""
    path = Path(place)
    entries = sorted(path.iterdir()) if path.is_dir() else [path]
    return digest(*(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in entries))


def _is_done(folder, needed):
    try:
        RunRecord.load(folder)
        return (folder / DONE).read_text(encoding="utf-8").strip() == needed
    except (DataError, OSError, UnicodeDecodeError):
        return False


def _fitting(pairs: PairedDataset) -> dict:
    """Stages and epochs that suit the data's size: what the notebooks' own defaults, made for scenes, would miss."""
    n_classes = len(pairs.class_names)
    n_stages = 5 if n_classes >= 20 else min(3, n_classes)
    return {"classes_per_stage": stage_sizes(n_classes, n_stages), "epochs": min(40, max(10, round(80_000 / len(pairs))))}


def _usual_source(pairs: PairedDataset) -> str:
    return "scenes" if pairs.image_features is None else ""


def _check_settings(settings: dict, own: PairedDataset | None) -> None:
    """Refuse now what a notebook would refuse after minutes."""
    check_n_bits(settings["n_bits"])
    n_classes, stages = len(KINDS if own is None else own.class_names), settings["classes_per_stage"]
    if not all(type(count) is int and count > 0 for count in stages) or sum(stages) != n_classes:
        example = stage_sizes(n_classes, min(3, n_classes))
        raise DataError(f"classes_per_stage is {stages}; it must be whole numbers that add up to the data's {n_classes} classes, e.g. {example}")
    if settings["source"] not in ("", "scenes"):
        brings_features = own is not None and own.image_features is not None and settings["image_encoder"] in ("auto", "features")
        load_source(settings["source"], use="features" if brings_features else "images")
