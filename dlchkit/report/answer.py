"""The answer of a sweep in words: which method, how near to joint retraining, for how much training time."""

from dataclasses import dataclass

import numpy as np

from dlchkit.metrics import Interval
from dlchkit.plotting.sentences import joined
from dlchkit.records import DIRECTIONS
from dlchkit.results.cells import number, over_seeds
from dlchkit.results.collect import ALL_RUNS, SweepResults
from dlchkit.results.increments import cost_of, in_words, kinds_of_database_codes, learns_stage_by_stage
from dlchkit.results.scores import paired

JOINT = "joint"


@dataclass(frozen=True)
class Answer:
    """The best method that learns stage by stage, beside joint retraining, at one setting.

    Attributes
    ----------
    setting : where it is compared, such as "64 bits"
    method : the highest mean mAP of both directions, joint retraining left out
    gap : mAP of joint retraining minus that of the method, mean of both directions, over seeds
    percent_saved : of joint retraining's training seconds after the first stage; None if not recorded
    kept : whether stored codes stayed bitwise the same: "yes", "no", or in how many runs
    sentences : all of it, to be read
    """

    setting: str
    method: str
    gap: Interval
    percent_saved: Interval | None
    kept: str
    sentences: str

    @property
    def where(self) -> str:
        """Where it is compared, to go on from."""
        return _where(self.setting)

    @property
    def short(self) -> str:
        """One line of a list that a title opens."""
        return f"{self.method} {_standing(self.gap)}{_saving(self.percent_saved)}; stored codes {_KEPT.get(self.kept, f'unchanged {self.kept}')}"


_KEPT = {"yes": "unchanged", "no": "changed", "–": "not compared"}


def answer(results: SweepResults) -> Answer | None:
    """What a sweep says of lifelong hashing; None without a run that holds joint retraining and a method to judge by it."""
    at = results.reference
    if at is None:
        return None
    joint = both_directions(results, JOINT, at)
    gaps = {}
    for name in _stage_by_stage(results, at):
        ours = both_directions(results, name, at)
        seeds = [seed for seed in ours if seed in joint]
        if seeds:
            gaps[name] = paired([joint[seed] for seed in seeds], [ours[seed] for seed in seeds])
    if not gaps:
        return None
    best = min(gaps, key=lambda name: gaps[name].mean)
    cost = cost_of(results, best, at)
    saved, kept = over_seeds(cost.percent_saved), cost.kept
    return Answer(at, best, gaps[best], saved, kept, _sentences(results, at, best, gaps, saved, kept))


def both_directions(results: SweepResults, method: str, setting: str, *, kind: str = "") -> dict[int, float]:
    """seed -> mAP, mean of both directions; seeds that lack one are left out.

    Parameters
    ----------
    kind : "encoded_" for database codes of that kind, "" for the method's own
    """
    scores = [results.values(method, f"map_{kind}{direction}", setting) for direction in DIRECTIONS]
    return {seed: float(np.mean([of[seed] for of in scores])) for seed in scores[0] if seed in scores[1]}


def _where(setting):
    return f"over {setting}" if setting == ALL_RUNS else f"at {setting}"


def _stage_by_stage(results, at):
    """Methods other than joint retraining that were there at each of several stages, in recorded order."""
    methods = {}
    for record in results.at(at).values():
        for name, method in record.methods.items():
            methods.setdefault(name, []).append(learns_stage_by_stage(method))
    return [name for name, learned in methods.items() if name != JOINT and all(learned)]


def _sentences(results, at, best, gaps, saved, kept):
    scores = {name: [over_seeds(results.values(name, f"map_{d}", at).values()) for d in DIRECTIONS] for name in (best, JOINT)}
    ours, theirs = (joined([f"{number(one.mean)} for {in_words(d)}" for one, d in zip(scores[name], DIRECTIONS)]) for name in (best, JOINT))
    among = f", the best of {len(gaps)} methods that learn stage by stage," if len(gaps) > 1 else ""
    where = _where(at)
    seeds = "one seed, so no interval: a few hundredths can be chance" if gaps[best].n == 1 else f"95% interval over {gaps[best].n} seeds"
    codes = {
        "yes": "Codes stored once stay bitwise the same",
        "no": "Codes stored before change",
        "–": "Whether stored codes change was not recorded",
    }
    return (
        f"{where[0].upper()}{where[1:]}, {best}{among} ends at a mean mAP of {ours}; joint retraining at {theirs}. In the mean of both directions, "
        f"{best} {_standing(gaps[best])} ({seeds}){_saving(saved)} after the first stage. "
        f"{codes.get(kept, f'Codes stored once stay bitwise the same {kept}')}.{_without_labels(results, at, best)}"
    )


def _without_labels(results, at, best):
    """What is left where the database's codes know nothing of its labels: `learned` codes flatter."""
    if best not in kinds_of_database_codes(results).get("learned", []):
        return ""
    ours, theirs = (both_directions(results, name, at, kind="encoded_") for name in (best, JOINT))
    seeds = [seed for seed in ours if seed in theirs]
    if not seeds:
        return " Its database codes are learned from the items' labels, which flatters the scores."
    gap = paired([theirs[seed] for seed in seeds], [ours[seed] for seed in seeds])
    return f" These database codes are learned from the items' labels; where the encoders compute them, without labels, {best} {_standing(gap)}."


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


def headline(answers: list[Answer]) -> str:
    """The page's title: one sweep's answer, or between what bounds the best methods of all sweeps end."""
    if not answers:
        return "Sweeps of lifelong cross-modal hashing"
    gaps = [one.gap.mean for one in answers]
    if len(answers) == 1:
        return f"{answers[0].method} ends {_below(gaps[0])} joint retraining{_saving_roughly(answers)}"
    methods = {one.method for one in answers}
    who = f"In {len(answers)} sweeps {answers[0].method} ends" if len(methods) == 1 else f"The best methods of {len(answers)} sweeps end"
    low, high = min(gaps), max(gaps)
    if _side(low) == _side(high):
        how_far = f"{_range(*sorted([number(abs(low)), number(abs(high))]), ' mAP')} {_side(low)}"
    else:
        how_far = f"from {_below(high)} to {number(abs(low))} above"
    return f"{who} {how_far} joint retraining{_saving_roughly(answers)}"


def _range(low, high, unit):
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit}"


def _saving_roughly(answers):
    saved = sorted(round(one.percent_saved.mean) for one in answers if one.percent_saved is not None)
    if len(saved) < len(answers) or saved[0] < 0:
        return ""
    return f", for {_range(saved[0], saved[-1], '%')} less training time"
