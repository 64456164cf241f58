"""Why this result? The bits on which query and item agree, the classes that own them, the words that move them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dlchkit.codes import hamming_distance
from dlchkit.errors import DataError


@dataclass(frozen=True)
class Bit:
    """One bit of query and item.

    Attributes
    ----------
    position : from 0
    query, item : -1 or +1
    plus : classes whose code has +1 here
    owners : classes whose code has the value both share; none where they differ
    """

    position: int
    query: int
    item: int
    plus: tuple
    owners: tuple


@dataclass(frozen=True)
class Why:
    """What `why` found.

    Attributes
    ----------
    n_bits, distance : code length, bits that differ
    bits : a `Bit` for each
    query_classes, item_classes : (class, distance) from the nearest on
    ownership : (class, agreeing bits it owns) from the most on
    separating_bits : bits that tell the class nearest to the query from the runner-up
    separating_agree : how many of these query and item agree on
    """

    n_bits: int
    distance: int
    bits: tuple
    query_classes: tuple
    item_classes: tuple
    ownership: tuple
    separating_bits: tuple
    separating_agree: int


@dataclass(frozen=True)
class WordMove:
    """What leaving a word out does: bits of the query's code that flip, and the change of distance to the result.

    A positive ``distance_change`` means that the word brings the result nearer; NaN where no result was given.
    """

    word: str
    flipped_bits: int
    distance_change: float


def why(query_code: np.ndarray, item_code: np.ndarray, *, class_codes: np.ndarray, class_names) -> Why:
    """Take a result's distance apart, bit by bit, in terms of class codes.

    Parameters
    ----------
    query_code, item_code : int8 (n_bits,) in {-1, +1}
    class_codes : int8 (n_classes, n_bits), two classes or more; see `majority_codes`
    class_names : a name per class

    Returns
    -------
    `Why`; equal distances and counts keep the order of the classes

    Examples
    --------
    >>> codes = np.array([[1] * 8, [1] * 4 + [-1] * 4], np.int8)
    >>> found = why(np.array([1] * 7 + [-1], np.int8), codes[0], class_codes=codes, class_names=["cat", "dog"])
    >>> found.distance, found.query_classes, found.ownership, found.separating_bits, found.separating_agree
    (1, (('cat', 1), ('dog', 3)), (('cat', 7), ('dog', 4)), (4, 5, 6, 7), 3)
    """
    query, item, classes = (np.asarray(code) for code in (query_code, item_code, class_codes))
    names = tuple(str(name) for name in class_names)
    if query.ndim != 1 or query.shape != item.shape or classes.shape != (len(names), len(query)) or len(names) < 2:
        raise DataError(
            f"query {query.shape}, item {item.shape}, class codes {classes.shape} and {len(names)} names do not fit; "
            "give two codes of one length and the codes and names of two classes or more"
        )
    agree = query == item
    owned = (classes == query) & agree
    to_query, to_item = hamming_distance(np.stack([query, item]), classes)
    first, second = np.argsort(to_query, kind="stable")[:2]
    separating = np.flatnonzero(classes[first] != classes[second])
    bits = tuple(Bit(k, int(query[k]), int(item[k]), _named(names, classes[:, k] > 0), _named(names, owned[:, k])) for k in range(len(query)))
    return Why(
        n_bits=len(query),
        distance=int((~agree).sum()),
        bits=bits,
        query_classes=_ordered(names, to_query),
        item_classes=_ordered(names, to_item),
        ownership=_ordered(names, owned.sum(1), largest_first=True),
        separating_bits=tuple(separating.tolist()),
        separating_agree=int(agree[separating].sum()),
    )


def _named(names, chosen):
    return tuple(name for name, is_chosen in zip(names, chosen) if is_chosen)


def _ordered(names, values, *, largest_first=False):
    order = np.argsort(-values if largest_first else values, kind="stable")
    return tuple((names[c], int(values[c])) for c in order)


def moving_words(text: str, encode: Callable[[np.ndarray], np.ndarray], *, item_code: np.ndarray | None = None) -> tuple[WordMove, ...]:
    """Leave each word of a query out in turn, encode again, and count the bits that flip.

    Parameters
    ----------
    text : one or more words; a word that occurs several times is left out everywhere
    encode : texts, str array (n,), to hash codes int8 (n, n_bits); called once
    item_code : int8 (n_bits,) of a result

    Returns
    -------
    a `WordMove` for each distinct word, most flipped bits first, then the larger change of
    distance, then as in the text. Effects do not add up: a word can matter only beside another
    """
    found = re.findall(r"\w+", text)
    words = list(dict.fromkeys(word.lower() for word in found))
    if not words:
        raise DataError(f"the text {text!r} holds no word; give a query with one or more")
    without = [" ".join(word for word in found if word.lower() != left_out) for left_out in words]
    whole, *rest = np.asarray(encode(np.array([text, *without])))
    changes = [float("nan") if item_code is None else float((code != item_code).sum() - (whole != item_code).sum()) for code in rest]
    moves = [WordMove(word, int((code != whole).sum()), change) for word, code, change in zip(words, rest, changes)]
    return tuple(sorted(moves, key=lambda move: (-move.flipped_bits, -abs(np.nan_to_num(move.distance_change)))))
