"""The tour: the kit's notebooks in order over one data set, one record feeding the next."""

import time
from dataclasses import dataclass
from pathlib import Path

from dlchkit.batch import NotebookFailed, check_parameters, notebook_path, read_parameters, run_digest, run_notebook
from dlchkit.catalog import load, load_source
from dlchkit.data import PairedDataset, stage_sizes
from dlchkit.errors import DataError
from dlchkit.records import RunRecord
from dlchkit.storage import atomic_path

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


def plan_tour(data: str, folder: Path, *, source: str | None = None, parameters: dict | None = None, **columns) -> TourPlan:
    """Check the data and every parameter before anything runs.

    Parameters
    ----------
    data, **columns : as for `dlchkit.catalog.load`
    folder : gets one folder per notebook
    source : the source domain; None means scenes, or no source for data that brings features
    parameters : further notebook parameters; each goes to every notebook that has it
    """
    given = {"data": data, **columns}
    if data != "scenes":
        pairs = load(data, **columns)
        given["data"] = str(Path(data).resolve())
        given |= _fitting(pairs)
        if source is None:
            source = "" if pairs.image_features is not None else "scenes"
    if source not in (None, "", "scenes"):
        source = str(Path(source).resolve())
    if source is not None:
        given["source"] = source
    given |= parameters or {}
    if given.get("source", "scenes") not in ("", "scenes"):
        uses = "features" if data != "scenes" and given.get("image_encoder", "auto") in ("auto", "features") and pairs.image_features is not None else "images"
        load_source(given["source"], use=uses)
    known = {name: read_parameters(notebook_path(name)) for name in NOTEBOOKS}
    _refuse_unknown(given, known)
    folders = {name: (folder / name).resolve() for name in NOTEBOOKS}
    steps = []
    for name in NOTEBOOKS:
        wired = {"increments": str(folders["03_increments"]), "runs": str(folder.resolve())}
        own = {key: value for key, value in {**given, **wired}.items() if key in known[name]}
        steps.append(Step(notebook_path(name), folders[name], check_parameters(own, known[name], notebook_path(name))))
    return TourPlan(tuple(steps), pairs.left_out if data != "scenes" else ())


def run_tour(plan: TourPlan, *, say, progress: bool = False) -> Path | None:
    """Run the steps that are not done yet; the report's path, or None if a notebook failed.

    A step is done when its folder holds a record and the digest of what it depends on, so
    a tour that was stopped goes on where it was.

    Parameters
    ----------
    say : called with one line per notebook
    """
    earlier = ""
    for number, step in enumerate(plan.steps, 1):
        label = f"[{number}/{len(plan.steps)}] {step.notebook.stem}"
        needed = run_digest(step.notebook, {**step.parameters, "earlier steps": earlier})
        if _is_done(step.folder, needed):
            say(f"{label}: done before")
        else:
            started = time.monotonic()
            try:
                run_notebook(step.notebook, step.folder, step.parameters, progress=progress)
            except NotebookFailed as failure:
                say(f"{label}: failed: {' '.join(str(failure).split())}")
                return None
            with atomic_path(step.folder / DONE) as temporary:
                temporary.write_text(needed + "\n", encoding="utf-8")
            say(f"{label}: {time.monotonic() - started:.0f} s")
        earlier = needed
    return plan.steps[-1].folder / "report.html"


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


def _refuse_unknown(given, known):
    everything = {name: parameter for parameters in known.values() for name, parameter in parameters.items()}
    check_parameters(given, everything, Path("the tour"))
