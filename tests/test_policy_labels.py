"""Label noise: against plain loops, and on injected noise where the truth is known."""

import math

import numpy as np
import pytest
from scipy.linalg import hadamard

from dlchkit.policy import KnownCodes, LabelledCodes, known_codes, noise_rate, suspicious_labels, threshold_for

N_BITS, N_CLASSES = 32, 8
KNOWN = KnownCodes(labels=np.eye(N_CLASSES, dtype=bool), codes=hadamard(N_BITS)[1 : N_CLASSES + 1].astype(np.int8))


def encoded(n, seed, *, wrong=0.0, image=0.3, text=0.25):
    """Items whose codes are those of their class with bits flipped at a rate; then some labels are made wrong."""
    random = np.random.default_rng(seed)
    true = random.integers(0, N_CLASSES, n)

    def flip(rate):
        return np.where(random.random((n, N_BITS)) < rate, -1, 1).astype(np.int8)

    is_wrong = random.random(n) < wrong
    given = np.where(is_wrong, (true + random.integers(1, N_CLASSES, n)) % N_CLASSES, true)
    codes = KNOWN.codes[true]
    return LabelledCodes(codes * flip(image), codes * flip(text), KNOWN.labels[given]), is_wrong


def precision_and_recall(flagged, wrong):
    flagged = np.array(flagged)
    return (flagged & wrong).sum() / flagged.sum(), (flagged & wrong).sum() / wrong.sum()


def test_margins_are_those_of_a_loop():
    items, _ = encoded(30, 0, wrong=0.3)
    found = suspicious_labels(items, KNOWN, threshold=1)
    for i in range(30):
        to = {
            side: [(code != other).sum() for other in KNOWN.codes]
            for side, code in (("image", items.image[i]), ("text", items.text[i]))
        }
        to["both"] = [(a + b) / 2 for a, b in zip(to["image"], to["text"], strict=True)]
        own = int(items.labels[i].argmax())
        best = {side: min(d for v, d in enumerate(row) if v != own) for side, row in to.items()}
        assert found.margin[i] == to["both"][own] - best["both"] and found.suspicious[i] == (found.margin[i] > 1)
        assert (
            found.image_margin[i] == to["image"][own] - best["image"]
            and found.text_margin[i] == to["text"][own] - best["text"]
        )
        assert found.better[i] != own and to["both"][found.better[i]] == best["both"]


def test_injected_noise_is_found_with_high_precision_and_recall():
    items, wrong = encoded(2000, 1, wrong=0.1)
    precision, recall = precision_and_recall(suspicious_labels(items, KNOWN).suspicious, wrong)
    assert precision > 0.85 and recall > 0.97


def test_both_codes_together_tell_better_than_one_alone_or_either():
    items, wrong = encoded(2000, 2, wrong=0.1)
    found = suspicious_labels(items, KNOWN)
    image, text = (np.array(m) > 0 for m in (found.image_margin, found.text_margin))
    f1 = {}
    for name, flagged in {"together": found.suspicious, "either": image | text, "image": image, "text": text}.items():
        precision, recall = precision_and_recall(flagged, wrong)
        f1[name] = 2 * precision * recall / (precision + recall)
    assert all(f1["together"] > f1[other] + 0.1 for other in ("either", "image", "text")), f1


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1])
def test_the_threshold_flags_that_share_of_right_labels(share):
    trusted, _ = encoded(300, 7, image=0.36, text=0.36)
    threshold = threshold_for(trusted, KNOWN, false_flags=share)
    flagged = np.mean(suspicious_labels(trusted, KNOWN, threshold=threshold).suspicious)
    lower = np.mean(
        suspicious_labels(trusted, KNOWN, threshold=threshold - 0.5).suspicious
    )  # margins are halves of bits
    assert flagged <= share < lower


def test_a_higher_threshold_flags_fewer():
    items, _ = encoded(500, 3, wrong=0.1)
    counts = [sum(suspicious_labels(items, KNOWN, threshold=t).suspicious) for t in (-N_BITS - 1, 0, 4, N_BITS)]
    assert counts[0] == 500 and counts[-1] == 0 and counts == sorted(counts, reverse=True) and len(set(counts)) == 4


@pytest.mark.parametrize("true_rate", [0.0, 0.05, 0.2])
def test_the_rate_is_estimated_and_its_interval_holds_it(true_rate):
    held, errors = 0, []
    for seed in range(40):
        items, wrong = encoded(400, seed, wrong=true_rate)
        trusted, _ = encoded(200, 1000 + seed)
        found = noise_rate(items, trusted, KNOWN)
        held += found.low <= true_rate <= found.high
        errors.append(found.rate - wrong.mean())
    assert held >= 35 and abs(np.mean(errors)) < 0.01 and np.abs(errors).max() < 0.06


def test_flags_alone_would_overstate_a_small_rate():
    items, wrong = encoded(3000, 4, wrong=0.03, image=0.36, text=0.36)
    found = noise_rate(items, encoded(1000, 5, image=0.36, text=0.36)[0], KNOWN)
    assert found.flagged > 2 * wrong.mean() and abs(found.rate - wrong.mean()) < 0.03 and found.false_flags > 0.05
    assert (found.n_items, found.n_trusted) == (3000, 1000)


def test_caught_is_the_share_of_every_wrong_label_in_turn():
    trusted, _ = encoded(25, 6)
    flags = []
    for label in KNOWN.labels:
        is_wrong = ~(trusted.labels == label).all(1)
        relabelled = LabelledCodes(trusted.image, trusted.text, np.tile(label, (25, 1)))
        flags.append(np.array(suspicious_labels(relabelled, KNOWN, threshold=2).suspicious)[is_wrong])
    assert noise_rate(trusted, trusted, KNOWN, threshold=2).caught == pytest.approx(np.concatenate(flags).mean())


def test_where_flags_know_nothing_the_rate_is_nan():
    random = np.random.default_rng(0)
    codes = random.choice(np.array([-1, 1], np.int8), (300, N_BITS))
    blind = LabelledCodes(codes, codes[::-1], KNOWN.labels[random.integers(0, N_CLASSES, 300)])
    with pytest.warns(UserWarning, match="undefined"):
        assert math.isnan(noise_rate(blind, blind, KNOWN).rate)


def test_known_codes_are_the_majority_of_each_label_vector():
    labels = np.array([[1, 0], [1, 1], [1, 1], [1, 1], [0, 1]], dtype=bool)
    codes = np.array([[1, 1], [-1, 1], [-1, 1], [1, -1], [-1, -1]], np.int8)
    known = known_codes(codes, labels)
    by_vector = {tuple(vector): code.tolist() for vector, code in zip(known.labels.tolist(), known.codes, strict=True)}
    assert by_vector == {(False, True): [-1, -1], (True, False): [1, 1], (True, True): [-1, 1]}


def test_bad_input_is_refused(refused):
    items, _ = encoded(4, 0)
    with refused("(3, 32)", "one row of each"):
        LabelledCodes(items.image[:3], items.text, items.labels)
    with refused("item 1", "without a known code"):
        suspicious_labels(
            LabelledCodes(items.image[:2], items.text[:2], np.array([[1] + [0] * 7, [1] * 8], bool)), KNOWN
        )
    with refused("labels: the matrix holds -1", "0 or 1"):
        LabelledCodes(items.image, items.text, 2 * items.labels.astype(int) - 1)
    with refused("labels: the matrix holds nan", "0 or 1"):
        known_codes(items.image, np.where(items.labels, 1.0, np.nan))
    with refused("labels of known codes: the matrix holds -1", "0 or 1"):
        suspicious_labels(items, KnownCodes(2 * KNOWN.labels.astype(int) - 1, KNOWN.codes))
    with refused("false_flags is 2", "0.02"):
        threshold_for(items, KNOWN, false_flags=2)
    with refused("1 label vector", "two or more"):
        suspicious_labels(items, KnownCodes(KNOWN.labels[:1], KNOWN.codes[:1]))
