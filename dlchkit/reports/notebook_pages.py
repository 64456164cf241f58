"""Executed notebooks as HTML without code: words, formulas and figures, for people who do not read Python."""

import re
from functools import cache
from pathlib import Path

from dlchkit.errors import DataError
from dlchkit.reports.formulas import with_formulas
from dlchkit.reports.templates import address, render
from dlchkit.storage import atomic_path, digest

PAGES = "report-notebooks"  # folder beside a report

_TAGS = """
a abbr b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre s small span strong
sub summary sup table tbody td tfoot th thead tr ul
"""
_ATTRIBUTES = {
    "*": {"class", "id", "title"},
    "a": {"href"},
    "img": {"alt", "height", "src", "width"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_UNSHOWN_TAGS = {"svg": "a drawing (SVG)", "iframe": "a page in a page", "video": "a video", "audio": "a sound"}
_UNSHOWN_TAGS |= {"canvas": "a drawing", "object": "an object", "embed": "an object"}
_SHOWN = {"text/html", "text/markdown", "text/latex", "image/png", "image/jpeg"}
_UNSHOWN = {
    "image/svg+xml": _UNSHOWN_TAGS["svg"],
    "application/vnd.jupyter.widget-view+json": "a widget",
    "application/javascript": "a script",
    "application/pdf": "a PDF",
}
_HEADING = re.compile(r"<(/?)h([1-5])(?=[ >])")  # in clean HTML, where every other < is escaped


def link_to_page(notebook: Path, home: Path, name: str, *, title: str) -> str | None:
    """Write a run's notebook as ``home/report-notebooks/<name>.html`` and return the link from a page in ``home``.

    Returns
    -------
    None where there is no notebook, or none that can be read: a report says so and goes on
    """
    place = Path(PAGES) / f"{name}.html"
    try:
        write_notebook_page(notebook, home / place, title=title)
    except DataError:
        return None
    return address(place)


def write_notebook_page(notebook: Path, path: Path, *, title: str) -> Path:
    """Write an executed notebook as one HTML file without code cells, scripts or anything from elsewhere.

    ``title`` is the page's only heading of the first level: the notebook's own stand one level lower.
    A page that this version of the kit made from the same notebook and title stays.

    Parameters
    ----------
    notebook : an executed ``.ipynb``; of the HTML in its words and outputs only plain tags
        stay, and only pictures that it holds itself
    title : of the page, escaped

    Raises
    ------
    DataError
        the file is no readable notebook
    """
    import nbformat  # here, since only pages of notebooks wait for it

    from dlchkit import __version__

    try:
        stored = notebook.read_bytes()
        made_from = digest(__version__, title.encode(errors="replace"), stored)
        if _is_made_from(path, made_from):
            return path
        content = nbformat.reads(stored.decode("utf-8"), as_version=4)
        nbformat.validate(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError) as error:
        raise DataError(f"{notebook.name} is no readable notebook ({type(error).__name__}); run it again") from None
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = with_formulas(cell.source)
        cell.metadata = nbformat.NotebookNode()
        for output in cell.get("outputs", []):
            _name_what_is_not_shown(output)
            _keep_alternative_texts(output)
    body, _ = _exporter().from_notebook_node(content)
    with atomic_path(path) as temporary:
        temporary.write_text(
            render("notebook_page.html", headline=title, body=body, made_from=made_from), encoding="utf-8"
        )
    return path


def _is_made_from(path, digest_of_notebook):
    try:
        with open(path, encoding="utf-8") as page:
            return f'content="{digest_of_notebook}"' in page.read(2000)
    except (OSError, ValueError):
        return False


def _name_what_is_not_shown(output) -> None:
    """Put words in the place of an output that a page without scripts cannot show."""
    data = output.get("data", {})
    unshown = [_UNSHOWN.get(kind, "an output") for kind in data if kind not in _SHOWN | {"text/plain"}]
    if unshown and not _SHOWN & set(data):
        output.data = {"text/plain": _not_shown(unshown[0])}


def _keep_alternative_texts(output) -> None:
    """Drop all else that a notebook says of an output: sizes and names would reach the page as they are."""
    for kind, about in list(output.get("metadata", {}).items()):
        if kind in ("image/png", "image/jpeg") and isinstance(about, dict) and "alt" in about:
            alt = str(about["alt"])
            about.clear()
            about["alt"] = alt
        else:
            del output.metadata[kind]


def _not_shown(what: str) -> str:
    return f"[{what}, which this page cannot show; see the notebook]"


def _plain_tags(html) -> str:
    import nh3

    text = "".join(html) if isinstance(html, list) else str(html)
    named = {what: _not_shown(what) for tag, what in _UNSHOWN_TAGS.items() if f"<{tag}" in text.lower()}
    text += "".join(f"<p>{words}</p>" for words in named.values())
    clean = nh3.clean(
        text,
        tags=set(_TAGS.split()),
        clean_content_tags={"script", "style", *_UNSHOWN_TAGS},
        attributes=_ATTRIBUTES,
        attribute_filter=_kept,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel=None,
    )
    return _HEADING.sub(lambda tag: f"<{tag[1]}h{int(tag[2]) + 1}", clean)


def _kept(tag, name, value):
    if tag == "img" and name == "src":
        return value if value.startswith("data:image/") else None
    if tag == "a" and name == "href":
        return None if value.lower().lstrip().startswith("data:") else value
    return value


@cache
def _exporter():
    """Nbconvert's exporter of a notebook without code; its templates are compiled once."""
    from nbconvert import HTMLExporter  # here, since only pages of notebooks wait for it

    exporter = HTMLExporter(
        template_name="basic",
        exclude_input=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        sanitize_html=True,
    )
    exporter.register_filter("clean_html", _plain_tags)  # nbconvert's own drops paragraphs and headings
    return exporter
