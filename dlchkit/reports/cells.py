"""What stands in a table: a number with its interval, and which means of a column are the best."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from dlchkit.metrics import Interval
from dlchkit.plotting.verdict import NOTHING, number


@dataclass(frozen=True)
class Cell:
    """A number with its interval, as it stands in a table.

    Attributes
    ----------
    value : float
        What the column is sorted by; NaN goes last.
    text, detail : str
        The number, and what follows it in small letters.
    mark : str
        "best", "above" or "below" (an interval on one side of zero), or nothing.
    step : int or None
        The step of colour in a heat map.
    """

    value: float = math.nan
    text: str = NOTHING
    detail: str = ""
    mark: str = ""
    step: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it holds neither a number nor a word."""
        return self.text == NOTHING


@dataclass(frozen=True)
class Table:
    """Columns of cells in groups, a row for each name.

    Attributes
    ----------
    names : list of str
        The first column, such as methods.
    groups : dict
        Heading of a group ("" for one group alone) -> {head of a column: its cells}.
    head : str
        Head of the first column.
    """

    names: list[str]
    groups: dict[str, dict[str, list[Cell]]]
    head: str = "method"

    def __post_init__(self):
        lengths = {len(cells) for group in self.groups.values() for cells in group.values()}
        if lengths != {len(self.names)}:
            raise ValueError(f"columns of {sorted(lengths)} cells beside {len(self.names)} names")

    @property
    def columns(self) -> list[str]:
        """The heads of all columns, left to right."""
        return [head for group in self.groups.values() for head in group]

    @property
    def rows(self) -> list[tuple[str, list[Cell]]]:
        """Each name with its cells, left to right through all groups."""
        columns = [cells for group in self.groups.values() for cells in group.values()]
        return list(zip(self.names, map(list, zip(*columns, strict=True)), strict=True))


def table_of(names: list[str], groups: dict[str, dict[str, list[Cell]]], head: str = "method") -> Table | None:
    """A table without the groups, and then the rows, that hold nothing; None where nothing is left."""
    groups = {heading: group for heading, group in groups.items() if any(map(_holds_something, group.values()))}
    columns = [cells for group in groups.values() for cells in group.values()]
    rows = [i for i in range(len(names)) if any(not cells[i].is_empty for cells in columns)]
    if not rows:
        return None
    kept = {
        heading: {column: [cells[i] for i in rows] for column, cells in group.items()}
        for heading, group in groups.items()
    }
    return Table([names[i] for i in rows], kept, head)


def _holds_something(cells):
    return any(not cell.is_empty for cell in cells)


def spreads(
    intervals: list[Interval | None], usual: int, *, digits: int = 3, best: Callable | None = None
) -> list[Cell]:
    """A column of means ± half the width of their intervals.

    Parameters
    ----------
    usual : int
        The number of seeds of a full cell; cells of fewer say so.
    best : max, min or None
        What is marked as best; None marks nothing.

    Examples
    --------
    >>> cells = spreads([Interval(0.874, 0.862, 0.886, 5), Interval(0.5, 0.4, 0.6, 4)], 5)
    >>> [(cell.text, cell.detail) for cell in cells]
    [('.874', '± .012'), ('.500', '± .100 (n = 4)')]
    """
    marks = are_best(intervals, best=best) if best else [False] * len(intervals)
    return [_spread(one, usual, digits, "best" if mark else "") for one, mark in zip(intervals, marks, strict=True)]


def _spread(interval, usual, digits, mark):
    if interval is None:
        return Cell()
    half = (interval.high - interval.low) / 2
    width = f"± {number(half, digits)}" if math.isfinite(half) else ""
    return Cell(interval.mean, number(interval.mean, digits), _details(width, _fewer(interval, usual)), mark)


def difference(interval: Interval | None, usual: int, *, ratio: float | None = None) -> Cell:
    """A mean with its bounds, marked where they lie on one side of zero.

    >>> difference(Interval(-0.038, -0.05, -0.026, 5), 5, ratio=0.9)
    Cell(value=-0.038, text='-.038', detail='[-.050, -.026] × .90', mark='below', step=None)
    """
    if interval is None:
        return Cell()
    bounds = f"[{number(interval.low)}, {number(interval.high)}]" if math.isfinite(interval.low) else ""
    times = f"× {number(ratio, 2)}" if ratio is not None else ""
    mark = ""
    if interval.low > 0:
        mark = "above"
    elif interval.high < 0:
        mark = "below"
    return Cell(interval.mean, number(interval.mean), _details(bounds, _fewer(interval, usual), times), mark)


def _fewer(interval, usual):
    return "" if interval.n == usual else f"(n = {interval.n})"


def _details(*parts):
    return " ".join(filter(None, parts))


def are_best(intervals: list[Interval | None], *, best: Callable = max) -> list[bool]:
    """Which means are best; equal to three digits is equally good, and one alone is not the best of anything.

    >>> are_best([Interval(0.5001, 0.4, 0.6, 5), None, Interval(0.5004, 0.4, 0.6, 5), Interval(0.4, 0.3, 0.5, 5)])
    [True, False, True, False]
    """
    means = [None if interval is None else round(interval.mean, 3) for interval in intervals]
    defined = [mean for mean in means if mean is not None]
    return [len(defined) > 1 and mean is not None and mean == best(defined) for mean in means]
