"""DLCH's released demo, rebuilt: each mend changes what it says and nothing else; all together are DLCH's objective."""

from itertools import permutations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from dlchkit.codes import binarize, unit_labels
from dlchkit.data.streams import class_incremental_stream
from dlchkit.evaluation import run_stream
from dlchkit.lifelong import DLCH, ReleasedDemo
from dlchkit.lifelong.released.bugs import (
    DEFECTS,
    increment_loss,
    new_code_pull,
    sample_rows,
    taken_for_new,
    target_rows,
)
from dlchkit.lifelong.released.demo import DEMO_SETTINGS, INCREMENT_RATE, SIDES, ternary_average_precision
from dlchkit.losses import CodeSums, bit_balance, quantization, summed_inner_product_fit
from dlchkit.metrics import average_precision, distance_histograms
from dlchkit.plotting import describe_defects, plot_defects

few = settings(deadline=None, max_examples=25)


def demo(**options):
    small = {"epochs": 3, "batch_size": 32, "sample": 80, "hidden": 32, "learning_rate": 0.5, "device": "cpu"}
    return ReleasedDemo(16, **small | options)


@pytest.fixture(scope="module")
def stream(clustered_pairs):
    return class_incremental_stream(clustered_pairs(), classes_per_stage=[4, 2])


@pytest.fixture(scope="module")
def first(stream):
    """After the first stage, nothing mended."""
    learner = demo()
    learner.observe(stream[0])
    return learner


@pytest.fixture(scope="module")
def after(first, stream):
    """A function: the learner with these defects mended, after the increment."""

    def increment(*mend):
        learner = first.mended(*mend)
        learner.observe(stream[1])
        return learner

    return increment


def weights(learner):
    return torch.cat([value.flatten() for value in learner.towers.state_dict().values()])


# --- the loss ---


def tiny_increment(seed, m=5, n_old=4, n_new=3, n_bits=8, n_classes=4):
    draw = torch.Generator().manual_seed(seed)
    labels = (torch.rand(m + n_old + n_new, n_classes, generator=draw) < 0.4).double()
    labels[:, 0] = torch.where(labels.any(1), labels[:, 0], 1.0)
    unit, stored = unit_labels(labels[:m]), unit_labels(labels[m:])
    u = (torch.rand(m, n_bits, generator=draw, dtype=torch.float64) * 2 - 1).requires_grad_()
    codes = torch.where(torch.rand(n_old + n_new, n_bits, generator=draw) < 0.5, -1.0, 1.0).double()
    targets = codes[torch.randint(n_old + n_new, (m,), generator=draw)]
    return u, codes, targets, unit, stored, n_old


def plain_loss(u, codes, targets, similarity, n_old, alpha, beta, *, new_term, squared):
    m, n_bits = u.shape
    total = 0.0
    for i, j in product(range(m), range(len(codes) if new_term else n_old)):
        total += (n_bits * similarity[i, j] - sum(u[i, k] * codes[j, k] for k in range(n_bits))) ** 2
    total += alpha * sum((targets[i, k] - u[i, k]) ** 2 for i in range(m) for k in range(n_bits))
    for k in range(n_bits):
        column = sum(u[i, k] for i in range(m))
        total += beta * (column**2 if squared else column)
    return total / (m * len(codes))


@pytest.mark.parametrize("mend", [(), ("new_code_term",), ("balance",), ("new_code_term", "balance"), DEFECTS])
def test_the_loss_is_the_formula(mend):
    u, codes, targets, unit, stored, n_old = tiny_increment(0)
    terms = {"n_old": n_old, "alpha": 10.0, "beta": 100.0}
    mended = {"new_term": "new_code_term" in mend, "squared": "balance" in mend}
    expected = plain_loss(u, codes, targets, unit @ stored.T, **terms, **mended)
    found = increment_loss(u, codes, targets, unit @ stored.T, **terms, mend=mend)
    assert found.item() == pytest.approx(expected.item())


@few
@given(st.integers(0, 10**6), st.floats(0, 20), st.floats(0, 200))
def test_all_mended_it_is_what_dlch_minimises(seed, alpha, beta):
    u, codes, targets, unit, stored, n_old = tiny_increment(seed)
    (m, n_bits), n = u.shape, len(codes)
    sums = CodeSums(stored[:n_old], codes[:n_old]) + CodeSums(stored[n_old:], codes[n_old:])
    others = alpha * quantization(u, targets) + beta * m * bit_balance(u)
    dlch = summed_inner_product_fit(u, unit, sums) + others / (n * n_bits)
    ours = increment_loss(u, codes, targets, unit @ stored.T, n_old=n_old, alpha=alpha, beta=beta, mend=DEFECTS)
    assert ours.item() == pytest.approx(n_bits**2 * dlch.item(), rel=1e-9)
    gradients = [torch.autograd.grad(loss, u, retain_graph=True)[0] for loss in (ours, n_bits**2 * dlch)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mend, moves", [((), False), (("new_code_term",), True)])
def test_new_codes_matter_only_with_their_term(mend, moves):
    u, codes, targets, unit, stored, n_old = tiny_increment(1)
    flipped = codes.clone()
    flipped[n_old:] *= -1
    terms = {"n_old": n_old, "alpha": 10.0, "beta": 100.0, "mend": mend}
    losses = [increment_loss(u, b, targets, unit @ stored.T, **terms) for b in (codes, flipped)]
    gradients = [torch.autograd.grad(loss, u)[0] for loss in losses]
    assert torch.equal(*gradients) is not moves


def test_the_linear_balance_pushes_every_output_down_alike_and_the_square_towards_balance():
    u, codes, targets, unit, stored, n_old = tiny_increment(2)
    gradient = {}
    for mend in ((), ("balance",)):
        terms = {"n_old": n_old, "alpha": 1.0, "mend": mend}
        with_beta = increment_loss(u, codes, targets, unit @ stored.T, beta=100.0, **terms)
        without = increment_loss(u, codes, targets, unit @ stored.T, beta=0.0, **terms)
        gradient[mend] = torch.autograd.grad(with_beta - without, u)[0]
    entries = len(u) * len(codes)
    torch.testing.assert_close(gradient[()], torch.full_like(u, 100.0 / entries))
    torch.testing.assert_close(gradient[("balance",)], (200.0 / entries * u.detach().sum(0)).expand_as(u))


# --- rows ---


def test_rows_are_the_items_own_only_with_the_order_kept():
    torch.manual_seed(0)
    items, rows = sample_rows(500, 200)
    torch.manual_seed(0)
    same_items, own_rows = sample_rows(500, 200, ("row_order",))
    assert torch.equal(items, same_items)  # the same draw, so that learners can be compared
    assert torch.equal(items, own_rows)
    assert (items == rows).float().mean() < 0.05
    assert len(items.unique()) == len(rows.unique()) == 200
    assert len(sample_rows(50, 200)[0]) == 50


def test_targets_are_the_first_codes_of_the_store_unless_mended():
    rows = torch.tensor([7, 2, 5])
    assert target_rows(rows).tolist() == [0, 1, 2]
    assert target_rows(rows, ("quantization_target",)).tolist() == [7, 2, 5]


@pytest.mark.parametrize("mend", [(), ("new_rows",)])
def test_the_pull_on_new_codes_is_the_formula(mend):
    draw = torch.Generator().manual_seed(3)
    outputs = [torch.rand(4, 8, generator=draw, dtype=torch.float64) for _ in range(2)]
    similarity, rows = torch.rand(4, 3, generator=draw, dtype=torch.float64), torch.tensor([-2, 1, -1, 0])
    expected = torch.zeros(3, 8, dtype=torch.float64)
    for u in outputs:
        for j, k in product(range(3), range(8)):
            expected[j, k] += 8 * sum(similarity[i, j] * u[i, k] for i in range(4))
            expected[j, k] += sum(10.0 * u[i, k] for i in range(4) if mend and rows[i] == j)
    torch.testing.assert_close(new_code_pull(outputs, rows, similarity, alpha=10.0, mend=mend), expected)
    assert taken_for_new(rows, mend).tolist() == ([1, 3] if mend else [])


def test_without_their_rows_alpha_never_reaches_the_new_codes():
    outputs, similarity, rows = [torch.ones(2, 8)], torch.ones(2, 1), torch.tensor([0, -1])
    weak, strong = (new_code_pull(outputs, rows, similarity, alpha=alpha) for alpha in (0.0, 1e6))
    assert torch.equal(weak, strong)


# --- the codes ---


def test_zeros_stand_where_the_modalities_disagree(after, first):
    learner = after()
    disagree = (learner.codes["image"] != learner.codes["text"]).numpy()
    assert np.array_equal(learner.stored_codes == 0, disagree) and disagree.any()
    assert np.array_equal(learner.bank.codes, binarize(learner.stored_codes))
    n_old = len(first.data)
    for side in SIDES:
        kept, searched = learner.codes[side][:n_old].numpy(), learner.stored_codes[:n_old]
        # The codes kept for training stay; what is searched is neither of them.
        assert np.array_equal(kept, first.codes[side].numpy())
        assert np.array_equal((kept != searched).any(1), disagree[:n_old].any(1))


def test_with_one_code_for_an_item_nothing_is_zero_and_old_codes_stay(after, first):
    before, learner = first.mended("ternary_codes"), after("ternary_codes")
    assert set(np.unique(learner.stored_codes)) == {-1, 1}
    assert np.array_equal(learner.stored_codes[: len(first.data)], before.stored_codes)
    assert torch.equal(learner.codes["image"], learner.codes["text"])
    assert learner.bank.digests()[:1] == before.bank.digests()


def test_at_the_released_rate_the_towers_stand_still(after, first):
    n_steps = 3 * (80 // 32)
    moved = (weights(after()) - weights(first)).abs().max().item()
    assert 0 < moved <= 1.1 * n_steps * INCREMENT_RATE + 1e-7  # Adam's step is about its rate; 1e-7 is rounding
    assert (weights(after("learning_rate")) - weights(first)).abs().max().item() > 100 * moved


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_mend_is_one_of_its_own(after, first, defect):
    """Every mend shows in the codes or towers, and only ternary_codes touches how many zeros there may be."""
    # Without these mends some slips cannot show.
    strong = [name for name in ("learning_rate", "quantization_target") if name != defect]
    learners = [first.mended(*strong, *more) for more in ((), (defect,))]
    for learner in learners:
        learner.alpha, learner.beta = 1e4, 1e4  # at the demo's weights the fit drowns the other terms
    stage = after().data[len(first.data) :]
    for learner in learners:
        learner._train_increment(stage)
    released, mended = learners
    same_codes = np.array_equal(released.stored_codes, mended.stored_codes)
    assert not same_codes or not torch.equal(weights(released), weights(mended))
    assert (released.stored_codes == 0).any() and (mended.stored_codes == 0).any() == (defect != "ternary_codes")


# --- the learner ---


def test_a_mended_copy_leaves_its_original_alone(first, after, refused):
    before, n_stages = weights(first).clone(), first.bank.n_stages
    learner = after(*DEFECTS)
    assert torch.equal(weights(first), before) and first.bank.n_stages == n_stages == 1 and first.mend == frozenset()
    assert learner.mend == set(DEFECTS) and learner.bank.n_stages == 2
    with refused("1 increments", "before the first one"):
        learner.mended("balance")


def test_a_copy_before_any_stage_is_mended_too(stream, first):
    one, other = demo(mend=["balance"]), demo().mended("balance")
    assert one.mend == other.mend == {"balance"}
    for learner in (one, other):
        learner.observe(stream[0])
    assert torch.equal(weights(one), weights(other)) and torch.equal(weights(one), weights(first))


def test_a_seed_fixes_every_code_and_nothing_outside_moves(stream, draws_nothing):
    with draws_nothing():
        learners = [demo(seed=seed) for seed in (0, 0, 1)]
        for learner, stage in product(learners, stream):
            learner.observe(stage)
    codes = [learner.stored_codes for learner in learners]
    assert np.array_equal(codes[0], codes[1]) and not np.array_equal(codes[0], codes[2])


@pytest.mark.slow
def test_mended_it_learns_the_new_classes_and_released_it_does_not(stream):
    learner = demo(epochs=20, sample=200, hidden=256)
    learner.observe(stream[0])
    released, mended = learner.mended(), learner.mended(*DEFECTS)
    released.observe(stream[1])
    mended.observe(stream[1])
    for direction, score in mended.scores(stream[1].query).items():
        assert score > 0.7 and released.scores(stream[1].query)[direction] < 0.5


def test_it_runs_in_a_stream_like_every_learner(stream):
    learner = demo(mend=DEFECTS)
    record = run_stream(learner, stream)
    assert record.old_codes_unchanged == [True, True]
    for direction, R in record.R.items():
        scores = [learner.scores(stage.query)[direction] for stage in stream]
        assert R[1].tolist() == pytest.approx(scores)  # without zeros, both scores are one


def test_each_epoch_of_an_increment_is_told(stream):
    seen = []
    learner = demo(on_epoch=lambda learner: seen.append(len(learner.stored_codes)))
    for stage in stream:
        learner.observe(stage)
    assert seen == [len(stream[0].database) + len(stream[1].database)] * 3


def test_its_settings_are_the_demo_s_and_fit_dlch():
    plain = ReleasedDemo(device="cpu")
    found = {name: getattr(plain, name) for name in DEMO_SETTINGS if name != "n_bits"}
    assert found == {"epochs": 200, "batch_size": 128, "learning_rate": 1e-3}
    assert plain.bank.n_bits == DLCH(**DEMO_SETTINGS, device="cpu").bank.n_bits == 64
    assert (plain.sample, plain.alpha, plain.beta) == (2000, 10, 100)


def test_bad_settings_are_refused(refused):
    with refused("mend holds 'balanced'", "new_code_term, row_order"):
        demo(mend=["balance", "balanced"])
    with refused("mend holds 'balance'", "collection"):
        demo(mend="balance")
    with refused("mend holds 'nothing'"):
        demo().mended("nothing")
    with refused("sample is 0", "1 item at least"):
        demo(sample=0)


# --- ternary codes, scored ---


@few
@given(st.integers(0, 10**6))
def test_scoring_ternary_codes_is_the_mean_over_all_orders_inside_ties(seed):
    random = np.random.default_rng(seed)
    query, stored = random.choice([-1, 1], (2, 3)).astype(np.int8), random.integers(-1, 2, (5, 3)).astype(np.int8)
    query_labels, labels = np.eye(2)[[0, 1]], np.eye(2)[random.permutation([0, 0, 1, 1, 1])]
    scores = ternary_average_precision(query, stored, query_labels, labels)
    for code, label, score in zip(query, query_labels, scores, strict=True):
        distance, relevant = 1.5 - stored @ code / 2, labels @ label > 0
        orders = [list(order) for order in permutations(range(5)) if (np.diff(distance[list(order)]) >= 0).all()]
        hits = relevant[np.array(orders)]
        expected = ((np.cumsum(hits, 1) / np.arange(1, 6)) * hits).sum(1) / hits.sum(1)
        assert score == pytest.approx(expected.mean())


def test_without_zeros_it_is_the_kit_s_average_precision():
    random = np.random.default_rng(0)
    query, stored = (random.choice(np.array([-1, 1], np.int8), (n, 16)) for n in (70, 150))
    labels = random.random((220, 4)) < 0.3
    expected = average_precision(*distance_histograms(query, stored, labels[:70], labels[70:]))
    np.testing.assert_allclose(ternary_average_precision(query, stored, labels[:70], labels[70:]), expected)


# --- the picture ---


def score(value):
    return dict.fromkeys(("image_to_text", "text_to_image"), value)


def test_the_picture_names_every_defect_and_the_sentence_the_largest():
    only = {"balance": score(0.5), "learning_rate": score(0.7)}
    all_but = {"balance": score(0.9), "learning_rate": score(0.55)}
    lines = {"released": score(0.5), "mended": score(0.9)}
    figure = plot_defects(only, all_but, **lines)
    words = " | ".join(text.get_text() for text in figure.findobj(Text))
    for part in ("balance", "learning rate", "as released", "all mended", "image to text", "text to image"):
        assert part in words
    drawn = [list(line.get_xdata()) for line in figure.axes[0].get_lines()]
    assert [0.5, 0.7] in drawn and [0.9, 0.55] in drawn
    sentence = describe_defects(only, all_but, **lines)
    assert "Image to text: mAP 0.500 as released, 0.900 with all mended" in sentence
    assert "mending learning rate alone changes it most (+0.200)" in sentence
    assert "leaving learning rate in costs most (−0.350)" in sentence
