"""Lifelong learners on a tiny stream: what stays, what changes, what a seed fixes."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.data import class_incremental_stream
from dlchkit.evaluation import evaluate, evaluate_encoded, run_stream, summarise
from dlchkit.lifelong import DLCH, FineTuning, JointRetraining
from dlchkit.lifelong.dlch import RehearsalSample, solve_new_codes
from dlchkit.metrics import mean_average_precision

LEARNERS = (DLCH, FineTuning, JointRetraining)
DIRECTIONS = {"image_to_text", "text_to_image"}


def small(learner, **options):
    return learner(16, **{"epochs": 3, "hidden": 32, "learning_rate": 1e-2, "device": "cpu", **options})


@pytest.fixture(scope="module")
def stream(clustered_pairs):
    return class_incremental_stream(clustered_pairs(), classes_per_stage=[2, 2, 2])


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
        codes.append((one.bank.codes, one.encode_image(stage.query.image), one.encode_text(stage.query.text)))
    for first, same, other in zip(*codes):
        assert np.array_equal(first, same) and not np.array_equal(first, other)


@pytest.mark.parametrize("learner", LEARNERS)
def test_global_random_numbers_and_inputs_are_left_alone(learner, clustered_pairs):
    data = clustered_pairs(120)
    stages = class_incremental_stream(data, classes_per_stage=[3, 3])
    before = [getattr(stage.database, name).copy() for stage in stages for name in ("image", "text", "labels", "ids")]
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    one = small(learner, epochs=1)
    for stage in stages:
        one.observe(stage)
        one.encode_image(stage.query.image)
    assert torch.equal(torch.get_rng_state(), torch_state) and np.array_equal(np.random.get_state()[1], numpy_state)
    after = [getattr(stage.database, name) for stage in stages for name in ("image", "text", "labels", "ids")]
    assert all(map(np.array_equal, before, after))


@pytest.mark.parametrize("learner", LEARNERS)
def test_codes_are_binary_and_need_a_stage_first(learner, stream, trained, refused):
    with refused(learner.__name__, "observed no stage", "observe(stage)"):
        small(learner).encode_image(stream[0].query.image)
    with refused(learner.__name__, "observed no stage"):
        small(learner).encode_text(stream[0].query.text)
    one = trained[learner.name][0]
    for codes in (one.encode_image(stream[0].query.image), one.encode_text(stream[0].query.text), one.bank.codes):
        assert codes.dtype == np.int8 and codes.shape[1] == 16 and set(np.unique(codes)) == {-1, 1}


def test_bad_settings_are_refused(refused):
    with refused("device is 'nonsense'", "'cpu'"):
        small(DLCH, device="nonsense")
    with refused("rehearsal is -1", "0 or more"):
        small(DLCH, rehearsal=-1)
    with refused("n_bits is 20", "multiple of 8"):
        DLCH(20)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused(refused):
    with refused("device is 'cuda'", "no GPU", "'cpu'"):
        small(DLCH, device="cuda")


# --- learning ---


def test_a_stage_is_learned_and_fine_tuning_alone_forgets_it(trained):
    first, last = ({name: np.mean([R[stage, 0] for R in record.R.values()]) for name, (_, record) in trained.items()} for stage in (0, -1))
    assert min(first.values()) > 0.9  # chance is about 0.5
    assert min(last["joint"], last["dlch"]) > last["finetune"] + 0.1


# --- the discrete step ---


def objective(codes, outputs, similarity, weight):
    """The sum over modalities of |K S - U B^T|^2 + weight |B - U_new|^2, as `solve_new_codes` states it."""
    n_new, n_bits = codes.shape
    return sum(
        (n_bits * similarity - u @ codes.T).square().sum() + weight * (codes - u[:n_new]).square().sum() for u in outputs
    ).item()


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
    best = min(objective(torch.tensor(signs, dtype=torch.float64)[:, None], outputs, similarity, 1.0) for signs in product((-1, 1), repeat=n_new))
    assert objective(solve_new_codes(start, outputs, similarity, 1.0), outputs, similarity, 1.0) == pytest.approx(best, abs=1e-9)


# --- rehearsal ---


@pytest.mark.parametrize("size", [0, 25, 10_000])
def test_a_rehearsal_sample_is_small_and_true(stream, size):
    sample, seen = RehearsalSample(size, seed=0), {}
    for stage in stream:
        codes = np.random.default_rng(stage.index).choice(np.array([-1, 1], np.int8), size=(len(stage.database), 16))
        sample.add(stage.database, codes)
        seen |= {name: (codes[i], stage.database.image[i], stage.database.labels[i]) for i, name in enumerate(stage.database.ids)}
        assert len(sample.data) == len(sample.codes) == min(size, len(seen))
        assert len(set(sample.data.ids)) == len(sample.data)
        for name, *kept in zip(sample.data.ids, sample.codes, sample.data.image, sample.data.labels):
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
    steps = learner.training_steps
    learner.training_steps = lambda n, parameters: trained_on.append(n) or steps(n, parameters)
    for stage in stream:
        learner.observe(stage)
        assert len(learner.rehearsed.data) == len(learner.rehearsed.codes) == 0
    assert trained_on == [len(stage.database) for stage in stream]
    assert learner.past.count == len(learner.bank)


# --- evaluation ---


def test_R_is_filled_up_to_the_diagonal(trained):
    for _, record in trained.values():
        assert record.R.keys() == DIRECTIONS and len(record.seconds) == 3
        for R in record.R.values():
            assert R.shape == (3, 3)
            assert np.array_equal(np.isnan(R), np.triu(np.ones((3, 3), bool), 1))
            assert np.nanmin(R) >= 0 and np.nanmax(R) <= 1


def test_the_last_row_of_R_is_what_evaluate_says(trained, stream):
    learner, record = trained["dlch"]
    for direction, row in evaluate(learner, stream).items():
        assert np.array_equal(record.R[direction][-1], row)
    at_five = evaluate(learner, stream[:2], k=5)
    assert at_five.keys() == DIRECTIONS and all(len(row) == 2 for row in at_five.values())


def test_an_encoded_database_is_ranked_by_the_codes_of_the_other_modality(trained, stream):
    learner, query, database = trained["joint"][0], stream[0].query, stream[0].database
    scores = evaluate_encoded(learner, query, database)
    expected = mean_average_precision(learner.encode_image(query.image), learner.encode_text(database.text), query.labels, database.labels)
    assert scores.keys() == DIRECTIONS and scores["image_to_text"] == expected


def test_each_stage_is_announced_once_it_is_done(stream):
    said = []
    record = run_stream(small(FineTuning, epochs=1), stream, on_stage=lambda *news: said.append(news))
    assert said == [(i, 3, seconds) for i, seconds in enumerate(record.seconds)]


def test_a_summary_has_every_measure_for_both_directions(trained):
    summary = summarise({name: record for name, (_, record) in trained.items()})
    per_direction = {"map", "forgetting_from_best", "forgetting_from_first", "backward_transfer", "forgetting_from_joint"}
    expected = {f"{measure}_{direction}" for measure in per_direction for direction in DIRECTIONS} | {"train_seconds", "time_reduction"}
    assert summary.keys() == trained.keys()
    for name, measures in summary.items():
        assert measures.keys() == expected
        R = trained[name][1].R["text_to_image"]
        assert measures["map_text_to_image"] == pytest.approx(R[-1].mean())
        assert measures["backward_transfer_text_to_image"] == pytest.approx(((R[2, 0] - R[0, 0]) + (R[2, 1] - R[1, 1])) / 2)
    assert summary["joint"]["time_reduction"] == summary["joint"]["forgetting_from_joint_image_to_text"] == 0


def test_without_joint_retraining_or_with_one_stage_the_summary_says_less(trained, stream):
    alone = summarise({"dlch": trained["dlch"][1]})["dlch"]
    assert not any("joint" in name or "time" in name for name in alone)
    one_stage = summarise({"joint": run_stream(small(JointRetraining, epochs=1), stream[:1])})["joint"]
    assert one_stage.keys() == {"train_seconds", "map_image_to_text", "map_text_to_image"}


@pytest.mark.parametrize("learner", LEARNERS)
def test_items_with_several_labels_are_learned(learner, clustered_pairs):
    stages = class_incremental_stream(clustered_pairs(several_labels=True), classes_per_stage=[4, 2])
    record = run_stream(small(learner, epochs=1), stages)
    for R in record.R.values():
        assert np.isfinite(R[np.tril_indices(2)]).all()
