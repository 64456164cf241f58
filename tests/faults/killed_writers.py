"""Processes that write without pause, features into the cache or saved models over each other, and are killed."""

import multiprocessing
import os
import shutil
import time
from functools import cache
from pathlib import Path

import numpy as np
from remains import Remains, state_of, temporary_files

from dlchkit.encoders.cache import cached_features
from dlchkit.index import FaissIndex
from dlchkit.lifelong import ExactHashing, load_exact, save_exact
from dlchkit.records import RunRecord

CACHED = (256, 8_192)  # float32, 8 MB
INDEXED = (10_000, 20_000)  # codes of the two indexes that are saved in turn
IMPORTED = ["dlchkit.encoders.cache", "dlchkit.index", "dlchkit.lifelong", "dlchkit.records"]  # once for all writers


class _Encoder:
    """Gives every item the first item's value: any entry of a file shows what the whole file should hold."""

    fingerprint = "an encoder to be killed"

    def encode(self, items):
        return np.full(CACHED, float(items[0]), dtype=np.float32)


def write_cache(folder: Path, number: int) -> None:
    """Write features that hold this number into the feature cache."""
    cached_features(_Encoder(), np.array([str(number)] * CACHED[0]), folder=folder)


def look_at_cache(folder: Path) -> dict[str, str]:
    """The state of every file of cached features."""
    found = {path.name: state_of(path, _holds_one_value) for path in folder.glob("[!.]*.npy")}
    return found or {"features": "absent"}


def _holds_one_value(path):
    features = np.load(path, allow_pickle=False)
    return features.shape == CACHED and bool((features == features[0, 0]).all())


@cache
def _hashing(version):
    random = np.random.default_rng(version)
    n = 100 * (1 + version)
    labels = np.eye(4, dtype=bool)[np.arange(n) % 4]
    hashing = ExactHashing(16, units=150, ridge=1.0, device="cpu")
    return hashing.partial_fit(random.normal(size=(n, 16)), random.normal(size=(n, 16)), labels)


@cache
def _index(version):
    codes = np.random.default_rng(version).choice(np.array([-1, 1], np.int8), size=(INDEXED[version], 64))
    index = FaissIndex(64)
    index.add(codes, np.array([f"item{i}" for i in range(len(codes))]))
    return index


def write_models(folder: Path, number: int) -> None:
    """Save one of two versions of exact hashing, of an index and of a record over the other."""
    version = number % 2
    save_exact(_hashing(version), folder / "hashing.safetensors")
    _index(version).save(folder / "index")
    RunRecord("kills", {"version": version}, findings={"long": list(range(20_000))}).save(folder)


def look_at_models(folder: Path) -> dict[str, str]:
    """The state of the hashing, the index and the record."""
    is_right = {
        "hashing.safetensors": lambda path: load_exact(path, device="cpu").n_items in (100, 200),
        "index/index.json": lambda path: len(FaissIndex.load(path.parent)) in INDEXED,
        "result.json": lambda path: len(RunRecord.load(path.parent).findings["long"]) == 20_000,
    }
    return {name: state_of(folder / name, check) for name, check in is_right.items()}


WRITERS = {"cache": (write_cache, look_at_cache), "models": (write_models, look_at_models)}


def _write_for_ever(kind, folder, ready):
    write, _ = WRITERS[kind]
    number = int.from_bytes(os.urandom(3))
    for version in (0, 1):  # models are fitted here, before the clock of the kill starts
        write(Path(folder) / "warm", version)
    ready.send(True)
    while True:
        write(Path(folder) / "killed", number)
        number += 1


def kill_writers(kind: str, times: int, folder: Path, random: np.random.Generator) -> Remains:
    """Kill a writer at random moments; after each kill look at its files, write once more and look again."""
    write, look = WRITERS[kind]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    write(folder / "timed", 0)
    once = _seconds(write, folder / "timed", 2)
    remains, killed = Remains(), folder / "killed"
    for _ in range(times):
        if random.random() < 0.5:
            shutil.rmtree(killed, ignore_errors=True)
        before = temporary_files(killed)
        ready, sender = context.Pipe(duplex=False)
        process = context.Process(target=_write_for_ever, args=(kind, str(folder), sender))
        process.start()
        ready.recv()
        time.sleep(random.uniform(0, 3 * once))
        process.kill()
        process.join()
        process.close()
        remains.kills += 1
        remains.interrupted += temporary_files(killed) != before
        remains.note(look(killed))
        write(killed, 1)
        after = look(killed)
        remains.second_runs += 1
        remains.completed += set(after.values()) == {"whole"}
        remains.note(after)
    return remains


def _seconds(function, *arguments):
    started = time.monotonic()
    function(*arguments)
    return time.monotonic() - started
