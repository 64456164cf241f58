"""A saved index: a header that names its parts with their SHA-256, written last."""

import hashlib
import json
import os
import secrets
from pathlib import Path

from dlchkit.errors import DataError
from dlchkit.storage import atomic_path, digest, read_json

HEADER = "index.json"
SCHEMA = 2


def write_index(folder: Path, header: dict, parts: dict) -> Path:
    """Write parts and then the header: until the header takes its place the old index, if any, stays whole.

    Parameters
    ----------
    folder : Path
        Where the files go.
    header : dict
        Fields of the header.
    parts : dict
        Name -> function that writes the part to a path. Files get a random addition to their names, so that no
        part of an earlier save is overwritten.
    """
    folder = Path(folder)
    before = _parts_there(folder)
    mark = secrets.token_hex(4)
    written = {}
    for name, write in parts.items():
        path = folder / f"{Path(name).stem}-{mark}{Path(name).suffix}"
        with atomic_path(path) as temporary:
            write(temporary)
            _flush(temporary)
            written[name] = {"file": path.name, "sha256": _sha256(temporary)}
    with atomic_path(folder / HEADER) as temporary:
        content = {"schema": SCHEMA, **header, "parts": written}
        temporary.write_text(json.dumps({**content, "sha256": _digest(content)}, indent=1) + "\n", encoding="utf-8")
        _flush(temporary)
    for old in before:
        old.unlink(missing_ok=True)
    return folder / HEADER


def read_header(folder: str | Path, **expected: type) -> dict:
    """Read the header of a saved index; ``expected`` are further fields and the types they must have."""
    path = Path(folder) / HEADER
    try:
        header = read_json(path)
    except FileNotFoundError:
        raise DataError(f"{folder} holds no index: there is no {HEADER} in it") from None
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is not readable JSON ({error}); save the index again") from None
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise DataError(f"{path} is not an index of schema {SCHEMA}; it was written by another program or version")
    if header.pop("sha256", None) != _digest(header):
        raise DataError(f"{path} was changed after it was written (its SHA-256 differs); save the index again")
    for name, kind in {"kind": str, "n_bits": int, **expected}.items():
        if type(header.get(name)) is not kind:
            raise DataError(f"{path} has no usable field {name!r}; save the index again")
    return header


def checked_part(folder: str | Path, header: dict, name: str) -> Path:
    """Return the path of a part, if its content has the SHA-256 that the header states."""
    part = header["parts"].get(name)
    file = part.get("file") if isinstance(part, dict) else None
    if not isinstance(file, str) or Path(file).name != file:
        raise DataError(f"{Path(folder) / HEADER} names no part {name!r}; save the index again")
    path = Path(folder) / file
    if not path.is_file():
        raise DataError(f"{path} is missing, though {HEADER} names it; save the index again")
    if _sha256(path) != part.get("sha256"):
        raise DataError(
            f"{path} is not what {HEADER} says (its SHA-256 differs): it was cut short or changed; save the index again"
        )
    return path


def _parts_there(folder: Path) -> list[Path]:
    try:
        header = read_header(folder, parts=dict)
    except DataError:
        return []  # no index of this kit, so none of its parts to remove
    named = [part.get("file") for part in header["parts"].values() if isinstance(part, dict)]
    return [folder / file for file in named if isinstance(file, str) and Path(file).name == file]


def _digest(header: dict) -> str:
    return digest(json.dumps(header, sort_keys=True))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
