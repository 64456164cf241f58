"""Read the rows of a CSV file so that a damaged one costs no other."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple

LONGEST_CELL = 131_072  # letters, as in Python's csv module
_LINE_END = re.compile(r"\r\n|\r|\n")
_CELL = re.compile(r'(?:"(?P<quoted>(?:[^"]|"")*+)"|(?P<plain>(?:[^",\r\n][^,\r\n]*+)?))(?P<end>,|\r\n|\r|\n|\Z)')


class Row(NamedTuple):
    """One row of a CSV file.

    Attributes
    ----------
    line : int
        From 1: the line on which the row begins; of a row that is cut off at a quote, the line of that quote.
    cells : list of str
    problem : str
        Why the row cannot be used; "" for nothing.
    """

    line: int
    cells: list[str]
    problem: str


def csv_rows(text: str, *, swallows: Callable[[int, list[str]], bool] = lambda column, lines: False) -> Iterator[Row]:
    r"""Read comma-separated cells, quoted where they hold commas, quotes (doubled) or line ends; blank lines are none.

    Parameters
    ----------
    text : str
        All of the file.
    swallows : callable
        From a cell's column, from 0, and its lines, where there are several: whether other rows stand in it. Then the
        quote that opens the cell counts as one that nothing closes.

    Notes
    -----
    After a quote that nothing closes reading goes on at the next line. So one stray quote costs its own row, and not
    all rows up to the next quote.

    Examples
    --------
    >>> [row.cells for row in csv_rows('a,"b, c"\nd,"e ""f"" g"\n')]
    [['a', 'b, c'], ['d', 'e "f" g']]
    >>> [(row.line, row.problem[:9]) for row in csv_rows('a,b\nc,"d\ne,f\n')]
    [(1, ''), (2, 'the quote'), (3, '')]
    """
    line_starts = [0, *(end.end() for end in _LINE_END.finditer(text))]
    position = 0
    width = None
    while position < len(text):
        begin = position
        cells, stray, position = _read_row(text, begin, width, swallows)
        if stray is not None:
            line = bisect_right(line_starts, stray)
            said = f"the quote that opens cell {len(cells) + 1} does not close at its end"
            yield Row(line, [], f"{said}; double it or take it out")
            position = line_starts[line] if line < len(line_starts) else len(text)
        elif cells != [""]:
            width = width or len(cells)
            yield Row(bisect_right(line_starts, begin), cells, _too_long(cells))


def _read_row(text, position, width, swallows) -> tuple[list[str], int | None, int]:
    """Read the cells of a row, and its end; or those before a stray quote, and the position of that quote.

    A row of several lines that has not as many cells as the header was misread from its first quote over a line's end.
    """
    cells = []
    over_lines = None
    while True:
        cell = _CELL.match(text, position)
        if cell is None:
            return cells, position, position
        content = cell["plain"] if cell["quoted"] is None else cell["quoted"].replace('""', '"')
        if cell["quoted"] and _LINE_END.search(content):
            over_lines = over_lines or (list(cells), position)
            if swallows(len(cells), _LINE_END.split(content)):
                return cells, position, position
        cells.append(content)
        position = cell.end()
        if cell["end"] != ",":
            break
    if over_lines and width not in (None, len(cells)):
        return *over_lines, position
    return cells, None, position


def _too_long(cells):
    longest = max(map(len, cells))
    return f"a cell holds {longest:,} letters; {LONGEST_CELL:,} are the most" if longest > LONGEST_CELL else ""
