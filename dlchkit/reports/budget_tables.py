"""Tables about label budgets: what each variant of transfer scores with so many labelled pairs per class.

They read the findings "label_budget" and "ablation" of a record, made by
`dlchkit.transfer.label_budgets.label_budget`.
"""

import math
from functools import reduce
from operator import getitem

import numpy as np

from dlchkit.data import DIRECTIONS
from dlchkit.metrics.budgets import flat_from
from dlchkit.metrics.over_seeds import is_number, over_seeds
from dlchkit.plotting.style import in_words
from dlchkit.records import RunRecord
from dlchkit.reports.cells import Cell, Table, difference, spreads, table_of

FINDING = "label_budget"
BASELINE = "no transfer"
ABLATION, ALL = "ablation", "all terms"


def merged(records: dict[int, RunRecord]) -> dict | None:
    """The label budgets of all runs at one setting as one; None if no run has any."""
    found = [record.findings[FINDING] for record in records.values() if FINDING in record.findings]
    return merge(found) if found else None


def merge(found: list[dict]) -> dict:
    """Recorded label budgets as one, each seed once.

    Returns
    -------
    dict
        What `dlchkit.transfer.label_budgets.label_budget` returns, undefined scores as NaN.
    """
    place = {seed: (run, i) for run in reversed(found) for i, seed in enumerate(run["seeds"])}
    seeds = sorted(place)

    def over_runs(*path):
        values = [reduce(getitem, path, run)[i] for run, i in (place[seed] for seed in seeds)]
        return [float(value) if is_number(value) else math.nan for value in values]

    def over_budgets(*path):
        return [over_runs(*path, budget) for budget in range(len(first["budgets"]))]

    def over_splits(name, direction):
        return sorted({score for run in found for score in run["references"][name][direction]})

    first = found[0]
    return {
        "budgets": first["budgets"],
        "seeds": seeds,
        "labelled_pairs": over_budgets("labelled_pairs"),
        "variants": {name: {d: over_budgets("variants", name, d) for d in DIRECTIONS} for name in first["variants"]},
        "references": {name: {d: over_splits(name, d) for d in DIRECTIONS} for name in first["references"]},
    }


def budget_table(found: dict) -> Table | None:
    """Variants by direction and labelled pairs per class; references need no labels."""
    variants, references = list(found["variants"]), list(found["references"])
    groups = {}
    for direction in DIRECTIONS:
        columns = {}
        if references:
            alone = [over_seeds(found["references"][name][direction]) for name in references]
            usual = max((one.n for one in alone if one is not None), default=0)  # one score for each split
            columns["no labels"] = [Cell()] * len(variants) + spreads(alone, usual, best=max)
        for b, budget in enumerate(found["budgets"]):
            scores = [over_seeds(found["variants"][name][direction][b]) for name in variants]
            cells = spreads(scores, len(found["seeds"]), best=max)
            columns[budget_in_words(budget)] = cells + [Cell()] * len(references)
        groups[in_words(direction)] = columns
    return table_of([*variants, *references], groups, "variant")


def gain_table(found: dict) -> Table | None:
    """Variants by budget: mAP minus that of no transfer, mean of both directions, seed by seed; None without it."""
    if BASELINE not in found["variants"]:
        return None
    means = {name: np.mean([rows[d] for d in DIRECTIONS], axis=0) for name, rows in found["variants"].items()}
    baseline = means.pop(BASELINE)
    columns = {
        budget_in_words(budget): [
            difference(over_seeds(mean[b] - baseline[b]), len(found["seeds"])) for mean in means.values()
        ]
        for b, budget in enumerate(found["budgets"])
    }
    return table_of(list(means), {"": columns}, "variant")


def ablation_table(records: dict[int, RunRecord]) -> Table | None:
    """Parts of transfer off and on: mAP, and the difference to all parts, seed by seed; None without that finding."""
    found = [record.findings[ABLATION] for record in records.values() if record.findings.get(ABLATION)]
    if not found or ALL not in found[0]:
        return None
    names = list(found[0])
    columns = {
        in_words(d): spreads([over_seeds(run[name][f"map_{d}"] for run in found) for name in names], len(found))
        for d in DIRECTIONS
    }
    gaps = {
        name: [float(np.mean([run[name][f"map_{d}"] - run[ALL][f"map_{d}"] for d in DIRECTIONS])) for run in found]
        for name in names
    }
    columns["difference to all terms"] = [
        Cell() if name == ALL else difference(over_seeds(gap), len(found)) for name, gap in gaps.items()
    ]
    return table_of(names, {"": columns}, "variant")


def enough_labels(found: dict) -> str:
    """For each variant the smallest budget after which more labels bring less than .02, in words."""
    return "; ".join(f"{name}: {budget_in_words(flat_from(found, name))}" for name in found["variants"])


def budget_in_words(budget: int | None) -> str:
    """A budget as a column's head."""
    return "all labels" if budget is None else f"{budget} per class"
