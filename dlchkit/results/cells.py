"""Numbers as the page shows them, and Markdown tables."""

import math

from dlchkit.metrics import Interval, confidence_interval

NOTHING = "–"


def number(value: float, digits: int = 3) -> str:
    """A number, without the zero before the point if several digits follow; "–" if it is undefined.

    >>> number(0.8744), number(-0.0121), number(-0.0001), number(1), number(0.5, digits=1), number(float("nan"))
    ('.874', '-.012', '.000', '1.000', '0.5', '–')
    """
    if not math.isfinite(value):
        return NOTHING
    sign = "-" if round(value, digits) < 0 else ""
    said = f"{abs(value):.{digits}f}"
    return sign + (said.removeprefix("0") if digits > 1 else said)


def over_seeds(values) -> Interval | None:
    """Mean and 95% interval of one number per seed; None without any, no bounds for one alone."""
    values = list(values)
    if len(values) < 2:
        return Interval(values[0], math.nan, math.nan, 1) if values else None
    return confidence_interval(values)


def spread(interval: Interval | None, usual: int, digits: int = 3) -> str:
    """Mean ± half the width of the interval; the number of seeds where it is not the ``usual`` one.

    >>> spread(Interval(0.874, 0.862, 0.886, 5), 5), spread(Interval(0.5, float("nan"), float("nan"), 1), 5), spread(None, 5)
    ('.874 ± .012', '.500 (n = 1)', '–')
    """
    if interval is None:
        return NOTHING
    half = (interval.high - interval.low) / 2
    said = number(interval.mean, digits) + (f" ± {number(half, digits)}" if math.isfinite(half) else "")
    return said + _fewer(interval, usual)


def difference(interval: Interval | None, usual: int) -> str:
    """Mean and bounds.

    >>> difference(Interval(-0.038, -0.05, -0.026, 5), 5)
    '-.038 [-.050, -.026]'
    """
    if interval is None:
        return NOTHING
    bounds = f" [{number(interval.low)}, {number(interval.high)}]" if math.isfinite(interval.low) else ""
    return number(interval.mean) + bounds + _fewer(interval, usual)


def _fewer(interval, usual):
    return "" if interval.n == usual else f" (n = {interval.n})"


def column_with_best(intervals: list[Interval | None], usual: int, *, best=max) -> list[str]:
    """`spread` of each method, the best mean in bold."""
    said = [spread(one, usual) for one in intervals]
    return [f"**{cell}**" if bold else cell for cell, bold in zip(said, are_best(intervals, best=best))]


def are_best(intervals: list[Interval | None], *, best=max) -> list[bool]:
    """Which means are best; equal to three digits is equally good, and one alone is not the best of anything.

    >>> are_best([Interval(0.5001, 0.4, 0.6, 5), None, Interval(0.5004, 0.4, 0.6, 5), Interval(0.4, 0.3, 0.5, 5)])
    [True, False, True, False]
    """
    means = [None if interval is None else round(interval.mean, 3) for interval in intervals]
    defined = [mean for mean in means if mean is not None]
    return [len(defined) > 1 and mean is not None and mean == best(defined) for mean in means]


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, numbers to the right.

    >>> print(table(["method", "16 bits"], [["a|b", ".5"]]))
    | method | 16 bits |
    |---|---:|
    | a\\|b | .5 |
    """
    lines = [header, *rows]
    if any(len(line) != len(header) for line in lines):
        raise ValueError(f"rows of {sorted({len(line) for line in lines})} cells under a header of {len(header)}")
    said = ["| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines]
    return "\n".join([said[0], "|---" + "|---:" * (len(header) - 1) + "|", *said[1:]])
