"""What a kill has left on disk: whole, absent or damaged, and temporary files that nothing reads."""

from pathlib import Path

from dlchkit.errors import DataError


def note(row: dict, found: dict[str, str]) -> None:
    """Count what a look found: path -> "whole", "absent" or what is wrong."""
    for path, said in found.items():
        if said in ("whole", "absent"):
            row[said] += 1
        else:
            row["damaged"].append(f"{path}: {said}")


def leftovers(folder: Path) -> set[Path]:
    """Temporary files that a kill has left."""
    return {path for path in folder.rglob(".*") if path.is_file() and path.parent.name != ".locks"}


def note_leftovers(row: dict, folder: Path) -> None:
    """Count temporary files and their bytes."""
    row["leftovers"] += len(leftovers(folder))
    row["leftover_bytes"] += sum(path.stat().st_size for path in leftovers(folder))


def opened_file(path: Path, is_right) -> str:
    """Say "whole", "absent", "of other content" where ``is_right`` says so of the path, or the error in opening it."""
    if not path.exists():
        return "absent"
    try:
        return "whole" if is_right(path) else "of other content"
    except (DataError, ValueError, OSError, KeyError) as error:
        return str(error)
