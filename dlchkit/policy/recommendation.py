"""Keep, recode, or retrain the encoders: a recommendation with its reasons in plain sentences."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from dlchkit.errors import DataError
from dlchkit.metrics import Interval
from dlchkit.policy.drift import DriftRecord
from dlchkit.policy.health import CodeHealth

KEEP, RECODE, RETRAIN = "keep", "recode", "retrain encoders"
ACTIONS = {
    KEEP: "go on; stored codes stay as they are",
    RECODE: "learn class codes anew, refit the functions from their sums, re-index the bank: seconds, no raw data",
    RETRAIN: "train the feature encoders again on all raw data, then everything after them: hours",
}


@dataclass(frozen=True)
class Thresholds:
    """What evidence has to pass; mAP on a scale from 0 to 1.

    Attributes
    ----------
    quality_drop : retrain only if average precision on new items of known classes fell by more than this
    retrain_gain, recode_gain : and only if the measured gain is larger than this, where it was measured
    crowded : class codes are crowded where the two nearest stand nearer than this share of n_bits / 2,
        the distance of Hadamard rows
    """

    quality_drop: float = 0.02
    retrain_gain: float = 0.02
    recode_gain: float = 0.01
    crowded: float = 0.5

    def in_words(self) -> tuple[str, ...]:
        """One sentence per rule, in the order in which they are asked."""
        retrain = (
            "Retrain encoders if features drifted within known classes and the 95% interval of the change of average precision on their new items "
            f"lies below −{self.quality_drop:.3f}, unless the gain of retraining was measured and its interval does not lie above {self.retrain_gain:.3f}."
        )
        recode = (
            f"Else recode if the 95% interval of its measured gain lies above {self.recode_gain:.3f}; "
            f"where that was not measured, if two classes stand nearer than {self.crowded:.0%} of half the bits."
        )
        return retrain, recode, "Else keep."


@dataclass(frozen=True)
class Recommendation:
    """What `recommend` found.

    Attributes
    ----------
    action : "keep", "recode" or "retrain encoders"; `ACTIONS` says what each means
    reasons : sentences, in the order in which the rules were asked; the last is the conclusion
    rules : the rules in words, with their thresholds
    thresholds : name -> value
    evidence : name -> (mean, low, high, threshold) of each interval given
    """

    action: str
    reasons: tuple
    rules: tuple
    thresholds: dict
    evidence: dict


def recommend(
    *,
    drift: Iterable[DriftRecord],
    health: CodeHealth,
    quality_change: Interval | None = None,
    recode_gain: Interval | None = None,
    retrain_gain: Interval | None = None,
    thresholds: Thresholds = Thresholds(),
) -> Recommendation:
    """Choose between keep, recode and retrain encoders by rules that are asked in order.

    1. *retrain encoders* if features of known classes drifted **and** average precision on
       new items of known classes fell by more than ``quality_drop``, the whole interval of
       its change below that; unless the gain of retraining was measured and its interval
       does not lie above ``retrain_gain``. Drift alone can be harmless, and a drop
       alone can come from codes, labels or chance.
    2. *recode* if the interval of its measured gain lies above ``recode_gain``. Where that
       was not measured: if class codes are crowded. What is measured outranks what is inferred.
    3. *keep* otherwise.

    Parameters
    ----------
    drift : this increment's `DriftRecord` of each modality, see `DriftMonitor`
    health : of the stored codes, see `code_health`
    quality_change : of new items of known classes, see `quality_change`; without it
        retraining is never recommended. Best asked of held-out items after the increment
        was learned: what that mends is no reason to retrain
    recode_gain, retrain_gain : see `paired_gain`, on queries that no training has seen
    thresholds : `Thresholds`

    Returns
    -------
    `Recommendation`; evidence that is missing or undefined is named in its reasons

    Raises
    ------
    DataError
        if ``drift`` is empty
    """
    drift = tuple(drift)
    if not drift:
        raise DataError("no drift record is given; test the increment with a DriftMonitor first and give the records of both modalities")
    changed, change_said = _quality(quality_change, thresholds)
    worth, worth_said = _measured(retrain_gain, thresholds.retrain_gain, "Retraining the encoders")
    recoding, recoding_said = _measured(recode_gain, thresholds.recode_gain, "Recoding")
    crowded, crowded_said = _crowding(health, thresholds)
    retrain = any(record.drifted for record in drift) and changed is True and worth is not False
    action = RETRAIN if retrain else RECODE if recoding or (recoding is None and crowded) else KEEP
    given = {
        "quality change": (quality_change, -thresholds.quality_drop),
        "gain of recoding": (recode_gain, thresholds.recode_gain),
        "gain of retraining": (retrain_gain, thresholds.retrain_gain),
    }
    return Recommendation(
        action=action,
        reasons=(*map(_drift_said, drift), change_said, worth_said, recoding_said, *crowded_said, f"So: {action} ({ACTIONS[action]})."),
        rules=thresholds.in_words(),
        thresholds={**asdict(thresholds), "drift_p_value": drift[0].threshold},
        evidence={name: (i.mean, i.low, i.high, threshold) for name, (i, threshold) in given.items() if _known(i)},
    )


def _known(interval):
    return interval is not None and math.isfinite(interval.low) and math.isfinite(interval.high)


def _drift_said(record):
    if math.isnan(record.p_value):
        return f"Whether {record.modality} features drifted is not known: the increment brings no two items of a class in memory."
    bound = f"p = {record.p_value:.3g}, threshold {record.threshold:.3g}, {record.n_new} new against {record.n_memory} remembered items"
    left = f"; {record.n_untested} new items whose labels have no second item on both sides were not tested" if record.n_untested else ""
    if record.drifted:
        return f"The {record.modality} features of known classes drifted ({bound}){left}; their means moved by {record.shift:.2f} class radii."
    return f"The {record.modality} features of known classes show no drift ({bound}){left}."


def _interval_said(interval):
    return f"{interval.mean:+.3f} (95% interval {interval.low:+.3f} to {interval.high:+.3f}, {interval.n} queries)".replace("-", "−")


def _quality(interval, thresholds):
    if not _known(interval):
        return None, "Whether quality on new items of known classes changed is not known, so retraining is not considered."
    fell = interval.high < -thresholds.quality_drop
    verdict = "a drop beyond" if fell else "not clearly a drop beyond"
    return fell, f"Average precision on new items of known classes changed by {_interval_said(interval)}: {verdict} {thresholds.quality_drop:.3f}."


def _measured(interval, threshold, what):
    if not _known(interval):
        return None, f"What {what[0].lower()}{what[1:]} would bring was not measured."
    above = interval.low > threshold
    return above, f"{what} changes average precision by {_interval_said(interval)}: {'clearly' if above else 'not clearly'} above {threshold:.3f}."


def _crowding(health, thresholds):
    if math.isnan(health.nearest_distance):
        return False, ("One class alone cannot be crowded.",)
    wanted = thresholds.crowded * health.n_bits / 2
    crowded = health.nearest_distance < wanted
    first, second = health.nearest_pair
    said = (
        f"The nearest class codes, {first} and {second}, differ in {health.nearest_distance} of {health.n_bits} bits: "
        f"{'crowded' if crowded else 'not crowded'}, the threshold is {wanted:g}."
    )
    collisions = "1 pair of classes shares one code." if len(health.collisions) == 1 else f"{len(health.collisions)} pairs of classes share one code."
    return crowded, (said, collisions) if health.collisions else (said,)
