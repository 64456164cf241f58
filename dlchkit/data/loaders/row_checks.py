"""Checks that every loader makes of its rows, each refused in one line."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dlchkit.data import PairedDataset
from dlchkit.data.loaders.names import one_form
from dlchkit.errors import DataError


def assemble(
    *,
    ids: Sequence[str] | np.ndarray,
    labels: np.ndarray,
    class_names: tuple[str, ...],
    problems: Mapping[int, str],
    row_name: Callable[[int], str],
    skip_bad_rows: bool,
    groups: Sequence[str] | np.ndarray | None = None,
    bare: Mapping[int, str] | None = None,
    left_out: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    **fields: Any,
) -> PairedDataset:
    """Put rows together; rows without a label are left out and listed, unusable rows refused.

    Every loader ends here, and here the names are checked: ids and classes are unique.

    Parameters
    ----------
    ids : sequence of str
        n names; a row whose name is empty, or that of a usable row before it, is unusable.
    labels : bool array (n, n_classes)
    class_names : tuple of str
        Names of the columns of ``labels``.
    problems : dict
        Row position -> what makes it unusable.
    row_name : callable
        From a row's position to its file and line, for messages.
    skip_bad_rows : bool
        Leave unusable rows out and list them in ``left_out``.
    groups : sequence of str or None
        n names; None makes every row a group of its own.
    bare : dict or None
        Row position -> what else makes a row one that is left out and listed like those without a label.
    left_out, notes : tuple of str
        Lines to begin these lists with.
    **fields
        Further fields of `PairedDataset` with n rows each, or None.
    """
    class_names = tuple(map(one_form, class_names))
    wrong = next((name for name, count in Counter(class_names).items() if count > 1 or not name), None)
    if wrong is not None:
        raise DataError(f"{row_name(0)}: several classes are called {wrong!r}, or one nothing; each needs its own name")
    problems = _problems_of_ids(ids, problems) | dict(problems)
    if not skip_bad_rows:
        refuse_problems(problems, row_name)
    unlabelled = {i: f"{ids[i]} has no label" for i in np.flatnonzero(~labels.any(1)).tolist()}
    reasons = dict(bare or {}) | unlabelled | problems
    kept = np.array([i for i in range(len(ids)) if i not in reasons], dtype=np.int64)
    lines = [f"{row_name(i)}: {reasons[i]}" for i in sorted(reasons)]
    if len(kept) == 0:
        raise DataError(f"there is no usable row: {lines[0] if lines else row_name(0)}")
    names = np.asarray(ids, dtype=np.str_)[kept]
    return PairedDataset(
        ids=names,
        labels=labels[kept],
        class_names=class_names,
        groups=names if groups is None else np.asarray(groups, dtype=np.str_)[kept],
        left_out=(*left_out, *lines),
        notes=notes,
        **{name: values if values is None else values[kept] for name, values in fields.items()},
    )


def refuse_problems(problems: Mapping[int, str], row_name: Callable[[int], str]) -> None:
    """Refuse the first of these rows, if there are any; see `assemble`."""
    if problems:
        first = min(problems)
        more = f" (and {len(problems) - 1} more rows)" if len(problems) > 1 else ""
        raise DataError(
            f"{row_name(first)}: {problems[first]}{more}; "
            "mend the row, or leave such rows out with --skip-bad-rows (in Python: skip_bad_rows=True)"
        )


def _problems_of_ids(ids, problems) -> dict[int, str]:
    seen = set()
    found = {}
    for i, name in enumerate(map(str, ids)):
        if i not in problems:
            if not name or name in seen:
                found[i] = f"id {name!r} occurs twice" if name else "id is empty"
            seen.add(name)
    return found


def without_small_classes(data: PairedDataset, min_class_size: int, place: Path) -> PairedDataset:
    """Leave out classes with fewer rows, and the rows that then have no label."""
    size = data.labels.sum(0)
    kept = np.flatnonzero(size >= min_class_size)
    lonely = next((c for c in kept if size[c] < 2), None)
    if lonely is not None:
        count = "one row" if size[lonely] else "no row"
        raise DataError(
            f"class {data.class_names[lonely]!r} in {place} has {count}; a class needs two at least: "
            "add rows, or set min_class_size to 2 to leave it out"
        )
    if len(kept) < 2 and min_class_size > 2:
        raise DataError(
            f"{place} has {len(kept)} classes with {min_class_size} rows or more; two are needed: lower min_class_size"
        )
    if len(kept) < 2:
        names = ", ".join(repr(data.class_names[c]) for c in kept) or "none"
        raise DataError(
            f"{place} has fewer than two classes with two rows or more ({names}); "
            "add rows of others, or take labels that tell the rows apart"
        )
    if len(kept) == len(size):
        return data
    data = data[data.labels[:, kept].any(1)]
    return replace(data, labels=data.labels[:, kept], class_names=tuple(data.class_names[c] for c in kept))


def not_finite(**features: np.ndarray | None) -> dict[int, str]:
    """Find the rows where one of the named features holds NaN or infinity, and which it is."""
    problems = {}
    for name, values in features.items():
        if values is not None:
            for i in np.flatnonzero(~np.isfinite(values).all(1)):
                problems.setdefault(int(i), f"{name} holds NaN or infinity in row {i}")
    return problems


def named_classes(folder: Path, n_classes: int, *, numbers: Sequence[int] | None = None) -> tuple[str, ...]:
    """Read the class names from ``folder/classes.txt``, one line per label column.

    Without that file they are called by their ``numbers``, or "class 0", "class 1", ...
    """
    path = folder / "classes.txt"
    if not path.is_file():
        return tuple(f"class {c}" for c in (range(n_classes) if numbers is None else numbers))
    names = tuple(line.strip() for line in read_lines(path))
    if len(names) != n_classes or len(set(names)) != n_classes or "" in names:
        raise DataError(
            f"{path} has {len(names)} lines; it needs one different name for each of the {n_classes} label columns"
        )
    return names


def choose_caption(captions: list[str], caption: int | str) -> str:
    """Choose the text at position ``caption`` from 0, or join "all" by spaces; "" where there is none."""
    if caption == "all":
        return " ".join(text.strip() for text in captions).strip()
    if type(caption) is not int or caption < 0:
        raise DataError(f"caption is {caption!r}; it is a position from 0, or 'all'")
    return captions[caption].strip() if caption < len(captions) else ""


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 text file; "\\n" or "\\r\\n" ends a line, and no other character does."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise DataError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
