"""Read one .npz file of features, labels and names, which other programs write easily."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlchkit.codes import binary_labels
from dlchkit.data import PairedDataset
from dlchkit.data.loaders.row_checks import assemble, named_classes, not_finite
from dlchkit.errors import DataError
from dlchkit.storage import digest

LARGEST = 4 * 2**30  # bytes that a file may unpack to, or TIMES its own size where that is more
TIMES = 20
SPLITS = ("database", "query", "validation")
KEYS = ("image_features", "image", "text_features", "text", "labels", "ids", "groups", "class_names", "split")


def holds_archive(place: Path) -> bool:
    """Tell whether this is a .npz file, or a folder with exactly one."""
    if place.is_file():
        return place.suffix == ".npz"
    return len(list(place.glob("*.npz"))) == 1


def load_archive(place: Path, *, skip_bad_rows: bool = False) -> PairedDataset:
    """Read a .npz file, without pickle.

    Parameters
    ----------
    place : Path
        A .npz file or the folder that holds it, with the arrays ``image_features`` (or ``image``) and
        ``text_features`` (or ``text``), numbers (n, d); ``labels``, 0 and 1, (n, n_classes); and optionally ``ids``
        (n,) without repetition, ``groups`` (n,), ``class_names`` (n_classes,) and ``split`` (n,) of "database",
        "query" and "validation".
    skip_bad_rows : bool
        Leave rows with NaN or infinity out and list them in ``left_out``.

    Returns
    -------
    PairedDataset
        Features; items without a label are left out and listed.
    """
    path = place if place.is_file() else next(iter(place.glob("*.npz")))
    _, arrays = _read(path)
    image = _features(arrays, path, "image")
    text = _features(arrays, path, "text")
    labels = _labels(arrays, path)
    names = _names(arrays, path)
    n, n_classes = labels.shape
    for name, values in {"image_features": image, "text_features": text, **names}.items():
        wanted = n_classes if name == "class_names" else n
        if len(values) != wanted:
            raise DataError(
                f"{name} in {path} has {len(values)} rows, "
                f"labels have {n} rows and {n_classes} classes; they must agree"
            )
    if "class_names" in names:
        class_names = tuple(names["class_names"].tolist())
    else:
        class_names = named_classes(path.parent, n_classes)
    return assemble(
        ids=names["ids"] if "ids" in names else np.arange(n).astype(np.str_),
        labels=labels,
        class_names=class_names,
        groups=names.get("groups"),
        split=names.get("split"),
        image_features=image,
        text_features=text,
        problems=not_finite(image_features=image, text_features=text),
        row_name=lambda i: f"{path} row {i}",
        skip_bad_rows=skip_bad_rows,
    )


class ArchiveOutline(NamedTuple):
    """What a file says of the rows to learn from, without their features.

    Attributes
    ----------
    n_items : int
        Rows with a label, of the split's database where there is a split.
    ids : str array (n_items,), optional
        None where the file has none.
    named : bool
        Whether the file, or classes.txt beside it, names the classes.
    content : str
        Digest of the stored checksums of image features, text features and split.
    """

    n_items: int
    ids: np.ndarray | None
    named: bool
    content: str


def outline_archive(path: Path) -> ArchiveOutline:
    """Read everything but the features of a file that `load_archive` takes."""
    members, arrays = _read(path, leave=("image", "image_features", "text", "text_features"))
    labels = _labels(arrays, path)
    names = _names(arrays, path)
    for name in ("ids", "split"):
        if name in names and len(names[name]) != len(labels):
            raise DataError(f"{name} in {path} has {len(names[name])} rows, labels have {len(labels)}")
    learned = labels.any(1) & (names["split"] == "database" if "split" in names else True)
    checksums = sorted(
        (name.removesuffix("_features"), checksum, n_bytes)
        for name, (checksum, n_bytes) in members.items()
        if name not in ("labels", "ids", "groups", "class_names")
    )
    return ArchiveOutline(
        n_items=int(learned.sum()),
        ids=names["ids"][learned] if "ids" in names else None,
        named="class_names" in names or (path.parent / "classes.txt").is_file(),
        content=digest(repr(checksums)),
    )


def _read(path, leave: tuple[str, ...] = ()) -> tuple[dict[str, tuple[int, int]], dict[str, np.ndarray]]:
    """Checksum and size of every array, and the arrays but for those to leave."""
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as stored:
            members = {one.filename.removesuffix(".npy"): (one.CRC, one.file_size) for one in stored.infolist()}
            unknown = next((key for key in members if key not in KEYS), None)
            n_bytes = sum(size for _, size in members.values())
            most = max(LARGEST, TIMES * path.stat().st_size)
            if unknown is None and n_bytes <= most:
                with np.load(file, allow_pickle=False) as parts:
                    arrays = {key: parts[key] for key in members if key not in leave}
                if all(isinstance(array, np.ndarray) for array in arrays.values()):  # NumPy gives bytes for others
                    return members, arrays
                raise EOFError
    except Exception as error:  # NumPy, zipfile and zlib raise many kinds for broken files
        raise DataError(
            f"{path} is not a readable .npz file of plain arrays ({type(error).__name__}); "
            "write it with numpy.savez, without objects"
        ) from None
    if unknown is not None:
        raise DataError(f"{path} holds {unknown!r}, which is none of {', '.join(KEYS)}")
    raise DataError(
        f"{path} unpacks to {n_bytes / 1e9:,.1f} GB; at most {most / 1e9:,.1f} GB are read from a file of its size, "
        f"so write it with numpy.savez, or in parts"
    )


def _labels(arrays, path) -> np.ndarray:
    values = arrays.get("labels")
    if values is None or values.ndim != 2 or values.dtype.kind not in "biuf":
        found = _described(arrays, "labels")
        raise DataError(f"{path} needs 'labels', a matrix (items, classes) of 0 and 1; it has {found}")
    return binary_labels(values, f"labels in {path}")


def _features(arrays, path, side) -> np.ndarray:
    names = [name for name in (f"{side}_features", side) if name in arrays]
    if len(names) == 2:
        raise DataError(f"{path} holds both {names[0]!r} and {names[1]!r}; keep one")
    values = arrays[names[0]] if names else None
    if values is None or values.ndim != 2 or values.dtype.kind not in "fiu":
        found = _described(arrays, *names)
        raise DataError(f"{path} needs '{side}_features', numbers (items, features); it has {found}")
    return values.astype(np.float32)


def _names(arrays, path) -> dict[str, np.ndarray]:
    names = {}
    for name in {"ids", "groups", "class_names", "split"} & arrays.keys():
        values = arrays[name]
        if values.ndim != 1 or values.dtype.kind not in "Uiu":
            found = _described(arrays, name)
            raise DataError(f"{name} in {path} is {found}; it must be a list of texts or whole numbers")
        names[name] = values.astype(np.str_)
    wrong = set(names["split"].tolist()) - set(SPLITS) if "split" in names else set()
    if wrong:
        raise DataError(f"split in {path} holds {min(wrong)!r}; it must be one of {', '.join(SPLITS)}")
    return names


def _described(arrays, *names) -> str:
    """Describe these arrays for a message; where there are none, name all that there are."""
    known = [f"{name}: shape {arrays[name].shape}, type {arrays[name].dtype}" for name in names if name in arrays]
    return ", ".join(known) or f"only {', '.join(arrays) or 'nothing'}"
