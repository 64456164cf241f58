"""Read the Wikipedia cross-modal set (Rasiwasia et al. 2010): SIFT words and topics of sections of articles."""

from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.mat_files import read_matrices
from dlchkit.data.loaders.row_checks import assemble, not_finite, read_lines
from dlchkit.errors import DataError

PAGE = "http://www.svcl.ucsd.edu/projects/crossmodal/"
TRAIN, TEST = "trainset_txt_img_cat.list", "testset_txt_img_cat.list"
FILES = ("raw_features.mat", TRAIN, TEST, "categories.list")
PKU_VALIDATION = 231


def holds_wikipedia(place: Path) -> bool:
    """Tell whether a folder has one of the set's own lists."""
    return (place / TRAIN).is_file() or (place / TEST).is_file()


def load_wikipedia(folder: Path, *, skip_bad_rows: bool = False) -> PairedDataset:
    """Read the features and the two official lists.

    Parameters
    ----------
    folder : Path
        Holds raw_features.mat, trainset_txt_img_cat.list, testset_txt_img_cat.list and categories.list.
    skip_bad_rows : bool
        Leave rows with NaN or infinity out and list them in ``left_out``.

    Returns
    -------
    PairedDataset
        ``image_features`` (n, 128), ``text_features`` (n, 10), ids = text ids, one label of ten, and ``split``: the
        training list is "database" (2,173), the test list "query" (693). Where ``pku_split_indices.txt`` lies in
        the folder (zero-based positions in the test list, one per line), its first 231 are "validation" and the
        others "query" (462), as in the PKU papers.

    References
    ----------
    Rasiwasia et al., "A New Approach to Cross-Modal Multimedia Retrieval", ACM MM 2010.
    """
    for name in FILES:
        if not (folder / name).is_file():
            raise DataError(
                f"{folder / name} does not exist; fetch the set from {PAGE} and put {', '.join(FILES)} into {folder}"
            )
    class_names = tuple(line.strip() for line in read_lines(folder / "categories.list") if line.strip())
    image_train, text_train, image_test, text_test = read_matrices(
        folder / "raw_features.mat", ["I_tr", "T_tr", "I_te", "T_te"]
    )
    train = _read_list(folder / TRAIN, len(class_names), len(image_train), len(text_train))
    test = _read_list(folder / TEST, len(class_names), len(image_test), len(text_test))
    ids, rows, labels = (np.concatenate(columns) for columns in zip(train, test, strict=True))
    image = np.concatenate([image_train, image_test]).astype(np.float32)
    text = np.concatenate([text_train, text_test]).astype(np.float32)
    return assemble(
        ids=ids,
        labels=labels,
        class_names=class_names,
        image_features=image,
        text_features=text,
        split=_split(folder, len(image_train), len(image_test)),
        problems=not_finite(image=image, text=text),
        row_name=lambda i: f"{folder} {rows[i]}",
        skip_bad_rows=skip_bad_rows,
    )


def _read_list(path, n_classes, n_images, n_texts) -> tuple[list, list, np.ndarray]:
    """Text ids, names of the rows for messages, and labels of one of the two lists."""
    rows = [line.split("\t") for line in read_lines(path)]
    if not len(rows) == n_images == n_texts:
        raise DataError(
            f"{path} has {len(rows)} rows, and raw_features.mat has features of {n_images} images "
            f"and {n_texts} texts for it; they must be equal"
        )
    labels = np.zeros((len(rows), n_classes), dtype=bool)
    for i, row in enumerate(rows):
        category = row[2].strip() if len(row) == 3 else ""
        if not category.isdecimal() or not 1 <= int(category) <= n_classes:
            raise DataError(f"{path} line {i + 1} is not 'text id, tab, image id, tab, class 1 to {n_classes}'")
        labels[i, int(category) - 1] = True
    return [row[0] for row in rows], [f"{path.name} line {i + 1}" for i in range(len(rows))], labels


def _split(folder, n_train, n_test):
    test = np.full(n_test, "query", dtype="<U10")
    path = folder / "pku_split_indices.txt"
    if path.is_file():
        lines = [line.strip() for line in read_lines(path) if line.strip() and not line.startswith("#")]
        if sorted(lines) != sorted(map(str, range(n_test))):
            raise DataError(f"{path} must hold every position of the test list once, 0 to {n_test - 1}, one per line")
        test[np.array(lines[:PKU_VALIDATION], dtype=int)] = "validation"
    return np.concatenate([np.full(n_train, "database", dtype="<U10"), test])
