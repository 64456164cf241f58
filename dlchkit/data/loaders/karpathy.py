"""Read the caption files of Karpathy's splits, dataset_coco.json and relatives, with labels from beside them."""

from pathlib import Path

import numpy as np

from dlchkit.codes import binary_labels
from dlchkit.data import PairedDataset
from dlchkit.data.loaders.coco import read_annotations, read_labels
from dlchkit.data.loaders.listed_pictures import find_listed, picture_root, unreadable_listed
from dlchkit.data.loaders.npy_files import read_array
from dlchkit.data.loaders.row_checks import assemble, choose_caption, named_classes
from dlchkit.errors import DataError

FILES = ("dataset_coco.json", "dataset_flickr30k.json", "dataset_flickr8k.json")
SIDES = {"train": "database", "restval": "database", "val": "validation", "test": "query"}


def holds_karpathy(place: Path) -> bool:
    """Tell whether a folder has one of the files."""
    return any((place / name).is_file() for name in FILES)


def load_karpathy(
    folder: Path,
    *,
    images: str | Path = "",
    caption: int | str = 0,
    skip_bad_rows: bool = False,
    follow_links: bool = False,
) -> PairedDataset:
    """Read captions and split, labels from beside them, and the pictures.

    Parameters
    ----------
    folder : Path
        Holds one of `FILES`, and labels: COCO's ``instances_*.json`` (there or in ``annotations/``), or
        ``labels.npy``, 0 and 1, one row for each of the file's images, with ``classes.txt``.
    images : str or Path
        Folder below which the pictures lie; "" is the data set's own. Where no picture has its name of 2014
        (``COCO_val2014_000000000042.jpg``), names of 2017 (``000000000042.jpg``) are tried.
    caption : int or str
        Which of a picture's captions, from 0 (the first), or "all" joined.
    skip_bad_rows : bool
        Leave out pictures without that caption, a readable file or annotations, and list them.
    follow_links : bool
        Read pictures behind links that lead out of their folder.

    Returns
    -------
    PairedDataset
        Picture files and texts; ids are COCO's, else file names. ``split``: "train" and "restval" are "database",
        "val" is "validation", "test" is "query". Pictures without a label are left out, one line each.
    """
    path = next(folder / name for name in FILES if (folder / name).is_file())
    pictures = read_annotations(path, ("images",))["images"]
    try:
        texts = [
            choose_caption([sentence["raw"] for sentence in picture["sentences"]], caption) for picture in pictures
        ]
        names = [f"{picture.get('filepath', '')}/{picture['filename']}".lstrip("/") for picture in pictures]
        sides = [SIDES[picture["split"]] for picture in pictures]
        ids = [str(picture.get("cocoid", picture["filename"])) for picture in pictures]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is not one of Karpathy's files ({type(error).__name__}: {error}); each image has sentences with "
            f"'raw', a 'filename', and a 'split' of {', '.join(SIDES)}"
        ) from None
    class_names, labels, unknown = _labels(folder, path, [picture.get("cocoid") for picture in pictures])
    root = picture_root(folder, images)
    files, problems = find_listed(names, root, follow_links=follow_links)
    if len(problems) == len(names):
        files, problems = find_listed([name.rpartition("_")[2] for name in names], root, follow_links=follow_links)
    without = {i: f"has no caption at position {caption}" for i, text in enumerate(texts) if not text}
    problems = without | unreadable_listed(files, root) | problems | unknown
    return assemble(
        ids=ids,
        labels=labels,
        class_names=class_names,
        images=np.array([str(root.resolve() / name) for name in files]),
        texts=np.array(texts),
        split=np.array(sides),
        problems=problems,
        row_name=lambda i: f"{path} image {ids[i]}",
        skip_bad_rows=skip_bad_rows,
        notes=("parts train and restval are the database, val the validation, test the queries",),
    )


def _labels(folder: Path, path: Path, coco_ids: list) -> tuple[tuple[str, ...], np.ndarray, dict[int, str]]:
    """Read class names and labels from beside the file, and which images the annotations do not know."""
    class_names, of_id = read_labels(folder)
    if class_names:
        nothing = np.zeros(len(class_names), dtype=bool)
        unknown = {i: f"the annotations have no image {id}" for i, id in enumerate(coco_ids) if id not in of_id}
        return class_names, np.array([of_id.get(id, nothing) for id in coco_ids]), unknown
    if not (folder / "labels.npy").is_file():
        raise DataError(
            f"{path} has captions but no labels, by which the kit measures; put labels.npy, 0 and 1, one row for each "
            "of its images, beside it, or COCO's instances_*.json where the pictures are COCO's"
        )
    labels = read_array(folder / "labels.npy")
    if labels.ndim != 2 or len(labels) != len(coco_ids):
        raise DataError(
            f"{folder / 'labels.npy'} has shape {labels.shape}; it needs a row for each of {len(coco_ids)} images"
        )
    return named_classes(folder, labels.shape[1]), binary_labels(labels, str(folder / "labels.npy")), {}
