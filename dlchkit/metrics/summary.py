"""Summarise R matrices as the flat measures of tables and reports."""

import warnings

import numpy as np

from dlchkit.metrics.continual import (
    average_over_stages,
    backward_transfer,
    final_performance,
    forgetting_from_best,
    forgetting_from_first,
    forgetting_from_joint,
    forward_transfer,
    time_reduction,
)
from dlchkit.records import MethodRecord


def summarise(methods: dict[str, MethodRecord]) -> dict[str, dict[str, float]]:
    """Compute the flat measures of each method, those against "joint" where it is among them.

    Returns
    -------
    dict
        name -> measure -> value. Measures of a direction end in _image_to_text or
        _text_to_image; ``map_encoded_...`` and ``map_reencoded_...`` are those with database
        codes of another kind than the table's. A method that learned everything at once has
        no forgetting, no transfer and no time reduction. ``kept_bytes`` is after the last
        stage; it, wall seconds and passes are absent where they were not measured
    """
    joint = methods.get("joint")
    summary = {}
    for name, method in methods.items():
        summary[name] = {"train_seconds": _sum_of_defined(name, method.seconds)}
        if np.isfinite(method.wall_seconds).any():
            summary[name]["train_wall_seconds"] = float(np.nansum(method.wall_seconds))
        if np.isfinite(method.item_passes).any():
            summary[name]["item_passes"] = float(np.nansum(method.item_passes))
        if method.kept_bytes:
            summary[name]["kept_bytes"] = method.kept_bytes[-1]
        stepwise = len(method.seconds) > 1 and not method.learned_at_once
        for direction, R in method.R.items():
            measures = {"map": final_performance(R)}
            measures |= {f"map_{kind}": final_performance(other[direction]) for kind, other in method.other_R.items()}
            if stepwise:
                measures |= _over_stages(method, direction)
            if stepwise and joint is not None:
                measures["forgetting_from_joint"] = forgetting_from_joint(R, joint.R[direction])
            summary[name] |= {f"{measure}_{direction}": value for measure, value in measures.items()}
        if stepwise and joint is not None:
            if method.clock == joint.clock:  # seconds of two clocks do not compare
                summary[name]["time_reduction"] = time_reduction(method.seconds, joint.seconds)
            if all(len(one.item_passes) and np.isfinite(one.item_passes).all() for one in (method, joint)):
                summary[name]["pass_reduction"] = time_reduction(method.item_passes, joint.item_passes)
    return summary


def _sum_of_defined(name, seconds):
    if np.isfinite(seconds).any():
        return float(np.nansum(seconds))
    warnings.warn(f"{name}: no stage has training seconds, so their sum is undefined (NaN)", stacklevel=3)
    return float("nan")


def _over_stages(method, direction):
    R = method.R[direction]
    measures = {
        "average_over_stages": average_over_stages(R),
        "forgetting_from_best": forgetting_from_best(R),
        "forgetting_from_first": forgetting_from_first(R),
        "backward_transfer": backward_transfer(R),
    }
    if method.unseen:
        measures["forward_transfer"] = forward_transfer(method.unseen[direction], method.chance[direction])
    return measures
