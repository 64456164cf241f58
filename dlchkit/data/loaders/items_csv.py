"""A person's own data: a folder with an items.csv, read and checked row by row."""

import csv
import difflib
from collections import Counter
from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.npy_files import read_features
from dlchkit.data.loaders.row_checks import assemble, image_problem, is_inside, not_finite
from dlchkit.errors import DataError


def holds_items(place: Path) -> bool:
    """Whether a folder has an items.csv."""
    return (place / "items.csv").is_file()


def load_items(
    folder: Path,
    *,
    text: str = "text",
    labels: str = "label",
    group: str = "",
    image: str = "image",
    id: str = "id",
    skip_bad_rows: bool = False,
) -> PairedDataset:
    """Read ``folder/items.csv`` and the files it names.

    Parameters
    ----------
    text : column of texts
    labels : one column of labels or several, separated by commas; a cell may hold several
        labels separated by "|". With several columns a class is named "column=value".
        "column:10" takes the column's ten most frequent values only.
    group : column whose equal values never stand on both sides of a split; "" for none.
        A row whose cell is empty is a group of its own.
    image : column of image files, relative to the folder and inside it. It may be absent
        where ``image_features.npy`` (n, d), one row per row of items.csv, lies in the folder.
    id : column of unique ids; where the file has no column "id", rows are numbered
    skip_bad_rows : leave unusable rows out and list them in ``left_out``

    Raises
    ------
    DataError
        One line that names the row, file or value, and what would be right.
    """
    columns, rows, lines = _read_csv(folder / "items.csv")
    most_frequent = _label_columns(labels, folder)
    label_columns = list(most_frequent)
    for name in [text, *label_columns, *([group] if group else [])]:
        _require_column(name, columns, folder)
    features = {f"{side}_features": read_features(folder / f"{side}_features.npy", len(rows)) for side in ("image", "text")}
    has_images = image in columns
    if not has_images and features["image_features"] is None:
        _require_column(image, columns, folder)
    ids = [row[id].strip() for row in rows] if _has_ids(id, columns, folder) else [str(i) for i in range(len(rows))]

    label_sets = [_labels_of(row, label_columns) for row in rows]
    problems = _problems(rows, ids, label_sets, text, label_columns, folder, image if has_images else None, features)
    usable = [i for i in range(len(rows)) if i not in problems]
    rare = _rare_labels([rows[i] for i in usable], most_frequent)
    label_sets = [names - rare for names in label_sets]
    class_names = tuple(sorted(set().union(*(label_sets[i] for i in usable))))
    return assemble(
        ids=ids,
        labels=_label_matrix(label_sets, class_names),
        class_names=class_names,
        groups=_groups(rows, group, lines) if group else ids,
        images=np.array(["" if i in problems else str((folder / row[image]).resolve()) for i, row in enumerate(rows)]) if has_images else None,
        texts=np.array([row[text] for row in rows]),
        problems=problems,
        row_name=lambda i: f"{folder / 'items.csv'} line {lines[i]}",
        skip_bad_rows=skip_bad_rows,
        **features,
    )


def _read_csv(path: Path):
    if not path.is_file():
        raise DataError(f"{path} does not exist; a data folder needs an items.csv with one row per item")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, lines = [], []
            for row in reader:
                if None in row or None in row.values():
                    raise DataError(f"{path} line {reader.line_num} has another number of cells than the header's {len(reader.fieldnames)}")
                rows.append(row)
                lines.append(reader.line_num)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path} is not a readable CSV file: {error}") from None
    if not rows:
        raise DataError(f"{path} has no rows below its header")
    return reader.fieldnames, rows, lines


def _require_column(name, columns, folder):
    if name not in columns:
        near = difflib.get_close_matches(name, columns, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(columns)}"
        raise DataError(f"{folder / 'items.csv'} has no column {name!r}; {hint}")


def _has_ids(id, columns, folder):
    if id != "id":
        _require_column(id, columns, folder)
    return id in columns


def _label_columns(labels, folder):
    """Column -> how many of its most frequent values are wanted, None for all."""
    wanted = {}
    for spec in labels.split(","):
        name, colon, count = (part.strip() for part in spec.partition(":"))
        if colon and (not count.isdecimal() or int(count) == 0):
            raise DataError(f"labels names {spec.strip()!r} of {folder / 'items.csv'}; 'column:10' takes a column's ten most frequent values")
        wanted[name] = int(count) if colon else None
    return wanted


def _rare_labels(rows, most_frequent):
    """Labels that are not among the wanted most frequent ones of their column; equally frequent ones go by name."""
    rare = set()
    for column, count in most_frequent.items():
        if count is not None:
            size = Counter(name for row in rows for name in _labels_of({column: row[column]}, [column]))
            names = sorted(size, key=lambda name: (-size[name], name))[count:]
            rare |= {f"{column}={name}" for name in names} if len(most_frequent) > 1 else set(names)
    return rare


def _labels_of(row, columns):
    several = len(columns) > 1
    return {f"{column}={value.strip()}" if several else value.strip() for column in columns for value in row[column].split("|") if value.strip()}


def _label_matrix(label_sets, class_names):
    position = {name: c for c, name in enumerate(class_names)}
    matrix = np.zeros((len(label_sets), len(class_names)), dtype=bool)
    for row, names in enumerate(label_sets):
        matrix[row, [position[name] for name in names & position.keys()]] = True
    return matrix


def _groups(rows, group, lines):
    """The group column; an empty cell says nothing in common with any other row."""
    return [row[group].strip() or f"line {line}, in no group" for row, line in zip(rows, lines)]


def _problems(rows, ids, label_sets, text, label_columns, folder, image, features):
    """Row position -> what is wrong with it."""
    seen, problems = set(), {}
    broken = not_finite(**{f"{name}.npy": values for name, values in features.items()})
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
    return problems


def _image_cell_problem(name, folder):
    if not name.strip():
        return "is not named"
    if not is_inside(folder / name, folder):
        return "lies outside the folder; put pictures inside it and name them relative to it"
    return image_problem(folder / name)
