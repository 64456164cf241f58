"""The source world: one thing per picture, cut from paper or sketched in ink."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from .drawing import OVERSAMPLE, Pose, mix, paint, pick, positive_whole, shrink, tones
from .shapes import SHAPES, SOURCE_ONLY

SOURCE_KINDS = ("sun", "star", "plane", "bird", "boat", "fish", "house", "tree", "car", "cat", *SOURCE_ONLY)

PAPERS = (
    (243, 234, 214),
    (226, 214, 190),
    (214, 224, 226),
    (238, 218, 208),
    (205, 212, 194),
    (190, 166, 136),
    (94, 102, 122),
    (224, 206, 150),
)
SCRAPS = (
    (196, 70, 62),
    (38, 106, 120),
    (226, 160, 52),
    (84, 74, 118),
    (70, 118, 84),
    (222, 120, 104),
    (40, 58, 96),
    (240, 232, 214),
    (152, 84, 108),
    (112, 160, 176),
)
INKS = ((44, 44, 66), (88, 52, 42), (30, 70, 92))
SOURCE_STREAM = 2


class Source(NamedTuple):
    """Labelled pictures of single things; see `render_source`."""

    pixels: np.ndarray
    labels: np.ndarray


def render_source(n, *, seed=0, size=64) -> Source:
    """Draw `n` pictures of one thing each, on paper.

    Picture i depends on `seed`, i and `size` alone, so a longer run starts
    with the pictures of a shorter one.

    Parameters
    ----------
    n : int
        How many pictures, at least 1.
    seed : int
        Which world to draw from, at least 0.
    size : int
        Width and height in pixels, at least 1; 32 or more to be readable.

    Returns
    -------
    Source
        `pixels`, uint8 (n, size, size, 3), and `labels`, int64 (n,), which
        are indices into `SOURCE_KINDS`.

    Examples
    --------
    >>> source = render_source(3, size=32)
    >>> source.pixels.shape, source.labels.shape
    ((3, 32, 32, 3), (3,))
    """
    n, size = positive_whole("n", n), positive_whole("size", size)
    pixels = np.empty((n, size, size, 3), np.uint8)
    labels = np.empty(n, np.int64)
    for i in range(n):
        rng = np.random.default_rng([seed, SOURCE_STREAM, i])
        labels[i] = rng.integers(len(SOURCE_KINDS))
        pixels[i] = draw_one(SOURCE_KINDS[labels[i]], rng, size)
    return Source(pixels, labels)


def draw_one(kind, rng, size):
    """One kind on one sheet of paper, as uint8 pixels (size, size, 3)."""
    shape = pick(rng, SHAPES[kind])
    half = rng.uniform(0.2, 0.42)
    pose = Pose(
        rng.uniform(half, 1 - half), rng.uniform(half, 1 - half), half, rng.normal(0, 0.25), bool(rng.integers(2))
    )
    paper = pick(rng, PAPERS)
    pixels = size * OVERSAMPLE
    sheet = Image.new("RGB", (pixels, pixels), paper)
    draw = ImageDraw.Draw(sheet, "RGBA")
    style = pick(rng, (cut_out, cut_out, sketch))
    style(draw, shape, pose, paper, rng, pixels)
    grain = rng.normal(0, 4, (size, size, 1)) + rng.normal(0, 2, (size, 1, 1))
    return np.clip(shrink(sheet, size) + grain, 0, 255).astype(np.uint8)


def contrast(colour, paper):
    return sum(abs(a - b) for a, b in zip(colour, paper, strict=True))


def cut_out(draw, shape, pose, paper, rng, pixels):
    """Flat scraps of coloured paper, lying on the sheet with a soft shadow."""
    scraps = [scrap for scrap in SCRAPS if contrast(scrap, paper) > 130]
    first, second = (scraps[i] for i in rng.permutation(len(scraps))[:2])
    colours = tones(first, second)
    colours |= {"wood": second, "leaf": second, "glow": paper}
    shadow = dict.fromkeys(colours, (30, 24, 40, 60))
    for shift in (0.012, 0.024):
        paint(draw, shape, pose._replace(x=pose.x + shift, y=pose.y + shift), shadow, pixels)
    paint(draw, shape, pose, colours, pixels)


def sketch(draw, shape, pose, paper, rng, pixels):
    """Shaky ink outlines over a thin wash that does not quite fit."""
    pale_ink = sum(paper) < 400
    ink = (240, 234, 220) if pale_ink else pick(rng, INKS)
    wash = mix(paper, pick(rng, SCRAPS), rng.uniform(0, 0.5))
    slip = pose._replace(x=pose.x + rng.normal(0, 0.015), y=pose.y + rng.normal(0, 0.015))
    paint(draw, shape, slip, dict.fromkeys(tones(wash, wash), wash), pixels)
    width = round(rng.uniform(0.011, 0.02) * pixels)
    for part in shape:
        points = part.points if part.width else np.concatenate([part.points, part.points[:1]])
        shake = rng.normal(0, 0.012, points.shape)
        line = pose.place(points + shake, pixels).ravel().tolist()
        solid = part.role == "dark" and not part.width
        if solid:
            draw.polygon(line, ink)
        draw.line(line, ink, width, joint="curve")
