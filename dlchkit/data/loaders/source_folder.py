"""Read a labelled, single-modal source domain: stored features, one folder of pictures per class, or lists."""

from pathlib import Path

import numpy as np

from dlchkit.data import SourceDataset
from dlchkit.data.loaders.hash_lists import holds_lists, read_lists
from dlchkit.data.loaders.listed_pictures import find_listed
from dlchkit.data.loaders.npy_files import read_array, read_features
from dlchkit.data.loaders.picture_files import pictures_below, visible
from dlchkit.data.loaders.row_checks import named_classes, read_lines
from dlchkit.data.picture_file import unreadable_pictures
from dlchkit.errors import DataError


def load_source_folder(folder: Path, *, use: str, follow_links: bool = False) -> SourceDataset:
    """Read a labelled source domain: stored features, or one folder of pictures per class.

    Parameters
    ----------
    folder : Path
        Class names come from ``classes.tsv`` (key, name) in it, where that exists.
    use : str
        "features" reads ``image_features.npy`` (n, d) and ``labels.npy`` (n,); "images" reads the pictures below
        ``images/CLASS`` (or ``CLASS``), in folders of any depth, or those of ``database.txt`` and ``train.txt``, see
        `dlchkit.data.loaders.hash_lists`, where these have one class each.
    follow_links : bool
        Read pictures behind links that lead out of the folder.
    """
    names = {}
    if (folder / "classes.tsv").is_file():
        pairs = (line.split("\t") for line in read_lines(folder / "classes.tsv") if "\t" in line)
        names = {key: name for key, name, *_ in pairs}
    if use == "features":
        return _source_of_features(folder, names)
    if use == "images":
        return _source_of_images(folder, names, follow_links)
    raise DataError(f"use is {use!r}; a source folder is read for its 'images' or 'features'")


def _source_of_features(folder, names):
    labels = read_array(folder / "labels.npy")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) == 0:
        raise DataError(
            f"labels.npy in {folder} is an array of shape {labels.shape} and type {labels.dtype}; "
            "labels are whole numbers, one per row"
        )
    features = read_features(folder / "image_features.npy", len(labels))
    if features is None:
        raise DataError(f"{folder} has no image_features.npy; a source of features needs it beside labels.npy")
    broken = ~np.isfinite(features).all(1)
    if broken.any():
        raise DataError(
            f"image_features.npy in {folder} holds NaN or infinity in row {broken.argmax()}; "
            "features are finite numbers"
        )
    class_names = tuple(names.values()) or tuple(map(str, range(labels.max() + 1)))
    wrong = labels[(labels < 0) | (labels >= len(class_names))]
    if len(wrong):
        raise DataError(
            f"labels.npy in {folder} holds {wrong[0]}; classes.tsv names {len(class_names)} classes, counted from 0"
        )
    return SourceDataset(labels=labels.astype(np.int64), class_names=class_names, image_features=features)


def _source_of_images(folder, names, follow_links):
    if holds_lists(folder):
        files, classes = _listed_files(folder, follow_links)
    else:
        files, classes = _files_of_classes(folder, follow_links)
    for path, problem in unreadable_pictures({path: path for path, _ in files}).items():
        raise DataError(f"source picture {path} {problem}; replace it, or remove it")
    return SourceDataset(
        labels=np.array([c for _, c in files]),
        class_names=tuple(names.get(name, name) for name in classes),
        images=np.array([str(path.resolve()) for path, _ in files]),
    )


def _files_of_classes(folder, follow_links) -> tuple[list[tuple[Path, int]], list[str]]:
    """Files with the positions of their classes, and the classes: one folder each."""
    root = folder / "images" if (folder / "images").is_dir() else folder
    classes = [child for child in visible(root) if child.is_dir()]
    if len(classes) < 2:
        raise DataError(
            f"{root} holds {len(classes)} class folders; a source of pictures needs one folder per class, two at least"
        )
    files = [
        (path, c)
        for c, child in enumerate(classes)
        for path in pictures_below(child, folder, follow_links=follow_links)
    ]
    bare = set(range(len(classes))) - {c for _, c in files}
    if bare:
        raise DataError(f"class folder {classes[min(bare)]} holds no picture; add some, or remove the folder")
    return files, [child.name for child in classes]


def _listed_files(folder, follow_links) -> tuple[list[tuple[Path, int]], list[str]]:
    """The same of lists: the pictures of database.txt and train.txt, which have one class each."""
    listed = read_lists(folder)
    rows = np.flatnonzero(listed.sides == "database").tolist()
    for i in rows:
        if listed.labels[i].sum() != 1:
            raise DataError(
                f"{listed.places[i]} has {listed.labels[i].sum()} classes; in a source domain it is one each"
            )
    files, problems = find_listed([listed.paths[i] for i in rows], folder, follow_links=follow_links)
    for i, problem in problems.items():
        raise DataError(f"{listed.places[rows[i]]}: {problem}")
    classes = listed.labels[rows].argmax(1).tolist()
    return [(folder / file, c) for file, c in zip(files, classes, strict=True)], [
        *named_classes(folder, listed.labels.shape[1])
    ]
