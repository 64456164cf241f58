"""Read MIRFlickr-25K and NUS-WIDE as DCMH's authors prepared them: pixels, tags and labels in .mat files."""

from pathlib import Path

import numpy as np

from dlchkit.codes import binary_labels
from dlchkit.data import PairedDataset
from dlchkit.data.loaders.hdf5_pictures import StoredImages
from dlchkit.data.loaders.mat_files import by_rows, find_key, mat_keys, read_matrices, row_axis
from dlchkit.data.loaders.row_checks import assemble, named_classes, not_finite
from dlchkit.errors import DataError

PARTS = ("LAll", "YAll", "IAll", "XAll")  # labels, tags, pictures, features of the pictures
PICTURES = ("IAll", "images")  # names of the pictures inside a file
OTHER_FILES = ("index.mat", "caption.mat", "label.mat", "raw_features.mat")  # of other forms


def holds_iall(place: Path) -> bool:
    """Tell whether a folder has one of the three files, or one .mat file has both tags and labels."""
    if place.is_file():
        return place.suffix == ".mat" and _has_tags_and_labels(place)
    return any(_files_of(place, part) for part in ("LAll", "YAll", "IAll")) or _single_file(place) is not None


def load_iall(place: Path, *, skip_bad_rows: bool = False) -> PairedDataset:
    """Read the three-file form or the single file.

    Parameters
    ----------
    place : Path
        One .mat file with ``images`` (or ``IAll``), ``YAll`` and ``LAll``; or a folder with it; or a folder with
        ``*-yall.mat``, ``*-lall.mat`` and at least one of ``*-iall.mat`` (pixels) and ``*-xall*.mat`` (``XAll``,
        image features), there or in folders called YAll, LAll, IAll and XAll, as the archives unpack.
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
    matrices = _read_matrices({key: path for key, path in paths.items() if key != "IAll"})
    n = row_axis({f"{key} in {paths[key].name}": values.shape for key, values in matrices.items()})
    matrices = {key: by_rows(values, n) for key, values in matrices.items()}
    labels_path = paths["LAll"]
    labels = binary_labels(matrices["LAll"], f"LAll in {labels_path}")
    tags = matrices["YAll"].astype(np.float32)
    features = matrices["XAll"].astype(np.float32) if "XAll" in matrices else None
    images = StoredImages(paths["IAll"], find_key(paths["IAll"], PICTURES), n) if "IAll" in paths else None
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
        return dict.fromkeys(("IAll", "YAll", "LAll"), single)
    found = {}
    for part in PARTS:
        paths = _files_of(place, part)
        if len(paths) > 1:
            raise DataError(f"{place} holds both {paths[0].name} and {paths[1].name}; keep one data set in a folder")
        if paths:
            found[part] = paths[0]
    neighbour = next(iter(found.values())).name
    if "LAll" not in found:
        raise DataError(f"{place} has no *-lall.mat; it belongs beside {neighbour}")
    if "YAll" not in found:
        raise DataError(f"{place} has no *-yall.mat; it belongs beside {neighbour}")
    if "IAll" not in found and "XAll" not in found:
        raise DataError(f"{place} has no *-iall.mat (pixels) nor *-xall.mat (features); it belongs beside {neighbour}")
    return found


def _read_matrices(paths: dict[str, Path]) -> dict[str, np.ndarray]:
    """Read the part of each name, and every file once."""
    matrices = {}
    for path in dict.fromkeys(paths.values()):
        keys = [key for key in paths if paths[key] == path]
        matrices.update(zip(keys, read_matrices(path, keys), strict=True))
    return matrices


def _files_of(folder: Path, part: str) -> list[Path]:
    """List the files of a part, e.g. mirflickr25k-iall.mat, in the folder or where the archives unpack them.

    These are IAll/ and IAll/IAll/, and the same for the other parts.
    """
    paths = [*folder.glob("*.mat"), *folder.glob("?All/*.mat"), *folder.glob("?All/?All/*.mat")]
    return sorted(path for path in paths if f"-{part.lower()}" in path.name.lower())


def _single_file(folder: Path) -> Path | None:
    """Find the one .mat file of a folder that has both tags and labels."""
    files = [path for path in folder.glob("*.mat") if path.name not in OTHER_FILES]
    return files[0] if len(files) == 1 and _has_tags_and_labels(files[0]) else None


def _has_tags_and_labels(path: Path) -> bool:
    return {"YAll", "LAll"} <= set(mat_keys(path))
