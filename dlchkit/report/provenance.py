"""What a page of sweeps rests on, and what is not in it: commands, splits, terms of the data, failed and missing runs."""

import os
import re
from pathlib import Path

from dlchkit.errors import DataError
from dlchkit.records import FILE_NAME, RunRecord
from dlchkit.report.template import address
from dlchkit.results.collect import SweepResults
from dlchkit.results.provenance import data_in_words, digests_of_splits, peak_memory_in_words, without_place
from dlchkit.runs.plan import Run
from dlchkit.storage import resource_folder

_PLACE = re.compile(r"""(?<![\w.:/\\])(?:[A-Za-z]:)?(?:[\\/][^\s\\/:'"]+)*[\\/]([^\s\\/:'"]+)""")


def link_to(file: Path, home: Path) -> str:
    """The relative link from a page in the folder ``home`` to a file."""
    return address(os.path.relpath(file, home))


def failed_runs(results: SweepResults, home: Path) -> list[dict]:
    """Each failed run: where in the grid, the cell, the error's last line without places, and its partial notebook."""
    found = []
    for run in results.without_record():
        failure = run.failure()
        if failure is not None:
            entry = {"where": results.name_of(run), "cell": failure["cell"], "error": without_places(str(failure["error"]))}
            found.append(entry | {"notebook": _partial(run, home)})
    return found


def missing_runs(results: SweepResults, home: Path, broken: dict[str, str]) -> tuple[list[dict], list[tuple[str, list[int]]]]:
    """Runs that began and did not come to an end, each with the reason; and those that did not begin, seeds by setting.

    Parameters
    ----------
    broken : name of a run -> why its record could not be used
    """
    begun, not_begun = [], {}
    for run in results.without_record():
        if run.failure() is not None:
            continue
        reason = broken.get(run.name) or _why_unfinished(run)
        if reason:
            begun.append({"where": results.name_of(run), "reason": without_places(reason), "notebook": _partial(run, home)})
        else:
            not_begun.setdefault(results.point_of(run), []).append(run.parameters["seed"])
    return begun, list(not_begun.items())


def _partial(run: Run, home: Path) -> str | None:
    file = run.folder / run.notebook.name
    return link_to(file, home) if file.is_file() else None


def _why_unfinished(run):
    if not run.folder.is_dir():
        return None
    if not (run.folder / FILE_NAME).exists():
        return "began and has no result yet: it was running when this page was written, or was stopped"
    try:
        RunRecord.load(run.folder)
    except DataError as error:
        return str(error)
    return "its result is not marked as done by this sweep: it was stopped, or comes from another plan"


def without_places(text: str) -> str:
    """A message without the folders of the machine: of a path the last name stays.

    >>> without_places("FileNotFoundError: '/home/ann/data/items.csv' is not in C:\\\\work\\\\data, see https://x.org/a/b")
    "FileNotFoundError: 'items.csv' is not in data, see https://x.org/a/b"
    """
    return _PLACE.sub(r"\1", text)


def provenance(results: SweepResults) -> dict:
    """What would be needed to run a sweep again, in the order of its making."""
    names = dict.fromkeys(str(without_place(record.parameters["data"])) for record in results.records.values() if "data" in record.parameters)
    digests = digests_of_splits(results)
    entries = {
        "command": f"dlchkit sweep {results.file} -o DIR",
        "notebook": results.notebook,
        "complete runs": f"{len(results.done)} of {len(results.runs)}",
        "data": ", ".join(filter(None, [*names, data_in_words(results)])),
        **{f"terms of {name}": terms_of(name) for name in names},
        "fixed parameters": ", ".join(f"{name}={without_place(value)}" for name, value in results.fixed.items()),
        "seeds": ", ".join(str(seed) for seed in sorted({run.parameters["seed"] for run in results.runs})),
        "memory of a run at its peak": peak_memory_in_words(results),
        "split digest": "; ".join(f"seed {seed}: {', '.join(said)}" for seed, said in digests.items()),
    }
    return {name: value for name, value in entries.items() if value}


def terms_of(data: str) -> str:
    """The terms that a data set's card states; that there is no card is said, not guessed."""
    card = resource_folder("datasets") / f"{data}.md"
    if not re.fullmatch(r"\w[\w-]*", data) or not card.is_file():
        return "no card of the kit states them; they are those under which you hold the data"
    found = re.search(
        r"^(?:\*\*Terms[.:]?\*\*[.:]?|#+ Terms)\s+(.+?)(?:\n\s*\n|\Z)", card.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return " ".join(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", found.group(1)).split()) if found else "its card states none"


def finished_runs(results: SweepResults, home: Path, pages: dict[str, str | None]) -> list[tuple[str, list[dict]]]:
    """Point of the grid -> its complete runs: seed, links to its notebook without code and to the notebook itself, None where it cannot be."""
    found = {}
    for run in results.runs:
        if run.name in results.done:
            entry = {"seed": run.parameters["seed"], "notebook": _partial(run, home), "page": pages[run.name]}
            found.setdefault(results.point_of(run), []).append(entry)
    return list(found.items())
