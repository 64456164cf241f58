"""The benchmark measures what it says, on sizes small enough for a test; speed does not matter here."""

import json

import numpy as np
import pytest
import torch

from dlchkit.bench import ranking
from dlchkit.cli import main
from dlchkit.metrics import legacy_dcmh_map, mean_average_precision

SMALL = ["--queries", "6", "--database", "40", "--labels", "5", "--bits", "16", "--repeat", "3"]
KEYS = {
    *(
        "what",
        "n_queries",
        "n_database",
        "n_bits",
        "n_labels",
        "threads",
        "repeat",
        "ratio",
        "tie_aware_seconds",
        "dcmh_loop_seconds",
    ),
    *(
        "tie_aware_runs",
        "dcmh_loop_runs",
        "dcmh_loop_queries_timed",
        "map_of_timed_queries",
        "tie_aware_peak_bytes",
        "versions",
        "machine",
    ),
}


def test_json_says_sizes_seconds_ratio_memory_and_versions(capsys):
    assert main(["bench", "map", "--json", *SMALL]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert set(measured) == KEYS
    assert [
        measured[key] for key in ("what", "n_queries", "n_database", "n_labels", "n_bits", "repeat", "threads")
    ] == ["map", 6, 40, 5, 16, 3, 1]
    assert measured["dcmh_loop_queries_timed"] == 6
    assert len(measured["tie_aware_runs"]) == len(measured["dcmh_loop_runs"]) == 3
    assert measured["tie_aware_seconds"] == np.median(measured["tie_aware_runs"]) > 0
    assert measured["ratio"] == pytest.approx(measured["dcmh_loop_seconds"] / measured["tie_aware_seconds"])
    assert measured["tie_aware_peak_bytes"] > 6 * 17 * 8 and {"python", "numpy", "torch", "dlchkit"} == set(
        measured["versions"]
    )


def test_both_sides_measure_the_same_codes():
    data = ranking.synthetic_retrieval(6, 40, n_bits=16, n_labels=5, seed=0)
    maps = ranking.bench_map(n_queries=6, n_database=40, n_labels=5, n_bits=16, repeat=1)["map_of_timed_queries"]
    assert maps == {"tie_aware": mean_average_precision(*data), "dcmh_loop": legacy_dcmh_map(*data)}
    low, high = (mean_average_precision(*data, ties=ties) for ties in ("pessimistic", "optimistic"))
    assert low - 1e-6 <= maps["dcmh_loop"] <= high + 1e-6


def test_a_large_size_times_the_loop_on_a_stated_sample(monkeypatch):
    seconds = {mean_average_precision: 1, legacy_dcmh_map: 2}
    monkeypatch.setattr(ranking, "LOOP_PAIRS", 80)
    monkeypatch.setattr(ranking, "seconds_of", lambda measure, data: (seconds[measure], measure(*data)))
    measured = ranking.bench_map(n_queries=6, n_database=40, n_labels=5, n_bits=16, repeat=1)
    assert measured["dcmh_loop_queries_timed"] == 2
    assert (measured["tie_aware_seconds"], measured["dcmh_loop_seconds"], measured["ratio"]) == (1, 6, 6)
    assert "timed on 2 queries and scaled" in ranking.describe_map(measured)


def test_one_line_for_people_and_the_fields_sizes(capsys):
    assert main(["bench", "map", *SMALL]) == 0
    shown = capsys.readouterr().out
    assert (
        shown.count("\n") == 1
        and "6 queries x 40 items, 16 bits, 5 labels, one thread" in shown
        and "scaled" not in shown
    )
    assert ranking.SIZES == {
        "mirflickr": (2_000, 18_000, 24),
        "nuswide": (2_100, 193_734, 21),
        "coco": (5_000, 117_218, 80),
    }


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        ranking.bench_map(n_queries=2, n_database=8, n_labels=3, n_bits=8, repeat=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "flickr"], "size is 'flickr'; it must be one of mirflickr, nuswide, coco"),
        (["--queries", "0"], "queries is 0; it must be at least 1"),
        (["--repeat", "0"], "repeat is 0"),
        (["--bits", "0"], "bits is 0; it must be at least 1"),
    ],
)
def test_mistakes_end_with_2_and_one_line(arguments, said, capsys):
    assert main(["bench", "map", *arguments]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and not shown.out
