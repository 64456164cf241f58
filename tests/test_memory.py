"""What a learner keeps: every byte once, for each method what one counts by hand, and none of it timed."""

from collections import deque
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlchkit import evaluation
from dlchkit.bank import CodeBank
from dlchkit.data import DIRECTIONS, Stage
from dlchkit.evaluation import compare
from dlchkit.lifelong import METHODS, FineTuning, ReleasedDemo, make_learners, training_cost
from dlchkit.lifelong.bytes_kept import kept_bytes
from dlchkit.metrics.summary import summarise
from dlchkit.records import MethodRecord, RunRecord
from dlchkit.reports import write_page
from dlchkit.reports.read_runs import SweepResults
from dlchkit.runs.run_state import Run

BITS, HIDDEN, REHEARSED, CLASSES = 16, 32, 20, 6
WIDTHS = {"image": 12, "text": 10}
ID = 4 * len("item0000")  # NumPy takes four bytes for a letter
ITEM = 4 * sum(WIDTHS.values()) + CLASSES + 2 * ID  # features, labels, id and group


# --- any object ---


class Slotted:
    __slots__ = ("__hidden", "empty", "rows")

    def __init__(self):
        self.rows, self.__hidden = np.zeros(10), np.zeros(20)


def test_every_byte_is_counted_once_wherever_it_stands():
    shared = np.zeros((100, 10), dtype=np.float32)
    layer = torch.nn.Linear(3, 2)
    layer.register_buffer("seen", torch.zeros(5, dtype=torch.int64))
    holder = SimpleNamespace(
        whole=shared,
        rows=shared[3:7],
        again=[shared.T, (shared.ravel()[:1],)],
        tensor=torch.from_numpy(shared),
        behind=torch.from_numpy(shared[50:]),
    )
    holder.inside, holder.ring = {"deep": deque([SimpleNamespace(layer=layer, slots=Slotted())])}, holder
    holder.words = np.array(["abc", np.zeros(4)], dtype=object)
    holder.bank, holder.function = CodeBank(8), lambda: np.zeros(1000)
    assert kept_bytes(holder) == 4000 + 4 * (3 * 2 + 2) + 8 * 5 + 8 * (10 + 20) + 2 * 8 + 8 * 4
    layer(torch.ones(1, 3)).sum().backward()
    assert kept_bytes(layer) == 2 * 4 * (3 * 2 + 2) + 8 * 5  # gradients are memory too


def test_what_a_view_keeps_alive_counts_whole():
    assert kept_bytes([np.zeros((1000, 8))[:, :1]]) == 64_000
    assert kept_bytes([torch.zeros(1000, 8, dtype=torch.float64)[:1].numpy()]) == 64_000
    assert kept_bytes([np.lib.stride_tricks.sliding_window_view(np.zeros(1000), 10)]) == 8000
    assert kept_bytes([]) == 0
    assert kept_bytes([np.zeros((0, 5))[:0], torch.zeros(0), "words", 3.0, None, np.random.default_rng(0)]) == 0


def test_a_bank_and_whatever_it_holds_are_left_out(stream):
    bank, data = CodeBank(8), stream[0].database
    bank.append(np.ones((len(data), 8), np.int8), labels=data.labels, ids=data.ids, stage=0)
    assert kept_bytes(bank) == kept_bytes({"banks": [bank]}) == 0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), st.integers(0, 50)), max_size=8))
def test_any_slices_count_as_the_arrays_they_are_cut_from(cuts):
    arrays = [np.zeros(50), np.zeros(50, dtype=np.int8), torch.zeros(50), torch.zeros(50, dtype=torch.int64)]
    views = [arrays[which][start : max(start, stop)] for which, start, stop in cuts]
    assert kept_bytes(views) == sum(arrays[which].nbytes for which in {which for which, *_ in cuts})


# --- each method ---


def towers():
    return sum(4 * (width * HIDDEN + HIDDEN + HIDDEN * BITS + BITS) for width in (*WIDTHS.values(), CLASSES))


def code_sums():
    return 4 * (CLASSES**2 + CLASSES * BITS + BITS**2)


def rehearsed(n_seen, *, extra=0):
    return min(REHEARSED, n_seen) * (ITEM + BITS + 8 + extra)  # its code, its key


def common_space():
    n_components = min(BITS, *WIDTHS.values())
    return 8 * (sum(width + width * n_components for width in WIDTHS.values()) + n_components), n_components


def exact(learner, n_label_vectors):
    hashing, total = learner.hashing, n_label_vectors * (CLASSES + 8 + BITS) + CLASSES * BITS
    for side, width in WIDTHS.items():
        units = hashing.choices[side].units
        wide = 1 + width + units
        total += 4 * (width + width * units) + 8 * (wide**2 + n_label_vectors * wide) + 4 * wide * BITS
    return total


def by_hand(learner, n_seen, n_label_vectors):
    space, n_components = common_space()
    return {
        "joint": lambda: towers() + n_seen * ITEM,
        "dlch": lambda: towers() + code_sums() + rehearsed(n_seen),
        "dlch-strict": lambda: towers() + code_sums(),
        "exact": lambda: exact(learner, n_label_vectors),
        "finetune": towers,
        "frozen": towers,
        "lwf": towers,
        "ewc": lambda: 2 * towers(),
        "replay": lambda: towers() + rehearsed(n_seen),
        "der++": lambda: towers() + rehearsed(n_seen, extra=3 * 4 * BITS),
        "dcmh": lambda: towers() + n_seen * ITEM,
        "itq": lambda: n_seen * ITEM + space + 8 * BITS * BITS,
        "lsh": lambda: n_seen * ITEM + space + 8 * n_components * BITS,
    }[learner.name]()


@pytest.mark.parametrize("validation", [0.0, 0.2])
@pytest.mark.parametrize("name", METHODS)
def test_each_method_keeps_what_one_counts_by_hand(name, validation, stream):
    options = {"rehearsal": REHEARSED, "epochs": 2, "hidden": HIDDEN, "validation": validation, "device": "cpu"}
    (learner,) = make_learners([name], BITS, **options)
    record = compare([learner], stream)[name]
    sizes = np.cumsum([len(stage.database) for stage in stream])
    expected = [by_hand(learner, n, len(stage.seen_classes)) for n, stage in zip(sizes, stream, strict=True)]
    if learner.single_stage:
        assert np.isnan(record.kept_bytes[:-1]).all() and record.kept_bytes[-1] == expected[-1]
    else:
        assert record.kept_bytes == expected
    if name == "exact":
        assert learner.hashing.state_bytes < expected[-1]  # which leaves features and weights out


@pytest.mark.parametrize(
    ("name", "grows"),
    [
        *((name, True) for name in ("joint", "dcmh", "itq")),
        *((name, False) for name in ("finetune", "ewc", "dlch", "der++", "exact")),
    ],
)
def test_more_items_of_old_classes_cost_memory_only_where_they_are_kept(name, grows, clustered_pairs):
    data, classes = clustered_pairs(), np.arange(CLASSES)
    parts = [data[np.arange(start, start + 80)] for start in (0, 80, 160)]
    (learner,) = make_learners([name], BITS, rehearsal=REHEARSED, epochs=1, hidden=HIDDEN, device="cpu")
    kept = []
    for index, part in enumerate(parts):
        learner.observe(Stage(index, classes if index == 0 else classes[:0], classes, part, part))
        kept.append(kept_bytes(learner))
    assert np.diff(kept).tolist() == ([80 * ITEM] * 2 if grows else [0, 0])


def test_no_gradient_outlives_a_stage(stream):
    learners = make_learners(["joint", "dlch", "ewc", "dcmh"], BITS, epochs=1, hidden=HIDDEN, device="cpu")
    for learner in (*learners, ReleasedDemo(BITS, epochs=1, hidden=HIDDEN, device="cpu")):
        for stage in stream[:2]:
            learner.observe(stage)
            assert all(weight.grad is None for weight in learner.towers.parameters()), learner.name


def test_measuring_is_no_training(stream, monkeypatch):
    now = [0.0]

    def measured(learner):
        now[0] += 100
        return 7

    class Timed(FineTuning):
        def observe(self, stage):
            super().observe(stage)
            now[0] += 1

    clock = dict.fromkeys(("perf_counter", "process_time", "thread_time"), lambda: now[0])
    monkeypatch.setattr(training_cost, "time", SimpleNamespace(**clock))
    monkeypatch.setattr(evaluation, "kept_bytes", measured)
    learners = [Timed(BITS, epochs=1, hidden=HIDDEN, device="cpu") for _ in range(2)]
    stepwise, at_once = evaluation.run_stream(learners[0], stream), evaluation.run_once(learners[1], stream)
    assert stepwise.seconds == [1, 1, 1] and stepwise.kept_bytes == [7, 7, 7]
    assert at_once.seconds[-1] == 1 and at_once.kept_bytes[-1] == 7


# --- what the results page makes of it ---


def planned(bits, seed):
    return Run(Path("s/03_increments.ipynb"), {"n_bits": bits, "seed": seed}, Path(f"s/{bits}-{seed}"), "")


def page_of(records, folder):
    runs = {(f"{bits} bits", seed): planned(bits, seed) for bits, seed in ((16, 0), (64, 0), (64, 1))}
    done = {runs[key].name: record for key, record in records.items()}
    asked = [runs[key] for key in records]
    results = SweepResults("s", "A sweep", "s.yaml", "03_increments", {}, {"n_bits": [16, 64]}, asked, done)
    return write_page([results], folder / "page.md", command="a command").read_text(encoding="utf-8")


def record_of(kept, peak):
    R = {direction: [[0.5, np.nan], [0.4, 0.6]] for direction in DIRECTIONS}
    methods = {
        name: MethodRecord(R=R, seconds=[2, 1], old_codes_unchanged=[True, True], kept_bytes=[1, value])
        for name, value in kept.items()
    }
    methods["lsh"] = MethodRecord(R=R, seconds=[2, 1], old_codes_unchanged=[True, True])
    measured = {"metrics": summarise(methods), "environment": {"threads": 1}, "peak_memory_bytes": peak}
    return RunRecord("03_increments", {}, methods=methods, **measured)


def test_the_results_page_shows_memory_where_it_was_recorded(tmp_path):
    records = {
        ("64 bits", 0): record_of({"dlch": 2**20}, 300 * 2**20),
        ("64 bits", 1): record_of({"dlch": 3 * 2**20}, 2000 * 2**20),
    }
    page = page_of(records, tmp_path).replace("**", "")
    assert "- memory of a run at its peak: 300 to 2,000 MiB\n" in page and "The same for all runs." in page
    times = "| method | training, s | of it the increments, s | time reduction, %"
    assert f"{times} | kept, MiB | old codes unchanged |\n" in page
    assert "| dlch | 3.0 ± 0.0 | 1.0 ± 0.0 | – | 2.0 ± 12.7 | yes |\n" in page  # t, one degree of freedom
    assert "| lsh | 3.0 ± 0.0 | 1.0 ± 0.0 | – | – | yes |\n" in page
    old = page_of({("64 bits", 0): record_of({}, np.nan)}, tmp_path)
    assert not any(word in old for word in ("MiB", "memory of a run", "Kept"))
    assert f"{times} | old" in old
