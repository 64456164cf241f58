"""Words of texts in any script: what encoders count, what a typed query consists of, what is masked.

The scripts in a text decide how its words are found:

- Most scripts separate words: a word is a run of letters, digits and the marks that combine with them, so that a
  vowel sign of Devanagari or Tamil does not end a word. Tibetan separates syllables, and these are taken as words.
- The scripts of `UNSEPARATED`, such as Han and Thai, do not separate words: every two neighbouring characters, each
  with its marks, are taken as a word, and so is a character that stands alone. Encoders count the single characters
  of pairs as well, since a character can be a word by itself, and no pairs that very few texts have, since most of
  these reach from one word into the next.

Words are compared in one form: Unicode's NFKC with case folded, without invisible characters (joiners, soft hyphens)
and without the vowel points of Arabic and Hebrew, which writers may leave out.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby, pairwise

VERSION = 1  # of these rules: a part of the fingerprint of every encoder that counts words
UNSEPARATED = {  # first word in the Unicode names of a script's characters -> the script
    "CJK": "Han", "IDEOGRAPHIC": "Han", "BOPOMOFO": "Bopomofo", "YI": "Yi",
    "HIRAGANA": "Hiragana", "KATAKANA": "Katakana", "KATAKANA-HIRAGANA": "Katakana", "HALFWIDTH": "Katakana",
    "THAI": "Thai", "LAO": "Lao", "KHMER": "Khmer", "MYANMAR": "Myanmar", "TAI": "Tai", "NEW": "New Tai Lue",
    "JAVANESE": "Javanese", "BALINESE": "Balinese",
}  # fmt: skip
_ALPHABETS = ("LATIN", "GREEK", "CYRILLIC", "DIGIT", "LOW LINE")  # a single one seldom matters
_LEAST_TEXTS = 4  # that have a pair of characters; fewer among less than 75 texts
_STAY_DIFFERENT = 0.95  # of the different texts, where one-letter words are left out
_MARKS = "".join(char for char in map(chr, range(0x300, 0x20000)) if unicodedata.category(char) in ("Mn", "Mc"))
_RUN = re.compile(rf"\w[\w{_MARKS}]*")
_CHARACTER = re.compile(rf".[{_MARKS}]*")
_COMPOUND = re.compile(rf"(?:[^\W_]|[{_MARKS}'-])+")
_INVISIBLE = re.compile(  # U+200B is not among them: it separates words
    "[\u00ad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)
_POINTS = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0670\u06d6-\u06ed]"
)


def words_of(text: str) -> list[str]:
    """Find the words of a text, in order and in lower case.

    Examples
    --------
    >>> words_of("A red SHOE"), words_of("红运动Nike鞋")
    (['a', 'red', 'shoe'], ['红运', '运动', 'nike', '鞋'])
    """
    words = []
    for written, separated in _runs(text):
        words += [written.lower()] if separated else _pairs(_characters(written))
    return words


def terms_of(text: str) -> list[str]:
    """Find what encoders count: the words of a text in one form, and the single characters of pairs.

    Examples
    --------
    >>> terms_of("红色 Straße")
    ['红色', '红', '色', 'strasse']
    """
    terms = []
    for written, separated in _runs(text):
        if separated:
            terms += _RUN.findall(_folded(written))  # several where a single sign stands for several words
        else:
            characters = _characters(written)
            terms += _pairs(characters) + characters * (len(characters) > 1)
    return terms


def without_word(text: str, word: str) -> str:
    """Leave one of `words_of` out of a text, everywhere.

    Examples
    --------
    >>> without_word("a RED shoe, Red", "red"), without_word("红色运动鞋", "运动")
    ('a shoe', '红色 鞋')
    """
    left_out = _folded(word)
    kept = []
    for written, separated in _runs(text):
        if not separated:
            kept += _folded(written).replace(left_out, " ").split()
        elif _folded(written) != left_out:
            kept.append(written)
    return " ".join(kept)


def masked(text: str, hidden: Iterable[str]) -> str:
    """Leave out every word that has a hidden word as a part; parts end at hyphens, apostrophes and digits.

    In scripts that do not separate words, hidden words are cut out wherever they stand.

    Parameters
    ----------
    text : str
    hidden : iterable of str
        Words of classes, in any case.

    Examples
    --------
    >>> masked("Acme Men T-shirt, V-Neck", ["shirt"]), masked("红色运动鞋", ["鞋"])
    ('Acme Men V-Neck', '红色运动')
    """
    hidden = sorted({_folded(word) for word in hidden} - {""}, key=len, reverse=True)
    kept = []
    for written, separated in _runs(text, _COMPOUND):
        folded = _folded(written)
        if not separated:
            for word in hidden:
                folded = folded.replace(word, " ")
            kept += folded.split()
        elif not set(hidden) & set(re.split(r"[\d'-]+", folded)):
            kept.append(written)
    return " ".join(kept)


@dataclass(frozen=True)
class WordFinder:
    """Finds the terms of texts by the rules that a set of texts decides.

    Attributes
    ----------
    scripts : tuple of str
        Scripts in the texts that do not separate words.
    one_letter : bool
        Whether one letter of an alphabet, or one digit, counts as a word.
    n_texts, n_alone : int
        Number of texts, and of those that share no term with another one.
    least_texts : int
        How many texts must have a pair of characters.
    rare : frozenset of str
        The pairs that fewer texts have; they do not count.
    """

    scripts: tuple[str, ...]
    one_letter: bool
    n_texts: int
    n_alone: int
    least_texts: int
    rare: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, texts: Iterable[str], *, one_letter: bool | None = None) -> "WordFinder":
        """Decide by the texts.

        Parameters
        ----------
        texts : iterable of str
        one_letter : bool or None
            None decides: one-letter words are left out, as in scikit-learn, because in most texts they are articles
            and ends of words such as "it's". They count where a text would have no word without them ("x y z"), or
            where more than 5% of the different texts would then be equal ("size 5", "size 6").
        """
        found = [frozenset(terms_of(text)) for text in texts]
        longer = [frozenset(term for term in terms if not _is_one_letter(term)) for terms in found]
        if one_letter is None:
            emptied = any(terms and not kept for terms, kept in zip(found, longer, strict=True))
            one_letter = emptied or len(set(longer)) < _STAY_DIFFERENT * len(set(found))
        counted = found if one_letter else longer
        n_texts_with = Counter(term for terms in counted for term in terms)
        n_alone = sum(all(n_texts_with[term] == 1 for term in terms) for terms in counted)
        scripts = {_script(term[0]) for term in n_texts_with} - {""}
        least = min(_LEAST_TEXTS, 1 + len(found) // 25)
        rare = frozenset(term for term, n in n_texts_with.items() if n < least and _is_pair(term))
        return cls(tuple(sorted(scripts)), one_letter, len(found), n_alone, least, rare)

    def __call__(self, text: str) -> list[str]:
        """Find the terms of a text that count."""
        terms = [term for term in terms_of(text) if term not in self.rare]
        return terms if self.one_letter else [term for term in terms if not _is_one_letter(term)]

    def __str__(self) -> str:
        pairs = ""
        if self.scripts:
            where = f" that {self.least_texts} texts have" if self.least_texts > 1 else ""
            pairs = f"characters and character pairs{where} ({', '.join(self.scripts)}), "
        return f"{pairs}runs of {'' if self.one_letter else 'two or more '}letters and digits"

    @property
    def warning(self) -> str:
        """One line where most texts share no term with another text, else ""."""
        if 2 * self.n_alone <= self.n_texts:
            return ""
        return (
            f"{self.n_alone} of {self.n_texts} texts share no word with another text, so their features cannot show "
            f"what they have in common (words found by: {self}); choose another text column or text encoder"
        )


def _runs(text: str, pattern: re.Pattern = _RUN) -> Iterator[tuple[str, bool]]:
    """Yield the runs of letters of a text as they are written, and whether their script separates words."""
    if text.isascii():
        yield from ((run, True) for run in pattern.findall(text))
        return
    for run in pattern.findall(_INVISIBLE.sub("", unicodedata.normalize("NFC", text))):
        if not any(map(_script, run)):
            yield run, True
            continue
        for separated, characters in groupby(_CHARACTER.findall(run), key=lambda character: not _script(character[0])):
            yield "".join(characters), separated


def _characters(written: str) -> list[str]:
    return _CHARACTER.findall(_folded(written))


def _pairs(characters: list[str]) -> list[str]:
    return ["".join(pair) for pair in pairwise(characters)] or characters


def _folded(text: str) -> str:
    """Bring a run of letters to the form in which words are compared."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _POINTS.sub("", folded)


@cache
def _script(char: str) -> str:
    """Name the script of a character if it does not separate words, else ""."""
    return UNSEPARATED.get(unicodedata.name(char, "").split(" ")[0], "")


def _is_pair(term: str) -> bool:
    return bool(_script(term[0])) and len(_CHARACTER.findall(term)) > 1


def _is_one_letter(word: str) -> bool:
    return len(word) == 1 and unicodedata.name(word, "").startswith(_ALPHABETS)
