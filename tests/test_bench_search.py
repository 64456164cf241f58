"""The search benchmark measures what it says, and `scale` shows its products; speed does not matter here."""

import json

import numpy as np
import pytest
import torch

from dlchkit.bench import search
from dlchkit.bench.scale import describe_scale
from dlchkit.cli import main
from dlchkit.codes import hamming_distance, unpack_codes

pytestmark = pytest.mark.slow

SMALL = ["--items", "2000", "--bits", "16", "--queries", "20", "-k", "5", "--repeat", "1"]
ROW = {
    "kind": "flat",
    "n_items": 10**6,
    "n_bits": 64,
    "queries_per_second": 1000.0,
    "bytes_per_item": 40.0,
    "recall": 1.0,
}
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
        good = (answer.distances <= kth[:, None]).sum()
        assert (
            search._measure(kind, codes, queries, kth, 7, 1)["recall"] == pytest.approx(good / (15 * 7)) and seconds > 0
        )
    row = search._measure("flat", codes, queries, kth - 17, 7, 1)
    assert row["recall"] == 0, "a neighbour farther than the true k-th does not count"


def test_clusters_are_neither_trivial_nor_random():
    codes, queries = search.clustered_codes(5000, 50, n_bits=64, seed=0)
    near = search.kth_distances(queries, codes, 100)
    assert codes.shape == (5000, 8) and codes.dtype == np.uint8 and near.min() > 0 and near.max() < 20
    again, _ = search.clustered_codes(5000, 50, n_bits=64, seed=0)
    np.testing.assert_array_equal(codes, again)


def test_a_line_for_each_row_and_threads_put_back(capsys):
    import faiss

    before = faiss.omp_get_max_threads(), torch.get_num_threads()
    try:
        faiss.omp_set_num_threads(2)
        assert main(["bench", "search", *SMALL, "--kinds", "flat", "hnsw"]) == 0
        assert faiss.omp_get_max_threads() == 2
    finally:
        faiss.omp_set_num_threads(before[0])
        torch.set_num_threads(before[1])  # one library's threads may be the other's, and MKL's follow torch's alone
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 3
    assert "batches of 20 queries, 5 neighbours each, one thread, medians of 1" in shown[0]
    assert "2,000 x  16 bits  flat" in shown[1]
    assert "recall by distance 1.0000" in shown[1]
    assert "hnsw" in shown[2]


# --- scale ---


def scale(rows, increment=None, **asked):
    asked = {"n_items": 10**9, "n_classes": 10_000, "memory_gb": 64, "cores": 16, "rate": 100} | asked
    return describe_scale(rows, increment, **asked)


def test_every_product_of_the_search_is_shown():
    smaller = {**ROW, "n_items": 10**5, "queries_per_second": 20_000.0, "bytes_per_item": 99.0}
    shown = scale([ROW, smaller], memory_gb=10, cores=4, price_per_hour=2).splitlines()
    assert shown[1:] == [
        "flat, 64 bits, measured at 100,000, 1,000,000 items:",
        "  memory: 1e+09 items x 40 bytes = 40 GB; / (0.8 x 10 GB) gives 5 machines",
        "  time: 1e+09 items x 1e-09 s = 1 s for a query on one core; x 100 queries/s / 4 cores gives 25 machines",
        "  growth: per item, a query takes 2.00 times as long at the largest size as at the smallest",
        "  25 machines x 2 = 50 an hour",
        "labels: 1e+09 items x 10,000 classes x 1 byte = 10 TB in a CodeBank",
    ]


def test_learning_is_worked_out_from_an_increment():
    shown = scale([ROW], INCREMENT, price_per_hour=0.5).splitlines()
    assert shown[-2:] == [
        "learning: 1e+09 items x 2 s / 1,000 = 23.1 days in one process; 278 at the machine's price",
        "state: 1 MB x 100 (10,000 / 100 classes) = 100 MB at most",
    ]


def test_fewer_classes_than_measured_shrink_nothing():
    assert scale([ROW], INCREMENT, n_classes=10).endswith("state: 1 MB x 1 (10 / 100 classes) = 1 MB at most")


def test_kinds_and_code_lengths_stay_apart():
    rows = [{**ROW, "kind": kind, "n_bits": n_bits} for kind in ("flat", "ivf") for n_bits in (64, 128)]
    shown = scale(rows)
    assert [f"{kind}, {n_bits} bits" in shown for kind in ("flat", "ivf") for n_bits in (64, 128)] == [True] * 4
    assert shown.count("1 machine") == 4


def test_the_command_reads_what_the_benchmarks_write(tmp_path, capsys):
    for name, content in {"search": {"rows": [ROW]}, "increment": INCREMENT}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    search_file, increment_file = str(tmp_path / "search.json"), str(tmp_path / "increment.json")
    assert main(["bench", "scale", search_file, "--increment", increment_file, "--items", "1e8"]) == 0
    assert capsys.readouterr().out.rstrip() == scale([ROW], INCREMENT, n_items=10**8)
    assert main(["bench", "scale", search_file]) == 0
    assert "learning" not in capsys.readouterr().out


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
        ("[]", [], "must hold the JSON object"),
        ('{"what": "map"}', [], "has no rows"),
        ('{"rows": []}', [], "has no rows"),
        ('{"rows": [{"kind": "flat"}]}', [], "a row of the search benchmark has no usable 'n_items'"),
        (json.dumps({"rows": [{**ROW, "queries_per_second": 0}]}), [], "no usable 'queries_per_second': 0"),
        (json.dumps({"rows": [ROW]}), ["--items", "0"], "items is 0; it must be above 0"),
        (json.dumps({"rows": [ROW]}), ["--cores", "0"], "cores is 0; it must be above 0"),
        (json.dumps({"rows": [ROW]}), ["--increment", "SEARCH"], "the increment has no usable 'seconds_per_increment'"),
    ],
)
def test_mistakes_of_scale_end_with_2_and_one_line(content, arguments, said, tmp_path, capsys):
    file = tmp_path / "search.json"
    if content is not None:
        file.write_text(content)
    arguments = [str(file) if argument == "SEARCH" else argument for argument in arguments]
    assert main(["bench", "scale", str(file), *arguments]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and not shown.out
