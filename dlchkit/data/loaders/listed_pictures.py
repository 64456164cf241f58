"""Find the pictures that a list names by the paths of its authors' machine."""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from dlchkit.data.loaders.picture_files import outside_problem
from dlchkit.data.picture_file import unreadable_pictures
from dlchkit.errors import DataError


def picture_root(folder: Path, images: str | Path) -> Path:
    """The folder below which pictures lie: ``images``, or the data set's own where that is ""."""
    root = Path(images) if str(images) else folder
    if not root.is_dir():
        raise DataError(f"picture folder {root} does not exist; give the folder that holds the pictures as images=")
    return root


def find_listed(paths: Sequence[str], root: Path, *, follow_links: bool) -> tuple[list[str], dict[int, str]]:
    """Find for each foreign path a file below ``root`` with the same name and most folders in common.

    Returns
    -------
    files : list of str
        Relative to ``root``; "" where there is none.
    problems : dict
        Position of a path -> why it has no file: none or several fit, it lies outside, an earlier path names it.
    """
    by_name = {}
    entered = set()
    for folder, folders, names in os.walk(root, followlinks=follow_links):
        if os.path.realpath(folder) in entered:  # a link back to a folder above it
            folders.clear()
            continue
        entered.add(os.path.realpath(folder))
        for name in names:
            below = (Path(folder) / name).relative_to(root).as_posix()
            by_name.setdefault(unicodedata.normalize("NFC", name), []).append(below)
    files = []
    problems = {}
    row_of = {}
    for i, path in enumerate(paths):
        file, problem = _nearest(path, by_name, root, follow_links)
        if file in row_of:
            problem = f"names the picture {file} of row {row_of[file]} again"
        if problem:
            problems[i] = problem
            files.append("")
        else:
            row_of[file] = i
            files.append(file)
    return files, problems


def unreadable_listed(files: Sequence[str], root: Path) -> dict[int, str]:
    """Find which of the files of `find_listed` are no readable pictures, and what is wrong with each, by position."""
    unreadable = unreadable_pictures({i: root / file for i, file in enumerate(files) if file})
    return {i: f"picture {files[i]} {problem}" for i, problem in unreadable.items()}


def _nearest(path, by_name, root, follow_links) -> tuple[str, str]:
    """Find the file with most folders in common, or ("", the problem)."""
    parts = unicodedata.normalize("NFC", path).replace("\\", "/").split("/")
    candidates = by_name.get(parts[-1], [])
    common = [_common_end(parts, unicodedata.normalize("NFC", candidate).split("/")) for candidate in candidates]
    best = [candidate for candidate, length in zip(candidates, common, strict=True) if length == max(common)]
    if not best:
        return "", f"picture {parts[-1]!r} is not below {root}"
    if len(best) > 1:
        return "", f"picture {path!r} may be {best[0]} or {best[1]} below {root}"
    outside = outside_problem(root / best[0], root, follow_links=follow_links)
    if outside:
        return "", f"picture {best[0]} {outside}"
    return best[0], ""


def _common_end(one, other) -> int:
    """Count the equal names at the end of two paths."""
    length = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        length += 1
    return length
