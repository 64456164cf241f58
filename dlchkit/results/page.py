"""The results page: one section for each sweep, written from records alone."""

import re
from pathlib import Path

import jinja2

from dlchkit.results import increments, scores
from dlchkit.results.cells import NOTHING, table
from dlchkit.results.collect import SweepResults
from dlchkit.results.provenance import (
    data_in_words,
    differing,
    digests_of_splits,
    environments,
    open_runs,
    peak_memory_in_words,
    without_place,
)
from dlchkit.storage import atomic_path


def write_page(found: list[SweepResults], path: Path, *, command: str) -> Path:
    """Write the Markdown page of some sweeps, whole or not at all.

    Parameters
    ----------
    found : from `read_results`; runs that are missing or failed are named on the page
    path : the Markdown file
    command : said on the first line, so that nobody edits what the next call overwrites
    """
    sections = [(_SECTIONS.get(results.notebook, _plain_section), results) for results in found]
    text = _render("page.md", command=command, sections=[section(results) for section, results in sections], environments=_environments(found))
    with atomic_path(path) as temporary:
        temporary.write_text(re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n", encoding="utf-8")
    return path


def _render(template, **values):
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["in_words"] = increments.in_words
    return environment.get_template(template).render(**values)


# --- a section is a function of the results of one sweep, chosen by its notebook ---


def _increments_section(results: SweepResults) -> str:
    at = results.reference
    if at is None:  # nothing is complete yet
        return _plain_section(results)
    return _render(
        "increments.md",
        head=_head(results),
        at=at,
        differences=scores.difference_tables(results, "joint") if "joint" in results.methods else {},
        cost=increments.cost_table(results, at),
        kept=scores.methods_with(results, "kept_bytes"),
        forgetting=increments.forgetting_tables(results, at),
        database_codes=increments.database_code_tables(results, at),
        R=increments.R_tables(results, at),
        splits=_splits(results),
    )


def _budget_section(results: SweepResults) -> str:
    from dlchkit.results import budgets  # here, since it waits for torch

    found = {setting: budgets.merged(results, setting) for setting in results.settings}
    parts = {
        setting: {
            "n_seeds": len(one["seeds"]),
            "scores": budgets.budget_tables(one),
            "gains": budgets.gain_table(one),
            "enough": budgets.enough(one),
            "ablation": budgets.ablation_table(results, setting),
        }
        for setting, one in found.items()
        if one is not None
    }
    return _render("budgets.md", head=_head(results), parts=parts, several_settings=len(results.settings) > 1)


def _plain_section(results: SweepResults) -> str:
    return _head(results)


_SECTIONS = {"02_transfer": _budget_section, "03_increments": _increments_section}


# --- what all sections begin with ---


def _head(results: SweepResults) -> str:
    return _render(
        "head.md",
        results=results,
        data=data_in_words(results),
        fixed=", ".join(f"{name}={without_place(value)}" for name, value in results.fixed.items()),
        seeds=sorted({run.parameters["seed"] for run in results.runs}),
        usual=scores.usual_seeds(results),
        peak_memory=peak_memory_in_words(results),
        kinds=increments.kinds_of_database_codes(results),
        maps=scores.map_tables(results),
        open_runs=open_runs(results),
        failures=_failures(results),
    )


def _failures(results):
    """Each failed run with its cell and the kind of its error; the message, which may name places, stays in failed.json."""
    said = []
    for run in results.without_record():
        failure = run.failure()
        if failure is not None:
            kind = re.split(r"[:(]", failure["error"])[0].strip()
            where = f"cell {failure['cell']}, " if failure["cell"] is not None else ""
            said.append(f"{results.name_of(run)}: {where}{kind}")
    return said


def _splits(results):
    digests = digests_of_splits(results)
    return table(["seed", "split digest"], [[str(seed), ", ".join(said)] for seed, said in digests.items()]) if digests else ""


def _environments(found):
    """One column for each distinct environment, one row for each thing recorded; "" without records."""
    columns = environments(found)
    settings = [setting for _, setting in columns]
    names = list(dict.fromkeys(name for setting in settings for name in setting))
    rows = [[name, *(NOTHING if setting.get(name) is None else str(setting[name]) for setting in settings)] for name in names]
    return {"table": table(["runs", *(runs for runs, _ in columns)], rows) if names else "", "differ": differing(settings)}
