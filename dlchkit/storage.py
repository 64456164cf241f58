"""Where files live, and how they are written: whole or not at all, and once."""

import contextlib
import glob
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

_DAY = 86_400  # seconds; longer than any write takes, so older temporary files are abandoned

Value = TypeVar("Value")


def data_home() -> Path:
    """Return the folder for rendered data and cached features: ``$DLCHKIT_DATA``, else the platform's cache folder."""
    return Path(os.environ.get("DLCHKIT_DATA") or platformdirs.user_cache_dir("dlchkit"))


def datasets_home() -> Path:
    """Return the folder where data sets are found by name: ``$DLCHKIT_DATASETS``, else ``data_home()/"datasets"``."""
    return Path(os.environ.get("DLCHKIT_DATASETS") or data_home() / "datasets")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name only if the block ends well.

    Whatever happens, there is the old file, the new one or none, never a part of one. Temporary files left by
    a killed writer of this file are removed after one day.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_away(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _clear_away(path):
    for left in path.parent.glob(f".{glob.escape(path.stem)}-????????{glob.escape(path.suffix)}"):
        with contextlib.suppress(OSError):  # another process may clear it away as well
            if time.time() - left.stat().st_mtime > _DAY:
                left.unlink()


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold an exclusive lock while creating ``path``; a waiting process should check whether it exists by then.

    The operating system's lock (``flock``, through filelock) ends with the process that holds it, however that
    ends; the empty files in ``.locks/`` mean nothing by themselves.
    """
    from filelock import FileLock  # here, so that `dlchkit --help` does not wait for it

    locks = Path(path).parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{Path(path).name}.lock"):
        yield


def made_once(
    path: Path, read: Callable[[Path], Value | None], make: Callable[[], tuple[Value, Callable[[Path], Any]]]
) -> Value:
    """Read what ``path`` keeps, or make it and keep it; of several processes that ask at once, only one makes it.

    Parameters
    ----------
    path : Path
        The file that keeps the value.
    read : callable
        From ``path`` to the value; None where the file is absent or damaged.
    make : callable
        Returns the value and a function that writes it to a path.
    """
    value = read(path)
    if value is None:
        with one_at_a_time(path):
            value = read(path)
            if value is None:
                value, write = make()
                with atomic_path(path) as temporary:
                    write(temporary)
    return value


def read_json(path: Path) -> Any:
    """Read a JSON file; ValueError for any fault of its text, OSError where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_plain_name(name: object) -> bool:
    """Tell whether this names a file in a folder, and nothing outside it."""
    if not isinstance(name, str) or name in ("", ".", ".."):
        return False
    return name.isprintable() and not {"/", "\\", ":"} & set(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def digest(*parts: str | bytes) -> str:
    """Compute SHA-256 over strings and bytes, each marked off by its length; 64 hexadecimal digits."""
    sha = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else bytes(part)
        sha.update(len(raw).to_bytes(8, "little"))
        sha.update(raw)
    return sha.hexdigest()


def resource_folder(name: str) -> Path:
    """Find the folder "notebooks" or "datasets": inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name
