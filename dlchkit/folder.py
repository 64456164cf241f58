"""A person's own data: a folder with an items.csv, read and checked row by row."""

import csv
import difflib
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from dlchkit.data import PairedDataset, SourceDataset
from dlchkit.errors import DataError


def load_folder(
    folder: Path,
    *,
    text: str = "text",
    labels: str = "label",
    group: str = "",
    image: str = "image",
    id: str = "id",
    min_class_size: int = 0,
    skip_bad_rows: bool = False,
) -> PairedDataset:
    """Read ``folder/items.csv`` and the files it names.

    Parameters
    ----------
    text : column of texts
    labels : one column of labels or several, separated by commas; a cell may hold several
        labels separated by "|". With several columns a class is named "column=value".
    group : column whose equal values never stand on both sides of a split; "" for none
    image : column of image files, relative to the folder. It may be absent where
        ``image_features.npy`` (n, d), one row per row of items.csv, lies in the folder.
    id : column of unique ids; where the file has no column "id", rows are numbered
    min_class_size : classes with fewer rows are left out, with the rows that then have no label
    skip_bad_rows : leave unusable rows out and list them in ``left_out``

    Raises
    ------
    DataError
        One line that names the row, file or value, and what would be right.
    """
    columns, rows, lines = _read_csv(folder / "items.csv")
    label_columns = [name.strip() for name in labels.split(",")]
    for name in [text, *label_columns, *([group] if group else [])]:
        _require_column(name, columns, folder)
    features = {f"{side}_features": _features(folder / f"{side}_features.npy", len(rows)) for side in ("image", "text")}
    has_images = image in columns
    if not has_images and features["image_features"] is None:
        _require_column(image, columns, folder)
    ids = [row[id].strip() for row in rows] if _has_ids(id, columns, folder) else [str(i) for i in range(len(rows))]

    label_sets = [_labels_of(row, label_columns) for row in rows]
    problems = _problems(rows, ids, label_sets, text, label_columns, folder, image if has_images else None, features)
    kept, left_out = _without_bad_rows(problems, lines, folder, skip_bad_rows)
    class_names = _class_names([label_sets[i] for i in kept], min_class_size, folder)
    kept = [i for i in kept if label_sets[i] & set(class_names)]
    position = {name: c for c, name in enumerate(class_names)}
    matrix = np.zeros((len(kept), len(class_names)), dtype=bool)
    for row, i in enumerate(kept):
        matrix[row, [position[name] for name in label_sets[i] & position.keys()]] = True
    return PairedDataset(
        ids=np.array([ids[i] for i in kept]),
        labels=matrix,
        class_names=class_names,
        groups=np.array([rows[i][group] if group else ids[i] for i in kept]),
        images=np.array([str((folder / rows[i][image]).resolve()) for i in kept]) if has_images else None,
        texts=np.array([rows[i][text] for i in kept]),
        left_out=tuple(left_out),
        **{name: values if values is None else values[kept] for name, values in features.items()},
    )


def load_source_folder(folder: Path, *, use: str) -> SourceDataset:
    """Read a labelled source domain: stored features, or one folder of pictures per class.

    Parameters
    ----------
    use : "features" reads ``image_features.npy`` (n, d) and ``labels.npy`` (n,);
        "images" reads ``images/CLASS/*`` (or ``CLASS/*``). Class names come from
        ``classes.tsv`` (key, name) where it exists.
    """
    names = {}
    if (folder / "classes.tsv").is_file():
        pairs = (line.split("\t") for line in (folder / "classes.tsv").read_text(encoding="utf-8").splitlines() if "\t" in line)
        names = {key: name for key, name, *_ in pairs}
    if use == "features":
        return _source_of_features(folder, names)
    if use == "images":
        return _source_of_images(folder / "images" if (folder / "images").is_dir() else folder, names)
    raise DataError(f"use is {use!r}; a source folder is read for its 'images' or 'features'")


def _source_of_features(folder, names):
    labels = _array(folder / "labels.npy")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) == 0:
        raise DataError(f"labels.npy in {folder} is an array of shape {labels.shape} and type {labels.dtype}; labels are whole numbers, one per row")
    features = _features(folder / "image_features.npy", len(labels))
    if features is None:
        raise DataError(f"{folder} has no image_features.npy; a source of features needs it beside labels.npy")
    broken = ~np.isfinite(features).all(1)
    if broken.any():
        raise DataError(f"image_features.npy in {folder} holds NaN or infinity in row {broken.argmax()}; features are finite numbers")
    class_names = tuple(names.values()) or tuple(map(str, range(labels.max() + 1)))
    wrong = labels[(labels < 0) | (labels >= len(class_names))]
    if len(wrong):
        raise DataError(f"labels.npy in {folder} holds {wrong[0]}; classes.tsv names {len(class_names)} classes, counted from 0")
    return SourceDataset(labels=labels.astype(np.int64), class_names=class_names, image_features=features)


def _source_of_images(root, names):
    classes = [child for child in _visible(root) if child.is_dir()]
    if len(classes) < 2:
        raise DataError(f"{root} holds {len(classes)} class folders; a source of pictures needs one folder per class, two at least")
    files = [(path, c) for c, child in enumerate(classes) for path in _visible(child) if path.is_file()]
    bare = set(range(len(classes))) - {c for _, c in files}
    if bare:
        raise DataError(f"class folder {classes[min(bare)]} holds no picture; add some, or remove the folder")
    for path, _ in files:
        problem = image_problem(path)
        if problem:
            raise DataError(f"source picture {path} {problem}")
    return SourceDataset(
        labels=np.array([c for _, c in files]),
        class_names=tuple(names.get(child.name, child.name) for child in classes),
        images=np.array([str(path.resolve()) for path, _ in files]),
    )


def _visible(folder):
    """What a person put there, by name; not .DS_Store and .ipynb_checkpoints."""
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))


def image_problem(path: Path) -> str | None:
    """Say what is wrong with an image file, or None; reads headers and checksums, not pixels."""
    try:
        with Image.open(path) as picture:
            kind = picture.format
            picture.verify()
        if kind == "JPEG":
            with open(path, "rb") as file:
                file.seek(max(0, path.stat().st_size - 4096))
                if b"\xff\xd9" not in file.read():
                    return "is cut short: its last bytes are missing"
    except FileNotFoundError:
        return "does not exist"
    except Exception as error:  # Pillow raises many kinds for broken files
        return f"is not a readable picture ({type(error).__name__})"
    return None


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


def _array(path):
    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (ValueError, OSError):
        raise DataError(f"{path} is not a readable .npy array of numbers") from None


def _features(path, n_rows):
    if not path.exists():
        return None
    features = _array(path)
    if features.ndim != 2 or features.dtype.kind not in "fiu":
        raise DataError(f"{path} is an array of shape {features.shape} and type {features.dtype}; features are numbers of shape (rows, features)")
    if len(features) != n_rows:
        raise DataError(f"{path} has {len(features)} rows, but there are {n_rows} items; row i must belong to item i")
    return features.astype(np.float32)


def _labels_of(row, columns):
    several = len(columns) > 1
    return {f"{column}={value.strip()}" if several else value.strip() for column in columns for value in row[column].split("|") if value.strip()}


def _problems(rows, ids, label_sets, text, label_columns, folder, image, features):
    """Row position -> what is wrong with it."""
    seen, problems = set(), {}
    broken = {name: ~np.isfinite(values).all(1) for name, values in features.items() if values is not None}
    for i, row in enumerate(rows):
        if not ids[i] or ids[i] in seen:
            problems[i] = f"id {ids[i]!r} occurs twice" if ids[i] else "id is empty"
        elif not row[text].strip():
            problems[i] = f"column {text!r} is empty"
        elif not label_sets[i]:
            problems[i] = f"column {', '.join(label_columns)!r} is empty: an item needs a label"
        elif any(bad[i] for bad in broken.values()):
            problems[i] = f"{next(name for name, bad in broken.items() if bad[i])}.npy holds NaN or infinity in row {i}"
        elif image is not None:
            problem = image_problem(folder / row[image]) if row[image].strip() else "is not named"
            if problem:
                problems[i] = f"image file {row[image]} {problem}"
        seen.add(ids[i])
    return problems


def _without_bad_rows(problems, lines, folder, skip):
    said = [f"{folder / 'items.csv'} line {lines[i]}: {problem}" for i, problem in problems.items()]
    if said and not skip:
        more = f" (and {len(said) - 1} more rows)" if len(said) > 1 else ""
        raise DataError(f"{said[0]}{more}; mend the row, or leave such rows out with --skip-bad-rows")
    kept = [i for i in range(len(lines)) if i not in problems]
    if not kept:
        raise DataError(f"{folder / 'items.csv'} has no usable row: {said[0]}")
    return kept, said


def _class_names(label_sets, min_class_size, folder):
    size = Counter(name for names in label_sets for name in names)
    kept = sorted(name for name, count in size.items() if count >= min_class_size)
    lonely = next((name for name in kept if size[name] < 2), None)
    if lonely is not None:
        raise DataError(f"class {lonely!r} in {folder / 'items.csv'} has one row; a class needs two at least: add rows, or set min_class_size to 2 to leave it out")
    if len(kept) < 2:
        raise DataError(f"{folder / 'items.csv'} has {len(kept)} classes with {min_class_size} rows or more; two are needed: lower min_class_size")
    return tuple(kept)
