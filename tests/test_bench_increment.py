"""The increment's benchmark measures what it says, on sizes small enough for a test; speed does not matter here."""

import json

import numpy as np
import pytest

from dlchkit.bench import increment
from dlchkit.bench.scale import describe_scale
from dlchkit.bench.timing import resident_bytes
from dlchkit.cli import main
from dlchkit.lifelong import ExactLearner

DRAWN = {"n_classes": 6, "new_classes": 2, "image_width": 8, "text_width": 6, "seed": 0}
SMALL = {
    "n_new": 12,
    "n_classes": 6,
    "new_classes": 2,
    "n_bits": 16,
    "image_width": 8,
    "text_width": 6,
    "units": 10,
    "repeat": 3,
}
KEYS = {
    "what",
    "seconds_per_increment",
    "new_items",
    "state_bytes",
    "n_features",
    "n_classes",
    "n_new_classes",
    "n_bits",
    "threads",
    "repeat",
}
KEYS |= {"largest_ratio", "rows", "versions", "machine"}
SEARCH = {"kind": "flat", "n_items": 1000, "n_bits": 64, "queries_per_second": 1e6, "bytes_per_item": 50.0}


@pytest.fixture
def no_processes(monkeypatch):
    """Measure memory in this process, which saves the start of one for each size."""
    monkeypatch.setattr(increment, "_peak_in_a_process", increment._peak_of_increment)


@pytest.mark.slow
def test_json_has_a_row_for_each_size_and_feeds_the_scale(no_processes):
    measured = json.loads(json.dumps(increment.bench_increment(items=(20, 50, 90), **SMALL)))
    assert set(measured) == KEYS and [row["n_items"] for row in measured["rows"]] == [20, 50, 90]
    for row in measured["rows"]:
        assert row["seconds"] == np.median(row["runs"]) > 0 and len(row["runs"]) == 3
    assert measured["rows"][0]["ratio"] == 1
    seconds, ratios = ([row[name] for row in measured["rows"]] for name in ("seconds", "ratio"))
    assert measured["largest_ratio"] == pytest.approx(max(ratios) / min(ratios))
    assert measured["seconds_per_increment"] == seconds[-1] and measured["new_items"] == 12
    assert {row["state_bytes"] for row in measured["rows"]} == {measured["state_bytes"]}
    shown = describe_scale([SEARCH], measured, n_items=10**6, n_classes=12, memory_gb=64, cores=16, rate=100)
    assert f"1e+06 items x {seconds[-1]:.3g} s / 12 = " in shown
    assert "x 2 (12 / 6 classes)" in shown


def test_all_old_items_are_really_learned_and_every_increment_starts_from_them(monkeypatch):
    monkeypatch.setattr(increment, "STAGE", 30)
    learner = ExactLearner(16, units=10, device="cpu")
    copies, seconds = increment._learned((20, 50, 90), learner, DRAWN)
    assert [len(copy.bank) for copy in copies] == [copy.hashing.n_items for copy in copies] == [20, 50, 90]
    assert [copy.bank.n_stages for copy in copies] == [1, 2, 4] and sorted(seconds) == seconds
    assert len(set(copies[-1].bank.ids.tolist())) == 90
    new = increment.increment_items(12, **DRAWN)
    digests = [copy.bank.digests() for copy in copies]
    runs, after = increment._timed(copies, new, repeat=2)
    assert runs.shape == (3, 2) and [copy.hashing.n_items for copy in copies] == [20, 50, 90]
    assert [copy.bank.digests() for copy in copies] == digests
    one = increment._copy(copies[1])
    one.observe(increment._stage(new, one))
    assert (one.hashing.n_items, len(one.bank), one.hashing.state_bytes) == (62, 62, after[1])


def test_the_increment_brings_new_classes_and_old_ones():
    new, old = increment.increment_items(12, **DRAWN), increment.old_items(0, 20, **DRAWN)
    assert old.labels.sum(0).tolist() == [5, 5, 5, 5, 0, 0]
    assert new.labels.sum(0)[4:].sum() == 6 and new.labels.any(0).all()
    assert (old.image == increment.old_items(0, 20, **DRAWN).image).all() and not set(new.ids) & set(old.ids)


def test_memory_that_is_used_inside_is_seen_and_what_was_there_before_is_not():
    kept, before = np.ones(2**22), resident_bytes()
    with increment._most_resident() as most:
        np.ones(2**23).sum()
    assert 48 * 2**20 < most[0] - before < 120 * 2**20 and len(kept)


@pytest.mark.slow
def test_the_command_measures_memory_in_another_process(capsys):
    arguments = ["--items", "100", "--new", "20", "--classes", "6", "--bits", "16", "--repeat", "1"]
    assert main(["bench", "increment", *arguments]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert (
        len(shown) == 2
        and "5 of 6 classes new" in shown[0]
        and "100 old items" in shown[1]
        and "MiB at its peak" in shown[1]
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--items", "2000", "1000"], "items are 2000, 1000; name sizes from small to large"),
        (["--items", "10"], "10 old items of 45 classes"),
        (["--classes", "5"], "old items of 0 classes"),
        (["--new", "0"], "n_new is 0; it must be at least 1"),
        (["--repeat", "0"], "repeat is 0"),
        (["--bits", "0"], "n_bits is 0"),
    ],
)
def test_mistakes_end_with_2_and_one_line(arguments, said, capsys):
    assert main(["bench", "increment", *arguments]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and not shown.out
