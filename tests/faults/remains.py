"""What a kill leaves on disk: files that are whole, absent or damaged, and temporary files."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dlchkit.errors import DataError


@dataclass
class Remains:
    """Counts over all kills of one kind.

    Attributes
    ----------
    kills : int
        Kills that reached a process.
    interrupted : int
        Kills that left a temporary file, so reached the process in the middle of writing.
    whole, absent : int
        Files found in this state, over all looks.
    damaged : list of str
        One line for each file that was neither.
    second_runs, completed : int
        Undisturbed runs after a kill, and those of them that left every file whole.
    """

    kills: int = 0
    interrupted: int = 0
    whole: int = 0
    absent: int = 0
    damaged: list[str] = field(default_factory=list)
    second_runs: int = 0
    completed: int = 0

    def note(self, found: dict[str, str]) -> None:
        """Count the files of one look: path -> "whole", "absent" or the damage."""
        states = list(found.values())
        self.whole += states.count("whole")
        self.absent += states.count("absent")
        self.damaged += [f"{path}: {state}" for path, state in found.items() if state not in ("whole", "absent")]

    def __str__(self):
        return (
            f"{self.kills} kills, {self.interrupted} in the middle of a file; {self.whole} files whole, "
            f"{self.absent} absent, {len(self.damaged)} damaged; "
            f"{self.completed} of {self.second_runs} second runs completed"
        )


def temporary_files(folder: Path) -> set[Path]:
    """The temporary files that kills have left below a folder."""
    return {path for path in folder.rglob(".*") if path.is_file() and path.parent.name != ".locks"}


def state_of(path: Path, is_right: Callable[[Path], bool]) -> str:
    """Say "whole" or "absent", "of other content" where ``is_right`` denies the path, or the error of opening it."""
    if not path.exists():
        return "absent"
    try:
        return "whole" if is_right(path) else "of other content"
    except (DataError, ValueError, EOFError, OSError, KeyError) as error:
        return str(error)
