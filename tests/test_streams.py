"""Splits and streams: every row in one place, no label before its time, and the same stream again from its file."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.data import PairedFeatures
from dlchkit.data.streams import (
    class_incremental_stream,
    load_stream,
    retrieval_split,
    save_stream,
    stage_sizes,
    stream_digest,
)

few = settings(deadline=None, max_examples=30)
PARTS = ("ids", "image", "text", "labels")


@few
@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=60).filter(lambda groups: len(set(groups)) > 1),
    st.floats(0.01, 0.99),
    st.integers(0, 99),
)
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
def test_a_stream_is_a_partition_that_shows_no_label_early(clustered_pairs, several_labels, classes_per_stage, seed):
    data = clustered_pairs(600, several_labels=several_labels)
    stream = class_incremental_stream(data, classes_per_stage=classes_per_stage, seed=seed)
    assert [stage.index for stage in stream] == list(range(len(classes_per_stage)))
    parts = [part for stage in stream for part in (stage.database, stage.query)]
    assert sorted(np.concatenate([part.ids for part in parts])) == data.ids.tolist()
    seen = set()
    for stage, n_new in zip(stream, classes_per_stage, strict=True):
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
    query = {group for stage in stream for group in stage.query.groups}
    assert query.isdisjoint(group for stage in stream for group in stage.database.groups)


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
        with refused(str(sizes), "whole numbers that add up to the data's 6 classes"):
            class_incremental_stream(data, classes_per_stage=sizes)
    for order in ([0, 1, 2, 3, 4, 4], [0, 1, 2, 3, 4], [1, 2, 3, 4, 5, 6]):
        with refused(str(order), "not a permutation", "6 class"):
            class_incremental_stream(data, classes_per_stage=[3, 3], class_order=order)
    with refused("stage", "query item", "classes_per_stage [6] can be filled"):
        class_incremental_stream(data[:12], classes_per_stage=[1] * 6, query_fraction=0.1)


def test_a_split_of_the_data_without_queries_or_database_is_refused(clustered_pairs, refused):
    data = clustered_pairs(24)
    for side, other in (("query", "database"), ("database", "query")):
        with refused(f"the split that the data bring has no '{side}', only '{other}'"):
            class_incremental_stream(replace(data, split=np.full(24, other)), classes_per_stage=[3, 3])


def several_stages(clustered_pairs):
    return clustered_pairs(600, several_labels=True)


def arrivals(stream):
    return {
        item: (stage.index, row.tolist())
        for stage in stream
        for part in (stage.database, stage.query)
        for item, row in zip(part.ids, part.labels, strict=True)
    }


def test_an_item_of_several_stages_arrives_as_it_is_told(clustered_pairs):
    data = several_stages(clustered_pairs)
    order, sizes = np.arange(6), [3, 2, 1]
    stage_of_class = np.repeat(np.arange(3), sizes)
    expected = [sorted(set(stage_of_class[row])) for row in data.labels]
    last = arrivals(class_incremental_stream(data, classes_per_stage=sizes, class_order=order))
    first = arrivals(class_incremental_stream(data, classes_per_stage=sizes, class_order=order, arrival="first"))
    with pytest.warns(UserWarning, match=f"{sum(len(stages) > 1 for stages in expected)} of 600 items"):
        kept = class_incremental_stream(data, classes_per_stage=sizes, class_order=order, arrival="leave_out")
    whole = arrivals(kept)
    for item, labels, stages in zip(data.ids, data.labels, expected, strict=True):
        assert last[item] == (stages[-1], labels.tolist())
        assert first[item] == (stages[0], (labels & (stage_of_class <= stages[0])).tolist())
        assert whole.get(item) == (last[item] if len(stages) == 1 else None)


def test_an_unknown_arrival_is_refused(clustered_pairs, refused):
    with refused("arrival is 'newest'", "'last', 'first', 'leave_out'"):
        class_incremental_stream(clustered_pairs(120), classes_per_stage=[3, 3], arrival="newest")


def test_seeds_share_their_queries_and_change_the_class_order(clustered_pairs):
    data = clustered_pairs(240)
    streams = [class_incremental_stream(data, classes_per_stage=[3, 3], seed=seed) for seed in range(4)]
    queries = [set(np.concatenate([stage.query.ids for stage in stream])) for stream in streams]
    assert all(ids == queries[0] for ids in queries)
    assert len({tuple(stage.new_classes) for stream in streams for stage in stream}) > 2
    other = class_incremental_stream(data, classes_per_stage=[3, 3], split_seed=1)
    assert set(np.concatenate([stage.query.ids for stage in other])) != queries[0]


def test_a_split_that_the_data_brings_holds(clustered_pairs):
    data = clustered_pairs(240)
    split = np.where(np.arange(240) < 60, "query", np.where(np.arange(240) < 90, "validation", "database"))
    stream = class_incremental_stream(replace(data, split=split), classes_per_stage=[3, 3], split_seed=5)
    assert sorted(name for stage in stream for name in stage.query.ids) == data.ids[:60].tolist()
    assert sorted(name for stage in stream for name in stage.database.ids) == data.ids[90:].tolist()


@pytest.mark.parametrize("arrival", ["last", "first"])
def test_a_saved_stream_comes_back_on_rows_in_any_order(clustered_pairs, tmp_path, arrival):
    data = several_stages(clustered_pairs)
    stream = class_incremental_stream(data, classes_per_stage=[3, 2, 1], arrival=arrival, seed=3)
    path = save_stream(stream, tmp_path / "stream.json")
    again = load_stream(path, data[np.random.default_rng(0).permutation(len(data))])
    assert stream_digest(again) == stream_digest(stream) == json.loads(path.read_text())["digest"]
    for one, other in zip(stream, again, strict=True):
        assert np.array_equal(one.new_classes, other.new_classes)
        assert np.array_equal(one.seen_classes, other.seen_classes)
        for part, same in ((one.database, other.database), (one.query, other.query)):
            assert all(np.array_equal(getattr(part, name), getattr(same, name)) for name in PARTS)


def test_a_digest_changes_with_side_stage_label_and_class_order(clustered_pairs):
    data = clustered_pairs(240)
    streams = [
        class_incremental_stream(data, classes_per_stage=sizes, seed=seed, split_seed=split)
        for sizes, seed, split in [([3, 3], 0, 0), ([3, 3], 1, 0), ([3, 3], 0, 1), ([2, 4], 0, 0)]
    ]
    relabelled = data.labels.copy()
    relabelled[0, :] = True
    streams.append(class_incremental_stream(replace(data, labels=relabelled), classes_per_stage=[3, 3]))
    assert len({stream_digest(stream) for stream in streams}) == 5


def test_a_stream_file_that_does_not_fit_is_refused(clustered_pairs, tmp_path, refused):
    data = clustered_pairs(120)
    path = save_stream(class_incremental_stream(data, classes_per_stage=[3, 3]), tmp_path / "stream.json")
    with refused("names item", "does not hold"):
        load_stream(path, data[:100])
    with refused("saved for classes a, b, c", "the data has b"):
        load_stream(path, replace(data, class_names=tuple("bcdefg")))
    with refused("labels are not those", "digest"):
        load_stream(path, replace(data, labels=np.roll(data.labels, 1, axis=1)))
    with refused("ids repeat: 120 items have 119"):
        load_stream(path, replace(data, ids=np.concatenate([data.ids[:1], data.ids[:-1]])))
    with refused("cannot be read", "save_stream"):
        load_stream(tmp_path / "absent.json", data)
    for content in ("", "[]", '{"stages": 3}', path.read_text()[:200], "\x00\xff"):
        (tmp_path / "broken.json").write_text(content)
        with refused("not a stream file"):
            load_stream(tmp_path / "broken.json", data)
