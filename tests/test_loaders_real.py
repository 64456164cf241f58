"""The Wikipedia set itself, where it lies on this machine."""

import os
from pathlib import Path

import numpy as np
import pytest

from dlchkit.data.catalog import load

REAL = Path(os.environ.get("DLCHKIT_DATASETS", "absent"))


@pytest.mark.skipif(
    not (REAL / "wikipedia").is_dir(),
    reason="the Wikipedia set is not here; DLCHKIT_DATASETS names a folder that holds it",
)
def test_the_wikipedia_set():
    data = load("wikipedia", root=REAL)
    has_pku = (REAL / "wikipedia" / "pku_split_indices.txt").is_file()
    counts = dict(zip(*np.unique(data.split, return_counts=True), strict=True))
    assert counts == (
        {"database": 2173, "query": 462, "validation": 231} if has_pku else {"database": 2173, "query": 693}
    )
    assert data.image_features.shape == (2866, 128) and data.text_features.shape == (2866, 10)
    assert np.allclose(data.image_features.sum(1), 1, atol=1e-4) and np.allclose(
        data.text_features.sum(1), 1, atol=1e-4
    )  # histograms and topics
    assert data.class_names == (
        "art",
        "biology",
        "geography",
        "history",
        "literature",
        "media",
        "music",
        "royalty",
        "sport",
        "warfare",
    )
    assert (data.labels.sum(1) == 1).all() and data.left_out == ()
    training = data.split == "database"
    assert data.labels[training].sum(0).tolist() == [138, 272, 244, 248, 202, 178, 186, 144, 214, 347]
    assert data.labels[~training].sum(0).tolist() == [34, 88, 96, 85, 65, 58, 51, 41, 71, 104]
