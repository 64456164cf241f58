"""Read off the result of `dlchkit.transfer.label_budgets.label_budget`: intervals, paired gains, flat points.

Without torch, so that a report or a figure need not wait for it. ``result`` is in all
functions the dictionary that `label_budget` returns.
"""

import numpy as np

from dlchkit.data import DIRECTIONS
from dlchkit.errors import DataError
from dlchkit.metrics import Interval, confidence_interval, paired_difference


def budget_in_words(budget: int | None) -> str:
    """Write a budget of labelled pairs per class; None stands for all labels."""
    return "all" if budget is None else str(budget)


def budget_intervals(result: dict, name: str, direction: str) -> list[Interval]:
    """Compute the 95% interval of a variant's score over the seeds, one for each budget."""
    return [confidence_interval(scores) for scores in _scores(result, name)[direction]]


def gain_over(result: dict, name: str, baseline: str = "no transfer", *, budget: int | None) -> Interval:
    """Compute a variant's gain over another with the same labels: mean of both directions, paired by seed, 95%.

    Parameters
    ----------
    result : dict
        from `dlchkit.transfer.label_budgets.label_budget`
    name, baseline : str
        two of its variants
    budget : int or None
        one of its budgets

    Examples
    --------
    >>> row = lambda score: {"image_to_text": [[score, score + .1]], "text_to_image": [[score, score + .2]]}
    >>> variants = {"a": row(.5), "no transfer": row(.4)}
    >>> gain = gain_over({"budgets": [10], "seeds": [0, 1], "variants": variants}, "a", budget=10)
    >>> round(gain.mean, 3), gain.n
    (0.1, 2)
    """
    place = _place(result, budget)
    ours, theirs = (
        np.mean([_scores(result, variant)[direction][place] for direction in DIRECTIONS], axis=0)
        for variant in (name, baseline)
    )
    return paired_difference(ours, theirs)


def _place(result, budget):
    if budget not in result["budgets"]:
        raise DataError(f"budget {budget} was not run; there are {', '.join(map(str, result['budgets']))}")
    return result["budgets"].index(budget)


def _scores(result, name):
    if name not in result["variants"]:
        raise DataError(f"variant {name!r} was not run; there are {', '.join(result['variants'])}")
    return result["variants"][name]


def mean_of_directions(result: dict, name: str) -> np.ndarray:
    """Average a variant's scores over seeds and directions: one mAP for each budget."""
    rows = _scores(result, name)
    return np.mean([[np.mean(scores) for scores in rows[direction]] for direction in DIRECTIONS], axis=0)


def flat_from(result: dict, name: str, *, margin: float = 0.02) -> int | None:
    """Find the smallest budget from which more labels add less than ``margin`` mAP, in the mean of both directions.

    More precisely: the first budget whose mean score lies within ``margin`` of the best of
    all larger budgets; the largest budget if there is none. None stands for all labels.

    Examples
    --------
    >>> rows = [[.3], [.5], [.51], [.515]]
    >>> variant = {"image_to_text": rows, "text_to_image": rows}
    >>> flat_from({"budgets": [1, 10, 40, None], "variants": {"a": variant}}, "a")
    10
    """
    means = mean_of_directions(result, name)
    budgets = result["budgets"]
    order = sorted(range(len(means)), key=lambda i: (budgets[i] is None, budgets[i]))
    for place, i in enumerate(order[:-1]):
        if max(means[j] for j in order[place + 1 :]) - means[i] < margin:
            return budgets[i]
    return budgets[order[-1]]


def mean_scores(result: dict, *, budget: int | None) -> dict[str, dict[str, float]]:
    """Average one budget over the seeds: name -> direction -> mAP, as `dlchkit.plotting.plot_scores` draws it."""
    place = _place(result, budget)
    return {
        name: {direction: float(np.mean(rows[direction][place])) for direction in DIRECTIONS}
        for name, rows in result["variants"].items()
    }


def score_table(result: dict, *, budget: int | None) -> dict[str, dict[str, float]]:
    """Collect one budget as measures for a record: means, ends of their 95% intervals, gains over "no transfer".

    Returns
    -------
    dict
        name -> measure -> value; intervals and gains need two seeds, gains also "no transfer"
    """
    place = _place(result, budget)
    table = {}
    for name, means in mean_scores(result, budget=budget).items():
        row = table[name] = {f"map_{direction}": mean for direction, mean in means.items()}
        if len(result["seeds"]) < 2:
            continue
        for direction in DIRECTIONS:
            interval = budget_intervals(result, name, direction)[place]
            row |= {f"map_{direction}_low": interval.low, f"map_{direction}_high": interval.high}
        if name != "no transfer" and "no transfer" in result["variants"]:
            gain = gain_over(result, name, budget=budget)
            row |= {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high}
    return table
