"""Fixtures of several test files."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch

from dlchkit.data import PairedFeatures
from dlchkit.data.streams import class_incremental_stream
from dlchkit.errors import DataError


@pytest.fixture(scope="session")
def refused():
    """``with refused("what", "where"):`` expects a `DataError` of one line that holds every part."""

    @contextmanager
    def expect(*parts):
        with pytest.raises(DataError) as caught:
            yield
        message = str(caught.value)
        assert len(message.splitlines()) == 1, message
        for part in parts:
            assert part in message, message

    return expect


@pytest.fixture(scope="session")
def clustered_pairs():
    """Builds `PairedFeatures` whose image and text features lie around the centres of their classes."""

    def build(n=240, n_classes=6, *, several_labels=False, seed=0):
        random = np.random.default_rng(seed)
        labels = np.eye(n_classes, dtype=bool)[np.arange(n) % n_classes]
        if several_labels:
            labels |= random.random(labels.shape) < 0.2
        image, text = (
            (labels @ random.normal(size=(n_classes, width)) + 0.3 * random.normal(size=(n, width))).astype(np.float32)
            for width in (12, 10)
        )
        ids = np.array([f"item{i:04d}" for i in range(n)])
        names = tuple("abcdefghijklmnop"[:n_classes])
        return PairedFeatures(ids=ids, labels=labels, class_names=names, groups=ids, image=image, text=text)

    return build


@pytest.fixture(scope="session")
def stream(clustered_pairs):
    """Three stages of two classes each."""
    return class_incremental_stream(clustered_pairs(), classes_per_stage=[2, 2, 2])


@pytest.fixture(scope="session")
def draws_nothing():
    """``with draws_nothing():`` expects that the global generators of torch and NumPy stay where they are."""

    def states():
        _, key, position, *_ = np.random.get_state()  # noqa: NPY002 - the legacy generator is what is watched
        return torch.get_rng_state().numpy(), np.append(key, position)

    @contextmanager
    def expect():
        before = states()
        yield
        assert all(map(np.array_equal, before, states()))

    return expect


@pytest.fixture(scope="session")
def kills(request):
    """Kills of each kind of writer in tests/faults."""
    return request.config.getoption("--kills")
