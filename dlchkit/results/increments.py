"""Tables about classes arriving in stages, at one setting: cost, forgetting, database codes, R."""

from typing import NamedTuple

import numpy as np

from dlchkit.records import DIRECTIONS
from dlchkit.results.cells import NOTHING, number, over_seeds, spread, table
from dlchkit.results.collect import SweepResults, is_number
from dlchkit.results.scores import methods_with, usual_seeds

FORGETTING = {
    "forgetting_from_best": "from best",
    "forgetting_from_first": "from first",
    "forgetting_from_joint": "from joint",
    "backward_transfer": "backward transfer",
    "forward_transfer": "forward transfer",
}
KINDS = ("learned", "encoded", "reencoded")


def cost_table(results: SweepResults, setting: str) -> str:
    """Training seconds, of all stages and of those after the first, time reduction, memory if recorded, and whether old codes stayed."""
    costs = {name: cost for name in results.methods if (cost := cost_of(results, name, setting)) is not None}
    columns = {head: [cost[i] for cost in costs.values()] for i, head in enumerate(("training, s", "of it the increments, s", "time reduction, %"))}
    kept = [[value / 2**20 for value in results.values(name, "kept_bytes", setting).values()] for name in costs]
    columns |= {"kept, MiB": kept} if methods_with(results, "kept_bytes") else {}
    said = [[spread(over_seeds(values), usual_seeds(results), 1) for values in column] for column in columns.values()]
    rows = [[name, *cells, cost.kept] for (name, cost), *cells in zip(costs.items(), *said)]
    return table(["method", *columns, "old codes unchanged"], rows)


class Cost(NamedTuple):
    """What a method's training took, one value per seed, and whether old codes stayed: "yes", "no", or in how many runs."""

    training: list[float]  # seconds, all stages
    increments: list[float]  # seconds, stages after the first
    percent_saved: list[float]  # of joint retraining's seconds at the same stages
    kept: str


def cost_of(results: SweepResults, name: str, setting: str) -> Cost | None:
    """The cost of a method at one setting; None where no run recorded it stage by stage or at once."""
    methods = [record.methods[name] for record in results.at(setting).values() if name in record.methods]
    if not methods:
        return None
    seconds = [sum(method.seconds[1:]) for method in methods if learns_stage_by_stage(method) and all(map(is_number, method.seconds[1:]))]
    saved = [100 * value for value in results.values(name, "time_reduction", setting).values()]
    return Cost(list(results.values(name, "train_seconds", setting).values()), seconds, saved, _kept(methods))


def learns_stage_by_stage(method) -> bool:
    """Whether a method was there at each of several stages, not only trained on everything at the last."""
    rows = [np.isfinite(R).any(axis=1) for R in method.R.values()]
    return len(method.seconds) > 1 and all(row.all() for row in rows)


def _kept(methods):
    answers = [all(method.old_codes_unchanged[1:]) for method in methods if learns_stage_by_stage(method)]
    if not answers:
        return NOTHING
    return "yes" if all(answers) else "no" if not any(answers) else f"in {sum(answers)} of {len(answers)} runs"


def forgetting_tables(results: SweepResults, setting: str) -> dict[str, str]:
    """Direction -> methods by forgetting measures; a measure that no run recorded has no column."""
    tables = {}
    for direction in DIRECTIONS:
        measures = [measure for measure in FORGETTING if methods_with(results, f"{measure}_{direction}")]
        if measures:
            names = [name for name in results.methods if any(results.values(name, f"{measure}_{direction}", setting) for measure in measures)]
            rows = [[name, *(_cell(results, name, f"{measure}_{direction}", setting) for measure in measures)] for name in names]
            tables[direction] = table(["method", *(FORGETTING[measure] for measure in measures)], rows)
    return tables


def database_code_tables(results: SweepResults, setting: str) -> dict[str, str]:
    """Direction -> methods by kind of database codes, mAP; empty unless a run recorded several kinds."""
    tables = {}
    for direction in DIRECTIONS:
        measures = measures_by_kind(results, direction, setting)
        kinds = [kind for kind in KINDS if any(kind in by_kind for by_kind in measures.values())]
        if any(len(by_kind) > 1 for by_kind in measures.values()):
            rows = [[name, *(_cell(results, name, by_kind.get(kind), setting) for kind in kinds)] for name, by_kind in measures.items()]
            tables[direction] = table(["method", *kinds], rows)
    return tables


def measures_by_kind(results: SweepResults, direction: str, setting: str) -> dict[str, dict[str, str]]:
    """Method -> kind of database codes -> the measure that holds its mAP."""
    return {name: _map_by_kind(results, name, direction, setting) for name in methods_with(results, f"map_{direction}")}


def _map_by_kind(results, name, direction, setting):
    """A method's own kind has no mark in its measure's name."""
    own = {record.methods[name].database_codes for record in results.at(setting).values() if name in record.methods}
    marked = {kind: f"map_{kind}_{direction}" for kind in KINDS if results.values(name, f"map_{kind}_{direction}", setting)}
    return marked | {kind: f"map_{direction}" for kind in own}


def _cell(results, name, measure, setting):
    """`spread` of a measure; "–" also for None, a measure that there is not."""
    return spread(over_seeds(results.values(name, measure, setting).values()), usual_seeds(results))


def R_tables(results: SweepResults, setting: str) -> dict[str, str]:
    """Method and direction -> R, the mean over seeds; a cell that a seed lacks is empty."""
    tables = {}
    for name in results.methods:
        for direction in DIRECTIONS:
            several = all_R(results, name, direction, setting)
            if len(several):
                mean = several.mean(axis=0)
                rows = [[f"after stage {i}", *map(number, row)] for i, row in enumerate(mean)]
                tables[f"{name}, {in_words(direction)}"] = table(["", *(f"queries of stage {j}" for j in range(mean.shape[1]))], rows)
    return tables


def all_R(results: SweepResults, name: str, direction: str, setting: str) -> np.ndarray:
    """R of a method in each run at one setting, (seeds, stages, stages); empty where there is none."""
    return np.array([record.methods[name].R[direction] for record in results.at(setting).values() if name in record.methods])


def in_words(direction: str) -> str:
    """A direction as people write it."""
    return direction.replace("_", " ")


def kinds_of_database_codes(results: SweepResults) -> dict[str, list[str]]:
    """Kind of database codes -> the methods whose mAP and R are measured on it."""
    kinds = {}
    for record in results.records.values():
        for name, method in record.methods.items():
            if name not in kinds.setdefault(method.database_codes, []):
                kinds[method.database_codes].append(name)
    return kinds
