"""The search benchmark measures what it says, and the page of scale is what its products give; how fast is no matter here."""

import json

import numpy as np
import pytest

from dlchkit.bench import search
from dlchkit.bench.scale import Machine, work_out_scale
from dlchkit.bench.scale_page import scale_page
from dlchkit.cli import main
from dlchkit.codes import hamming_distance, unpack_codes

SMALL = ["--items", "2000", "--bits", "16", "--queries", "20", "-k", "5", "--repeat", "1"]
ROW = {"kind": "flat", "n_items": 10**6, "n_bits": 64, "queries_per_second": 1000.0, "bytes_per_item": 40.0, "recall": 1.0}
INCREMENT = {"seconds_per_increment": 2.0, "new_items": 1000, "state_bytes": 10**6, "n_features": 512, "n_classes": 100}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(search, "AT_LEAST", 0.001)


def test_every_kind_is_measured_beside_plain_faiss(capsys):
    assert main(["bench", "search", "--json", *SMALL]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert [measured[key] for key in ("what", "n_queries", "k", "threads", "repeat")] == ["search", 20, 5, 1, 1]
    assert set(measured["versions"]) == {"python", "dlchkit", "numpy", "faiss-cpu"} and measured["machine"]
    assert [row["kind"] for row in measured["rows"]] == ["flat", "ivf", "hnsw", "multihash"]
    for row in measured["rows"]:
        assert (row["n_items"], row["n_bits"], len(row["runs"]), len(row["plain_runs"])) == (2000, 16, 1, 1)
        assert row["queries_per_second"] == pytest.approx(20 / row["runs"][0])
        assert row["ratio"] == pytest.approx(row["plain_runs"][0] / row["runs"][0])
        assert 0 < row["recall"] <= 1 and row["build_seconds"] > 0 and row["ids_seconds"] >= 0
    assert measured["rows"][0]["recall"] == 1


def test_the_ratio_is_the_median_over_turns_and_both_sides_come_first_in_turn(monkeypatch):
    seconds = iter([1.0, 2.0, 4.0, 1.0, 3.0, 3.0])  # plain first, ours first, plain first
    monkeypatch.setattr(search, "_mean_seconds", lambda function, *_: next(seconds, 0.0))
    codes, queries = search.clustered_codes(200, 5, n_bits=16, seed=0)
    row = search._measure("flat", codes, queries, search.kth_distances(queries, codes, 3), 3, 3)
    assert (row["plain_runs"], row["runs"]) == ([1.0, 1.0, 3.0], [2.0, 4.0, 3.0])
    assert row["ratio"] == np.median([1 / 2, 1 / 4, 1]) and row["queries_per_second"] == 5 / 3


def test_recall_counts_by_distance(monkeypatch):
    codes, queries = search.clustered_codes(3000, 15, n_bits=16, seed=0)
    distance = hamming_distance(unpack_codes(queries), unpack_codes(codes))
    kth = search.kth_distances(queries, codes, 7)
    np.testing.assert_array_equal(kth, np.sort(distance, axis=1)[:, 6])
    for kind in ("flat", "multihash"):
        index, seconds, _held = search._build(kind, codes)
        answer = index.search(unpack_codes(queries), 7)
        good = sum(d <= limit for row, limit in zip(answer.distances.tolist(), kth) for d in row)
        assert search._measure(kind, codes, queries, kth, 7, 1)["recall"] == pytest.approx(good / (15 * 7)) and seconds > 0
    assert search._measure("flat", codes, queries, kth - 17, 7, 1)["recall"] == 0, "what is farther than the true k-th does not count"


def test_clusters_are_neither_trivial_nor_random():
    codes, queries = search.clustered_codes(5000, 50, n_bits=64, seed=0)
    near = search.kth_distances(queries, codes, 100)
    assert codes.shape == (5000, 8) and codes.dtype == np.uint8 and 0 < near.min() and near.max() < 20
    np.testing.assert_array_equal(codes, search.clustered_codes(5000, 50, n_bits=64, seed=0)[0])


def test_a_line_for_each_row_and_threads_put_back(capsys):
    import faiss

    before = faiss.omp_get_max_threads()
    try:
        faiss.omp_set_num_threads(2)
        assert main(["bench", "search", *SMALL, "--kinds", "flat", "hnsw"]) == 0
        assert faiss.omp_get_max_threads() == 2
    finally:
        faiss.omp_set_num_threads(before)
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 3 and "batches of 20 queries, 5 neighbours each, one thread, medians of 1" in shown[0]
    assert "2,000 x  16 bits  flat" in shown[1] and "recall by distance 1.0000" in shown[1] and "hnsw" in shown[2]


def test_scale_by_hand():
    machine = Machine(memory_gb=10, cores=4, price_per_hour=2)
    smaller = {**ROW, "n_items": 10**5, "queries_per_second": 20_000.0, "bytes_per_item": 99.0}
    found = work_out_scale([ROW, smaller], INCREMENT, n_items=10**9, n_classes=10_000, machine=machine, queries_per_second=100)
    (one,) = found["search"]
    assert one["memory_bytes"] == 40e9 and one["machines_for_memory"] == 5  # 40 GB / 8 GB
    assert one["seconds_per_query"] == pytest.approx(1.0)  # 1 ms at a million, a thousand times as many
    assert one["machines_for_queries"] == one["machines"] == 25 and one["price_per_hour"] == 50
    assert one["seconds_on_all_cores"] == pytest.approx(1 / 100)
    assert one["growth"] == pytest.approx(2) and one["measured_items"] == [10**5, 10**6]
    assert found["labels_dense_bytes"] == 10**13
    training = found["training"]
    assert training["seconds"] == pytest.approx(2e6) and training["seconds_at_most"] == pytest.approx(2e8)
    assert training["state_bytes_at_most"] == 10**8 and training["price"] == pytest.approx(2e6 / 3600 * 2)


def test_fewer_classes_than_measured_shrink_nothing():
    assert work_out_scale([ROW], INCREMENT, n_classes=10)["training"]["state_bytes_at_most"] == 10**6


def test_the_page_shows_every_derivation(tmp_path, capsys):
    for name, content in {"search": {"rows": [ROW]}, "increment": INCREMENT}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    page = tmp_path / "scale.md"
    files = [str(tmp_path / "search.json"), "--increment", str(tmp_path / "increment.json")]
    assert main(["bench", "scale", *files, "--price", "0.5", "--page", str(page)]) == 0
    assert capsys.readouterr().out.strip() == str(page)
    text = page.read_text(encoding="utf-8")
    assert "# 1,000,000,000 items, 10,000 classes" in text
    assert "1,000,000,000 items x 40.0 bytes = 40 GB" in text and "1,000,000,000 items x 1e-09 s = 1 s per query" in text
    assert "2 s / 1,000 new items = 0.002 s per item" in text and "x 100 (10,000 classes / 100 measured)" in text
    assert "1,000,000,000 x 10,000 = 10 TB" in text and "1,000 times as far" in text and "one size only" in text
    assert main(["bench", "scale", files[0]]) == 0
    assert "No increment was measured" in capsys.readouterr().out
    assert main(["bench", "scale", files[0], "--items", "1e6", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["search"][0]["memory_bytes"] == 40e6
    assert "0.10 times as long at the largest" in scale_page(work_out_scale([{**ROW, "n_items": 10**5}, ROW]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kinds", "tree"], "kind is 'tree'; it must be one of flat, ivf, hnsw, multihash"),
        (["--items", "0"], "items is 0; it must be at least 1"),
        (["--items", "40", "-k", "50"], "k is 50 and the smallest size 40"),
        (["--bits", "12"], "n_bits is 12"),
        (["--repeat", "0"], "repeat is 0"),
    ],
)
def test_mistakes_of_search_end_with_2_and_one_line(arguments, said, capsys):
    assert main(["bench", "search", *arguments]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and not shown.out


@pytest.mark.parametrize("items", ["inf", "nan", "1.5", "many"])
def test_items_are_a_whole_number(items, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "scale", "search.json", "--items", items])
    assert ended.value.code == 2 and "invalid whole_number value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (None, [], "does not exist; write it with dlchkit bench"),
        ("{", [], "is not readable JSON"),
        ("[]", [], "must hold one JSON object"),
        ('{"what": "map"}', [], "has no rows"),
        ('{"rows": []}', [], "there is no measured row"),
        ('{"rows": [{"kind": "flat"}]}', [], "a row of the search benchmark has no usable 'n_items'"),
        (json.dumps({"rows": [{**ROW, "queries_per_second": 0}]}), [], "queries_per_second is 0; it must be above 0"),
        (json.dumps({"rows": [ROW]}), ["--items", "0"], "items is 0; it must be above 0"),
        (json.dumps({"rows": [ROW]}), ["--cores", "0"], "cores is 0; it must be above 0"),
        (json.dumps({"rows": [ROW]}), ["--increment", "SEARCH"], "the increment's JSON has no usable 'seconds_per_increment'"),
    ],
)
def test_mistakes_of_scale_end_with_2_and_one_line(content, arguments, said, tmp_path, capsys):
    file = tmp_path / "search.json"
    if content is not None:
        file.write_text(content)
    assert main(["bench", "scale", str(file), *(str(file) if argument == "SEARCH" else argument for argument in arguments)]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and not shown.out
