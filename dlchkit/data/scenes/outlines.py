"""The strokes that shapes are made of: polygons, blobs, discs, stars and lines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Part(NamedTuple):
    """One stroke of a shape: the role of its colour, and its points (k, 2)."""

    role: str
    points: np.ndarray
    width: float = 0.0  # zero: a filled outline; otherwise a line this thick


def poly(role, *xy):
    """A filled outline with straight edges."""
    return Part(role, np.array(xy, float).reshape(-1, 2))


def line(role, width, *xy):
    """A line through the given points."""
    return Part(role, np.array(xy, float).reshape(-1, 2), width)


def blob(role, *xy):
    """A filled outline that passes smoothly through the points (Catmull-Rom)."""
    p1 = np.array(xy, float).reshape(-1, 2)
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = np.linspace(0, 1, 6, endpoint=False)[:, None, None]
    curve = (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3) / 2
    return Part(role, curve.transpose(1, 0, 2).reshape(-1, 2))


def arc(cx, cy, rx, ry, start=0.0, stop=360.0):
    """Points on an ellipse from one angle to another, in degrees clockwise."""
    angle = np.radians(np.linspace(start, stop, 20))
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], axis=1)


def disc(role, cx, cy, rx, ry=None):
    """A filled circle or ellipse."""
    return Part(role, arc(cx, cy, rx, rx if ry is None else ry))


def ring(role, width, cx, cy, rx, ry=None, start=0, stop=360):
    """A curved line: the whole or a piece of an ellipse."""
    return Part(role, arc(cx, cy, rx, rx if ry is None else ry, start, stop), width)


def burst(role, spikes, outer, inner, cx=0.0, cy=0.0):
    """A star with the given number of spikes."""
    angle = np.arange(2 * spikes) * np.pi / spikes - np.pi / 2
    radius = np.where(np.arange(2 * spikes) % 2, inner, outer)
    x, y = cx + radius * np.cos(angle), cy + radius * np.sin(angle)
    return Part(role, np.stack([x, y], axis=1))


def crescent(role, radius, bite):
    """A moon from which a shifted circle of the same height was taken away."""
    outside = arc(0, 0, radius, radius, 90, 270)
    inside = arc(0, 0, radius - bite, radius, 270, 90)
    return Part(role, np.concatenate([outside, inside]) + np.array([radius / 2, 0]))


def petals(role, count, reach, radius, cx=0.0, cy=0.0):
    """A wreath of small discs."""
    angle = np.arange(count) * 2 * np.pi / count
    x = cx + reach * np.cos(angle)
    y = cy + reach * np.sin(angle)
    return tuple(disc(role, *centre, radius) for centre in zip(x, y, strict=True))


def wheel(cx, cy, radius):
    """A dark tyre around a pale hub."""
    return disc("dark", cx, cy, radius), disc("pale", cx, cy, radius * 0.45)


def rays(role, width, count, inner, outer):
    """Lines that point away from the centre."""
    angle = np.arange(count) * 2 * np.pi / count
    ends = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return tuple(line(role, width, *inner * end, *outer * end) for end in ends)
