"""Names that people write: one form for those that read alike, and a line about those that need a look."""

import unicodedata
from collections.abc import Iterable

_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))  # soft hyphen, zero width, direction, joiner
_NOTHING = {"nan", "<na>", "na", "n/a", "#n/a", "null", "none", "nil", "nat", "-", "--", "?"}


def one_form(name: str) -> str:
    r"""Write a name in the one form of all that read alike: letters composed (NFC), single spaces, nothing unseen.

    Examples
    --------
    >>> one_form(" red\u00a0  shirt") == "red shirt", one_form("Cafe\u0301") == "Caf\u00e9"
    (True, True)
    """
    return unicodedata.normalize("NFC", " ".join(name.translate(_UNSEEN).split()))


def spellings(name: str) -> tuple[str, ...]:
    """A file's name as it is, and with its accents composed (NFC) and decomposed (NFD)."""
    return tuple(dict.fromkeys([name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)]))


def unified_names(kind: str, written: Iterable[str]) -> list[str]:
    """Say in a line which names were written in several forms that read alike, and so count as one."""
    forms = {}
    for name in written:
        forms.setdefault(one_form(name), set()).add(name.strip())
    several = sorted(name for name, ways in forms.items() if len(ways) > 1)
    return [f"{kind} written in several ways that read alike count as one: {_listed(several)}"] if several else []


def differing_by_case(kind: str, names: Iterable[str]) -> list[str]:
    """Say in a line which names differ by case alone.

    Examples
    --------
    >>> differing_by_case("classes", ["Shoes", "shoes", "hat"])
    ["classes 'Shoes', 'shoes' differ by case alone and count as different; write them alike if they are one"]
    """
    by_case = {}
    for name in sorted(set(names)):
        by_case.setdefault(name.casefold(), []).append(name)
    found = [name for alike in by_case.values() if len(alike) > 1 for name in alike]
    said = "differ by case alone and count as different; write them alike if they are one"
    return [f"{kind} {_listed(found)} {said}"] if found else []


def names_of_nothing(kind: str, names: Iterable[str]) -> list[str]:
    """Say in a line which names are none, such as those that programs write for an empty cell.

    Examples
    --------
    >>> names_of_nothing("classes", ["hat", "colour=nan"])
    ["classes 'colour=nan' are names of nothing and count like any other; empty such cells if nothing is known"]
    """
    found = sorted({name for name in names if name.rpartition("=")[2].strip().casefold() in _NOTHING})
    said = "are names of nothing and count like any other; empty such cells if nothing is known"
    return [f"{kind} {_listed(found)} {said}"] if found else []


def _listed(names):
    more = f" and {len(names) - 9} more" if len(names) > 9 else ""
    return ", ".join(map(repr, names[:9])) + more
