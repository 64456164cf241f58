"""Formulas in a notebook's words as small pictures, since a page that opens offline loads no script to set them."""

import base64
import html
import io
import re

from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser, math_to_image

_LETTERS, _DPI = FontProperties(family="DejaVu Sans", size=12.5), 96  # points; CSS pixels per inch
_BEYOND = r"\\t(frac)\b|\\[bB]ig[lr]?\b"  # sizes that matplotlib has not
_CODE_OR_FORMULA = re.compile(
    r"(?P<code>```.*?```|`[^`\n]+`)|\$\$(?P<block>.+?)\$\$|\$(?P<inline>(?! )[^$\n]+?(?<! ))\$(?!\d)", re.DOTALL
)


def with_formulas(markdown: str) -> str:
    """Turn each ``$...$`` and ``$$...$$`` of a Markdown text into a picture.

    A formula that matplotlib cannot set stays as TeX, in code letters. Code keeps its dollar signs. The TeX is the
    picture's alternative text.

    >>> with_formulas("costs `$5`, $\\\\nosuch{x}$").replace("<code>", "[").replace("</code>", "]")
    'costs `$5`, [\\\\nosuch{x}]'
    """
    return _CODE_OR_FORMULA.sub(_drawn, markdown)


def _drawn(match):
    if match["code"]:
        return match["code"]
    block = match["block"] is not None
    tex = " ".join((match["block"] or match["inline"]).split())
    try:
        picture = _picture(tex)
    except ValueError:  # what matplotlib raises for TeX beyond its own
        picture = f"<code>{html.escape(tex)}</code>"
    return f"\n\n{picture}\n\n" if block else picture


def _picture(tex):
    said = f"${re.sub(_BEYOND, _nearest, tex)}$"
    width, height, *_ = MathTextParser("path").parse(said, dpi=_DPI, prop=_LETTERS)
    buffer = io.BytesIO()
    math_to_image(said, buffer, prop=_LETTERS, format="svg")
    address = base64.b64encode(buffer.getvalue()).decode("ascii")
    size = f'width="{width:.0f}" height="{height:.0f}"'
    return f'<img class="formula" alt="{html.escape(tex)}" {size} src="data:image/svg+xml;base64,{address}">'


def _nearest(match):
    return "\\frac" if match[1] else ""
