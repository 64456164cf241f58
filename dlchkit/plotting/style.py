"""The look all figures share, and how a figure leaves the kit: shown or saved, as PNG."""

import base64
import io
from functools import wraps
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure

from dlchkit.storage import atomic_path

WIDTH, DPI = 8.0, 100  # inches, pixels per inch
INK, QUIET, PAPER = "#222222", "#767676", "#ffffff"

_RC = {
    "font.family": "DejaVu Sans",
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
    """How one method is drawn everywhere; any one of the four tells it apart."""

    colour: str
    marker: str
    line: str
    hatch: str


# Okabe and Ito's colours, told apart with any common colour blindness.
_KNOWN = {"joint": Look("#0072B2", "o", "-", ""), "finetune": Look("#D55E00", "s", "--", "////"), "dlch": Look("#009E73", "^", "-.", "....")}
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


def looks(names) -> dict[str, Look]:
    """A `Look` for each name: the kit's methods always the same, others from a cycle."""
    others = cycle(_OTHERS)
    return {name: _KNOWN[name] if name in _KNOWN else next(others) for name in names}


def styled(draw):
    """Let a drawing function work under the shared style and leave matplotlib's settings as they were."""

    @wraps(draw)
    def with_style(*arguments, **options):
        with matplotlib.rc_context(_RC):
            return draw(*arguments, **options)

    return with_style


def new_figure(height: float, rows: int = 1, columns: int = 1, **options):
    """A figure of the kit's width outside pyplot, and its (rows, columns) array of axes."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor=PAPER)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    all_axes = figure.subplots(rows, columns, squeeze=False, **options)
    for axes in all_axes.flat:
        axes.tick_params(length=0, labelsize=9.5, labelcolor=INK)
    return figure, all_axes


def in_words(name: str) -> str:
    """A measure's or direction's name as a reader would write it."""
    return " ".join("mAP" if word == "map" else word for word in str(name).split("_"))


def png(figure: Figure) -> bytes:
    """The figure as a PNG file's bytes, at its own resolution."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi)
    return buffer.getvalue()


def show(figure: Figure, alt: str) -> None:
    """Display a figure in a notebook, once, with words for those who do not see it."""
    from IPython.display import display  # here, so that scripts do not need IPython

    content = {"image/png": base64.b64encode(png(figure)).decode("ascii"), "text/plain": alt}
    display(content, raw=True, metadata={"image/png": {"alt": alt}})


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, whole or not at all, and return its path."""
    with atomic_path(Path(path)) as temporary:
        temporary.write_bytes(png(figure))
    return Path(path)
