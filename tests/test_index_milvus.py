"""Milvus gives the same distances as FAISS, where a Milvus with binary vectors is installed."""

import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from dlchkit.errors import DataError
from dlchkit.index import FaissIndex, MilvusIndex, load_index, milvus_index


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A milvus-lite file, where milvus-lite has binary vectors."""
    pytest.importorskip("pymilvus", reason="pymilvus is not installed (extra 'milvus')")
    path = str(tmp_path_factory.mktemp("milvus") / "codes.db")
    try:
        MilvusIndex(8, path, collection="try").close()
    except DataError as reason:
        pytest.skip(str(reason))
    return path


@pytest.fixture
def index(uri, request):
    index = MilvusIndex(16, uri, collection=request.node.name)
    index.add(codes_of(300), names_of(300))
    yield index
    index.close()


def codes_of(n, n_bits=16, seed=0):
    return np.where(np.random.default_rng(seed).random((n, n_bits)) < 0.5, -1, 1).astype(np.int8)


def names_of(n, start=0):
    return np.array([f"item{i}" for i in range(start, start + n)])


@pytest.fixture
def flat():
    flat = FaissIndex(16)
    flat.add(codes_of(300), names_of(300))
    return flat


def test_the_same_distances_as_faiss(index, flat):
    queries = codes_of(20, seed=1)
    for k in (1, 25, 1000):
        ours, theirs = index.search(queries, k), flat.search(queries, k)
        np.testing.assert_array_equal(ours.distances, theirs.distances)
        assert ours.distances.dtype == np.int32 and ours.found.all()
    # With everything in the answer the order of ties is insertion alone.
    np.testing.assert_array_equal(ours.ids, theirs.ids)


def test_the_same_items_within_a_radius(index, flat):
    queries = codes_of(10, seed=1)
    for radius in (0, 4, 16):
        for ours, theirs in zip(index.within(queries, radius), flat.within(queries, radius), strict=True):
            np.testing.assert_array_equal(ours.distances, theirs.distances)
            np.testing.assert_array_equal(ours.ids, theirs.ids)


def test_removed_added_saved_and_opened(index, flat, tmp_path, uri):
    for one in (index, flat):
        one.remove(names_of(100))
        one.add(codes_of(30, seed=2), names_of(30, 50))
    index.save(tmp_path)
    index.close()
    again = load_index(tmp_path)
    assert len(again) == len(flat) == 230
    ours, theirs = (one.search(codes_of(20, seed=1), 230) for one in (again, flat))
    np.testing.assert_array_equal(ours.distances, theirs.distances)
    np.testing.assert_array_equal(ours.ids, theirs.ids)
    again.remove(again.search(codes_of(1), 230).ids[0])
    assert len(again) == 0
    assert again.search(codes_of(2), 3).ids.shape == (2, 0)
    assert len(again.within(codes_of(2), 3)) == 2
    again.close()


def test_what_does_not_fit_is_refused_and_changes_nothing(index, refused, tmp_path, uri, monkeypatch):
    with refused("'item7' is in the index twice"):
        index.add(codes_of(2), np.array(["new", "item7"]))
    with refused("'new' is in the index twice"):
        index.add(codes_of(2), np.array(["new", "new"]))
    with refused("1 codes and 2 ids"):
        index.add(codes_of(1), np.array(["new", "newer"]))
    with refused("more than 1024 bytes"):
        index.add(codes_of(1), np.array(["ä" * 600]))
    with refused("'nobody' is not in the index"):
        index.remove(np.array(["item1", "nobody"]))
    with refused("'item1' is named twice"):
        index.remove(np.array(["item1", "item1"]))
    with refused("k is 20,000", "at most 16,384"):
        index.search(codes_of(1), 20_000)
    monkeypatch.setattr(milvus_index, "MOST", 300)
    with refused("query 0 has 300 items or more within 16"):
        index.within(codes_of(1), 16)
    assert len(index) == 300
    with monkeypatch.context() as patch, refused("gave fewer than 5 of the 300 items"):
        patch.setattr(MilvusIndex, "_ask", lambda *_: [((0,), (0,), ("item0",))])
        index.search(codes_of(1), 5)
    with refused("holds codes of 16 bits, not 32"):
        MilvusIndex(32, uri, collection=index.collection)
    index.save(tmp_path)
    index._client.drop_collection(index.collection)
    with refused("holds no collection", "any more"):
        MilvusIndex.load(tmp_path)


def test_a_milvus_without_binary_vectors_is_told_at_once(uri, monkeypatch, refused):
    def cannot(*_):
        raise RuntimeError("BinaryVector which MilvusLite does not support")

    monkeypatch.setattr(milvus_index, "_create", cannot)
    with refused("has no binary vectors", "milvus-lite 2.5.1", "setuptools<80", "BinaryVector which MilvusLite"):
        MilvusIndex(16, uri, collection="another")


def test_places_that_are_none(uri, refused):
    with refused("must be http://host:port", "ends in .db"):
        MilvusIndex(16, "codes.sqlite")


def test_without_pymilvus_one_line_says_what_to_install(monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with refused("pymilvus is not installed", "dlchkit[milvus]"):
        MilvusIndex(16, "codes.db")


def test_the_extra_is_named_as_the_message_says():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any(line.startswith("pymilvus") for line in project["optional-dependencies"]["milvus"])
