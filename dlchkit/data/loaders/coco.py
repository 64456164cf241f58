"""Read MS COCO from its own annotation files: pictures, a caption each, and the 80 object categories."""

import errno
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.download import fetch
from dlchkit.data.loaders.names import spellings
from dlchkit.data.loaders.picture_files import outside_problem
from dlchkit.data.loaders.row_checks import assemble, choose_caption
from dlchkit.data.picture_file import unreadable_pictures
from dlchkit.errors import DataError
from dlchkit.storage import atomic_path, read_json

PAGE = "https://cocodataset.org/#download"
ANNOTATIONS_URL = "http://images.cocodataset.org/annotations/annotations_trainval2017.zip"
ANNOTATIONS_CHECKSUM = "md5:f4bbac642086de4f52a3fdda2de5fa2c"  # 252,907,541 bytes; as in PaddlePaddle's public loader
ANNOTATIONS_MEMBERS = (
    "annotations/captions_train2017.json",
    "annotations/instances_train2017.json",
    "annotations/captions_val2017.json",
    "annotations/instances_val2017.json",
)
PARTS = ("train2017", "val2017", "train2014", "val2014")


def holds_coco(place: Path) -> bool:
    """Tell whether a folder has an ``instances_*.json`` of one of the parts, and no file of Karpathy's split."""
    return not (place / "dataset_coco.json").is_file() and any(
        _annotation(place, "instances", part).is_file() for part in PARTS
    )


def download_coco(folder: Path) -> None:
    """Fetch the 2017 annotations (253 MB, CC BY 4.0) into ``folder/annotations``; pictures are left to you.

    Files that are there are not fetched again.
    """
    if all((folder / name).is_file() for name in ANNOTATIONS_MEMBERS):
        return
    archive = fetch(ANNOTATIONS_URL, folder / "annotations_trainval2017.zip", checksum=ANNOTATIONS_CHECKSUM)
    unpack(archive, folder, ANNOTATIONS_MEMBERS)
    archive.unlink()


def unpack(archive: Path, folder: Path, members: tuple[str, ...]) -> None:
    """Write these members of a .zip file, and no others, below ``folder``."""
    try:
        with zipfile.ZipFile(archive) as packed:
            for name in members:
                with packed.open(name) as member, atomic_path(folder / name) as path, open(path, "wb") as file:
                    shutil.copyfileobj(member, file)
    except Exception as error:  # zipfile and zlib raise many kinds for broken archives
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # EINVAL: an offset before the first byte
            raise  # a full disk, a folder that may not be written
        raise DataError(
            f"{archive} is not the archive that was expected ({type(error).__name__}); remove it and fetch it again"
        ) from None


def load_coco(
    folder: Path,
    *,
    images: str | Path = "",
    caption: int | str = 0,
    skip_bad_rows: bool = False,
    follow_links: bool = False,
) -> PairedDataset:
    """Read captions and instances, and the pictures they belong to.

    Parameters
    ----------
    folder : Path
        Holds ``captions_PART.json`` and ``instances_PART.json``, there or in ``annotations/``, for the parts
        train2017 and val2017 (or train2014 and val2014); all parts found are one data set, as hashing papers use it.
    images : str or Path
        Folder that holds one folder of pictures per part; "" looks for ``PART/`` and ``images/PART/`` in ``folder``.
    caption : int or str
        Which of a picture's captions in the order of the file, from 0 (the first), or "all" joined.
    skip_bad_rows : bool
        Leave out pictures without that caption or without a readable file, and parts without a folder of pictures,
        and list them in ``left_out``.
    follow_links : bool
        Read pictures that are links out of their part's folder.

    Returns
    -------
    PairedDataset
        Picture files and texts. Labels are the categories in the order of their ids: true where the picture has at
        least one instance, crowds included. Pictures without any instance are left out, one line each. Ids are
        COCO's image ids, or "PART/ID" where parts use the same ones. ``split`` is None: COCO's own parts are not a
        retrieval split.
    """
    parts = [part for part in PARTS if _annotation(folder, "instances", part).is_file()]
    if len({part[-4:] for part in parts}) > 1:
        raise DataError(
            f"{folder} holds annotations of 2014 and of 2017, which are the same pictures; keep one year in a folder"
        )
    pictures = {part: found for part in parts if (found := _picture_folder(folder, images, part)) is not None}
    bare = [part for part in parts if part not in pictures]
    if bare and not (pictures and skip_bad_rows):
        hint = ", or leave it out with --skip-bad-rows (in Python: skip_bad_rows=True)" if pictures else ""
        raise DataError(
            f"{bare[0]} has annotations but no pictures: "
            f"fetch {bare[0]}.zip from {PAGE} and unpack it to {folder / bare[0]}{hint}"
        )
    read = [_read_part(folder, part, found, caption, follow_links) for part, found in pictures.items()]
    categories = read[0][0]
    if any(others != categories for others, _ in read):
        raise _other_categories(folder)
    rows = [(part, *row) for part, (_, of_part) in zip(pictures, read, strict=True) for row in of_part]
    if not rows:
        raise DataError(f"{folder} has annotations of no image at all")
    part_of, ids, files, labels, texts, problems = zip(*rows, strict=True)
    if len(set(ids)) < len(ids):
        ids = [f"{part}/{id}" for part, id in zip(part_of, ids, strict=True)]
    problems = {i: problem for i, problem in enumerate(problems) if problem}
    named = {i: Path(file) for i, file in enumerate(files) if i not in problems}
    problems |= {i: f"picture {files[i]} {problem}" for i, problem in unreadable_pictures(named).items()}
    return assemble(
        ids=ids,
        labels=np.array(labels),
        class_names=categories,
        images=np.array(files),
        texts=np.array(texts),
        problems=problems,
        row_name=lambda i: f"{folder} image {ids[i]}",
        skip_bad_rows=skip_bad_rows,
        left_out=tuple(f"{part}: left out whole, it has no folder of pictures" for part in bare),
    )


def _read_part(folder, part, pictures, caption, follow_links) -> tuple[tuple, list]:
    """Read the category names in the order of their ids, and id, file, labels, text and problem of every picture."""
    path = _annotation(folder, "instances", part)
    categories, labels, named = _read_instances(path)
    captions = read_annotations(_annotation(folder, "captions", part), ("annotations",))
    there = {file.name for file in pictures.iterdir()}
    texts = {id: [] for id in labels}
    with _one_release(path):
        for annotation in captions["annotations"]:
            texts[annotation["image_id"]].append(_text(annotation["caption"]))
    rows = []
    for id, name in named:
        text = choose_caption(texts[id], caption)
        name = next((form for form in spellings(name) if form in there), name)
        problem = None if text else f"has no caption at position {caption}"
        if name not in there:
            problem = f"picture {name} is not in {pictures}"
        elif outside := outside_problem(pictures / name, pictures, follow_links=follow_links):
            problem = f"picture {name} {outside}"
        rows.append((str(id), str(pictures.resolve() / name), labels[id], text, problem))
    return categories, rows


def read_labels(folder: Path) -> tuple[tuple[str, ...], dict[int, np.ndarray]]:
    """Read category names and the labels of every image id, of all parts found; no part, no labels."""
    categories, labels = (), {}
    for path in (_annotation(folder, "instances", part) for part in PARTS):
        if path.is_file():
            names, of_part, _ = _read_instances(path)
            if categories not in ((), names):
                raise _other_categories(folder)
            categories, labels = names, labels | of_part
    return categories, labels


def _read_instances(path: Path) -> tuple[tuple[str, ...], dict[int, np.ndarray], list[tuple[int, str]]]:
    """Read category names in the order of their ids, labels by image id, and (image id, file name) pairs."""
    instances = read_annotations(path, ("images", "annotations", "categories"))
    with _one_release(path):
        categories = sorted((c["id"], _text(c["name"])) for c in instances["categories"])
        column = {id: position for position, (id, _) in enumerate(categories)}
        if len(column) < len(categories):
            raise DataError(f"{path} gives several categories one id; each needs an id of its own")
        labels = {picture["id"]: np.zeros(len(categories), dtype=bool) for picture in instances["images"]}
        if len(labels) < len(instances["images"]):
            raise DataError(f"{path} gives several images one id; each needs an id of its own")
        for annotation in instances["annotations"]:
            labels[annotation["image_id"]][column[annotation["category_id"]]] = True
        named = [(picture["id"], _text(picture["file_name"])) for picture in instances["images"]]
    return tuple(name for _, name in categories), labels, named


@contextmanager
def _one_release(path: Path) -> Iterator[None]:
    """Turn what does not fit together into one line."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} and its captions do not fit together ({type(error).__name__}: {error}); "
            "both must come from one release"
        ) from None


def _other_categories(folder: Path) -> DataError:
    return DataError(f"the parts in {folder} have different categories; they must come from one release")


def _text(value) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def read_annotations(path: Path, keys: tuple[str, ...]) -> dict:
    """Read an annotation file that holds these keys."""
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise DataError(
            f"{path} does not exist; captions_PART.json and instances_PART.json belong together: "
            f"fetch the annotations from {PAGE}"
        ) from None
    except (ValueError, IsADirectoryError):
        raise DataError(f"{path} is not readable JSON; it may be cut short: fetch it again") from None
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            raise DataError(f"{path} has no {key!r}; it is not the annotation file that its name says")
    return content


def _annotation(folder, kind, part) -> Path:
    inside = folder / "annotations" / f"{kind}_{part}.json"
    return inside if inside.is_file() else folder / f"{kind}_{part}.json"


def _picture_folder(folder, images, part) -> Path | None:
    roots = [Path(images)] if str(images) else [folder, folder / "images"]
    return next((root / part for root in roots if (root / part).is_dir()), None)
