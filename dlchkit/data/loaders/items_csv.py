"""Read a folder of one's own data with an items.csv, checked row by row."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.npy_files import read_features
from dlchkit.data.loaders.row_checks import assemble, is_inside, not_finite
from dlchkit.data.picture_file import unreadable_pictures
from dlchkit.errors import DataError, nearest_name

COLUMNS = {"text": "text", "labels": "label", "group": "", "image": "image", "id": "id"}  # option -> column by default


def holds_items(place: Path) -> bool:
    """Tell whether a folder has an items.csv."""
    return (place / "items.csv").is_file()


def load_items(
    folder: Path,
    *,
    text: str = COLUMNS["text"],
    labels: str = COLUMNS["labels"],
    group: str = COLUMNS["group"],
    image: str = COLUMNS["image"],
    id: str = COLUMNS["id"],
    skip_bad_rows: bool = False,
) -> PairedDataset:
    """Read ``folder/items.csv`` and the files it names.

    Parameters
    ----------
    folder : Path
        Holds items.csv and the files it names.
    text : str
        Column of texts.
    labels : str
        One column of labels or several, separated by commas; a cell may hold several labels separated by "|".
        With several columns a class is named "column=value". "column:10" takes the column's ten most frequent
        values only.
    group : str
        Column whose equal values never stand on both sides of a split; "" for none. A row whose cell is empty is
        a group of its own.
    image : str
        Column of image files, relative to the folder and inside it. It may be absent where
        ``image_features.npy`` (n, d), one row per row of items.csv, lies in the folder.
    id : str
        Column of unique ids; where the file has no column "id", rows are numbered.
    skip_bad_rows : bool
        Leave unusable rows out and list them in ``left_out``.

    Raises
    ------
    DataError
        The line names the row, file or value, and what would be right.
    """
    columns, rows, lines = _read_csv(folder / "items.csv")
    most_frequent = _label_columns(labels, folder)
    label_columns = list(most_frequent)
    for name in [text, *label_columns, *([group] if group else [])]:
        _require_column(name, columns, folder)
    image_features = read_features(folder / "image_features.npy", len(rows))
    text_features = read_features(folder / "text_features.npy", len(rows))
    has_images = image in columns
    if not has_images and image_features is None:
        _require_column(image, columns, folder)
    ids = _ids(rows, id, columns, folder)

    label_sets = [_labels_of(row, label_columns) for row in rows]
    broken = not_finite(**{"image_features.npy": image_features, "text_features.npy": text_features})
    problems = _problems(rows, ids, label_sets, text, label_columns, folder, image if has_images else None, broken)
    usable = [i for i in range(len(rows)) if i not in problems]
    rare = _rare_labels([rows[i] for i in usable], most_frequent)
    label_sets = [names - rare for names in label_sets]
    class_names = tuple(sorted(set().union(*(label_sets[i] for i in usable))))
    return assemble(
        ids=ids,
        labels=_label_matrix(label_sets, class_names),
        class_names=class_names,
        groups=_groups(rows, group, lines) if group else ids,
        images=_picture_files(rows, image, problems, folder) if has_images else None,
        texts=np.array([row[text] for row in rows]),
        problems=problems,
        row_name=lambda i: f"{folder / 'items.csv'} line {lines[i]}",
        skip_bad_rows=skip_bad_rows,
        image_features=image_features,
        text_features=text_features,
    )


def _read_csv(path: Path) -> tuple[list[str], list[dict[str, str]], list[int]]:
    """Read the names of the columns, the rows, and the line on which each row ends."""
    if not path.is_file():
        raise DataError(f"{path} does not exist; a data folder needs an items.csv with one row per item")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            rows = []
            lines = []
            for row in reader:
                if None in row or None in row.values():
                    raise DataError(
                        f"{path} line {reader.line_num} has another number of cells than the header's {len(columns)}"
                    )
                rows.append(row)
                lines.append(reader.line_num)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path} is not a readable CSV file: {error}") from None
    if not rows:
        raise DataError(f"{path} has no rows below its header")
    return columns, rows, lines


def _require_column(name, columns, folder):
    if name not in columns:
        raise DataError(f"{folder / 'items.csv'} has no column {name!r}; {nearest_name(name, columns)}")


def _ids(rows, id, columns, folder) -> list[str]:
    """Take the column of ids; rows are numbered where there is no such column and none was asked for."""
    if id not in columns and id == COLUMNS["id"]:
        return [str(i) for i in range(len(rows))]
    _require_column(id, columns, folder)
    return [row[id].strip() for row in rows]


def _picture_files(rows, image, problems, folder) -> np.ndarray:
    return np.array(["" if i in problems else str((folder / row[image]).resolve()) for i, row in enumerate(rows)])


def _label_columns(labels, folder):
    """Read the option: column -> how many of its most frequent values are wanted, None for all."""
    wanted = {}
    for spec in labels.split(","):
        name, colon, count = (part.strip() for part in spec.partition(":"))
        if colon and (not count.isdecimal() or int(count) == 0):
            raise DataError(
                f"labels names {spec.strip()!r} of {folder / 'items.csv'}; "
                "'column:10' takes a column's ten most frequent values"
            )
        wanted[name] = int(count) if colon else None
    return wanted


def _rare_labels(rows, most_frequent):
    """Find the labels that are not among the wanted ones of their column; equally frequent ones go by name."""
    rare = set()
    for column, count in most_frequent.items():
        if count is not None:
            size = Counter(name for row in rows for name in _values(row[column]))
            for name in sorted(size, key=lambda name: (-size[name], name))[count:]:
                rare.add(_class_name(column, name, most_frequent))
    return rare


def _labels_of(row, columns) -> set[str]:
    return {_class_name(column, value, columns) for column in columns for value in _values(row[column])}


def _values(cell: str) -> set[str]:
    """Split a cell of labels."""
    return {value.strip() for value in cell.split("|") if value.strip()}


def _class_name(column, value, columns) -> str:
    return f"{column}={value}" if len(columns) > 1 else value


def _label_matrix(label_sets, class_names):
    position = {name: c for c, name in enumerate(class_names)}
    matrix = np.zeros((len(label_sets), len(class_names)), dtype=bool)
    for row, names in enumerate(label_sets):
        matrix[row, [position[name] for name in names & position.keys()]] = True
    return matrix


def _groups(rows, group, lines):
    """Take the group column; a row with an empty cell is a group of its own."""
    return [row[group].strip() or f"line {line}, in no group" for row, line in zip(rows, lines, strict=True)]


def _problems(rows, ids, label_sets, text, label_columns, folder, image, broken) -> dict[int, str]:
    """Find what is wrong with rows, by their position; ``broken`` holds the faults of their features."""
    seen = set()
    problems = {}
    for i, row in enumerate(rows):
        if not ids[i] or ids[i] in seen:
            problems[i] = f"id {ids[i]!r} occurs twice" if ids[i] else "id is empty"
        elif not row[text].strip():
            problems[i] = f"column {text!r} is empty"
        elif not label_sets[i]:
            problems[i] = f"column {', '.join(label_columns)!r} is empty: an item needs a label"
        elif i in broken:
            problems[i] = broken[i]
        elif image is not None:
            problem = _image_cell_problem(row[image], folder)
            if problem:
                problems[i] = f"image file {row[image]} {problem}"
        seen.add(ids[i])
    if image is not None:
        pictures = {i: folder / row[image] for i, row in enumerate(rows) if i not in problems}
        unreadable = unreadable_pictures(pictures.values())
        named = {i: path for i, path in pictures.items() if path in unreadable}
        problems |= {i: f"image file {rows[i][image]} {unreadable[path]}" for i, path in named.items()}
    return problems


def _image_cell_problem(name, folder):
    if not name.strip():
        return "is not named"
    if not is_inside(folder / name, folder):
        return "lies outside the folder; put pictures inside it and name them relative to it"
    return None
