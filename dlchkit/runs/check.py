"""Check every run of a sweep before the first one starts, so that mistakes show up at once and not after minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dlchkit.codes import check_n_bits
from dlchkit.data.settings import DataSettings
from dlchkit.data.streams import check_stages
from dlchkit.errors import DataError
from dlchkit.index.protocol import check_index_bits
from dlchkit.runs.notebook import holds, read_parameters
from dlchkit.runs.plan import Sweep, data_settings, own_parameters
from dlchkit.runs.run_state import Run
from dlchkit.storage import resource_folder

if TYPE_CHECKING:
    from dlchkit.encoders.prepared_data import PreparedData

_CHECKED = ("runs", "classes_per_stage", "n_bits", "methods", "rehearsal", "epochs", "seed")


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
    staged : bool
        whether the notebook lets classes arrive in stages
    searches : bool
        whether it stores codes in an index
    """

    run: str
    settings: DataSettings
    parameters: dict
    kits_own: bool
    staged: bool = False
    searches: bool = False


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
            staged = holds(notebook, ".stream(") or holds(notebook, "class_incremental_stream(")
            searches = holds(notebook, "import FaissIndex")
            wanted.append(Wanted(run.name, settings, parameters, kits_own, staged, searches))
    return wanted


def check(wanted: list[Wanted]) -> None:
    """Refuse the first run that cannot go well; every data set is read once.

    Checked are the data with its columns, the source domain, the weights file, the folder of
    earlier runs, whether the stages fit the data's classes, and whether every seed fills every
    stage; of the kit's own notebooks code lengths and methods, too.

    Raises
    ------
    DataError
        one line that names the run
    """
    read: dict[str, PreparedData] = {}
    seeds = _seeds_by_stages(wanted)
    for one in wanted:
        try:
            _check(one, read, seeds.pop(_stages_key(one), []))
        except DataError as error:
            raise DataError(f"{one.run}: {error}") from None


def _seeds_by_stages(wanted) -> dict[str, list[int]]:
    """Stages that runs ask for -> their seeds; each is checked once, with all its seeds."""
    seeds: dict[str, dict[int, None]] = {}
    for one in wanted:
        if one.staged:
            of_stages = seeds.setdefault(_stages_key(one), {})
            of_stages[one.parameters.get("seed", 0)] = None  # a dictionary keeps each once, in order
    return {stages: list(of_stages) for stages, of_stages in seeds.items()}


def _stages_key(one) -> str:
    return repr((one.settings, one.parameters.get("classes_per_stage")))


def _check(one, read, seeds):
    from dlchkit.encoders.prepared_data import PreparedData  # here: it brings torch

    key = repr(one.settings)
    if key not in read:
        read[key] = PreparedData(one.settings)
        read[key].check()
    sizes = one.parameters.get("classes_per_stage") or []
    if sizes:
        check_stages(sizes, read[key].n_classes)
    if seeds:
        read[key].check_seeds(seeds, classes_per_stage=sizes)
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
