"""The results page in Markdown: the same sections as in HTML, without pictures."""

from pathlib import Path

from dlchkit.reports.cells import Cell, Table
from dlchkit.reports.provenance import differing, environments
from dlchkit.reports.read_runs import SweepResults, usable
from dlchkit.reports.sections import MEANING, Part, Section, section_of
from dlchkit.storage import atomic_path

_SIGNS = {"above": "▲ ", "below": "▼ "}


def write_page(found: list[SweepResults], path: Path, *, command: str) -> Path:
    """Write the Markdown page of some sweeps, whole or not at all.

    Parameters
    ----------
    found : list of SweepResults
        From `dlchkit.reports.read_runs.read_results`; runs that are missing or failed are named on the page.
    path : Path
        The Markdown file.
    command : str
        Stands on the first line, so that nobody edits what the next call overwrites.
    """
    sections = [section_of(*usable(results)) for results in found]
    blocks = [
        f"*Written by `{command}` from the records of runs; it is never edited by hand.*",
        "# Results",
        *(block for section in sections for block in _section(section)),
        "## What the numbers mean",
        *MEANING,
        *_environments([section.results for section in sections]),
    ]
    with atomic_path(path) as temporary:
        temporary.write_text("\n\n".join(filter(None, blocks)) + "\n", encoding="utf-8")
    return path


def as_markdown(table: Table) -> list[str]:
    """A table as blocks of Markdown: one for each group under its heading in bold, without names that have no number.

    >>> print(*as_markdown(Table(["a|b"], {"": {"16 bits": [Cell(0.5, ".500", "± .100", "best")]}})))
    | method | 16 bits |
    |---|---:|
    | a\\|b | **.500 ± .100** |
    """
    blocks = []
    for heading, columns in table.groups.items():
        cells = zip(table.names, zip(*columns.values(), strict=True), strict=True)
        rows = [[name, *map(_cell, row)] for name, row in cells if not all(cell.is_empty for cell in row)]
        blocks += [f"**{heading}**" if heading else "", _lines([table.head, *columns], rows)]
    return list(filter(None, blocks))


def _cell(cell: Cell) -> str:
    text = " ".join(filter(None, [cell.text, cell.detail]))
    return f"**{text}**" if cell.mark == "best" else _SIGNS.get(cell.mark, "") + text


def _lines(head, rows):
    lines = ["| " + " | ".join(_plain(cell).replace("|", "\\|") for cell in line) + " |" for line in [head, *rows]]
    return "\n".join([lines[0], "|---" + "|---:" * (len(head) - 1) + "|", *lines[1:]])


def _plain(text):
    """A recorded text on one line, where no HTML begins."""
    return " ".join(str(text).split()).replace("<", "&lt;")


def _section(section: Section) -> list[str]:
    blocks = [
        f"## {_plain(section.results.title)}",
        section.answer.sentences if section.answer else "",
        *(f"**Warning:** {_plain(line)}." for line in section.warnings),
        "\n".join(f"- {_plain(name)}: {_plain(value)}" for name, value in section.provenance.items()),
        "Not here, and in none of the numbers below:" if section.unfinished else "",
        "\n".join(f"- {run.state}, {run.where}{_because(run.reason)}" for run in section.unfinished),
        section.database_codes,
    ]
    return blocks + [block for part in section.parts for block in _part(part)]


def _because(reason):
    return f": `{_plain(reason).replace('`', chr(39))}`" if reason else ""


def _part(part: Part) -> list[str]:
    if part.kind == "table":
        return [f"### {part.heading}", part.note, *as_markdown(part.content)]
    if part.kind == "R":
        tables = [
            block
            for direction, by_name in part.content.directions.items()
            for name, table in by_name.items()
            for block in (f"**{name}, {direction}**", *as_markdown(table))
        ]
        return [f"### {part.heading}", f"<details>\n<summary>{part.note}</summary>", *tables, "</details>"]
    return []


def _environments(found):
    """One column for each distinct environment, one row for each thing recorded."""
    columns = environments(found)
    settings = [setting for _, setting in columns]
    names = list(dict.fromkeys(name for setting in settings for name in setting))
    if not names:
        return []
    differ = differing(settings)
    sentence = "The same for all runs."
    if differ:
        sentence = f"Runs differ in {', '.join(differ)}. Seconds compare within one run only."
    rows = [[name, *(setting.get(name, "–") for setting in settings)] for name in names]
    return ["## Environment", sentence, _lines(["runs", *(runs for runs, _ in columns)], rows)]
