"""Why this result: against plain counting, and on texts whose words are known to matter."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.policy import moving_words, why

BITS = st.lists(st.sampled_from([-1, 1]), min_size=16, max_size=16)


@settings(max_examples=50, deadline=None)
@given(BITS, BITS, st.lists(BITS, min_size=2, max_size=5))
def test_every_number_is_a_plain_count(query, item, classes):
    names = [f"class {c}" for c in range(len(classes))]
    found = why(
        np.array(query, np.int8), np.array(item, np.int8), class_codes=np.array(classes, np.int8), class_names=names
    )
    assert found.distance == sum(q != i for q, i in zip(query, item, strict=True))
    for k, bit in enumerate(found.bits):
        assert (bit.position, bit.query, bit.item) == (k, query[k], item[k])
        assert bit.plus == tuple(name for name, code in zip(names, classes, strict=True) if code[k] == 1)
        assert bit.owners == tuple(
            name for name, code in zip(names, classes, strict=True) if query[k] == item[k] == code[k]
        )
    for side, ordered in ((query, found.query_classes), (item, found.item_classes)):
        assert dict(ordered) == {
            name: sum(a != b for a, b in zip(side, code, strict=True))
            for name, code in zip(names, classes, strict=False)
        }
        assert [d for _, d in ordered] == sorted(d for _, d in ordered)
    assert dict(found.ownership) == {name: sum(name in bit.owners for bit in found.bits) for name in names}
    first, second = (classes[names.index(name)] for name, _ in found.query_classes[:2])
    assert found.separating_bits == tuple(k for k in range(16) if first[k] != second[k])
    assert found.separating_agree == sum(query[k] == item[k] for k in found.separating_bits)
    assert json.loads(json.dumps(asdict(found)))["distance"] == found.distance


def encode(texts):
    """Two bits for "red", one for "shoe"; a pair of words together sets a fourth."""

    def has(text, word):
        return word in text.lower().split()

    rows = [
        [has(t, "red"), has(t, "red"), has(t, "shoe"), has(t, "red") and has(t, "shoe"), *[True] * 4] for t in texts
    ]
    return np.where(rows, 1, -1).astype(np.int8)


def test_words_are_sorted_by_the_bits_they_move():
    item = encode(["red"])[0]
    moves = moving_words("a Red, SHOE - red", encode, item_code=item)
    assert [(move.word, move.flipped_bits, move.distance_change) for move in moves] == [
        ("red", 3, 1),
        ("shoe", 2, -2),
        ("a", 0, 0),
    ]


def test_without_a_result_the_change_is_nan_and_texts_are_encoded_at_once():
    calls = []
    moves = moving_words("shoe", lambda texts: (calls.append(texts.tolist()), encode(texts))[1])
    assert calls == [["shoe", ""]] and moves[0].flipped_bits == 1 and math.isnan(moves[0].distance_change)


def test_bad_input_is_refused(refused):
    code, classes = np.ones(8, np.int8), np.ones((2, 8), np.int8)
    with refused("no word"):
        moving_words(" -- ", encode)
    with refused("(8,)", "(9,)"):
        why(code, np.ones(9, np.int8), class_codes=classes, class_names="ab")
    with refused("1 names", "two classes or more"):
        why(code, code, class_codes=classes[:1], class_names="a")


@pytest.mark.parametrize("text", ["straße größe", "赤い 靴"])
def test_words_of_any_script_are_words(text):
    assert {move.word for move in moving_words(text, encode)} == set(text.lower().split())
