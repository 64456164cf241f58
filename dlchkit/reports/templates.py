"""From values to HTML: everything that records hold is escaped, numbers are short."""

import os
import re
from pathlib import Path
from urllib.parse import quote

import jinja2
import matplotlib
from matplotlib.colors import to_hex

from dlchkit.plotting.style import in_words
from dlchkit.plotting.verdict import number
from dlchkit.reports import drawings
from dlchkit.reports.result_tables import HEAT_STEPS

_LONGEST_TEXT = 400  # letters of one recorded value
_MOST_ROWS, _MOST_COLUMNS = 40, 12  # of one recorded value that is a table


def render(template: str, *, home: Path | None = None, **values) -> str:
    """Fill one of the templates beside this file; an unknown name is an error.

    Parameters
    ----------
    home : Path or None
        The folder of the page, where links to files start.
    """
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "as_table": as_table,
        "in_text": in_text,
        "in_words": in_words,
        "score": number,
        "minus": with_minus,
        "link": lambda file: address(os.path.relpath(file, home)),
    }
    environment.globals |= {
        "heat_colours": heat_colours(),
        "panel_width": drawings.WIDTH,
        "panel_height": drawings.HEIGHT,
        "bar_width": drawings.BAR_WIDTH,
    }
    page = environment.get_template(template).render(**values)
    return page.encode("utf-8", "replace").decode("utf-8")  # JSON can hold half a character, UTF-8 cannot


def address(path: Path | str) -> str:
    """A relative path as a link: every folder's name quoted, so that none is taken for a scheme or a query.

    >>> address("a b/n_bits=64#1/x.ipynb"), address("javascript:alert(1)")
    ('./a%20b/n_bits%3D64%231/x.ipynb', './javascript%3Aalert%281%29')
    """
    return "./" + quote(Path(path).as_posix())


def with_minus(text: str) -> str:
    """The sign before a number as print has it; hyphens of names stay.

    >>> with_minus("dlch-strict -.018 [-.02, -.01]")
    'dlch-strict −.018 [−.02, −.01]'
    """
    return re.sub(r"(?<![\w-])-(?=[\d.])", "−", text)


def heat_colours() -> list[tuple[str, str]]:
    """Background and ink of each step of a heat map: the ink that stands out better on it."""
    colours = [matplotlib.colormaps["cividis"](step / HEAT_STEPS) for step in range(HEAT_STEPS + 1)]
    return [
        (to_hex(colour), "#ffffff" if step / HEAT_STEPS < 0.47 else "#000000") for step, colour in enumerate(colours)
    ]


def in_text(value) -> str:
    """A record's value as text: numbers short, lists with commas, yes and no for truth.

    >>> in_text([True, 0.25, 12_345, None])
    'yes, 0.250, 12,345, –'
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, dict):
        value = [f"{name}: {in_text(item)}" for name, item in value.items()]
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(in_text, value)) or "none"
    text = "–" if value is None else str(value)
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT].rstrip() + " …"


def as_table(value) -> dict | None:
    """A recorded list of mappings with the same keys, or a mapping to such mappings, as a table; None for all else.

    Returns
    -------
    dict or None
        {"columns", "numbers", "rows", "n_not_shown"}: ``numbers`` are the columns that hold nothing else.

    Examples
    --------
    >>> as_table([{"way": "mmd", "p": 0.02}, {"way": "kl", "p": None}])["numbers"]
    ['p']
    >>> as_table([{"way": 1}, {"p": 2}]), as_table([])
    (None, None)
    >>> as_table({"mmd": {"p": 0.02}, "none": {}})["rows"]
    [{'name': 'mmd', 'p': 0.02}, {'name': 'none', 'p': None}]
    """
    if isinstance(value, dict) and all(isinstance(row, dict) for row in value.values()):
        first = next(iter(value.values()), {})
        fit = first and all(row.keys() <= first.keys() - {"name"} for row in value.values())
        return as_table([{"name": name} | dict.fromkeys(first) | row for name, row in value.items()]) if fit else None
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(row, dict) and row.keys() == value[0].keys() for row in value)
    ):
        return None
    columns = list(value[0])
    if not 0 < len(columns) <= _MOST_COLUMNS:
        return None
    numbers = [column for column in columns if all(_is_number_or_none(row[column]) for row in value)]
    return {
        "columns": columns,
        "numbers": numbers,
        "rows": value[:_MOST_ROWS],
        "n_not_shown": max(len(value) - _MOST_ROWS, 0),
    }


def _is_number_or_none(value):
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
