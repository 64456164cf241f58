"""What single queries find is what a slow loop finds, and a record says it in words."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dlchkit import find_examples
from dlchkit.bank import CodeBank
from dlchkit.data import DIRECTIONS, PairedDataset
from dlchkit.evaluation import typed_example
from dlchkit.reports.found_examples import found_by_queries

N_BITS = 8  # so short that many distances tie


class FirstBits:
    """A learner whose codes are the signs of the first features: 0 is +1."""

    name, single_stage = "first bits", False

    def __init__(self, *stored):
        self.bank = CodeBank(N_BITS)
        for stage, part in enumerate(stored):
            self.bank.append(self.encode("text", part.text), labels=part.labels, ids=part.ids, stage=stage)

    def encode(self, side, features):
        return np.where(features[:, :N_BITS] >= 0, 1, -1).astype(np.int8)


@pytest.fixture(scope="module")
def setting(clustered_pairs):
    """Features, the data set they come from, a learner that stored most of them in two stages, and queries."""
    features = clustered_pairs(n=60, several_labels=True)
    names = tuple(f"class {name}" for name in features.class_names)
    texts = np.array([f"caption {i}" for i in range(60)])
    order = np.random.default_rng(1).permutation(60)  # rows of the data set are not those of the features
    ids, labels = features.ids, features.labels
    pairs = PairedDataset(ids=ids, labels=labels, class_names=names, groups=ids, texts=texts)[order]
    return pairs, FirstBits(features[10:40], features[40:]), features[:4]


def slowly(pairs, learner, query, code, k):
    """Items nearest to one query: (distance, place in the bank) decides; every bit compared by itself."""
    ranked = []
    for place, (item, stored) in enumerate(zip(learner.bank.ids, learner.bank.codes, strict=True)):
        ranked.append((sum(int(a != b) for a, b in zip(code, stored, strict=True)), place, str(item)))
    row_of = {str(name): row for row, name in enumerate(pairs.ids)}

    def words(name):
        return {pairs.class_names[c] for c in np.flatnonzero(pairs.labels[row_of[name]])}

    nearest = sorted(ranked)[:k]
    return [(name, distance, bool(words(name) & words(str(query))), words(name)) for distance, _, name in nearest]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("k", [1, 7, 50, 51])
def test_what_is_found_is_what_a_slow_loop_finds(setting, direction, k):
    pairs, learner, queries = setting
    found = find_examples(learner, queries, pairs, direction=direction, k=k)
    codes = learner.encode("any", queries.image if direction == "image_to_text" else queries.text)
    entries = found.for_record()
    assert found.results.shape == found.distances.shape == found.right.shape == (4, min(k, 50)) and len(entries) == 4
    for i, (query, code, entry) in enumerate(zip(queries.ids, codes, entries, strict=True)):
        expected = slowly(pairs, learner, query, code, k)
        assert [(x["id"], x["distance"], x["right"], set(x["labels"])) for x in entry["found"]] == expected
        assert pairs.ids[found.results[i]].tolist() == [name for name, *_ in expected]
        assert pairs.ids[found.queries[i]] == query
        assert entry["direction"] == direction and entry["method"] == "first bits" and entry["query"]["id"] == query
        assert entry["query"]["text"] == f"caption {int(query[-4:])}"
    tied = any(len(set(row)) < len(row) for row in found.distances.tolist())
    assert tied or k == 1  # the order inside ties was put to the test
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_both_directions_ask_with_their_own_side(setting):
    pairs, learner, queries = setting
    by_image, by_text = (find_examples(learner, queries, pairs, direction=direction, k=9) for direction in DIRECTIONS)
    assert not np.array_equal(by_image.distances, by_text.distances)


def test_among_equal_distances_the_item_stored_first_comes_first(clustered_pairs):
    features = clustered_pairs(n=12, n_classes=2)
    features = replace(features, text=features.text[[0] * 12])
    learner = FirstBits(features[[7, 3]], features[[9, 1, 5]])
    ids, labels = features.ids, features.labels
    pairs = PairedDataset(ids=ids, labels=labels, class_names=features.class_names, groups=ids)
    found = find_examples(learner, features[:1], pairs, direction="text_to_image", k=4)
    assert found.results.tolist() == [[7, 3, 9, 1]] and found.distances.tolist() == [[0] * 4]
    assert found.for_record()[0]["query"]["text"] is None  # this data has no texts


def test_the_entries_are_plain_json_and_pass_the_reports_own_check(setting):
    pairs, learner, queries = setting
    entries = find_examples(learner, queries, pairs, direction="image_to_text").for_record()
    entries.append(typed_example(pairs, "anything", [3, 1], np.array([2, 5]), method="first bits", meant=["class a"]))
    assert json.loads(json.dumps(entries)) == entries
    shown = found_by_queries({"examples": entries})
    assert not shown["malformed"] and [len(group["queries"]) for group in shown["groups"]] == [4, 1]


def test_a_typed_text_is_judged_by_all_that_was_meant_or_not_at_all(setting):
    pairs, _, _ = setting
    both = next(row for row in range(60) if pairs.labels[row, :2].all())
    one = next(row for row in range(60) if pairs.labels[row, :2].sum() == 1)
    entry = typed_example(pairs, "a and b", [both, one], [0, 3], method="exact", meant=["class a", "class b"])
    assert entry["query"] == {"id": None, "text": "a and b", "labels": ["class a", "class b"]}
    assert [item["right"] for item in entry["found"]] == [True, False]
    assert [item["distance"] for item in entry["found"]] == [0, 3]
    entry = typed_example(pairs, "a", [both, one], [0, 3], method="exact")
    assert [item["right"] for item in entry["found"]] == [None, None]


def test_the_sentence_counts_what_is_right(setting):
    pairs, learner, queries = setting
    found = find_examples(learner, queries, pairs, direction="image_to_text", k=3)
    n_right = sum(item["right"] for entry in found.for_record() for item in entry["found"])
    assert found.sentence.startswith("4 pictures and the 3 captions nearest to each (first bits): ")
    assert f": {n_right} of 12 share" in found.sentence
    assert found.sentence.endswith(" a label with the picture that asked.")
    one = find_examples(learner, queries[:1], pairs, direction="text_to_image", k=1)
    assert one.sentence.startswith("One caption and the picture nearest to it (first bits): ")


def test_bad_input_is_refused_in_one_line(setting, refused):
    pairs, learner, queries = setting
    with refused("k is 0", "1 or more"):
        find_examples(learner, queries, pairs, direction="image_to_text", k=0)
    with refused("direction is 'sideways'", "'image_to_text' or 'text_to_image'"):
        find_examples(learner, queries, pairs, direction="sideways")
    with refused("no query", "at least"):
        find_examples(learner, queries[:0], pairs, direction="image_to_text")
    with refused("the bank of first bits is empty", "observe(stage)"):
        find_examples(FirstBits(), queries, pairs, direction="image_to_text")
    with refused("'item00", "not among the 5 pairs"):
        find_examples(learner, queries, pairs[:5], direction="image_to_text")
    with refused("meant names 'cat'", "class a, class b"):
        typed_example(pairs, "cat", [0], [1], method="exact", meant=["cat"])


def test_asking_changes_nothing(setting):
    pairs, learner, queries = setting
    before = learner.bank.digests(), queries.image.copy(), pairs.labels.copy()
    find_examples(learner, queries, pairs, direction="image_to_text")
    assert learner.bank.digests() == before[0]
    assert np.array_equal(queries.image, before[1])
    assert np.array_equal(pairs.labels, before[2])
