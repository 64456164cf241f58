"""Continual baselines and hashing references: each keeps the protocol, and its own term equals the plain formula."""

import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.codes import binarize
from dlchkit.data import Stage
from dlchkit.data.streams import class_incremental_stream
from dlchkit.evaluation import run_stream
from dlchkit.lifelong import (
    DCMH,
    DarkExperienceReplay,
    ElasticWeightConsolidation,
    ExperienceReplay,
    FineTuning,
    FrozenFirstStage,
    IterativeQuantization,
    JointRetraining,
    LearningWithoutForgetting,
    RandomHyperplanes,
    first_stage,
)
from dlchkit.lifelong.ewc import squared_gradients
from dlchkit.lifelong.itq import learn_rotation
from dlchkit.lifelong.rehearsal import RehearsalSample
from dlchkit.lifelong.tower_training import outputs
from dlchkit.losses import negative_log_likelihood

STEPWISE = (
    FineTuning,
    FrozenFirstStage,
    LearningWithoutForgetting,
    ElasticWeightConsolidation,
    ExperienceReplay,
    DarkExperienceReplay,
)
LINEAR = (RandomHyperplanes, IterativeQuantization)
ANEW = (JointRetraining, DCMH, *LINEAR)
TRAINED = (*STEPWISE, JointRetraining, DCMH)


def small(learner, **options):
    tower_options = {} if learner in LINEAR else {"epochs": 2, "hidden": 32, "learning_rate": 1e-2, "device": "cpu"}
    return learner(**{"n_bits": 16, **tower_options, **options})


def after(learner, stages):
    for stage in stages:
        learner.observe(stage)
    return learner


def weights(learner):
    return [weight.detach().clone() for weight in learner.towers.parameters()]


def all_codes(learner, query):
    return learner.bank.codes, learner.encode("image", query.image), learner.encode("text", query.text)


def close(value, expected):
    assert value.item() == pytest.approx(float(expected), rel=1e-4)


# --- the protocol ---


@pytest.mark.parametrize("method", STEPWISE + ANEW)
def test_every_item_is_stored_once_and_old_codes_stay_unless_all_is_learned_anew(method, stream):
    learner, digests = small(method), []
    for stage in stream:
        learner.observe(stage)
        kept = learner.bank.digests()[: len(digests)]
        assert kept != digests if method in ANEW and digests else kept == digests
        digests = learner.bank.digests()
    assert np.array_equal(learner.bank.ids, np.concatenate([stage.database.ids for stage in stream]))
    assert np.array_equal(learner.bank.labels, np.concatenate([stage.database.labels for stage in stream]))
    for codes in all_codes(learner, stream[0].query):
        assert codes.dtype == np.int8 and codes.shape[1] == 16 and set(np.unique(codes)) == {-1, 1}
    assert learner.single_stage == (method in (DCMH, *LINEAR))


@pytest.mark.parametrize("method", STEPWISE + ANEW)
def test_a_seed_fixes_every_bit_and_the_world_is_left_alone(method, stream, draws_nothing):
    before = deepcopy(stream)
    with draws_nothing():
        learners = [after(small(method, seed=seed), stream[:2]) for seed in (0, 0, 1)]
        codes = [all_codes(learner, stream[0].query) for learner in learners]
    for first, same, other in zip(*codes, strict=True):
        assert np.array_equal(first, same) and not np.array_equal(first, other)
    for stage, copy in zip(stream, before, strict=True):
        for name in ("image", "text", "labels", "ids"):
            assert np.array_equal(getattr(stage.database, name), getattr(copy.database, name))


@pytest.mark.parametrize("method", STEPWISE + ANEW)
def test_encoding_needs_a_stage_first(method, stream, refused):
    with refused(method.__name__, "observed no stage", "observe(stage)"):
        small(method).encode("image", stream[0].query.image)
    with refused(method.__name__, "observed no stage"):
        small(method).encode("text", stream[0].query.text)


@pytest.mark.parametrize("method", STEPWISE + ANEW)
def test_items_with_several_labels_are_learned(method, clustered_pairs):
    stages = class_incremental_stream(clustered_pairs(several_labels=True), classes_per_stage=[4, 2])
    for R in run_stream(small(method, **({} if method in LINEAR else {"epochs": 1})), stages).R.values():
        assert np.isfinite(R[np.tril_indices(2)]).all()


@pytest.mark.parametrize("method", TRAINED)
def test_items_held_out_for_validation_take_no_step_but_are_stored(method, stream):
    learner, trained_on = small(method, validation=0.2), []
    fit = learner.fit
    learner.fit = lambda rows, *others, **options: trained_on.append(rows) or fit(rows, *others, **options)
    learner.observe(stream[0])
    n = len(stream[0].database)
    assert 0 < len(trained_on[0]) < n == len(learner.bank)


@pytest.mark.parametrize(
    "method, option",
    [
        (LearningWithoutForgetting, "distillation"),
        (ElasticWeightConsolidation, "importance"),
        (DarkExperienceReplay, "alpha"),
        (DCMH, "gamma"),
        (DCMH, "eta"),
    ],
)
@pytest.mark.parametrize("weight", [-1, math.nan])
def test_a_weight_below_zero_is_refused(method, option, weight, refused):
    with refused(f"{option} is {weight}", "0 or more"):
        small(method, **{option: weight})


def test_sizes_that_make_no_sense_are_refused(refused):
    for method in (ExperienceReplay, DarkExperienceReplay):
        with refused("rehearsal is -1", "0 or more"):
            small(method, rehearsal=-1)
    for method in LINEAR:
        with refused("n_principal is 0", "1 or more"):
            small(method, n_principal=0)
        with refused("n_bits is 0", "at least 1"):
            method(0)


# --- what turns one method into another ---


@pytest.mark.parametrize(
    "method, off, plain",
    [
        (LearningWithoutForgetting, {"distillation": 0}, FineTuning),
        (ElasticWeightConsolidation, {"importance": 0}, FineTuning),
        (ExperienceReplay, {"rehearsal": 0}, FineTuning),
        (DarkExperienceReplay, {"alpha": 0}, ExperienceReplay),
    ],
)
def test_with_its_own_term_off_a_method_is_the_plainer_one_bit_for_bit(method, off, plain, stream):
    one, other, on = after(small(method, **off), stream), after(small(plain), stream), after(small(method), stream)
    assert one.bank.digests() == other.bank.digests()
    assert all(map(torch.equal, weights(one), weights(other)))
    assert not all(map(torch.equal, weights(on), weights(other)))


@pytest.mark.slow
def test_kept_items_protect_what_was_learned(stream):
    forgotten = {}
    for method in (FineTuning, ExperienceReplay, DarkExperienceReplay):
        record = run_stream(small(method, epochs=10, batch_size=32), stream)
        forgotten[method] = np.mean([R[0, 0] - R[-1, 0] for R in record.R.values()])
    assert max(forgotten[ExperienceReplay], forgotten[DarkExperienceReplay]) < forgotten[FineTuning] - 0.1


# --- frozen towers ---


def test_frozen_towers_never_change_and_store_what_they_see(stream):
    learner = after(small(FrozenFirstStage), stream[:1])
    before, data = weights(learner), stream[1].database
    after(learner, stream[1:])
    assert all(map(torch.equal, before, weights(learner)))
    with torch.no_grad():
        relaxed = learner.towers.image(torch.as_tensor(data.image)) + learner.towers.text(torch.as_tensor(data.text))
    assert np.array_equal(learner.bank.codes[learner.bank.stages == 1], binarize(relaxed.numpy()))


# --- terms of the continual baselines, against slow loops ---


def batch_of(learner, data, rows):
    """Outputs of the towers for some rows, in training mode, as lists of floats too."""
    inputs = first_stage.tower_inputs(learner, data)
    out = {name: u[rows] for name, u in outputs(learner.towers, inputs).items()}
    return out, {name: u.tolist() for name, u in out.items()}


def squared_distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def test_distillation_is_the_squared_distance_to_the_old_outputs(stream):
    learner = after(small(LearningWithoutForgetting, distillation=3.0), stream[:1])
    data, rows = stream[1].database, torch.tensor([4, 0, 7])
    _, old = batch_of(learner, data, rows)
    penalty = learner._hold_outputs(data)
    with torch.no_grad():
        for weight in learner.towers.parameters():
            weight += 0.1
    out, new = batch_of(learner, data, rows)
    moved = sum(squared_distance(new[side][i], old[side][i]) for side in ("image", "text") for i in range(3))
    close(penalty(rows, out), 3.0 * moved / (3 * 16))


def test_more_distillation_moves_the_outputs_less(stream):
    moved = []
    for distillation in (0.0, 100.0):
        learner = after(small(LearningWithoutForgetting, distillation=distillation, epochs=10), stream[:1])
        old, _ = batch_of(learner, stream[1].database, slice(None))
        learner.observe(stream[1])
        new, _ = batch_of(learner, stream[1].database, slice(None))
        moved.append((new["image"] - old["image"]).square().mean().item())
    assert moved[1] < moved[0] / 4


def test_squared_gradients_equal_one_backward_pass_per_item(stream):
    learner = after(small(ElasticWeightConsolidation), stream[:1])
    inputs = {name: x[:6] for name, x in first_stage.tower_inputs(learner, stream[0].database).items()}
    similarity, codes = inputs["label"] @ inputs["label"].T, torch.ones(6, 16)
    anchors = outputs(learner.towers, inputs)

    def loss(out, rows):
        return first_stage.stage_loss(out, anchors, codes[rows], similarity[rows])

    expected = {weight: torch.zeros_like(weight) for weight in learner.towers.parameters()}
    for i in range(6):
        learner.towers.zero_grad()
        loss({name: getattr(learner.towers, name)(x[i : i + 1]) for name, x in inputs.items()}, [i]).backward()
        for weight in expected:
            expected[weight] += weight.grad.square()
    squared = squared_gradients(learner.towers, inputs, lambda out: loss(out, range(6)))
    assert squared.keys() == expected.keys()
    for weight, summed in expected.items():
        torch.testing.assert_close(squared[weight], summed, rtol=1e-3, atol=1e-9)


def test_weights_are_held_by_how_much_the_past_needs_them(stream):
    learner = after(small(ElasticWeightConsolidation, importance=7.0), stream[:1])
    first = {weight: fisher.clone() for weight, fisher in learner.fisher.items()}
    assert set(first) == set(learner.towers.parameters()) and all(fisher.min() >= 0 for fisher in first.values())
    penalty, old = learner._hold_weights(), weights(learner)
    with torch.no_grad():
        for weight in learner.towers.parameters():
            weight += torch.linspace(-0.1, 0.2, weight.numel()).view_as(weight)
    expected = 0.0
    for weight, before in zip(learner.towers.parameters(), old, strict=True):
        flat = (values.flatten().tolist() for values in (first[weight], weight, before))
        for f, now, was in zip(*flat, strict=True):
            expected += 7.0 / 2 * f * (now - was) ** 2
    close(penalty(None, None), expected)
    learner.observe(stream[1])
    assert all((learner.fisher[weight] >= first[weight]).all() for weight in first)  # stages add up
    assert any((learner.fisher[weight] > first[weight]).any() for weight in first)


def test_more_importance_moves_the_weights_less(stream):
    moved = []
    for importance in (0.0, 1e3):
        learner = after(small(ElasticWeightConsolidation, importance=importance, epochs=10), stream[:1])
        first, old = {weight: fisher.clone() for weight, fisher in learner.fisher.items()}, weights(learner)
        learner.observe(stream[1])
        pairs = zip(learner.towers.parameters(), old, strict=True)
        moved.append(sum((first[weight] * (weight - before).square()).sum().item() for weight, before in pairs))
    assert moved[1] < moved[0] / 2


def test_kept_items_are_pulled_to_their_stored_codes(stream, monkeypatch):
    learner = after(small(ExperienceReplay, rehearsal=30), stream[:1])
    data, codes_seen, rows_seen, plain = stream[1].database, [], [], first_stage.stage_loss

    def seen_loss(out, anchors, codes, similarity):
        codes_seen.append(codes)
        return plain(out, anchors, codes, similarity)

    monkeypatch.setattr(first_stage, "stage_loss", seen_loss)
    kept = deepcopy(learner.rehearsed)
    first_stage.train_together(learner, data, rehearsed=kept, penalty=lambda rows, out: rows_seen.append(rows) or 0)
    rows, codes = torch.cat(rows_seen).numpy(), torch.cat(codes_seen).numpy()
    old = rows >= len(data)
    assert np.array_equal(np.unique(rows), np.arange(len(data) + 30))  # everything is trained on
    assert np.array_equal(codes[old], kept.codes[rows[old] - len(data)])
    stored = dict(zip(learner.bank.ids, learner.bank.codes, strict=True))
    assert all(np.array_equal(stored[name], code) for name, code in zip(kept.data.ids, kept.codes, strict=True))


def test_kept_items_are_held_at_the_outputs_they_had(stream):
    learner = after(small(DarkExperienceReplay, rehearsal=5, alpha=2.0), stream[:1])
    kept, data = learner.rehearsed, stream[1].database
    n_new, rows = len(data), torch.tensor([0, len(data) + 3, 2, len(data)])
    _, old = batch_of(learner, kept.data, [3, 0])
    penalty = learner._hold_outputs(n_new)
    with torch.no_grad():
        for weight in learner.towers.parameters():
            weight += 0.1
    out, _ = batch_of(learner, kept.after(data), rows)
    new = {name: u[[1, 3]].tolist() for name, u in out.items()}
    moved = sum(squared_distance(new[name][i], old[name][i]) for name in ("image", "text", "label") for i in range(2))
    expected = 2.0 * moved / (4 * 16)
    close(penalty(rows, out), expected)
    assert penalty(rows[[0, 2]], {name: u[[0, 2]] for name, u in out.items()}) == 0  # no kept item in the batch


def test_a_rehearsal_sample_keeps_further_arrays_with_their_items(stream):
    sample = RehearsalSample(25, seed=0)
    for stage in stream:
        data = stage.database
        sample.add(data, np.ones((len(data), 16), np.int8), image=data.image * 2, order=np.arange(len(data)))
    assert len(sample.extra["order"]) == 25 and np.array_equal(sample.extra["image"], sample.data.image * 2)


# --- hashing references ---


def test_the_likelihood_of_pairs_equals_the_loop_in_value_and_gradient():
    draw = torch.Generator().manual_seed(0)
    codes, anchors = (torch.randn(n, 5, generator=draw, dtype=torch.float64) for n in (3, 4))
    similar = (torch.rand(3, 4, generator=draw) < 0.5).double()
    f, g, s = codes.tolist(), anchors.tolist(), similar.tolist()
    value, gradient = 0.0, np.zeros((3, 5))
    for i in range(3):
        for j in range(4):
            theta = sum(x * y for x, y in zip(f[i], g[j], strict=True)) / 2
            value -= (s[i][j] * theta - math.log(1 + math.exp(theta))) / 12
            gradient[i] += (1 / (1 + math.exp(-theta)) - s[i][j]) * np.array(g[j]) / 2 / 12
    loss = negative_log_likelihood(codes.requires_grad_(), anchors, similar)
    loss.backward()
    assert loss.item() == pytest.approx(value, rel=1e-12)
    assert codes.grad.numpy() == pytest.approx(gradient, rel=1e-9)


def test_the_likelihood_is_finite_for_any_code_length():
    codes = torch.full((1, 4096), 1.0)
    assert negative_log_likelihood(codes, codes, torch.zeros(1, 1)) == 2048
    assert negative_log_likelihood(codes, codes, torch.ones(1, 1)) == 0


def test_quantization_and_balance_of_dcmh_are_the_papers_over_n_squared():
    learner = small(DCMH, gamma=2.0, eta=3.0)
    draw = torch.Generator().manual_seed(0)
    u = torch.rand(7, 16, generator=draw)
    codes = torch.where(torch.rand(7, 16, generator=draw) < 0.5, -1.0, 1.0)
    quantization = sum(map(squared_distance, codes.tolist(), u.tolist()))
    balance = sum(sum(column) ** 2 for column in u.T.tolist())
    close(learner._code_terms(u, codes, 7), (2.0 * quantization + 3.0 * balance) / 7**2)  # the batch is all there is


def lost(points, rotation):
    turned = points @ rotation
    return np.square(np.where(turned >= 0, 1.0, -1.0) - turned).sum()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 7), st.integers(0, 10**6))
def test_a_rotation_is_orthogonal_and_never_loses_more(n, n_bits, n_empty, seed):
    random = np.random.default_rng(seed)
    points = random.normal(size=(n, n_bits)) * (np.arange(n_bits) < n_bits - n_empty)  # fewer dimensions than bits
    rotation = np.linalg.qr(random.normal(size=(n_bits, n_bits)))[0]
    for _ in range(5):
        turned = learn_rotation(points, rotation, iterations=1)
        assert turned.T @ turned == pytest.approx(np.eye(n_bits), abs=1e-9)
        assert lost(points, turned) <= lost(points, rotation) + 1e-9
        rotation = turned


def test_a_square_is_turned_until_nothing_is_lost():
    eighth = math.sqrt(0.5) * np.array([[1, 1], [-1, 1]])
    points = np.array([[1.0, 1], [-1, 1], [1, -1], [-1, -1]]) @ eighth
    rotation = learn_rotation(points, np.array([[0.96, 0.28], [-0.28, 0.96]]), iterations=10)
    assert lost(points, rotation) == pytest.approx(0, abs=1e-9)


def test_bits_of_random_hyperplanes_differ_with_the_angle():
    a, b = np.array([[1.0, 0.0]]), np.array([[math.cos(1.0), math.sin(1.0)]])
    hyperplanes = small(RandomHyperplanes, n_bits=8000).find_hyperplanes(a, np.random.default_rng(0))
    differ = np.mean(binarize(a @ hyperplanes) != binarize(b @ hyperplanes))
    assert differ == pytest.approx(1 / math.pi, abs=0.03)  # five standard deviations


@pytest.mark.parametrize("method", LINEAR)
@pytest.mark.parametrize("n_bits", [8, 16, 128])
def test_linear_hashing_works_for_fewer_and_for_more_bits_than_features(method, n_bits, stream):
    record = run_stream(small(method, n_bits=n_bits), stream)  # 12 image and 10 text features
    assert all(np.nanmin(R[-1]) > 0.6 for R in record.R.values())  # chance is about 0.2


@pytest.mark.parametrize("method", LINEAR)
def test_what_came_before_does_not_matter_where_everything_is_learned_anew(method, stream):
    stepwise, last = after(small(method), stream), stream[-1]
    everything = stream[0].database.concatenate(*(stage.database for stage in stream[1:]))
    once = after(small(method), [Stage(0, last.seen_classes, last.seen_classes, everything, last.query)])
    assert np.array_equal(stepwise.bank.codes, once.bank.codes)
    assert np.array_equal(stepwise.encode("image", last.query.image), once.encode("image", last.query.image))


@pytest.mark.slow
def test_dcmh_learns_both_directions(stream):
    record = run_stream(small(DCMH, epochs=15, batch_size=16, learning_rate=3e-3), stream)
    assert all(np.nanmin(R[-1]) > 0.6 for R in record.R.values())  # chance is about 0.2
