"""Exact lifelong hashing: sums over any increments and shards give the functions of one fit on everything."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from dlchkit.data.streams import class_incremental_stream
from dlchkit.evaluation import run_stream
from dlchkit.lifelong.exact import (
    ExactHashing,
    ExactLearner,
    LabelCodes,
    ModalitySums,
    SeenItems,
    code_objective,
    left_out_error,
)
from dlchkit.lifelong.exact.ridge_choice import penalty
from dlchkit.lifelong.exact.seen_items import keys_of
from dlchkit.metrics import forgetting_from_joint, mean_average_precision

SIDES, WIDTHS = ("image", "text"), {"image": 5, "text": 3}
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20, deadline=None)


def items(random, n, n_classes, *, several=True, unlabelled=0.1):
    """Image features, text features and labels of n items, drawn at random."""
    labels = np.eye(n_classes, dtype=bool)[random.integers(0, n_classes, n)]
    if several:
        labels |= random.random(labels.shape) < 0.15
    labels[random.random(n) < unlabelled] = False
    return random.normal(size=(n, 5)), random.normal(size=(n, 3)), labels


def stages_of(random, n_stages, *, several):
    """Stages of random sizes, at least one label in the first; labels grow wider, old classes come back."""
    width, stages = int(random.integers(2, 6)), []
    for _ in range(n_stages):
        stages.append(items(random, int(random.integers(1, 30)), width, several=several))
        width += int(random.integers(0, 5))
    stages[0][2][0, 0] = True
    return stages


def together(stages):
    width = max(labels.shape[1] for *_, labels in stages)
    labels = [np.pad(labels, ((0, 0), (0, width - labels.shape[1]))) for *_, labels in stages]
    return *(np.concatenate([stage[side] for stage in stages]) for side in (0, 1)), np.concatenate(labels)


def joint_ridge(hashing, image, text, labels):
    """W of each side, from the formulas and all items at once."""
    labelled = labels.any(1)
    labels = labels[labelled]
    of_class = np.array([max(1, count) ** -hashing.class_balance for count in labels.sum(0)])
    weights = np.array([np.mean([of_class[c] for c in np.flatnonzero(row)]) for row in labels])
    targets = (weights / weights.mean())[:, None] * hashing.codes_of(labels)
    found = {}
    for side, x in zip(SIDES, (image, text), strict=True):
        choice, phi = hashing.choices[side], slow_phi(hashing.features[side], x[labelled])
        penalties = [choice.ridge] * (1 + x.shape[1]) + [choice.ridge / choice.scale**2] * choice.units
        found[side] = np.linalg.solve(phi.T @ phi + np.diag(penalties), phi.T @ targets)
    return found


def slow_phi(features, x):
    centred = x - features.mean.numpy().astype(np.float64)
    z = np.sqrt(x.shape[1]) * centred / np.linalg.norm(centred, axis=1, keepdims=True)
    return np.hstack([np.ones((len(x), 1)), z, np.maximum(z @ features.layer.numpy().astype(np.float64), 0)])


def relative_error(found, wanted):
    errors = []
    for side in SIDES:
        distance = np.linalg.norm(np.asarray(found[side]) - wanted[side])
        errors.append(float(distance / max(np.linalg.norm(wanted[side]), 1e-12)))
    return max(errors)


def learner_for(seed, units=7, n_bits=8, **options):
    settings = {"units": units, "ridge": 0.5, "dtype": "float64", "device": "cpu", "seed": seed % 1000}
    return ExactHashing(n_bits, **settings | options)


# --- one fit on everything ---


@few
@given(
    seed=seeds,
    n_stages=st.integers(1, 5),
    several=st.booleans(),
    units=st.sampled_from([0, 7]),
    balance=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_any_stages_give_joint_ridge_on_all_items(seed, n_stages, several, units, balance):
    stages = stages_of(np.random.default_rng(seed), n_stages, several=several)
    hashing = learner_for(seed, units, class_balance=balance)
    for number, stage in enumerate(stages):
        before = hashing.codes.codes.copy()
        hashing.partial_fit(*stage)
        assert np.array_equal(hashing.codes.codes[: len(before)], before)
        assert relative_error(hashing.weights, joint_ridge(hashing, *together(stages[: number + 1]))) < 1e-9
    everything = together(stages)
    assert hashing.n_items == everything[2].any(1).sum()
    for side, x in zip(SIDES, everything[:2], strict=True):
        wanted = slow_phi(hashing.features[side], x) @ joint_ridge(hashing, *everything)[side]
        assert np.allclose(hashing.relaxed(side, x), wanted, rtol=1e-9, atol=1e-9)


def test_a_chosen_ridge_stays_and_later_stages_equal_joint_ridge():
    stages = [items(np.random.default_rng(k), 60, 3 + k) for k in range(4)]
    hashing = ExactHashing(16, units=6, dtype="float64", device="cpu").partial_fit(*stages[0])
    chosen = dict(hashing.choices)
    for stage in stages[1:]:
        hashing.partial_fit(*stage)
    assert hashing.choices == chosen
    assert relative_error(hashing.weights, joint_ridge(hashing, *together(stages))) < 1e-9


def test_float32_stays_within_a_looser_bound_of_joint_ridge():
    stages = [items(np.random.default_rng(k), 100, 3 + k) for k in range(4)]
    hashing = learner_for(1, 20, dtype="float32", ridge=1.0)
    for stage in stages:
        hashing.partial_fit(*stage)
    assert all(weights.dtype == torch.float32 for weights in hashing.weights.values())
    assert relative_error(hashing.weights, joint_ridge(hashing, *together(stages))) < 1e-4


# --- any order, any shards ---


@few
@given(seed=seeds, n_shards=st.integers(1, 4))
def test_shards_merged_in_any_order_and_grouping_equal_one_learner(seed, n_shards):
    random = np.random.default_rng(seed)
    image, text, labels = items(random, 60, 7)
    labels[0] = np.arange(7) == 0
    firsts = np.unique(labels, axis=0, return_index=True)[1]
    rest = np.setdiff1d(np.arange(60), firsts)
    whole = learner_for(seed).partial_fit(image[firsts], text[firsts], labels[firsts])
    parted = learner_for(seed).partial_fit(image[firsts], text[firsts], labels[firsts])
    owner = random.integers(0, n_shards, len(rest))
    shards = [parted.shard() for _ in range(n_shards)]
    for k, shard in enumerate(shards):
        for rows in np.array_split(rest[owner == k], 2):
            if len(rows):
                shard.add(image[rows], text[rows], labels[rows])
    shards = [shards[k] for k in random.permutation(n_shards)]
    cut = int(random.integers(0, n_shards))
    gathered = shards[0].merge(*shards[1 : cut + 1])  # shards among themselves, as a tree would
    parted.merge(*shards[cut + 1 :]).merge(gathered)
    for rows in np.array_split(random.permutation(rest), 3):
        if len(rows):
            whole.partial_fit(image[rows], text[rows], labels[rows])
    assert np.array_equal(whole.codes_of(labels[labels.any(1)]), parted.codes_of(labels[labels.any(1)]))
    assert relative_error(parted.weights, {side: weights.numpy() for side, weights in whole.weights.items()}) < 1e-9


@few
@given(seed=seeds)
def test_shards_bring_new_label_vectors_and_keep_old_codes(seed):
    random = np.random.default_rng(seed)
    parts = [items(random, 20, width) for width in (3, 5, 8)]
    hashing = learner_for(seed).partial_fit(*parts[0])
    before = hashing.codes.codes.copy()
    hashing.merge(*(hashing.shard().add(*part) for part in parts[1:]))
    assert np.array_equal(hashing.codes.codes[: len(before)], before)
    assert relative_error(hashing.weights, joint_ridge(hashing, *together(parts))) < 1e-9


def test_new_label_vectors_of_shards_get_the_same_codes_in_any_order():
    for seed in range(20):
        random = np.random.default_rng(seed)
        first, *parts = [items(random, 20, 6) for _ in range(4)]
        hashing = learner_for(seed, 0, margin=0.0).partial_fit(*first)
        orders = parts, [parts[2], parts[0], parts[1]]
        merged = [hashing.shard().merge(*(hashing.shard().add(*part) for part in order)) for order in orders]
        labels = np.concatenate([labels[labels.any(1)] for *_, labels in parts])
        assert np.array_equal(*(one.codes_of(labels) for one in merged))


def test_a_shard_that_knows_more_codes_but_holds_no_items_can_be_merged():
    random = np.random.default_rng(0)
    first, second = items(random, 20, 3), items(random, 20, 6)
    behind = learner_for(0).partial_fit(*first)
    ahead = learner_for(0).partial_fit(*first).partial_fit(*second)
    behind.merge(ahead.shard())
    assert np.array_equal(behind.codes.codes, ahead.codes.codes) and behind.n_items == first[2].any(1).sum()
    assert relative_error(behind.weights, joint_ridge(behind, *first)) < 1e-9


def test_merge_refuses_strangers_and_colliding_codes_and_changes_nothing(refused):
    random = np.random.default_rng(0)
    first = items(random, 40, 3)
    hashing = learner_for(0).partial_fit(*first)
    collided = [hashing.shard().partial_fit(*items(random, 20, 6)) for _ in range(2)]
    others = {
        "features or code lengths differ": [learner_for(1).partial_fit(*first)],
        "code lengths differ": [learner_for(0, n_bits=16).partial_fit(*first)],
        "only shards of one ancestor": [learner_for(0)],
        "codes were given out in two places": collided,
    }
    state = [
        hashing.codes.codes.copy(),
        hashing.codes.counts.copy(),
        *(hashing.sums[side].gram.clone() for side in SIDES),
    ]
    for words, group in others.items():
        with refused(words):
            hashing.merge(*group)
        now = [hashing.codes.codes, hashing.codes.counts, *(hashing.sums[side].gram for side in SIDES)]
        assert all(np.array_equal(a, b) for a, b in zip(state, now, strict=True))
    with refused("call partial_fit on a first part"):
        learner_for(0).merge(hashing)
    with refused("call partial_fit on a first part"):
        learner_for(0).shard()


# --- the ridge, by closed form ---


def plain_case(seed=0, n=40, width=6):
    random = np.random.default_rng(seed)
    phi, rows = torch.as_tensor(random.normal(size=(n, width))), torch.as_tensor(random.integers(0, 4, n))
    targets = torch.as_tensor(random.choice([-1.0, 1.0], (4, 8)))
    sums = ModalitySums.empty(4, width, torch.device("cpu"))
    sums.add(phi, rows)
    return sums, phi, rows, targets


@pytest.mark.parametrize("n_held", [1, 7, 39])
def test_left_out_error_is_that_of_a_fit_without_the_block(n_held):
    sums, phi, rows, targets = plain_case()
    diagonal = penalty(0.7, 0.5, 3, 3)
    found = left_out_error(sums, sums.factor(diagonal, torch.float64), phi[:n_held], targets[rows[:n_held]], targets)
    x, y = phi.numpy(), targets[rows].numpy()
    kept = x[n_held:]
    W = np.linalg.solve(kept.T @ kept + np.diag(diagonal.numpy()), kept.T @ y[n_held:])
    assert found == pytest.approx(np.mean((y[:n_held] - x[:n_held] @ W) ** 2), rel=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_the_chosen_ridge_is_the_best_of_those_tried(seed):
    hashing = ExactHashing(8, units=10, seed=seed, device="cpu").partial_fit(*items(np.random.default_rng(seed), 80, 4))
    for side, choice in hashing.choices.items():
        best = min(choice.tried, key=lambda one: one[3])
        assert (choice.ridge, choice.scale, choice.units, choice.error) == best
        assert len({one[:3] for one in choice.tried}) == len(choice.tried) >= 9
        assert hashing.features[side].layer.shape[1] == choice.units


def test_a_ridge_too_small_for_these_features_is_refused(refused):
    image, text, labels = items(np.random.default_rng(0), 3, 2, unlabelled=0)
    with refused("ridge", "too small", "larger"):
        ExactHashing(8, units=300, ridge=1e-12, device="cpu").partial_fit(image, text, labels)


# --- codes ---


def random_vectors(random, n, n_classes):
    vectors = np.unique(random.random((n, n_classes)) < 0.25, axis=0)
    return vectors[vectors.any(1)]


@settings(max_examples=8, deadline=None)
@given(seed=seeds, margin=st.sampled_from([0.0, 0.05, 0.5]), n_bits=st.sampled_from([8, 32]))
def test_the_objective_is_never_worse_than_its_start_and_anew_never_worse_than_before(seed, margin, n_bits):
    random = np.random.default_rng(seed)
    codes = LabelCodes(n_bits, 9, margin=margin, seed=seed % 100)
    for _ in range(3):
        vectors = random_vectors(random, 8, 9)
        codes.add(vectors, random.integers(1, 20, len(vectors)))
        new = ~codes.coded
        given_out = codes.codes[~new].copy()
        codes.learn()
        assert np.array_equal(codes.codes[~new], given_out) and (np.abs(codes.codes) == 1).all()
        if new.any():
            learned, unit = codes.codes.copy(), codes.vectors / np.sqrt(codes.vectors.sum(1, keepdims=True))
            reached = code_objective(codes)
            codes.codes[new] = np.where(unit[new] @ codes.starts >= 0, 1, -1)
            assert reached <= code_objective(codes) + 1e-12
            codes.codes = learned
    if len(codes):
        before = code_objective(codes)
        codes.learn_anew()
        assert code_objective(codes) <= before + 1e-12 and (np.abs(codes.codes) == 1).all()


def test_the_objective_of_two_items_by_hand():
    codes = LabelCodes(8, 2, margin=0.5, seed=0)
    codes.add(np.eye(2, dtype=bool), np.array([1, 3]))
    codes.codes = np.array([[1] * 8, [1] * 4 + [-1] * 4], dtype=np.int8)
    assert code_objective(codes) == pytest.approx(2 * 1 * 3 * (-0.5 - 0) ** 2 / 16)


@pytest.mark.parametrize(("n_bits", "n_classes"), [(64, 4), (64, 26), (64, 64), (32, 32)])
@pytest.mark.parametrize("n_stages", [1, 4])
def test_single_labels_up_to_as_many_as_bits_stay_nearly_orthogonal(n_bits, n_classes, n_stages):
    codes = LabelCodes(n_bits, n_classes, margin=0.05, seed=0)
    for part in np.array_split(np.eye(n_classes, dtype=bool), n_stages):
        codes.add(part, np.full(len(part), 10))
        codes.learn()
    products = (codes.codes.astype(int) @ codes.codes.T)[~np.eye(n_classes, dtype=bool)] / n_bits
    assert np.abs(products).max() <= 1 / 8 and -0.05 <= products.mean() <= 0


@pytest.mark.parametrize("n_stages", [1, 4])
def test_more_classes_than_bits_still_have_codes_of_their_own(n_stages):
    codes = LabelCodes(16, 40, margin=0.05, seed=0)
    for part in np.array_split(np.eye(40, dtype=bool), n_stages):
        codes.add(part, np.full(len(part), 10))
        codes.learn()
    assert len(np.unique(codes.codes, axis=0)) == 40


def test_an_unseen_combination_stands_nearer_to_its_own_classes():
    random = np.random.default_rng(0)
    codes = LabelCodes(64, 12, margin=0.05, seed=0)
    codes.add(np.eye(12, dtype=bool), random.integers(1, 50, 12))
    codes.learn()
    combinations = np.zeros((20, 12), dtype=bool)
    pairs = [(i, j) for i in range(12) for j in range(i)]
    for row, pair in zip(combinations, random.permutation(pairs), strict=False):
        row[pair] = True
    codes.add(combinations, np.full(20, 5))
    codes.learn()
    products = codes.codes[12:].astype(int) @ codes.codes[:12].T / 64
    assert products[combinations].mean() > 0.4 and abs(products[~combinations].mean()) < 0.1


@pytest.mark.parametrize("seed", [0, 29])  # with 29, descent in the order of arrival gives other codes
def test_codes_do_not_depend_on_the_order_in_which_label_vectors_arrived(seed):
    random = np.random.default_rng(seed)
    vectors = np.unique(random.random((12, 6)) < 0.35, axis=0)
    vectors = vectors[vectors.any(1)]
    counts, found = random.integers(1, 4, len(vectors)), []
    for order in (np.arange(len(vectors)), random.permutation(len(vectors))):
        codes = LabelCodes(16, 6, margin=0.0, seed=seed)
        codes.add(vectors[order], counts[order])
        codes.learn()
        found.append(codes.codes[codes.rows_of(vectors)])
    assert np.array_equal(*found)


def test_a_label_vector_seen_again_keeps_its_code_and_its_row():
    image, text, labels = items(np.random.default_rng(0), 60, 5)
    hashing = learner_for(0).partial_fit(image, text, labels)
    before, rows = hashing.codes_of(labels[labels.any(1)]), len(hashing.codes)
    hashing.partial_fit(image, text, np.pad(labels, ((0, 0), (0, 2))))
    assert np.array_equal(hashing.codes_of(labels[labels.any(1)]), before) and len(hashing.codes) == rows


def test_the_state_depends_on_label_vectors_and_not_on_items():
    image, text, labels = items(np.random.default_rng(0), 50, 5)
    hashing = learner_for(0).partial_fit(image, text, labels)
    size = hashing.state_bytes
    for _ in range(3):
        hashing.partial_fit(*(np.tile(part, (10, 1)) for part in (image, text, labels)))
    assert hashing.state_bytes == size and hashing.n_items == 31 * labels.any(1).sum()


# --- recode ---


@few
@given(seed=seeds)
def test_recode_refits_to_the_new_codes_without_data(seed):
    stages = stages_of(np.random.default_rng(seed), 4, several=True)
    hashing = learner_for(seed)
    for stage in stages:
        hashing.partial_fit(*stage)
    before, (image, text, labels) = hashing.codes.codes.copy(), together(stages)
    report = hashing.recode()
    assert relative_error(hashing.weights, joint_ridge(hashing, image, text, labels)) < 1e-9
    changed = before != hashing.codes.codes
    moved = changed[hashing.codes.rows_of(hashing._wide(labels[labels.any(1)]))]
    assert report.n_label_vectors == len(before)
    assert report.n_changed == changed.any(1).sum()
    assert report.items_changed == moved.any(1).sum()
    assert report.bits_changed == changed.mean() and report.objective_after <= report.objective_before + 1e-12


# --- classes by name ---


def test_columns_are_those_of_the_names_in_any_order_and_number():
    random = np.random.default_rng(0)
    image, text, labels = items(random, 60, 4, unlabelled=0)
    straight = learner_for(0).partial_fit(image, text, labels, class_names="abcd")
    named = learner_for(0).partial_fit(image[:30], text[:30], labels[:30], class_names="abcd")
    named.partial_fit(image[30:], text[30:], labels[30:, [2, 0, 3, 1]], class_names="cadb")
    assert named.class_names == tuple("abcd")
    assert np.array_equal(named.codes.counts @ named.codes.vectors, straight.codes.counts @ straight.codes.vectors)
    named.partial_fit(image, text, labels[:, :3], class_names=["x", "d", "y"])
    assert named.class_names == (*"abcd", "x", "y") and named.codes.vectors.shape[1] == 6
    found = named.shard().add(image, text, labels[:, :2], class_names=["z", "a"]).summed()
    assert found.class_names == (*"abcd", "x", "y", "z") and found.vectors[:, [0, 6]].any(1).all()
    assert named.shard().add_sums(found).class_names == found.class_names


def test_class_names_that_do_not_fit_are_refused_and_change_nothing(refused):
    image, text, labels = items(np.random.default_rng(0), 30, 3, unlabelled=0)
    named, unnamed = (learner_for(0).partial_fit(image, text, labels, class_names=names) for names in ("abc", None))
    for words, names, wide in (
        ("2 class names (2 different) for 3 columns", "ab", labels),
        ("3 class names (2 different) for 3 columns", "aba", labels),
        ("labels have 4 columns without names, 3 classes are known: a, b, c", None, np.pad(labels, ((0, 0), (0, 1)))),
    ):
        with refused(words):
            named.partial_fit(image, text, wide, class_names=names)
    with refused("these classes are a, b, c, those learned before have no names", "learn all anew"):
        unnamed.partial_fit(image, text, labels, class_names="abc")
    assert named.class_names == tuple("abc") and unnamed.class_names is None and named.n_items == unnamed.n_items == 30
    assert named.partial_fit(image, text, labels[:, :2]).class_names == tuple("abc")  # the first two, as they stand


def test_learners_of_other_columns_or_the_same_items_are_not_merged(refused):
    image, text, labels = items(np.random.default_rng(0), 30, 3, unlabelled=0)
    hashing = learner_for(0).partial_fit(image, text, labels, class_names="abc")
    one, other = (hashing.shard().add(image, text, labels, class_names=names) for names in ("abx", "aby"))
    with refused("different classes in one column", "add_sums"):
        hashing.merge(one, other)
    twice = hashing.shard().add(image, text, labels)
    one.seen = twice.seen = SeenItems(keys_of(["item"]))
    with refused("learned the same items", "twice"):
        hashing.merge(one, twice)
    assert hashing.n_items == 30
    assert hashing.merge(one).class_names == (*"abc", "x") and len(hashing.seen.ids) == 1


# --- under the protocol of all methods ---


@pytest.fixture(scope="module")
def stream(clustered_pairs):
    return class_incremental_stream(clustered_pairs(360, several_labels=True), classes_per_stage=[2, 2, 2])


def exact(**options):
    return ExactLearner(16, **{"units": 20, "dtype": "float64", "device": "cpu", **options})


def at_once(learner, stages):
    """A learner with the same codes, ridge and features that gets every item in one call."""
    other = exact()
    other.hashing = learner.hashing.shard()
    everything = stages[0].database.concatenate(*(stage.database for stage in stages[1:]))
    other.hashing.partial_fit(everything.image, everything.text, everything.labels)
    other.bank = learner.bank
    return other


def scores_of(learner, query, database, labels):
    sides = {"image_to_text": learner.encode("image", query.image), "text_to_image": learner.encode("text", query.text)}
    return {name: mean_average_precision(codes, database, query.labels, labels) for name, codes in sides.items()}


def test_nothing_is_forgotten_against_joint(stream):
    learner = exact()
    record = run_stream(learner, stream)
    assert record.old_codes_unchanged == [True, True, True]
    joint = {direction: np.full((3, 3), np.nan) for direction in record.R}
    for stage in stream:
        seen = stream[: stage.index + 1]
        replayed = exact()
        for earlier in seen:
            replayed.observe(earlier)
        other = at_once(replayed, seen)
        for asked in seen:
            for direction, score in scores_of(other, asked.query, replayed.bank.codes, replayed.bank.labels).items():
                joint[direction][stage.index, asked.index] = score
    for direction, R in record.R.items():
        assert np.allclose(R, joint[direction], atol=1e-12, equal_nan=True)
        assert forgetting_from_joint(R, joint[direction]) == pytest.approx(0, abs=1e-12)


def test_the_ordinary_drop_is_the_larger_database(clustered_pairs):
    pairs, random = clustered_pairs(600), np.random.default_rng(0)
    noisy = {}
    for side in SIDES:
        clean = getattr(pairs, side)
        noisy[side] = clean + 1.5 * random.normal(size=clean.shape).astype(np.float32)
    stream = class_incremental_stream(replace(pairs, **noisy), classes_per_stage=[2, 2, 2])
    learner, first = exact(), stream[0]
    learner.observe(first)
    then = scores_of(learner, first.query, learner.bank.codes, learner.bank.labels)
    for stage in stream[1:]:
        learner.observe(stage)
    of_first = learner.bank.stages == 0
    alone = scores_of(learner, first.query, learner.bank.codes[of_first], learner.bank.labels[of_first])
    larger = scores_of(learner, first.query, learner.bank.codes, learner.bank.labels)
    for direction in then:
        drop = then[direction] - larger[direction]
        assert drop > 0.05 and abs(then[direction] - alone[direction]) < drop / 3


def test_stages_of_other_classes_are_refused(stream, refused):
    learner = exact()
    learner.observe(stream[0])
    assert learner.hashing.class_names == tuple("abcdef")
    renamed = replace(stream[1].database, class_names=tuple("bacdef"))
    with refused("stage 1 names other classes"):
        learner.observe(replace(stream[1], database=renamed))
    learner.observe(stream[1])


def test_recoding_a_learner_stores_every_item_under_its_new_code(stream):
    learner = exact()
    for stage in stream:
        learner.observe(stage)
    labels, ids, stages = learner.bank.labels, learner.bank.ids, learner.bank.stages
    report = learner.recode()
    assert report.n_changed > 0
    for before, now in ((labels, learner.bank.labels), (ids, learner.bank.ids), (stages, learner.bank.stages)):
        assert np.array_equal(before, now)
    assert np.array_equal(learner.bank.codes, learner.hashing.codes_of(labels))


# --- the face of an estimator, and bad input ---


def test_scikit_learn_can_clone_it():
    hashing = learner_for(3, n_bits=16, margin=0.2, class_balance=0.1)
    hashing.partial_fit(*items(np.random.default_rng(0), 30, 3))
    other = clone(hashing)
    assert other.get_params() == hashing.get_params() == ExactHashing(**hashing.get_params()).get_params()
    assert other.n_items == 0 and clone(ExactHashing(16)).get_params()["device"] == "auto"


def test_inputs_and_global_random_numbers_are_left_alone(draws_nothing):
    given_in = items(np.random.default_rng(0), 40, 4)
    copies = [part.copy() for part in given_in]
    with draws_nothing():
        ExactHashing(8, units=5, device="cpu").partial_fit(*given_in).recode()
    assert all(np.array_equal(a, b) for a, b in zip(given_in, copies, strict=True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"units": -1}, "units is -1"),
        ({"ridge": 0.0}, "ridge is 0.0"),
        ({"ridge": float("nan")}, "ridge is nan"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"margin": 1.5}, "margin is 1.5"),
        ({"margin": -0.1}, "margin is -0.1"),
        ({"class_balance": 2}, "class_balance is 2"),
        ({"n_bits": 0}, "n_bits is 0"),
        ({"device": "nowhere"}, "device is 'nowhere'"),
    ],
)
def test_settings_out_of_range_are_refused(options, words, refused):
    with refused(words):
        ExactHashing(**options)


def test_bad_items_are_refused_and_nothing_is_learned(refused):
    image, text, labels = items(np.random.default_rng(0), 30, 4, unlabelled=0)
    broken = image.copy()
    broken[7, 2] = np.nan
    hashing = learner_for(0).partial_fit(image, text, labels)
    size, counts, weights = hashing.state_bytes, hashing.codes.counts.copy(), hashing.weights["image"].clone()
    cases = {
        "image features of row 7 are not finite": (broken, text, labels),
        "text features of row 7 are not finite": (image, np.where(np.isfinite(broken[:, :3]), text, np.nan), labels),
        "must be rows of the same items": (image[:-1], text, labels),
        "rows of the same items": (image[:, 0], text, labels),
        "one at least": (image[:0], text[:0], labels[:0]),
        "labels are 0 or 1": (image, text, labels * 2),
        "these functions were made for (n, 5)": (image[:, :4], text, labels),
        "made for (n, 3)": (image, image, labels),
    }
    for words, (bad_image, bad_text, bad_labels) in cases.items():
        with refused(words):
            hashing.partial_fit(bad_image, bad_text, bad_labels)
        with refused(words):
            hashing.shard().add(bad_image, bad_text, bad_labels)
    assert hashing.state_bytes == size
    assert np.array_equal(hashing.codes.counts, counts)
    assert torch.equal(hashing.weights["image"], weights)
    with refused("NaN"):
        hashing.encode_image(broken)
    with refused("made for (n, 5)"):
        hashing.encode_image(image[:, :2])


def test_what_was_never_learned_is_refused(refused):
    image, text, labels = items(np.random.default_rng(0), 30, 4, several=False, unlabelled=0)
    with refused("call partial_fit first"):
        ExactHashing(8).encode_image(image)
    with refused("call partial_fit first"):
        ExactHashing(8).recode()
    hashing = learner_for(0).partial_fit(image, text, labels)
    with refused("row 1 were never learned together"):
        hashing.codes_of(np.array([[1, 0, 0, 0], [1, 1, 0, 0]]))
    with refused("labels name 5 classes; 4 have been learned"):
        hashing.codes_of(np.zeros((1, 5), dtype=bool))
    with refused("labels: the matrix holds 0.5", "labels are 0 or 1"):
        hashing.codes_of(np.full((1, 4), 0.5))
    counted = hashing.shard().add(image[:1], text[:1], np.array([[1, 1, 0, 0]]))
    with refused("never learned together"):
        counted.codes_of(np.array([[1, 1, 0, 0]]))  # counted, but no code given out yet


def test_a_first_fit_that_cannot_choose_a_ridge_leaves_nothing_behind(refused):
    image, text, labels = items(np.random.default_rng(0), 30, 4, unlabelled=0)
    hashing = ExactHashing(8, units=4, device="cpu", dtype="float64")
    for words, bad_labels, groups in (
        ("none of the first 30 items has a label", labels & False, None),
        ("all 30 items are in one group", labels, np.zeros(30)),
        ("groups (29,)", labels, np.zeros(29)),
    ):
        with refused(words):
            hashing.partial_fit(image, text, bad_labels, groups=groups)
    hashing.partial_fit(image, text, labels)
    assert hashing.n_items == 30 and relative_error(hashing.weights, joint_ridge(hashing, image, text, labels)) < 1e-9


def test_items_without_labels_alone_teach_nothing(refused):
    image, text, labels = items(np.random.default_rng(0), 30, 4, unlabelled=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hashing = learner_for(0).partial_fit(image, text, labels & False)
    with refused("learned nothing yet"):
        hashing.encode_image(image)
    hashing.partial_fit(image, text, labels)
    weights = hashing.weights["image"].clone()
    hashing.partial_fit(image, text, labels & False)
    assert torch.equal(hashing.weights["image"], weights)


def test_a_pair_takes_each_bit_from_the_side_that_is_surer():
    random = np.random.default_rng(0)
    labels = np.eye(3, dtype=bool)[np.arange(60) % 3]
    image, text = (labels @ random.normal(size=(3, 5)) + random.normal(size=(60, 5)) for _ in range(2))
    hashing = ExactHashing(16, units=8, ridge=1.0).partial_fit(image, text, labels)
    sides = hashing.relaxed("image", image), hashing.relaxed("text", text)
    surer = np.where(np.abs(sides[0]) >= np.abs(sides[1]), *sides)
    assert np.array_equal(hashing.encode_pair(image, text), np.where(surer >= 0, 1, -1))
    assert (hashing.encode_image(image) != hashing.encode_text(text)).any()
