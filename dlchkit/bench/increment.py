"""An increment of exact hashing beside 10^4, 10^5 and 10^6 old items: seconds and memory, which must not depend on them."""

import copy
import gc
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

from dlchkit.bench.timing import circumstances, one_thread, resident_bytes
from dlchkit.data import PairedFeatures, Stage
from dlchkit.errors import DataError, optional_module
from dlchkit.lifelong import ExactLearner, load_exact, save_exact

ITEMS = (10_000, 100_000, 1_000_000)
STAGE = 10_000  # old items that come at once
_SAMPLE = 0.0005  # seconds between looks at the memory in use


def bench_increment(
    *, items=ITEMS, n_new=2_000, n_classes=50, new_classes=5, n_bits=64, image_width=256, text_width=128, units=500, repeat=41, seed=0
) -> dict:
    """Time the same increment on learners that have learned more and more old items.

    One learner really learns the old items, stage after stage (`ExactLearner.observe`: sums,
    codes, functions and code bank), and is kept at each size of ``items``. Then the same new
    items, a part of them of classes never seen, are learned by copies of all of these, in
    turn, ``repeat`` times, each size first in its turn; seconds of the processor on one
    thread, so that what other programs take away is not counted.

    Memory is measured in processes of their own, one per size: the learner is read from its
    file, its bank filled again, one increment learned by a copy, freed memory handed back;
    then the most resident memory (looked at every half millisecond) beyond the start while
    a second copy learns it.

    Parameters
    ----------
    items : old items, increasing
    n_new : items of the increment, of the last ``new_classes`` classes (half of them) and of all others
    n_classes, new_classes : classes in all, and those of them that only the increment has
    image_width, text_width, units : features of either side and units of the random layer
    repeat : int; the medians count

    Returns
    -------
    dict of plain values, ready for JSON and for `work_out_scale`
        ``rows``, for each size: ``n_items``, ``seconds`` (median), ``ratio`` (to the smallest
        size: median over turns, so that both saw the same machine), ``runs``, ``peak_bytes`` of the increment, ``state_bytes`` after it,
        ``learn_seconds`` of all its old items; ``largest_ratio``: of the largest ``ratio`` to the smallest;
        ``seconds_per_increment`` and ``state_bytes`` at the largest size; ``n_features``: entries
        of phi of both sides, after validation chose the units; what was asked for

    Raises
    ------
    DataError
        for a number below 1, sizes that do not increase, or no class left for old items
    """
    items = tuple(items)
    _check(items, n_classes, new_classes, n_new=n_new, image_width=image_width, text_width=text_width, units=units, repeat=repeat)
    drawn = {"n_classes": n_classes, "new_classes": new_classes, "image_width": image_width, "text_width": text_width, "seed": seed}
    new = increment_items(n_new, **drawn)
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        learners, seconds = _learned(items, ExactLearner(n_bits, units=units, seed=seed, device="cpu"), drawn)
        runs, after = _timed(learners, new, repeat)
        files = [save_exact(learner.hashing, Path(folder) / f"{len(learner.bank)}.safetensors") for learner in learners]
        n_features = sum(features.width for features in learners[0].hashing.features.values())
        del learners
        peaks = [_peak_in_a_process(file, items[: i + 1], n_new, drawn) for i, file in enumerate(files)]
    medians, ratios = np.median(runs, axis=1), np.median(runs / runs[0], axis=1)
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
    """What `bench_increment` measured, one line for each size."""
    head = (
        f"an increment of {measured['new_items']:,} items, {measured['n_new_classes']} of {measured['n_classes']} classes new, {measured['n_features']:,} "
        f"features, {measured['n_bits']} bits, one thread, medians of {measured['repeat']}; slowest / fastest size {measured['largest_ratio']:.3f}:"
    )
    lines = [
        f"{row['n_items']:>11,} old items  {1000 * row['seconds']:8.1f} ms, {row['ratio']:.3f} of the first  "
        f"{row['peak_bytes'] / 2**20:6.1f} MiB at its peak  state {row['state_bytes'] / 2**20:.1f} MiB"
        for row in measured["rows"]
    ]
    return "\n".join([head, *lines])


# --- synthetic items ---


def old_items(start, stop, **drawn) -> PairedFeatures:
    """Old items from number ``start`` to ``stop``; they follow from these and the seed alone."""
    old_classes = drawn["n_classes"] - drawn["new_classes"]
    ids = np.array([f"old{number}" for number in range(start, stop)])
    return _items(np.random.default_rng([drawn["seed"], 1, start]), np.arange(start, stop) % old_classes, ids, **drawn)


def increment_items(n_new, **drawn) -> PairedFeatures:
    """The new items: every other one of a new class."""
    old_classes, count = drawn["n_classes"] - drawn["new_classes"], np.arange(n_new)
    classes = np.where(count % 2, count // 2 % old_classes, old_classes + count // 2 % drawn["new_classes"])
    return _items(np.random.default_rng([drawn["seed"], 2]), classes, np.array([f"new{number}" for number in count]), **drawn)


def _items(random, classes, ids, *, n_classes, image_width, text_width, seed, **_) -> PairedFeatures:
    sides = {}
    for side, width in (("image", image_width), ("text", text_width)):
        centres = np.random.default_rng([seed, 0, width]).normal(size=(n_classes, width)).astype(np.float32)
        sides[side] = centres[classes] + 2 * random.standard_normal((len(classes), width), dtype=np.float32)
    names = tuple(f"class{number}" for number in range(n_classes))
    return PairedFeatures(ids=ids, labels=np.eye(n_classes, dtype=bool)[classes], class_names=names, groups=ids, **sides)


def _stages(items):
    """First and last number of every stage of old items; one ends at each size."""
    for before, size in zip((0, *items), items):
        for start in range(before, size, STAGE):
            yield start, min(start + STAGE, size)


# --- measuring ---


def _learned(items, learner, drawn):
    """The learner at each size, and the seconds that all items until then took."""
    copies, seconds, spent = [], [], 0.0
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
    other.bank, other.hashing = learner.bank.copy(), copy.deepcopy(learner.hashing)  # the sums last: in the cache, whatever the bank's size
    return other


def _timed(learners, new, repeat):
    """Seconds float (sizes, turns) of learning ``new`` by copies, and state bytes after it; one turn before is not counted."""
    runs, after = np.empty((len(learners), repeat + 1)), {}
    for turn in range(repeat + 1):
        for size in np.roll(np.arange(len(learners)), turn):
            one = _copy(learners[size])
            stage = _stage(new, one)
            gc.disable()  # as timeit does: when Python cleans up is no part of the increment
            began = time.process_time()
            one.observe(stage)
            runs[size, turn] = time.process_time() - began
            gc.enable()
            after[size] = one.hashing.state_bytes
    return runs[:, 1:], [after[size] for size in range(len(learners))]


def _peak_in_a_process(file, items, n_new, drawn) -> int:
    task = json.dumps({"file": str(file), "items": items, "n_new": n_new, "drawn": drawn})
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}  # glibc: an array's memory goes back when the array does, so resident is in use
    program = [sys.executable, "-m", "dlchkit.bench.increment"]
    done = subprocess.run(program, check=False, input=task, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise DataError(f"the process that measures memory failed: {(done.stderr.strip().splitlines() or [done.returncode])[-1]}")
    return json.loads(done.stdout)


def _peak_of_increment(file, items, n_new, drawn) -> int:
    """The most resident memory of one increment beyond what this process held before it."""
    hashing = load_exact(file, device="cpu")
    learner = ExactLearner(hashing.n_bits, device="cpu")
    learner.hashing = hashing
    for start, stop in _stages(items):
        data = old_items(start, stop, **{**drawn, "image_width": 1, "text_width": 1})  # labels and ids are what a bank takes
        learner.bank.append(hashing.codes_of(data.labels), labels=data.labels, ids=data.ids, stage=learner.bank.n_stages)
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
    """A list whose only entry is the most resident memory of this process inside the block."""
    process, most, over = optional_module("psutil", "bench").Process(), [0], threading.Event()

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
        raise DataError(f"{items[0]} old items of {old_classes} classes; leave at least one class to them, and two items to every one of them")


if __name__ == "__main__":
    print(_peak_of_increment(**json.loads(sys.stdin.read())))
