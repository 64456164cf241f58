"""The target world: little landscapes, each with a caption."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from PIL import ImageDraw

from dlchkit.errors import DataError

from . import captions_cjk
from .captions import write_caption
from .drawing import COLOURS, OVERSAMPLE, Pose, gradient, mix, paint, pick, positive_whole, shrink, tones
from .shapes import LAND, SHAPES, SKY, WATER

KINDS = (*SKY, *WATER, *LAND)
CLASS_NAMES = {"en": KINDS} | {language: one.class_names for language, one in captions_cjk.WORDINGS.items()}
PAIRS_STREAM = 1
CAPTION_STREAMS = {"ja": 3, "zh": 4}


class Habit(NamedTuple):
    """How a kind likes to appear: its size, lean, colours, and how often where."""

    half: float
    lean: float
    colours: tuple[str, ...]
    often: Mapping[str, float] = MappingProxyType({})


HABITS = {
    "sun": Habit(0.12, 0.3, ("yellow", "orange", "red"), {"night": 0}),
    "moon": Habit(0.10, 0.3, ("white", "yellow"), {"day": 0.35, "night": 1.6}),
    "star": Habit(0.085, 0.3, ("yellow", "white", "orange"), {"day": 0.4, "night": 1.6}),
    "cloud": Habit(0.14, 0.05, ("white", "grey", "pink")),
    "balloon": Habit(0.14, 0.08, ("red", "orange", "blue", "purple", "green", "yellow")),
    "plane": Habit(0.13, 0.2, ("white", "grey", "red", "blue")),
    "kite": Habit(0.12, 0.35, ("red", "purple", "yellow", "green", "pink", "blue")),
    "bird": Habit(0.09, 0.2, ("white", "black", "blue", "brown", "red"), {"night": 0.7}),
    "boat": Habit(0.14, 0.06, ("red", "blue", "green", "brown", "white"), {"field": 0.5}),
    "whale": Habit(0.15, 0.06, ("blue", "grey", "black"), {"field": 0.35}),
    "fish": Habit(0.09, 0.3, ("orange", "red", "yellow", "purple", "grey", "pink"), {"field": 0.8}),
    "house": Habit(0.14, 0, ("red", "brown", "blue", "orange", "green"), {"sea": 0.7}),
    "tree": Habit(0.15, 0.04, ("green", "green", "orange", "pink"), {"sea": 0.7}),
    "flower": Habit(0.10, 0.12, ("red", "pink", "yellow", "purple", "white"), {"sea": 0.6}),
    "car": Habit(0.12, 0, ("red", "blue", "yellow", "green", "grey", "white"), {"sea": 0.8}),
    "cat": Habit(0.10, 0, ("orange", "black", "grey", "white", "brown"), {"sea": 0.9}),
}
ALONE = ("sun", "moon")
GLOWING = ("sun", "moon", "star")

SKIES = {
    "day": (((122, 182, 222), (222, 238, 240)), ((150, 196, 214), (250, 236, 212)), ((108, 164, 214), (204, 226, 238))),
    "dusk": (((112, 104, 158), (250, 186, 150)), ((94, 118, 168), (248, 206, 164)), ((160, 110, 150), (252, 204, 138))),
    "night": (((28, 34, 74), (84, 92, 142)), ((34, 30, 66), (110, 88, 136)), ((20, 42, 74), (72, 108, 142))),
}
VEILS = {"day": ((255, 255, 255), 0.0), "dusk": ((190, 96, 120), 0.15), "night": ((34, 38, 88), 0.42)}
SEAS = ((66, 132, 164), (80, 150, 160), (58, 112, 158))
MEADOWS = ((138, 176, 104), (164, 182, 100), (116, 166, 116))
SANDS = ((232, 212, 164), (224, 200, 158), (150, 178, 112))


class Thing(NamedTuple):
    """One kind in a scene, `count` times; `x`, `y`, `half` are those of the first."""

    kind: str
    count: int
    colour: str
    x: float
    y: float
    half: float
    far: bool

    @property
    def side(self):
        return "left" if self.x < 0.36 else "right" if self.x > 0.64 else "middle"


class Scene(NamedTuple):
    """A scene before it is drawn: the setting, and where everything stands."""

    time: str
    place: str
    horizon: float
    water: tuple[float, float]
    things: list[Thing]
    sprites: list[tuple[Thing, Pose]]


class Pairs(NamedTuple):
    """Pictures with captions and the kinds they show; see `render_pairs`."""

    pixels: np.ndarray
    texts: list[str]
    labels: np.ndarray


def render_pairs(n, *, seed=0, size=64, language="en") -> Pairs:
    """Draw `n` small landscapes and write a caption for each.

    Pair i depends on `seed`, i, `size` and `language` alone, so a longer run starts with
    the pairs of a shorter one; the pictures are the same in every language.

    Parameters
    ----------
    n : int
        How many pairs, at least 1.
    seed : int
        Which world to draw from, at least 0.
    size : int
        Width and height in pixels, at least 1; 32 or more to be readable.
    language : str
        Of the captions: "en", "ja" or "zh".

    Returns
    -------
    Pairs
        `pixels`, uint8 (n, size, size, 3); `texts`, a list of n captions; and
        `labels`, bool (n, 16), True where a kind of `KINDS` is in the picture.

    Examples
    --------
    >>> pairs = render_pairs(3, size=32)
    >>> pairs.pixels.shape, len(pairs.texts), pairs.labels.shape
    ((3, 32, 32, 3), 3, (3, 16))
    """
    n, size = positive_whole("n", n), positive_whole("size", size)
    class_names(language)
    pixels = np.empty((n, size, size, 3), np.uint8)
    texts = []
    labels = np.zeros((n, len(KINDS)), bool)
    for i in range(n):
        rng = np.random.default_rng([seed, PAIRS_STREAM, i])
        scene = imagine(rng)
        english = write_caption(scene, rng)  # in every language, since the pictures follow from the same generator
        texts.append(english if language == "en" else _in_language(scene, language, [seed, i]))
        pixels[i] = draw_scene(scene, rng, size)
        labels[i, [KINDS.index(thing.kind) for thing in scene.things]] = True
    return Pairs(pixels, texts, labels)


def _in_language(scene, language, numbers) -> str:
    rng = np.random.default_rng([numbers[0], CAPTION_STREAMS[language], numbers[1]])
    return captions_cjk.write_caption(scene, rng, captions_cjk.WORDINGS[language])


def class_names(language: str) -> tuple[str, ...]:
    """The names of `KINDS` in a language; refused where there are no captions in it."""
    if language not in CLASS_NAMES:
        raise DataError(f"scenes have no captions in language {language!r}; there are {', '.join(CLASS_NAMES)}")
    return CLASS_NAMES[language]


def imagine(rng) -> Scene:
    """Make up a scene: when, where, and one to four objects in it."""
    time = pick(rng, ("day", "day", "day", "dusk", "dusk", "night", "night", "night"))
    place = pick(rng, ("sea", "field"))
    horizon = rng.uniform(0.44, 0.56)
    if place == "sea":
        water = (horizon, rng.uniform(0.76, 0.84))
    else:
        top = horizon + rng.uniform(0.10, 0.14)
        water = (top, top + rng.uniform(0.14, 0.18))
    counts = choose_counts(rng, time, place)
    things, sprites, taken = [], [], []
    for kind, count in counts.items():
        colour = pick(rng, HABITS[kind].colours)
        poses = [place_one(kind, rng, place, horizon, water, taken) for _ in range(count)]
        base = poses[0].y + poses[0].half
        far = kind not in SKY and base < horizon + 0.16
        thing = Thing(kind, count, colour, poses[0].x, poses[0].y, poses[0].half, far)
        things.append(thing)
        sprites += [(thing, pose) for pose in poses]
    return Scene(time, place, horizon, water, things, sprites)


def choose_counts(rng, time, place) -> dict[str, int]:
    """How many of which kinds: one to four objects, now and then alike."""
    weight = np.array([HABITS[k].often.get(time, 1) * HABITS[k].often.get(place, 1) for k in KINDS])
    counts = {}
    for _ in range(pick(rng, (1, 2, 2, 2, 3, 3, 3, 4, 4))):
        alike = [kind for kind in counts if kind not in ALONE]
        if alike and rng.random() < 0.25:
            counts[pick(rng, alike)] += 1
            continue
        ladder = np.cumsum(weight)
        index = int(np.searchsorted(ladder, rng.random() * ladder[-1], side="right"))
        counts[KINDS[index]] = 1
        weight[index] = 0
    return counts


def place_one(kind, rng, place, horizon, water, taken) -> Pose:
    """The roomiest of a few places that suit the kind; adds it to `taken`."""
    habit = HABITS[kind]
    best = (0.0, 0.0, 0.0)
    most_room = -np.inf
    for _ in range(5):
        half = habit.half * rng.uniform(0.9, 1.5)
        x = rng.uniform(0.08, 0.92)
        if kind in SKY:
            y = rng.uniform(half * 0.8, max(half, horizon - half * 0.6))
        else:
            base = stand(kind, rng, place, horizon, water)
            half *= 0.7 + 0.75 * (base - horizon) / (1 - horizon)
            y = base - half
        room = min((np.hypot(x - o.x, y - o.y) - half - o.half for o in taken), default=0)
        if room > most_room:
            best = (x, y, half)
            most_room = room
    pose = Pose(*best, habit.lean * rng.uniform(-1, 1), bool(rng.integers(2)))
    taken.append(pose)
    return pose


def stand(kind, rng, place, horizon, water):
    """A height at which a kind of the water or the land can stand."""
    top, bottom = water
    if kind in WATER:
        return rng.uniform(top + 0.05, bottom)
    if place == "field" and rng.random() < 0.4:
        return rng.uniform(horizon + 0.04, top)
    return rng.uniform(bottom + 0.04, 0.97)


def draw_scene(scene, rng, size) -> np.ndarray:
    """Paint a scene from back to front, as uint8 pixels (size, size, 3)."""
    pixels = size * OVERSAMPLE
    veil, strength = VEILS[scene.time]
    top, bottom = pick(rng, SKIES[scene.time])
    image = gradient(top, bottom, pixels)
    draw = ImageDraw.Draw(image, "RGBA")
    if scene.time == "night":
        scatter_stars(draw, rng, pixels)
    look = choose_look(scene, rng)
    lights = [sprite for sprite in scene.sprites if sprite[0].kind in GLOWING]
    fliers = [s for s in scene.sprites if s[0].kind in SKY and s[0].kind not in GLOWING]
    standing = [sprite for sprite in scene.sprites if sprite[0].kind not in SKY]
    standing.sort(key=lambda sprite: sprite[1].y + sprite[1].half)
    for thing, pose in lights:
        halo(draw, pose, look[thing.kind][1]["light"], pixels)
    for thing, pose in lights + fliers:
        paint(draw, look[thing.kind][0], pose, look[thing.kind][1], pixels)
    draw_ground(draw, scene, rng, mix(bottom, veil, strength / 2), pixels)
    for thing, pose in standing:
        paint(draw, look[thing.kind][0], pose, look[thing.kind][1], pixels)
    return shrink(image, size)


def choose_look(scene, rng) -> dict:
    """For each kind in the scene, its shape and colours in this light."""
    veil, strength = VEILS[scene.time]
    look = {}
    for thing in scene.things:
        shape = pick(rng, SHAPES[thing.kind])
        colours = tones(COLOURS[thing.colour], COLOURS[pick(rng, tuple(COLOURS)[:8])])
        if thing.kind not in GLOWING:
            colours = {
                role: colour if role == "glow" else mix(colour, veil, strength * 0.55)
                for role, colour in colours.items()
            }
        look[thing.kind] = shape, colours
    return look


def scatter_stars(draw, rng, pixels):
    """Specks of light, too small to be taken for the kind "star"."""
    radius = pixels / 190
    for x, y, alpha in rng.random((3, 26)).T:
        x = x * pixels
        y = y * pixels * 0.6
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, (255, 250, 230, int(60 + 150 * alpha)))


def halo(draw, pose, colour, pixels):
    """A soft glow around a light in the sky."""
    for reach in (2.0, 1.8, 1.6, 1.4, 1.2):
        x = pose.x * pixels
        y = pose.y * pixels
        radius = pose.half * reach * pixels
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), (*colour, 18))


def draw_ground(draw, scene, rng, haze, pixels):
    """Far hills, then water and land in bands."""
    veil, strength = VEILS[scene.time]
    top, bottom = scene.water
    sea = mix(pick(rng, SEAS), veil, strength)
    meadow = mix(pick(rng, MEADOWS), veil, strength)
    shore = mix(pick(rng, SANDS), veil, strength) if scene.place == "sea" else meadow
    hills = mix(meadow if scene.place == "field" else sea, haze, 0.6)
    band(draw, rng, scene.horizon - 0.05, 0.035, mix(hills, haze, 0.4), pixels)
    band(draw, rng, scene.horizon - 0.01, 0.025, hills, pixels)
    if scene.place == "field":
        band(draw, rng, scene.horizon + 0.02, 0.012, mix(meadow, haze, 0.2), pixels)
    band(draw, rng, top, 0.002 if scene.place == "sea" else 0.012, mix(sea, haze, 0.25), pixels)
    band(draw, rng, (top + bottom) / 2, 0.008, sea, pixels)
    ripple(draw, rng, top + 0.02, bottom, pixels)
    band(draw, rng, bottom + 0.005, 0.012, mix(shore, (255, 255, 255), 0.35), pixels)
    band(draw, rng, bottom + 0.02, 0.012, shore, pixels)
    band(draw, rng, 0.93, 0.02, mix(shore, (40, 60, 60), 0.12), pixels)


def band(draw, rng, top, swell, colour, pixels):
    """Fill everything below a gently waving line."""
    x = np.linspace(0, 1, 25)
    waves = rng.uniform(0.7, 2.2, 2)
    phase = rng.uniform(0, 6.3, 2)
    first, second = (np.sin(6.3 * wave * x + shift) for wave, shift in zip(waves, phase, strict=True))
    y = top + swell * (first + second) / 2
    edge = np.stack([x, y], axis=1) * pixels
    draw.polygon([*edge.ravel().tolist(), pixels, pixels, 0, pixels], colour)


def ripple(draw, rng, top, bottom, pixels):
    """Short bright strokes on the water."""
    for x, y, length in rng.random((3, 14)).T:
        x = x * pixels
        y = (top + (bottom - top) * y) * pixels
        reach = (0.02 + 0.05 * length) * pixels
        stroke = (x - reach, y, x, y - pixels / 150, x + reach, y)
        draw.line(stroke, (255, 255, 255, 70), max(1, pixels // 110))
