"""Tables that a reader sorts: what a cell shows, and the number it is sorted by."""

import math
from dataclasses import dataclass

from dlchkit.metrics import Interval
from dlchkit.plotting.style import in_words as measure_in_words
from dlchkit.records import DIRECTIONS
from dlchkit.results.budgets import in_words as budget_in_words
from dlchkit.results.cells import NOTHING, are_best, number, over_seeds
from dlchkit.results.collect import SweepResults
from dlchkit.results.increments import FORGETTING, KINDS, cost_of, in_words, measures_by_kind
from dlchkit.results.scores import methods_with, paired, pairs

BETTER_LOW = ("forgetting_from_best", "forgetting_from_first", "forgetting_from_joint")


@dataclass(frozen=True)
class Cell:
    """A number with its interval, as it stands in a table.

    Attributes
    ----------
    value : what the column is sorted by; NaN goes last
    text, detail : the number, and what follows it in small letters
    mark : "best", "above" or "below" (an interval on one side of zero), or nothing
    """

    value: float
    text: str
    detail: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """``groups`` are (heading, number of columns), left to right; every row has a name and a cell per column."""

    groups: list[tuple[str, int]]
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]


def _table(names, groups):
    """A table from columns: ``groups`` maps a heading to {column's head: cells}."""
    columns = [cells for group in groups.values() for cells in group.values()]
    rows = [(name, [cells[i] for cells in columns]) for i, name in enumerate(names)]
    return Table([(heading, len(group)) for heading, group in groups.items() if group], [head for group in groups.values() for head in group], rows)


def _column(intervals, *, digits=3, best=None):
    """A cell for each interval; ``best`` is max, min or None. Only numbers of seeds that differ from the usual are said."""
    usual = max((one.n for one in intervals if one is not None), default=0)
    marks = are_best(intervals, best=best) if best else [False] * len(intervals)
    return [_cell(one, usual, digits, "best" if mark else "") for one, mark in zip(intervals, marks)]


def _cell(interval, usual, digits, mark):
    if interval is None:
        return Cell(math.nan, NOTHING)
    half = (interval.high - interval.low) / 2
    return Cell(
        interval.mean, number(interval.mean, digits), (f"± {number(half, digits)}" if math.isfinite(half) else "") + _fewer(interval, usual), mark
    )


def _fewer(interval, usual):
    return "" if interval.n == usual else f" (n = {interval.n})"


def with_records(results: SweepResults) -> list[str]:
    """The settings that a complete run stands for, in the grid's order."""
    return [setting for setting in results.settings if results.at(setting)]


def _headed(results, setting):
    return f"{setting}, n = {len(results.at(setting))}"


def score_table(results: SweepResults) -> Table | None:
    """Methods by direction and setting: mean mAP and half of its 95% interval; None if no run recorded any."""
    names = [name for name in results.methods if any(name in methods_with(results, f"map_{direction}") for direction in DIRECTIONS)]
    groups = {}
    for direction in DIRECTIONS:
        measure = f"map_{direction}"
        groups[in_words(direction)] = {
            _headed(results, at): _column([over_seeds(results.values(name, measure, at).values()) for name in names], best=max)
            for at in with_records(results)
            if methods_with(results, measure)
        }
    return _table(names, groups) if names else None


def difference_table(results: SweepResults, to: str) -> Table | None:
    """Methods by direction and setting: mAP minus that of the method ``to``, seed by seed, with its 95% interval."""
    names = [name for name in results.methods if name != to]
    groups = {}
    for direction in DIRECTIONS:
        measure = f"map_{direction}"
        groups[in_words(direction)] = {
            _headed(results, at): _differences([paired(*pairs(results, measure, name, to, at)) for name in names]) for at in with_records(results)
        }
    there = [i for i in range(len(names)) if any(math.isfinite(cells[i].value) for group in groups.values() for cells in group.values())]
    full = _table(names, groups)
    return Table(full.groups, full.columns, [full.rows[i] for i in there]) if there else None


def _differences(intervals):
    usual = max((one.n for one in intervals if one is not None), default=0)
    return [_difference(one, usual) for one in intervals]


def _difference(interval: Interval | None, usual: int) -> Cell:
    if interval is None:
        return Cell(math.nan, NOTHING)
    bounds = f"[{number(interval.low)}, {number(interval.high)}]" if math.isfinite(interval.low) else ""
    mark = "above" if interval.low > 0 else "below" if interval.high < 0 else ""  # NaN bounds are neither
    return Cell(interval.mean, number(interval.mean), bounds + _fewer(interval, usual), mark)


def kinds_table(results: SweepResults, at: str) -> Table | None:
    """Methods by direction and kind of database codes; None unless a run recorded several kinds."""
    groups, names = {}, results.methods
    for direction in DIRECTIONS:
        measures = measures_by_kind(results, direction, at)
        kinds = [kind for kind in KINDS if any(kind in by_kind for by_kind in measures.values())]
        groups[in_words(direction)] = {
            kind: _column([over_seeds(results.values(name, measures.get(name, {}).get(kind), at).values()) for name in names], best=max)
            for kind in kinds
        }
    return _table(names, groups) if any(len(group) > 1 for group in groups.values()) else None


def forgetting_table(results: SweepResults, at: str) -> Table | None:
    """Methods by direction and continual measure; a measure that no run recorded has no column."""
    measured = [m for m in FORGETTING if any(methods_with(results, f"{m}_{direction}") for direction in DIRECTIONS)]
    names = [name for name in results.methods if any(results.values(name, f"{m}_{direction}", at) for m in measured for direction in DIRECTIONS)]
    groups = {
        in_words(direction): {
            FORGETTING[m]: _column(
                [over_seeds(results.values(name, f"{m}_{direction}", at).values()) for name in names], best=min if m in BETTER_LOW else max
            )
            for m in measured
        }
        for direction in DIRECTIONS
    }
    return _table(names, groups) if names else None


def cost_table(results: SweepResults, at: str, *, price: float | None = None) -> Table | None:
    """Methods by what they cost: seconds, time reduction, recorded memory, money, and whether old codes stayed.

    Parameters
    ----------
    price : EUR per hour; without it there is no money in the table
    """
    costs = {name: cost for name in results.methods if (cost := cost_of(results, name, at)) is not None}
    if not costs:
        return None
    training, increments, saved = ([over_seeds(cost[i]) for cost in costs.values()] for i in range(3))
    seconds = {"training, s": _column(training, digits=1), "increments, s": _column(increments, digits=1)}
    group = seconds | {"time reduction, %": _column(saved, digits=1)}
    for measure in dict.fromkeys(m for record in results.at(at).values() for row in record.metrics.values() for m in row if m.endswith("_bytes")):
        mebibytes = [over_seeds(value / 2**20 for value in results.values(name, measure, at).values()) for name in costs]
        group[f"{measure.removesuffix('_bytes').replace('_', ' ')}, MiB"] = _column(mebibytes, digits=1)
    if price is not None:
        cents = [over_seeds(100 * price * value / 3600 for value in cost.increments) for cost in costs.values()]
        group["increments, EUR cent"] = _column(cents)
    group["old codes unchanged"] = [Cell({"yes": 1.0, "no": 0.0}.get(cost.kept, math.nan), cost.kept) for cost in costs.values()]
    return _table(list(costs), {"": group})


def other_table(results: SweepResults, *, staged: bool) -> Table | None:
    """Names by measure and setting, of every flat measure that no other table shows.

    None is marked as best: whether high or low is better is not known of them.

    Parameters
    ----------
    staged : whether the tables about classes arriving in stages are shown
    """
    measures = dict.fromkeys(m for record in results.done.values() for row in record.metrics.values() for m in row)
    measures = [m for m in measures if not _has_its_own_table(m, staged)]
    names = [name for name in results.methods if any(results.values(name, m, at) for m in measures for at in with_records(results))]
    groups = {}
    for m in measures:
        columns = {
            _headed(results, at): [over_seeds(results.values(name, m, at).values()) for name in names]
            for at in with_records(results)
            if any(results.values(name, m, at) for name in names)
        }
        largest = max((abs(one.mean) for column in columns.values() for one in column if one is not None), default=0)
        groups[measure_in_words(m)] = {head: _column(column, digits=3 if largest < 10 else 1) for head, column in columns.items()}
    return _table(names, groups) if names else None


def _has_its_own_table(measure, staged):
    of_directions = ("map", *((*FORGETTING, *(f"map_{kind}" for kind in KINDS)) if staged else ()))
    own = {f"{one}_{direction}" for one in of_directions for direction in DIRECTIONS}
    return measure in own or (staged and (measure in ("train_seconds", "time_reduction") or measure.endswith("_bytes")))


def budget_table(found: dict) -> Table:
    """Variants by direction and labelled pairs per class, from `dlchkit.results.budgets.merged`."""
    names = list(found["variants"])
    groups = {
        in_words(direction): {
            budget_in_words(budget): _column(
                [over_seeds(value for value in found["variants"][name][direction][b] if math.isfinite(value)) for name in names], best=max
            )
            for b, budget in enumerate(found["budgets"])
        }
        for direction in DIRECTIONS
    }
    return _table(names, groups)
