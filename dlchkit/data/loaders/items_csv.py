"""Read a folder of one's own data with an items.csv, checked row by row."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.csv_rows import Row, csv_rows
from dlchkit.data.loaders.names import differing_by_case, names_of_nothing, one_form, unified_names
from dlchkit.data.loaders.npy_files import read_features
from dlchkit.data.loaders.picture_files import find_file, outside_problem
from dlchkit.data.loaders.row_checks import assemble, not_finite, refuse_problems
from dlchkit.data.picture_file import unreadable_pictures
from dlchkit.errors import DataError, nearest_name

COLUMNS = {"text": "text", "labels": "label", "group": "", "image": "image", "id": "id"}  # option -> column by default


def holds_items(place: Path) -> bool:
    """Tell whether a folder has an items.csv."""
    return (place / "items.csv").is_file()


class _Table(NamedTuple):
    """Rows of an items.csv by the names of its columns; of a damaged row only line and problem are known."""

    path: Path
    columns: list[str]
    rows: list[dict[str, str]]
    lines: list[int]
    problems: dict[int, str]

    def row_name(self, i: int) -> str:
        """File and line of a row, for messages."""
        return f"{self.path} line {self.lines[i]}"

    def require(self, column: str) -> None:
        """Refuse a column that is not there, with the nearest name."""
        if column not in self.columns:
            raise DataError(f"{self.path} has no column {column!r}; {nearest_name(column, self.columns)}")


def load_items(
    folder: Path,
    *,
    text: str = COLUMNS["text"],
    labels: str = COLUMNS["labels"],
    group: str = COLUMNS["group"],
    image: str = COLUMNS["image"],
    id: str = COLUMNS["id"],
    skip_bad_rows: bool = False,
    follow_links: bool = False,
) -> PairedDataset:
    """Read ``folder/items.csv`` and the files it names.

    Names of columns, labels and groups that read alike are one: letters with accents composed or not (NFC), spaces of
    any kind and number.

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
    follow_links : bool
        Read pictures behind links that lead out of the folder.

    Raises
    ------
    DataError
        The line names the row, file or value, and what would be right.
    """
    text, group, image, id = map(one_form, (text, group, image, id))
    most_frequent = _label_columns(labels, folder)
    label_columns = list(most_frequent)
    table = _read_table(folder / "items.csv", label_columns, image)
    rows = table.rows
    for name in [text, *label_columns, *([group] if group else [])]:
        table.require(name)
    if not skip_bad_rows:
        refuse_problems(table.problems, table.row_name)  # before anything is counted by rows
    image_features = read_features(folder / "image_features.npy", len(rows))
    text_features = read_features(folder / "text_features.npy", len(rows))
    if image_features is None or image != COLUMNS["image"]:
        table.require(image)
    has_images = image in table.columns

    label_sets = [_labels_of(row, label_columns) for row in rows]
    broken = not_finite(**{"image_features.npy": image_features, "text_features.npy": text_features})
    files = [find_file(folder, row[image].strip()) for row in rows] if has_images else []
    problems = {}
    for i, row in enumerate(rows):
        problem = table.problems.get(i) or _row_problem(row, label_sets[i], text, label_columns) or broken.get(i)
        if not problem and has_images:
            problem = _image_problem(row[image], image, files[i], folder, follow_links)
        if problem:
            problems[i] = problem
    unreadable = unreadable_pictures({i: file for i, file in enumerate(files) if i not in problems})
    problems |= {i: f"image file {rows[i][image]} {problem}" for i, problem in unreadable.items()}
    usable = [row for i, row in enumerate(rows) if i not in problems]
    rare = _rare_labels(usable, most_frequent)
    label_sets = [names - rare for names in label_sets]
    class_names = tuple(sorted(set().union(*(names for i, names in enumerate(label_sets) if i not in problems))))
    return assemble(
        ids=_ids(table, id),
        labels=_label_matrix(label_sets, class_names),
        class_names=class_names,
        groups=_groups(table, group) if group else None,
        images=np.array(["" if i in problems else str(file.resolve()) for i, file in enumerate(files)])
        if has_images
        else None,
        texts=np.array([row[text] for row in rows]),
        problems=problems,
        row_name=table.row_name,
        skip_bad_rows=skip_bad_rows,
        notes=_notes(usable, label_columns, group),
        image_features=image_features,
        text_features=text_features,
    )


def _read_table(path: Path, label_columns: list[str], image: str) -> _Table:
    """Read the file; a cell that may have swallowed rows counts as a stray quote."""
    if not path.is_file():
        raise DataError(f"{path} does not exist; a data folder needs an items.csv with one row per item")
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    header, *rows = csv_rows(content) if content.strip() else [Row(1, [], "")]
    columns = _column_names(path, header, content)
    swallows = _swallowed_rows([row.cells for row in rows], columns, label_columns, image)
    rows = list(csv_rows(content, swallows=swallows))[1:]
    if not rows:
        raise DataError(f"{path} has no rows below its header")
    problems = {i: problem for i, row in enumerate(rows) if (problem := _problem_of_cells(row, len(columns)))}
    nothing = [""] * len(columns)
    by_name = [dict(zip(columns, nothing if i in problems else row.cells, strict=True)) for i, row in enumerate(rows)]
    return _Table(path, columns, by_name, [row.line for row in rows], problems)


def _column_names(path, header, content) -> list[str]:
    if header.problem:
        raise DataError(f"{path} line {header.line}: {header.problem}")
    first_line = content.lstrip().partition("\n")[0]
    for separator, said in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if first_line.count(separator) > first_line.count(","):
            raise DataError(f"{path} separates its columns by {said}; save it again as CSV with commas")
    columns = [one_form(name) for name in header.cells]
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path} has the column {twice!r} twice; rename one of them")
    return columns


def _problem_of_cells(row: Row, n_columns: int) -> str:
    if row.problem or len(row.cells) == n_columns:
        return row.problem
    hint = "; quote a cell that holds a comma" if len(row.cells) > n_columns else ""
    return f"it has {len(row.cells)} cells, the header has {n_columns}{hint}"


def _swallowed_rows(rows, columns, label_columns, image) -> Callable[[int, list[str]], bool]:
    """Tell by its lines whether a cell holds other rows: as many cells, known labels, files with a known ending.

    Labels and files of several lines are none.

    Of a row that was swallowed in part, the end stands on the cell's first line and the beginning on its last one.
    """
    places = {columns.index(name) for name in label_columns if name in columns}
    picture = columns.index(image) if image in columns else None
    whole = [cells for cells in rows if len(cells) == len(columns)]
    labels = {place: set().union(*(_values(cells[place]) for cells in whole)) for place in places}
    endings = set() if picture is None else {Path(cells[picture]).suffix for cells in whole}

    def is_row(cells: dict[int, str]) -> bool:
        found = {place: _values(cells[place]) for place in places & cells.keys()}
        return (
            any(found.values())
            and all(names <= labels[place] for place, names in found.items())
            and (picture not in cells or Path(cells[picture]).suffix in endings)
        )

    def swallows(column: int, lines: list[str]) -> bool:
        if (column in places or column == picture) and sum(map(bool, map(str.strip, lines))) > 1:
            return True
        first, *between, last = (line.split(",") for line in lines)
        if any(len(cells) == len(columns) and is_row(dict(enumerate(cells))) for cells in between):
            return True
        fit = len(first) == len(columns) - column and len(last) == column + 1
        return fit and is_row(dict(enumerate(first[1:], column + 1)) | dict(enumerate(last[:-1])))

    return swallows


def _ids(table: _Table, id: str) -> list[str]:
    """Take the column of ids; rows are numbered where there is no such column and none was asked for."""
    if id not in table.columns and id == COLUMNS["id"]:
        return [str(i) for i in range(len(table.rows))]
    table.require(id)
    return [row[id].strip() for row in table.rows]


def _label_columns(labels, folder):
    """Read the option: column -> how many of its most frequent values are wanted, None for all."""
    wanted = {}
    for spec in labels.split(","):
        name, colon, count = (one_form(part) for part in spec.partition(":"))
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
    return {one_form(value) for value in cell.split("|")} - {""}


def _class_name(column, value, columns) -> str:
    return f"{column}={value}" if len(columns) > 1 else value


def _label_matrix(label_sets, class_names):
    position = {name: c for c, name in enumerate(class_names)}
    matrix = np.zeros((len(label_sets), len(class_names)), dtype=bool)
    for row, names in enumerate(label_sets):
        matrix[row, [position[name] for name in names & position.keys()]] = True
    return matrix


def _groups(table: _Table, group: str) -> list[str]:
    """Take the group column; a row with an empty cell is a group of its own."""
    return [
        one_form(row[group]) or f"line {line}, in no group" for row, line in zip(table.rows, table.lines, strict=True)
    ]


def _notes(rows, label_columns, group) -> tuple[str, ...]:
    """Say what was decided about labels and groups that a person reads as one, or as none."""
    labels = [value for row in rows for column in label_columns for value in row[column].split("|")]
    groups = [row[group] for row in rows if row[group].strip()] if group else []
    return (
        *unified_names("labels", labels),
        *unified_names("groups", groups),
        *differing_by_case("groups", map(one_form, groups)),
        *names_of_nothing("groups", map(one_form, groups)),
    )


def _row_problem(row, label_set, text, label_columns) -> str | None:
    if not row[text].strip():
        return f"column {text!r} is empty"
    if not label_set:
        return f"column {', '.join(label_columns)!r} is empty: an item needs a label"
    return None


def _image_problem(name, column, file, folder, follow_links) -> str | None:
    if not name.strip():
        return f"column {column!r} is empty: an item needs a picture"
    problem = outside_problem(file, folder, follow_links=follow_links)
    return f"image file {name} {problem}" if problem else None
