"""SciPy's reader of MATLAB's old files in a process of its own: a damaged file can crash it, and may not take the caller along.

Found by damaging files at random: SciPy 1.17 answers some with a segmentation fault, and some never.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

SECONDS, BYTES_PER_SECOND = 60, 5e6  # what reading may take: so long, and as long again for every 300 MB


class ReaderFailed(Exception):
    """The reader ended, or refused; the message is a name for what happened."""


class _Reader:
    """A process that answers one question at a time, and ends when its standard input closes."""

    def __init__(self):
        command = [sys.executable, "-m", "dlchkit.data.loaders.mat_process"]
        quiet = {"stderr": subprocess.DEVNULL, "start_new_session": True}  # Ctrl-C reaches the caller alone
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **quiet)
        self.owner, self.asked = os.getpid(), threading.Lock()
        atexit.register(self.close)

    def ask(self, what: str, path: Path, key: str | None):
        allowed = SECONDS + Path(path).stat().st_size / BYTES_PER_SECOND
        late = threading.Timer(allowed, self.process.kill)
        with self.asked:
            late.start()
            try:
                self.process.stdin.write(json.dumps([what, str(Path(path).resolve()), key]).encode() + b"\n")
                self.process.stdin.flush()
                said = json.loads(self.process.stdout.readline())
                values = np.lib.format.read_array(_Stream(self.process.stdout), allow_pickle=False) if said["array"] else said["values"]
            except (OSError, ValueError, EOFError):
                self.close()
                raise ReaderFailed("its reader crashed" if late.is_alive() else f"its reader did not end in {allowed:.0f} s") from None
            except BaseException:  # Ctrl-C: an answer that nobody took would be taken for the next one's
                self.close()
                raise
            finally:
                late.cancel()
        if said["error"]:
            raise ReaderFailed(said["error"])
        return values

    def usable(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def close(self):
        if self.owner == os.getpid():
            atexit.unregister(self.close)
            self.process.kill()
            self.process.communicate()


class _Stream:
    """A pipe for NumPy, which takes what looks like a file for one on disk."""

    def __init__(self, pipe):
        self.read, self.write = pipe.read, pipe.write


_reader = None


def ask(what: str, path: Path, key: str | None = None):
    """What a MATLAB file of version 4 to 7 holds.

    Parameters
    ----------
    what : "keys" (list of names), "matrix" (array of numbers, sparse ones dense) or
        "strings" (list of rows of texts), the last two of the variable ``key``

    Raises
    ------
    ReaderFailed
    """
    global _reader
    if _reader is None or not _reader.usable():
        _reader = _Reader()
    return _reader.ask(what, path, key)


# --- inside the reader ---


def _answer(what, path, key):
    import scipy.io
    import scipy.sparse

    if what == "keys":
        return sorted(name for name, *_ in scipy.io.whosmat(path))
    values = scipy.io.loadmat(path, variable_names=[key])[key]
    if what == "matrix":
        values = values.astype(np.float32).toarray() if scipy.sparse.issparse(values) else values
        return np.ascontiguousarray(values) if values.dtype.kind in "biuf" else _kind(values)
    if values.dtype.kind not in "UO":
        return _kind(values)
    rows = values.reshape(-1) if values.ndim == 2 and values.shape[0] == 1 else values
    return [list(_texts(row)) for row in rows]


def _kind(values):
    return {"shape": list(values.shape), "type": str(values.dtype)}


def _texts(cell):
    if isinstance(cell, np.ndarray):
        for part in cell.reshape(-1):
            yield from _texts(part)
    else:
        yield str(cell).strip()


def _main():
    out = sys.stdout.buffer
    sys.stdout = sys.stderr
    for line in sys.stdin:
        values, error = None, None
        try:
            values = _answer(*json.loads(line))
        except Exception as failure:  # SciPy raises many kinds for broken files
            error = type(failure).__name__
        is_array = isinstance(values, np.ndarray)
        out.write(json.dumps({"array": is_array, "error": error, "values": None if is_array else values}).encode() + b"\n")
        if is_array:
            np.lib.format.write_array(_Stream(out), values, allow_pickle=False)
        out.flush()


if __name__ == "__main__":
    _main()
