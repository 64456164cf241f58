"""The rendered worlds: reproducible, varied, and true to their labels."""

import re

import numpy as np
import pytest

from dlchkit import load, open_data
from dlchkit.data.scenes import KINDS, SOURCE_KINDS, captions_cjk, class_names, render_pairs, render_source
from dlchkit.data.scenes.captions import (
    PLACES,
    SIDES,
    TIMES,
    VAGUE_BY_KIND,
    WORDS,
    both_numbers,
    mention,
    with_articles,
    write_caption,
)
from dlchkit.data.scenes.pairs import HABITS, imagine
from dlchkit.data.scenes.shapes import SHAPES

N = 400


@pytest.fixture(scope="module")
def pairs():
    return render_pairs(N)


@pytest.fixture(scope="module")
def source():
    return render_source(N)


def test_kinds_are_distinct_and_share_ten():
    assert len(set(KINDS)) == len(KINDS) == 16
    assert len(set(SOURCE_KINDS)) == len(SOURCE_KINDS) >= 32
    assert len(set(KINDS) & set(SOURCE_KINDS)) == 10
    assert set(KINDS) | set(SOURCE_KINDS) == set(SHAPES)
    assert set(KINDS) == set(WORDS) == set(HABITS)


def test_pairs_have_the_promised_form(pairs):
    assert pairs.pixels.shape == (N, 64, 64, 3) and pairs.pixels.dtype == np.uint8
    assert len(pairs.texts) == N and all(isinstance(text, str) for text in pairs.texts)
    assert pairs.labels.shape == (N, 16) and pairs.labels.dtype == bool


def test_source_has_the_promised_form(source):
    assert source.pixels.shape == (N, 64, 64, 3) and source.pixels.dtype == np.uint8
    assert source.labels.shape == (N,) and source.labels.dtype == np.int64
    assert set(source.labels) == set(range(len(SOURCE_KINDS)))


@pytest.mark.parametrize("render", [render_pairs, render_source])
def test_a_short_run_is_the_start_of_a_long_one(render):
    short, long = render(5, seed=3), render(12, seed=3)
    for few, many in zip(short, long, strict=True):
        assert np.array_equal(few, many[:5])


@pytest.mark.parametrize("render", [render_pairs, render_source])
def test_seeds_make_different_worlds(render):
    here, there = render(8, seed=0), render(8, seed=1)
    for one, other in zip(here, there, strict=True):
        assert not np.array_equal(one, other)


@pytest.mark.parametrize("render", [render_pairs, render_source])
def test_no_global_randomness_is_used(render, draws_nothing):
    with draws_nothing():
        render(3)


@pytest.mark.parametrize("render", [render_pairs, render_source])
def test_size_sets_the_resolution_not_the_content(render):
    small, large = render(6, size=32), render(6, size=64)
    assert small.pixels.shape == (6, 32, 32, 3)
    assert np.array_equal(small[-1], large[-1])
    halved = large.pixels.reshape(6, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(halved - small.pixels).mean() < 8


@pytest.mark.parametrize("render", [render_pairs, render_source])
@pytest.mark.parametrize("n", [0, -1, 2.5, "ten", True, None])
def test_a_bad_n_is_refused_in_one_line(render, n):
    with pytest.raises(ValueError, match=r"^n must be a whole number of at least 1, got .*$"):
        render(n)


def test_every_picture_shows_one_to_four_kinds_and_every_kind_appears(pairs):
    kinds = pairs.labels.sum(1)
    assert set(kinds) == {1, 2, 3, 4}
    share = pairs.labels.mean(0)
    assert share.min() > 0.03 and share.max() < 0.35


def scenes(n, seed=7):
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        yield imagine(rng), rng


def test_scenes_have_one_to_four_objects_and_stay_in_the_picture():
    for scene, _ in scenes(300):
        assert 1 <= sum(thing.count for thing in scene.things) == len(scene.sprites) <= 4
        assert not (scene.time == "night" and "sun" in [thing.kind for thing in scene.things])
        assert all(0 < pose.x < 1 and 0 < pose.y < 1 for _, pose in scene.sprites)


def test_no_setting_gives_a_kind_away():
    settings = {}
    for scene, _ in scenes(600):
        for thing in scene.things:
            settings.setdefault(thing.kind, set()).add((scene.place, scene.time == "night"))
    assert all(len(seen) == (2 if kind == "sun" else 4) for kind, seen in settings.items())


def test_a_caption_mentions_a_thing_that_is_shown():
    def words_for(kind):
        return {word for entry in WORDS[kind] + VAGUE_BY_KIND[kind] for word in both_numbers(entry)}

    for scene, rng in scenes(200):
        for thing in scene.things:
            phrase = mention(thing, rng)
            assert any(word in phrase for word in words_for(thing.kind))

    found = 0
    for scene, rng in scenes(200):
        caption = write_caption(scene, rng).lower()
        found += any(word in caption for thing in scene.things for word in words_for(thing.kind))
    assert found > 180  # a slip of the finger may spoil the only word


def test_pictures_labelled_sun_are_warm_up_in_the_sky(pairs):
    warm = pairs.pixels[..., 0].astype(int) - pairs.pixels[..., 2]
    top = (warm[:, :32] > 60).mean((1, 2))
    sun = pairs.labels[:, KINDS.index("sun")]
    assert top[sun].mean() > 2 * top[~sun].mean()


def test_captions_vary(pairs):
    assert len(set(pairs.texts)) > 0.97 * N
    openings = {" ".join(text.lower().split()[:2]) for text in pairs.texts}
    assert len(openings) > 60
    assert all("\n" not in text and "{" not in text and "  " not in text for text in pairs.texts)
    assert not [t for t in pairs.texts if re.search(r"\ba [aeio]\w", t)]


def test_articles_fit():
    assert with_articles("a oak and a car") == "an oak and a car"


def test_the_source_world_looks_different(pairs, source):
    """Paper is one even colour along its edge; a landscape never is."""

    def unevenness(pixels):
        edge = np.concatenate([pixels[:, :, 0], pixels[:, :, -1]], axis=1).astype(float)
        return edge.std(1).mean(1)

    assert np.median(unevenness(source.pixels)) < 0.5 * np.median(unevenness(pairs.pixels))


# --- captions in other languages ---


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_other_languages_caption_the_same_pictures_by_the_same_labels(language):
    english = render_pairs(30, size=16)
    other = render_pairs(30, size=16, language=language)
    assert np.array_equal(english.pixels, other.pixels) and np.array_equal(english.labels, other.labels)
    assert other.texts == render_pairs(40, size=16, language=language).texts[:30]
    assert other.texts != render_pairs(30, size=16, seed=1, language=language).texts
    assert not any(" " in text or text.isascii() for text in other.texts)


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_every_caption_names_or_hints_at_something_shown(language):
    wording = captions_cjk.WORDINGS[language]
    pairs = render_pairs(200, size=8, language=language)
    for text, labels in zip(pairs.texts, pairs.labels, strict=True):
        shown = [kind for kind, there in zip(KINDS, labels, strict=True) if there]
        hints = [word for kind in shown for _, word in captions_cjk.vague_words(kind, wording)]
        words = [word for kind in shown for word in wording.nouns[kind][1]]
        assert any(word in text for word in [*hints, *words]), text
        assert "{" not in text


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_the_tables_of_a_language_are_complete(language):
    wording = captions_cjk.WORDINGS[language]
    assert tuple(wording.nouns) == KINDS
    assert wording.class_names == class_names(language) and len(set(wording.class_names)) == len(KINDS)
    assert all(captions_cjk.vague_words(kind, wording) for kind in KINDS)
    assert {colour for habit in HABITS.values() for colour in habit.colours} <= set(wording.colours)
    assert set(wording.times) == set(TIMES) and set(wording.places) == set(PLACES) and set(wording.sides) == set(SIDES)


def test_scenes_are_loaded_in_a_language_or_refused(refused):
    data = load("scenes", n=30, language="ja")
    assert data.class_names == class_names("ja") and data.texts.tolist() == render_pairs(30, language="ja").texts
    assert np.array_equal(data.images, load("scenes", n=30).images)
    prepared = open_data("scenes", n_pairs=30, language="zh")
    assert prepared.pairs.class_names == class_names("zh") and prepared.record["language"] == "zh"
    with refused("'de'", "en, ja, zh"):
        open_data("scenes", language="de").check()
    with refused("'de'", "en, ja, zh"):
        load("scenes", language="de")
