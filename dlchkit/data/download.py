"""Fetch one file of a data set: checked against a checksum, resumed where it broke off, with a progress bar.

Why these two libraries: pooch (1.9) checks a checksum and gives the file its final name
only if that is right, but starts an interrupted download over. Of the others looked at,
parfive (2.3) checks too but does not resume, and pypdl (1.5) resumes but gives the file
its final name before anybody has checked it, and appends without asking whether the
server really resumed. So pooch keeps the books, and its downloader hook below asks for
the missing bytes with requests, which pooch needs anyway.
"""

import logging
from functools import partial
from pathlib import Path

from dlchkit.errors import DataError

BLOCK = 1 << 16  # bytes; what is lost at most when a connection breaks
TIMEOUT = 30  # seconds without a byte


def fetch(url: str, path: Path, *, checksum: str) -> Path:
    """Download ``url`` to ``path``, unless a file with this checksum is there already.

    Parameters
    ----------
    checksum : "md5:..." or "sha256:..." in hexadecimal digits

    Returns
    -------
    Path ``path``. Bytes of an interrupted download wait beside it in ``NAME.part``; the
    same call fetches the rest, or starts over where the server cannot resume.

    Raises
    ------
    DataError
        One line: the server's refusal, a broken connection, or a wrong checksum, after
        which neither the file nor its parts are left.
    """
    import pooch  # here: both take a moment to import
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    try:
        pooch.retrieve(url, known_hash=checksum, fname=path.name, path=path.parent, downloader=partial(_resume, part=part))
    except requests.HTTPError as error:
        raise DataError(f"{url} could not be fetched: the server answers {error.response.status_code} {error.response.reason}") from None
    except (requests.RequestException, ConnectionError) as error:
        kept = part.stat().st_size if part.exists() else 0
        raise DataError(f"{url} could not be fetched ({type(error).__name__}); {kept} bytes are kept, and the same call goes on from there") from None
    except ValueError:
        part.unlink(missing_ok=True)
        raise DataError(f"{url} has another checksum than {checksum}; nothing of it was kept: try again, or fetch it by hand and compare") from None
    return path


def _resume(url: str, output_file: str, _pooch, *, part: Path) -> None:
    """pooch's hook: put the whole file at ``output_file``, building on the bytes in ``part``."""
    import requests
    from tqdm import tqdm

    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
        if response.status_code == 416:  # nothing after these bytes: they are the whole file, or too many
            if response.headers.get("Content-Range") != f"bytes */{have}":
                part.unlink()
                raise ConnectionError("the bytes kept do not belong to this file")
            part.replace(output_file)
            return
        response.raise_for_status()
        have = have if response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-") else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with (
            open(part, "ab" if have else "wb") as file,
            tqdm(desc=part.stem, initial=have, total=total, unit="B", unit_scale=True, disable=None) as bar,
        ):
            for block in response.iter_content(BLOCK):
                file.write(block)
                bar.update(len(block))
    if total is not None and part.stat().st_size != total:
        raise ConnectionError(f"{part.stat().st_size} of {total} bytes arrived")
    part.replace(output_file)
