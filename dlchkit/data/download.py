"""Fetch one file of a data set and check it against its checksum; `pooch` does the work."""

import logging
import sys
from pathlib import Path

from dlchkit.errors import DataError


def fetch(url: str, path: Path, *, checksum: str) -> Path:
    """Download ``url`` to ``path``, unless a file with this checksum is there already.

    Parameters
    ----------
    url : str
        Address of the file.
    path : Path
        Where the file is kept; an interrupted download leaves nothing there.
    checksum : str
        "md5:..." or "sha256:..." in hexadecimal digits.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    DataError
        The server refuses, the connection breaks, or the checksum is wrong.
    """
    import pooch  # here, because it takes a moment to import

    pooch.get_logger().setLevel(logging.WARNING)
    on_terminal = sys.stderr.isatty()
    try:
        pooch.retrieve(url, known_hash=checksum, fname=path.name, path=path.parent, progressbar=on_terminal)
    except ValueError:
        raise DataError(
            f"{url} has another checksum than {checksum}; nothing of it was kept: "
            "try again, or fetch it by hand and compare"
        ) from None
    except OSError as error:  # the errors of requests, which pooch uses, are of this kind too
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        raise DataError(f"{url} could not be fetched ({reason}); check the connection and try again") from None
    return path
