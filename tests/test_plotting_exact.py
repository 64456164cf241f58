"""Figures of exact lifelong hashing show what they are given, and their sentences state the right numbers."""

import io

import numpy as np
import pytest
from PIL import Image

from dlchkit import plotting

SIMILARITY = np.array([0.0, 0.5, 1.0])
PRODUCTS = {"before": np.array([0.2, 0.5, 1.0]), "after": np.array([-0.1, 0.45, 1.0])}


def test_each_panel_shows_every_pair_and_the_line_asked_for():
    figure = plotting.plot_code_fit(SIMILARITY, PRODUCTS, margin=0.1)
    assert Image.open(io.BytesIO(plotting.png(figure))).width <= 800
    for axes, (name, product) in zip(figure.axes, PRODUCTS.items(), strict=True):
        asked, pairs = axes.lines
        assert asked.get_ydata() == pytest.approx([-0.1, 1])
        assert np.array_equal(pairs.get_ydata(), product) and pairs.get_xdata() == pytest.approx(SIMILARITY, abs=0.02)
        assert axes.get_title(loc="left").startswith(name)
    assert "0.0308" in figure.axes[0].get_title(loc="left")  # ((.2 + .1)^2 + (.5 - .45)^2) / 3


def test_the_sentence_says_the_gaps_by_hand():
    said = plotting.describe_code_fit(SIMILARITY, PRODUCTS, margin=0.1)
    assert "Over 3 pairs" in said and "0.0308 in the mean square and 0.30 at worst (before)" in said
    assert "0.0000 in the mean square and 0.00 at worst (after)" in said
