"""Find picture files inside a data set's folder, as they are spelled on disk, and never outside it unasked."""

from collections.abc import Iterator
from pathlib import Path

from dlchkit.data.loaders.names import spellings
from dlchkit.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif")  # ImageFolder's, and GIF


def find_file(folder: Path, name: str) -> Path:
    """The path of a file by its relative name, with accents as they are on disk: composed (NFC) or decomposed (NFD)."""
    path = folder
    for part in Path(name).parts:
        path = next((path / form for form in spellings(part) if _exists(path / form)), path / part)
    return path


def _exists(path):
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def outside_problem(path: Path, folder: Path, *, follow_links: bool) -> str | None:
    """What is wrong with the place of a file, None for nothing: it lies in the folder, or behind links in it.

    Parameters
    ----------
    path : Path
        ``folder`` and a name below it.
    follow_links : bool
        Whether a link in the folder may lead out of it.
    """
    outside = "lies outside the folder; put pictures inside it and name them relative to it"
    try:
        if path.resolve().is_relative_to(folder.resolve()):
            return None
    except (OSError, RuntimeError, ValueError):  # a circle of links, a name that no file can have
        return outside
    if not path.is_relative_to(folder) or ".." in path.relative_to(folder).parts:
        return outside
    if follow_links:
        return None
    return "is behind a link that leads out of the folder; --follow-links (in Python: follow_links=True) reads it"


def pictures_below(folder: Path, root: Path, *, follow_links: bool) -> Iterator[Path]:
    """List the pictures in a folder and in the folders in it by name, as torchvision's ImageFolder.

    Hidden files, and files without the ending of a picture, are none. Every folder is entered once.

    Raises
    ------
    DataError
        A folder or picture lies outside ``root``, see `outside_problem`.
    """
    found = []
    entered = set()
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        _refuse_outside(place, root, follow_links)
        if place.resolve() in entered:
            continue
        entered.add(place.resolve())
        for child in visible(place):
            if child.is_dir():
                waiting.append(child)
            elif child.suffix.lower() in SUFFIXES and (child.is_file() or not child.exists()):  # or a link to nowhere
                found.append(child)
    for path in sorted(found):
        _refuse_outside(path, root, follow_links)
        yield path


def _refuse_outside(path, root, follow_links):
    problem = outside_problem(path, root, follow_links=follow_links)
    if problem:
        raise DataError(f"{path} {problem}")


def visible(folder: Path) -> list[Path]:
    """List the files and folders by name, without hidden ones such as .DS_Store and .ipynb_checkpoints."""
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))
