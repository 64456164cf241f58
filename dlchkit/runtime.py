"""The device that torch computes on, and random numbers that depend on a seed alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dlchkit.errors import DataError


def choose_device(device: str = "auto") -> torch.device:
    """Return the named torch device; "auto" takes a GPU where there is one, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise DataError(f"device is {device!r}; it must be 'auto', 'cpu', 'cuda' or another torch device") from None
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise DataError(f"device is {device!r}, but torch sees no GPU here; use 'auto' or 'cpu'")
    return chosen


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw torch's random numbers from ``seed`` inside the block; outside, nothing has changed."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.default_generator.manual_seed(seed)
        torch.cuda.manual_seed_all(seed)
        yield
