"""Figures of decisions show what the records hold, and their sentences state the right numbers."""

import io
import math
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from PIL import Image

from dlchkit import plotting
from dlchkit.metrics import Interval
from dlchkit.policy import (
    DetectionRecord,
    DriftRecord,
    NoiseRate,
    Suspicion,
    WordMove,
    code_health,
    recommend,
    why,
    yearly_cost,
)

RECORD = DriftRecord("image", 0.01, 0.4, 0.025, 0.02, 100, 50, 0, 4, 1.0)
ALARM = replace(RECORD, p_value=0.001, shift=0.84)
UNKNOWN = replace(RECORD, p_value=math.nan)


def drawn(figure):
    """All words of a figure, after drawing it once."""
    assert Image.open(io.BytesIO(plotting.png(figure))).width == round(figure.get_figwidth() * figure.dpi) <= 800
    return " | ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_visible())


def codes_and_labels(n_classes, n_bits=16):
    codes = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (n_classes, n_bits))
    codes[:, 3] = 1
    return codes, np.eye(n_classes, dtype=bool)


@pytest.mark.parametrize("n_classes", [2, 6, 20, 40])
def test_code_health_shows_bits_and_distances(n_classes):
    health = code_health(*codes_and_labels(n_classes), class_names=[f"${c}$" for c in range(n_classes)])
    figure = plotting.plot_code_health(health)
    words = drawn(figure)
    assert "constant" in words and ("$1$" in words) == (n_classes <= 26)
    left, right = figure.axes[:2]
    assert [bar.get_y() + bar.get_height() for bar in left.patches] == pytest.approx(health.balance)
    assert {k for k, bar in enumerate(left.patches) if bar.get_hatch()} == set(health.constant_bits) >= {3}
    assert np.array_equal(right.images[0].get_array(), np.array(health.class_distance))
    assert right.images[0].get_clim()[0] == health.nearest_distance  # colours are spent on what tells classes apart
    ring = {float(right.lines[0].get_xdata()[0]), float(right.lines[0].get_ydata()[0])}
    assert ring == {health.class_names.index(name) for name in health.nearest_pair}


def test_the_sentence_on_code_health():
    health = code_health(*codes_and_labels(6), class_names="abcdef")
    said = plotting.describe_code_health(health)
    assert (
        f"{len(health.constant_bits)} are constant" in said
        and f"{health.effective_bits:.1f} effective bits of at most 5" in said
    )
    assert f"differ in {health.nearest_distance} bits" in said and " and ".join(health.nearest_pair) in said
    alone = code_health(np.vstack([np.ones(8), -np.ones(8)]).astype(np.int8), np.ones((2, 1)))
    assert plotting.describe_code_health(alone).endswith("One class alone has no distance.") and drawn(
        plotting.plot_code_health(alone)
    )


@pytest.fixture
def history():
    return [{"image": RECORD, "text": RECORD}, {"image": ALARM, "text": RECORD}, {"image": UNKNOWN, "text": UNKNOWN}]


def test_drift_is_ringed_below_the_threshold(history):
    figure = plotting.plot_drift(history)
    words = drawn(figure)
    assert "p ≤ 0.025" in words and words.count("not tested") == 1
    image, ring = figure.axes[0].lines[:2]
    assert (
        image.get_ydata()[:2].tolist() == [0.4, 0.001]
        and ring.get_xdata().tolist() == [2]
        and ring.get_ydata().tolist() == [0.001]
    )
    lines = [line for line in figure.axes[0].lines if line.get_label() in ("image features", "text features")]
    assert len({line.get_marker() for line in lines}) == len({line.get_linestyle() for line in lines}) == 2


def test_the_sentence_on_drift(history):
    said = plotting.describe_drift(history)
    assert "image features at stage 2 (p = 0.001, 0.84 class radii)" in said and "text" not in said
    assert said.endswith("Stage 3 brought no labels like those in memory and could not be tested.")
    assert plotting.describe_drift([history[2]] * 2).endswith(
        "Stages 1 and 2 brought no labels like those in memory and could not be tested."
    )
    assert plotting.describe_drift(history[:1]) == "No stage shows drift within known classes."


def test_detection_is_drawn_and_said():
    quiet = DetectionRecord("none", 10, 4, 2, 30, 2, 2 / 30, 0.01, 0.2, (0.1, 0.0, 0.1), ())
    found = DetectionRecord("sudden", 4, 4, 2, 4, 0, 0.0, 0.0, 0.6, (0.0, 0.75, 0.5), (0, 0, 1, None))
    figure = plotting.plot_detection([quiet, found])
    assert "none" in drawn(figure) and figure.axes[0].lines[1].get_ydata().tolist() == [0, 0.75, 0.5]
    said = plotting.describe_detection([quiet, found])
    assert (
        "0.067 false alarms" in said
        and "75% of the shifts were found, 0.3 stages after" in said
        and "0.010 to 0.200" in said
    )


def test_yearly_cost_is_summed_over_the_year():
    prices = {"price_per_hour": 3.6, "bytes_per_code": 10, "bytes_per_raw_item": 2**20, "state_bytes": 2**21}
    year = yearly_cost([100, 100], [1.0, 500.0], [100.0, 200.0], items_per_increment=100, increments=2, **prices)
    figure = plotting.plot_yearly_cost(year)
    hours, money, kept = figure.axes[:3]
    assert "EUR, summed" in drawn(figure)
    assert hours.lines[0].get_ydata() * 3600 == pytest.approx([500, 1000]) and hours.lines[
        1
    ].get_ydata() * 3600 == pytest.approx([300, 700])
    assert money.lines[1].get_ydata() == pytest.approx([0.3, 0.7]) and kept.lines[1].get_ydata() == pytest.approx(
        [300, 400], rel=0.01
    )
    said = plotting.describe_yearly_cost(year)
    assert (
        "incremental takes 16.7 min, costs 1.00 EUR" in said
        and "retraining takes 11.7 min, costs 0.70 EUR" in said
        and "2.0 times" in said
    )


def test_the_recommendation_shows_each_interval_with_its_threshold():
    health = code_health(*codes_and_labels(3))
    fell, gain = Interval(-0.2, -0.3, -0.1, 50), Interval(0.0, -0.1, 0.1, 50)
    answer = recommend(drift=[ALARM], health=health, quality_change=fell, recode_gain=gain)
    figure = plotting.plot_recommendation(answer)
    words = drawn(figure)
    assert "recommended: retrain encoders" in words and words.count("passes") == 1 and words.count("does not pass") == 1
    assert plotting.describe_recommendation(answer) == " ".join(answer.reasons)
    assert "nothing was measured" in drawn(plotting.plot_recommendation(recommend(drift=[RECORD], health=health)))


@pytest.fixture
def result():
    class_codes = np.array([[1] * 16, [1] * 8 + [-1] * 8, [-1] * 16], np.int8)
    return why(
        np.array([1] * 15 + [-1], np.int8), class_codes[0], class_codes=class_codes, class_names=["cat", "dog", "cow"]
    )


def test_why_draws_bits_that_separate_first(result):
    figure = plotting.plot_why(result)
    words = drawn(figure)
    assert "cat (1 bits away)" in words and "the 8 bits that separate cat from dog" in words
    axes = figure.axes[0]
    rows = np.array(axes.collections[0].get_array()).reshape(5, 16)
    assert rows[0].sum() == 15 and rows[1].sum() == 16 and rows[3].tolist() == [0] * 8 + [1] * 8
    assert sum(line.get_marker() == "X" for line in axes.lines) == 1


def test_the_sentence_on_why(result):
    said = plotting.describe_why(result)
    assert (
        "agree on 15 of 16 bits; the class cat shares 15" in said
        and "nearest to cat (1 bits), the item to cat (0 bits)" in said
    )
    assert "Of the 8 bits that separate cat from dog they share 7." in said


def test_moving_words_are_drawn_and_said():
    moves = (WordMove("red", 5, 3.0), WordMove("shoe", 2, -1.0), WordMove("a", 0, 0.0))
    figure = plotting.plot_moving_words(moves)
    words = drawn(figure)
    assert "5, result 3 farther" in words and "2, result 1 nearer" in words and "0, result the same" in words
    assert [bar.get_width() for bar in figure.axes[0].patches] == [5, 2, 0]
    said = plotting.describe_moving_words(moves)
    assert "“red” moves most bits (5)" in said and "by +3" in said and "“a” moves none" in said
    assert plotting.describe_moving_words(moves[2:]) == "No word moves a bit."
    assert "result" not in drawn(plotting.plot_moving_words((WordMove("red", 5, math.nan),)))


def test_suspicion_is_drawn_and_said():
    margin = (-8.0, -3.5, 0.0, 0.5, 6.0)
    found = Suspicion(margin, margin, margin, (0,) * 5, (False, False, False, True, True), 0.0)
    figure = plotting.plot_suspicion(found)
    assert "suspicious (2)" in drawn(figure) and "not suspicious (3)" in drawn(figure)
    heights = {bool(bar.get_hatch()): 0.0 for bar in figure.axes[0].patches}
    for bar in figure.axes[0].patches:
        heights[bool(bar.get_hatch())] += bar.get_height()
        assert not (
            bar.get_hatch() and bar.get_height() and bar.get_x() < 0
        )  # hatched bars stand right of the threshold
    assert heights == {True: 2, False: 3}
    said = plotting.describe_suspicion(found, NoiseRate(0.1, 0.05, 0.2, 0.4, 0.9, 0.05, 5, 3))
    assert (
        "2 of 5 labels" in said
        and "10.0% (95% interval 5.0% to 20.0%)" in said
        and "90% of wrong labels and 5.0% of right" in said
    )
    assert "estimated" not in plotting.describe_suspicion(
        found, NoiseRate(math.nan, math.nan, math.nan, 0.4, 0.2, 0.2, 5, 3)
    )
