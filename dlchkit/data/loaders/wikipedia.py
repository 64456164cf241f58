"""The Wikipedia cross-modal set (Rasiwasia et al. 2010): SIFT words and topics of sections of featured articles."""

from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.mat_files import find_key, read_matrix
from dlchkit.data.loaders.row_checks import assemble, not_finite, read_lines
from dlchkit.errors import DataError

PAGE = "http://www.svcl.ucsd.edu/projects/crossmodal/"
FILES = ("raw_features.mat", "trainset_txt_img_cat.list", "testset_txt_img_cat.list", "categories.list")
PKU_VALIDATION = 231


def holds_wikipedia(place: Path) -> bool:
    """Whether a folder has one of the set's own lists."""
    return any((place / name).is_file() for name in FILES[1:3])


def load_wikipedia(folder: Path, *, skip_bad_rows: bool = False) -> PairedDataset:
    """Read the features and the two official lists.

    Parameters
    ----------
    folder : holds raw_features.mat, trainset_txt_img_cat.list, testset_txt_img_cat.list
        and categories.list
    skip_bad_rows : leave rows with NaN or infinity out and list them in ``left_out``

    Returns
    -------
    PairedDataset with ``image_features`` (n, 128), ``text_features`` (n, 10), ids = text
    ids, one label of ten, and ``split``: the training list is "database" (2,173), the test
    list "query" (693). Where ``pku_split_indices.txt`` lies in the folder (zero-based
    positions in the test list, one per line), its first 231 are "validation" and the
    others "query" (462), as in the PKU papers.

    References
    ----------
    Rasiwasia et al., "A New Approach to Cross-Modal Multimedia Retrieval", ACM MM 2010.
    """
    for name in FILES:
        if not (folder / name).is_file():
            raise DataError(f"{folder / name} does not exist; fetch the set from {PAGE} and put {', '.join(FILES)} into {folder}")
    class_names = tuple(line.strip() for line in read_lines(folder / "categories.list") if line.strip())
    parts = [_read_part(folder, name, key, len(class_names)) for name, key in (("trainset", "tr"), ("testset", "te"))]
    ids, rows, labels, image, text = (np.concatenate(columns) for columns in zip(*parts))
    n_train = len(parts[0][0])
    repeated = next((id for id, count in zip(*np.unique(ids, return_counts=True)) if count > 1), None)
    if repeated is not None:
        raise DataError(f"text {repeated} occurs twice in the lists of {folder}; every text belongs to one list, once")
    image, text = image.astype(np.float32), text.astype(np.float32)
    return assemble(
        ids=ids,
        labels=labels,
        class_names=class_names,
        image_features=image,
        text_features=text,
        split=_split(folder, n_train, len(ids) - n_train),
        problems=not_finite(image=image, text=text),
        row_name=lambda i: f"{folder} {rows[i]}",
        skip_bad_rows=skip_bad_rows,
    )


def _read_part(folder, name, key, n_classes):
    path = folder / f"{name}_txt_img_cat.list"
    rows = [line.split("\t") for line in read_lines(path)]
    features = folder / "raw_features.mat"
    image, text = (read_matrix(features, find_key(features, (f"{side}_{key}",))) for side in "IT")
    if not len(rows) == len(image) == len(text):
        raise DataError(f"{path} has {len(rows)} rows, I_{key} in raw_features.mat {len(image)} and T_{key} {len(text)}; they must be equal")
    labels = np.zeros((len(rows), n_classes), dtype=bool)
    for i, row in enumerate(rows):
        category = row[2].strip() if len(row) == 3 else ""
        if not category.isdecimal() or not 1 <= int(category) <= n_classes:
            raise DataError(f"{path} line {i + 1} is not 'text id, tab, image id, tab, class 1 to {n_classes}'")
        labels[i, int(category) - 1] = True
    return [row[0] for row in rows], [f"{path.name} line {i + 1}" for i in range(len(rows))], labels, image, text


def _split(folder, n_train, n_test):
    test = np.full(n_test, "query", dtype="<U10")
    path = folder / "pku_split_indices.txt"
    if path.is_file():
        lines = [line.strip() for line in read_lines(path) if line.strip() and not line.startswith("#")]
        if sorted(lines) != sorted(map(str, range(n_test))):
            raise DataError(f"{path} must hold every position of the test list once, 0 to {n_test - 1}, one per line")
        test[np.array(lines[:PKU_VALIDATION], dtype=int)] = "validation"
    return np.concatenate([np.full(n_train, "database", dtype="<U10"), test])
