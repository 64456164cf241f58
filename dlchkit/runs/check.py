"""Check every run of a sweep before the first one starts, so that mistakes show up at once and not after minutes."""

from pathlib import Path
from typing import NamedTuple

from dlchkit.codes import check_n_bits
from dlchkit.data.settings import DataSettings
from dlchkit.data.streams import check_stages
from dlchkit.errors import DataError
from dlchkit.index.protocol import check_index_bits
from dlchkit.runs.notebook import holds, read_parameters
from dlchkit.runs.plan import Sweep, data_settings, own_parameters
from dlchkit.runs.run_state import Run
from dlchkit.storage import resource_folder

_CHECKED = ("runs", "classes_per_stage", "n_bits", "methods", "rehearsal", "epochs")


class Wanted(NamedTuple):
    """What is checked of a run.

    Attributes
    ----------
    run : str
        its name, for messages
    settings : DataSettings
        of its data
    parameters : dict
        of its notebook, defaults included
    kits_own : bool
        whether the notebook is one of the kit's own; others may have code lengths and methods of their own
    searches : bool
        whether it stores codes in an index
    """

    run: str
    settings: DataSettings
    parameters: dict
    kits_own: bool
    searches: bool


def wanted_by(sweeps: tuple[Sweep, ...], runs: list[Run]) -> list[Wanted]:
    """List what is checked of the runs whose notebooks open data by `dlchkit.open_data`."""
    notebooks = {(sweep.name, notebook.name): notebook for sweep in sweeps for notebook in sweep.notebooks}
    wanted = []
    for run in runs:
        notebook = notebooks[run.sweep, run.notebook.name]
        settings = data_settings(notebook, run.parameters)
        if settings is not None:
            known = read_parameters(notebook)
            given = own_parameters(notebook, run.parameters)
            parameters = {name: given.get(name, known[name].default) for name in _CHECKED if name in known}
            kits_own = notebook.resolve().parent == resource_folder("notebooks").resolve()
            wanted.append(Wanted(run.name, settings, parameters, kits_own, holds(notebook, "import FaissIndex")))
    return wanted


def check(wanted: list[Wanted]) -> None:
    """Refuse the first run that cannot go well; every data set is read once.

    Checked are the data with its columns, the source domain, the weights file, the folder of
    earlier runs, and whether the stages fit the data's classes; of the kit's own notebooks
    code lengths and methods, too.

    Raises
    ------
    DataError
        one line that names the run
    """
    read = {}
    for one in wanted:
        try:
            _check(one, read)
        except DataError as error:
            raise DataError(f"{one.run}: {error}") from None


def _check(one, read):
    from dlchkit.encoders.prepared_data import PreparedData  # here: it brings torch

    key = repr(one.settings)
    if key not in read:
        prepared = PreparedData(one.settings)
        prepared.check()
        read[key] = prepared.n_classes
    if one.parameters.get("classes_per_stage"):
        check_stages(one.parameters["classes_per_stage"], read[key])
    if one.kits_own and "n_bits" in one.parameters:
        check = check_index_bits if one.searches else check_n_bits
        check(one.parameters["n_bits"])
    if one.kits_own and "methods" in one.parameters:
        _check_methods(one.parameters)
    runs = one.parameters.get("runs")
    if runs and not Path(runs).is_dir():
        raise DataError(f"runs is {runs!r}, which does not exist")


def _check_methods(parameters):
    from dlchkit.lifelong import make_learners  # here: it brings torch

    if not parameters["methods"]:
        raise DataError("methods is []; name one at least")
    training = {name: parameters[name] for name in ("rehearsal", "epochs") if parameters.get(name)}
    make_learners(parameters["methods"], parameters["n_bits"], **training)
