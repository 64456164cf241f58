"""Drift: against plain loops, against the truth of streams that hold it, and by how often it cries wolf."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dlchkit.losses import squared_mmd
from dlchkit.policy import (
    DriftMonitor,
    binomial_interval,
    drift_test,
    mean_shift,
    measure_drift_detection,
    median_bandwidth,
    synthetic_increments,
)
from dlchkit.policy.two_sample import squared_distances, stratified_squared_mmd

SMALL = {"items": 60, "n_classes": 4, "width": 8}
WATCH = {"memory": 120, "n_permutations": 199}


@pytest.fixture
def two_samples():
    random = np.random.default_rng(1)
    strata = np.array([0, 0, 0, 1, 1, 2, 2, 2]), np.array([0, 0, 1, 1, 1, 3, 3])
    return (*(random.normal(size=(len(s), 3)) + s[:, None] for s in strata), *strata)


def plain_squared_mmd(memory, new, memory_strata, new_strata, kernel):
    """Sum w_c w_e <mu_Pc - mu_Qc, mu_Pe - mu_Qe> over all pairs of classes, item by item, no item with itself."""

    def mean_kernel(a, b, same):
        values = [kernel(x, y) for i, x in enumerate(a) for j, y in enumerate(b) if not (same and i == j)]
        return sum(values) / len(values)

    classes = [
        c for c in set(memory_strata) & set(new_strata) if min((memory_strata == c).sum(), (new_strata == c).sum()) >= 2
    ]
    sides = {c: (memory[memory_strata == c], new[new_strata == c]) for c in classes}
    weight = {c: len(p) * len(q) / (len(p) + len(q)) for c, (p, q) in sides.items()}
    total = 0.0
    for c in classes:
        for e in classes:
            (p, q), (r, s) = sides[c], sides[e]
            part = (
                mean_kernel(p, r, c == e)
                + mean_kernel(q, s, c == e)
                - mean_kernel(p, s, False)
                - mean_kernel(q, r, False)
            )
            total += weight[c] * weight[e] * part
    return total / sum(weight.values()) ** 2


def gaussian(width):
    return lambda x, y: math.exp(-sum((x - y) ** 2) / (2 * width**2))


def test_the_statistic_is_the_plain_sum_over_pairs(two_samples):
    memory, new, memory_strata, new_strata = two_samples
    strata = {"memory_strata": memory_strata, "new_strata": new_strata}
    value, _ = drift_test(memory, new, **strata, bandwidth=1.7, n_permutations=9, generator=np.random.default_rng(0))
    assert value == pytest.approx(plain_squared_mmd(memory, new, memory_strata, new_strata, gaussian(1.7)), abs=1e-12)


def test_every_permuted_statistic_is_the_plain_sum_too(two_samples):
    memory, new, *_ = two_samples
    x = np.concatenate([memory, new])
    sides = np.zeros((len(x), 5), dtype=bool)
    random = np.random.default_rng(3)
    strata = np.repeat([0, 1, 2], 5)
    for column in sides.T:
        for c in range(3):
            column[5 * c + random.permutation(5)[:2]] = True
    values = stratified_squared_mmd(np.exp(-squared_distances(x) / (2 * 1.3**2)), strata, sides)
    for value, new_side in zip(values, sides.T, strict=True):
        plain = plain_squared_mmd(x[~new_side], x[new_side], strata[~new_side], strata[new_side], gaussian(1.3))
        assert value == pytest.approx(plain, abs=1e-12)


def test_with_one_stratum_it_is_the_losses_squared_mmd():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(30, 5)), random.normal(size=(20, 5)) + 0.3
    x = torch.tensor(np.concatenate([a, b]))
    gamma = len(x) * (len(x) - 1) / torch.cdist(x, x).square().sum().item()
    one = {"memory_strata": np.zeros(30, int), "new_strata": np.zeros(20, int)}
    value, _ = drift_test(a, b, **one, bandwidth=math.sqrt(0.5 / gamma), n_permutations=1, generator=random)
    assert value == pytest.approx(squared_mmd(torch.tensor(a), torch.tensor(b)).item(), abs=1e-10)


def test_the_p_value_counts_the_observed_among_the_permuted():
    random = np.random.default_rng(0)
    apart = {
        "memory_strata": np.zeros(20, int),
        "new_strata": np.zeros(20, int),
        "bandwidth": 2.0,
        "n_permutations": 99,
    }
    far = drift_test(random.normal(size=(20, 4)), random.normal(size=(20, 4)) + 9, **apart, generator=random)
    assert far[1] == 1 / 100 and far[0] > 0.5
    same = np.ones((20, 4))
    assert drift_test(same, same, **apart, generator=random) == (pytest.approx(0, abs=1e-12), 1.0)


def test_p_values_are_uniform_where_nothing_shifts():
    random = np.random.default_rng(5)
    strata = {"memory_strata": np.repeat([0, 1], 15), "new_strata": np.repeat([0, 1], [4, 12])}
    p = []
    for _ in range(300):
        memory, new = (random.normal(size=(len(s), 4)) + 3 * s[:, None] for s in strata.values())
        p.append(drift_test(memory, new, **strata, bandwidth=2.0, n_permutations=39, generator=random)[1])
    for level in (0.05, 0.1, 0.25, 0.5):  # all on the grid of 40
        low, high = binomial_interval(sum(value <= level for value in p), len(p), level=0.999)
        assert low <= level <= high


def test_the_mean_shift_is_in_class_radii():
    random = np.random.default_rng(0)
    strata = np.repeat([0, 1], 400)
    memory, new = (random.normal(size=(800, 9)) + 7 * strata[:, None] for _ in range(2))
    both = {"memory_strata": strata, "new_strata": strata}
    assert mean_shift(memory, new, **both) < 0.03
    assert mean_shift(memory, new + 0.5, **both) == pytest.approx(
        0.5, abs=0.05
    )  # 0.5 in each of 9 columns of deviation 1
    assert mean_shift(10 * memory, 10 * (new + 0.5), **both) == pytest.approx(mean_shift(memory, new + 0.5, **both))


def test_the_bandwidth_is_the_median_within_classes():
    features = np.array([[0.0], [1.0], [3.0], [100.0], [100.0], [104.0]])
    assert median_bandwidth(features, np.array([0, 0, 0, 1, 1, 1])) == pytest.approx(
        3
    )  # of 1, 2, 3, 4, 4; the two equal items say nothing


def test_distances_are_those_of_a_loop():
    x = np.random.default_rng(0).normal(size=(7, 3)) + 1e3
    assert squared_distances(x) == pytest.approx(np.array([[sum((a - b) ** 2) for b in x] for a in x]), abs=1e-8)


@pytest.mark.slow
def test_the_false_alarm_rate_is_the_stated_level():
    quiet = measure_drift_detection("none", n_streams=50, monitor=WATCH, **SMALL)
    low, high = binomial_interval(quiet.n_false_alarms, quiet.n_quiet, level=0.99)
    assert quiet.n_quiet == 250 and low <= 0.05 <= high
    assert quiet.low <= quiet.false_alarm_rate <= quiet.high and math.isnan(quiet.detected)


@pytest.mark.slow
def test_a_sudden_shift_is_found_at_once_and_a_gradual_one_later():
    sudden = measure_drift_detection("sudden", n_streams=12, shift=0.5, monitor=WATCH, **SMALL)
    gradual = measure_drift_detection("gradual", n_streams=12, shift=0.5, n_stages=8, monitor=WATCH, **SMALL)
    assert sudden.delays == (0,) * 12 and sudden.detected == 1
    assert gradual.detected == 1 and 0 < np.mean(gradual.delays) <= 3
    assert sudden.n_quiet == 24  # stages 1 and 2


def test_a_new_class_is_no_drift_within_classes_but_is_one_of_the_marginal():
    within = measure_drift_detection("new class", n_streams=12, monitor=WATCH, **SMALL)
    marginal = measure_drift_detection("new class", n_streams=4, monitor={**WATCH, "within_classes": False}, **SMALL)
    assert binomial_interval(within.n_false_alarms, within.n_quiet, level=0.99)[0] <= 0.05
    assert marginal.per_stage[2] == 1 and within.per_stage[2] <= 0.5


def test_near_duplicates_of_one_group_are_no_evidence():
    alarms = {"groups known": 0, "groups unknown": 0}
    for seed in range(25):
        singles = synthetic_increments("none", n_stages=2, shift_at=1, seed=seed, **SMALL)
        random = np.random.default_rng(seed)
        for told in alarms:
            monitor = DriftMonitor(memory=240, n_permutations=199, seed=seed)
            first, second = (_repeated(increment, random, with_groups=told == "groups known") for increment in singles)
            monitor.remember(first)
            alarms[told] += any(record.drifted for record in monitor.test(second).values())
    assert alarms["groups known"] <= 5 and alarms["groups unknown"] >= 20  # 6 or more of 25 have a chance of 0.1% at 5%


def _repeated(data, random, *, with_groups, times=4):
    rows = data[np.repeat(np.arange(len(data)), times)]
    ids = np.array([f"{name}-{i}" for i, name in enumerate(rows.ids)])
    features = {
        side: getattr(rows, side) + 0.1 * random.normal(size=getattr(rows, side).shape).astype(np.float32)
        for side in ("image", "text")
    }
    return replace(rows, ids=ids, groups=rows.groups if with_groups else ids, **features)


def test_looks_share_the_level_between_tests_and_modalities():
    assert DriftMonitor(level=0.06, looks=3).threshold == pytest.approx(0.01)
    yearly = measure_drift_detection("none", n_streams=12, monitor={**WATCH, "looks": 5}, **SMALL)
    assert yearly.n_false_alarms <= 3  # some alarm in at most 5% of 12 streams; 4 or more have a chance of 0.2%


def test_the_memory_is_a_uniform_sample_of_constant_size():
    counts = np.zeros(40)
    increments = synthetic_increments("none", n_stages=2, shift_at=1, items=20, n_classes=4, width=2)
    for seed in range(400):
        monitor = DriftMonitor(memory=10, seed=seed)
        for increment in increments:
            monitor.remember(increment)
            assert len(monitor) == 10
        image = np.concatenate([increment.image for increment in increments])
        counts += (image[:, None] == monitor._kept["image"]).all(2).any(1)
    assert counts.sum() == 4000 and abs(counts - 100).max() < 4.5 * math.sqrt(75)  # binomial, n 400, share 1/4


def test_rows_of_the_memory_stay_pairs_and_bytes_and_width_stay():
    increments = synthetic_increments("sudden", shift=3, **SMALL)
    monitor = DriftMonitor(memory=50, seed=1)
    monitor.remember(increments[0])
    n_bytes, bandwidth = monitor.n_bytes, dict(monitor.bandwidth)
    for increment in increments[1:]:
        monitor.remember(increment)
    assert (monitor.n_bytes, monitor.bandwidth) == (n_bytes, bandwidth)
    image, text = (np.concatenate([getattr(i, side) for i in increments]) for side in ("image", "text"))
    for row in range(50):
        place = int((image == monitor._kept["image"][row]).all(1).argmax())
        assert np.array_equal(text[place], monitor._kept["text"][row])


def test_testing_leaves_memory_and_data_alone_and_repeats_by_seed():
    first, second, *_ = synthetic_increments("none", **SMALL)
    answers = []
    for _ in range(2):
        monitor = DriftMonitor(memory=40, seed=7)
        monitor.remember(first)
        kept, given = monitor._kept["image"].copy(), second.image.copy()
        answers.append(monitor.test(second))
        assert (
            np.array_equal(monitor._kept["image"], kept)
            and np.array_equal(second.image, given)
            and monitor.n_seen == 60
        )
    assert answers[0] == answers[1]
    assert answers[0]["image"].n_new <= 40  # as many as remembered are drawn


def test_new_classes_are_counted_as_untested_and_alone_give_nan():
    first, *_, last = synthetic_increments("new class", **SMALL)
    monitor = DriftMonitor(memory=60)
    monitor.remember(first)
    record = monitor.test(last)["text"]
    assert (record.n_untested, record.n_new) == (30, 30) and 0 < record.p_value <= 1
    alone = last[last.labels[:, -1]]
    with pytest.warns(UserWarning, match="undefined"):
        answer = monitor.test(alone)
    assert all(
        math.isnan(record.p_value) and not record.drifted and record.n_untested == 30 for record in answer.values()
    )


def test_bad_input_is_refused(refused):
    first, *_ = synthetic_increments("none", **SMALL)
    with refused("remember", "before test"):
        DriftMonitor().test(first)
    with refused("99 permutations", "399"):
        DriftMonitor(n_permutations=99, level=0.05, looks=10)
    with refused("memory 2", "e.g."):
        DriftMonitor(memory=2)
    with refused("'slow'", "'gradual'"):
        synthetic_increments("slow")
    with refused("shift_at", "1 to 5"):
        synthetic_increments("sudden", shift_at=6)
    with refused("width", "differ"):
        DriftMonitor().remember(replace(first, image=np.zeros_like(first.image)))
