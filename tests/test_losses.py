"""Loss terms: equal to slow loops, and to each other where one replaces the other."""

import math
from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.codes import unit_labels
from dlchkit.losses import (
    CodeSums,
    agreement,
    bit_balance,
    contrastive,
    cosine_fit,
    inner_product_fit,
    linear_squared_mmd,
    negative_log_likelihood,
    pair_distance,
    quantization,
    soft_cross_entropy,
    squared_mmd,
    summed_inner_product_fit,
)


class Draw:
    """Random tensors in float64 from one seed."""

    def __init__(self, seed=0):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def codes(self, *shape):
        return torch.where(self.normal(*shape) >= 0, 1.0, -1.0).double()

    def unit_labels(self, n, n_classes):
        return unit_labels(torch.rand(n, n_classes, generator=self.generator, dtype=torch.float64) < 0.4).double()


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def cosine(a, b):
    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


def squared_distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


class Kernel:
    """The Gaussian kernel whose width is the mean squared distance of two different points."""

    def __init__(self, points):
        pairs = permutations(points, 2)
        self.gamma = 1 / mean(squared_distance(x, y) for x, y in pairs)

    def __call__(self, x, y):
        return math.exp(-self.gamma * squared_distance(x, y))


def close(value, expected):
    assert value.item() == pytest.approx(float(expected), rel=1e-9, abs=1e-12)


def test_cosine_fit_equals_the_loop():
    draw = Draw()
    codes, anchors, similarity = draw.normal(3, 5), draw.normal(4, 5), draw.normal(3, 4).abs()
    u, a, s = codes.tolist(), anchors.tolist(), similarity.tolist()
    by_hand = mean((max(0, cosine(u[i], a[j])) - s[i][j]) ** 2 for i in range(3) for j in range(4))
    close(cosine_fit(codes, anchors, similarity), by_hand)


def test_quantization_and_bit_balance_equal_the_loop():
    draw = Draw()
    codes, hash_codes = draw.normal(3, 5), draw.codes(3, 5)
    u, b = codes.tolist(), hash_codes.tolist()
    close(quantization(codes, hash_codes), mean((b[i][k] - u[i][k]) ** 2 for i in range(3) for k in range(5)))
    close(bit_balance(codes), mean(mean(u[i][k] for i in range(3)) ** 2 for k in range(5)))


def test_inner_product_fit_equals_the_loop():
    draw = Draw()
    codes, hash_codes, similarity = draw.normal(3, 5), draw.codes(4, 5), draw.normal(3, 4).abs()
    u, b, s = codes.tolist(), hash_codes.tolist(), similarity.tolist()
    squares = [(5 * s[i][j] - dot(u[i], b[j])) ** 2 for i in range(3) for j in range(4)]
    close(inner_product_fit(codes, hash_codes, similarity), sum(squares) / (3 * 4 * 5**2))


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(1, 6),
    m=st.integers(1, 9),
    n_bits=st.integers(1, 12),
    n_classes=st.integers(1, 6),
    seed=st.integers(0, 10**6),
)
def test_sums_over_the_stored_items_give_the_same_value_and_gradient(n, m, n_bits, n_classes, seed):
    draw = Draw(seed)
    codes, stored_codes = draw.normal(n, n_bits), draw.codes(m, n_bits)
    labels, stored_labels = draw.unit_labels(n, n_classes), draw.unit_labels(m, n_classes)
    results = []
    for loss in (
        lambda u: inner_product_fit(u, stored_codes, labels @ stored_labels.T),
        lambda u: summed_inner_product_fit(u, labels, CodeSums(stored_labels, stored_codes)),
    ):
        u = codes.clone().requires_grad_()
        value = loss(u)
        results.append((value, *torch.autograd.grad(value, u)))
    for item_by_item, summed in zip(*results, strict=True):
        torch.testing.assert_close(summed, item_by_item, rtol=1e-9, atol=1e-12)


def test_sums_of_two_stores_add_up_to_those_of_both():
    draw = Draw()
    labels, codes = draw.unit_labels(9, 4), draw.codes(9, 8)
    both, added = CodeSums(labels, codes), CodeSums(labels[:4], codes[:4]) + CodeSums(labels[4:], codes[4:])
    assert added.count == both.count == 9
    for name in ("label_gram", "label_code", "code_gram"):
        torch.testing.assert_close(getattr(added, name), getattr(both, name), rtol=1e-12, atol=1e-12)


def test_soft_cross_entropy_is_torchs_for_one_label():
    logits, classes = Draw().normal(6, 4), torch.tensor([0, 1, 2, 3, 3, 0])
    one_label = torch.eye(4, dtype=torch.bool)[classes]
    close(soft_cross_entropy(logits, one_label), torch.nn.functional.cross_entropy(logits, classes))


def test_soft_cross_entropy_shares_the_weight_among_several_labels():
    logits, labels = Draw().normal(2, 3), torch.tensor([[1, 1, 0], [1, 1, 1]])
    log_p = logits.log_softmax(1)
    close(soft_cross_entropy(logits, labels), -(log_p[0, :2].mean() + log_p[1].mean()) / 2)


def test_pair_distance_equals_the_loop():
    draw = Draw()
    image, text = draw.normal(4, 3), draw.normal(4, 3)
    distances = map(squared_distance, image.tolist(), text.tolist())
    close(pair_distance(image, text), mean(distances) / 2)


def slow_squared_mmd(a, b):
    kernel = Kernel(a + b)
    within = [mean(kernel(x, y) for x, y in permutations(points, 2)) for points in (a, b)]
    return sum(within) - 2 * mean(kernel(x, y) for x in a for y in b)


@pytest.mark.parametrize("n, m", [(2, 2), (3, 5), (6, 4)])
def test_squared_mmd_equals_the_loop(n, m):
    draw = Draw()
    a, b = draw.normal(n, 3), draw.normal(m, 3) + 0.5
    close(squared_mmd(a, b), slow_squared_mmd(a.tolist(), b.tolist()))


def test_the_kernel_width_is_a_constant_in_the_gradient():
    draw = Draw()
    a, b = draw.normal(4, 3).requires_grad_(), draw.normal(5, 3) + 1
    joined = torch.cat([a, b])
    squared = (joined[:, None] - joined).square().sum(2)
    kernel = torch.exp(-squared * (9 * 8 / squared.sum().item()))
    different = 1 - torch.eye(9)
    within = (kernel * different)[:4, :4].sum() / (4 * 3) + (kernel * different)[4:, 4:].sum() / (5 * 4)
    by_hand = torch.autograd.grad(within - 2 * kernel[:4, 4:].mean(), a)
    torch.testing.assert_close(torch.autograd.grad(squared_mmd(a, b), a), by_hand, rtol=1e-9, atol=1e-12)


def test_squared_mmd_tells_a_shift_from_chance():
    draw = Draw()
    same = [squared_mmd(draw.normal(100, 4), draw.normal(100, 4)).item() for _ in range(10)]
    shifted = [squared_mmd(draw.normal(100, 4), draw.normal(100, 4) + 1).item() for _ in range(10)]
    assert abs(mean(same)) < 0.01 and max(map(abs, same)) < 0.05
    assert min(shifted) > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_squared_mmd_has_finite_gradients_for_identical_points(dtype):
    for a in (torch.zeros(4, 3), torch.full((4, 3), 0.1), Draw().normal(4, 3)):
        a = a.to(dtype).requires_grad_()
        value = squared_mmd(a, a.detach().clone())
        (gradient,) = torch.autograd.grad(value, a)
        assert torch.isfinite(value) and torch.isfinite(gradient).all()


def test_linear_squared_mmd_equals_the_loop():
    draw = Draw()
    a, b = draw.normal(7, 3), draw.normal(6, 3) + 0.5
    xs, ys = a.tolist(), b.tolist()
    kernel, terms = Kernel(xs + ys), []
    for i in (0, 2, 4):
        (x, x2), (y, y2) = xs[i : i + 2], ys[i : i + 2]
        terms.append(kernel(x, x2) + kernel(y, y2) - kernel(x, y2) - kernel(x2, y))
    close(linear_squared_mmd(a, b), mean(terms))


def test_both_estimates_of_mmd_have_one_expectation():
    draw = Draw()
    a, b = draw.normal(12, 2), draw.normal(12, 2) + 0.7
    linear = []
    for _ in range(3000):
        rows, others = (torch.randperm(12, generator=draw.generator) for _ in range(2))
        linear.append(linear_squared_mmd(a[rows], b[others]).item())
    standard_error = torch.tensor(linear).std().item() / 3000**0.5
    assert abs(mean(linear) - squared_mmd(a, b).item()) < 4 * standard_error < 0.02


def slow_contrastive(image, text, temperature):
    n = range(len(image))
    weight = [[math.exp(cosine(image[i], text[j]) / temperature) for j in n] for i in n]
    by_image = mean(-math.log(weight[i][i] / sum(weight[i])) for i in n)
    by_text = mean(-math.log(weight[i][i] / sum(weight[j][i] for j in n)) for i in n)
    return (by_image + by_text) / 2


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_contrastive_equals_the_loop_and_does_not_ask_which_side_is_which(temperature):
    draw = Draw()
    image, text = draw.normal(5, 3), draw.normal(5, 3)
    by_hand = slow_contrastive(image.tolist(), text.tolist(), temperature)
    close(contrastive(image, text, temperature=temperature), by_hand)
    close(contrastive(text, image, temperature=temperature), contrastive(image, text, temperature=temperature))
    close(contrastive(3 * image, text / 2), contrastive(image, text))


def test_agreement_equals_the_loop_and_its_target_is_a_constant():
    draw = Draw()
    image, text = draw.normal(4, 3).requires_grad_(), draw.normal(4, 3)
    p, q = image.softmax(1), text.softmax(1)
    expected, guesses = [], []
    for x, y in zip(p.tolist(), q.tolist(), strict=True):
        guess = [((a + b) / 2) ** 2 for a, b in zip(x, y, strict=True)]
        guess = [g / sum(guess) for g in guess]
        guesses.append(guess)
        expected.append(-sum(g * (math.log(a) + math.log(b)) for g, a, b in zip(guess, x, y, strict=True)) / 2)
    value = agreement(image, text)
    close(value, mean(expected))
    guess = torch.tensor(guesses, dtype=torch.float64)
    by_hand = (p.detach() - guess) / (2 * 4)  # of a cross-entropy against a constant
    torch.testing.assert_close(torch.autograd.grad(value, image)[0], by_hand)


def test_agreement_does_not_sharpen_at_temperature_one():
    logits = Draw().normal(4, 3)
    p = logits.softmax(1)
    close(agreement(logits, logits, temperature=1), -(p * p.log()).sum(1).mean())


@pytest.mark.parametrize("wrong", [-1.0, 2.0, 0.5, float("nan")])
def test_labels_and_similarities_other_than_0_and_1_are_refused(wrong, refused):
    labels = torch.tensor([[1.0, 0.0], [wrong, 1.0]])
    with refused(f"labels: the matrix holds {wrong} in row 1, column 0"):
        soft_cross_entropy(labels, labels)
    with refused(f"similarities of items: the matrix holds {wrong} in row 1, column 0"):
        negative_log_likelihood(labels, labels, labels)
