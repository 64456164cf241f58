"""Captions: what a person might write about a scene, not a list of its labels."""

from __future__ import annotations

from itertools import pairwise

from .drawing import pick

# kind: the words for one of it; an irregular plural follows a slash.
WORDS = {
    "sun": ("sun", "sun", "warm light", "midday sun", "golden disc"),
    "moon": ("moon", "moon", "half moon", "pale disc", "crescent"),
    "star": ("star", "star", "shooting star", "twinkling light", "spark"),
    "cloud": ("cloud", "cloud", "puff of white/puffs of white", "bit of fluff/bits of fluff", "rain cloud"),
    "balloon": ("balloon", "hot-air balloon", "airship", "striped globe", "basket under silk/baskets under silk"),
    "plane": ("plane", "aeroplane", "airplane", "jet", "airliner"),
    "kite": (
        "kite",
        "kite",
        "paper kite",
        "diamond on a string/diamonds on strings",
        "dragon on a line/dragons on lines",
    ),
    "bird": ("bird", "gull", "sparrow", "swallow", "songbird", "feathered friend"),
    "boat": ("boat", "sailing boat", "ship", "dinghy/dinghies", "yacht", "steamer", "vessel"),
    "whale": ("whale", "whale", "humpback", "sea giant", "tail fluke", "leviathan"),
    "fish": ("fish/fish", "fish/fish", "trout/trout", "herring/herring", "goldfish/goldfish", "perch/perch"),
    "house": ("house", "cottage", "cabin", "home", "farmhouse", "hut"),
    "tree": ("tree", "oak", "pine", "fir", "apple tree", "birch/birches"),
    "flower": ("flower", "tulip", "daisy/daisies", "blossom", "bloom", "wild flower"),
    "car": ("car", "car", "hatchback", "beetle", "motorcar", "old banger"),
    "cat": ("cat", "cat", "kitten", "tabby/tabbies", "kitty/kitties", "furry friend"),
}
VAGUE = {
    "thing in the sky/things in the sky": ("sun", "moon", "star", "cloud", "balloon", "plane", "kite", "bird"),
    "light up there/lights up there": ("sun", "moon", "star"),
    "animal": ("bird", "whale", "fish", "cat"),
    "creature": ("bird", "whale", "fish", "cat"),
    "vehicle": ("balloon", "plane", "boat", "car"),
    "toy": ("kite", "boat", "car"),
    "plant": ("tree", "flower"),
    "building": ("house",),
    "swimmer": ("whale", "fish", "boat"),
    "flying thing": ("balloon", "plane", "kite", "bird"),
}
VAGUE_BY_KIND = {kind: tuple(word for word, kinds in VAGUE.items() if kind in kinds) for kind in WORDS}

ONE = ("a", "a", "a", "the", "one", "a single", "this", "a lone")
COUNTS = {
    2: ("two", "two", "a pair of", "a couple of", "2"),
    3: ("three", "three", "a few", "several", "3"),
    4: ("four", "several", "a bunch of", "4"),
}
SMALL, LARGE = ("small", "little", "tiny"), ("big", "large", "huge")
FAR = ("far away", "in the distance", "far off", "at the back")
SIDES = {
    "left": ("on the left", "to the left", "at the left edge"),
    "middle": ("in the middle", "in the centre"),
    "right": ("on the right", "to the right", "at the right edge"),
}
LINKS = ("and", "and", "with", "next to", "beside", "plus", "&")
TIMES = {
    "day": ("by day", "on a bright day", "in the sunshine", "on a clear morning", "in broad daylight"),
    "dusk": ("at dusk", "at sunset", "as the sun goes down", "in the evening", "when the light turns pink"),
    "night": ("at night", "under the stars", "by moonlight", "after dark", "in the small hours"),
}
PLACES = {
    "sea": ("at sea", "by the water", "on the coast", "out on the bay", "where the boats go out"),
    "field": ("in the country", "in the meadow", "among the hills", "out in the fields", "where the flowers grow"),
}
CHATTER = (
    "what a lovely evening",
    "taken on holiday",
    "wish you were here",
    "no filter",
    "my favourite",
    "so quiet here",
    "not a soul around",
    "painted by my sister",
    "from the family album",
    "made me smile",
    "could have stayed for hours",
    "the weather held",
    "for grandma's wall",
    "second try",
    "best week of the year",
    "on the way home",
    "felt like a dream",
    "my daughter pointed at it first",
    "worth getting up for",
    "from last year",
)
ABSENT = (
    "no {one} this time",
    "we had hoped for a {one}",
    "the {one} had gone by then",
    "not a {one} in sight",
    "looks a bit like a {one}",
    "somebody mentioned {many}",
    "the day we talked about {many}",
)
OPENINGS = (
    "{}",
    "{}",
    "{}",
    "a picture of {}",
    "I can see {}",
    "look, {}",
    "{}, that is all",
    "just {}",
    "postcard with {}",
    "sketch of {}",
    "we saw {}",
    "spotted {}",
)


def write_caption(scene, rng) -> str:
    """Describe a scene the way a person might: partly, loosely, with slips.

    Parameters
    ----------
    scene : Scene
        What is shown, as made by `dlchkit.data.scenes.pairs.imagine`.
    rng : numpy.random.Generator
        Decides on the wording.

    Returns
    -------
    str
        One line that mentions at least one of the things shown.
    """
    told = [thing for thing in scene.things if rng.random() > 0.22] or [pick(rng, scene.things)]
    told = [told[i] for i in rng.permutation(len(told))]
    text = mention(told[0], rng)
    for before, thing in pairwise(told):
        text += f" {link(before, thing, rng)} {mention(thing, rng)}"
    text = pick(rng, OPENINGS).format(text)
    for where, share in ((PLACES[scene.place], 0.35), (TIMES[scene.time], 0.35)):
        if rng.random() < share:
            text += " " + pick(rng, where)
    if rng.random() < 0.5:
        text = aside(text, pick(rng, CHATTER), rng)
    if rng.random() < 0.2:
        one, many = both_numbers(pick(rng, WORDS[pick(rng, tuple(WORDS))]))
        text = aside(text, pick(rng, ABSENT).format(one=one, many=many), rng)
    text = with_articles(text)
    if rng.random() < 0.2:
        text = slip_of_the_finger(text, rng)
    return text if rng.random() < 0.4 else text[0].upper() + text[1:]


def mention(thing, rng) -> str:
    """A noun phrase for one thing or one group of the same things."""
    words = VAGUE_BY_KIND[thing.kind] if rng.random() < 0.18 else WORDS[thing.kind]
    one, many = both_numbers(pick(rng, words))
    described = []
    if rng.random() < 0.25 and not 0.1 <= thing.half <= 0.19:
        described.append(pick(rng, SMALL if thing.half < 0.1 else LARGE))
    if rng.random() < 0.35:
        described.append(thing.colour)
    count = pick(rng, ONE) if thing.count == 1 else pick(rng, COUNTS[thing.count])
    phrase = " ".join([count, *described, one if thing.count == 1 else many])
    if thing.far and rng.random() < 0.35:
        return f"{phrase} {pick(rng, FAR)}"
    if rng.random() < 0.2:
        return f"{phrase} {pick(rng, SIDES[thing.side])}"
    return phrase


def both_numbers(word):
    """Singular and plural of an entry of the tables.

    >>> both_numbers("daisy/daisies"), both_numbers("oak")
    (('daisy', 'daisies'), ('oak', 'oaks'))
    """
    one, _, many = word.partition("/")
    return one, many or one + "s"


def link(before, after, rng) -> str:
    """How two things stand to each other; only says above what is above."""
    if rng.random() < 0.35 and abs(before.y - after.y) > 0.25:
        return pick(rng, ("above", "over")) if before.y < after.y else pick(rng, ("below", "under"))
    return pick(rng, LINKS)


def aside(text, remark, rng) -> str:
    """Add a remark before or after."""
    first, second = (remark, text) if rng.random() < 0.3 else (text, remark)
    return f"{first}{pick(rng, (', ', ' - ', '. ', '! '))}{second}"


def with_articles(text) -> str:
    """Write "an" where "a" stands before a vowel.

    >>> with_articles("a oak and a orange boat")
    'an oak and an orange boat'
    """
    words = text.split(" ")
    for i, following in enumerate(words[1:]):
        if words[i] == "a" and following[0] in "aeio":
            words[i] = "an"
    return " ".join(words)


def slip_of_the_finger(text, rng) -> str:
    """Swap, drop or double one letter inside one of the longer words."""
    words = text.split(" ")
    longer = [i for i, word in enumerate(words) if len(word) > 3]
    if not longer:
        return text
    chosen = pick(rng, longer)
    word = words[chosen]
    at = int(rng.integers(1, len(word) - 1))
    words[chosen] = pick(
        rng,
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
        ),
    )
    return " ".join(words)
