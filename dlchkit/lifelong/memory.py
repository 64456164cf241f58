"""What a learner keeps between stages, in bytes."""

from collections import deque
from types import FunctionType, MemberDescriptorType, MethodType, ModuleType

import numpy as np
import torch

from dlchkit.bank import CodeBank

_PASSED_BY = (CodeBank, type, ModuleType, FunctionType, MethodType)  # the product, and code, which holds no data of the learner


def kept_bytes(learner) -> int:
    """Bytes of all arrays that an object holds to go on from, without its code bank.

    For a learner these are network weights and gradients, sums, importances, and the
    features, labels, ids and codes of kept items: all that must stay in memory, or on disk,
    until the next stage.

    Parameters
    ----------
    learner : any object; attributes, slots, dicts, lists, tuples, sets and deques are
        searched, however deep, on whatever device their arrays lie

    Returns
    -------
    bytes, each counted once. A view counts the whole memory that it keeps alive: a column of
    an array counts as the array.

    Notes
    -----
    What has no arrays counts nothing: numbers, names, settings, random generators. So does what
    a function closes over, and the graph behind a tensor that requires its gradient. The bank
    is left out wherever it stands: it is what a method is for, the same for all, and
    grows with the items, n_bits / 8 bytes for the code of each.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> features = np.zeros((100, 8), np.float32)
    >>> kept_bytes(SimpleNamespace(features=features, first=features[:1], mean=torch.zeros(8), seed=3))
    3232
    >>> kept_bytes(SimpleNamespace(first=features[:1])), kept_bytes(SimpleNamespace(first=features[:1].copy()))
    (3200, 32)
    """
    spans, met, ahead = {}, {}, [learner]
    while ahead:
        thing = ahead.pop()
        if id(thing) in met or isinstance(thing, _PASSED_BY):
            continue
        met[id(thing)] = thing  # kept, so that no other object can take its id
        for device, start, n_bytes in _own_memory(thing):
            spans.setdefault(device, []).append((start, start + n_bytes))
        ahead.extend(_held_by(thing))
    return sum(map(_covered, spans.values()))


def _own_memory(thing):
    """(device, address, bytes) of the memory that an array keeps alive, one entry or none."""
    if isinstance(thing, torch.Tensor):
        storage = thing.untyped_storage()
        return [(str(thing.device), storage.data_ptr(), storage.nbytes())]
    if isinstance(thing, np.ndarray):
        low, high = np.lib.array_utils.byte_bounds(thing)
        return [("cpu", low, high - low)] if thing.size else []
    return []


def _held_by(thing):
    """What an object refers to: attributes, slots, entries, the base of a view, the gradient of a weight."""
    held = [*getattr(thing, "__dict__", {}).values()]
    held += [
        getattr(thing, name, None) for kind in type(thing).__mro__ for name, slot in vars(kind).items() if isinstance(slot, MemberDescriptorType)
    ]
    if isinstance(thing, torch.Tensor):
        held += [thing.grad] if thing.is_leaf else []
    elif isinstance(thing, np.ndarray):
        held += [thing.base, *(thing.flat if thing.dtype.hasobject else ())]
    elif isinstance(thing, dict):
        held += [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset, deque)):
        held += thing
    return held


def _covered(spans):
    """Bytes in the union of [start, stop) intervals."""
    total, reached = 0, 0
    for start, stop in sorted(spans):
        total += max(0, stop - max(start, reached))
        reached = max(reached, stop)
    return total
