"""Tables that the runs of any notebook can fill: mAP by method and setting."""

from dlchkit.metrics import Interval, paired_difference
from dlchkit.records import DIRECTIONS
from dlchkit.results.cells import NOTHING, column_with_best, difference, number, over_seeds, table
from dlchkit.results.collect import SweepResults


def usual_seeds(results: SweepResults) -> int:
    """The number of seeds that a full cell rests on so far."""
    return max((len(results.at(setting)) for setting in results.settings), default=0)


def map_tables(results: SweepResults) -> dict[str, str]:
    """Direction -> methods by settings, mean mAP ± half of the 95% interval, the best in bold.

    A direction that no run recorded has no table.
    """
    return {direction: _map_table(results, f"map_{direction}") for direction in DIRECTIONS if methods_with(results, f"map_{direction}")}


def _map_table(results, measure):
    usual, methods = usual_seeds(results), methods_with(results, measure)
    columns = [
        column_with_best([over_seeds(results.values(method, measure, setting).values()) for method in methods], usual) for setting in results.settings
    ]
    return table(["method", *results.settings], [list(row) for row in zip(methods, *columns)])


def difference_tables(results: SweepResults, to: str) -> dict[str, str]:
    """Direction -> mAP of each method minus that of the method ``to``, seed by seed, and the ratio of the means."""
    usual, tables = usual_seeds(results), {}
    for direction in DIRECTIONS:
        measure = f"map_{direction}"
        others = [method for method in methods_with(results, measure) if method != to]
        rows = [[method, *(_against(results, measure, method, to, setting, usual) for setting in results.settings)] for method in others]
        tables[direction] = table(["method", *results.settings], rows)
    return tables


def _against(results, measure, method, to, setting, usual):
    ours, theirs = pairs(results, measure, method, to, setting)
    if not ours:
        return NOTHING
    ratio = number(sum(ours) / sum(theirs), 2) if sum(theirs) else NOTHING
    return f"{difference(paired(ours, theirs), usual)} × {ratio}"


def pairs(results: SweepResults, measure: str, method: str, to: str, setting: str) -> tuple[list[float], list[float]]:
    """A measure of two methods on the seeds that both have, in one order."""
    ours, theirs = (results.values(name, measure, setting) for name in (method, to))
    both = [seed for seed in ours if seed in theirs]
    return [ours[seed] for seed in both], [theirs[seed] for seed in both]


def paired(ours: list[float], theirs: list[float]) -> Interval | None:
    """Mean and 95% interval of the differences, seed by seed; None without any, no bounds for one alone."""
    return paired_difference(ours, theirs) if len(ours) > 1 else over_seeds(a - b for a, b in zip(ours, theirs))


def methods_with(results: SweepResults, measure: str) -> list[str]:
    """The methods that recorded a measure at any setting, in recorded order."""
    return [method for method in results.methods if any(results.values(method, measure, setting) for setting in results.settings)]
