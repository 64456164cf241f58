"""HTML pages that open offline: of sweeps, of single runs, or of both; all are made from the same sections."""

import difflib
import math
import re
from pathlib import Path

from dlchkit import plotting
from dlchkit.errors import DataError
from dlchkit.plotting.embedded_pictures import EmbeddedPictures
from dlchkit.plotting.style import in_words
from dlchkit.plotting.verdict import JOINT, headline
from dlchkit.records import RunRecord
from dlchkit.reports import budget_tables, found_examples
from dlchkit.reports.found_examples import found_by_queries
from dlchkit.reports.notebook_pages import link_to_page
from dlchkit.reports.provenance import differing, environments, notebook_of
from dlchkit.reports.read_runs import SweepResults, read_results, read_single_runs, usable
from dlchkit.reports.sections import MEANING, Section, section_of
from dlchkit.reports.templates import render
from dlchkit.runs.plan import PLAN
from dlchkit.runs.run_state import Run
from dlchkit.storage import atomic_path

PAGE = "report.html"
MAIN_SUBJECT = "increments"  # notebooks about it answer for the whole page, where there are any
_BIAS = "source_bias"
_SHOWN_ELSEWHERE = {  # findings that stand in a section's tables or provenance
    "data", "n_pairs", "n_classes", "classes_per_stage", "database_codes", "split_digest",
    found_examples.FINDING, budget_tables.FINDING,
}  # fmt: skip


def write_report(run_folders: list[Path], path: str | Path, *, notebooks: bool = False) -> Path:
    """Write a page that opens offline from the records in ``run_folders``.

    Parameters
    ----------
    run_folders : list of Path
        Folders with a result.json each; one that is missing or broken is listed on the page with the reason, and
        the rest goes on.
    path : str or Path
        The HTML file, written whole or not at all.
    notebooks : bool
        Whether each run's notebook becomes a page without code beside it, with a link to it.

    Returns
    -------
    Path
        The HTML file.
    """
    singles, failures = read_single_runs(run_folders)
    return _write([(results, {}) for results in singles], failures, Path(path), notebooks=notebooks)


def write_folder_report(folder: Path, *, baseline: str | None = None, price: float | None = None) -> Path:
    """Write ``folder/report.html`` of all sweeps and single runs in the folder.

    Beside it, every finished run's notebook becomes a page without code, with a link to it.

    Parameters
    ----------
    folder : Path
        Given to ``dlchkit sweep -o``, or a sweep's own, or one with a folder for each run.
    baseline : str or None
        Method that the others are compared with seed by seed; None takes joint retraining where it was run.
    price : float or None
        EUR per hour of the machine; None shows no money.

    Raises
    ------
    DataError
        Nothing to report, a baseline that no run recorded, a price that is none, or an option for sweeps where
        there is none.
    """
    folder = Path(folder)
    is_sweep = (folder / PLAN).is_file()
    sweeps = is_sweep or any(folder.glob(f"*/{PLAN}"))
    single = [] if is_sweep else sorted(path.parent for path in folder.glob("*/result.json"))
    if not sweeps and not single:
        raise DataError(f"{folder} holds no run: there is no FOLDER/*/result.json in it, and no sweep's {PLAN}")
    if not sweeps and (baseline is not None or price is not None):
        raise DataError(f"{folder} holds single runs and no sweep; --baseline and --price are for sweeps")
    if price is not None and not (math.isfinite(price) and price > 0):
        raise DataError(f"the price is {price}; it must be EUR per hour, more than 0, e.g. 1.20")
    found = [usable(results) for results in (read_results([folder]) if sweeps else [])]
    _check_baseline(baseline, found)
    singles, failures = read_single_runs(single)
    found += [(results, {}) for results in singles]
    return _write(found, failures, folder / PAGE, baseline=baseline or JOINT, price=price, notebooks=True)


def _check_baseline(baseline, found):
    names = list(dict.fromkeys(name for results, _ in found for name in results.methods))
    if baseline is not None and names and baseline not in names:
        near = difflib.get_close_matches(baseline, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        raise DataError(f"no run recorded the method {baseline!r}; {hint}")


def _write(
    found: list[tuple[SweepResults, dict[str, str]]],
    failures: dict[str, str],
    path: Path,
    *,
    notebooks: bool,
    baseline: str = JOINT,
    price: float | None = None,
) -> Path:
    found = sorted(found, key=lambda item: not _is_main(item[0]))  # what the headline rests on comes first
    sections = [section_of(results, broken, baseline=baseline, price=price) for results, broken in found]
    pictures = EmbeddedPictures()
    planned = [section.results for section in sections if section.results.file]
    extras = [
        {"number": number, "lacks_baseline": _lacks(results, baseline)}
        | _only_in_html(results, pictures, path.parent if notebooks else None)
        for number, (results, _) in enumerate(found, 1)
    ]
    machines = environments([results for results, _ in found])
    page = render(
        "page.html",
        home=path.parent,
        headline=headline(_answers(sections)),
        sections=[vars(section) | extra for section, extra in zip(sections, extras, strict=True)],
        failures=failures,
        baseline=baseline,
        meaning=MEANING,
        environments=machines,
        differ=differing([setting for _, setting in machines]),
        n_complete=sum(len(section.results.done) for section in sections),
        n_planned_done=sum(len(results.done) for results in planned),
        n_planned=sum(len(results.runs) for results in planned),
        n_failed=sum(run.state == "failed" for section in sections for run in section.unfinished),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(re.sub(r"\n\s+", "\n", page), encoding="utf-8")  # indents are 5% of a large page
    return path


def _lacks(results: SweepResults, baseline: str) -> bool:
    return baseline not in results.methods and any(record.methods for record in results.done.values())


def _is_main(results: SweepResults) -> bool:
    return results.metadata.subject == MAIN_SUBJECT and any(record.methods for record in results.done.values())


def _answers(sections: list[Section]) -> list:
    answered = [section for section in sections if section.answer]
    main = [section for section in answered if _is_main(section.results)]
    return [section.answer for section in main or answered]


# --- what Markdown has not: pictures, what single queries found, notebooks ---


def _only_in_html(results: SweepResults, pictures: EmbeddedPictures, home: Path | None) -> dict:
    """Figures, examples, and findings and notebooks of the runs; with ``home`` notebooks become pages there."""
    findings = _findings_of_one(results)
    bias = _bias_figure(findings, pictures)
    hidden = _SHOWN_ELSEWHERE | ({_BIAS} if bias else set())
    return {
        "figures": _budget_figures(results, pictures) + bias,
        "examples": _examples(results, pictures),
        "findings": {in_words(name): value for name, value in findings.items() if name not in hidden},
        "finished": {} if home is None else _finished(results, home),
    }


def _findings_of_one(results):
    """The findings of the run where there is no other."""
    records = list(results.records.values())
    return records[0].findings if len(records) == 1 else {}


def _budget_figures(results, pictures):
    figures = []
    for setting in results.with_records:
        found = budget_tables.merged(results.at(setting))
        if found is not None:
            title = f"Label budget, {setting}"
            try:
                figure, sentence = plotting.plot_label_budget(found), plotting.describe_label_budget(found)
            except DataError as error:  # a score that is not defined has no interval
                figures.append({"title": title, "address": None, "missing": f"No picture: {error}.", "caption": ""})
            else:
                figures.append(pictures.entry(plotting.png(figure), title, alt=sentence, caption=sentence))
    return figures


def _bias_figure(findings, pictures):
    """The picture of the finding "source_bias", where that holds what it needs."""
    title = "Who gains from the source"
    try:
        found = dict(findings[_BIAS])
        figure, sentence = plotting.png(plotting.plot_source_bias(found)), plotting.describe_source_bias(found)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return []
    return [pictures.entry(figure, title, alt=f"{title}. {sentence}", caption=sentence)]


def _examples(results, pictures):
    """What the first seed's run at one setting found, drawn and in words, and the pictures of its other seeds."""
    at = results.reference
    records = {} if at is None else results.at(at)
    of_setting = [run for run in results.runs if run.name in results.done and results.setting_of(run) == at]
    runs = {run.parameters["seed"]: run for run in reversed(of_setting)}  # of several with one seed the first
    found = {seed: found_by_queries(record.findings) for seed, record in records.items()}
    seeds = [seed for seed in sorted(records) if records[seed].figures or found[seed]]
    if not seeds:
        return None
    first = seeds[0]
    others = []
    for seed in seeds[1:]:
        files = [_file_of(figure, runs[seed]) for figure in records[seed].figures]
        others += [(seed, in_words(file.stem), file) for file in files if file is not None]
    figures = _own_figures(records[first], runs[first], pictures)
    return {"seed": first, "figures": figures, "found": found[first], "others": others}


def _file_of(figure: dict, run: Run) -> Path | None:
    """A recorded picture that lies in its run's folder; a path that leaves it is not followed."""
    file = (run.folder / str(figure.get("file", ""))).resolve()
    return file if file.is_relative_to(run.folder.resolve()) and file.is_file() else None


def _own_figures(record: RunRecord, run: Run, pictures: EmbeddedPictures) -> list[dict]:
    entries = []
    for figure in record.figures:
        name, caption = str(figure.get("file", "")), str(figure.get("caption") or "")
        file = _file_of(figure, run)
        raw = file.read_bytes() if file else b""
        entries.append(
            pictures.entry(raw, "", alt=str(figure.get("alt") or caption or Path(name).stem), caption=caption)
        )
    return entries


def _finished(results: SweepResults, home: Path) -> dict[str, list[dict]]:
    """Point of the grid -> its complete runs: seed, the notebook, and the link to its page without code."""
    found = {}
    for run in results.runs:
        if run.name in results.done:
            notebook = notebook_of(run)
            title = f"{results.title}: {results.name_of(run)}"
            page = (
                link_to_page(notebook, home, run.name if results.file else results.name, title=title)
                if notebook
                else None
            )
            entry = {"seed": run.parameters["seed"], "notebook": notebook, "page": page}
            found.setdefault(results.point_of(run), []).append(entry)
    return found
