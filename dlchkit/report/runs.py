"""The page of single runs: what each found, and what it rests on."""

import math
from collections import Counter
from pathlib import Path

import numpy as np

from dlchkit import plotting
from dlchkit.errors import DataError
from dlchkit.metrics import (
    final_performance,
    forgetting_from_best,
    forgetting_from_first,
    forgetting_from_joint,
    time_reduction,
)
from dlchkit.plotting.embedded_pictures import EmbeddedPictures
from dlchkit.plotting.sentences import joined
from dlchkit.plotting.style import in_words
from dlchkit.records import DIRECTIONS, FILE_NAME, RunRecord
from dlchkit.report.found import FINDING, found_by_queries
from dlchkit.report.notebooks import link_to_page
from dlchkit.report.template import render
from dlchkit.results import budgets
from dlchkit.results.collect import is_number
from dlchkit.storage import atomic_path, is_plain_name

TITLES = {
    "00_tour": "The tour",
    "01_pretrain": "From ImageNet features to bits",
    "02_transfer": "Transfer from labelled images",
    "03_increments": "Classes arriving in stages",
    "04_forgetting": "Who forgot, and why",
    "06_exact": "Learning for ever, exactly",
    "07_decisions": "Keep, recode or retrain",
    "08_search": "From typed words to pictures",
    "09_released_demo": "What the released demo computes",
}
DATABASE_CODES = {
    "learned": "learned from the items' labels, so every item of the database must be labelled; this flatters the scores",
    "encoded": "computed by the encoders when an item arrived and kept since, with no knowledge of its labels",
    "reencoded": "computed anew by today's encoders, so that every old item is touched again",
}
_DRAWN = {  # finding -> its title, what is made of it, its picture and its sentence
    "label_budget": ("Labelled pairs per class", lambda found: budgets.merge([found]), plotting.plot_label_budget, plotting.describe_label_budget),
    "source_bias": ("Who gains from the source", dict, plotting.plot_source_bias, plotting.describe_source_bias),
}
_PROVENANCE = ("data", "n_pairs", "n_classes", "classes_per_stage", "database_codes", "split_digest")


def write_report(run_folders: list[Path], path: str | Path, *, notebooks: bool = False) -> Path:
    """Write a page that opens offline from the records in ``run_folders``.

    Parameters
    ----------
    run_folders : folders with a result.json each; one that is missing or broken is listed
        on the page with the reason, and the rest goes on
    path : the HTML file, written whole or not at all
    notebooks : beside it, make each run's notebook a page without code, and link it

    Returns
    -------
    path
    """
    records, sections, failures = read_runs(run_folders, EmbeddedPictures(), Path(path).parent if notebooks else None)
    page = render("runs.html", **_answer(records), sections=sections, environments=_environments(sections), failures=failures)
    with atomic_path(Path(path)) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(path)


def read_runs(run_folders: list[Path], pictures: EmbeddedPictures, home: Path | None = None) -> tuple[list[RunRecord], list[dict], list[dict]]:
    """Records that hold together, a section of each for the template, and {"name", "reason"} of those that do not.

    With ``home``, the folder of a report, notebooks become pages there.
    """
    runs, failures = [], []
    for folder in map(Path, run_folders):
        try:
            record = RunRecord.load(folder)
            check(record)
            runs.append((record, _section(record, folder, pictures)))
        except (DataError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            failures.append({"name": folder.resolve().name, "reason": _without_place(error, folder)})
    runs.sort(key=lambda run: not _is_main(run[0]))  # what the headline rests on comes first
    sections = [section | {"number": number} for number, (_, section) in enumerate(runs, 1)]
    _tell_apart(sections)
    for section in sections:
        if home is not None and is_plain_name(section["notebook"]):
            notebook = section["home"] / f"{section['notebook']}.ipynb"
            section["page"] = link_to_page(notebook, home, section["folder"], title=section["title"])
    return [record for record, _ in runs], sections, failures


def check(record: RunRecord) -> None:
    """Refuse a record that is not complete, or whose parts do not fit together."""
    if record.status != "complete":
        raise DataError(f"its status is {record.status!r}, not complete")
    for name in ("parameters", "metrics", "findings", "environment"):
        if not isinstance(getattr(record, name), dict):
            raise DataError(f"its {name} are no mapping from names to values")
    lengths = {len(rows) for method in record.methods.values() for rows in (*method.R.values(), method.seconds)}
    if len(lengths) > 1:
        raise DataError(f"its methods have {joined(sorted(map(str, lengths)))} stages; one record holds methods of one stream")


# --- the answer at the top ---


def _answer(records: list[RunRecord]) -> dict:
    """The headline, and one sentence or two for each run that compares methods."""
    compared = list(filter(_is_main, records)) or [record for record in records if record.methods]
    verdicts = [plotting.describe_verdict(record.methods, data=record.findings.get("data", "this data")) for record in compared]
    verdicts = [verdict for verdict in verdicts if verdict]
    if verdicts:
        return {"headline": verdicts[0][0], "lead": [sentences for _, sentences in verdicts]}
    lead = ["No record holds both joint retraining and a lifelong method, so the page cannot say how good lifelong hashing is here."]
    return {"headline": "Lifelong cross-modal hashing", "lead": lead}


def _is_main(record: RunRecord) -> bool:
    return record.notebook.startswith("03") and bool(record.methods)


# --- a section for each record ---


def _section(record: RunRecord, folder: Path, pictures: EmbeddedPictures) -> dict:
    methods = record.methods
    others = {name: row if isinstance(row, dict) else {"value": row} for name, row in record.metrics.items() if name not in methods}
    data = record.findings.get("data")
    drawn = _finding_figures(record.findings, pictures)
    return {
        "title": TITLES.get(record.notebook, record.notebook) + (f", {data}" if data else ""),
        "home": folder,
        "folder": folder.resolve().name,
        "page": None,
        "methods": _method_rows(methods),
        "memory": any(method.kept_bytes for method in methods.values()),
        "database_codes": _database_codes(methods),
        "metrics": _table(others),
        "provenance": _provenance(record),
        "notebook": record.notebook,
        "environment": _environment(record),
        "findings": {in_words(name): value for name, value in record.findings.items() if name not in (*_PROVENANCE, FINDING, *drawn)},
        "figures": _stream_figures(methods, pictures) + _score_figures(others, pictures) + list(drawn.values()),
        "own_figures": own_figures(record, folder, pictures),
        "found": found_by_queries(record.findings),
    }


def _tell_apart(sections: list[dict]) -> None:
    """Add the folder to titles that stand more than once."""
    count = Counter(section["title"] for section in sections)
    for section in sections:
        if count[section["title"]] > 1:
            section["title"] += f" ({section['folder']})"


def _method_rows(methods: dict) -> list[dict]:
    """One entry for each method, with its measures by direction and a mark on the best."""
    rows = [_measures(name, methods) for name in methods]
    for measure, best in [("seconds", min), ("percent_saved", max), ("mebibytes", min)]:
        _mark_best(rows, measure, best)
    for direction in DIRECTIONS:
        lines = [row["directions"][direction] for row in rows]
        for measure, best in [("map", max), ("from_best", min), ("from_first", min), ("from_joint", min)]:
            _mark_best(lines, measure, best)
    return rows


def _measures(name: str, methods: dict) -> dict:
    method, joint = methods[name], methods.get("joint")
    several = len(method.seconds) > 1 and not method.learned_at_once
    against = several and joint is not None and name != "joint"
    directions = {}
    for direction in DIRECTIONS:
        R = method.R[direction]
        directions[direction] = {
            "map": final_performance(R),
            "from_best": forgetting_from_best(R) if several else None,
            "from_first": forgetting_from_first(R) if several else None,
            "from_joint": forgetting_from_joint(R, joint.R[direction]) if against else None,
            "best": set(),
        }
    return {
        "name": name,
        "directions": directions,
        "seconds": float(np.nansum(method.seconds)),
        "percent_saved": 100 * time_reduction(method.seconds, joint.seconds) if against else None,
        "mebibytes": method.kept_bytes[-1] / 2**20 if method.kept_bytes else None,
        "kept": "–" if method.learned_at_once else "yes" if all(method.old_codes_unchanged) else "no",
        "best": set(),
    }


def _mark_best(rows: list[dict], measure: str, best) -> None:
    defined = [row for row in rows if is_number(row[measure])]
    if len(defined) > 1:
        winner = best(round(row[measure], 3) for row in defined)
        for row in defined:
            if round(row[measure], 3) == winner:
                row["best"].add(measure)


def _database_codes(methods: dict) -> dict[str, str]:
    """Kind of database codes in words -> the methods that use it."""
    kinds = {}
    for name, method in methods.items():
        kinds.setdefault(DATABASE_CODES.get(method.database_codes, method.database_codes), []).append(name)
    return {kind: joined(names) for kind, names in kinds.items()}


def _table(metrics: dict) -> dict | None:
    """Columns in order of appearance, a row of values for each name, and the columns it is best in."""
    columns = list(dict.fromkeys(measure for row in metrics.values() for measure in row))
    if not columns:
        return None
    rows = {name: {column: row.get(column) for column in columns} | {"best": set()} for name, row in metrics.items()}
    for column in columns:
        if column.startswith("map"):
            _mark_best(list(rows.values()), column, max)
    return {
        "columns": [in_words(column) for column in columns],
        "rows": {name: [row[column] for column in columns] for name, row in rows.items()},
        "best": {name: {columns.index(column) for column in row["best"]} for name, row in rows.items()},
    }


def _stream_figures(methods: dict, pictures: EmbeddedPictures) -> list[dict]:
    if not methods:
        return []
    drawn = [(f"R, {in_words(d)}", plotting.plot_R(methods, d), plotting.describe_R(methods, d)) for d in DIRECTIONS]
    if all(len(method.seconds) > 1 for method in methods.values()):
        drawn += [
            ("Scores over the stages", plotting.plot_stages(methods), plotting.describe_stages(methods)),
            ("Why old scores fell", plotting.plot_forgetting(methods), plotting.describe_forgetting(methods)),
        ]
    drawn.append(("What training cost", plotting.plot_seconds(methods), plotting.describe_seconds(methods)))
    return [pictures.entry(plotting.png(figure), title, alt=f"{title}. {sentence}", caption=sentence) for title, figure, sentence in drawn]


def _score_figures(metrics: dict, pictures: EmbeddedPictures) -> list[dict]:
    scores = {name: {d: row.get(f"map_{d}") for d in DIRECTIONS} for name, row in metrics.items()}
    scores = {name: {d: v if is_number(v) else math.nan for d, v in row.items()} for name, row in scores.items()}
    scores = {name: row for name, row in scores.items() if any(map(is_number, row.values()))}
    if not scores:
        return []
    figure, sentence = plotting.plot_scores(scores, title="mAP by direction"), plotting.describe_scores(scores)
    return [pictures.entry(plotting.png(figure), "Scores", alt=f"Bars of mAP. {sentence}", caption=sentence)]


def _finding_figures(findings: dict, pictures: EmbeddedPictures) -> dict[str, dict]:
    """Findings that have a picture, where they hold what it needs; others are shown as they are."""
    entries = {}
    for name, (title, read, plot, describe) in _DRAWN.items():
        try:
            found = read(findings[name])
            figure, sentence = plotting.png(plot(found)), describe(found)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            continue
        entries[name] = pictures.entry(figure, title, alt=f"{title}. {sentence}", caption=sentence)
    return entries


def own_figures(record: RunRecord, folder: Path, pictures: EmbeddedPictures) -> list[dict]:
    """The record's pictures that lie in its folder; a path that leaves it is not followed."""
    entries = []
    for figure in record.figures:
        name, caption = str(figure.get("file", "")), str(figure.get("caption") or "")
        file = (folder / name).resolve()
        inside = file.is_relative_to(folder.resolve()) and file.is_file()
        raw = file.read_bytes() if inside else b""
        entries.append(pictures.entry(raw, "", alt=str(figure.get("alt") or caption or Path(name).stem), caption=caption))
    return entries


# --- values in words ---


def _provenance(record: RunRecord) -> dict:
    found = {name: record.findings[name] for name in _PROVENANCE if name in record.findings}
    memory = {"peak_memory": f"{record.peak_memory_bytes / 2**20:,.0f} MiB"} if is_number(record.peak_memory_bytes) else {}
    return found | record.parameters | {"seed": record.seed} | memory


def _environment(record: RunRecord) -> dict:
    setting = {name: value for name, value in record.environment.items() if name != "versions"}
    versions = record.environment.get("versions") or {}
    return setting | {name: version or "not installed" for name, version in versions.items()}


def _environments(sections: list[dict]) -> list[tuple[str, dict]]:
    """Each distinct environment once, with the notebooks that ran in it."""
    distinct = {}
    for section in sections:
        distinct.setdefault(repr(section["environment"]), (section["environment"], []))[1].append(section["notebook"])
    return [(joined(list(dict.fromkeys(notebooks))), environment) for environment, notebooks in distinct.values()]


def _without_place(error: Exception, folder: Path) -> str:
    """The reason without the machine's own paths."""
    reason = f"{error}" if isinstance(error, DataError) else f"the record does not hold together ({type(error).__name__}: {error})"
    return reason.replace(str(folder / FILE_NAME), f"{folder.resolve().name}/{FILE_NAME}")
