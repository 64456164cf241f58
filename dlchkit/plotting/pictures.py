"""Figures of the data itself: pairs, source images, what a query found."""

import textwrap

import numpy as np
from PIL import Image

from dlchkit.data import PairedDataset, SourceDataset
from dlchkit.errors import DataError
from dlchkit.plotting.style import INK, QUIET, WIDTH, new_figure, styled

_SIDE = 256  # pixels; larger pictures are shrunk before drawing
_RIGHT, _WRONG = "#00734F", "#C04A00"


@styled
def show_pairs(data: PairedDataset, rows, *, columns: int = 4):
    """Draw the pairs at ``rows``: picture, caption below, labels in italics.

    Returns
    -------
    matplotlib Figure; a data set without pictures is drawn by its texts alone
    """
    rows = np.atleast_1d(rows)
    columns = min(columns, len(rows))
    n_lines = -(-len(rows) // columns)
    cell = WIDTH / columns
    figure, all_axes = new_figure(n_lines * (cell + 0.7), n_lines, columns)
    figure.get_layout_engine().set(h_pad=0.1)
    for axes, row in zip(all_axes.flat, rows):
        _draw_item(axes, data, row, inches=cell)
        axes.set_title(_wrapped(_labels_of(data, row), cell, 8.5, 2), fontsize=8.5, style="italic", color=QUIET, loc="center")
    _hide(all_axes.flat[len(rows) :])
    return figure


@styled
def show_source(source: SourceDataset, rows, *, columns: int = 8):
    """Draw the source domain's images at ``rows`` with their class below."""
    rows = np.atleast_1d(rows)
    if source.images is None:
        raise DataError("the source data has features but no images, so there is nothing to show")
    columns = min(columns, len(rows))
    n_lines = -(-len(rows) // columns)
    cell = WIDTH / columns
    figure, all_axes = new_figure(n_lines * (cell + 0.12), n_lines, columns)
    for axes, row in zip(all_axes.flat, rows):
        _draw_picture(axes, source.images[row])
        axes.set_xlabel(_wrapped(source.class_names[source.labels[row]], cell, 8.5, 2), fontsize=8.5)
    _hide(all_axes.flat[len(rows) :])
    return figure


@styled
def show_retrieval(data: PairedDataset, queries, results, distances, relevant, *, direction: str):
    """Draw queries and what they found, one line of pictures for each query.

    Parameters
    ----------
    queries : row position, or q of them
    results : row positions (k,) or (q, k), nearest first
    distances : Hamming distances, same shape
    relevant : bool, same shape; whether the result shares a label with the query
    direction : "image_to_text" shows a query by its picture, "text_to_image" by its caption

    Returns
    -------
    matplotlib Figure; right and wrong differ by word, symbol and frame
    """
    queries = np.atleast_1d(queries)
    results, distances, relevant = (np.atleast_2d(x) for x in (results, distances, relevant))
    cell = WIDTH / (results.shape[1] + 1)
    figure, all_axes = new_figure(len(queries) * (cell + 0.95) + 0.3, len(queries), results.shape[1] + 1)
    opening = {"image_to_text": "Image query and its nearest texts, each with the picture it belongs to"}
    figure.suptitle(opening.get(direction, "Text query and its nearest images, each with the text it belongs to"), x=0.01, ha="left", fontsize=10.5)
    for line, query in zip(range(len(queries)), queries):
        _draw_query(all_axes[line, 0], data, query, direction, inches=cell)
        for axes, row, distance, right in zip(all_axes[line, 1:], results[line], distances[line], relevant[line]):
            _draw_item(axes, data, row, inches=cell)
            _frame(axes, right)
            verdict, colour = ("✓ right", _RIGHT) if right else ("✗ wrong", _WRONG)
            axes.set_title(f"{verdict}\ndistance {distance:g}", fontsize=8.5, color=colour, loc="center")
    return figure


@styled
def show_found(data: PairedDataset, text: str, results, distances, relevant=None, *, columns: int = 4):
    """Draw what a typed text found: pictures, nearest first, each with distance, labels and caption.

    Parameters
    ----------
    text : as it was typed; it need not be one of the data's
    results : row positions (k,), nearest first, one or more
    distances : Hamming distances (k,)
    relevant : bool (k,), whether a result is one of those meant; None where nobody said what is meant

    Returns
    -------
    matplotlib Figure; right and wrong differ by word, symbol and frame
    """
    results, distances = np.atleast_1d(results), np.atleast_1d(distances)
    if len(results) == 0:
        raise DataError(f"nothing was found for {text!r}, so there is nothing to show; ask for a larger radius or add items")
    columns = min(columns, len(results))
    n_lines = -(-len(results) // columns)
    cell = WIDTH / max(columns, 4)
    figure, all_axes = new_figure(n_lines * (cell + 0.85) + 0.4, n_lines, columns)
    figure.suptitle(_wrapped(f"“{text}”", WIDTH, 12, 2), x=0.01, ha="left", fontsize=12, weight="bold")
    verdicts = [None] * len(results) if relevant is None else np.atleast_1d(relevant)
    for axes, row, distance, right in zip(all_axes.flat, results, distances, verdicts):
        _draw_item(axes, data, row, inches=cell)
        said, colour = _judged(axes, right)
        axes.set_title(f"{said}distance {distance:g}\n{_wrapped(_labels_of(data, row), cell, 8.5, 1)}", fontsize=8.5, color=colour, loc="center")
    _hide(all_axes.flat[len(results) :])
    return figure


def describe_found(text: str, distances, relevant=None) -> str:
    """Say how many pictures a typed text found, how near, and how many of them are right."""
    nearest, farthest, n = int(np.min(distances)), int(np.max(distances)), len(distances)
    away = f"{nearest} to {farthest} bits away" if nearest < farthest else f"{'all ' * (n > 1)}{nearest} bits away"
    right = None if relevant is None else int(np.sum(relevant))
    judged = "" if right is None else f"; {right} of them {'is' if right == 1 else 'are'} right"
    who = f"{n} pictures nearest to “{text}” are" if n > 1 else f"picture nearest to “{text}” is"
    return f"The {who} {away}{judged}."


def _judged(axes, right):
    """Frame one result; words and colour of the verdict."""
    if right is None:
        return "", INK
    _frame(axes, right)
    return ("✓ right, ", _RIGHT) if right else ("✗ wrong, ", _WRONG)


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
    axes.imshow(open_picture(item), interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _draw_text(axes, text, inches):
    axes.set(xticks=[], yticks=[], box_aspect=1, facecolor="#f4f4f4")
    axes.spines[:].set_visible(False)
    axes.text(0.5, 0.5, _wrapped(text, inches * 0.9, 8.5, 7), transform=axes.transAxes, ha="center", va="center", fontsize=8.5)


def _frame(axes, right):
    axes.spines[:].set(visible=True, color=_RIGHT if right else _WRONG, linewidth=2.2, linestyle="-" if right else (0, (3, 2)))


def open_picture(item) -> Image.Image:
    """An RGB picture for drawing, at most 256 pixels wide and high, from pixels or a file's path."""
    try:
        picture = Image.fromarray(item) if isinstance(item, np.ndarray) else Image.open(item)
        with picture:
            picture = picture.convert("RGB")
    except OSError as error:
        raise DataError(f"image file {item} cannot be shown ({error}); replace it, or leave its row out") from None
    picture.thumbnail((_SIDE, _SIDE))
    return picture


def _caption(data, row) -> str:
    return "" if data.texts is None else str(data.texts[row])


def _labels_of(data, row) -> str:
    return ", ".join(data.class_names[position] for position in np.flatnonzero(data.labels[row]))


def _wrapped(text: str, inches: float, size: float, n_lines: int) -> str:
    """Lines that fit a cell: 0.58 of the font size is a letter's usual width."""
    n_letters = max(8, int(inches * 72 * 0.94 / (0.58 * size)))
    return "\n".join(textwrap.wrap(text, n_letters, max_lines=n_lines, placeholder=" …"))


def _hide(all_axes):
    for axes in all_axes:
        axes.set_visible(False)
