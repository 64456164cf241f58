"""Read pictures, captions and labels as the CLIP hashing codes keep them: index.mat, caption.mat and label.mat."""

from pathlib import Path

import numpy as np

from dlchkit.codes import binary_labels
from dlchkit.data import PairedDataset
from dlchkit.data.loaders.listed_pictures import find_listed, picture_root, unreadable_listed
from dlchkit.data.loaders.mat_files import read_matrix, read_strings
from dlchkit.data.loaders.row_checks import (
    assemble,
    choose_caption,
    named_classes,
    read_lines,
)
from dlchkit.errors import DataError

INDEX = ("index", "imgs", "FAll")  # names of the same variable in different codes
CAPTION = ("caption", "tags")
LABEL = ("category", "label", "LAll")


def holds_captioned(place: Path) -> bool:
    """Tell whether a folder has the index of pictures and the labels."""
    return _mat_folder(place) is not None


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
        Holds these files, there or in ``mat/``.
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
    mat = _mat_folder(folder)
    assert mat is not None
    labels_path = mat / "label.mat"
    paths = [row[0] if row else "" for row in read_strings(mat / "index.mat", INDEX)]
    captions = _captions(mat)
    labels = read_matrix(labels_path, LABEL)
    if not len(paths) == len(captions) == len(labels):
        raise DataError(
            f"rows disagree in {mat}: index.mat names {len(paths)} pictures, there are {len(captions)} captions "
            f"and label.mat has {len(labels)} rows; row i must belong to row i"
        )
    labels = binary_labels(labels, str(labels_path))
    root = picture_root(folder, images)
    texts = [choose_caption(row, caption) for row in captions]
    files, problems = find_listed(paths, root, follow_links=follow_links)
    without = {
        i: f"has no caption at position {caption}" if captions[i] else "has no caption" for i in range(len(texts))
    }
    problems = unreadable_listed(files, root) | {i: without[i] for i, text in enumerate(texts) if not text} | problems
    return assemble(
        ids=[name or path for name, path in zip(files, paths, strict=True)],
        labels=labels,
        class_names=named_classes(folder, labels.shape[1]),
        images=np.array([str(root.resolve() / name) for name in files]),
        texts=np.array(texts),
        problems=problems,
        row_name=lambda i: f"{mat / 'index.mat'} row {i}",
        skip_bad_rows=skip_bad_rows,
    )


def _mat_folder(place: Path) -> Path | None:
    found = [folder for folder in (place, place / "mat") if (folder / "index.mat").is_file()]
    return next((folder for folder in found if (folder / "label.mat").is_file()), None)


def _captions(folder) -> list[list[str]]:
    if (folder / "caption.mat").is_file():
        return read_strings(folder / "caption.mat", CAPTION)
    if (folder / "caption.txt").is_file():
        return [[line] for line in read_lines(folder / "caption.txt")]
    raise DataError(f"{folder} has neither caption.mat nor caption.txt; the captions belong beside index.mat")
