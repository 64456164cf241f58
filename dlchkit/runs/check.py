"""Before any run of a sweep starts: data, columns, stages, methods and files that it would refuse after minutes are refused now."""

import json
from pathlib import Path
from typing import NamedTuple

from dlchkit.codes import check_n_bits
from dlchkit.data.catalog import load, load_source
from dlchkit.data.scenes import KINDS
from dlchkit.data.streams import stage_sizes
from dlchkit.errors import DataError
from dlchkit.runs.notebook import read_parameters
from dlchkit.runs.plan import Run, Sweep, own_parameters
from dlchkit.storage import resource_folder

_DATA = {"data": "str", "text": "str", "labels": "str", "group": "str", "min_class_size": "int", "skip_bad_rows": "bool"}
_OTHERS = {"source": "str", "image_encoder": "str", "image_weights": "str", "runs": "str", "classes_per_stage": "list"}
_OTHERS |= {"n_bits": "int", "methods": "list", "rehearsal": "int", "epochs": "int"}


class Wanted(NamedTuple):
    """The parameters of a run that are looked at, defaults among them, and whether its notebook is one of the kit's own."""

    run: str
    settings: dict
    kits_own: bool


class _Data(NamedTuple):
    n_classes: int | None  # None where nothing but loading would tell
    has_features: bool


def wanted_by(sweeps: tuple[Sweep, ...], runs: list[Run]) -> list[Wanted]:
    """What runs would be given, of notebooks whose data is named as in the kit's own: "scenes" by default, with the same other parameters."""
    notebooks = {(sweep.name, notebook.name): notebook for sweep in sweeps for notebook in sweep.notebooks}
    wanted = []
    for run in runs:
        notebook = notebooks[run.sweep, run.notebook.name]
        known = read_parameters(notebook)
        looked_at = [name for name, kind in (_DATA | _OTHERS).items() if name in known and known[name].type == kind]
        if _DATA.keys() <= set(looked_at) and known["data"].default == "scenes":
            settings = {name: known[name].default for name in looked_at} | own_parameters(notebook, run.parameters)
            kits_own = notebook.resolve().parent == resource_folder("notebooks").resolve()
            wanted.append(Wanted(run.name, {name: settings[name] for name in looked_at}, kits_own))
    return wanted


def check(wanted: list[Wanted]) -> None:
    """Refuse the first run that cannot go well; every data set is read once.

    Looked at are the data and its columns, the source domain, the weights file and the
    folder of earlier runs, whether the stages fit the data's classes; and of the kit's own
    notebooks, since others may have methods of their own, code lengths and methods.

    Raises
    ------
    DataError
        one line that names the run
    """
    read = {}
    for one in wanted:
        try:
            _check(one.settings, one.kits_own, read)
        except DataError as error:
            raise DataError(f"{one.run}: {error}") from None


def _check(settings, kits_own, read):
    data = _data(settings, read)
    if "classes_per_stage" in settings and data.n_classes is not None:
        _check_stages(settings["classes_per_stage"], data.n_classes)
    if kits_own and "n_bits" in settings:
        check_n_bits(settings["n_bits"])
    if kits_own and "methods" in settings:
        _check_methods(settings)
    if settings.get("source") not in (None, "", "scenes"):
        uses_features = data.has_features and settings.get("image_encoder") in ("auto", "features")
        _once(read, _read_source, source=settings["source"], use="features" if uses_features else "images")
    for name, is_there in (("image_weights", Path.is_file), ("runs", Path.is_dir)):
        if settings.get(name) and not is_there(Path(settings[name])):
            raise DataError(f"{name} is {settings[name]!r}, which does not exist")


def _data(settings, read):
    if settings["data"] == "scenes":
        return _Data(None if settings["min_class_size"] else len(KINDS), has_features=False)
    return _once(read, _described, **{name: settings[name] for name in _DATA})


def _described(data, **columns):
    pairs = load(data, **columns)
    return _Data(len(pairs.class_names), pairs.image_features is not None)


def _read_source(source, use):
    load_source(source, use=use)


def _once(read, function, **options):
    key = json.dumps([function.__name__, options])
    if key not in read:
        read[key] = function(**options)
    return read[key]


def _check_stages(stages, n_classes):
    if not all(type(count) is int and count > 0 for count in stages) or sum(stages) != n_classes:
        example = stage_sizes(n_classes, min(3, n_classes))
        raise DataError(f"classes_per_stage is {stages}; it must be whole numbers that add up to the data's {n_classes} classes, e.g. {example}")


def _check_methods(settings):
    from dlchkit.lifelong import make_learners  # here: it brings torch

    if not settings["methods"]:
        raise DataError("methods is []; name one at least")
    make_learners(settings["methods"], settings["n_bits"], **{name: settings[name] for name in ("rehearsal", "epochs") if name in settings})
