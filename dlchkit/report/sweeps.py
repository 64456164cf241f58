"""The page of sweeps: for each the answer, tables and drawings with intervals over seeds, and what is not in it."""

import difflib
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

from dlchkit import plotting
from dlchkit.errors import DataError
from dlchkit.plotting.embedded_pictures import EmbeddedPictures
from dlchkit.plotting.style import in_words
from dlchkit.report import drawings, tables
from dlchkit.report.answer import JOINT, answer, headline
from dlchkit.report.found import found_by_queries
from dlchkit.report.notebooks import link_to_page
from dlchkit.report.provenance import failed_runs, finished_runs, link_to, missing_runs, provenance
from dlchkit.report.runs import DATABASE_CODES, check, own_figures, read_runs, write_report
from dlchkit.report.template import render
from dlchkit.results import budgets
from dlchkit.results.collect import SweepResults, read_results
from dlchkit.results.increments import kinds_of_database_codes
from dlchkit.results.provenance import differing, environments
from dlchkit.runs.plan import PLAN
from dlchkit.storage import atomic_path

PAGE = "report.html"


def write_folder_report(folder: Path, *, baseline: str | None = None, price: float | None = None) -> Path:
    """Write ``folder/report.html``: of sweeps where the folder holds any, of single runs where it does not.

    Beside it, every finished run's notebook becomes a page without code, which it links to.

    Parameters
    ----------
    folder : given to ``dlchkit sweep -o``, or a sweep's own, or one with a folder per run
    baseline : method that the others are compared with seed by seed; None takes joint
        retraining where it was run
    price : EUR per hour of the machine; None shows no money

    Raises
    ------
    DataError
        nothing to report, a baseline that no run recorded, a price that is none, or an
        option for sweeps where there is none
    """
    folder = Path(folder)
    sweeps = (folder / PLAN).is_file() or any(folder.glob(f"*/{PLAN}"))
    single = [] if (folder / PLAN).is_file() else sorted(path.parent for path in folder.glob("*/result.json"))
    if not sweeps:
        if not single:
            raise DataError(f"{folder} holds no run: there is no FOLDER/*/result.json in it, and no sweep's {PLAN}")
        if baseline is not None or price is not None:
            raise DataError(f"{folder} holds single runs and no sweep; --baseline and --price are for sweeps")
        return write_report(single, folder / PAGE, notebooks=True)
    if price is not None and not (math.isfinite(price) and price > 0):
        raise DataError(f"the price is {price}; it must be EUR per hour, more than 0, e.g. 1.20")
    usable = [_usable(results) for results in read_results([folder])]
    _check_baseline(baseline, [results for results, _ in usable])
    pictures = EmbeddedPictures()
    sections = []
    for number, (results, broken) in enumerate(usable, 1):
        found = _found(results, pictures, folder, baseline=baseline or JOINT, price=price)
        sections.append({"number": number, "results": results} | found | _not_found(results, broken, folder) | _rests_on(results, folder))
    text = _page(sections, dict(zip(("records", "sections", "failures"), read_runs(single, pictures, folder))), price)
    with atomic_path(folder / PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return folder / PAGE


def _page(sections, runs, price):
    found = [section["results"] for section in sections]
    machines = environments(found)
    return render(
        "sweeps.html",
        headline=headline([section["answer"] for section in sections if section["answer"]]),
        sections=sections,
        runs=runs,
        environments=machines,
        differ=differing([setting for _, setting in machines]),
        n_complete=sum(len(results.done) for results in found),
        n_failed=sum(len(section["failed"]) for section in sections),
        n_planned=sum(len(results.runs) for results in found),
        price=price,
        width=drawings.WIDTH,
        height=drawings.HEIGHT,
        bar_width=drawings.BAR_WIDTH,
    )


def _check_baseline(baseline, found):
    names = list(dict.fromkeys(name for results in found for name in results.methods))
    if baseline is not None and names and baseline not in names:
        near = difflib.get_close_matches(baseline, names, n=1, cutoff=0.4)
        raise DataError(f"no run recorded the method {baseline!r}; {f'did you mean {near[0]!r}?' if near else 'there are ' + ', '.join(names)}")


def _usable(results: SweepResults) -> tuple[SweepResults, dict[str, str]]:
    """A sweep with the records that hold together and fit each other, and for the other runs why they are left out."""
    good, broken, stages = {}, {}, {}
    for run in results.runs:
        record = results.done.get(run.name)
        if record is None:
            continue
        try:
            check(record)
            if not all(isinstance(row, dict) for row in record.metrics.values()):
                raise DataError("its metrics are no mapping from a method to its measures")
            if budgets.FINDING in record.findings:
                budgets.merge([record.findings[budgets.FINDING]])
            lengths = {R.shape for method in record.methods.values() for R in method.R.values()}
            first = stages.setdefault(results.setting_of(run), lengths)
            if lengths != first and lengths and first:
                raise DataError("it has another number of stages than the other seeds at its setting")
            good[run.name] = record
        except (DataError, TypeError, AttributeError, KeyError, IndexError) as error:
            broken[run.name] = str(error) if isinstance(error, DataError) else f"the record does not hold together ({type(error).__name__}: {error})"
    return replace(results, done=good), broken


def _found(results, pictures, home, *, baseline, price):
    """What a sweep's runs say together; a part that they did not record is None."""
    at = results.reference
    found = {
        "at": at,
        "answer": answer(results),
        "kinds": {DATABASE_CODES.get(kind, kind): names for kind, names in kinds_of_database_codes(results).items()},
        "scores": tables.score_table(results),
        "baseline": baseline,
        "differences": tables.difference_table(results, baseline) if baseline in results.methods else None,
        "bytes_per_code": _bytes_per_code(results),
        "examples": _examples(results, at, home, pictures) if at is not None else None,
        "budgets": _budgets(results, pictures),
    }
    staged = {
        "code_kinds": tables.kinds_table,
        "heat": drawings.heat_maps,
        "curves": drawings.curves,
        "drops": drawings.drops,
        "forgetting": tables.forgetting_table,
        "cost": partial(tables.cost_table, price=price),
    }
    if at is None or not any(record.methods for record in results.at(at).values()):
        found |= dict.fromkeys(staged)
    else:
        found |= {name: make(results, at) for name, make in staged.items()}
    return found | {"others": tables.other_table(results, staged=found["cost"] is not None)}


def _not_found(results, broken, home):
    begun, not_begun = missing_runs(results, home, broken)
    return {"failed": failed_runs(results, home), "begun": begun, "not_begun": not_begun}


def _rests_on(results, home):
    return {"finished": finished_runs(results, home, _notebook_pages(results, home)), "provenance": provenance(results)}


def _bytes_per_code(results):
    """Setting -> bytes of one stored code, eight bits in each."""
    bits = {setting: next(iter(results.at(setting).values())).parameters.get("n_bits") for setting in tables.with_records(results)}
    return {setting: f"{n_bits / 8:g}" for setting, n_bits in bits.items() if isinstance(n_bits, int) and n_bits > 0}


def _examples(results, at, home, pictures):
    """What the first seed's run at one setting found, drawn and in words, and links to the pictures of its other seeds; None without any."""
    of_setting = [run for run in results.runs if run.name in results.done and results.setting_of(run) == at]
    runs = {run.parameters["seed"]: run for run in reversed(of_setting)}  # of several with one seed the first, whose findings stand for all
    found = {seed: found_by_queries(record.findings) for seed, record in results.at(at).items()}
    seeds = [seed for seed, record in sorted(results.at(at).items()) if record.figures or found[seed]]
    if not seeds:
        return None
    first, others = seeds[0], []
    entries = own_figures(results.at(at)[first], runs[first].folder, pictures)
    for seed in seeds[1:]:
        for figure in results.at(at)[seed].figures:
            file = runs[seed].folder / str(figure.get("file", ""))
            if file.resolve().is_relative_to(runs[seed].folder.resolve()) and file.is_file():
                others.append((seed, in_words(file.stem), link_to(file, home)))
    return {"seed": first, "figures": entries, "found": found[first], "others": others}


def _budgets(results, pictures):
    """For each setting with label budgets: a table, a figure and its sentence."""
    found = []
    for setting in tables.with_records(results):
        merged = budgets.merged(results, setting)
        if merged is not None:
            figure = _budget_figure(merged, pictures)
            found.append({"setting": setting, "n_seeds": len(merged["seeds"]), "table": tables.budget_table(merged), "figure": figure})
    return found


def _budget_figure(found, pictures):
    try:
        figure, sentence = plotting.plot_label_budget(found), plotting.describe_label_budget(found)
    except DataError as error:  # a score that is not defined has no interval
        return {"address": None, "missing": f"No picture: {error}.", "caption": ""}
    return pictures.entry(plotting.png(figure), "Label budget", alt=sentence, caption=sentence)


def _notebook_pages(results, home):
    """Name of a finished run -> the link to its notebook's page without code, or None."""
    pages = {}
    for run in results.runs:
        if run.name in results.done:
            title = f"{results.title}: {results.name_of(run)}"
            pages[run.name] = link_to_page(run.folder / run.notebook.name, home, run.name, title=title)
    return pages
