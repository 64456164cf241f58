"""Continual measures on R: R[i, j] is the mAP on stage-j queries after stage i, NaN above the diagonal."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from dlchkit.errors import DataError


def _checked(R):
    R = np.asarray(R, dtype=float)
    if R.ndim != 2 or R.shape[0] != R.shape[1] or len(R) == 0:
        raise DataError(f"R has shape {R.shape}; it must be square, a row and a column for each stage")
    return R


def final_performance(R: ArrayLike) -> float:
    """Average the last row of R: the score after the last stage, over the queries of all stages."""
    return float(_checked(R)[-1].mean())


def average_over_stages(R: ArrayLike) -> float:
    """Average over the stages the mean score on all queries seen so far: the field's "average incremental" score.

    .. math:: \\frac{1}{T} \\sum_{i} \\frac{1}{i+1} \\sum_{j \\le i} R[i, j]

    Every stage has the same weight, whatever its number of queries. Higher is better.

    References
    ----------
    Rebuffi et al. (iCaRL), CVPR 2017, for classification accuracy.

    Examples
    --------
    >>> round(average_over_stages([[.8, float("nan")], [.5, .7]]), 3)
    0.7
    """
    R = _checked(R)
    return float(np.mean([R[i, : i + 1].mean() for i in range(len(R))]))


def forgetting_from_best(R: ArrayLike) -> float:
    """Average best minus last score over earlier stages (Chaudhry et al., ECCV 2018). Lower is better.

    Examples
    --------
    >>> nan = float("nan")
    >>> R = [[.8, nan, nan], [.9, .7, nan], [.6, .6, .5]]
    >>> round(forgetting_from_best(R), 3), round(forgetting_from_first(R), 3)
    (0.2, 0.15)
    """
    R = _checked(R)
    return _mean_over_earlier([R[j:-1, j].max() - R[-1, j] for j in range(len(R) - 1)])


def forgetting_from_first(R: ArrayLike) -> float:
    """Average first minus last score over earlier stages: minus backward transfer. Lower is better."""
    R = _checked(R)
    return _mean_over_earlier([R[j, j] - R[-1, j] for j in range(len(R) - 1)])


def forgetting_from_joint(R: ArrayLike, R_joint: ArrayLike) -> float:
    """Average joint retraining's last score minus the learner's over earlier stages.

    A score also falls because the growing database becomes harder; joint retraining shows
    that part, and the rest is the learner's own forgetting. Lower is better.

    Examples
    --------
    >>> nan = float("nan")
    >>> round(forgetting_from_joint([[.8, nan], [.5, .7]], [[.8, nan], [.7, .7]]), 3)
    0.2
    """
    R = _checked(R)
    R_joint = _checked(R_joint)
    if R.shape != R_joint.shape:
        raise DataError(f"R has {len(R)} stages and the joint one {len(R_joint)}; they must come from one stream")
    return _mean_over_earlier(R_joint[-1, :-1] - R[-1, :-1])


def backward_transfer(R: ArrayLike) -> float:
    """Average last minus first score over earlier stages (Lopez-Paz and Ranzato, NeurIPS 2017). Higher is better."""
    return -forgetting_from_first(R)


def forward_transfer(before: ArrayLike, untrained: ArrayLike) -> float:
    """Average over later stages the score just before a stage is learned minus that of an untrained learner.

    .. math:: \\frac{1}{T-1} \\sum_{j \\ge 1} (R[j-1, j] - \\bar{b}_j)

    Parameters
    ----------
    before : array_like
        (n_stages,): the score on stage-j queries just before stage j is learned
    untrained : array_like
        (n_stages,): the score of the untrained reference on the same queries. Both are scored
        against one database with stage-j items, since otherwise no item is relevant. Entry 0
        of each is ignored: nothing is learned before stage 0

    Returns
    -------
    float
        higher is better; NaN, with a warning, for one stage alone

    References
    ----------
    Lopez-Paz and Ranzato (GEM), NeurIPS 2017.

    Examples
    --------
    >>> nan = float("nan")
    >>> round(forward_transfer([nan, .5, .4], [nan, .2, .3]), 3)
    0.2
    """
    before = np.asarray(before, dtype=float)
    untrained = np.asarray(untrained, dtype=float)
    if before.ndim != 1 or before.shape != untrained.shape or len(before) == 0:
        raise DataError(
            f"scores of shapes {before.shape} and {untrained.shape}; both must hold one score for each stage"
        )
    return _mean_over_earlier(before[1:] - untrained[1:])


def _mean_over_earlier(values):
    if len(values) == 0:
        warnings.warn("one stage alone has no earlier stage: the measure is undefined (NaN)", stacklevel=3)
        return float("nan")
    return float(np.mean(values))


def time_reduction(seconds: Sequence[float], joint_seconds: Sequence[float]) -> float:
    """Compute 1 - time of the increments / time of joint retraining at the same stages, without stage 0.

    Parameters
    ----------
    seconds, joint_seconds : sequence of float
        training seconds of each stage, evaluation excluded

    Returns
    -------
    float
        at most 1, negative where the increments take longer; NaN, with a warning, for one
        stage alone or where joint retraining takes no time
    """
    if len(seconds) != len(joint_seconds):
        raise DataError(
            f"{len(seconds)} against {len(joint_seconds)} stages of seconds; both must come from one stream"
        )
    if len(seconds) < 2:
        return _mean_over_earlier([])
    if sum(joint_seconds[1:]) == 0:
        warnings.warn("joint retraining took no time: the time reduction is undefined (NaN)", stacklevel=2)
        return float("nan")
    return float(1 - sum(seconds[1:]) / sum(joint_seconds[1:]))
