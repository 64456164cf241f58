"""Explain a result: the bits on which query and item agree, the classes that share them, the words that flip them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dlchkit.codes import hamming_distance
from dlchkit.data.words import without_word, words_of
from dlchkit.errors import DataError


@dataclass(frozen=True)
class Bit:
    """One bit of query and item.

    Attributes
    ----------
    position : int
        from 0
    query, item : int
        -1 or +1
    plus : tuple of str
        classes with +1 at this bit of their code
    owners : tuple of str
        classes whose code has the common value of query and item; empty where these differ
    """

    position: int
    query: int
    item: int
    plus: tuple[str, ...]
    owners: tuple[str, ...]


@dataclass(frozen=True)
class Why:
    """Result of `why`.

    Attributes
    ----------
    n_bits, distance : int
        code length, number of differing bits
    bits : tuple of Bit
        all bits in order
    query_classes, item_classes : tuple
        (class, distance), the nearest first
    ownership : tuple
        (class, number of agreeing bits that its code shares), the most first
    separating_bits : tuple of int
        bits that separate the class nearest to the query from the second nearest
    separating_agree : int
        number of these on which query and item agree
    """

    n_bits: int
    distance: int
    bits: tuple[Bit, ...]
    query_classes: tuple[tuple[str, int], ...]
    item_classes: tuple[tuple[str, int], ...]
    ownership: tuple[tuple[str, int], ...]
    separating_bits: tuple[int, ...]
    separating_agree: int


@dataclass(frozen=True)
class WordMove:
    """Effect of leaving a word out: bits of the query's code that flip, and the change of distance to the result.

    A positive ``distance_change`` means that the word brings the result nearer; NaN without a result.
    """

    word: str
    flipped_bits: int
    distance_change: float


def why(query_code: np.ndarray, item_code: np.ndarray, *, class_codes: np.ndarray, class_names: Sequence[str]) -> Why:
    """Explain a result's distance, bit by bit, in terms of class codes.

    Parameters
    ----------
    query_code, item_code : np.ndarray
        int8 (n_bits,), values in {-1, +1}
    class_codes : np.ndarray
        int8 (n_classes, n_bits), two classes or more; see `majority_codes`
    class_names : sequence of str
        one for each class

    Returns
    -------
    Why
        equal distances and counts keep the order of the classes

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
    bits = tuple(
        Bit(k, int(query[k]), int(item[k]), plus=_named(names, classes[:, k] > 0), owners=_named(names, owned[:, k]))
        for k in range(len(query))
    )
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
    return tuple(name for name, is_chosen in zip(names, chosen, strict=True) if is_chosen)


def _ordered(names, values, *, largest_first=False):
    order = np.argsort(-values if largest_first else values, kind="stable")
    return tuple((names[c], int(values[c])) for c in order)


def moving_words(
    text: str, encode: Callable[[np.ndarray], np.ndarray], *, item_code: np.ndarray | None = None
) -> tuple[WordMove, ...]:
    """Leave each word of a query out in turn, encode again, and count the bits that flip.

    Parameters
    ----------
    text : str
        one or more words, see `dlchkit.data.words.words_of`; a repeated word is left out everywhere
    encode : callable
        texts, str array (n,), to hash codes int8 (n, n_bits); called once
    item_code : np.ndarray or None
        int8 (n_bits,) of a result

    Returns
    -------
    tuple of WordMove
        one for each distinct word, most flipped bits first, then the larger change of distance,
        then as in the text. Effects do not add up: a word can matter only together with another
    """
    words = list(dict.fromkeys(words_of(text)))
    if not words:
        raise DataError(f"the text {text!r} holds no word; give a query with one or more")
    whole, *rest = np.asarray(encode(np.array([text, *(without_word(text, word) for word in words)])))
    moves = []
    for word, code in zip(words, rest, strict=True):
        change = float("nan")
        if item_code is not None:
            change = float((code != item_code).sum() - (whole != item_code).sum())
        moves.append(WordMove(word, int((code != whole).sum()), change))
    return tuple(sorted(moves, key=lambda move: (-move.flipped_bits, -abs(np.nan_to_num(move.distance_change)))))
