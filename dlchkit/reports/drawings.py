"""What pages draw of classes arriving in stages, small curves and bars: numbers in, coordinates of an SVG out."""

import math

import numpy as np

from dlchkit.data import DIRECTIONS
from dlchkit.metrics import Interval
from dlchkit.metrics.over_seeds import over_seeds
from dlchkit.plotting.sentences import joined
from dlchkit.plotting.style import in_words
from dlchkit.plotting.verdict import JOINT, number
from dlchkit.reports.read_runs import Setting, SweepResults
from dlchkit.reports.result_tables import all_R, scale_of

WIDTH, HEIGHT = 240, 150  # of a panel of curves, in its own units
_LEFT, _RIGHT, _TOP, _BOTTOM = 30, 10, 8, 34
BAR_WIDTH = 200


def curves(results: SweepResults, at: Setting) -> dict | None:
    """Mean mAP over the queries of all stages so far, after each stage: a small panel for each method and direction.

    Returns
    -------
    dict or None
        {"y_ticks", "x_ticks", "directions", "one_point"}: panels hold points of an SVG line as text, for the mean,
        each seed, joint retraining and the outline of the 95% intervals; None with one stage alone. Methods trained
        once on everything are named in ``one_point`` with their scores.
    """
    by_direction = {d: {name: _stage_means(R) for name, R in all_R(results, d, at).items()} for d in DIRECTIONS}
    lines = {
        d: {name: values for name, values in means.items() if np.isfinite(values).all()}
        for d, means in by_direction.items()
    }
    drawn = [values for means in lines.values() for values in means.values()]
    n_stages = max((values.shape[1] for values in drawn), default=0)
    if n_stages < 2:
        return None
    place = _Axes(*scale_of(drawn), n_stages)
    directions = {
        in_words(d): [_panel(name, values, means.get(JOINT), place) for name, values in means.items()]
        for d, means in lines.items()
    }
    one_point = _one_point(by_direction, lines)
    return {"x_ticks": place.x_ticks, "y_ticks": place.y_ticks, "directions": directions, "one_point": one_point}


def _stage_means(R):
    """(seeds, stages): the mean of R[i, :i + 1] for each stage i."""
    return np.array([[row[: i + 1].mean() for i, row in enumerate(one)] for one in R])


def _one_point(by_direction, lines):
    names = dict.fromkeys(name for d, means in by_direction.items() for name in means if name not in lines[d])
    ends = {
        name: [number(float(means[name][:, -1].mean())) for means in by_direction.values() if name in means]
        for name in names
    }
    return joined([f"{name} at {joined(scores)}" for name, scores in ends.items()])


class _Axes:
    """Where stages and scores lie in a panel."""

    def __init__(self, low, high, n_stages):
        self.low, self.high, self.n_stages = low, high, n_stages
        step = 0.1 if high - low < 0.35 else 0.2
        ticks = np.arange(round(low / step) * step, high + 1e-9, step)
        self.y_ticks = [
            (self.y(value), number(float(value), 1).removeprefix("0")) for value in ticks if value >= low - 1e-9
        ]
        self.x_ticks = [(self.x(i), i) for i in range(n_stages)]

    def x(self, stage):
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * stage / (self.n_stages - 1), 1)

    def y(self, score):
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (self.high - score) / (self.high - self.low), 1)

    def points(self, scores):
        return [f"{self.x(i)},{self.y(score)}" for i, score in enumerate(scores)]

    def line(self, scores):
        return " ".join(self.points(scores))


def _panel(name, values, joint, place):
    stages = [interval for column in values.T.tolist() if (interval := over_seeds(column)) is not None]
    means = [stage.mean for stage in stages]
    joint = None if joint is None or name == JOINT else joint.mean(axis=0)
    panel = {
        "name": name,
        "alt": _alt(name, stages, joint),
        "mean": place.line(means),
        "dots": [(place.x(i), place.y(mean)) for i, mean in enumerate(means)],
        "joint": "" if joint is None else place.line(joint),
        "seeds": [],
        "band": "",
    }
    if len(values) > 1:
        low, high = (place.points(getattr(stage, end) for stage in stages) for end in ("low", "high"))
        panel |= {"seeds": [place.line(row) for row in values], "band": " ".join([*low, *reversed(high)])}
    return panel


def _alt(name, stages, joint):
    first, last = stages[0], stages[-1]
    bounds = f", 95% interval {number(last.low)} to {number(last.high)}" if last.n > 1 else ""
    against = "" if joint is None else f"; joint retraining ends at {number(float(joint[-1]))}"
    ends = f"{number(first.mean)} after stage 0, {number(last.mean)} after stage {len(stages) - 1}"
    return f"{name}: mean mAP {ends}{bounds}{against}."


def drops(results: SweepResults, at: Setting) -> list[dict] | None:
    """Why earlier stages' scores end below joint retraining's first ones: the database grew, and the method forgot.

    .. math:: \\bar{J}_{jj} - \\bar{R}_{Tj} = (\\bar{J}_{jj} - \\bar{J}_{Tj}) + (\\bar{J}_{Tj} - \\bar{R}_{Tj})

    with J joint retraining's R and means over earlier stages j: the first part is joint's own drop, which no learning
    avoids; the second is forgetting from joint, negative where a method ends above joint retraining.

    Returns
    -------
    list of dict or None
        One {"direction", "grew", "rows"} for each direction; None without joint retraining or forgetting from it.
    """
    found = []
    for direction in DIRECTIONS:
        grew = over_seeds(results.values(JOINT, f"forgetting_from_first_{direction}", at).values())
        forgot = {
            name: over_seeds(results.values(name, f"forgetting_from_joint_{direction}", at).values())
            for name in results.methods
        }
        forgot = {name: interval for name, interval in forgot.items() if interval is not None}
        if grew is not None and forgot:
            rows = _bars(grew, forgot)
            found.append({"direction": in_words(direction), "grew": number(grew.mean), "rows": rows})
    return found or None


def _bars(grew: Interval, forgot: dict[str, Interval]) -> list[dict]:
    edges = [edge for one in forgot.values() for edge in (one.mean, one.low, one.high) if math.isfinite(edge)]
    ends = [0.0, grew.mean, *(grew.mean + edge for edge in edges)]
    low, high = min(ends), max(*ends, min(ends) + 0.01)

    def x(value):
        return round(BAR_WIDTH * (value - low) / (high - low), 1)

    def span(a, b):
        return {"x": x(min(a, b)), "width": round(abs(x(a) - x(b)), 1)}

    def bar(name, one):
        known = math.isfinite(one.low)
        return {
            "name": name,
            "zero": x(0),
            "grew": span(0, grew.mean),
            "forgot": span(grew.mean, grew.mean + one.mean),
            "gained": one.mean < 0,
            "whisker": [x(grew.mean + one.low), x(grew.mean + one.high)] if known else None,
            "text": number(one.mean),
            "bounds": f"[{number(one.low)}, {number(one.high)}]" if known else "",
            "value": one.mean,
        }

    return [bar(name, one) for name, one in forgot.items()]
