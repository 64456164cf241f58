"""The device that torch computes on, and random numbers that depend on a seed alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dlchkit.errors import DataError


def choose_device(device: str | torch.device = "auto", dtype: torch.dtype = torch.float32) -> torch.device:
    """Return the named torch device if it can compute in ``dtype``; "auto" takes a GPU where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError):
        raise DataError(f"device is {device!r}; it must be 'auto', 'cpu', 'cuda' or another torch device") from None
    try:
        torch.ones(1, dtype=dtype, device=chosen).add(1).item()
    except Exception:  # every backend of torch raises kinds of its own
        kind = str(dtype).removeprefix("torch.")
        raise DataError(f"device is {device!r}, but torch computes no {kind} on it here; use 'auto' or 'cpu'") from None
    return chosen


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw torch's random numbers from ``seed`` inside the block; outside, nothing has changed."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.default_generator.manual_seed(seed)
        torch.cuda.manual_seed_all(seed)
        yield


@contextmanager
def one_thread(get=torch.get_num_threads, put=torch.set_num_threads):
    """Run the block on one thread; ``get`` and ``put`` are the functions of a library other than torch."""
    before = get()
    put(1)
    try:
        yield
    finally:
        put(before)
