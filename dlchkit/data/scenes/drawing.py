"""Turn shape outlines into pixels: placing, colouring, and smoothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

OVERSAMPLE = 3

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (208, 84, 76),
    "orange": (233, 146, 80),
    "yellow": (245, 205, 98),
    "green": (112, 160, 100),
    "blue": (78, 130, 188),
    "purple": (140, 108, 174),
    "pink": (234, 150, 170),
    "white": (248, 243, 232),
    "grey": (158, 164, 176),
    "brown": (152, 110, 82),
    "black": (64, 60, 76),
}


class Pose(NamedTuple):
    """Where a shape goes: all lengths are fractions of the picture's width."""

    x: float
    y: float
    half: float
    tilt: float = 0.0
    flip: bool = False

    def place(self, points: np.ndarray, pixels: int) -> np.ndarray:
        """Map shape points (k, 2) from the unit box onto a square canvas."""
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        across = -1.0 if self.flip else 1.0
        turn = np.array([[cos * across, sin * across], [-sin, cos]])
        return (points @ turn * self.half + (self.x, self.y)) * pixels


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend two colours; `share` is the part of the second one.

    >>> mix((0, 0, 0), (200, 100, 50), 0.5)
    (100, 50, 25)
    """
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def tones(main: Colour, accent: Colour) -> dict[str, Colour]:
    """Colours for the roles that the parts of a shape refer to."""
    return {
        "main": main,
        "shade": mix(main, (50, 40, 80), 0.25),
        "light": mix(main, (255, 250, 240), 0.5),
        "accent": accent,
        "pale": (250, 245, 233),
        "dark": (62, 56, 74),
        "wood": (142, 104, 80),
        "leaf": (98, 146, 92),
        "glow": (255, 220, 132),
    }


def gradient(top: Colour, bottom: Colour, pixels: int) -> Image.Image:
    """A square picture that fades from one colour down to another."""
    share = np.linspace(0, 1, pixels)[:, None]
    column = np.array(top) * (1 - share) + np.array(bottom) * share
    column = np.round(column).astype(np.uint8)[:, None]
    return Image.fromarray(np.repeat(column, pixels, axis=1))


def paint(draw: ImageDraw.ImageDraw, shape, pose: Pose, colours: dict, pixels: int):
    """Fill every part of a shape, back to front."""
    for part in shape:
        points = pose.place(part.points, pixels).ravel().tolist()
        if part.width:
            width = max(2, round(part.width * pose.half * pixels))
            draw.line(points, colours[part.role], width, joint="curve")
        else:
            draw.polygon(points, colours[part.role])


def shrink(image: Image.Image, size: int) -> np.ndarray:
    """Scale an oversampled canvas down to uint8 pixels (size, size, 3)."""
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))


def pick(rng: np.random.Generator, options):
    """One of the options, each as likely as the others."""
    return options[int(rng.integers(len(options)))]


def positive_whole(name: str, value) -> int:
    """Return `value` as an int, or say in one line what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)
