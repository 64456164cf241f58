"""What `dlchkit.transfer.label_budgets.label_budget` found, read off: intervals, paired gains, and where a curve flattens.

No torch here, so that a report or a figure need not wait for it.
"""

import numpy as np

from dlchkit.errors import DataError
from dlchkit.metrics import Interval, confidence_interval, paired_difference
from dlchkit.records import DIRECTIONS


def budget_intervals(result: dict, name: str, direction: str) -> list[Interval]:
    """The 95% interval of a variant's score over the seeds, one for each budget."""
    return [confidence_interval(scores) for scores in _scores(result, name)[direction]]


def gain_over(result: dict, name: str, baseline: str = "no transfer", *, budget: int | None) -> Interval:
    """What a variant brings over another with the same labels: mean of both directions, paired by seed, 95%.

    Parameters
    ----------
    result : from `dlchkit.transfer.label_budgets.label_budget`
    budget : one of its budgets

    Examples
    --------
    >>> row = lambda score: {"image_to_text": [[score, score + .1]], "text_to_image": [[score, score + .2]]}
    >>> gain = gain_over({"budgets": [10], "seeds": [0, 1], "variants": {"a": row(.5), "no transfer": row(.4)}}, "a", budget=10)
    >>> round(gain.mean, 3), gain.n
    (0.1, 2)
    """
    i = _place(result, budget)
    means = [np.mean([_scores(result, which)[direction][i] for direction in DIRECTIONS], axis=0) for which in (name, baseline)]
    return paired_difference(*means)


def _place(result, budget):
    if budget not in result["budgets"]:
        raise DataError(f"budget {budget} was not run; there are {', '.join(map(str, result['budgets']))}")
    return result["budgets"].index(budget)


def _scores(result, name):
    if name not in result["variants"]:
        raise DataError(f"variant {name!r} was not run; there are {', '.join(result['variants'])}")
    return result["variants"][name]


def flat_from(result: dict, name: str, *, margin: float = 0.02) -> int | None:
    """The smallest budget from which more labels bring less than ``margin`` mAP, in the mean of both directions.

    More precisely: the first budget whose mean score lies within ``margin`` of the best of
    all larger budgets; the largest budget if none does. None stands for all labels.

    Examples
    --------
    >>> rows = [[.3], [.5], [.51], [.515]]
    >>> flat_from({"budgets": [1, 10, 40, None], "variants": {"a": {"image_to_text": rows, "text_to_image": rows}}}, "a")
    10
    """
    means = np.mean([[np.mean(scores) for scores in _scores(result, name)[direction]] for direction in DIRECTIONS], axis=0)
    order = sorted(range(len(means)), key=lambda i: (result["budgets"][i] is None, result["budgets"][i]))
    for place, i in enumerate(order[:-1]):
        if max(means[j] for j in order[place + 1 :]) - means[i] < margin:
            return result["budgets"][i]
    return result["budgets"][order[-1]]


def mean_scores(result: dict, *, budget: int | None) -> dict[str, dict[str, float]]:
    """One budget's mean over the seeds: name -> direction -> mAP, as `dlchkit.plotting.plot_scores` draws it."""
    i = _place(result, budget)
    return {name: {direction: float(np.mean(rows[direction][i])) for direction in DIRECTIONS} for name, rows in result["variants"].items()}


def score_table(result: dict, *, budget: int | None) -> dict[str, dict[str, float]]:
    """One budget as measures for a record: means, the ends of their 95% intervals, and each gain over "no transfer".

    Returns
    -------
    name -> measure -> value; the interval's ends and gains need two seeds, gains "no transfer"
    """
    i, several = _place(result, budget), len(result["seeds"]) > 1
    table = {name: {f"map_{direction}": mean for direction, mean in row.items()} for name, row in mean_scores(result, budget=budget).items()}
    for name, row in table.items() if several else ():
        for direction in DIRECTIONS:
            interval = budget_intervals(result, name, direction)[i]
            row |= {f"map_{direction}_low": interval.low, f"map_{direction}_high": interval.high}
        if name != "no transfer" and "no transfer" in table:
            gain = gain_over(result, name, budget=budget)
            row |= {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high}
    return table
