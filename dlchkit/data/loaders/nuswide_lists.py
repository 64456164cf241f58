"""Read NUS-WIDE as its authors give it out: lists of images, 81 columns of labels, and tags."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.listed_pictures import find_listed, picture_root, unreadable_listed
from dlchkit.data.loaders.npy_files import read_features
from dlchkit.data.loaders.row_checks import assemble, not_finite, read_lines
from dlchkit.data.loaders.tag_texts import tag_texts
from dlchkit.errors import DataError

PAGE = "https://lms.comp.nus.edu.sg/wp-content/uploads/2019/research/nuswide/NUS-WIDE.html"


class Part(NamedTuple):
    """Files of one part: list of images, folder and ending of its labels, matrix of tags; and its side of the split."""

    images: str
    labels: str
    ending: str
    tags: str
    side: str


WHOLE = Part("Imagelist.txt", "AllLabels", "", "AllTags1k.txt", "")
TRAIN = Part("TrainImagelist.txt", "TrainTestLabels", "_Train", "Train_Tags1k.dat", "database")
TEST = Part("TestImagelist.txt", "TrainTestLabels", "_Test", "Test_Tags1k.dat", "query")


def holds_nuswide(place: Path) -> bool:
    """Tell whether a folder has one of the lists of images."""
    return any(_find(place, "ImageList", part.images).is_file() for part in (WHOLE, TRAIN, TEST))


def load_nuswide(
    folder: Path,
    *,
    images: str | Path = "",
    min_tag_count: int = 1,
    skip_bad_rows: bool = False,
    follow_links: bool = False,
) -> PairedDataset:
    r"""Read ``ImageList``, ``Groundtruth`` and ``NUS_WID_Tags``, and photos or features where they are.

    Parameters
    ----------
    folder : Path
        Holds ``ImageList/Imagelist.txt``, ``Groundtruth/AllLabels/Labels_*.txt`` and ``NUS_WID_Tags/All_Tags.txt``, or
        ``NUS_WID_Tags/AllTags1k.txt`` with its names in ``TagList1k.txt``; there or without these folders.
        Without the whole set's labels, ``TrainTestLabels`` and the two lists of images that belong to them are read.
    images : str or Path
        Folder below which the photos lie; "" is the data set's own. A photo is found by its name and folders
        (``actor\0001_2124494179.jpg``), below ``Flickr/``, ``images/`` or elsewhere. Beside or instead of photos there
        may be ``image_features.npy``, one row for each line of the list.
    min_tag_count : int
        Tags of fewer photos are left out.
    skip_bad_rows : bool
        Leave out photos that cannot be read, or features with NaN or infinity, and list them.
    follow_links : bool
        Read photos behind links that lead out of their folder.

    Returns
    -------
    PairedDataset
        Texts are a photo's tags, joined by spaces; ids are paths as in the list, with "/"; classes are the names of
        the concepts. Photos without label or tag are left out, one line each; those without a picture, in one line
        for all. ``split``: None for the whole set; else the training part is "database", the test part "query".
    """
    whole = _find(folder, "Groundtruth", WHOLE.labels).is_dir()
    parts = [WHOLE] if whole else [TRAIN, TEST]
    lists = [_names(_find(folder, "ImageList", part.images)) for part in parts]
    class_names, labels = _labels(folder, parts, lists)
    texts, note = tag_texts(_tags(folder, parts, lists), min_tag_count)
    ids = [name for names in lists for name in names]
    split = np.repeat([part.side for part in parts], [len(names) for names in lists])
    root = picture_root(folder, images)
    features = read_features(folder / "image_features.npy", len(ids))
    files, lost = find_listed(ids, root, follow_links=follow_links) if features is None else (ids, {})
    if len(lost) == len(ids):
        raise DataError(f"none of {len(ids):,} photos has a file below {root}; name their folder as images=")
    unreadable = unreadable_listed(files, root) if features is None else {}
    said = [f"{len(lost):,} of {len(ids):,} photos have no file of their own and are left out"] if lost else []
    kept = np.array([i for i in range(len(ids)) if i not in lost])
    return assemble(
        ids=np.array(ids)[kept],
        labels=labels[kept],
        class_names=class_names,
        images=np.array([str(root.resolve() / files[i]) for i in kept]) if features is None else None,
        image_features=None if features is None else features[kept],
        texts=np.array(texts)[kept],
        split=None if whole else split[kept],
        problems=not_finite(image_features=features)
        | {row: unreadable[i] for row, i in enumerate(kept.tolist()) if i in unreadable},
        bare={row: "has no tag that counts" for row, i in enumerate(kept) if not texts[i]},
        row_name=lambda row: f"{folder} {ids[kept[row]]}",
        skip_bad_rows=skip_bad_rows,
        left_out=tuple(said),
        notes=(note, *said) if whole else (note, *said, "the training list is the database, the test list the queries"),
    )


def _find(folder: Path, usual: str, name: str) -> Path:
    """The path of a file or folder in its usual folder, or else directly in the data set's."""
    inside = folder / usual / name
    return inside if inside.exists() else folder / name


def _names(path: Path) -> list[str]:
    """Read a list of names, one a line."""
    return [name for line in read_lines(path) if (name := line.strip().replace("\\", "/"))]


def _labels(folder: Path, parts: list[Part], lists: list[list[str]]) -> tuple[tuple[str, ...], np.ndarray]:
    """Read the concepts' names and a column for each."""
    concepts, rows = [], []
    for part, names in zip(parts, lists, strict=True):
        place = _find(folder, "Groundtruth", part.labels)
        files = sorted(place.glob(f"Labels_*{part.ending}.txt"))
        if not files:
            raise DataError(f"{place} has no Labels_*{part.ending}.txt; fetch Groundtruth.zip, see {PAGE}")
        concepts.append(tuple(path.stem.removeprefix("Labels_").removesuffix(part.ending) for path in files))
        rows.append(np.hstack([_zeros_and_ones(path, len(names), 1) for path in files]))
    if len(set(concepts)) > 1:
        raise DataError(f"training and test labels in {folder} are of different concepts; each needs both files")
    return concepts[0], np.concatenate(rows)


def _zeros_and_ones(path: Path, n_rows: int, n_columns: int) -> np.ndarray:
    """Read a bool matrix that is written as 0 and 1 between spaces, tabs and line ends."""
    if not path.is_file():
        raise DataError(f"{path} does not exist; fetch the collection's own files, see {PAGE}")
    digits = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    digits = digits[digits > ord(" ")]
    if len(digits) != n_rows * n_columns or not np.isin(digits, (ord("0"), ord("1"))).all():
        raise DataError(f"{path} needs {n_rows} rows, as many as the list of images, of {n_columns} times 0 or 1")
    return (digits == ord("1")).reshape(n_rows, n_columns)


def _tags(folder: Path, parts: list[Part], lists: list[list[str]]) -> list[list[str]]:
    """Read every photo's tags as people wrote them; without these, those of the 1,000 most frequent."""
    written = _find(folder, "NUS_WID_Tags", "All_Tags.txt")
    if written.is_file():
        of_photo = {words[0]: words[1:] for line in read_lines(written) if (words := line.split())}
        return [of_photo.get(Path(name).stem.rpartition("_")[2], []) for names in lists for name in names]
    lists_of_tags = [_find(folder, "NUS_WID_Tags", name) for name in ("TagList1k.txt", "Final_Tag_List.txt")]
    vocabulary = next((path for path in lists_of_tags if path.is_file()), written)
    words = np.array(_names(vocabulary))
    rows = []
    for part, names in zip(parts, lists, strict=True):
        rows += [
            words[row].tolist()
            for row in _zeros_and_ones(_find(folder, "NUS_WID_Tags", part.tags), len(names), len(words))
        ]
    return rows
