"""Read lists of pictures with labels, as HashNet and DeepHash codes keep them: train.txt, test.txt, database.txt."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.listed_pictures import find_listed, picture_root, unreadable_listed
from dlchkit.data.loaders.row_checks import assemble, choose_caption, named_classes, read_lines
from dlchkit.errors import DataError

SIDES = {"database.txt": "database", "train.txt": "database", "test.txt": "query"}
CAPTIONS = "captions.txt"


class ListedPictures(NamedTuple):
    """Pictures of all lists, each once: paths as written, labels, side of the split, and file and line."""

    paths: list[str]
    labels: np.ndarray
    sides: np.ndarray
    places: list[str]


def holds_lists(place: Path) -> bool:
    """Tell whether a folder has one of the lists, with labels of 0 and 1 behind a path."""
    return any((place / name).is_file() and _path_and_labels(_first_line(place / name)) for name in SIDES)


def load_lists(
    folder: Path,
    *,
    images: str | Path = "",
    caption: int | str = 0,
    skip_bad_rows: bool = False,
    follow_links: bool = False,
) -> PairedDataset:
    """Read the lists, and the texts of ``captions.txt`` beside them.

    Parameters
    ----------
    folder : Path
        Holds ``database.txt``, ``train.txt`` and ``test.txt`` or some of them, each line a path and a 0 or 1 for
        every class; ``captions.txt``, each line a path, a tab and a text; and optionally ``classes.txt``.
    images : str or Path
        Folder below which the pictures lie; "" is the data set's own.
    caption : int or str
        Which of a picture's texts, where it has several lines, from 0, or "all" joined.
    skip_bad_rows : bool
        Leave out pictures without a readable file or a text, and list them.
    follow_links : bool
        Read pictures behind links that lead out of their folder.

    Returns
    -------
    PairedDataset
        Picture files and texts; ids are paths as in the lists. ``split``: pictures of database.txt and train.txt are
        "database", of test.txt "query"; None where one side is missing. Pictures without a label are left out, one
        line each.
    """
    if not (folder / CAPTIONS).is_file():
        raise DataError(
            f"{folder} has lists of pictures without texts: read it as a source domain (load_source, or the setting "
            f"source), or put {CAPTIONS} beside them, each line a path, a tab and a text"
        )
    listed = read_lists(folder)
    texts = _captions(folder / CAPTIONS)
    chosen = [choose_caption(texts.get(path, []), caption) for path in listed.paths]
    root = picture_root(folder, images)
    files, problems = find_listed(listed.paths, root, follow_links=follow_links)
    without = {i: f"{CAPTIONS} has no text at position {caption} for it" for i, text in enumerate(chosen) if not text}
    problems = without | unreadable_listed(files, root) | problems
    has_split = len(set(listed.sides.tolist())) == 2
    return assemble(
        ids=listed.paths,
        labels=listed.labels,
        class_names=named_classes(folder, listed.labels.shape[1]),
        images=np.array([str(root.resolve() / name) for name in files]),
        texts=np.array(chosen),
        split=listed.sides if has_split else None,
        problems=problems,
        row_name=lambda i: listed.places[i],
        skip_bad_rows=skip_bad_rows,
        notes=("pictures of database.txt and train.txt are the database, of test.txt the queries",) * has_split,
    )


def read_lists(folder: Path) -> ListedPictures:
    """Read every list; a picture may stand in train.txt and database.txt, once in each, with equal labels."""
    sides, labels, places = {}, {}, {}
    for file, side in SIDES.items():
        seen = set()
        for number, line in enumerate(read_lines(folder / file) if (folder / file).is_file() else [], start=1):
            place = f"{folder / file} line {number}"
            if not line.strip():
                continue
            path, values = _path_and_labels(line) or ("", ())
            if not path:
                raise DataError(f"{place} is not a picture's path and 0 or 1 for each class, two classes at least")
            first = next(iter(labels.values()), values)
            if len(values) != len(first):
                raise DataError(f"{place} has {len(values)} labels, {next(iter(places.values()))} has {len(first)}")
            if path in seen or sides.setdefault(path, side) != side or labels.setdefault(path, values) != values:
                raise DataError(
                    f"{place} names the picture of {places[path]} again: in one list, as query and database, or with "
                    "other labels; keep one of the lines"
                )
            seen.add(path)
            places.setdefault(path, place)
    if not sides:
        raise DataError(f"the lists in {folder} name no picture")
    matrix = np.array(list(labels.values())) == "1"
    return ListedPictures(list(sides), matrix, np.array(list(sides.values())), list(places.values()))


def _path_and_labels(line: str) -> tuple[str, tuple[str, ...]] | None:
    """Cut a line in two; None where fewer than two labels stand behind a path, as in lists of class numbers."""
    words = line.split()
    n_labels = 0
    while n_labels < len(words) - 1 and words[-1 - n_labels] in ("0", "1"):
        n_labels += 1
    return (line.strip().rsplit(None, n_labels)[0], tuple(words[-n_labels:])) if n_labels > 1 else None


def _captions(path: Path) -> dict[str, list[str]]:
    texts = {}
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            name, tab, text = line.partition("\t")
            if not tab:
                raise DataError(f"{path} line {number} is not a path, a tab and a text")
            texts.setdefault(name.strip(), []).append(text)
    return texts


def _first_line(path: Path) -> str:
    """The first line that is not empty; "" where the file is no text."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return next((line.strip() for line in file if line.strip()), "")
