"""Cost of a year: worked by hand, extrapolated no further than it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.policy import fit_seconds, yearly_cost

PRICES = {"price_per_hour": 2.0, "bytes_per_code": 20, "bytes_per_raw_item": 5000, "state_bytes": 10**6}
YEAR = {"items_per_increment": 50, **PRICES}


def test_a_year_worked_by_hand():
    year = yearly_cost(
        [100, 40, 60], [9.0, 2.0, 3.0], [11.0, 15.0, 21.0], increments=2, rehearsed_items=10, storage_price=6.0, **YEAR
    )
    assert year.incremental_seconds_per_item == pytest.approx(0.05)  # 5 s for 100 items; stage 0 left out
    assert (year.retraining_seconds_fixed, year.retraining_seconds_per_item) == (
        pytest.approx(1),
        pytest.approx(0.1),
    )  # 100, 140, 200 items
    assert year.items == (250, 300) and year.extrapolation == 1.5 and year.worst_fit == pytest.approx(0, abs=1e-9)
    assert year.incremental.seconds == pytest.approx((2.5, 2.5)) and year.retraining.seconds == pytest.approx((26, 31))
    assert year.incremental.bytes_kept == (250 * 20 + 10**6 + 50_000, 300 * 20 + 10**6 + 50_000)
    assert year.retraining.bytes_kept == year.retraining.memory_bytes == (250 * 5020, 300 * 5020)
    assert year.incremental.memory_bytes[0] == year.incremental.bytes_kept[0] + 50 * 5000
    assert year.retraining.money[1] == pytest.approx(
        31 / 3600 * 2 + 300 * 5020 / 2**30 * 6 * 6
    )  # six months until the next of two increments


def test_retraining_grows_with_the_past_and_increments_do_not():
    year = yearly_cost([100, 50], [5.0, 2.0], [5.0, 8.0], **YEAR)
    assert len(set(year.incremental.seconds)) == 1 and len(year.items) == 12
    assert (np.diff(year.retraining.seconds) > 0).all() and (np.diff(year.retraining.memory_bytes) > 0).all()


def test_the_line_never_falls_below_zero():
    assert fit_seconds([10, 20, 30], [3.0, 2.0, 1.0]) == (
        pytest.approx(2),
        0,
    )  # falling times: the mean, not a slope below zero
    assert fit_seconds([10, 20], [0.0, 2.0]) == (0, pytest.approx(0.08))  # least squares through zero: 40 / 500


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 100), st.floats(0, 1), st.lists(st.integers(1, 10**6), min_size=2, max_size=6, unique=True))
def test_an_exact_line_is_found(fixed, per_item, items):
    a, b = fit_seconds(items, [fixed + per_item * n for n in items])
    assert [a + b * n for n in items] == pytest.approx([fixed + per_item * n for n in items], rel=1e-6, abs=1e-6)


def test_a_bad_fit_is_said():
    year = yearly_cost([100, 100, 100], [1.0, 1.0, 1.0], [1.0, 9.0, 2.0], **YEAR)
    assert year.worst_fit > 0.5


def test_bad_input_is_refused(refused):
    with refused("[2, 3, 2]", "one stream"):
        yearly_cost([1, 2], [1.0, 1.0, 1.0], [1.0, 1.0], **YEAR)
    with refused("two sizes"):
        fit_seconds([5, 5], [1.0, 2.0])
    with refused("all at once"):
        yearly_cost([10, 10], [float("nan"), 1.0], [1.0, 2.0], **YEAR)
    with refused("line", "finite"):
        yearly_cost([10, 10], [1.0, 1.0], [float("nan"), 2.0], **YEAR)
    with refused("items_per_increment 0"):
        yearly_cost([10, 10], [1.0, 1.0], [1.0, 2.0], **{**YEAR, "items_per_increment": 0})
