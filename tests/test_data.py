"""Data sets, splits and streams: every row in one place, and no label before its time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.data import PairedFeatures, SourceFeatures, choose_labelled, class_incremental_stream, retrieval_split, stage_sizes

few = settings(deadline=None, max_examples=30)


@few
@given(st.lists(st.integers(0, 9), min_size=2, max_size=60).filter(lambda groups: len(set(groups)) > 1), st.floats(0.01, 0.99), st.integers(0, 99))
def test_a_split_is_a_partition_that_keeps_groups_together(groups, query_fraction, seed):
    groups = np.array(groups).astype(str)
    query, database = retrieval_split(groups, query_fraction=query_fraction, seed=seed)
    assert len(query) and len(database)
    assert sorted([*query, *database]) == list(range(len(groups)))
    assert not set(groups[query]) & set(groups[database])
    assert np.array_equal(query, np.sort(query)) and np.array_equal(database, np.sort(database))


def test_a_split_depends_on_its_seed_alone():
    groups = np.arange(100).astype(str)
    splits = [retrieval_split(groups, seed=seed)[0].tolist() for seed in (1, 1, 2)]
    assert splits[0] == splits[1] != splits[2]
    assert len(splits[0]) == 15


def test_a_split_that_cannot_be_is_refused(refused):
    for fraction in (0, 1, -0.1, float("nan")):
        with refused(f"query_fraction is {fraction}", "between 0 and 1"):
            retrieval_split(np.array(["a", "b"]), query_fraction=fraction)
    with refused("3 items", "one group ('a')", "two"):
        retrieval_split(np.array(["a", "a", "a"]))


@few
@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_stage_sizes_add_up_and_the_increments_are_equal(classes_and_stages):
    n_classes, n_stages = classes_and_stages
    sizes = stage_sizes(n_classes, n_stages)
    assert len(sizes) == n_stages and sum(sizes) == n_classes and min(sizes) >= 1
    assert len(set(sizes[1:])) <= 1


def test_more_stages_than_classes_are_refused(refused):
    for n_stages in (0, 4):
        with refused("3 classes", f"{n_stages} stages", "1 to 3"):
            stage_sizes(3, n_stages)


@few
@given(st.booleans(), st.sampled_from([[6], [2, 2, 2], [3, 2, 1]]), st.integers(0, 99))
def test_a_stream_is_a_partition_and_shows_no_label_before_its_time(clustered_pairs, several_labels, classes_per_stage, seed):
    data = clustered_pairs(600, several_labels=several_labels)
    stream = class_incremental_stream(data, classes_per_stage=classes_per_stage, seed=seed)
    assert [stage.index for stage in stream] == list(range(len(classes_per_stage)))
    parts = [part for stage in stream for part in (stage.database, stage.query)]
    assert sorted(np.concatenate([part.ids for part in parts])) == data.ids.tolist()
    seen = set()
    for stage, n_new in zip(stream, classes_per_stage):
        new = set(stage.new_classes.tolist())
        assert len(new) == n_new and not new & seen
        seen |= new
        assert set(stage.seen_classes.tolist()) == seen
        for part in (stage.database, stage.query):
            assert set(np.flatnonzero(part.labels.any(0)).tolist()) <= seen
            assert part.labels[:, sorted(new)].any(1).all()  # arrives with the last of its labels
    assert seen == set(range(6))


def test_queries_and_databases_of_all_stages_share_no_group(clustered_pairs):
    data = clustered_pairs(180)
    grouped = PairedFeatures(**{**vars(data), "groups": (np.arange(180) // 3).astype(str)})
    stream = class_incremental_stream(grouped, classes_per_stage=[2, 2, 2])
    query, database = (set(np.concatenate([getattr(stage, side).groups for stage in stream])) for side in ("query", "database"))
    assert not query & database


def test_rows_stay_aligned_on_their_way_into_a_stage(clustered_pairs):
    data = clustered_pairs(120)
    row_of = {name: row for row, name in enumerate(data.ids)}
    for stage in class_incremental_stream(data, classes_per_stage=[3, 3]):
        rows = [row_of[name] for name in stage.database.ids]
        assert np.array_equal(stage.database.image, data.image[rows])
        assert np.array_equal(stage.database.text, data.text[rows])
        assert np.array_equal(stage.database.labels, data.labels[rows])


def test_the_class_order_may_be_given(clustered_pairs):
    stream = class_incremental_stream(clustered_pairs(120), classes_per_stage=[4, 2], class_order=[5, 4, 3, 2, 1, 0])
    assert [stage.new_classes.tolist() for stage in stream] == [[5, 4, 3, 2], [1, 0]]


def test_a_stream_that_cannot_be_is_refused(clustered_pairs, refused):
    data = clustered_pairs(120)
    for sizes in ([3, 2], [6, 1], [6, 0], [7, -1]):
        with refused(str(sizes), f"adds up to {sum(sizes)}", "6 classes", "every stage needs one"):
            class_incremental_stream(data, classes_per_stage=sizes)
    for order in ([0, 1, 2, 3, 4, 4], [0, 1, 2, 3, 4], [1, 2, 3, 4, 5, 6]):
        with refused(str(order), "not a permutation", "6 class"):
            class_incremental_stream(data, classes_per_stage=[3, 3], class_order=order)
    with refused("stage", "query item", "fewer stages or larger classes"):
        class_incremental_stream(data[:12], classes_per_stage=[1] * 6, query_fraction=0.1)


@few
@given(st.booleans(), st.integers(1, 30), st.integers(0, 99))
def test_every_class_gets_its_labelled_items_out_of_the_rows_given(clustered_pairs, several_labels, per_class, seed):
    labels, rows = clustered_pairs(120, several_labels=several_labels).labels, np.arange(0, 120, 2)  # of classes 0, 2 and 4, and others by chance
    chosen = choose_labelled(labels, rows, per_class=per_class, seed=seed)
    assert set(chosen) <= set(rows) and np.array_equal(chosen, np.unique(chosen))
    available, found = labels[rows].sum(0), labels[chosen].sum(0)
    assert (found >= np.minimum(available, per_class)).all()
    if not several_labels:
        assert np.array_equal(found, np.minimum(available, per_class))


def test_no_labelled_item_per_class_is_refused(refused):
    with refused("per_class is 0", "at least 1"):
        choose_labelled(np.eye(3, dtype=bool), np.arange(3), per_class=0)


def test_a_pair_without_a_label_is_refused(clustered_pairs, refused):
    data = clustered_pairs(12)
    labels = data.labels.copy()
    labels[7] = False
    with refused("item0007", "no label", "6 classes"):
        PairedFeatures(**{**vars(data), "labels": labels})


def test_fields_of_unequal_length_are_refused(clustered_pairs, refused):
    data = clustered_pairs(12)
    with refused("text has 11 rows", "12"):
        PairedFeatures(**{**vars(data), "text": data.text[:11]})


@pytest.mark.parametrize("rows", [slice(2, 9, 3), np.array([5, 0, 5]), np.arange(12) % 2 == 0])
def test_chosen_rows_are_again_a_data_set(clustered_pairs, rows):
    data = clustered_pairs(12)
    chosen = data[rows]
    assert isinstance(chosen, PairedFeatures) and chosen.class_names == data.class_names
    for name in ("ids", "image", "text", "labels", "groups"):
        assert np.array_equal(getattr(chosen, name), getattr(data, name)[rows])


def test_concatenating_undoes_a_cut(clustered_pairs):
    data = clustered_pairs(12)
    joined = data[:5].concatenate(data[5:9], data[9:])
    for name in ("ids", "image", "text", "labels", "groups"):
        assert np.array_equal(getattr(joined, name), getattr(data, name))


def test_other_classes_cannot_be_joined(refused):
    image, labels = np.zeros((2, 3), np.float32), np.array([0, 1])
    one, other = (SourceFeatures(image=image, labels=labels, class_names=names) for names in (("a", "b"), ("b", "a")))
    with refused("class names", "same order"):
        one.concatenate(other)
