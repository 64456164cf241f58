"""Letters in figures: an installed font for every script, and lines broken by the width of letters."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import ScalarFormatter

BASE = "DejaVu Sans"  # comes with matplotlib
LEFT_OUT = "…"  # stands for letters that no font has
NOT_FOR_TEXT = ("Last Resort", "STIX", "cm")  # matplotlib's boxes, and its fonts for formulas
_USUAL_WEIGHTS = ("normal", "regular", "book", "medium", "400")
CLOSING = "、。，．！？：；）」』】》…"  # no line begins with one


def letters_beyond_base(figure: Figure) -> frozenset[str]:
    """The letters of a figure's texts that the base font lacks."""
    written = "".join(_texts(figure))
    return frozenset(letter for letter in set(written) if not letter.isspace() and not _has(BASE, letter))


@cache
def families_for(letters: frozenset[str]) -> tuple[str, ...]:
    """The installed font families that together have most of these letters, the one with the most of them first."""
    chosen = []
    missing = letters
    candidates = sorted(name for name in _files() if not name.startswith(NOT_FOR_TEXT))
    while missing and candidates:
        best = max(candidates, key=lambda name: sum(_has(name, letter) for letter in missing))
        found = frozenset(letter for letter in missing if _has(best, letter))
        if not found:
            break
        chosen.append(best)
        missing -= found
    return tuple(chosen)


def leave_out(figure: Figure, letters: frozenset[str]) -> None:
    """Write "…" in a figure's texts for each run of letters that no installed font has, and say so below it."""
    families = families_for(letters)
    missing = [letter for letter in letters if not any(_has(name, letter) for name in families)]
    if not missing:
        return
    run = re.compile(f"{LEFT_OUT}*(?:[{re.escape(''.join(missing))}]{LEFT_OUT}*\\s*)+")

    def without(text: str) -> str:
        return run.sub(LEFT_OUT, text)

    for axis in _axes_with_words(figure):
        axis.set_ticks(axis.get_majorticklocs(), [without(label) for label in _tick_labels(axis)])
    for text in figure.findobj(Text):
        text.set_text(without(text.get_text()))
    if not figure.get_supxlabel():
        figure.supxlabel(f"{LEFT_OUT} stands for letters that no font on this machine has", fontsize=8)


def wrapped(text: str, width: int, n_lines: int) -> str:
    """Break a text into lines of a width, where spaces stand or between letters of scripts without them.

    Parameters
    ----------
    text : str
    width : int
        Of a line, in letters of usual width; Chinese, Japanese and Korean ones count twice, marks not at all.
    n_lines : int
        At most; " …" then stands for the rest.

    Examples
    --------
    >>> wrapped("a tabby asleep under an oak", 12, 2)
    'a tabby\\nasleep …'
    >>> wrapped("二匹の猫が木の下で眠る", 8, 9)
    '二匹の猫\\nが木の下\\nで眠る'
    """
    lines = [""]
    for part in _parts(" ".join(text.split())):
        if lines[-1] and width_of((lines[-1] + part).rstrip()) > width:
            lines.append("")
        lines[-1] += part if lines[-1] else part.lstrip()
        while width_of(lines[-1]) > width:  # one long word, or a script such as Thai without spaces
            at = _fitting(lines[-1], width)
            lines[-1:] = [lines[-1][:at], lines[-1][at:]]
    lines = [line.rstrip() for line in lines]
    if len(lines) <= n_lines:
        return "\n".join(lines)
    last = lines[n_lines - 1]
    while last and width_of(last) + 2 > width:
        last = last.rpartition(" ")[0] if " " in last else last[:-1]
    return "\n".join([*lines[: n_lines - 1], f"{last} {LEFT_OUT}"])


def width_of(text: str) -> int:
    """The width of a text in letters of usual width.

    Examples
    --------
    >>> width_of("oak"), width_of("猫"), width_of("e\\u0301")
    (3, 2, 1)
    """
    return sum(0 if unicodedata.category(letter) in ("Mn", "Me", "Cf") else 1 + _is_wide(letter) for letter in text)


def _parts(text: str) -> list[str]:
    """A text in parts between which a line may end; a part keeps the space before it."""
    parts = [""]
    for before, letter in pairwise(" " + text):
        wide = _is_wide(before) or _is_wide(letter)
        if letter == " " or (wide and before != " " and letter not in CLOSING):
            parts.append("")
        parts[-1] += letter
    return parts


def _fitting(text: str, width: int) -> int:
    """The number of letters from the start, one at least, that fit into a width; marks stay with their letter."""
    at = next(at for at in range(len(text), 0, -1) if width_of(text[:at]) <= width or at == 1)
    while at < len(text) and unicodedata.category(text[at]).startswith("M"):
        at += 1
    return at


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"


def _has(family: str, letter: str) -> bool:
    font = _font(family)
    return font is not None and font.get_char_index(ord(letter)) != 0


@cache
def _font(family: str) -> FT2Font | None:
    try:
        return FT2Font(_files()[family])
    except (RuntimeError, OSError):  # a font that matplotlib cannot draw
        return None


@cache
def _files() -> dict[str, str]:
    """Family -> the file of its upright face of usual weight, of all installed fonts."""
    faces = [entry for entry in fontManager.ttflist if entry.style == "normal" and str(entry.weight) in _USUAL_WEIGHTS]
    return {entry.name: entry.fname for entry in reversed(faces)}


def _texts(figure: Figure) -> Iterable[str]:
    for axis in _axes_with_words(figure):
        yield from _tick_labels(axis)
    for text in figure.findobj(Text):
        yield text.get_text()


def _axes_with_words(figure: Figure) -> list[Axis]:
    """The axes whose ticks were given labels; numbers need no other font."""
    every = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    return [axis for axis in every if not isinstance(axis.get_major_formatter(), ScalarFormatter)]


def _tick_labels(axis: Axis) -> list[str]:
    return list(map(str, axis.get_major_formatter().format_ticks(list(axis.get_majorticklocs()))))
