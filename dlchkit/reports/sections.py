"""What a page tells of one sweep, part by part: built once, for HTML and Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dlchkit.metrics.words import joined
from dlchkit.plotting.sentences import describe_waiting
from dlchkit.plotting.verdict import JOINT, Answer, answer
from dlchkit.reports import budget_tables, drawings, result_tables
from dlchkit.reports.provenance import Unfinished, provenance, recorded_of_data, unfinished_runs
from dlchkit.reports.read_runs import SweepResults

MEANING = """
mAP is the mean average precision when the whole database is ranked by Hamming distance: a tie-aware mean over all
orders inside ties. An item is relevant if it shares a label with the query. After stage i the database holds everything
seen so far; a mean mAP is over the queries of all stages seen so far.

Forgetting from joint is how far a method ends below joint retraining on the queries of earlier stages; from best and
from first it also counts that a larger database is harder for everybody. Time reduction is one minus the training time
of the stages after the first over that of joint retraining at the same stages of the same run.

± is half the width of the 95% interval of the mean over seeds (Student's t), brackets are its bounds; differences are
taken seed by seed. Seeds change class order, weights and batches, not the queries. One seed has no interval. A dash
means that a measure is not defined or was not recorded.

★ or bold letters mark the best mean of a column: equal to three digits is equally good. ▲ and ▼ mark differences
whose interval lies wholly above or below zero; each column is read alone, with no correction for how many there are.
""".strip().split("\n\n")
_KINDS = {
    "learned": "learned from the items' labels, so every item of the database must be labelled; "
    "this flatters the scores",
    "encoded": "computed by the encoders when an item arrived and kept since, with no knowledge of its labels",
    "reencoded": "computed by today's encoders, so that every old item is touched again",
}


@dataclass(frozen=True)
class Part:
    """A heading, words under it, and a table or a drawing.

    Attributes
    ----------
    kind : str
        How it is shown: "table", "R", "curves" or "drops".
    content : object
        A `dlchkit.reports.cells.Table`, or a result of `dlchkit.reports.result_tables.R_tables` or
        `dlchkit.reports.drawings`.
    folded : bool
        Whether a reader opens it first.
    low_first : bool
        Whether a press on a column's head sorts the least number to the top.
    """

    heading: str
    note: str
    content: Any
    kind: str = "table"
    folded: bool = False
    low_first: bool = False


@dataclass(frozen=True)
class Section:
    """All of one sweep that a page shows, whatever it is written in."""

    results: SweepResults
    answer: Answer | None
    warnings: list[str]
    database_codes: str
    parts: list[Part]
    unfinished: list[Unfinished]
    provenance: dict[str, str]


def section_of(
    results: SweepResults, broken: dict[str, str], *, baseline: str = JOINT, price: float | None = None
) -> Section:
    """Build the section of one sweep.

    Parameters
    ----------
    results, broken
        From `dlchkit.reports.read_runs.usable`.
    baseline : str
        The method that the others are compared with seed by seed.
    price : float or None
        EUR per hour of the machine; None shows no money.
    """
    at = results.reference
    found = answer(results.at(at), at.where) if at is not None else None
    content = [part for part in _parts(results, baseline, price) if part.content]
    return Section(
        results,
        found,
        recorded_of_data(results, "warnings"),
        _database_codes(results),
        content,
        unfinished_runs(results, broken),
        provenance(results),
    )


def _database_codes(results):
    kinds = result_tables.kinds_of_database_codes(results)
    if not kinds:
        return ""
    words = "; ".join(f"{_KINDS.get(kind, kind)} ({', '.join(names)})" for kind, names in kinds.items())
    warning = " Scores of methods whose database codes differ in kind do not compare fairly." if len(kinds) > 1 else ""
    return f"Database codes: {words}.{warning}"


def _parts(results: SweepResults, baseline: str, price: float | None) -> Iterator[Part]:
    scores = result_tables.score_table(results)
    n = results.usual_seeds
    yield Part(f"mAP, {n} seed{'s' * (n != 1)}", "One seed has no interval." if n == 1 else "", scores)
    if baseline in results.methods:
        note = f"mAP of each method minus that of {baseline}, seed by seed: mean [95% interval] × ratio of the means."
        yield Part(f"Difference to {baseline}", note, result_tables.difference_table(results, baseline))
    at = results.reference
    staged = at is not None and any(record.methods for record in results.at(at).values())
    if staged:
        yield from _parts_of_stages(results, at, price)
    heading = "Other measures" if scores else "Measures"
    yield Part(heading, "As the runs named them.", result_tables.other_table(results, staged=staged), folded=staged)
    for setting in results.with_records:
        words = f", {setting}" if len(results.with_records) > 1 else ""
        yield from _parts_of_budgets(results.at(setting), words)


def _parts_of_stages(results, at, price):
    note = "mAP on the queries of each stage (across) after each stage (down), mean over seeds."
    yield Part(f"R, {at}", note, result_tables.R_tables(results, at), kind="R")
    note = (
        "Mean mAP over the queries of all stages so far. Thick line and dots: mean; band: 95% interval; "
        "thin lines: each seed; dashed: joint retraining."
    )
    yield Part(f"Scores over the stages, {at}", note, drawings.curves(results, at), kind="curves")
    note = (
        "How far the scores on earlier stages' queries end below joint retraining's first ones. Plain: the database "
        "grew, which costs joint retraining as much. Hatched: forgot, that is what lies below joint retraining at the "
        "end. Dotted, leftwards: ends above joint retraining. The whisker is the 95% interval of what was forgotten."
    )
    yield Part(f"Why old scores fell, {at}", note, drawings.drops(results, at), kind="drops")
    yield Part(
        f"Forgetting and transfer, {at}",
        "Forgetting: lower is better; backward and forward transfer: higher.",
        result_tables.forgetting_table(results, at),
        folded=True,
        low_first=True,
    )
    note = (
        "mAP where the database's codes are learned, that is as the method stores them (from the items' labels, but "
        "for frozen, itq and lsh, which use none), encoded by the encoders when an item arrived and kept since, or "
        "reencoded by today's encoders."
    )
    yield Part(f"Kinds of database codes, {at}", note, result_tables.kinds_table(results, at), folded=True)
    cost = result_tables.cost_table(results, at, price=price)
    yield Part(f"Cost, {at}", _note_of_costs(results, at, price), cost, low_first=True)


def _note_of_costs(results, at, price):
    methods = [method for record in results.at(at).values() for method in record.methods.values()]
    clocks = joined(sorted({method.clock for method in methods}))
    training = (
        f"Training seconds by the {clocks} clock, evaluation excluded; the increments are all stages after the first. "
        "Reductions are against joint retraining at the same stages of the same run. Methods without increments were "
        "trained once on everything."
    )
    words = [training, *describe_waiting(methods)]
    if "processor" in clocks:
        words.append("Processor seconds are those of one thread, whatever the machine has.")
    if results.have("item_passes"):
        words.append("Passes over items: all items that went through training, each counted once for every pass.")
    if results.have("kept_bytes"):
        words.append(
            "Kept is all that a method holds after the last stage to learn the next: weights, sums, old items, but not "
            "the codes of the database."
        )
    sizes = [f"{setting.n_bits / 8:g} ({setting})" for setting in results.with_records if setting.n_bits]
    if sizes:
        words.append(f"Bytes of one stored code: {', '.join(sizes)}.")
    if price is not None:
        words.append(f"Money at {price} EUR per hour, as stated with --price, for training the increments once.")
    return " ".join(words)


def _parts_of_budgets(records, at):
    found = budget_tables.merged(records)
    if found is not None:
        n = len(found["seeds"])
        note = (
            "mAP of the class posteriors compared by cosine, by the number of labelled pairs per class. References see "
            "the database's pairs without any label. More labels bring less than .02, in the mean of both directions, "
            f"from here on: {budget_tables.enough_labels(found)}."
        )
        table = budget_tables.budget_table(found)
        yield Part(f"Labelled pairs per class{at}, {n} seed{'s' * (n != 1)}", note, table)
        note = "mAP minus that of no transfer, in the mean of both directions, seed by seed: mean [95% interval]."
        yield Part(f"Gain over no transfer{at}", note, budget_tables.gain_table(found))
    note = (
        "Each part alone, and all without it; the difference is of the mean of both directions, seed by seed: "
        "mean [95% interval]."
    )
    yield Part(f"Parts off and on{at}", note, budget_tables.ablation_table(records))
