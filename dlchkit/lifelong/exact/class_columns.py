"""Columns of labels are matched by the names of their classes, not by their places."""

from collections.abc import Sequence

import numpy as np

from dlchkit.errors import DataError

ClassNames = tuple[str, ...] | None  # None where classes were never named


def matched(labels: np.ndarray, class_names: Sequence[str] | None, known: ClassNames, *, begun: bool):
    """Labels in the columns that are known, with classes not heard of before in new columns behind.

    Parameters
    ----------
    labels : bool array (n, n_classes)
    class_names : sequence of str, optional
        Of the columns of ``labels``; None for those that are known, in their order.
    known : tuple of str, optional
        Of the columns that labels were learned in.
    begun : bool
        Whether labels have been learned.

    Returns
    -------
    labels : bool array (n, n_known)
    class_names : tuple of str, optional
        Those known, then the new ones.

    Raises
    ------
    DataError
        Where names repeat or do not fit the columns, a column beyond those known has no name, or what was learned
        before has none.
    """
    if class_names is None and known is not None:
        if labels.shape[1] > len(known):
            raise DataError(
                f"labels have {labels.shape[1]} columns without names, {len(known)} classes are known: {few(known)}; "
                f"add class_names"
            )
        return moved(labels, known[: labels.shape[1]], known), known
    if class_names is None:
        return labels, None
    names = tuple(map(str, class_names))
    if len(set(names)) != len(names) or len(names) != labels.shape[1]:
        raise DataError(
            f"{len(names)} class names ({len(set(names))} different) for {labels.shape[1]} columns of labels; "
            f"each column needs one of its own"
        )
    if known is None and begun:
        raise DataError(
            f"these classes are {few(names)}, those learned before have no names, so columns cannot be matched; "
            f"learn all anew with class_names, or set class_names of the learner to those of its columns"
        )
    wanted = (*(known or ()), *(name for name in names if name not in set(known or ())))
    return moved(labels, names, wanted), wanted


def moved(labels: np.ndarray, class_names: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray:
    """Labels bool (n, n_classes) in the columns of ``wanted``, which has all their names.

    Examples
    --------
    >>> moved(np.array([[1, 0]], dtype=bool), ("tree", "car"), ("cat", "car", "tree")).astype(int)
    array([[0, 0, 1]])
    """
    if class_names == wanted:
        return labels
    column_of = {name: column for column, name in enumerate(wanted)}
    wide = np.zeros((len(labels), len(wanted)), dtype=bool)
    wide[:, [column_of[name] for name in class_names]] = labels
    return wide


def few(names: tuple[str, ...]) -> str:
    """The first three names, for a message."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
