"""Tables about label budgets: what each variant of transfer scores with so many labelled pairs per class.

They read the findings "label_budget" and "ablation" of a record, made by `dlchkit.transfer.label_budgets.label_budget`.
"""

import math
from functools import reduce
from operator import getitem

import numpy as np

from dlchkit.metrics.budgets import flat_from
from dlchkit.records import DIRECTIONS
from dlchkit.results.cells import NOTHING, column_with_best, difference, over_seeds, spread, table
from dlchkit.results.collect import SweepResults, is_number

FINDING = "label_budget"
BASELINE = "no transfer"
ABLATION, ALL = "ablation", "all terms"


def merged(results: SweepResults, setting: str) -> dict | None:
    """The label budgets of all runs at one setting as one; None if no run has any."""
    found = [record.findings[FINDING] for record in results.at(setting).values() if FINDING in record.findings]
    return merge(found) if found else None


def merge(found: list[dict]) -> dict:
    """Recorded label budgets as one, each seed once.

    Returns
    -------
    what `dlchkit.transfer.label_budgets.label_budget` returns, undefined scores as NaN
    """
    place = {seed: (run, i) for run in reversed(found) for i, seed in enumerate(run["seeds"])}
    seeds = sorted(place)

    def over_runs(*path):
        values = [reduce(getitem, path, run)[i] for run, i in (place[seed] for seed in seeds)]
        return [float(value) if is_number(value) else math.nan for value in values]

    first = found[0]
    steps = range(len(first["budgets"]))
    return {
        "budgets": first["budgets"],
        "seeds": seeds,
        "labelled_pairs": [over_runs("labelled_pairs", b) for b in steps],
        "variants": {name: {d: [over_runs("variants", name, d, b) for b in steps] for d in DIRECTIONS} for name in first["variants"]},
        "references": {
            name: {d: sorted({score for run in found for score in run["references"][name][d]}) for d in DIRECTIONS} for name in first["references"]
        },
    }


def budget_tables(found: dict) -> dict[str, str]:
    """Direction -> variants by budgets, mean mAP ± half of the 95% interval; references need no labels."""
    usual, tables = len(found["seeds"]), {}
    for direction in DIRECTIONS:
        columns = [[_interval(rows[direction][b]) for rows in found["variants"].values()] for b in range(len(found["budgets"]))]
        body = [[name, *cells] for name, *cells in zip(found["variants"], *(column_with_best(column, usual) for column in columns))]
        header = ["variant", *map(in_words, found["budgets"])]
        if found["references"]:
            alone = [_interval(scores[direction]) for scores in found["references"].values()]
            without = column_with_best(alone, max(interval.n for interval in alone))  # a reference has one score per split
            body = [[name, NOTHING, *cells] for name, *cells in body]
            body += [[name, cell, *[NOTHING] * len(columns)] for name, cell in zip(found["references"], without)]
            header.insert(1, "no labels")
        tables[direction] = table(header, body)
    return tables


def gain_table(found: dict) -> str:
    """Variants by budgets: mAP minus that of no transfer, mean of both directions, seed by seed; "" without that variant."""
    if BASELINE not in found["variants"]:
        return ""
    usual, means = len(found["seeds"]), {name: np.mean([rows[d] for d in DIRECTIONS], axis=0) for name, rows in found["variants"].items()}
    rows = [[name, *(difference(_interval(row), usual) for row in mean - means[BASELINE])] for name, mean in means.items() if name != BASELINE]
    return table(["variant", *map(in_words, found["budgets"])], rows)


def ablation_table(results: SweepResults, setting: str) -> str:
    """Parts of transfer off and on, from the finding "ablation": mAP, and the difference to all parts; "" without it."""
    found = [record.findings[ABLATION] for record in results.at(setting).values() if record.findings.get(ABLATION)]
    if not found or ALL not in found[0]:
        return ""
    rows = []
    for name in found[0]:
        scores = {d: [run[name][f"map_{d}"] for run in found] for d in DIRECTIONS}
        gaps = [np.mean([run[name][f"map_{d}"] - run[ALL][f"map_{d}"] for d in DIRECTIONS]) for run in found]
        cells = [spread(_interval(scores[d]), len(found)) for d in DIRECTIONS]
        rows.append([name, *cells, NOTHING if name == ALL else difference(_interval(gaps), len(found))])
    return table(["variant", *(direction.replace("_", " ") for direction in DIRECTIONS), "difference to all terms"], rows)


def enough(found: dict) -> dict[str, str]:
    """Variant -> the smallest budget, in words, after which more labels bring less than .02."""
    return {name: in_words(flat_from(found, name)) for name in found["variants"]}


def in_words(budget: int | None) -> str:
    """A budget as a column's head."""
    return "all labels" if budget is None else f"{budget} per class"


def _interval(values):
    return over_seeds(float(value) for value in values if math.isfinite(value))
