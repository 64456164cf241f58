"""Read MATLAB's files of version 4 to 7 with SciPy, in a process of its own: damaged files can crash or stall it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SECONDS = 60  # allowed for every file, and
BYTES_PER_SECOND = 5e6  # as long again for every 300 MB


class ReaderFailed(Exception):
    """The reader refused, crashed or took too long; the message says which in a few words."""


def read_variables(path: Path, names: Sequence[str] = ()) -> tuple[list[str], dict]:
    """List the variables of a file and read those of the given names that it holds.

    Returns
    -------
    held : list of str
        All names in the file, sorted.
    values : dict
        Name -> array of numbers (sparse ones dense), list of rows of texts, or the name of any other type.

    Raises
    ------
    ReaderFailed
        SciPy cannot read the file: it raises an error, crashes, or does not end in time.
    """
    allowed = SECONDS + path.stat().st_size / BYTES_PER_SECOND
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.npz"
        command = [sys.executable, "-m", __name__, str(path.resolve()), str(answer), *names]
        try:
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=allowed)
        except subprocess.TimeoutExpired:
            raise ReaderFailed(f"its reader did not end in {allowed:.0f} s") from None
        if done.returncode == 1:  # an exception; its kind stands last on standard error
            raise ReaderFailed((done.stderr.decode(errors="replace").split() or ["unknown error"])[-1])
        if done.returncode != 0:
            raise ReaderFailed("its reader crashed")
        with np.load(answer, allow_pickle=False) as arrays:
            about = json.loads(arrays["arr_0"].item())
            numbers = {name: arrays[f"arr_{i}"] for i, name in enumerate(about["numbers"], start=1)}
    return about["held"], about["others"] | numbers


def read_in_this_process(path: str | Path, names: Sequence[str]) -> tuple[list[str], dict]:
    """What `read_variables` returns, read here: for files that cannot be damaged."""
    import scipy.io

    held = sorted(name for name, *_ in scipy.io.whosmat(path))
    wanted = [name for name in names if name in held]
    loaded = scipy.io.loadmat(path, variable_names=wanted) if wanted else {}
    return held, {name: _plain(loaded[name]) for name in wanted}


def _write_variables(path: str, answer: str, names: list[str]) -> None:
    """Write what `read_variables` returns as an .npz file; runs in the process of its own."""
    held, values = read_in_this_process(path, names)
    numbers = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    others = {name: value for name, value in values.items() if name not in numbers}
    about = json.dumps({"held": held, "numbers": list(numbers), "others": others})
    np.savez(answer, np.array(about), *numbers.values())


def _plain(values) -> np.ndarray | list | str:
    """Numbers as an array, texts as rows of texts, and of anything else the type."""
    import scipy.sparse

    if scipy.sparse.issparse(values):
        return values.astype(np.float32).toarray()
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind not in "UO":
        return str(values.dtype)
    is_one_row = values.ndim == 2 and values.shape[0] == 1
    return [list(_texts(row)) for row in (values.reshape(-1) if is_one_row else values)]


def _texts(cell):
    if isinstance(cell, np.ndarray):
        for part in cell.reshape(-1):
            yield from _texts(part)
    else:
        yield str(cell).strip()


if __name__ == "__main__":
    try:
        _write_variables(sys.argv[1], sys.argv[2], sys.argv[3:])
    except Exception as error:  # SciPy raises many kinds for broken files
        sys.exit(type(error).__name__)
