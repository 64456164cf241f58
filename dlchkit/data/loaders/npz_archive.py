"""One .npz file of features, labels and names: what other programs hand over most easily."""

from pathlib import Path

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.row_checks import assemble, binary_labels, named_classes, not_finite
from dlchkit.errors import DataError

SPLITS = ("database", "query", "validation")
KEYS = ("image_features", "image", "text_features", "text", "labels", "ids", "groups", "class_names", "split")


def holds_archive(place: Path) -> bool:
    """Whether this is a .npz file, or a folder with exactly one."""
    return place.suffix == ".npz" if place.is_file() else len(list(place.glob("*.npz"))) == 1


def load_archive(place: Path, *, skip_bad_rows: bool = False) -> PairedDataset:
    """Read a .npz file, without pickle.

    Parameters
    ----------
    place : a .npz file or the folder that holds it, with the arrays ``image_features``
        (or ``image``) and ``text_features`` (or ``text``), numbers (n, d); ``labels``,
        0 and 1, (n, n_classes); and optionally ``ids`` (n,) without repetition, ``groups``
        (n,), ``class_names`` (n_classes,) and ``split`` (n,) of "database", "query" and
        "validation"
    skip_bad_rows : leave rows with NaN or infinity out and list them in ``left_out``

    Returns
    -------
    PairedDataset of features; items without a label are left out and listed
    """
    path = place if place.is_file() else next(iter(place.glob("*.npz")))
    arrays = _read(path)
    image, text = (_features(arrays, path, side) for side in ("image", "text"))
    if "labels" not in arrays or arrays["labels"].ndim != 2 or arrays["labels"].dtype.kind not in "biuf":
        raise DataError(f"{path} needs 'labels', a matrix (items, classes) of 0 and 1; it has {_said(arrays, 'labels')}")
    labels = binary_labels(arrays["labels"], f"labels in {path}")
    n, n_classes = labels.shape
    for name, values in {"image_features": image, "text_features": text, **_names(arrays, path)}.items():
        wanted = n_classes if name == "class_names" else n
        if len(values) != wanted:
            raise DataError(f"{name} in {path} has {len(values)} rows, labels have {n} rows and {n_classes} classes; they must agree")
    names = _names(arrays, path)
    ids = names.get("ids", np.arange(n).astype(np.str_))
    for name in {"ids", "class_names"} & names.keys():
        if len(set(names[name].tolist())) != len(names[name]) or "" in names[name]:
            raise DataError(f"{name} in {path} repeat or are empty; each must be a name of its own")
    return assemble(
        ids=ids,
        labels=labels,
        class_names=tuple(names["class_names"].tolist()) if "class_names" in names else named_classes(path.parent, n_classes),
        groups=names.get("groups"),
        split=names.get("split"),
        image_features=image,
        text_features=text,
        problems=not_finite(image_features=image, text_features=text),
        row_name=lambda i: f"{path} row {i}",
        skip_bad_rows=skip_bad_rows,
    )


def _read(path) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            names = getattr(stored, "files", None)  # one plain array has none
            if names is None:
                raise EOFError
            unknown = next((key for key in names if key not in KEYS), None)
            if unknown is None:
                return {key: stored[key] for key in names}
    except Exception as error:  # NumPy, zipfile and zlib raise many kinds for broken files
        raise DataError(
            f"{path} is not a readable .npz file of plain arrays ({type(error).__name__}); write it with numpy.savez, without objects"
        ) from None
    raise DataError(f"{path} holds {unknown!r}, which is none of {', '.join(KEYS)}")


def _features(arrays, path, side) -> np.ndarray:
    names = [name for name in (f"{side}_features", side) if name in arrays]
    if len(names) == 2:
        raise DataError(f"{path} holds both {names[0]!r} and {names[1]!r}; keep one")
    values = arrays[names[0]] if names else None
    if values is None or values.ndim != 2 or values.dtype.kind not in "fiu":
        raise DataError(f"{path} needs '{side}_features', numbers (items, features); it has {_said(arrays, *names)}")
    return values.astype(np.float32)


def _names(arrays, path) -> dict[str, np.ndarray]:
    names = {}
    for name in {"ids", "groups", "class_names", "split"} & arrays.keys():
        values = arrays[name]
        if values.ndim != 1 or values.dtype.kind not in "Uiu":
            raise DataError(f"{name} in {path} is {_said(arrays, name)}; it must be a list of texts or whole numbers")
        names[name] = values.astype(np.str_)
    wrong = set(names.get("split", np.array([], dtype=np.str_)).tolist()) - set(SPLITS)
    if wrong:
        raise DataError(f"split in {path} holds {min(wrong)!r}; it must be one of {', '.join(SPLITS)}")
    return names


def _said(arrays, *names) -> str:
    known = [f"{name}: shape {arrays[name].shape}, type {arrays[name].dtype}" for name in names if name in arrays]
    return ", ".join(known) or f"only {', '.join(arrays) or 'nothing'}"
