"""Seconds and bytes, measured in the same way by every benchmark."""

import ctypes
import gc
import platform
import time
import tracemalloc
from importlib.metadata import version

from dlchkit.errors import optional_module


def seconds_of(function, arguments):
    """Return the seconds of one call, and its result."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def peak_bytes(function, arguments) -> int:
    """Return the most memory that Python and NumPy allocated during a call."""
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def resident_bytes() -> int:
    """Return the resident memory of this process; on glibc, freed memory is handed back first."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if platform.system() == "Linux" else None
    if trim is not None:
        trim(0)
    return optional_module("psutil", "bench").Process().memory_info().rss


def circumstances(*libraries) -> dict:
    """Return ``versions`` of Python, the kit and these libraries, and ``machine``."""
    versions = {name: version(name) for name in ("dlchkit", "numpy", *libraries)}
    return {"versions": {"python": platform.python_version(), **versions}, "machine": platform.machine()}
