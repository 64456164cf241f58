"""MATLAB's files, the old form (SciPy, apart) and v7.3 (HDF5), read alike: named arrays in MATLAB's own order of axes."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from dlchkit.data.loaders import mat_process
from dlchkit.errors import DataError


def mat_keys(path: Path) -> list[str]:
    """The names of the variables in a .mat file."""
    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return sorted(name for name in file if not name.startswith("#"))
        return mat_process.ask("keys", path)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except Exception as error:  # both readers raise many kinds for broken files
        raise unreadable(path, error) from None


def find_key(path: Path, names: Sequence[str]) -> str:
    """The first of ``names`` that a .mat file holds."""
    held = mat_keys(path)
    found = next((name for name in names if name in held), None)
    if found is None:
        raise DataError(f"{path} has no {' or '.join(map(repr, names))}; it holds {', '.join(held) or 'nothing'}")
    return found


def read_matrix(path: Path, key: str) -> np.ndarray:
    """A matrix of numbers (rows, columns); sparse ones become dense."""
    try:
        values = _read_hdf5(path, key) if h5py.is_hdf5(path) else mat_process.ask("matrix", path, key)
    except DataError:
        raise
    except Exception as error:
        raise unreadable(path, error) from None
    shape, kind = (values.shape, str(values.dtype)) if isinstance(values, np.ndarray) else (tuple(values["shape"]), values["type"])
    if len(shape) != 2 or not isinstance(values, np.ndarray) or 0 in shape:
        raise DataError(f"{key} in {path} is an array of shape {shape} and type {kind}; it must be a matrix of numbers")
    return values


def read_strings(path: Path, key: str) -> list[list[str]]:
    """Rows of texts: a character matrix, or cells that hold one text or several."""
    if h5py.is_hdf5(path):
        raise DataError(f"{path} is a v7.3 file of texts; save it with '-v7' (or scipy.io.savemat), which the kit reads")
    try:
        rows = mat_process.ask("strings", path, key)
    except Exception as error:
        raise unreadable(path, error) from None
    if isinstance(rows, dict):
        raise DataError(f"{key} in {path} is of type {rows['type']}; it must hold texts")
    return rows


def row_axis(shapes: dict[str, tuple]) -> int:
    """How many items there are: the one size that every array has, whichever way each of them lies.

    Examples
    --------
    >>> row_axis({"YAll": (1386, 20015), "LAll": (20015, 24)})
    20015
    """
    said = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    sizes = set.intersection(*(set(shape) for shape in shapes.values()))
    if not sizes:
        raise DataError(f"rows disagree: {said}; one size, the number of items, must be in all of them")
    if len(sizes) > 1:
        raise DataError(f"rows cannot be told from columns: {said}; add or leave out one item")
    return sizes.pop()


def by_rows(matrix: np.ndarray, n: int) -> np.ndarray:
    """The matrix with its n items as rows."""
    return matrix if matrix.shape[0] == n else matrix.T


def own_dataset(file: h5py.File, key: str) -> h5py.Dataset | h5py.Group:
    """What the file itself holds under a name: HDF5 can also point to another file, which is not followed."""
    if not isinstance(file.get(key, getlink=True), h5py.HardLink):
        raise DataError(f"{key} in {file.filename} is a link; it must be a matrix of its own")
    dataset = file[key]
    if isinstance(dataset, h5py.Dataset) and (dataset.external or dataset.is_virtual):
        raise DataError(f"{key} in {file.filename} keeps its numbers in another file; it must hold them itself")
    return dataset


def is_matlab_order(dataset: h5py.Dataset) -> bool:
    """MATLAB writes axes from last to first and marks what it wrote; h5py alone does neither."""
    return "MATLAB_class" in dataset.attrs


def unreadable(path: Path, error: Exception) -> DataError:
    """The line for a file that is cut short or is no .mat file."""
    if isinstance(error, (FileNotFoundError, IsADirectoryError)):
        return DataError(f"{path} does not exist")
    said = str(error) if isinstance(error, mat_process.ReaderFailed) else type(error).__name__
    return DataError(f"{path} is not a readable .mat file ({said}); it may be cut short: fetch it again")


def _read_hdf5(path, key):
    with h5py.File(path) as file:
        dataset = own_dataset(file, key)
        if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "biuf":
            raise DataError(f"{key} in {path} is a cell, a structure or sparse; it must be a full matrix of numbers")
        values = dataset[()]
        return values.T if is_matlab_order(dataset) else values
