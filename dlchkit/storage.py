"""Where files live and how they are written: whole or not at all."""

import contextlib
import glob
import hashlib
import json
import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import platformdirs

_DAY = 86_400  # seconds; whoever still writes writes for less


def data_home() -> Path:
    """The folder for rendered data and cached features: ``$DLCHKIT_DATA``, else the platform's cache folder."""
    return Path(os.environ.get("DLCHKIT_DATA") or platformdirs.user_cache_dir("dlchkit"))


def datasets_home() -> Path:
    """The folder that data sets are looked up in by name: ``$DLCHKIT_DATASETS``, else ``data_home()/"datasets"``."""
    return Path(os.environ.get("DLCHKIT_DATASETS") or data_home() / "datasets")


@contextmanager
def atomic_path(path: Path):
    """Yield a temporary path beside ``path`` that takes its name only if the block ends well.

    A reader, a full disk or a kill at any moment sees the old file, the new one or none,
    never a part. What a kill has left of an earlier writing of this file goes after a day.
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
def one_at_a_time(path: Path):
    """Let one process, or thread, at a time make ``path``; the others wait, and should then look whether it is there.

    filelock asks the operating system for the lock (``flock``), which ends with its holder,
    however that ends; the empty files in ``.locks/`` mean nothing by themselves. torch and
    the Hugging Face libraries rely on it.
    """
    from filelock import FileLock  # here, so that `dlchkit --help` does not wait for it

    locks = Path(path).parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{Path(path).name}.lock"):
        yield


def read_json(path: Path):
    """What a JSON file holds; ValueError whatever is wrong with its text, OSError where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_plain_name(name) -> bool:
    """Whether this names a file in a folder, and nothing outside it."""
    return isinstance(name, str) and name not in ("", ".", "..") and name.isprintable() and not {"/", "\\", ":"} & set(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def digest(*parts) -> str:
    """SHA-256 over strings and bytes, each marked off by its length; 64 hexadecimal digits."""
    sha = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else bytes(part)
        sha.update(len(raw).to_bytes(8, "little"))
        sha.update(raw)
    return sha.hexdigest()


def resource_folder(name: str) -> Path:
    """The folder "notebooks" or "datasets": inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name
