"""Figures of the data itself: pairs, source images, and the results of queries."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlchkit.data import PairedDataset, SourceDataset
from dlchkit.data.picture_file import open_picture
from dlchkit.errors import DataError
from dlchkit.plotting.letters import wrapped
from dlchkit.plotting.style import INK, QUIET, WIDTH, hide, new_figure, styled

_SIDE = 256  # pixels; larger pictures are shrunk before drawing
_RIGHT, _WRONG = "#00734F", "#C04A00"


@styled
def show_pairs(data: PairedDataset, rows: ArrayLike, *, columns: int = 4) -> Figure:
    """Draw the pairs at ``rows``: picture, caption below, labels in italics; texts alone without pictures."""
    rows = np.atleast_1d(rows)
    columns = min(columns, len(rows))
    n_lines = -(-len(rows) // columns)
    cell = WIDTH / columns
    figure, all_axes = new_figure(n_lines * (cell + 0.7), n_lines, columns, h_pad=0.1)
    for axes, row in zip(all_axes.flat, rows, strict=False):
        _draw_item(axes, data, row, inches=cell)
        axes.set_title(
            _wrapped(_labels_of(data, row), cell, 8.5, 2), fontsize=8.5, style="italic", color=QUIET, loc="center"
        )
    hide(all_axes.flat[len(rows) :])
    return figure


@styled
def show_source(source: SourceDataset, rows: ArrayLike, *, columns: int = 8) -> Figure:
    """Draw the source domain's images at ``rows`` with their class below."""
    rows = np.atleast_1d(rows)
    if source.images is None:
        raise DataError("the source data has features but no images, so there is nothing to show")
    columns = min(columns, len(rows))
    n_lines = -(-len(rows) // columns)
    cell = WIDTH / columns
    figure, all_axes = new_figure(n_lines * (cell + 0.12), n_lines, columns)
    for axes, row in zip(all_axes.flat, rows, strict=False):
        _draw_picture(axes, source.images[row])
        axes.set_xlabel(_wrapped(source.class_names[source.labels[row]], cell, 8.5, 2), fontsize=8.5)
    hide(all_axes.flat[len(rows) :])
    return figure


@styled
def show_retrieval(
    data: PairedDataset,
    queries: ArrayLike,
    results: ArrayLike,
    distances: ArrayLike,
    relevant: ArrayLike,
    *,
    direction: str,
) -> Figure:
    """Draw queries and their results, one line of pictures for each query; word, symbol and frame show the right ones.

    Parameters
    ----------
    data : PairedDataset
        the items
    queries : array_like
        row positions, int () or (q,)
    results : array_like
        row positions, int (k,) or (q, k), nearest first
    distances : array_like
        Hamming distances, same shape
    relevant : array_like
        bool, same shape: whether the result shares a label with the query
    direction : str
        "image_to_text" shows a query by its picture, "text_to_image" by its caption
    """
    queries = np.atleast_1d(queries)
    results, distances, relevant = (np.atleast_2d(x) for x in (results, distances, relevant))
    cell = WIDTH / (results.shape[1] + 1)
    figure, all_axes = new_figure(len(queries) * (cell + 0.95) + 0.3, len(queries), results.shape[1] + 1)
    title = {
        "image_to_text": "Image query and its nearest texts, each with its picture",
        "text_to_image": "Text query and its nearest images, each with its text",
    }[direction]
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    for line, query in zip(all_axes, queries, strict=True):
        _draw_query(line[0], data, query, direction, inches=cell)
    found = zip(all_axes[:, 1:].flat, results.flat, distances.flat, relevant.flat, strict=True)
    for axes, row, distance, right in found:
        _draw_item(axes, data, row, inches=cell)
        verdict, colour = _judged(axes, right)
        axes.set_title(f"{verdict}\ndistance {distance:g}", fontsize=8.5, color=colour, loc="center")
    return figure


@styled
def show_found(
    data: PairedDataset,
    text: str,
    results: ArrayLike,
    distances: ArrayLike,
    relevant: ArrayLike | None = None,
    *,
    columns: int = 4,
) -> Figure:
    """Draw the results of a typed text: pictures, nearest first, each with distance, labels and caption.

    Parameters
    ----------
    data : PairedDataset
        the items
    text : str
        the query as typed; it need not be a text of the data
    results : array_like
        row positions, int (k,), nearest first, at least one
    distances : array_like
        Hamming distances (k,)
    relevant : array_like or None
        bool (k,), whether a result is right, shown by word, symbol and frame; None where
        that is not known
    columns : int
        pictures beside each other
    """
    results = np.atleast_1d(results)
    distances = np.atleast_1d(distances)
    if len(results) == 0:
        raise DataError(f"nothing was found for {text!r}; ask for a larger radius or add items")
    columns = min(columns, len(results))
    n_lines = -(-len(results) // columns)
    cell = WIDTH / max(columns, 4)
    figure, all_axes = new_figure(n_lines * (cell + 0.85) + 0.4, n_lines, columns)
    figure.suptitle(_wrapped(f"“{text}”", WIDTH, 12, 2), x=0.01, ha="left", fontsize=12, weight="bold")
    verdicts = [None] * len(results) if relevant is None else np.atleast_1d(relevant)
    for axes, row, distance, right in zip(all_axes.flat, results, distances, verdicts, strict=False):
        _draw_item(axes, data, row, inches=cell)
        verdict, colour = _judged(axes, right)
        head = f"{verdict}, distance {distance:g}" if verdict else f"distance {distance:g}"
        labels = _wrapped(_labels_of(data, row), cell, 8.5, 1)
        axes.set_title(f"{head}\n{labels}", fontsize=8.5, color=colour, loc="center")
    hide(all_axes.flat[len(results) :])
    return figure


def describe_found(text: str, distances: ArrayLike, relevant: ArrayLike | None = None) -> str:
    """State the number of pictures a typed text found, their distances, and the number of right ones."""
    distances = np.asarray(distances)
    n = len(distances)
    nearest, farthest = int(distances.min()), int(distances.max())
    if nearest < farthest:
        away = f"{nearest} to {farthest} bits away"
    else:
        away = f"all {nearest} bits away" if n > 1 else f"{nearest} bits away"
    subject = f"{n} pictures nearest to “{text}” are" if n > 1 else f"picture nearest to “{text}” is"
    if relevant is None:
        return f"The {subject} {away}."
    right = int(np.sum(relevant))
    return f"The {subject} {away}; {right} of them {'is' if right == 1 else 'are'} right."


def _judged(axes: Axes, right):
    """Frame one result; return verdict and colour."""
    if right is None:
        return "", INK
    verdict, colour = ("✓ right", _RIGHT) if right else ("✗ wrong", _WRONG)
    axes.spines[:].set(visible=True, color=colour, linewidth=2.2, linestyle="-" if right else (0, (3, 2)))
    return verdict, colour


def _draw_query(axes, data, row, direction, *, inches):
    if direction == "image_to_text" and data.images is not None:
        _draw_picture(axes, data.images[row])
    else:
        _draw_text(axes, _caption(data, row), inches)
    axes.set_title("query\n ", fontsize=8.5, weight="bold", loc="center")
    axes.set_xlabel(_wrapped(_labels_of(data, row), inches, 7.5, 3), fontsize=7.5, style="italic", color=QUIET)


def _draw_item(axes, data, row, *, inches):
    if data.images is None:
        _draw_text(axes, _caption(data, row), inches)
        return
    _draw_picture(axes, data.images[row])
    axes.set_xlabel(_wrapped(_caption(data, row), inches, 8, 4), fontsize=8, color=INK)


def _draw_picture(axes, item):
    picture = open_picture(item)
    picture.thumbnail((_SIDE, _SIDE))
    axes.imshow(picture, interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _draw_text(axes, text, inches):
    axes.set(xticks=[], yticks=[], box_aspect=1, facecolor="#f4f4f4")
    axes.spines[:].set_visible(False)
    centred = {"transform": axes.transAxes, "ha": "center", "va": "center"}
    axes.text(0.5, 0.5, _wrapped(text, inches * 0.9, 8.5, 7), fontsize=8.5, **centred)


def _caption(data, row) -> str:
    return "" if data.texts is None else str(data.texts[row])


def _labels_of(data, row) -> str:
    return ", ".join(data.class_names[position] for position in np.flatnonzero(data.labels[row]))


def _wrapped(text: str, inches: float, size: float, n_lines: int) -> str:
    """Break a text into lines that fit a cell; a letter's usual width is 0.58 of the font size."""
    return wrapped(text, max(8, int(inches * 72 * 0.94 / (0.58 * size))), n_lines)
