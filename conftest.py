"""Settings of the whole suite: where its data goes, how many threads it takes, and which tests are slow."""

import os
import tempfile

import pytest

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

if "PYTEST_XDIST_WORKER" not in os.environ:  # before dlchkit is imported; workers, kernels and commands inherit it
    _data_home = tempfile.TemporaryDirectory(prefix="dlchkit-tests-")
    os.environ["DLCHKIT_DATA"] = _data_home.name


def pytest_addoption(parser):
    kills = "kills of each writer in tests/faults (default: 2)"
    parser.addoption("--kills", type=int, default=2, metavar="N", help=kills)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def pytest_collection_modifyitems(items):
    """Mark notebooks as slow, and put slow files first, so that the workers end at about the same time."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)
