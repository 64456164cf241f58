"""Fixtures of several test files."""

from contextlib import contextmanager

import numpy as np
import pytest

from dlchkit.data import PairedFeatures
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
        features = {
            side: (labels @ random.normal(size=(n_classes, width)) + 0.3 * random.normal(size=(n, width))).astype(
                np.float32
            )
            for side, width in (("image", 12), ("text", 10))
        }
        ids = np.array([f"item{i:04d}" for i in range(n)])
        return PairedFeatures(
            ids=ids, labels=labels, class_names=tuple("abcdefghijklmnop"[:n_classes]), groups=ids, **features
        )

    return build


@pytest.fixture(scope="session")
def kills(request):
    """Kills of each kind of writer in tests/faults."""
    return request.config.getoption("--kills")
