"""What the recipes of this folder share: near-duplicates, features, the folder that is written, and the check."""

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer

from dlchkit.errors import DataError

BLOCK = 1000  # rows compared with all others at once


def near_duplicate_groups(
    texts: list[str],
    image_features: np.ndarray,
    *,
    text_similarity: float = 0.9,
    image_similarity: float = 0.98,
) -> list[int]:
    """Group rows that are alike in text or in picture, directly or through other rows.

    Parameters
    ----------
    texts : list of n str
        Compared by the cosine of TF-IDF vectors of words and pairs of words (1 + log tf).
    image_features : array (n, d)
        Compared by cosine.
    text_similarity, image_similarity : float
        The least cosine at which two rows are alike.

    Returns
    -------
    list of n int
        Groups numbered from 0 in the order of their first rows.

    Examples
    --------
    >>> near_duplicate_groups(["red shirt", "green belt", "red shirt"], np.eye(3))
    [0, 1, 0]
    """
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(texts)  # rows of length 1
    pictures = np.asarray(image_features, dtype=np.float32)
    pictures = pictures / np.linalg.norm(pictures, axis=1, keepdims=True)
    pairs = []
    for start in range(0, len(texts), BLOCK):
        rows = slice(start, start + BLOCK)
        alike = (words[rows] @ words.T).toarray() >= text_similarity
        alike |= pictures[rows] @ pictures.T >= image_similarity
        pairs.append(np.argwhere(alike) + np.array([start, 0]))
    first, second = np.concatenate(pairs).T
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(len(texts), len(texts)))
    component = connected_components(graph, directed=False)[1]
    numbers = {}
    return [numbers.setdefault(name, len(numbers)) for name in component.tolist()]


def share_of_rows_grouped_alike(one: list, other: list) -> float:
    """Share of rows whose group has the same members in both groupings.

    Examples
    --------
    >>> share_of_rows_grouped_alike([0, 0, 1, 2], ["a", "a", "b", "b"])
    0.5
    """
    alike = [a == b for a, b in zip(_members(one), _members(other), strict=True)]
    return sum(alike) / len(alike)


def _members(groups):
    """For each row the rows of its group."""
    rows = defaultdict(list)
    for row, name in enumerate(groups):
        rows[name].append(row)
    return [rows[name] for name in groups]


def encode(pictures: list[Path], options: argparse.Namespace) -> np.ndarray:
    """Features float16 (n, d) of picture files, by the encoder that the command line names."""
    from dlchkit.encoders import ImageEncoder  # torch is not needed for a check

    encoder = ImageEncoder.from_torchvision(
        options.image_encoder, weights=options.image_weights or None, size=options.image_size
    )
    return encoder.encode(np.array([str(path) for path in pictures])).astype(np.float16)


def read_table(path: Path, columns: list[str]) -> list[dict[str, str]]:
    """Rows of a CSV file that has the named columns."""
    if not path.is_file():
        raise DataError(f"{path} does not exist")
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        lacking = [name for name in columns if name not in (reader.fieldnames or [])]
        if lacking:
            raise DataError(f"{path} has no column {lacking[0]!r}; the original has {', '.join(columns)}")
        return list(reader)


def rows_by_id(rows: list[dict], column: str, ids: list[str], path: Path) -> list[dict]:
    """The rows with the given ids, in the order of the ids; refused where one is not in the file."""
    known = {row[column]: row for row in rows}
    lacking = [name for name in ids if name not in known]
    if lacking:
        raise DataError(f"{path} lacks {len(lacking)} of {len(ids)} rows, {lacking[0]!r} first; it is another version")
    return [known[name] for name in ids]


def compared(items: list[dict], ours: list[dict], id_column: str, image_features: np.ndarray) -> dict[str, str]:
    """What rows and near-duplicate groups of a prepared folder have in common with the row list and with the rule."""
    same_rows = [item[id_column] for item in items] == [our[id_column] for our in ours]
    groups = [item["dup_group"] for item in items]
    same_groups = same_rows and groups == [our["dup_group"] for our in ours]
    by_rule = near_duplicate_groups([item["text"] for item in items], image_features)
    return {
        "rows": f"{len(items)}, {_those(same_rows)} of the row list, in its order",
        "dup_group": f"{_those(same_groups)} of the row list",
        "near-duplicates": f"{share_of_rows_grouped_alike(groups, by_rule):.2%} of rows grouped as the rule says",
    }


def _those(same):
    return "those" if same else "not those"


def write_items(folder: Path, items: list[dict[str, str]], image_features: np.ndarray) -> None:
    """Write items.csv and image_features.npy, a folder that ``dlchkit.load`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "items.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(items[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(items)
    np.save(folder / "image_features.npy", image_features, allow_pickle=False)


def run_recipe(description: str | None, prepare: Callable, check: Callable) -> None:
    """Read the command line of a recipe and do what it asks.

    Parameters
    ----------
    description : str or None
        First lines of the recipe's help.
    prepare : callable (original, folder, options)
        Reads the original and writes the folder.
    check : callable (folder) -> dict from str to str
        What the rules say about a prepared folder, one line per entry.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("original", nargs="?", type=Path, help="the public original, unpacked")
    parser.add_argument("folder", nargs="?", type=Path, help="the folder to write")
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="compare a prepared folder with the rules")
    parser.add_argument("--image-encoder", default="mobilenet_v2", help="a torchvision classification model")
    parser.add_argument("--image-weights", default="", help="local state file; else torchvision's published weights")
    parser.add_argument("--image-size", type=int, default=0, help="side in pixels that the network sees; 0: its own")
    options = parser.parse_args()
    if options.check is None and options.folder is None:
        parser.error("name the original and the folder to write, or --check FOLDER")
    try:
        if options.check is None:
            prepare(options.original, options.folder, options)
        for name, finding in check(options.check or options.folder).items():
            print(f"{name}: {finding}")
    except (DataError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
