"""The answer in words: which method is best, how near to joint retraining, for how much training time.

Pages and notebooks take it from here, so that one record gives one answer.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dlchkit.data import DIRECTIONS
from dlchkit.metrics import Interval
from dlchkit.metrics.over_seeds import is_number, over_seeds, paired_over_seeds, recorded
from dlchkit.metrics.summary import summarise
from dlchkit.metrics.words import joined
from dlchkit.plotting.sentences import describe_waiting
from dlchkit.plotting.style import in_words
from dlchkit.records import MethodRecord, RunRecord

JOINT = "joint"
NOTHING = "–"
_KEPT = {"yes": "unchanged", "no": "changed", NOTHING: "not compared"}
_KEPT_SENTENCES = {
    "yes": "Codes stored once stay bitwise the same",
    "no": "Codes stored before change",
    NOTHING: "Whether stored codes change was not recorded",
}


@dataclass(frozen=True)
class Answer:
    """The best method that learns stage by stage, beside joint retraining, at one setting.

    Attributes
    ----------
    where : str
        Where the methods are compared, such as "at 64 bits".
    method : str
        The method with the highest mean mAP of both directions, joint retraining left out.
    gap : Interval
        mAP of joint retraining minus that of the method, mean of both directions, over seeds.
    percent_saved : Interval or None
        Part of joint retraining's training seconds after the first stage; None if not recorded.
    kept : str
        Whether stored codes stayed bitwise the same: "yes", "no", or in how many runs.
    sentences : str
        The whole answer, to be read.
    """

    where: str
    method: str
    gap: Interval
    percent_saved: Interval | None
    kept: str
    sentences: str

    @property
    def short(self) -> str:
        """One line of a list that a title opens."""
        codes = _KEPT.get(self.kept, f"unchanged {self.kept}")
        return f"{self.method} {_standing(self.gap)}{_saving(self.percent_saved)}; stored codes {codes}"


class Cost(NamedTuple):
    """What a method's training took, one value per seed, and whether old codes stayed.

    Attributes
    ----------
    training : list of float
        Seconds of all stages, by the clock of the records.
    increments : list of float
        Seconds of the stages after the first.
    percent_saved : list of float
        Part of joint retraining's seconds at the same stages.
    kept : str
        "yes", "no", or in how many runs.
    wall : list of float
        Wall seconds of all stages.
    passes : list of float
        Items that went through training in all stages, counted once for each pass.
    percent_passes_saved : list of float
        Part of joint retraining's passes at the same stages.
    """

    training: list[float]
    increments: list[float]
    percent_saved: list[float]
    kept: str
    wall: list[float]
    passes: list[float]
    percent_passes_saved: list[float]


def answer(records: dict[int, RunRecord], where: str) -> Answer | None:
    """Find the best method at one setting; None without joint retraining and a method to judge by it.

    Parameters
    ----------
    records : dict
        Seed -> record, all at one setting.
    where : str
        Where that is, to begin a sentence with, such as "at 64 bits".
    """
    joint = both_directions(records, JOINT)
    ours = {name: both_directions(records, name) for name in _stage_by_stage(records)}
    gaps = {name: paired_over_seeds(joint, scores) for name, scores in ours.items()}
    gaps = {name: gap for name, gap in gaps.items() if gap is not None}
    if not gaps:
        return None
    best = min(gaps, key=lambda name: gaps[name].mean)
    cost = cost_of(records, best)
    saved = over_seeds(cost.percent_saved)
    sentences = _sentences(records, where, best, gaps, saved, cost.kept)
    measured = [record.methods[name] for record in records.values() for name in (best, JOINT) if name in record.methods]
    sentences = " ".join([sentences, *describe_waiting(measured)])
    return Answer(where, best, gaps[best], saved, cost.kept, sentences)


def describe_verdict(methods: dict[str, MethodRecord], *, data: str) -> tuple[str, str] | None:
    """Say which method of one run comes nearest to joint retraining, and what it saves.

    Returns
    -------
    tuple of str or None
        Headline and sentences; None without joint retraining or without a method to judge by it.
    """
    record = RunRecord("", {}, methods=methods, metrics=summarise(methods), environment={})
    found = answer({0: record}, f"on {data}")
    return (headline([found]), found.sentences) if found else None


def headline(answers: list[Answer]) -> str:
    """The title of a page: one answer, or between what bounds the best methods of several sweeps end."""
    if not answers:
        return "Lifelong cross-modal hashing"
    gaps = [one.gap.mean for one in answers]
    if len(answers) == 1:
        return f"{answers[0].method} ends {_below(gaps[0])} joint retraining{_saving_roughly(answers)}"
    methods = {one.method for one in answers}
    who = f"The best methods of {len(answers)} sweeps end"
    if len(methods) == 1:
        who = f"In {len(answers)} sweeps {answers[0].method} ends"
    low, high = min(gaps), max(gaps)
    if _side(low) == _side(high):
        nearest, farthest = sorted([abs(low), abs(high)])
        how_far = f"{_range(number(nearest), number(farthest), ' mAP')} {_side(low)}"
    else:
        how_far = f"from {_below(high)} to {number(abs(low))} above"
    return f"{who} {how_far} joint retraining{_saving_roughly(answers)}"


def both_directions(records: dict[int, RunRecord], method: str, *, kind: str = "") -> dict[int, float]:
    """Seed -> mAP, mean of both directions; seeds that lack one are left out.

    Parameters
    ----------
    kind : str
        "encoded_" for database codes of that kind, "" for the method's own.
    """
    first, second = (recorded(records, method, f"map_{kind}{direction}") for direction in DIRECTIONS)
    return {seed: float(np.mean([first[seed], second[seed]])) for seed in first if seed in second}


def cost_of(records: dict[int, RunRecord], name: str) -> Cost:
    """The cost of a method at one setting; empty lists where no run recorded it."""
    methods = [record.methods[name] for record in records.values() if name in record.methods]
    stepwise = [method for method in methods if learns_stage_by_stage(method)]
    increments = [float(sum(method.seconds[1:])) for method in stepwise if all(map(is_number, method.seconds[1:]))]

    def values(measure):
        return list(recorded(records, name, measure).values())

    return Cost(
        training=values("train_seconds"),
        increments=increments,
        percent_saved=[100 * value for value in values("time_reduction")],
        kept=_kept(stepwise),
        wall=values("train_wall_seconds"),
        passes=values("item_passes"),
        percent_passes_saved=[100 * value for value in values("pass_reduction")],
    )


def learns_stage_by_stage(method: MethodRecord) -> bool:
    """Whether a method was there at each of several stages, not only trained on everything at the last."""
    rows = [np.isfinite(R).any(axis=1) for R in method.R.values()]
    return len(method.seconds) > 1 and all(row.all() for row in rows)


def number(value: float, digits: int = 3) -> str:
    """Format a number without the zero before the point if several digits follow; "–" if it is undefined.

    >>> number(0.8744), number(-0.0121), number(-0.0001), number(1), number(0.5, digits=1), number(float("nan"))
    ('.874', '-.012', '.000', '1.000', '0.5', '–')
    """
    if not np.isfinite(value):
        return NOTHING
    sign = "-" if round(value, digits) < 0 else ""
    text = f"{abs(value):.{digits}f}"
    return sign + (text.removeprefix("0") if digits > 1 else text)


# --- parts of the sentences ---


def _stage_by_stage(records):
    """Methods other than joint retraining that learned at each stage in every run, in recorded order."""
    methods = {}
    for record in records.values():
        for name, method in record.methods.items():
            methods.setdefault(name, []).append(learns_stage_by_stage(method))
    return [name for name, learned in methods.items() if name != JOINT and all(learned)]


def _kept(stepwise):
    answers = [all(method.old_codes_unchanged[1:]) for method in stepwise]
    if not answers:
        return NOTHING
    if len(set(answers)) > 1:
        return f"in {sum(answers)} of {len(answers)} runs"
    return "yes" if answers[0] else "no"


def _sentences(records, where, best, gaps, saved, kept):
    gap = gaps[best]
    among = f", the best of {len(gaps)} methods that learn stage by stage," if len(gaps) > 1 else ""
    seeds = f"95% interval over {gap.n} seeds"
    if gap.n == 1:
        seeds = "one seed, so no interval: a few hundredths can be chance"
    after = f"{_saving(saved)} after the first stage" if saved else ""
    return (
        f"{where[0].upper()}{where[1:]}, {best}{among} ends at a mean mAP of {_finals(records, best)}; "
        f"joint retraining at {_finals(records, JOINT)}. In the mean of both directions, "
        f"{best} {_standing(gap)} ({seeds}){after}. "
        f"{_KEPT_SENTENCES.get(kept, f'Codes stored once stay bitwise the same {kept}')}."
        f"{_without_labels(records, best)}"
    )


def _finals(records, name):
    means = {d: np.mean(list(recorded(records, name, f"map_{d}").values())) for d in DIRECTIONS}
    return joined([f"{number(float(mean))} for {in_words(direction)}" for direction, mean in means.items()])


def _without_labels(records, best):
    """What is left where the database's codes know nothing of its labels: `learned` codes flatter."""
    kinds = {record.methods[best].database_codes for record in records.values() if best in record.methods}
    if "learned" not in kinds:
        return ""
    gap = paired_over_seeds(*(both_directions(records, name, kind="encoded_") for name in (JOINT, best)))
    if gap is None:
        return " Its database codes are learned from the items' labels, which flatters the scores."
    return (
        " These database codes are learned from the items' labels; where the encoders compute them, "
        f"without labels, {best} {_standing(gap)}."
    )


def _standing(gap):
    low, high = (gap.low, gap.high) if gap.mean >= 0 else (-gap.high, -gap.low)
    bounds = f" [{number(low)}, {number(high)}]" if gap.n > 1 else ""
    if gap.n > 1 and low <= 0:
        return f"cannot be told from joint retraining: {_below(gap.mean)} it{bounds}"
    return f"is {_below(gap.mean)} joint retraining{bounds}"


def _below(gap):
    return f"{number(abs(gap))} mAP {_side(gap)}"


def _side(gap):
    return "below" if gap >= 0 else "above"


def _saving(saved):
    if saved is None:
        return ""
    bounds = f" [{saved.low:.0f}%, {saved.high:.0f}%]" if saved.n > 1 and saved.mean >= 0 else ""
    return f", for {abs(saved.mean):.0f}%{bounds} {'less' if saved.mean >= 0 else 'more'} training time"


def _range(low, high, unit):
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit}"


def _saving_roughly(answers):
    saved = sorted(round(one.percent_saved.mean) for one in answers if one.percent_saved is not None)
    if len(saved) < len(answers):
        return ""
    if len(answers) == 1 and saved[0] < 0:
        return f", for {-saved[0]}% more training time"
    return f", for {_range(saved[0], saved[-1], '%')} less training time" if saved[0] >= 0 else ""
