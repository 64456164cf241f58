"""Read features, tags and labels that lie as a training and a test part in .mat files (I_tr, T_tr, L_tr, I_te, ...)."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlchkit.codes import binary_labels
from dlchkit.data import PairedDataset
from dlchkit.data.loaders.mat_files import SUFFIXES, arrays_in, by_rows, mat_keys, read_matrices, row_axis
from dlchkit.data.loaders.row_checks import assemble, named_classes, not_finite
from dlchkit.errors import DataError

MOST_FILES = 6  # one for each variable


class Part(NamedTuple):
    """Names of the variables of one part."""

    image: str
    text: str
    labels: str


FAMILIES = (  # (database, queries) in the files of different authors
    (Part("I_tr", "T_tr", "L_tr"), Part("I_te", "T_te", "L_te")),
    (Part("VDatabase", "YDatabase", "databaseL"), Part("VTest", "YTest", "testL")),
    (Part("XDatabase", "YDatabase", "databaseL"), Part("XTest", "YTest", "testL")),
)


def holds_train_test(place: Path) -> bool:
    """Tell whether a file, or the few files of a folder, hold all six variables of one family."""
    return _family(_variables(place)) is not None


def load_train_test(place: Path, *, skip_bad_rows: bool = False) -> PairedDataset:
    """Read the six variables.

    Parameters
    ----------
    place : Path
        One file (.mat or another HDF5) with ``I_tr``, ``T_tr``, ``L_tr``, ``I_te``, ``T_te`` and ``L_te`` (or
        ``VDatabase``, ``YDatabase``, ``databaseL``, ``VTest``, ``YTest`` and ``testL``), or a folder with one file or
        up to six of them, there or in ``mat/``.
    skip_bad_rows : bool
        Leave rows with NaN or infinity out and list them in ``left_out``.

    Returns
    -------
    PairedDataset
        Features of pictures and texts. ``split``: the training part is "database", the test part "query". Ids are
        "database/0" and so on. Items without a label are left out and listed.

    Notes
    -----
    Labels are a matrix of 0 and 1, or one class number for each item; then classes are called by their numbers. Put
    a ``classes.txt`` beside the files, one line per class, if you know the names.
    """
    files = _variables(place)
    family = _family(files)
    assert family is not None
    arrays = _read(files, family)
    parts = [[arrays[name] for name in part] for part in family]
    for names, one, other in zip(zip(*family, strict=True), *parts, strict=True):
        if one.shape[1] != other.shape[1]:
            raise DataError(
                f"{names[0]} has {one.shape[1]} columns, {names[1]} has {other.shape[1]} in {place}; they must be equal"
            )
    image, text, labels = (np.concatenate(both) for both in zip(*parts, strict=True))
    image, text = image.astype(np.float32), text.astype(np.float32)
    sides = np.repeat(["database", "query"], [len(part[0]) for part in parts])
    ids = [f"{side}/{i}" for side, part in zip(("database", "query"), parts, strict=True) for i in range(len(part[0]))]
    folder = place if place.is_dir() else place.parent
    if labels.shape[1] == 1:
        classes = np.unique(labels)
        labels = labels == classes
        class_names = named_classes(folder, len(classes), numbers=classes.astype(int).tolist())
    else:
        class_names = named_classes(folder, labels.shape[1])
    return assemble(
        ids=ids,
        labels=labels.astype(bool),
        class_names=class_names,
        image_features=image,
        text_features=text,
        split=sides,
        problems=not_finite(pictures=image, texts=text),
        row_name=lambda i: f"{place} {ids[i]}",
        skip_bad_rows=skip_bad_rows,
        notes=(f"{family[0].image} and its texts are the database, {family[1].image} and its texts the queries",),
    )


def _variables(place: Path) -> dict[str, Path]:
    """List the names of all variables in these files, and the file of each."""
    if place.is_file():
        files = [place] if place.suffix in SUFFIXES else []
    else:
        files = arrays_in(place) or arrays_in(place / "mat")
    return {name: file for file in files for name in mat_keys(file)} if len(files) <= MOST_FILES else {}


def _family(names: Iterable[str]) -> tuple[Part, Part] | None:
    held = set(names)
    return next((family for family in FAMILIES if held.issuperset(family[0] + family[1])), None)


def _read(files: dict[str, Path], family: tuple[Part, Part]) -> dict[str, np.ndarray]:
    """Read each file once, with items as rows; labels are checked."""
    names = family[0] + family[1]
    arrays = {}
    for file in dict.fromkeys(files[name] for name in names):
        here = [name for name in names if files[name] == file]
        arrays.update(zip(here, read_matrices(file, here), strict=True))
    for part in family:
        n = row_axis({name: arrays[name].shape for name in part})
        arrays.update({name: by_rows(arrays[name], n) for name in part})
        labels = arrays[part.labels]
        where = f"{part.labels} in {files[part.labels]}"
        if labels.shape[1] > 1:
            binary_labels(labels, where)
        elif (wrong := labels[labels != np.round(labels)]).size:
            raise DataError(
                f"{where} holds {wrong[0]}; labels in one column are whole numbers, one for each item's class"
            )
    return arrays
