"""Errors caused by user input, reported in one line: what is wrong, where, and what would be right."""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

_LONGEST = 2000  # letters


class DataError(ValueError):
    """Input that cannot be used as it is; the message is one line a person can act on.

    Names out of a file go into messages as they are: line ends and control characters in
    them become spaces, and of a message of more than 2,000 letters the middle is left out.

    Examples
    --------
    >>> str(DataError("column 'a\\nb' is unknown"))
    "column 'a b' is unknown"
    """

    def __init__(self, message: str):
        said = "".join(letter if letter.isprintable() else " " for letter in str(message))
        super().__init__(said if len(said) <= _LONGEST else f"{said[: _LONGEST // 2]} ... {said[-_LONGEST // 2 :]}")


class NotebookFailed(RuntimeError):
    """A cell failed or a kernel died; the message names notebook, cell and error.

    Attributes
    ----------
    reason : str
        the error alone
    cell : int or None
        position of the failed cell
    """

    def __init__(self, reason: str, *, notebook: str = "", cell: int | None = None, partial: str = ""):
        self.reason = reason
        self.cell = cell
        place = notebook if cell is None else f"{notebook}, cell {cell}"
        kept = f" (partial notebook: {partial})" if partial else ""
        super().__init__(f"{place}: {reason}{kept}" if place else f"{reason}{kept}")


def nearest_name(name: object, known: Iterable[str]) -> str:
    """A hint for an unknown name: the known name that is spelled most like it, or all of them.

    Examples
    --------
    >>> nearest_name("joimt", ["joint", "dlch"])
    "did you mean 'joint'?"
    >>> nearest_name("xyz", ["joint", "dlch"])
    'there are joint, dlch'
    """
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"


def optional_module(name: str, extra: str) -> ModuleType:
    """Import a module that comes with one of the kit's extras; where it is not installed, say how to install it.

    Parameters
    ----------
    name : str
        Name of the module.
    extra : str
        The extra in pyproject.toml that brings it.

    Raises
    ------
    DataError
        The module is not installed.

    Examples
    --------
    >>> optional_module("no_such_module", "search")
    Traceback (most recent call last):
    dlchkit.errors.DataError: no_such_module is not installed; pip install "dlchkit[search]" brings it
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise DataError(f'{name} is not installed; pip install "dlchkit[{extra}]" brings it') from None
