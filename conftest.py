"""Settings of the whole suite: its data, its threads, how large the notebooks' world is, and which tests are slow."""

import json
import os
import tempfile
from pathlib import Path

import pytest

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

if "PYTEST_XDIST_WORKER" not in os.environ:  # before dlchkit is imported; workers, kernels and commands inherit it
    _data_home = tempfile.TemporaryDirectory(prefix="dlchkit-tests-")
    os.environ["DLCHKIT_DATA"] = _data_home.name


SMALL_WORLD = {"folder": "scenes", "n_pairs": 300, "n_source": 200, "epochs": 4, "classes_per_stage": [10, 3, 3]}
SMALLER = {
    "n_pairs": 300,
    "n_source": 200,
    "n_items": 200,
    "transfer_epochs": 1,
    "budgets": [5],
    "n_seeds": 1,
    "n_codes": 2000,
}
LARGER = {"09_released_demo": {"n_pairs": 1000}}  # its assertions need more pairs


def pytest_addoption(parser):
    worlds = "world of the notebooks: a small one, or the whole one that they have by themselves (default: small)"
    parser.addoption("--world", choices=["small", "whole"], default="small", help=worlds)
    kills = "kills of each writer in tests/faults (default: 2)"
    parser.addoption("--kills", type=int, default=2, metavar="N", help=kills)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _small_world(notebook: str, parameters: str) -> str:
    """Lines that follow a notebook's parameters, as papermill's would: a small data file, and smaller numbers."""
    file = Path(os.environ["DLCHKIT_DATA"]) / f"{notebook}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(SMALL_WORLD | LARGER.get(notebook, {})), encoding="utf-8")  # JSON is YAML
    smaller = {"data": str(file), **SMALLER}
    return "".join(f"\n{name} = {value!r}" for name, value in smaller.items() if f"\n{name}: " in f"\n{parameters}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Start a worker for each core, eight at most, since a worker and its kernel take a gigabyte or two."""
    return min(8, cores())


def pytest_configure(config):
    """Share the cores out among the workers, which inherit the environment of this process."""
    workers = getattr(config.option, "numprocesses", None)
    if workers and "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait leave the core to another process
        for name in THREADS:
            os.environ.setdefault(name, str(max(1, cores() // workers)))


def pytest_collection_modifyitems(config, items):
    """Mark notebooks as slow and make their world small; slow files come first, so that the workers end together."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)
            tags = item.cell.metadata.get("tags", [])
            if config.option.world == "small" and "parameters" in tags:
                item.cell.source += _small_world(item.path.stem, item.cell.source)
            if config.option.world == "small" and "whole-world" in tags:
                item.options["check"] = False  # its stored output is that of the whole world
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)
