"""The bytes that a learner keeps between stages."""

from collections import deque
from types import FunctionType, MemberDescriptorType, MethodType, ModuleType

import numpy as np
import torch

from dlchkit.bank import CodeBank

# the product, and code, which holds no data of the learner
_PASSED_BY = (CodeBank, type, ModuleType, FunctionType, MethodType)


def kept_bytes(learner) -> int:
    """Bytes of all arrays that an object holds to go on from, without its code bank.

    For a learner these are network weights and gradients, sums, importances, and the
    features, labels, ids and codes of kept items: all that must stay in memory, or on disk,
    until the next stage.

    Parameters
    ----------
    learner : object
        Attributes, slots, dicts, lists, tuples, sets and deques are searched, however deep, on
        whatever device their arrays lie.

    Returns
    -------
    int
        Bytes, each counted once. A view counts the whole memory that it keeps alive: a column of
        an array counts as the array.

    Notes
    -----
    Things without arrays count nothing: numbers, names, settings, random generators. The same
    holds for variables that a function closes over, and for the graph behind a tensor that
    requires its gradient. The bank is left out wherever it stands: it is the product of a method,
    the same for all, and grows with the items, n_bits / 8 bytes for the code of each.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> features = np.zeros((100, 8), np.float32)
    >>> kept_bytes(SimpleNamespace(features=features, first=features[:1], mean=torch.zeros(8), seed=3))
    3232
    >>> kept_bytes(SimpleNamespace(first=features[:1])), kept_bytes(SimpleNamespace(first=features[:1].copy()))
    (3200, 32)
    """
    spans: dict[str, list[tuple[int, int]]] = {}  # device -> addresses of memory, from and to
    met = {}  # id -> thing; kept, so that no other object can take its id
    ahead = [learner]
    while ahead:
        thing = ahead.pop()
        if id(thing) in met or isinstance(thing, _PASSED_BY):
            continue
        met[id(thing)] = thing
        for device, start, n_bytes in _own_memory(thing):
            spans.setdefault(device, []).append((start, start + n_bytes))
        ahead.extend(_held_by(thing))
    return sum(_covered(of_device) for of_device in spans.values())


def _own_memory(thing) -> list[tuple[str, int, int]]:
    """(device, address, bytes) of the memory that an array keeps alive, one entry or none."""
    if isinstance(thing, torch.Tensor):
        storage = thing.untyped_storage()
        return [(str(thing.device), storage.data_ptr(), storage.nbytes())]
    if isinstance(thing, np.ndarray) and thing.size > 0:
        low, high = np.lib.array_utils.byte_bounds(thing)
        return [("cpu", low, high - low)]
    return []


def _held_by(thing) -> list:
    """The things an object refers to: attributes, slots, entries, the base of a view, the gradient of a weight."""
    held = [*getattr(thing, "__dict__", {}).values(), *_in_slots(thing)]
    if isinstance(thing, torch.Tensor):
        if thing.is_leaf:
            held.append(thing.grad)
    elif isinstance(thing, np.ndarray):
        held.append(thing.base)
        if thing.dtype.hasobject:
            held += thing.flat
    elif isinstance(thing, dict):
        held += [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset, deque)):
        held += thing
    return held


def _in_slots(thing) -> list:
    slots = [slot for kind in type(thing).__mro__ for slot in vars(kind).items()]
    return [getattr(thing, name, None) for name, slot in slots if isinstance(slot, MemberDescriptorType)]


def _covered(spans: list[tuple[int, int]]) -> int:
    """Bytes in the union of [start, stop) intervals."""
    total = 0
    reached = 0
    for start, stop in sorted(spans):
        total += max(0, stop - max(start, reached))
        reached = max(reached, stop)
    return total
