"""What goes wrong by a user's input, said in one line: what, where, what would be right."""

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
    """A cell failed or a kernel died; the message names notebook, cell and error."""
