"""Shared figure style; showing and saving figures as PNG."""

import base64
import io
from collections.abc import Callable, Iterable
from functools import wraps
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from dlchkit.metrics.words import in_words as in_words  # pages import it from here
from dlchkit.plotting.letters import BASE, families_for, leave_out, letters_beyond_base
from dlchkit.storage import atomic_path

WIDTH = 8.0  # inches
DPI = 100
INK, QUIET, PAPER = "#222222", "#767676", "#ffffff"
BITS = ListedColormap(["#dfe8ef", "#17456b"])  # of -1 and +1
Options = ParamSpec("Options")

_RC: dict[Any, Any] = {
    "font.family": BASE,
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": "#b5b5b5",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "hatch.linewidth": 0.8,
    "text.color": INK,
    "text.parse_math": False,  # a caption or class name may hold dollar signs
}


class Look(NamedTuple):
    """Colour, marker, line and hatch of one method in all figures; each of the four identifies it."""

    colour: str
    marker: str
    line: str | tuple[int, tuple[float, ...]]
    hatch: str

    @property
    def of_line(self) -> dict[str, Any]:
        """Options of `Axes.plot`."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.line}

    @property
    def of_bar(self) -> dict[str, Any]:
        """Options of `Axes.bar`."""
        return {"color": self.colour, "hatch": self.hatch, "edgecolor": PAPER}


# Okabe and Ito's colours, told apart with any common colour blindness.
_KNOWN = {
    "joint": Look("#0072B2", "o", "-", ""),
    "finetune": Look("#D55E00", "s", "--", "////"),
    "dlch": Look("#009E73", "^", "-.", "...."),
}
_OTHERS = [
    Look("#CC79A7", "D", ":", "xxxx"),
    Look("#B07A00", "v", (0, (5, 1)), "\\\\\\\\"),
    Look("#56B4E9", "P", (0, (3, 1, 1, 1)), "----"),
    Look("#5F5F5F", "X", (0, (1, 1)), "||||"),
    Look("#8A3FC0", "<", (0, (6, 2, 1, 2)), "++++"),
    Look("#7A4B1E", ">", (0, (4, 3)), "oooo"),
    Look("#C9A800", "*", (0, (2, 1)), "//"),
    Look("#000000", "h", (0, (8, 2)), "\\\\"),
]


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Give each name its `Look`: always the same for joint, finetune and dlch, from a cycle for others."""
    others = cycle(_OTHERS)
    return {name: _KNOWN[name] if name in _KNOWN else next(others) for name in names}


def styled(draw: Callable[Options, Figure]) -> Callable[Options, Figure]:
    """Run a drawing function in the shared style, and again with more fonts where its texts need them."""

    @wraps(draw)
    def with_style(*arguments: Options.args, **options: Options.kwargs) -> Figure:
        with matplotlib.rc_context(_RC):
            figure = draw(*arguments, **options)
        letters = letters_beyond_base(figure)
        if letters:
            fonts: dict[Any, Any] = {"font.family": [BASE, *families_for(letters)]}
            with matplotlib.rc_context(_RC | fonts):
                figure = draw(*arguments, **options)
            leave_out(figure, letters)
        return figure

    return with_style


def new_figure(
    height: float, rows: int = 1, columns: int = 1, *, h_pad: float = 0.06, **options: Any
) -> tuple[Figure, np.ndarray]:
    """Make a figure of the kit's width outside pyplot, and its (rows, columns) array of axes.

    Parameters
    ----------
    height, h_pad : float
        of the figure and between its rows, in inches
    **options
        of `Figure.subplots`
    """
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=h_pad)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout, facecolor=PAPER)
    all_axes = figure.subplots(rows, columns, squeeze=False, **options)
    for axes in all_axes.flat:
        axes.tick_params(length=0, labelsize=9.5, labelcolor=INK)
    return figure, all_axes


def legend_of_first(figure: Figure, all_axes: np.ndarray, *, ncols: int = 3, below: bool = False) -> None:
    """Add one legend, from the first axes, to a figure whose axes show the same things."""
    loc = "outside lower center" if below else "outside upper left"
    figure.legend(*all_axes[0, 0].get_legend_handles_labels(), loc=loc, ncols=ncols)


def hide(all_axes: Iterable[Axes]) -> None:
    """Hide the axes that a grid has left over."""
    for axes in all_axes:
        axes.set_visible(False)


def png(figure: Figure) -> bytes:
    """Encode the figure as PNG at its own resolution."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi)
    return buffer.getvalue()


def show(figure: Figure, alt: str) -> None:
    """Display a figure in a notebook, once, with ``alt`` as its alternative text."""
    from IPython.display import display  # here, so that scripts do not need IPython

    content = {"image/png": base64.b64encode(png(figure)).decode("ascii"), "text/plain": alt}
    display(content, raw=True, metadata={"image/png": {"alt": alt}})


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, completely or not at all, and return its path."""
    with atomic_path(Path(path)) as temporary:
        temporary.write_bytes(png(figure))
    return Path(path)
