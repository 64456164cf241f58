"""Continual measures on R: worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit import metrics
from dlchkit.metrics.summary import summarise
from dlchkit.records import MethodRecord

nan = float("nan")
R = [[0.8, nan, nan], [0.9, 0.7, nan], [0.6, 0.5, 0.4]]
R_JOINT = [[0.8, nan, nan], [0.8, 0.8, nan], [0.8, 0.6, 0.5]]


@pytest.mark.parametrize(
    "measure, by_hand",
    [
        (metrics.final_performance, (0.6 + 0.5 + 0.4) / 3),
        (metrics.average_over_stages, (0.8 + (0.9 + 0.7) / 2 + (0.6 + 0.5 + 0.4) / 3) / 3),
        (metrics.forgetting_from_best, ((0.9 - 0.6) + (0.7 - 0.5)) / 2),
        (metrics.forgetting_from_first, ((0.8 - 0.6) + (0.7 - 0.5)) / 2),
        (metrics.backward_transfer, -((0.8 - 0.6) + (0.7 - 0.5)) / 2),
        (lambda R: metrics.forgetting_from_joint(R, R_JOINT), ((0.8 - 0.6) + (0.6 - 0.5)) / 2),
    ],
)
def test_continual_measures_by_hand(measure, by_hand):
    assert measure(R) == pytest.approx(by_hand, abs=1e-12)


def test_forward_transfer_by_hand_ignores_stage_zero():
    before, untrained = [nan, 0.5, 0.3], [0.9, 0.2, 0.4]
    assert metrics.forward_transfer(before, untrained) == pytest.approx(((0.5 - 0.2) + (0.3 - 0.4)) / 2, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_a_learner_that_never_changes_neither_forgets_nor_gains(n_stages, seed):
    score = np.random.default_rng(seed).random(n_stages)
    R = np.where(np.tri(n_stages, dtype=bool), score, nan)  # R[i, j] = score of stage j, whatever i
    assert metrics.final_performance(R) == pytest.approx(score.mean(), abs=1e-12)
    assert metrics.average_over_stages(R) == pytest.approx(
        np.mean([score[: i + 1].mean() for i in range(n_stages)]), abs=1e-12
    )
    if n_stages > 1:
        assert (
            metrics.forgetting_from_best(R)
            == metrics.forgetting_from_first(R)
            == metrics.forgetting_from_joint(R, R)
            == 0
        )
        assert metrics.forward_transfer(score, score) == 0


def test_time_reduction_leaves_stage_zero_out():
    assert metrics.time_reduction([100, 1, 2], [100, 10, 20]) == pytest.approx(0.9)


def test_one_stage_alone_has_no_forgetting():
    for measure in (
        metrics.forgetting_from_best,
        metrics.forgetting_from_first,
        lambda R: metrics.forgetting_from_joint(R, R),
    ):
        with pytest.warns(UserWarning, match="no earlier stage"):
            assert np.isnan(measure([[0.5]]))
    with pytest.warns(UserWarning, match="no earlier stage"):
        assert np.isnan(metrics.time_reduction([1], [1]))
    with pytest.warns(UserWarning, match="no earlier stage"):
        assert np.isnan(metrics.forward_transfer([0.5], [0.5]))


def test_seconds_that_are_all_undefined_have_no_sum():
    record = MethodRecord(R={}, seconds=[math.nan], old_codes_unchanged=[])
    with pytest.warns(UserWarning, match="no stage has training seconds"):
        assert np.isnan(summarise({"old": record})["old"]["train_seconds"])


def test_no_time_of_joint_retraining_leaves_the_reduction_undefined():
    with pytest.warns(UserWarning, match="joint retraining took no time"):
        assert np.isnan(metrics.time_reduction([1, 1, 1], [5, 0, 0]))


def test_continual_measures_refuse_what_does_not_fit(refused):
    for measure in (metrics.final_performance, metrics.average_over_stages, metrics.forgetting_from_best):
        with refused("shape (0, 0)", "each stage"):
            measure(np.empty((0, 0)))
    with refused("shape (1, 2)", "square"):
        metrics.final_performance([[0.5, 0.5]])
    with refused("3 stages", "joint one 1"):
        metrics.forgetting_from_joint(R, [[0.5]])
    with refused("2 against 3"):
        metrics.time_reduction([1, 2], [1, 2, 3])
    with refused("shapes (2,) and (3,)", "one score for each stage"):
        metrics.forward_transfer([1, 2], [1, 2, 3])
    with refused("shapes (0,)", "one score for each stage"):
        metrics.forward_transfer([], [])
