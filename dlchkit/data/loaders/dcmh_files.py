"""Read MIRFlickr-25K and NUS-WIDE as DCMH's authors prepared them: pixels, tags and labels in .mat files."""

from pathlib import Path

import numpy as np

from dlchkit.codes import binary_labels
from dlchkit.data import PairedDataset
from dlchkit.data.loaders.hdf5_pictures import StoredImages
from dlchkit.data.loaders.mat_files import SUFFIXES, arrays_in, by_rows, find_key, mat_keys, read_matrices, row_axis
from dlchkit.data.loaders.row_checks import assemble, named_classes, not_finite
from dlchkit.errors import DataError

NAMES = {  # part -> names of its variable; labels, tags, pictures, features of the pictures
    "LAll": ("LAll", "labels"),
    "YAll": ("YAll", "tags"),
    "IAll": ("IAll", "images"),
    "XAll": ("XAll",),
}
OTHER_FILES = ("index.mat", "caption.mat", "label.mat", "raw_features.mat")  # of other forms


def holds_iall(place: Path) -> bool:
    """Tell whether a folder has one of the three files, or one file has both tags and labels."""
    if place.is_file():
        return place.suffix in SUFFIXES and _has_tags_and_labels(place)
    return any(_files_of(place, part) for part in ("LAll", "YAll", "IAll")) or _single_file(place) is not None


def load_iall(place: Path, *, skip_bad_rows: bool = False) -> PairedDataset:
    """Read the three-file form or the single file.

    Parameters
    ----------
    place : Path
        One file (.mat or another HDF5) with ``YAll`` (or ``tags``), ``LAll`` (or ``labels``), and ``IAll`` (or
        ``images``, pixels) or ``XAll`` (image features) or both; or a folder with it; or a folder with
        ``*-yall.mat``, ``*-lall.mat`` and at least one of ``*-iall.mat`` and ``*-xall*.mat``, there or in folders
        called mat, YAll, LAll, IAll and XAll, as the archives unpack. A ``*-iall*.mat`` that holds ``XAll`` is a
        file of features.
    skip_bad_rows : bool
        Leave rows with NaN or infinity out and list them in ``left_out``.

    Returns
    -------
    PairedDataset
        ``text_features`` are the tag vectors as float32 (n, n_tags); there are no texts; ``images`` is a
        `StoredImages`, which reads pixels when they are asked for. Items without a label are left out and listed.
        Ids are row numbers from 0.

    Notes
    -----
    The files name no classes: put a ``classes.txt`` beside them, one line per column of ``LAll``. Matrices may lie
    either way; the size that all have in common counts items. Tags and labels are read whole, in the type they are
    stored in, then as float32.
    """
    paths = _files(place)
    matrices = _read_matrices({part: path for part, path in paths.items() if part != "IAll"})
    n = row_axis({f"{key} in {paths[key].name}": values.shape for key, values in matrices.items()})
    matrices = {key: by_rows(values, n) for key, values in matrices.items()}
    labels_path = paths["LAll"]
    labels = binary_labels(matrices["LAll"], f"LAll in {labels_path}")
    tags = matrices["YAll"].astype(np.float32)
    features = matrices["XAll"].astype(np.float32) if "XAll" in matrices else None
    images = StoredImages(paths["IAll"], find_key(paths["IAll"], NAMES["IAll"]), n) if "IAll" in paths else None
    return assemble(
        ids=[str(i) for i in range(n)],
        labels=labels,
        class_names=named_classes(place if place.is_dir() else place.parent, labels.shape[1]),
        images=images,
        image_features=features,
        text_features=tags,
        problems=not_finite(XAll=features, YAll=tags),
        row_name=lambda i: f"{labels_path} row {i}",
        skip_bad_rows=skip_bad_rows,
    )


def _files(place: Path) -> dict[str, Path]:
    """Find the file of each part, by the part's name."""
    single = place if place.is_file() else _single_file(place)
    if single is not None:
        held = mat_keys(single)
        found = {part: single for part, names in NAMES.items() if not set(names).isdisjoint(held)}
        if "IAll" not in found and "XAll" not in found:
            raise DataError(
                f"{single} has neither IAll or images (pixels) nor XAll (features); it holds {', '.join(held)}"
            )
        return found
    found = {part: path for part, paths in _paths(place).items() if (path := _only(paths, place)) is not None}
    neighbour = next(iter(found.values())).name
    if "LAll" not in found:
        raise DataError(f"{place} has no *-lall.mat; it belongs beside {neighbour}")
    if "YAll" not in found:
        raise DataError(f"{place} has no *-yall.mat; it belongs beside {neighbour}")
    if "IAll" not in found and "XAll" not in found:
        raise DataError(f"{place} has no *-iall.mat (pixels) nor *-xall.mat (features); it belongs beside {neighbour}")
    return found


def _paths(folder: Path) -> dict[str, list[Path]]:
    """List the files of each part; features that are called like pictures are features."""
    paths = {part: _files_of(folder, part) for part in NAMES}
    features = [path for path in paths["IAll"] if "XAll" in mat_keys(path)]
    paths["IAll"] = [path for path in paths["IAll"] if path not in features]
    paths["XAll"] += features
    return paths


def _only(paths: list[Path], folder: Path) -> Path | None:
    if len(paths) > 1:
        raise DataError(f"{folder} holds both {paths[0].name} and {paths[1].name}; keep one data set in a folder")
    return paths[0] if paths else None


def _read_matrices(paths: dict[str, Path]) -> dict[str, np.ndarray]:
    """Read the part of each name, and every file once."""
    matrices = {}
    for path in dict.fromkeys(paths.values()):
        parts = [part for part in paths if paths[part] == path]
        matrices.update(zip(parts, read_matrices(path, [NAMES[part] for part in parts]), strict=True))
    return matrices


def _files_of(folder: Path, part: str) -> list[Path]:
    """List the files of a part, e.g. mirflickr25k-iall.mat, in the folder or where the archives unpack them.

    These are IAll/ and IAll/IAll/, and the same for the other parts, and mat/.
    """
    paths = [path for below in ("", "mat/", "?All/", "?All/?All/") for path in folder.glob(f"{below}*.mat")]
    return sorted(path for path in paths if f"-{part.lower()}" in path.name.lower())


def _single_file(folder: Path) -> Path | None:
    """Find the one file of a folder, or of mat/ in it, that has both tags and labels."""
    places = [folder, folder / "mat"]
    files = [path for place in places for path in arrays_in(place) if path.name not in OTHER_FILES]
    return files[0] if len(files) == 1 and _has_tags_and_labels(files[0]) else None


def _has_tags_and_labels(path: Path) -> bool:
    held = mat_keys(path)
    return all(not set(NAMES[part]).isdisjoint(held) for part in ("YAll", "LAll"))
