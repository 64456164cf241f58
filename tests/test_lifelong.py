"""Lifelong learners on a tiny stream: what stays, what changes, what a seed fixes."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.data.streams import class_incremental_stream
from dlchkit.evaluation import run_stream
from dlchkit.lifelong import DLCH, ExactHashing, FineTuning, JointRetraining
from dlchkit.lifelong.dlch import RELEASED, TUNED, balanced_weights, solve_new_codes
from dlchkit.lifelong.rehearsal import RehearsalSample
from dlchkit.metrics import mean_average_precision

LEARNERS = (DLCH, FineTuning, JointRetraining)
DIRECTIONS = {"image_to_text", "text_to_image"}


def small(learner, **options):
    return learner(16, **{"epochs": 3, "hidden": 32, "learning_rate": 1e-2, "device": "cpu", **options})


@pytest.fixture(scope="module")
def trained(stream):
    """Every learner after the whole stream, with its record."""
    learners = {learner.name: small(learner, epochs=20, batch_size=32) for learner in LEARNERS}
    return {name: (learner, run_stream(learner, stream)) for name, learner in learners.items()}


# --- the bank ---


@pytest.mark.parametrize("learner", LEARNERS)
def test_old_codes_stay_except_where_everything_is_retrained(learner, stream):
    learner, digests = small(learner), []
    for stage in stream:
        learner.observe(stage)
        if learner.name == "joint":
            assert not set(digests) & set(learner.bank.digests())
        else:
            assert learner.bank.digests()[: len(digests)] == digests
        digests = learner.bank.digests()
    assert np.array_equal(learner.bank.ids, np.concatenate([stage.database.ids for stage in stream]))
    assert np.array_equal(learner.bank.labels, np.concatenate([stage.database.labels for stage in stream]))
    assert learner.bank.stages.tolist() == [stage.index for stage in stream for _ in range(len(stage.database))]


def test_the_record_says_whether_old_codes_stayed(trained):
    assert trained["dlch"][1].old_codes_unchanged == [True, True, True]
    assert trained["finetune"][1].old_codes_unchanged == [True, True, True]
    assert trained["joint"][1].old_codes_unchanged == [True, False, False]


# --- what a seed fixes, and what a learner leaves alone ---


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_seed_fixes_every_bit(learner, stream):
    codes = []
    for seed in (0, 0, 1):
        one = small(learner, seed=seed, epochs=1)
        for stage in stream[:2]:
            one.observe(stage)
        codes.append((one.bank.codes, one.encode("image", stage.query.image), one.encode("text", stage.query.text)))
    for first, same, other in zip(*codes, strict=True):
        assert np.array_equal(first, same) and not np.array_equal(first, other)


@pytest.mark.parametrize("learner", LEARNERS)
def test_global_random_numbers_and_inputs_are_left_alone(learner, clustered_pairs, draws_nothing):
    data = clustered_pairs(120)
    stages = class_incremental_stream(data, classes_per_stage=[3, 3])
    before = [getattr(stage.database, name).copy() for stage in stages for name in ("image", "text", "labels", "ids")]
    with draws_nothing():
        one = small(learner, epochs=1)
        for stage in stages:
            one.observe(stage)
            one.encode("image", stage.query.image)
    after = [getattr(stage.database, name) for stage in stages for name in ("image", "text", "labels", "ids")]
    assert all(map(np.array_equal, before, after))


@pytest.mark.parametrize("learner", LEARNERS)
def test_codes_are_binary_and_need_a_stage_first(learner, stream, trained, refused):
    with refused(learner.__name__, "observed no stage", "observe(stage)"):
        small(learner).encode("image", stream[0].query.image)
    with refused(learner.__name__, "observed no stage"):
        small(learner).encode("text", stream[0].query.text)
    one = trained[learner.name][0]
    for codes in (one.encode("image", stream[0].query.image), one.encode("text", stream[0].query.text), one.bank.codes):
        assert codes.dtype == np.int8 and codes.shape[1] == 16 and set(np.unique(codes)) == {-1, 1}


def test_bad_settings_are_refused(refused):
    with refused("device is 'nonsense'", "'cpu'"):
        small(DLCH, device="nonsense")
    with refused("rehearsal is -1", "0 or more"):
        small(DLCH, rehearsal=-1)
    with refused("n_bits is 0", "at least 1"):
        DLCH(0)


@pytest.mark.parametrize("device", ["cuda", "cuda:99", "mps", "xpu", "hpu", "vulkan", "meta"])
def test_a_device_that_does_not_compute_here_is_refused(device, refused):
    if torch.accelerator.is_available() and torch.accelerator.current_accelerator().type == device:
        pytest.skip("it is there")
    with refused(f"device is '{device}'", "computes no float32", "'cpu'"):
        small(DLCH, device=device)
    with refused(f"device is '{device}'", "computes no float64", "'cpu'"):
        ExactHashing(device=device)


# --- learning ---


def test_a_stage_is_learned_and_fine_tuning_alone_forgets_it(trained):
    records = {name: record for name, (_, record) in trained.items()}
    first, last = (
        {name: np.mean([R[stage, 0] for R in record.R.values()]) for name, record in records.items()}
        for stage in (0, -1)
    )
    assert min(first.values()) > 0.9  # chance is about 0.5
    assert min(last["joint"], last["dlch"]) > last["finetune"] + 0.1


# --- the training loop ---


def test_the_loop_steps_once_for_each_batch_and_renews_between_epochs(stream):
    learner = small(FineTuning, epochs=3, batch_size=40, learning_rate=0.5)
    learner.observe(stream[0])
    weight = torch.nn.Parameter(torch.zeros(1))
    events, rows = [], torch.arange(100)

    def batch_loss(batch):
        events.append((len(batch), weight.item()))
        return -weight.sum()  # Adam then moves by the rate at every step

    learner.fit(rows, [weight], batch_loss, between_epochs=lambda: events.append("between"))
    sizes = [event if event == "between" else event[0] for event in events]
    assert sizes == [40, 40, 20, "between", 40, 40, 20, "between", 40, 40, 20]
    values = [event[1] for event in events if event != "between"]
    rates = 0.5 * np.linspace(1, 0.01, 10)[:9]  # falls linearly to a hundredth over nine steps
    assert np.diff([*values, weight.item()]) == pytest.approx(rates, rel=1e-4)
    assert weight.grad is None


# --- the discrete step ---


def objective(codes, outputs, similarity, weight):
    """The sum over modalities of |K S - U B^T|^2 + weight |B - U_new|^2, as `solve_new_codes` states it."""
    n_new, n_bits = codes.shape
    fits = [(n_bits * similarity - u @ codes.T).square().sum() for u in outputs]
    drifts = [(codes - u[:n_new]).square().sum() for u in outputs]
    return (sum(fits) + weight * sum(drifts)).item()


def tiny_problem(n_bits, n_new, n_old, seed):
    draw = torch.Generator().manual_seed(seed)
    outputs = [torch.rand(n_new + n_old, n_bits, generator=draw, dtype=torch.float64) * 2 - 1 for _ in range(2)]
    similarity = torch.rand(n_new + n_old, n_new, generator=draw, dtype=torch.float64)
    return torch.where(outputs[0][:n_new] >= 0, 1.0, -1.0).double(), outputs, similarity


few = settings(deadline=None, max_examples=25)
problems = st.builds(tiny_problem, st.integers(1, 6), st.integers(1, 3), st.integers(0, 4), st.integers(0, 10**6))


@few
@given(problems, st.sampled_from([0.0, 1.0, 100.0]))
def test_solving_never_raises_the_objective_and_ends_where_no_flip_helps(problem, weight):
    start, outputs, similarity = problem
    before, codes = start.clone(), start
    while True:
        solved = solve_new_codes(codes, outputs, similarity, weight)
        assert set(solved.unique().tolist()) <= {-1.0, 1.0}
        assert objective(solved, outputs, similarity, weight) <= objective(codes, outputs, similarity, weight) + 1e-9
        if torch.equal(solved, codes):
            break
        codes = solved
    assert torch.equal(start, before)
    for item, bit in product(*map(range, codes.shape)):
        flipped = codes.clone()
        flipped[item, bit] *= -1
        assert objective(flipped, outputs, similarity, weight) >= objective(codes, outputs, similarity, weight) - 1e-9


@few
@given(st.integers(1, 4), st.integers(0, 4), st.integers(0, 10**6))
def test_with_one_bit_the_solution_is_the_best_of_all(n_new, n_old, seed):
    start, outputs, similarity = tiny_problem(1, n_new, n_old, seed)
    every = [torch.tensor(signs, dtype=torch.float64)[:, None] for signs in product((-1, 1), repeat=n_new)]
    best = min(objective(codes, outputs, similarity, 1.0) for codes in every)
    solved = solve_new_codes(start, outputs, similarity, 1.0)
    assert objective(solved, outputs, similarity, 1.0) == pytest.approx(best, abs=1e-9)


# --- rehearsal ---


@pytest.mark.parametrize("size", [0, 25, 10_000])
def test_a_rehearsal_sample_is_small_and_true(stream, size):
    sample, seen = RehearsalSample(size, seed=0), {}
    for stage in stream:
        codes = np.random.default_rng(stage.index).choice(np.array([-1, 1], np.int8), size=(len(stage.database), 16))
        sample.add(stage.database, codes)
        rows = zip(codes, stage.database.image, stage.database.labels, strict=True)
        seen |= dict(zip(stage.database.ids, rows, strict=True))
        assert len(sample.data) == len(sample.codes) == min(size, len(seen))
        assert len(set(sample.data.ids)) == len(sample.data)
        for name, *kept in zip(sample.data.ids, sample.codes, sample.data.image, sample.data.labels, strict=True):
            assert all(map(np.array_equal, kept, seen[name]))
        joined = sample.after(stage.database)
        assert joined.ids.tolist() == [*stage.database.ids, *sample.data.ids]


def test_every_item_ever_added_is_as_likely_to_be_kept(stream):
    kept = []
    for seed in range(200):
        sample = RehearsalSample(60, seed)
        for stage in stream:
            sample.add(stage.database, np.ones((len(stage.database), 16), np.int8))
        kept.append([np.isin(sample.data.ids, stage.database.ids).sum() for stage in stream])
    sizes = np.array([len(stage.database) for stage in stream])
    assert np.min(kept) > 0  # every sample mixes all stages
    assert np.mean(kept, axis=0) == pytest.approx(60 * sizes / sizes.sum(), abs=1.2)  # five standard deviations


def test_without_rehearsal_no_old_item_is_kept_or_trained_on(stream):
    learner = small(DLCH, rehearsal=0)
    trained_on = []
    fit = learner.fit
    learner.fit = lambda rows, *rest, **options: trained_on.append(len(rows)) or fit(rows, *rest, **options)
    for stage in stream:
        learner.observe(stage)
        assert len(learner.rehearsed.data) == len(learner.rehearsed.codes) == 0
    assert trained_on == [len(stage.database) for stage in stream]
    assert learner.past.count == len(learner.bank)


# --- what the kit adds to the paper ---


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.sampled_from([0.0, 0.5, 1.0]))
def test_balanced_weights_follow_their_definition(seed, power):
    random = np.random.default_rng(seed)
    labels = random.random((40, 5)) < 0.3
    labels[np.arange(40), random.integers(5, size=40)] = True
    weights = balanced_weights(torch.as_tensor(labels, dtype=torch.float64), power).numpy()
    size = labels.sum(0)
    plain = np.array([np.mean([size[c] ** -power for c in np.flatnonzero(row)]) for row in labels])
    np.testing.assert_allclose(weights, plain / plain.mean(), rtol=1e-12)


def test_fully_balanced_classes_weigh_alike():
    labels = np.eye(3)[[0] * 20 + [1] * 5 + [2]]
    weights = balanced_weights(torch.as_tensor(labels), 1.0).numpy()
    np.testing.assert_allclose(labels.T @ weights, np.full(3, 26 / 3))


def test_old_weights_stay_in_the_towers_by_their_share(stream):
    def image_weights(old_weights):
        learner = small(DLCH, epochs=2, old_weights=old_weights)
        learner.observe(stream[0])
        before = {name: value.clone() for name, value in learner.towers.state_dict().items()}
        learner.observe(stream[1])
        return before, learner.towers.state_dict()

    before, trained = image_weights(0.0)
    same_before, averaged = image_weights(0.25)
    for name, value in averaged.items():
        assert torch.equal(before[name], same_before[name])
        torch.testing.assert_close(value, 0.25 * before[name] + 0.75 * trained[name])


def test_settings_outside_their_range_are_refused(refused):
    for name, value in [
        ("class_balance", -0.1),
        ("class_balance", 1.1),
        ("old_weights", 1.0),
        ("old_weights", -0.5),
        ("validation", 1.0),
        ("validation", -0.1),
    ]:
        with refused(f"{name} is {value}", "[0, 1"):
            small(DLCH, **{name: value})


def test_an_increment_has_its_own_schedule(stream, refused):
    learner, schedules = small(DLCH, epochs=10, increment_epochs=0.3, increment_rate=2.0), []
    fit = learner.fit
    learner.fit = lambda *given, **options: schedules.append(options) or fit(*given, **options)
    for stage in stream[:2]:
        learner.observe(stage)
    assert [(one.get("epochs"), one.get("rate", 1.0)) for one in schedules] == [(None, 1.0), (3, 2.0)]
    for name in ("increment_epochs", "increment_rate"):
        with refused(f"{name} is 0", "above 0"):
            small(DLCH, **{name: 0})


def test_the_demos_settings_are_settings_of_dlch():
    learner = DLCH(16, **RELEASED)
    assert (learner.epochs, learner.batch_size, learner.old_weights, learner.class_balance) == (200, 128, 0, 0)
    assert vars(DLCH(16)).keys() == vars(learner).keys()
    of_the_learner = TUNED.keys() - {"rehearsal", "increment_epochs"}
    assert all(getattr(DLCH(16), name) == TUNED[name] for name in of_the_learner)


# --- validation ---


@pytest.mark.parametrize("learner", [DLCH, FineTuning])
def test_held_out_items_are_stored_but_never_trained_on(learner, stream):
    trained, learner = set(), small(learner, validation=0.2, epochs=2)
    fit = learner.fit

    def watched(rows, parameters, batch_loss, **options):
        fit(rows, parameters, lambda batch: trained.update(batch.tolist()) or batch_loss(batch), **options)

    learner.fit = watched
    learner.observe(stream[0])
    n = len(stream[0].database)
    assert len(learner.bank) == n and 0.7 * n < len(trained) < 0.9 * n


def test_training_stops_when_validation_no_longer_rises_and_keeps_the_best_epoch(stream):
    learner = small(FineTuning, validation=0.2, epochs=10, patience=2)
    scores, weights = iter([0.2, 0.5, 0.4, 0.3, 0.9]), []

    def score():
        weights.append({name: value.clone() for name, value in learner.towers.state_dict().items()})
        return next(scores)

    learner.held_out_score = lambda *given: score
    learner.observe(stream[0])
    assert len(weights) == 4  # two epochs after the best
    assert all(torch.equal(value, weights[1][name]) for name, value in learner.towers.state_dict().items())


def test_the_validation_score_is_the_map_of_held_out_items(stream):
    learner, data = small(FineTuning, validation=0.2), stream[0].database
    learner.observe(stream[0])
    rows = learner.training_rows(data)
    score = learner.held_out_score(data, rows, lambda: learner.bank.codes)
    kept = np.isin(np.arange(len(data)), rows.numpy())
    query, database = data[~kept], data[kept]
    expected = [
        mean_average_precision(codes, learner.bank.codes[kept], query.labels, database.labels)
        for codes in (learner.encode("image", query.image), learner.encode("text", query.text))
    ]
    assert score() == pytest.approx(np.mean(expected))
    assert learner.held_out_score(data, torch.arange(len(data)), None) is None


@pytest.mark.parametrize("learner", LEARNERS)
def test_items_with_several_labels_are_learned(learner, clustered_pairs):
    stages = class_incremental_stream(clustered_pairs(several_labels=True), classes_per_stage=[4, 2])
    record = run_stream(small(learner, epochs=1), stages)
    for R in record.R.values():
        assert np.isfinite(R[np.tril_indices(2)]).all()
