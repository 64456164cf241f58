"""One table for each subject: scores, differences, database codes, forgetting, cost, R, other measures."""

import math
from typing import NamedTuple

import numpy as np

from dlchkit.data import DIRECTIONS
from dlchkit.metrics import Interval
from dlchkit.metrics.over_seeds import over_seeds, paired_over_seeds
from dlchkit.plotting.style import in_words
from dlchkit.plotting.verdict import cost_of, number
from dlchkit.reports.cells import Cell, Table, difference, spreads, table_of
from dlchkit.reports.read_runs import Setting, SweepResults

FORGETTING = {
    "forgetting_from_best": "from best",
    "forgetting_from_first": "from first",
    "forgetting_from_joint": "from joint",
    "backward_transfer": "backward transfer",
    "forward_transfer": "forward transfer",
}
COSTS = ("train_seconds", "train_wall_seconds", "item_passes", "time_reduction", "pass_reduction")
KINDS = ("learned", "encoded", "reencoded")
HEAT_STEPS = 20  # the colours of a heat map go from 0 to this


def score_table(results: SweepResults) -> Table | None:
    """Methods by direction and setting: mean mAP and half of its 95% interval; None if no run recorded any."""
    groups = {
        in_words(direction): {
            str(at): spreads(_means(results, f"map_{direction}", at), results.usual_seeds, best=max)
            for at in results.with_records
        }
        for direction in DIRECTIONS
    }
    return table_of(results.methods, groups)


def difference_table(results: SweepResults, to: str) -> Table | None:
    """Methods by direction and setting: mAP minus that of ``to``, seed by seed, and the ratio of the means."""
    names = [name for name in results.methods if name != to]
    groups = {
        in_words(direction): {
            str(at): [_against(results, f"map_{direction}", name, to, at) for name in names]
            for at in results.with_records
        }
        for direction in DIRECTIONS
    }
    return table_of(names, groups)


def _against(results, measure, method, to, at):
    ours, theirs = (results.values(name, measure, at) for name in (method, to))
    seeds = [seed for seed in ours if seed in theirs]
    below = sum(theirs[seed] for seed in seeds)
    ratio = sum(ours[seed] for seed in seeds) / below if below else math.nan
    return difference(paired_over_seeds(ours, theirs), results.usual_seeds, ratio=ratio)


def kinds_table(results: SweepResults, at: Setting) -> Table | None:
    """Methods by direction and kind of database codes, mAP; None unless a run recorded several kinds."""
    groups = {}
    for direction in DIRECTIONS:
        measures = [_map_by_kind(results, name, direction, at) for name in results.methods]
        columns = {
            kind: [
                over_seeds(results.values(name, of_name.get(kind, ""), at).values())
                for name, of_name in zip(results.methods, measures, strict=True)
            ]
            for kind in KINDS
        }
        defined = {kind: column for kind, column in columns.items() if any(column)}
        groups[in_words(direction)] = {
            kind: spreads(column, results.usual_seeds, best=max) for kind, column in defined.items()
        }
    several = any(len(group) > 1 for group in groups.values())
    return table_of(results.methods, groups) if several else None


def _map_by_kind(results, name, direction, at):
    """Kind of database codes -> the measure that holds its mAP: the name of a method's own kind has no mark."""
    own = {record.methods[name].database_codes for record in results.at(at).values() if name in record.methods}
    measures = {kind: f"map_{kind}_{direction}" for kind in KINDS}
    marked = {kind: measure for kind, measure in measures.items() if results.values(name, measure, at)}
    return marked | dict.fromkeys(own, f"map_{direction}")


def forgetting_table(results: SweepResults, at: Setting) -> Table | None:
    """Methods by direction and continual measure; a measure that no run recorded has no column."""
    groups = {}
    for direction in DIRECTIONS:
        columns = {}
        for measure, head in FORGETTING.items():
            if any(results.have(f"{measure}_{d}") for d in DIRECTIONS):
                best = min if measure.startswith("forgetting") else max
                means = _means(results, f"{measure}_{direction}", at)
                columns[head] = spreads(means, results.usual_seeds, best=best)
        groups[in_words(direction)] = columns
    return table_of(results.methods, groups)


def cost_table(results: SweepResults, at: Setting, *, price: float | None = None) -> Table | None:
    """Methods by what they cost: seconds, passes, their reductions, memory, money, and whether old codes stayed.

    Parameters
    ----------
    price : float or None
        EUR per hour; without it there is no money in the table.
    """
    recorded = {name for record in results.at(at).values() for name in record.methods}
    costs = {name: cost_of(results.at(at), name) for name in results.methods if name in recorded}
    usual = results.usual_seeds

    def column(values_by_name, digits=1, best=min):
        return spreads([over_seeds(values) for values in values_by_name], usual, digits=digits, best=best)

    columns = {
        "training, s": column(cost.training for cost in costs.values()),
        "of it the increments, s": column(cost.increments for cost in costs.values()),
        "time reduction, %": column((cost.percent_saved for cost in costs.values()), best=max),
    }
    if any(cost.passes for cost in costs.values()):
        columns["passes over items"] = column((cost.passes for cost in costs.values()), digits=0)
        columns["pass reduction, %"] = column((cost.percent_passes_saved for cost in costs.values()), best=max)
    if any(cost.wall for cost in costs.values()):
        columns["training, wall s"] = column((cost.wall for cost in costs.values()), best=None)
    for measure in (m for m in results.measures if m.endswith("_bytes") and results.have(m)):
        mebibytes = ([value / 2**20 for value in results.values(name, measure, at).values()] for name in costs)
        columns[f"{in_words(measure.removesuffix('_bytes'))}, MiB"] = column(mebibytes)
    if price is not None:
        cents = ([100 * price * value / 3600 for value in cost.increments] for cost in costs.values())
        columns["increments, EUR cent"] = column(cents, digits=3)
    columns["old codes unchanged"] = [
        Cell({"yes": 1.0, "no": 0.0}.get(cost.kept, math.nan), cost.kept) for cost in costs.values()
    ]
    return table_of(list(costs), {"": columns})


def other_table(results: SweepResults, *, staged: bool) -> Table | None:
    """Names by measure and setting, of every flat measure that no other table shows.

    None is marked as best: whether high or low is better is not known of them.

    Parameters
    ----------
    staged : bool
        Whether the tables about classes arriving in stages are shown.
    """
    groups = {}
    for measure in results.measures:
        if not _has_its_own_table(measure, staged):
            columns = {str(at): _means(results, measure, at) for at in results.with_records}
            means = [abs(one.mean) for column in columns.values() for one in column if one is not None]
            digits = 3 if max(means, default=0) < 10 else 1
            groups[in_words(measure)] = {
                head: spreads(column, results.usual_seeds, digits=digits)
                for head, column in columns.items()
                if any(column)
            }
    return table_of(results.methods, groups)


def _has_its_own_table(measure, staged):
    of_stages = [*FORGETTING, *(f"map_{kind}" for kind in KINDS)] if staged else []
    if measure in {f"{one}_{direction}" for one in ("map", *of_stages) for direction in DIRECTIONS}:
        return True
    return staged and (measure in COSTS or measure.endswith("_bytes"))


def _means(results, measure, at) -> list[Interval | None]:
    """One interval for each method; None where it has no such measure."""
    return [over_seeds(results.values(name, measure, at).values()) for name in results.methods]


# --- R ---


def all_R(results: SweepResults, direction: str, at: Setting) -> dict[str, np.ndarray]:
    """Method -> its R in each run at one setting, (seeds, stages, stages)."""
    found = {}
    for record in results.at(at).values():
        for name, method in record.methods.items():
            found.setdefault(name, []).append(method.R[direction])
    return {name: np.array(found[name]) for name in results.methods if name in found}


class RTables(NamedTuple):
    """R of several methods on one scale of colours.

    Attributes
    ----------
    low, high : float
        The ends of the scale.
    directions : dict
        Direction -> method -> `Table`, the mean over seeds; rows before a method learned are left out.
    """

    low: float
    high: float
    directions: dict[str, dict[str, Table]]


def R_tables(results: SweepResults, at: Setting) -> RTables | None:
    """R of each method and direction at one setting; None where no run has any."""
    means = {d: {name: R.mean(axis=0) for name, R in all_R(results, d, at).items()} for d in DIRECTIONS}
    low, high = scale_of([R for by_name in means.values() for R in by_name.values()])
    directions = {}
    for direction, by_name in means.items():
        tables = {name: _R_table(R, low, high) for name, R in by_name.items()}
        directions[in_words(direction)] = {name: table for name, table in tables.items() if table is not None}
    return RTables(low, high, directions) if all(directions.values()) else None


def _R_table(R, low, high):
    def cell(value):
        step = round(HEAT_STEPS * (value - low) / (high - low)) if np.isfinite(value) else None
        return Cell(float(value), number(value), step=step)

    columns = {f"queries of stage {j}": [cell(value) for value in column] for j, column in enumerate(R.T)}
    return table_of([f"after stage {i}" for i in range(len(R))], {"": columns}, "")


def scale_of(arrays: list[np.ndarray]) -> tuple[float, float]:
    """The tenths below the least and above the largest finite number; 0 and 1 without any."""
    values = np.concatenate([np.ravel(one) for one in arrays]) if arrays else np.array([])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = math.floor(values.min() * 10) / 10, math.ceil(values.max() * 10) / 10
    return low, max(high, round(low + 0.1, 1))


def kinds_of_database_codes(results: SweepResults) -> dict[str, list[str]]:
    """Kind of database codes -> the methods whose mAP and R are measured on it."""
    kinds = {}
    for record in results.records.values():
        for name, method in record.methods.items():
            names = kinds.setdefault(method.database_codes, [])
            if name not in names:
                names.append(name)
    return kinds
