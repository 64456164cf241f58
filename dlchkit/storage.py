"""Where files live and how they are written: whole or not at all."""

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import platformdirs


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
    never a part.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
