"""Intervals over seeds: against SciPy's t distribution, and by how often they hold the truth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dlchkit.metrics import Interval, confidence_interval, paired_difference

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)


@settings(deadline=None, max_examples=60)
@given(values, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_students_t(values, level):
    interval = confidence_interval(values, level=level)
    deviation = math.sqrt(sum((v - interval.mean) ** 2 for v in values) / (len(values) - 1))
    half = stats.t.ppf((1 + level) / 2, df=len(values) - 1) * deviation / math.sqrt(len(values))
    assert interval.n == len(values)
    assert interval.mean == pytest.approx(sum(values) / len(values), abs=1e-9)
    assert (interval.low, interval.high) == pytest.approx((interval.mean - half, interval.mean + half), abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(values, st.floats(-10, 10))
def test_what_both_methods_share_cancels_in_a_paired_difference(values, brought):
    difference = paired_difference([v + brought for v in values], values)
    assert difference == Interval(*(pytest.approx(brought, abs=1e-9),) * 3, n=len(values))


def test_95_of_100_intervals_hold_the_true_mean():
    random = np.random.default_rng(0)
    held = [i.low <= 0.3 <= i.high for i in (confidence_interval(random.normal(0.3, 0.1, size=5)) for _ in range(2000))]
    assert 0.94 < np.mean(held) < 0.96


def test_one_value_alone_has_no_interval():
    with pytest.warns(UserWarning, match="one value alone"):
        interval = confidence_interval([0.5])
    assert interval.mean == 0.5 and math.isnan(interval.low) and math.isnan(interval.high) and interval.n == 1


def test_bad_values_are_refused(refused):
    with refused("shape (0,)", "one number per seed"):
        confidence_interval([])
    with refused("shape (1, 2)", "one number per seed"):
        confidence_interval([[1, 2]])
    with refused("value 1 is nan", "leave that seed out"):
        confidence_interval([1, float("nan")])
    with refused("level is 95", "between 0 and 1"):
        confidence_interval([1, 2], level=95)
    with refused("2 against 3 values", "same seeds"):
        paired_difference([1, 2], [1, 2, 3])
