"""The time and memory of an increment of exact hashing at 10^4, 10^5 and 10^6 old items, which should not matter."""

import copy
import gc
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dlchkit.bench.timing import circumstances, resident_bytes
from dlchkit.data import PairedFeatures, Stage
from dlchkit.errors import DataError, optional_module
from dlchkit.lifelong import ExactLearner, load_exact, save_exact
from dlchkit.runtime import one_thread

ITEMS = (10_000, 100_000, 1_000_000)
STAGE = 10_000  # old items of one stage
_SAMPLE = 0.0005  # seconds between readings of the memory in use


def bench_increment(
    *,
    items=ITEMS,
    n_new=2_000,
    n_classes=50,
    new_classes=5,
    n_bits=64,
    image_width=256,
    text_width=128,
    units=500,
    repeat=41,
    seed=0,
) -> dict:
    """Time the same increment on learners that have learned more and more old items.

    One learner learns the old items, stage after stage (`ExactLearner.observe`: sums, codes, functions
    and code bank), and is copied at each size of ``items``. Then copies of these copies learn the same
    new items in turn, ``repeat`` times; each size comes first in its turn. Time is that of the processor
    on one thread, so that other programs do not count.

    Memory is measured in one process for each size. It reads the learner from its file, fills its bank,
    learns the increment with one copy and hands freed memory back; the peak is the most resident memory
    (read every half millisecond) beyond this start while a second copy learns the increment.

    Parameters
    ----------
    items : sequence of int
        Numbers of old items, increasing.
    n_new : int
        Items of the increment; half of them are of the last ``new_classes`` classes.
    n_classes, new_classes : int
        Classes in all, and those of them that only the increment has.
    n_bits : int
        Code length.
    image_width, text_width, units : int
        Features of either side, and units of the random layer.
    repeat : int
        Increments at each size; the medians count.

    Returns
    -------
    dict
        Plain values, ready for JSON. ``rows`` holds, for each size: ``n_items``; ``seconds`` (median);
        ``ratio`` to the smallest size (median over turns, so that both sizes saw the same machine);
        ``runs``; ``peak_bytes`` of the increment; ``state_bytes`` after it; ``learn_seconds`` of all old
        items. ``largest_ratio`` is that of the slowest to the fastest size; ``seconds_per_increment``
        and ``state_bytes`` are those of the largest size; ``n_features`` counts the entries of phi of
        both sides, after validation chose the units.

    Raises
    ------
    DataError
        For a number below 1, sizes that do not increase, or no class left for old items.
    """
    items = tuple(items)
    widths = {"image_width": image_width, "text_width": text_width}
    _check(items, n_classes, new_classes, n_new=n_new, units=units, repeat=repeat, **widths)
    drawn = {"n_classes": n_classes, "new_classes": new_classes, "seed": seed, **widths}
    new = increment_items(n_new, **drawn)
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        learners, seconds = _learned(items, ExactLearner(n_bits, units=units, seed=seed, device="cpu"), drawn)
        runs, after = _timed(learners, new, repeat)
        files = [save_exact(one.hashing, Path(folder) / f"{len(one.bank)}.safetensors") for one in learners]
        n_features = sum(features.width for features in learners[0].hashing.features.values())
        del learners
        peaks = [_peak_in_a_process(file, items[: i + 1], n_new, drawn) for i, file in enumerate(files)]
    medians = np.median(runs, axis=1)
    ratios = np.median(runs / runs[0], axis=1)
    rows = [
        {
            "n_items": n,
            "seconds": float(medians[i]),
            "ratio": float(ratios[i]),
            "runs": runs[i].tolist(),
            "peak_bytes": peaks[i],
            "state_bytes": after[i],
            "learn_seconds": seconds[i],
        }
        for i, n in enumerate(items)
    ]
    return {
        "what": "increment",
        "seconds_per_increment": rows[-1]["seconds"],
        "new_items": n_new,
        "state_bytes": rows[-1]["state_bytes"],
        "n_features": n_features,
        "n_classes": n_classes,
        "n_new_classes": new_classes,
        "n_bits": n_bits,
        "threads": 1,
        "repeat": repeat,
        "largest_ratio": float(ratios.max() / ratios.min()),
        "rows": rows,
        **circumstances("torch"),
    }


def describe_increment(measured: dict) -> str:
    """Describe the result of `bench_increment`, one line for each size."""
    classes = f"{measured['n_new_classes']} of {measured['n_classes']} classes new"
    sizes = f"{measured['n_features']:,} features, {measured['n_bits']} bits"
    head = (
        f"an increment of {measured['new_items']:,} items, {classes}, {sizes}, one thread, "
        f"medians of {measured['repeat']}; slowest / fastest size {measured['largest_ratio']:.3f}:"
    )
    lines = [
        f"{row['n_items']:>11,} old items  {1000 * row['seconds']:8.1f} ms, {row['ratio']:.3f} of the first  "
        f"{row['peak_bytes'] / 2**20:6.1f} MiB at its peak  state {row['state_bytes'] / 2**20:.1f} MiB"
        for row in measured["rows"]
    ]
    return "\n".join([head, *lines])


# --- synthetic items ---


def old_items(start, stop, **drawn) -> PairedFeatures:
    """Draw the old items from number ``start`` to ``stop``; they depend on these and the seed alone."""
    old_classes = drawn["n_classes"] - drawn["new_classes"]
    ids = np.array([f"old{number}" for number in range(start, stop)])
    return _items(np.random.default_rng([drawn["seed"], 1, start]), np.arange(start, stop) % old_classes, ids, **drawn)


def increment_items(n_new, **drawn) -> PairedFeatures:
    """Draw the new items, every other one of a new class."""
    old_classes = drawn["n_classes"] - drawn["new_classes"]
    count = np.arange(n_new)
    classes = np.where(count % 2, count // 2 % old_classes, old_classes + count // 2 % drawn["new_classes"])
    ids = np.array([f"new{number}" for number in count])
    return _items(np.random.default_rng([drawn["seed"], 2]), classes, ids, **drawn)


def _items(random, classes, ids, *, n_classes, image_width, text_width, seed, **_) -> PairedFeatures:
    sides = {}
    for side, width in (("image", image_width), ("text", text_width)):
        centres = np.random.default_rng([seed, 0, width]).normal(size=(n_classes, width)).astype(np.float32)
        sides[side] = centres[classes] + 2 * random.standard_normal((len(classes), width), dtype=np.float32)
    labels = np.eye(n_classes, dtype=bool)[classes]
    names = tuple(f"class{number}" for number in range(n_classes))
    return PairedFeatures(ids=ids, labels=labels, class_names=names, groups=ids, **sides)


def _stages(items):
    """Yield the first and last number of every stage of old items; one stage ends at each size."""
    for before, size in itertools.pairwise((0, *items)):
        for start in range(before, size, STAGE):
            yield start, min(start + STAGE, size)


# --- measuring ---


def _learned(items, learner, drawn):
    """Return the learner at each size, and the seconds that all items until then took."""
    copies, seconds = [], []
    spent = 0.0
    for start, stop in _stages(items):
        stage = _stage(old_items(start, stop, **drawn), learner)
        began = time.process_time()
        learner.observe(stage)
        spent += time.process_time() - began
        if stop in items:
            copies.append(_copy(learner))
            seconds.append(spent)
    return copies, seconds


def _stage(data, learner) -> Stage:
    classes = np.flatnonzero(data.labels.any(0))
    return Stage(index=learner.bank.n_stages, new_classes=classes, seen_classes=classes, database=data, query=data)


def _copy(learner) -> ExactLearner:
    other = copy.copy(learner)
    other.bank = learner.bank.copy()
    other.hashing = copy.deepcopy(learner.hashing)  # last, so that the sums are in the cache whatever the bank's size
    return other


def _timed(learners, new, repeat):
    """Return the seconds (sizes, turns) that copies take to learn ``new``, and their state bytes after it.

    One turn before the others is not counted.
    """
    runs = np.empty((len(learners), repeat + 1))
    after = {}
    for turn in range(repeat + 1):
        for size in np.roll(np.arange(len(learners)), turn):
            one = _copy(learners[size])
            stage = _stage(new, one)
            gc.disable()  # as timeit does: garbage collection is no part of the increment
            began = time.process_time()
            one.observe(stage)
            runs[size, turn] = time.process_time() - began
            gc.enable()
            after[size] = one.hashing.state_bytes
    return runs[:, 1:], [after[size] for size in range(len(learners))]


def _peak_in_a_process(file, items, n_new, drawn) -> int:
    task = json.dumps({"file": str(file), "items": items, "n_new": n_new, "drawn": drawn})
    # glibc then returns the memory of an array with the array, so that resident memory is memory in use.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    program = [sys.executable, "-m", "dlchkit.bench.increment"]
    done = subprocess.run(program, check=False, input=task, capture_output=True, text=True, env=environment)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise DataError(f"the process that measures memory failed: {lines[-1]}")
    return json.loads(done.stdout)


def _peak_of_increment(file, items, n_new, drawn) -> int:
    """Return the most resident memory of one increment beyond what this process held before it."""
    hashing = load_exact(file, device="cpu")
    learner = ExactLearner(hashing.n_bits, device="cpu")
    learner.hashing = hashing
    for start, stop in _stages(items):
        data = old_items(
            start, stop, **{**drawn, "image_width": 1, "text_width": 1}
        )  # a bank takes labels and ids only
        codes = hashing.codes_of(data.labels)
        learner.bank.append(codes, labels=data.labels, ids=data.ids, stage=learner.bank.n_stages)
    new = increment_items(n_new, **drawn)
    with one_thread():
        _copy(learner).observe(_stage(new, learner))
        one = _copy(learner)
        before = resident_bytes()
        with _most_resident() as most:
            one.observe(_stage(new, learner))
    return most[0] - before


@contextmanager
def _most_resident():
    """Yield a list whose only entry becomes the most resident memory of this process inside the block."""
    process = optional_module("psutil", "bench").Process()
    most = [0]
    over = threading.Event()

    def look():
        while not over.is_set():
            most[0] = max(most[0], process.memory_info().rss)
            over.wait(_SAMPLE)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        over.set()
        watcher.join()


def _check(items, n_classes, new_classes, **numbers):
    for name, value in {**numbers, "new_classes": new_classes, "items": min(items, default=0)}.items():
        if value < 1:
            raise DataError(f"{name} is {value}; it must be at least 1")
    if list(items) != sorted(set(items)):
        raise DataError(f"items are {', '.join(map(str, items))}; name sizes from small to large, each once")
    old_classes = n_classes - new_classes
    if old_classes < 1 or items[0] < 2 * old_classes:
        raise DataError(
            f"{items[0]} old items of {old_classes} classes; name at least one old class and two items of each"
        )


if __name__ == "__main__":
    print(_peak_of_increment(**json.loads(sys.stdin.read())))
