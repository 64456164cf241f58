"""What goes wrong by a user's input, said in one line: what, where, what would be right."""


class DataError(ValueError):
    """Input that cannot be used as it is; the message is one line a person can act on."""


class NotebookFailed(RuntimeError):
    """A cell failed or a kernel died; the message names notebook, cell and error."""
