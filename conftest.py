"""Settings of the whole suite: where its data goes, how many threads it takes, and which tests are slow."""

import os
import tempfile

import pytest

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

if "PYTEST_XDIST_WORKER" not in os.environ:  # before dlchkit is imported; workers, kernels and commands inherit it
    _data_home = tempfile.TemporaryDirectory(prefix="dlchkit-tests-")
    os.environ["DLCHKIT_DATA"] = _data_home.name


def pytest_addoption(parser):
    kills = "kills of each writer in tests/faults (default: 4)"
    parser.addoption("--kills", type=int, default=4, metavar="N", help=kills)


def pytest_configure(config):
    """Share the cores out among the workers, which inherit this process's environment."""
    workers = getattr(config.option, "numprocesses", None)
    if workers and "PYTEST_XDIST_WORKER" not in os.environ:
        threads = str(max(1, (os.cpu_count() or 1) // workers))
        for name in THREADS:
            os.environ.setdefault(name, threads)


def pytest_collection_modifyitems(items):
    """Mark notebooks as slow, and put slow files first, so that no worker begins a long file when the other is done."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)
