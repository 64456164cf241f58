"""What the templates draw of classes arriving in stages: heat maps, small curves, bars. Numbers in, coordinates out."""

import math

import numpy as np

from dlchkit.metrics import Interval
from dlchkit.plotting.sentences import joined
from dlchkit.records import DIRECTIONS
from dlchkit.report.answer import JOINT
from dlchkit.report.template import HEAT_STEPS
from dlchkit.results.cells import number, over_seeds
from dlchkit.results.collect import SweepResults
from dlchkit.results.increments import all_R, in_words

WIDTH, HEIGHT = 240, 150  # of a panel of curves, in its own units
_LEFT, _RIGHT, _TOP, _BOTTOM = 30, 10, 8, 34
BAR_WIDTH = 200


def heat_maps(results: SweepResults, at: str) -> dict | None:
    """R of each method and direction, the mean over seeds, all on one scale of colours.

    Returns
    -------
    {"low", "high", "n_stages", "directions": [{"direction", "maps": [{"name", "rows"}]}]}; a row is
    (stage, cells) and a cell (text, step of colour), or None above the diagonal. Rows
    before a method was trained are left out
    """
    means = {d: {name: R.mean(axis=0) for name in results.methods if len(R := all_R(results, name, d, at))} for d in DIRECTIONS}
    low, high = _scale([R for by_name in means.values() for R in by_name.values()])
    if low is None:
        return None
    directions = [
        {"direction": in_words(d), "maps": [{"name": name, "rows": _rows(R, low, high)} for name, R in by_name.items()]}
        for d, by_name in means.items()
    ]
    n_stages = max(len(R) for by_name in means.values() for R in by_name.values())
    return {"low": low, "high": high, "n_stages": n_stages, "directions": directions}


def _scale(arrays):
    """The tenths below the least and above the largest finite number; (None, None) without any."""
    values = np.concatenate([np.ravel(one) for one in arrays]) if arrays else np.array([])
    values = values[np.isfinite(values)]
    if not len(values):
        return None, None
    low, high = math.floor(values.min() * 10) / 10, math.ceil(values.max() * 10) / 10
    return low, max(high, round(low + 0.1, 1))


def _rows(R, low, high):
    def cell(value):
        return (number(value, 2), round(HEAT_STEPS * (value - low) / (high - low))) if np.isfinite(value) else None

    return [(i, [cell(value) if j <= i else None for j, value in enumerate(row)]) for i, row in enumerate(R) if np.isfinite(row).any()]


def curves(results: SweepResults, at: str) -> dict | None:
    """Mean mAP over the queries of all stages so far, after each stage: a small panel for each method and direction.

    Returns
    -------
    {"y_ticks", "x_ticks", "directions", "one_point"}: panels hold points of an SVG line as
    text, for the mean, each seed, joint retraining and the outline of the 95% intervals;
    None with one stage alone. Methods trained once on everything are named in
    ``one_point`` with their score
    """
    by_direction = {d: {name: _stage_means(R) for name in results.methods if len(R := all_R(results, name, d, at))} for d in DIRECTIONS}
    lines = {d: {name: v for name, v in means.items() if np.isfinite(v).all()} for d, means in by_direction.items()}
    low, high = _scale([values for means in lines.values() for values in means.values()])
    n_stages = max((values.shape[1] for means in lines.values() for values in means.values()), default=0)
    if low is None or n_stages < 2:
        return None
    place = _Axes(low, high, n_stages)
    directions = [
        {"direction": in_words(d), "panels": [_panel(name, values, means.get(JOINT), place) for name, values in means.items()]}
        for d, means in lines.items()
    ]
    return {"x_ticks": place.x_ticks, "y_ticks": place.y_ticks, "directions": directions, "one_point": _one_point(by_direction, lines)}


def _stage_means(R):
    """(seeds, stages): the mean of R[i, :i + 1] for each stage i."""
    return np.array([[row[: i + 1].mean() for i, row in enumerate(one)] for one in R])


def _one_point(by_direction, lines):
    names = dict.fromkeys(name for d, means in by_direction.items() for name in means if name not in lines[d])
    said = [f"{name} at {joined([number(float(np.mean(means[name][:, -1]))) for means in by_direction.values() if name in means])}" for name in names]
    return joined(said)


class _Axes:
    """Where stages and scores lie in a panel."""

    def __init__(self, low, high, n_stages):
        self.low, self.high, self.n_stages = low, high, n_stages
        step = 0.1 if high - low < 0.35 else 0.2
        ticks = [value for value in np.arange(round(low / step) * step, high + 1e-9, step) if value >= low - 1e-9]
        self.y_ticks = [(self.y(value), number(float(value), 1).removeprefix("0")) for value in ticks]
        self.x_ticks = [(self.x(i), i) for i in range(n_stages)]

    def x(self, stage):
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * stage / (self.n_stages - 1), 1)

    def y(self, score):
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (self.high - score) / (self.high - self.low), 1)

    def points(self, scores):
        return " ".join(f"{self.x(i)},{self.y(score)}" for i, score in enumerate(scores))


def _panel(name, values, joint, place):
    stages = [over_seeds(column) for column in values.T.tolist()]
    means = [stage.mean for stage in stages]
    known = len(values) > 1
    return {
        "name": name,
        "alt": _alt(name, stages, joint),
        "mean": place.points(means),
        "dots": [(place.x(i), place.y(mean)) for i, mean in enumerate(means)],
        "seeds": [place.points(row) for row in values] if known else [],
        "band": f"{place.points(s.low for s in stages)} {' '.join(reversed(place.points(s.high for s in stages).split()))}" if known else "",
        "joint": place.points(joint.mean(axis=0)) if joint is not None and name != JOINT else "",
    }


def _alt(name, stages, joint):
    first, last = stages[0], stages[-1]
    bounds = f", 95% interval {number(last.low)} to {number(last.high)}" if last.n > 1 else ""
    against = f"; joint retraining ends at {number(float(joint[:, -1].mean()))}" if joint is not None and name != JOINT else ""
    return f"{name}: mean mAP {number(first.mean)} after stage 0, {number(last.mean)} after stage {len(stages) - 1}{bounds}{against}."


def drops(results: SweepResults, at: str) -> list[dict] | None:
    """Why earlier stages' scores end below joint retraining's first ones: the database grew, and the method forgot.

    .. math:: \\bar{J}_{jj} - \\bar{R}_{Tj} = (\\bar{J}_{jj} - \\bar{J}_{Tj}) + (\\bar{J}_{Tj} - \\bar{R}_{Tj})

    with J joint retraining's R and means over earlier stages j: the first part is joint's
    own drop, which no learning avoids; the second is forgetting from joint, negative where
    a method ends above joint retraining.

    Returns
    -------
    one {"direction", "rows"} per direction; None without joint retraining or without forgetting from it
    """
    found = []
    for direction in DIRECTIONS:
        grew = over_seeds(results.values(JOINT, f"forgetting_from_first_{direction}", at).values())
        forgot = {name: over_seeds(results.values(name, f"forgetting_from_joint_{direction}", at).values()) for name in results.methods}
        forgot = {name: interval for name, interval in forgot.items() if interval is not None}
        if grew is not None and forgot:
            found.append({"direction": in_words(direction), "grew": number(grew.mean), "rows": _bars(grew, forgot)})
    return found or None


def _bars(grew: Interval, forgot: dict[str, Interval]) -> list[dict]:
    ends = [0.0, grew.mean, *(grew.mean + edge for one in forgot.values() for edge in (one.mean, one.low, one.high) if math.isfinite(edge))]
    low, high = min(ends), max(max(ends), min(ends) + 0.01)

    def x(value):
        return round(BAR_WIDTH * (value - low) / (high - low), 1)

    def span(a, b):
        return {"x": x(min(a, b)), "width": round(abs(x(a) - x(b)), 1)}

    return [
        {
            "name": name,
            "zero": x(0),
            "grew": span(0, grew.mean),
            "forgot": span(grew.mean, grew.mean + one.mean),
            "gained": one.mean < 0,
            "whisker": [x(grew.mean + one.low), x(grew.mean + one.high)] if math.isfinite(one.low) else None,
            "text": number(one.mean),
            "bounds": f"[{number(one.low)}, {number(one.high)}]" if math.isfinite(one.low) else "",
            "value": one.mean,
        }
        for name, one in forgot.items()
    ]
