"""The tour: the sweep `notebooks/tour.yaml` over one data set."""

from dataclasses import dataclass
from pathlib import Path

from dlchkit.runs.plan import Sweep
from dlchkit.runs.run_process import cores
from dlchkit.runs.run_state import Run
from dlchkit.runs.sweep_file import plan_sweep
from dlchkit.storage import resource_folder

AT_A_TIME = min(2, cores())  # notebooks; each takes about a gigabyte


@dataclass(frozen=True)
class TourPlan:
    """The tour's sweep; nothing has run yet.

    Attributes
    ----------
    sweep : Sweep
        its last run writes the report
    left_out : tuple of str
        the rows of the data that are left out, and why
    notes : tuple of str
        see `dlchkit.encoders.prepared_data.PreparedData.notes`
    warnings : tuple of str
        see `dlchkit.encoders.prepared_data.PreparedData.warnings`
    """

    sweep: Sweep
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def report(self) -> Path:
        """The page that the last notebook writes."""
        last: Run = self.sweep.runs[-1][-1]
        return (last.folder / "report.html").resolve()


def plan_tour(data: str, folder: Path, *, settings: dict, parameters: dict | None = None) -> TourPlan:
    """Plan the tour over a data set, which is read for the rows that are left out and for warnings.

    Parameters
    ----------
    data : str
        as for `dlchkit.open_data`
    folder : Path
        as for `dlchkit.runs.sweep_file.plan_sweep`
    settings : dict
        data settings that win over those of the data file
    parameters : dict
        further notebook parameters; each goes to every notebook that has it
    """
    given = {"data": data, **settings, **(parameters or {})}
    sweep = plan_sweep(resource_folder("notebooks") / "tour.yaml", folder, parameters=given)
    if data == "scenes":
        return TourPlan(sweep)
    from dlchkit.encoders.prepared_data import open_data  # here: it brings torch

    prepared = open_data(data, **settings)
    return TourPlan(sweep, tuple(prepared.pairs.left_out), tuple(prepared.notes), tuple(prepared.warnings))
