"""The tour: the sweep `notebooks/tour.yaml` over one data set, with settings that suit it."""

from dataclasses import dataclass
from pathlib import Path

from dlchkit.data import PairedDataset
from dlchkit.data.catalog import load, locate
from dlchkit.data.streams import stage_sizes
from dlchkit.runs.notebook import resource_folder
from dlchkit.runs.plan import Run, Sweep
from dlchkit.runs.sweep_file import plan_sweep


@dataclass(frozen=True)
class TourPlan:
    """A sweep that suits its data; nothing has run yet.

    Attributes
    ----------
    sweep : its last run writes the report
    left_out : what is said about rows of the data that are left out
    """

    sweep: Sweep
    left_out: tuple[str, ...]

    @property
    def report(self) -> Path:
        """The page that the last notebook writes."""
        last: Run = self.sweep.runs[-1][-1]
        return (last.folder / "report.html").resolve()


def plan_tour(data: str, folder: Path, *, source: str | None = None, parameters: dict | None = None, **columns) -> TourPlan:
    """Plan the tour over a data set, which is read for what suits it.

    Parameters
    ----------
    data, **columns : as for `dlchkit.data.catalog.load`
    folder : as for `dlchkit.runs.sweep_file.plan_sweep`
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
    sweep = plan_sweep(resource_folder("notebooks") / "tour.yaml", folder, parameters=given | (parameters or {}))
    return TourPlan(sweep, own.left_out if own is not None else ())


def _fitting(pairs: PairedDataset) -> dict:
    """Stages and epochs that suit the data's size: what the notebooks' own defaults, made for scenes, would miss."""
    n_classes = len(pairs.class_names)
    n_stages = 5 if n_classes >= 20 else min(3, n_classes)
    return {"classes_per_stage": stage_sizes(n_classes, n_stages), "epochs": min(40, max(10, round(80_000 / len(pairs))))}


def _usual_source(pairs: PairedDataset) -> str:
    return "scenes" if pairs.image_features is None else ""
