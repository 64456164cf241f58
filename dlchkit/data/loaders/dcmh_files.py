"""MIRFlickr-25K and NUS-WIDE as DCMH's authors prepared them: pixels, tag vectors and labels in .mat files."""

from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.hdf5_pictures import StoredImages
from dlchkit.data.loaders.mat_files import by_rows, find_key, mat_keys, read_matrix, row_axis
from dlchkit.data.loaders.row_checks import assemble, binary_labels, named_classes, not_finite
from dlchkit.errors import DataError

IMAGES, FEATURES, TAGS, LABELS = ("IAll", "images"), ("XAll",), ("YAll",), ("LAll",)


def holds_iall(place: Path) -> bool:
    """Whether a folder has one of the three files, or one .mat file has both tags and labels."""
    if place.is_file():
        return place.suffix == ".mat" and {"YAll", "LAll"} <= set(mat_keys(place))
    return any(_parts(place, part) for part in ("lall", "yall", "iall")) or _single_file(place) is not None


def load_iall(place: Path, *, skip_bad_rows: bool = False) -> PairedDataset:
    """Read the three-file form or the single file.

    Parameters
    ----------
    place : one .mat file with ``images`` (or ``IAll``), ``YAll`` and ``LAll``; or a folder
        with it; or a folder with ``*-yall.mat``, ``*-lall.mat`` and at least one of
        ``*-iall.mat`` (pixels) and ``*-xall*.mat`` (``XAll``, image features), there or in
        folders called YAll, LAll, IAll and XAll, as the archives unpack
    skip_bad_rows : leave rows with NaN or infinity out and list them in ``left_out``

    Returns
    -------
    PairedDataset with ``text_features`` = the tag vectors as float32 (n, n_tags), without
    texts; ``images`` is a `StoredImages`, which reads pixels when they are asked for.
    Items without a label are left out and listed. Ids are row numbers from 0.

    Notes
    -----
    The files name no classes: put a ``classes.txt`` beside them, one line per column of
    ``LAll``. Matrices may lie either way; the size that all have in common counts items.
    Tags and labels are read whole, in the type they are stored in, then as float32.
    """
    files = _files(place)
    matrices = {name: read_matrix(path, key) for name, (path, key) in files.items() if name != "images"}
    n = row_axis({f"{files[name][1]} in {files[name][0].name}": values.shape for name, values in matrices.items()})
    matrices = {name: by_rows(values, n) for name, values in matrices.items()}
    labels_path = files["labels"][0]
    labels = binary_labels(matrices["labels"], f"{files['labels'][1]} in {labels_path}")
    tags = matrices["tags"].astype(np.float32)
    features = matrices["features"].astype(np.float32) if "features" in matrices else None
    return assemble(
        ids=[str(i) for i in range(n)],
        labels=labels,
        class_names=named_classes(place if place.is_dir() else place.parent, labels.shape[1]),
        images=StoredImages(*files["images"], n) if "images" in files else None,
        image_features=features,
        text_features=tags,
        problems=not_finite(XAll=features, YAll=tags),
        row_name=lambda i: f"{labels_path} row {i}",
        skip_bad_rows=skip_bad_rows,
    )


def _files(place) -> dict[str, tuple[Path, str]]:
    """Part -> file and key."""
    single = place if place.is_file() else _single_file(place)
    if single is not None:
        return {name: (single, find_key(single, keys)) for name, keys in (("images", IMAGES), ("tags", TAGS), ("labels", LABELS))}
    found = {}
    for name, part, keys in (("labels", "lall", LABELS), ("tags", "yall", TAGS), ("images", "iall", IMAGES), ("features", "xall", FEATURES)):
        paths = _parts(place, part)
        if len(paths) > 1:
            raise DataError(f"{place} holds both {paths[0].name} and {paths[1].name}; keep one data set in a folder")
        if paths:
            found[name] = (paths[0], find_key(paths[0], keys))
    for names, what in (
        (["labels"], "*-lall.mat"),
        (["tags"], "*-yall.mat"),
        (["images", "features"], "*-iall.mat (pixels) nor *-xall.mat (features)"),
    ):
        if not found.keys() & set(names):
            raise DataError(f"{place} has no {what}; it belongs beside {next(iter(found.values()))[0].name}")
    return found


def _parts(folder, part) -> list[Path]:
    """Files of one part, e.g. mirflickr25k-iall.mat, in the folder or in IAll/ or IAll/IAll/, as the archives unpack."""
    return sorted(path for pattern in ("*.mat", "?All/*.mat", "?All/?All/*.mat") for path in folder.glob(pattern) if f"-{part}" in path.name.lower())


def _single_file(folder) -> Path | None:
    files = [path for path in sorted(folder.glob("*.mat")) if path.name not in ("index.mat", "caption.mat", "label.mat", "raw_features.mat")]
    return files[0] if len(files) == 1 and {"YAll", "LAll"} <= set(mat_keys(files[0])) else None
