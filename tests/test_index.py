"""The index answers as the plain distance matrix does, keeps its ids through changes and files, refuses the rest."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit.bank import CodeBank
from dlchkit.codes import hamming_distance
from dlchkit.index import KINDS, FaissIndex, load_index
from dlchkit.storage import digest

EXACT = [("flat", {}), ("ivf", {"nlist": 4, "nprobe": 4})]
ALL = [*EXACT, ("hnsw", {"efSearch": 400}), ("multihash", {"nhash": 2, "b": 8, "nflip": 8})]


def codes_of(n, n_bits=16, seed=0):
    return np.where(np.random.default_rng(seed).random((n, n_bits)) < 0.5, -1, 1).astype(np.int8)


def names_of(n, start=0):
    return np.array([f"item{i}" for i in range(start, start + n)])


def filled(kind="flat", n=300, n_bits=16, **options):
    index = FaissIndex(n_bits, kind=kind, **options)
    index.add(codes_of(n, n_bits), names_of(n))
    return index


def plain_search(queries, database, names, k):
    """Distances and ids by a stable sort of the whole distance matrix."""
    distance = hamming_distance(queries, database)
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distance, order, axis=1), names[order]


@pytest.mark.parametrize(("kind", "options"), ALL)
@pytest.mark.parametrize("n_bits", [8, 16, 40, 64])
def test_nearest_as_by_the_plain_reference(kind, options, n_bits):
    if kind == "multihash":
        options = {"nhash": n_bits // 8, "b": 8, "nflip": 8}  # every part may differ: nothing is missed
    index = filled(kind, n_bits=n_bits, **options)
    database, queries = codes_of(300, n_bits), codes_of(20, n_bits, seed=1)
    answer = index.search(queries, 25)
    distances, found = plain_search(queries, database, names_of(300), 25)
    assert answer.distances.dtype == np.int32 and answer.found.all()
    if kind == "hnsw":  # a graph may miss codes, most of all equal ones
        assert (answer.distances <= distances[:, -1:]).mean() > 0.9
    else:
        np.testing.assert_array_equal(answer.distances, distances)
    if kind == "flat":
        np.testing.assert_array_equal(answer.ids, found)


@pytest.mark.parametrize(("kind", "options"), ALL)
def test_ids_belong_to_their_distances_and_ties_stand_in_order_of_insertion(kind, options):
    index, queries = filled(kind, **options), codes_of(20, seed=1)
    answer = index.search(queries, 40)
    rows = np.char.replace(answer.ids, "item", "").astype(int)
    assert answer.ids.dtype.kind == "U"
    distance = hamming_distance(queries, codes_of(300))
    np.testing.assert_array_equal(np.take_along_axis(distance, rows, axis=1), answer.distances)
    step, tied = np.diff(answer.distances), np.diff(rows)
    assert (step >= 0).all() and (tied[step == 0] > 0).all()


@pytest.mark.parametrize(("kind", "options"), [case for case in ALL if KINDS[case[0]].ranges])
def test_within_a_radius_as_by_the_plain_reference(kind, options):
    index, queries = filled(kind, **options), codes_of(10, seed=1)
    distance = hamming_distance(queries, codes_of(300))
    for radius in (0, 4, 16, 99):
        for row, found in zip(distance, index.within(queries, radius), strict=True):
            order = np.argsort(row, kind="stable")
            order = order[row[order] <= radius]
            np.testing.assert_array_equal(found.distances, row[order])
            np.testing.assert_array_equal(found.ids, names_of(300)[order])


@st.composite
def life(draw):
    """A sequence of additions and removals over few ids, so that ids come, go and come back."""
    steps = draw(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 15), max_size=8)), min_size=1, max_size=8))
    return steps, draw(st.integers(0, 2**32 - 1))


@settings(max_examples=40, deadline=None)
@given(life(), st.integers(1, 20), st.integers(0, 8))
def test_any_life_of_additions_and_removals(tmp_path_factory, story, k, radius):
    steps, seed = story
    random = np.random.default_rng(seed)
    index, stored = FaissIndex(8), {}  # a dictionary keeps order of insertion, also of what comes back
    for adds, chosen in steps:
        names = [f"id{i}" for i in sorted(chosen) if (f"id{i}" in stored) != adds]
        if adds:
            codes = np.where(random.random((len(names), 8)) < 0.5, -1, 1).astype(np.int8)
            index.add(codes, np.array(names, dtype=str))
            stored.update(zip(names, codes, strict=True))
        else:
            index.remove(np.array(names, dtype=str))
            for name in names:
                del stored[name]
    if index.faiss_index is not None:
        folder = tmp_path_factory.mktemp("life")
        index.save(folder)
        index = load_index(folder)
    queries = codes_of(3, 8, seed=1)
    database = np.array(list(stored.values()), dtype=np.int8).reshape(-1, 8)
    distances, found = plain_search(queries, database, np.array(list(stored), dtype=str), k)
    answer = index.search(queries, k)
    assert len(index) == len(stored) and answer.distances.shape == (3, min(k, len(stored)))
    np.testing.assert_array_equal(answer.distances, distances)
    np.testing.assert_array_equal(answer.ids, found)
    for row, near in zip(hamming_distance(queries, database), index.within(queries, radius), strict=True):
        np.testing.assert_array_equal(near.distances, np.sort(row[row <= radius]))


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_removed_items_are_gone_and_may_come_back(kind):
    index = filled(kind, **dict(EXACT)[kind])
    before = index.search(codes_of(1), 1)
    index.remove(names_of(150))
    assert len(index) == 150 and not set(index.search(codes_of(20), 150).ids.ravel()) & set(names_of(150))
    assert before.ids.tolist() == [["item0"]], "an answer given before keeps its ids"
    index.add(codes_of(1), np.array(["item0"]))
    assert index.search(codes_of(1), 1).ids.tolist() == [["item0"]]
    np.testing.assert_array_equal(
        index.search(codes_of(20), 1).distances[:, 0],
        hamming_distance(codes_of(20), codes_of(300)[[0, *range(150, 300)]]).min(1),
    )


def test_more_neighbours_than_items_gives_what_there_is():
    assert filled(n=3).search(codes_of(2), 10).ids.shape == (2, 3)
    empty = FaissIndex(16)
    assert empty.search(codes_of(2), 10).ids.shape == (2, 0)
    assert [len(found.ids) for found in empty.within(codes_of(2), 16)] == [0, 0]
    assert filled().search(codes_of(0), 5).distances.shape == (0, 5) and filled().within(codes_of(0), 5) == []


def test_an_approximate_kind_marks_what_it_did_not_find():
    ones = np.ones((1, 16), dtype=np.int8)
    index = FaissIndex(16, kind="multihash", nhash=1, b=8, nflip=0)
    index.add(np.vstack([ones, -ones]), np.array(["near", "far"]))
    answer = index.search(ones, 2)
    assert answer.found.tolist() == [[True, False]] and answer.ids.tolist() == [["near", ""]]
    assert answer.distances.tolist() == [[0, 2**31 - 1]]


def test_of_a_bank():
    bank = CodeBank(16)
    for stage, start in enumerate((0, 40)):
        bank.append(codes_of(40, seed=stage), labels=np.ones((40, 1), dtype=bool), ids=names_of(40, start), stage=stage)
    index = FaissIndex.of(bank)
    distances, found = plain_search(bank.codes[:5], bank.codes, bank.ids, 9)
    answer = index.search(bank.codes[:5], 9)
    np.testing.assert_array_equal(answer.distances, distances)
    np.testing.assert_array_equal(answer.ids, found)
    assert "16, kind='flat'" in repr(index) and "80 codes" in repr(index)


@pytest.mark.parametrize(("kind", "options"), ALL)
def test_saved_and_opened_it_answers_the_same_and_goes_on(kind, options, tmp_path):
    index = filled(kind, **options)
    if index._settings.removes:
        index.remove(names_of(7, 290))
    assert index.save(tmp_path / "saved").name == "index.json"
    again = load_index(tmp_path / "saved")
    assert (again.kind, again.n_bits, len(again), again._settings) == (kind, 16, len(index), index._settings)
    for grown in (False, kind != "hnsw"):  # a graph draws its levels anew once it is opened
        if grown:
            for one in (index, again):
                one.add(codes_of(30, seed=2), names_of(30, 1000))
        first, second = (one.search(codes_of(20, seed=1), 30) for one in (index, again))
        np.testing.assert_array_equal(first.distances, second.distances)
        np.testing.assert_array_equal(first.ids, second.ids)


def test_saving_again_replaces_the_old_and_touches_nothing_else(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    index = filled()
    index.save(tmp_path)
    index.add(codes_of(1, seed=3), np.array(["another"]))
    index.save(tmp_path)
    assert len(load_index(tmp_path)) == 301
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_save_that_is_cut_off_leaves_the_old_index_whole(tmp_path, monkeypatch):
    index = filled()
    index.save(tmp_path)
    index.add(codes_of(1, seed=3), np.array(["another"]))
    from dlchkit.index import index_files

    def fails(header):
        raise OSError("disk full")

    monkeypatch.setattr(index_files, "_digest", fails)  # parts written, header not
    with pytest.raises(OSError, match="disk full"):
        index.save(tmp_path)
    monkeypatch.undo()
    assert len(load_index(tmp_path)) == 300


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip])
@pytest.mark.parametrize("part", ["codes-*.faiss", "ids-*.json"])
def test_damaged_parts_are_refused(part, damage, tmp_path, refused):
    filled().save(tmp_path)
    (path,) = tmp_path.glob(part)
    damage(path)
    with refused(path.name, "SHA-256 differs", "save the index again"):
        load_index(tmp_path)
    path.unlink()
    with refused(path.name, "is missing"):
        load_index(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-20], "not readable JSON"),
        (lambda text: text.replace('"count": 300', '"count": 299'), "was changed after it was written"),
        (lambda text: text.replace('"kind": "flat"', '"kind": "hnsw"'), "was changed after it was written"),
        (lambda text: text.replace('"schema": 2', '"schema": 1'), "not an index of schema 2"),
        (lambda text: "[1, 2]", "not an index of schema 2"),
        (lambda text: json.dumps({"schema": 2}), "was changed after it was written"),
    ],
)
def test_damaged_headers_are_refused(change, said, tmp_path, refused):
    header = filled().save(tmp_path)
    text = header.read_text()
    assert change(text) != text
    header.write_text(change(text))
    with refused("index.json", said):
        load_index(tmp_path)


def with_part(folder, name, content):
    """A saved index with another part under a right checksum, as another program could write it."""
    header = json.loads((folder / "index.json").read_text())
    header.pop("sha256")
    (folder / header["parts"][name]["file"]).write_bytes(content)
    header["parts"][name]["sha256"] = hashlib.sha256(content).hexdigest()
    header["sha256"] = digest(json.dumps(header, sort_keys=True))
    (folder / "index.json").write_text(json.dumps(header))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[", "not readable JSON"),
        (b"\xff\xfe", "not readable JSON"),
        (b"[" * 5000, "not readable JSON"),
        (b'{"a": 1}', "no list of ids"),
        (b"[1, 2]", "no list of ids"),
        (json.dumps(["a"] * 300).encode(), "holds an id twice"),
        (json.dumps(["a", "b"]).encode(), "should hold 300 codes"),
        (json.dumps(["", *(f"item{i}" for i in range(300))]).encode(), "do not belong together"),
    ],
)
def test_ids_that_do_not_belong_to_the_codes_are_refused(content, said, tmp_path, refused):
    filled().save(tmp_path)
    with_part(tmp_path, "ids.json", content)
    with refused(said, "save the index again"):
        load_index(tmp_path)


@pytest.mark.parametrize(("kind", "options"), [("ivf", {"nlist": 4}), ("hnsw", {}), ("multihash", {})])
def test_codes_of_another_kind_are_refused(kind, options, tmp_path, refused):
    other = tmp_path / "other"
    filled(kind, **options).save(other)
    codes = next(other.glob("codes-*")).read_bytes()
    filled().save(tmp_path)
    with_part(tmp_path, "codes.faiss", codes)
    with refused("of another kind than 'flat'"):
        load_index(tmp_path)


@pytest.mark.parametrize(("kind", "options"), [("flat", {}), ("ivf", {"nlist": 4}), ("hnsw", {}), ("multihash", {})])
def test_an_index_that_was_loaded_needs_its_files_no_more(kind, options, tmp_path):
    filled(kind, **options).save(tmp_path)
    index = load_index(tmp_path)
    before = index.search(codes_of(5, seed=1), 4)
    for path in tmp_path.iterdir():
        with path.open("r+b") as file:
            file.truncate(10)
    after = index.search(codes_of(5, seed=1), 4)
    assert np.array_equal(before.ids, after.ids) and np.array_equal(before.distances, after.distances)


def test_an_empty_folder_and_an_empty_index(tmp_path, refused):
    with refused("holds no index"):
        load_index(tmp_path)
    with refused("never held a code"):
        FaissIndex(16).save(tmp_path)


def test_codes_and_ids_that_do_not_fit_change_nothing(refused):
    index, one = filled(), codes_of(1)
    with refused("codes have shape (1, 8)", "16 bits"):
        index.add(codes_of(1, 8), np.array(["new"]))
    with refused("hold the value 0"):
        index.add(0 * one, np.array(["new"]))
    with refused("1 codes and 2 ids"):
        index.add(one, np.array(["new", "newer"]))
    with refused("'item7' is in the index twice"):
        index.add(codes_of(2), np.array(["new", "item7"]))
    with refused("'new' is in the index twice"):
        index.add(codes_of(3), np.array(["new", "other", "new"]))
    with refused("id number 1 is empty"):
        index.add(codes_of(2), np.array(["new", ""]))
    with refused("must be strings"):
        index.add(one, np.array([1]))
    with refused("'nobody' is not in the index"):
        index.remove(np.array(["item1", "nobody"]))
    with refused("'item1' is named twice"):
        index.remove(np.array(["item1", "item1"]))
    assert len(index) == 300 and index.search(one, 1).ids.tolist() == [["item0"]]
    with refused("k is 0"):
        index.search(one, 0)
    with refused("radius is -1", "from 0 to 16"):
        index.within(one, -1)


def test_what_a_kind_cannot_do_names_the_kind_that_can(refused):
    for kind in ("hnsw", "multihash"):
        with refused(f"kind '{kind}' cannot remove items", "'flat' or 'ivf' can"):
            filled(kind).remove(names_of(1))
    with refused("kind 'hnsw' cannot search within a radius", "'flat' or 'ivf' or 'multihash' can"):
        filled("hnsw").within(codes_of(1), 2)
    with refused("needs 1,521 of them, got 300", "kind 'flat' takes any number"):
        filled("ivf")
    with refused("needs 390 of them"):
        filled("ivf", nlist=10)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "tree"}, "kind is 'tree'; it must be one of flat, ivf, hnsw, multihash"),
        ({"kind": "flat", "nprobe": 3}, "kind 'flat' has no setting 'nprobe'; it has none"),
        ({"kind": "ivf", "probes": 3}, "it has nlist, nprobe"),
        ({"kind": "ivf", "nprobe": 0}, "nprobe is 0"),
        ({"kind": "hnsw", "M": 2.5}, "M is 2.5"),
        ({"n_bits": 12}, "n_bits is 12; an index stores codes of a multiple of 8 bits, e.g. 16"),
    ],
)
def test_kinds_and_settings_that_do_not_exist(options, said, refused):
    with refused(said):
        FaissIndex(**{"n_bits": 16, **options})
    with refused("3 tables of 8 bits need 24; the codes have 16"):
        filled("multihash", nhash=3, b=8)


def test_ids_of_any_alphabet_and_length():
    names = np.array(["ä", "语" * 50, "a", "a a", "A", "0", "00"])
    index = FaissIndex(8)
    index.add(codes_of(7, 8), names)
    assert sorted(index.search(codes_of(1, 8), 7).ids[0]) == sorted(names)
    index.remove(["语" * 50, "0"])
    assert sorted(index.search(codes_of(1, 8), 7).ids[0]) == sorted(["ä", "a", "a a", "A", "00"])


@pytest.mark.parametrize("kind", KINDS)
def test_without_faiss_one_line_says_what_to_install(kind, monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "faiss", None)
    index = FaissIndex(16, kind=kind)
    with refused("faiss is not installed", 'pip install "dlchkit[search]"'):
        index.add(codes_of(2000), names_of(2000))


def test_importing_dlchkit_and_the_index_imports_no_faiss():
    code = [
        "import sys",
        "import dlchkit",
        "from dlchkit.index import FaissIndex",
        "FaissIndex(64)",
        "assert not {'faiss', 'pymilvus', 'torch'} & set(sys.modules)",
    ]
    subprocess.run([sys.executable, "-c", "; ".join(code)], check=True)
