"""Processes that write without pause, features into the cache or saved models over each other, and are killed."""

import multiprocessing
import os
import shutil
import time
from functools import cache
from pathlib import Path

import numpy as np

from dlchkit.bench.remains import leftovers, note, note_leftovers, opened_file
from dlchkit.encoders.cache import cached_features
from dlchkit.index import FaissIndex
from dlchkit.lifelong import ExactHashing, load_exact, save_exact
from dlchkit.records import RunRecord

CACHED = (256, 8_192)  # float32, 8 MB
INDEXED = (10_000, 20_000)  # codes of the two indexes that are saved in turn


class _Encoder:
    """Gives every item the first letter's value, so that what a file should hold is seen from any of its entries."""

    fingerprint = "an encoder of the benchmark of kills"

    def encode(self, items):
        return np.full(CACHED, float(items[0]), dtype=np.float32)


def _write_cache(folder, number):
    cached_features(_Encoder(), np.array([str(number)] * CACHED[0]), folder=folder)


def _look_cache(folder):
    found = {}
    for path in folder.glob("[!.]*.npy"):
        try:
            features = np.load(path, allow_pickle=False)
            found[path.name] = "whole" if features.shape == CACHED and (features == features[0, 0]).all() else "of other content"
        except (ValueError, EOFError, OSError) as error:
            found[path.name] = str(error)
    return found or {"features": "absent"}


@cache
def _hashing(version):
    random, n = np.random.default_rng(version), 100 * (1 + version)
    labels = np.eye(4, dtype=bool)[np.arange(n) % 4]
    return ExactHashing(16, units=150, ridge=1.0, device="cpu").partial_fit(random.normal(size=(n, 16)), random.normal(size=(n, 16)), labels)


@cache
def _index(version):
    codes = np.random.default_rng(version).choice(np.array([-1, 1], np.int8), size=(INDEXED[version], 64))
    index = FaissIndex(64)
    index.add(codes, np.array([f"item{i}" for i in range(len(codes))]))
    return index


def _write_saving(folder, number):
    version = number % 2
    save_exact(_hashing(version), folder / "hashing.safetensors")
    _index(version).save(folder / "index")
    RunRecord("kills", {"version": version}, findings={"long": list(range(20_000))}).save(folder)


def _look_saving(folder):
    opened = {
        "hashing.safetensors": lambda path: load_exact(path, device="cpu").n_items in (100, 200),
        "index/index.json": lambda path: len(FaissIndex.load(path.parent)) in INDEXED,
        "result.json": lambda path: len(RunRecord.load(path.parent).findings["long"]) == 20_000,
    }
    return {name: opened_file(folder / name, is_right) for name, is_right in opened.items()}


WRITERS = {"cache": (_write_cache, _look_cache), "saving": (_write_saving, _look_saving)}


def _write_for_ever(kind, folder, ready):
    write, number = WRITERS[kind][0], int.from_bytes(os.urandom(3))
    for version in (0, 1):  # what is made once is made before
        write(Path(folder) / "warm", version)
    ready.send(True)
    while True:
        write(Path(folder) / "killed", number)
        number += 1


def kill_writers(kind: str, times: int, folder: Path, random: np.random.Generator, row: dict) -> None:
    """Kill writers of one kind and count in ``row`` what was left, see `dlchkit.bench.kills.bench_kills`."""
    write, look = WRITERS[kind]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    once = _seconds(write, folder / "timed", 0) and _seconds(write, folder / "timed", 2)
    for _ in range(times):
        killed = folder / "killed"
        if random.random() < 0.5:
            note_leftovers(row, killed)
            shutil.rmtree(killed, ignore_errors=True)
        before = leftovers(killed)
        ready, sender = context.Pipe(duplex=False)
        process = context.Process(target=_write_for_ever, args=(kind, str(folder), sender))
        process.start()
        ready.recv()
        time.sleep(random.uniform(0, 3 * once))
        process.kill()
        process.join()
        process.close()
        row["interrupted"] += leftovers(killed) != before
        note(row, look(killed))
        row["second_runs"] += 1
        write(killed, 1)
        after = look(killed)
        row["completed"] += set(after.values()) == {"whole"}
        note(row, after)
    note_leftovers(row, killed)


def _seconds(function, *arguments):
    started = time.monotonic()
    function(*arguments)
    return time.monotonic() - started
