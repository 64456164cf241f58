"""Pictures that stay in their HDF5 file until they are used."""

from pathlib import Path

import numpy as np

from dlchkit.data.loaders.mat_files import is_matlab_order, open_hdf5, own_dataset
from dlchkit.errors import DataError

BLOCK = 64  # pictures read at a time; 10 MB at 224 x 224


class StoredImages:
    """uint8 pixels (n, height, width, 3) that look like an array and are read row by row.

    ``images[i]`` is one picture (height, width, 3); ``images[rows]`` with a slice, a mask or positions is again a
    `StoredImages` and reads nothing; iteration reads blocks of 64. ``np.asarray(images)`` reads everything: 150 KB
    per picture of 224 x 224, 3 GB for MIRFlickr-25K, 28 GB for NUS-WIDE with 21 concepts.

    Parameters
    ----------
    path : Path
        HDF5 file.
    key : str
        Name of the data set in it.
    n : int
        Number of pictures; it must be the size of the first or last axis.

    Notes
    -----
    MATLAB keeps pictures as (height, width, 3, n), and its HDF5 files list axes from last to first,
    (n, 3, width, height): a reader that forgets this sees every picture mirrored along its diagonal. Data sets that
    MATLAB (or a writer that imitates it) wrote carry the attribute ``MATLAB_class``; any other is taken in the order
    of its axes.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, path: Path, key: str, n: int):
        self._path = Path(path).resolve()
        self._key = key
        self._rows = np.arange(n)
        with open_hdf5(self._path) as file:
            dataset = own_dataset(file, key)
            axes = _axes(dataset, n)
            if axes is None:
                found = f"an array of shape {dataset.shape} and type {dataset.dtype}"
                raise DataError(
                    f"{key} in {path} is {found}; pictures are uint8 with one axis of {n} items and one of 3 colours"
                )
            self._axes = axes
            self._sides = (dataset.shape[axes[1]], dataset.shape[axes[2]])

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self._rows), *self._sides, 3)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows):
        if isinstance(rows, (int, np.integer)):
            return self._read(self._rows[[int(rows)]])[0]
        part = object.__new__(StoredImages)
        part.__dict__.update(self.__dict__, _rows=self._rows[rows])
        return part

    def __iter__(self):
        for start in range(0, len(self), BLOCK):
            yield from self._read(self._rows[start : start + BLOCK])

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        pixels = np.empty(self.shape, dtype=np.uint8)
        for start in range(0, len(self), BLOCK):
            pixels[start : start + BLOCK] = self._read(self._rows[start : start + BLOCK])
        return pixels if dtype is None else pixels.astype(dtype, copy=False)

    def _read(self, rows) -> np.ndarray:
        wanted, place = np.unique(rows, return_inverse=True)
        if len(wanted) == 0:
            return np.empty((0, *self._sides, 3), dtype=np.uint8)
        runs = np.split(wanted, np.flatnonzero(np.diff(wanted) > 1) + 1)  # h5py reads a list of rows many times slower
        before = (slice(None),) * self._axes[0]
        with open_hdf5(self._path) as file:
            dataset = own_dataset(file, self._key)
            pixels = [dataset[(*before, slice(run[0], run[-1] + 1))].transpose(self._axes) for run in runs]
        return np.concatenate(pixels)[place]


def _axes(dataset, n: int) -> tuple[int, int, int, int] | None:
    """Positions of item, height, width and colour among the axes of the file; None where these are not its axes."""
    shape = dataset.shape
    if dataset.dtype != np.uint8 or len(shape) != 4:
        return None
    order = (3, 2, 1, 0) if is_matlab_order(dataset) else (0, 1, 2, 3)
    item = next((axis for axis in (order[0], order[3]) if shape[axis] == n), None)
    rest = [axis for axis in order if axis != item]
    colour = next((axis for axis in (rest[0], rest[-1]) if shape[axis] == 3), None)
    if item is None or colour is None:
        return None
    height, width = (axis for axis in rest if axis != colour)
    return item, height, width, colour
