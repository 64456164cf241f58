"""Read pictures, captions and labels as the CLIP hashing codes keep them: index.mat, caption.mat and label.mat."""

import os
import unicodedata
from pathlib import Path

import numpy as np

from dlchkit.codes import binary_labels
from dlchkit.data import PairedDataset
from dlchkit.data.loaders.mat_files import read_matrix, read_strings
from dlchkit.data.loaders.picture_files import outside_problem
from dlchkit.data.loaders.row_checks import (
    assemble,
    choose_caption,
    named_classes,
    read_lines,
)
from dlchkit.data.picture_file import unreadable_pictures
from dlchkit.errors import DataError

INDEX = ("index", "imgs", "FAll")  # names of the same variable in different codes
CAPTION = ("caption", "tags")
LABEL = ("category", "label", "LAll")


def holds_captioned(place: Path) -> bool:
    """Tell whether a folder has the index of pictures and the labels."""
    return (place / "index.mat").is_file() and (place / "label.mat").is_file()


def load_captioned(
    folder: Path,
    *,
    images: str | Path = "",
    caption: int | str = 0,
    skip_bad_rows: bool = False,
    follow_links: bool = False,
) -> PairedDataset:
    """Read ``index.mat``, ``caption.mat`` (or ``caption.txt``) and ``label.mat``.

    Parameters
    ----------
    folder : Path
        Holds these files.
    images : str or Path
        Folder below which the pictures lie; "" is the data set's own folder. The index holds paths of its authors'
        machine; a picture is found by its name, and by the folders above it where a name occurs twice, and never
        outside this folder.
    caption : int or str
        Which of an item's captions, from 0, or "all" joined.
    skip_bad_rows : bool
        Leave rows without a readable picture or without caption out and list them in ``left_out``.
    follow_links : bool
        Read pictures behind links that lead out of their folder.

    Returns
    -------
    PairedDataset
        Picture files and texts; ids are paths below the picture folder. Items without a label are left out and
        listed.

    Notes
    -----
    Keys as in the code of DCHMT (``index``, ``caption``, ``category``) and MITH (``label`` for ``category``);
    ``caption.txt`` has one line per item, as for NUS-WIDE. The files name no classes, and their authors' scripts
    take label columns in the order in which their file system lists files: put a ``classes.txt`` beside them if you
    know it.
    """
    labels_path = folder / "label.mat"
    paths = [row[0] if row else "" for row in read_strings(folder / "index.mat", INDEX)]
    captions = _captions(folder)
    labels = read_matrix(labels_path, LABEL)
    if not len(paths) == len(captions) == len(labels):
        raise DataError(
            f"rows disagree in {folder}: index.mat names {len(paths)} pictures, there are {len(captions)} captions "
            f"and label.mat has {len(labels)} rows; row i must belong to row i"
        )
    labels = binary_labels(labels, str(labels_path))
    root = Path(images) if str(images) else folder
    if not root.is_dir():
        raise DataError(f"picture folder {root} does not exist; give the folder that holds the pictures as images=")
    texts = [choose_caption(row, caption) for row in captions]
    files, problems = _resolve(paths, root, follow_links)
    for i, text in enumerate(texts):
        if not text:
            problems.setdefault(i, f"has no caption at position {caption}" if captions[i] else "has no caption")
    unreadable = unreadable_pictures(root / file for file in files if file)
    for i, file in enumerate(files):
        if file and root / file in unreadable:
            problems.setdefault(i, f"picture {file} {unreadable[root / file]}")
    return assemble(
        ids=[name or path for name, path in zip(files, paths, strict=True)],
        labels=labels,
        class_names=named_classes(folder, labels.shape[1]),
        images=np.array([str(root.resolve() / name) for name in files]),
        texts=np.array(texts),
        problems=problems,
        row_name=lambda i: f"{folder / 'index.mat'} row {i}",
        skip_bad_rows=skip_bad_rows,
    )


def _captions(folder) -> list[list[str]]:
    if (folder / "caption.mat").is_file():
        return read_strings(folder / "caption.mat", CAPTION)
    if (folder / "caption.txt").is_file():
        return [[line] for line in read_lines(folder / "caption.txt")]
    raise DataError(f"{folder} has neither caption.mat nor caption.txt; the captions belong beside index.mat")


def _resolve(paths, root, follow_links) -> tuple[list[str], dict[int, str]]:
    """Find for each foreign path a file below root with the same name and most folders in common.

    Returns the files, "" where there is none, and the problems by row.
    """
    by_name = {}
    entered = set()
    for folder, folders, names in os.walk(root, followlinks=follow_links):
        if os.path.realpath(folder) in entered:  # a link back to a folder above it
            folders.clear()
            continue
        entered.add(os.path.realpath(folder))
        for name in names:
            below = (Path(folder) / name).relative_to(root).as_posix()
            by_name.setdefault(unicodedata.normalize("NFC", name), []).append(below)
    files = []
    problems = {}
    row_of = {}
    for i, path in enumerate(paths):
        file, problem = _nearest(path, by_name, root, follow_links)
        if file in row_of:
            problem = f"names the picture {file} of row {row_of[file]} again"
        if problem:
            problems[i] = problem
            files.append("")
        else:
            row_of[file] = i
            files.append(file)
    return files, problems


def _nearest(path, by_name, root, follow_links) -> tuple[str, str]:
    """Find the file with most folders in common, or ("", the problem)."""
    parts = unicodedata.normalize("NFC", path).replace("\\", "/").split("/")
    candidates = by_name.get(parts[-1], [])
    common = [_common_end(parts, unicodedata.normalize("NFC", candidate).split("/")) for candidate in candidates]
    best = [candidate for candidate, length in zip(candidates, common, strict=True) if length == max(common)]
    if not best:
        return "", f"picture {parts[-1]!r} is not below {root}"
    if len(best) > 1:
        return "", f"picture {path!r} may be {best[0]} or {best[1]} below {root}"
    outside = outside_problem(root / best[0], root, follow_links=follow_links)
    if outside:
        return "", f"picture {best[0]} {outside}"
    return best[0], ""


def _common_end(one, other) -> int:
    """Count the equal names at the end of two paths."""
    length = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        length += 1
    return length
