"""Quality and recommendation: rules one by one, then end to end on streams whose truth is known."""

import json
import math
from dataclasses import asdict, astuple, replace

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import hadamard

from dlchkit.codes import binarize
from dlchkit.metrics import Interval, average_precision, distance_histograms, paired_difference
from dlchkit.policy import (
    DriftMonitor,
    DriftRecord,
    Thresholds,
    code_health,
    paired_gain,
    quality_change,
    recommend,
    synthetic_increments,
)

QUIET = DriftRecord("image", 0.0, 0.4, 0.025, 0.01, 100, 50, 0, 4, 1.0)
LOUD = replace(QUIET, p_value=0.001, shift=0.8)
FINE = code_health(hadamard(16).astype(np.int8)[1:7], np.eye(6, dtype=bool), class_names="abcdef")
CROWDED = code_health(
    np.vstack([hadamard(16)[1:4], hadamard(16)[1] * np.where(np.arange(16) < 3, -1, 1)]).astype(np.int8),
    np.eye(4, dtype=bool),
)
FELL, STAYED = Interval(-0.2, -0.25, -0.15, 90), Interval(-0.01, -0.05, 0.03, 90)
GAIN, NO_GAIN = Interval(0.06, 0.04, 0.08, 70), Interval(0.005, -0.02, 0.03, 70)


@pytest.mark.parametrize(
    ("action", "evidence"),
    [
        ("keep", {}),
        ("keep", {"drift": LOUD}),  # harmless as far as is known
        ("keep", {"drift": LOUD, "quality_change": STAYED}),
        ("keep", {"quality_change": FELL}),  # not by drift
        ("retrain encoders", {"drift": LOUD, "quality_change": FELL}),
        ("retrain encoders", {"drift": LOUD, "quality_change": FELL, "retrain_gain": GAIN}),
        ("keep", {"drift": LOUD, "quality_change": FELL, "retrain_gain": NO_GAIN}),
        ("recode", {"drift": LOUD, "quality_change": FELL, "retrain_gain": NO_GAIN, "recode_gain": GAIN}),
        (
            "retrain encoders",
            {"drift": LOUD, "quality_change": FELL, "health": CROWDED, "recode_gain": GAIN},
        ),  # asked first
        ("recode", {"health": CROWDED}),
        ("keep", {"health": CROWDED, "recode_gain": NO_GAIN}),  # measured outranks inferred
        ("recode", {"recode_gain": GAIN}),
        ("keep", {"drift": replace(QUIET, p_value=math.nan), "quality_change": FELL}),
    ],
)
def test_the_rules_in_their_order(action, evidence):
    given = {"health": FINE, **evidence}
    answer = recommend(**{**given, "drift": [replace(QUIET, modality="text"), given.get("drift", QUIET)]})
    assert answer.action == action and answer.reasons[-1].startswith(f"Therefore: {action} (")
    assert json.loads(json.dumps(asdict(answer)))["action"] == action
    assert all(reason[0].isupper() and reason.endswith(".") and "nan" not in reason for reason in answer.reasons)


def test_reasons_hold_the_numbers_and_the_thresholds():
    said = " ".join(recommend(drift=[LOUD], health=CROWDED, quality_change=FELL, recode_gain=GAIN).reasons)
    for part in (
        "p = 0.001",
        "threshold 0.025",
        "0.80 class radii",
        "−0.200",
        "−0.250 to −0.150",
        "90 queries",
        "0.020",
        "+0.060",
        "0.010",
        "differ in 3 of 16",
    ):
        assert part in said, part
    unknown = " ".join(recommend(drift=[replace(QUIET, p_value=math.nan)], health=FINE).reasons)
    assert unknown.count("not known") == 2 and unknown.count("was not measured") == 2


def test_thresholds_decide_and_stand_in_the_rules():
    strict = Thresholds(quality_drop=0.3, recode_gain=0.05, crowded=0.2)
    answer = recommend(drift=[LOUD], health=CROWDED, quality_change=FELL, recode_gain=GAIN, thresholds=strict)
    assert (
        answer.action == "keep"
        and answer.thresholds["quality_drop"] == 0.3
        and answer.thresholds["drift_p_value"] == 0.025
    )
    assert "0.300" in answer.rules[0] and "0.050" in answer.rules[1] and "20%" in answer.rules[1]
    assert answer.evidence == {
        "quality change": (-0.2, -0.25, -0.15, -0.3),
        "gain of recoding": (0.06, 0.04, 0.08, 0.05),
    }


def test_no_drift_record_is_refused(refused):
    with refused("no drift record", "DriftMonitor"):
        recommend(drift=[], health=FINE)


def test_the_paired_gain_is_that_of_defined_queries():
    now, instead = [0.1, 0.5, math.nan, 0.3], [0.3, 0.6, 0.9, 0.2]
    with pytest.warns(UserWarning, match="1 queries"):
        gain = paired_gain(now, instead)
    assert gain == paired_difference([0.3, 0.6, 0.2], [0.1, 0.5, 0.3]) and gain.n == 3


def test_with_one_class_the_change_is_welchs_interval():
    random = np.random.default_rng(0)
    before, now = random.normal(0.8, 0.1, 30), random.normal(0.6, 0.2, 12)
    change = quality_change(before, now, before_classes=np.zeros(30), now_classes=np.zeros(12))
    welch = stats.ttest_ind(now, before, equal_var=False).confidence_interval()
    assert (change.low, change.high) == (
        pytest.approx(welch.low),
        pytest.approx(welch.high),
    ) and change.mean == pytest.approx(now.mean() - before.mean())


def test_another_mix_of_classes_is_no_change_and_intervals_hold_the_truth():
    random, held = np.random.default_rng(1), 0
    for _ in range(300):
        classes = np.repeat([0, 1, 2], [30, 5, 20]), np.repeat([0, 1, 2, 3], [5, 25, 10, 10])
        before, now = (random.normal(0.9 - 0.2 * c, 0.05 + 0.02 * c) for c in classes)
        change = quality_change(before, now - 0.1, before_classes=classes[0], now_classes=classes[1])
        held += change.low <= -0.1 <= change.high
        assert change.n == 40  # class 3 was not known before
    assert 275 <= held <= 296


def test_near_duplicates_count_as_one_query():
    random = np.random.default_rng(2)
    before, now, classes = random.random(20), random.random(16), np.arange(20) % 2
    single = quality_change(before, now, before_classes=classes, now_classes=classes[:16])
    rows, new_rows = random.permutation(np.repeat(np.arange(20), 3)), random.permutation(np.repeat(np.arange(16), 5))
    told = {"before_classes": classes[rows], "now_classes": classes[new_rows]}
    assert astuple(
        quality_change(before[rows], now[new_rows], **told, before_groups=rows, now_groups=new_rows)
    ) == pytest.approx(astuple(single))
    assert quality_change(before[rows], now[new_rows], **told).high - single.mean < 0.7 * (single.high - single.mean)
    gain = paired_gain(before[:16][new_rows], now[new_rows], groups=new_rows)
    assert astuple(gain) == pytest.approx(astuple(paired_gain(before[:16], now))) and gain.n == 16


def test_what_cannot_be_compared_is_nan_or_refused(refused):
    with pytest.warns(UserWarning, match="undefined"):
        assert math.isnan(quality_change([0.5], [0.4, 0.3], before_classes=[0], now_classes=[0, 0]).mean)
    with refused("(2,)", "same queries"):
        paired_gain([0.5, 0.4], [0.1])
    with refused("(2,)", "groups (1,)"):
        paired_gain([0.5, 0.4], [0.1, 0.3], groups=[0])
    with refused("(2,)", "(1,)"):
        quality_change([0.5, 0.4], [0.1, 0.2], before_classes=[0], now_classes=[0, 0])


# End to end: ridge regression from features to class codes, the simplest lifelong hashing there is.

N_BITS, STREAM = 32, {"items": 90, "n_classes": 6, "width": 12}
GOOD_CODES = hadamard(N_BITS)[1:8].astype(np.int8)
CLOSE_CODES = GOOD_CODES[np.arange(7) // 2]  # two classes share a code


def ridge(features, codes):
    x = np.column_stack([features, np.ones(len(features))])
    weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ codes)
    return lambda rows: binarize(np.column_stack([rows, np.ones(len(rows))]) @ weights)


def per_query(query, class_codes, train, bank_labels):
    """Average precision of image and text queries against a bank of class codes, mean of both directions."""
    scores = []
    for side in ("image", "text"):
        asked = ridge(getattr(train, side), class_codes[train.labels.argmax(1)])(getattr(query, side))
        histograms = distance_histograms(asked, class_codes[bank_labels.argmax(1)], query.labels, bank_labels)
        scores.append(average_precision(*histograms))
    return np.mean(scores, axis=0)


def decisions(kind, seed, *, class_codes=GOOD_CODES, shift=1.5, spread=2.0):
    """The recommendation at each stage; encoders stay those of stage 0, its held-out items are the old queries."""
    first, *later = synthetic_increments(kind, n_stages=5, shift_at=2, shift=shift, spread=spread, seed=seed, **STREAM)
    train, old = first[:60], first[60:]  # classes take turns, so both hold all of them
    monitor, bank = DriftMonitor(memory=150, n_permutations=199, seed=seed), first
    monitor.remember(first)
    for increment in later:
        known = increment[(increment.labels & first.labels.any(0)).any(1)]
        scores = [per_query(query, class_codes, train, bank.labels) for query in (old, known)]
        change = quality_change(*scores, before_classes=old.labels.argmax(1), now_classes=known.labels.argmax(1))
        recoded = paired_gain(scores[0], per_query(old, GOOD_CODES, train, bank.labels))
        health = code_health(class_codes[bank.labels.argmax(1)], bank.labels)
        yield recommend(
            drift=monitor.test(increment).values(), health=health, quality_change=change, recode_gain=recoded
        ).action
        monitor.remember(increment)
        bank = bank.concatenate(increment)


@pytest.mark.slow
def test_without_a_shift_it_says_keep_in_95_of_100_cases():
    actions = [action for seed in range(20) for action in decisions("none", seed)]
    assert len(actions) == 80 and actions.count("keep") >= 76


def test_a_sudden_shift_of_features_says_retrain_within_one_stage():
    for seed in range(10):
        actions = list(decisions("sudden", seed))
        assert actions[0] == "keep" and "retrain encoders" in actions[1:3]


def test_a_new_class_never_says_retrain():
    actions = [action for seed in range(12) for action in decisions("new class", seed)]
    assert actions.count("retrain encoders") == 0


def test_crowded_codes_say_recode():
    actions = [action for seed in range(8) for action in decisions("none", seed, class_codes=CLOSE_CODES)]
    assert actions.count("recode") >= 0.95 * len(actions)
