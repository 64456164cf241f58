"""Read MATLAB's files, version 7.3 (HDF5) and older (SciPy), alike: named arrays in MATLAB's own order of axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dlchkit.data.loaders import mat_subprocess
from dlchkit.errors import DataError, optional_module

if TYPE_CHECKING:
    import h5py

SUFFIXES = (".mat", ".h5", ".hdf5", ".h5py")  # HDF5 files of other writers hold the same arrays
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
HDF5_STARTS = (0, 512, 1024, 2048)  # bytes; MATLAB writes 512 bytes of its own before the HDF5 part


def arrays_in(folder: Path) -> list[Path]:
    """List the files in a folder whose names end like those that are read here."""
    return sorted(path for path in folder.glob("*.*") if path.suffix in SUFFIXES)


def mat_keys(path: Path) -> list[str]:
    """List the names of the variables in a .mat file."""
    return _variables(path, ())[0]


def find_key(path: Path, names: Sequence[str]) -> str:
    """Find the first of ``names`` that a .mat file holds."""
    return _first(path, mat_keys(path), names)


def read_matrix(path: Path, names: Sequence[str]) -> np.ndarray:
    """Read the first of these variables that a file holds as a matrix of numbers (rows, columns); sparse ones dense."""
    held, values = _variables(path, names)
    key = _first(path, held, names)
    return _matrix(path, key, values[key])


def read_matrices(path: Path, names: Sequence[str | Sequence[str]]) -> list[np.ndarray]:
    """Read all of these variables, each as a matrix of numbers (rows, columns).

    Of several names in one place the first that the file holds is taken.
    """
    choices = [(name,) if isinstance(name, str) else name for name in names]
    held, values = _variables(path, [name for choice in choices for name in choice])
    keys = [_first(path, held, choice) for choice in choices]
    return [_matrix(path, key, values[key]) for key in keys]


def read_strings(path: Path, names: Sequence[str]) -> list[list[str]]:
    """Read the first of these variables that a file holds as rows of texts.

    The variable is a character matrix, or cells that hold one text or several.
    """
    with _one_line(path):
        if _is_hdf5(path):
            raise DataError(
                f"{path} is a v7.3 file of texts; save it with '-v7' (or scipy.io.savemat), which the kit reads"
            )
    held, values = _variables(path, names)
    key = _first(path, held, names)
    texts = values[key]
    if not isinstance(texts, list):
        raise DataError(f"{key} in {path} is of type {getattr(texts, 'dtype', texts)}; it must hold texts")
    return texts


def row_axis(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Find the number of items: the one size that every array has along either axis.

    Parameters
    ----------
    shapes : dict
        Name of an array -> its shape.

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
    """Turn the matrix so that its n items are rows."""
    return matrix if matrix.shape[0] == n else matrix.T


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; whatever h5py raises becomes a `DataError` of one line."""
    h5py = optional_module("h5py", "mat")
    with _one_line(path):
        if not _is_hdf5(path):
            raise DataError(f"{path} is no HDF5 file; pictures are read from one: save it with MATLAB's '-v7.3'")
        with h5py.File(path) as file:
            yield file


def own_dataset(file: h5py.File, key: str) -> h5py.Dataset:
    """Get the data set that the file itself holds under a name.

    HDF5 can also point to another file, which is not followed.
    """
    import h5py

    if not isinstance(file.get(key, getlink=True), h5py.HardLink):
        raise DataError(f"{key} in {file.filename} is a link; it must be a matrix of its own")
    dataset = file[key]
    if not isinstance(dataset, h5py.Dataset):
        raise _no_full_matrix(file, key)
    if dataset.external or dataset.is_virtual:
        raise DataError(f"{key} in {file.filename} keeps its numbers in another file; it must hold them itself")
    return dataset


def is_matlab_order(dataset: h5py.Dataset) -> bool:
    """Tell whether axes stand from last to first: so MATLAB writes them, and it marks its arrays."""
    return "MATLAB_class" in dataset.attrs


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """Turn the errors of both readers, which raise many kinds for broken files, into one line."""
    try:
        yield
    except DataError:
        raise
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(f"{path} does not exist") from None
    except Exception as error:
        reason = str(error) if isinstance(error, mat_subprocess.ReaderFailed) else type(error).__name__
        raise DataError(f"{path} is not a readable .mat file ({reason}); {_likely_cause(path)}") from None


def _likely_cause(path: Path) -> str:
    with open(path, "rb") as file:
        start = file.read(16)
    if not start:
        return "it is empty: fetch it again"
    if start.startswith(b"MATLAB") or _is_hdf5(path):
        return "it may be cut short: fetch it again"
    return f"it begins with {start!r}, as no file does that MATLAB saves: it is of another kind"


def _is_hdf5(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(HDF5_STARTS[-1] + len(HDF5_SIGNATURE))
    return any(start.startswith(HDF5_SIGNATURE, at) for at in HDF5_STARTS)


def _variables(path: Path, names: Sequence[str]) -> tuple[list[str], dict]:
    """All names in a file, and the values of those wanted that it holds; see `mat_subprocess.read_variables`."""
    with _one_line(path):
        if not _is_hdf5(path):
            return mat_subprocess.read_variables(path, names)
        with open_hdf5(path) as file:
            held = sorted(name for name in map(str, file) if not name.startswith("#"))
            return held, {name: _hdf5_numbers(file, name) for name in names if name in held}


def _hdf5_numbers(file: h5py.File, key: str) -> np.ndarray:
    dataset = own_dataset(file, key)
    if dataset.dtype.kind not in "biuf":
        raise _no_full_matrix(file, key)
    values = dataset[()]
    return values.T if is_matlab_order(dataset) else values


def _no_full_matrix(file: h5py.File, key: str) -> DataError:
    return DataError(f"{key} in {file.filename} is a cell, a structure or sparse; it must be a full matrix of numbers")


def _first(path: Path, held: Sequence[str], names: Sequence[str]) -> str:
    for name in names:
        if name in held:
            return name
    wanted = " or ".join(map(repr, names))
    raise DataError(f"{path} has no {wanted}; it holds {', '.join(held) or 'nothing'}")


def _matrix(path: Path, key: str, values: np.ndarray | list | str) -> np.ndarray:
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.size > 0:
        return values
    if isinstance(values, np.ndarray):
        found = f"an array of shape {values.shape} and type {values.dtype}"
    else:
        found = "an array of texts or cells" if isinstance(values, list) else f"an array of type {values}"
    raise DataError(f"{key} in {path} is {found}; it must be a matrix of numbers")
